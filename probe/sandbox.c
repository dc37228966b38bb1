// SPDX-License-Identifier: Apache-2.0
// Capabilities by libcap-ng, system calls by libseccomp, folders by Landlock (landlock(7)), whose
// system calls have no names in libc. Reading is not restricted: certificates, name service and the
// like lie where their owners want.

#include "probe/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipeline/base/log.h"

// Sanitizers look for leaks by stopping all threads, and start a program to name the lines of their
// reports.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

#define AT(member) offsetof(struct sandbox_settings, member)

const struct setting sandbox_settings[] = {
    {"enabled", SETTING_BOOL, AT(enabled), "true",
     .meaning = "Give up all rights that are not needed once packets are captured"},
    {"writable", SETTING_TEXTS, AT(writable),
     .meaning = "More directories in which may be written, besides those of path.data, the log, "
                "output.file and dumps (where the kernel has Landlock)"},
    SETTING_END};

#undef AT

static const char who[] = "sandbox";

// ── capabilities ──

// The bounding set can only be emptied with a right that a packet socket does not need; without new
// privileges it means nothing.
static bool drop_capabilities(struct error *why)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(why, "cannot give up new privileges: %s", strerror(errno));
    capng_get_caps_process();
    bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    capng_clear(CAPNG_SELECT_ALL);
    if (capng_apply(CAPNG_SELECT_AMBIENT) != 0 ||
        (bounding && capng_apply(CAPNG_SELECT_BOUNDS) != 0) || capng_apply(CAPNG_SELECT_CAPS) != 0)
        return error_set(why, "cannot give up capabilities: %s", strerror(errno));
    return true;
}

// ── system calls ──

static const int calls[] = {
#define SYSCALL(name) SCMP_SYS(name),
#include "probe/sandbox.def"
#undef SYSCALL
#if SANITIZED
    // what sanitizers look for leaks and write their reports with
    SCMP_SYS(ptrace),    SCMP_SYS(process_vm_readv), SCMP_SYS(personality),
    SCMP_SYS(setrlimit), SCMP_SYS(execve),           SCMP_SYS(vfork),
    SCMP_SYS(fork),
#endif
};

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static bool allow(scmp_filter_ctx list)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i] >= 0 && seccomp_rule_add(list, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct scmp_arg_cmp family = {
            .arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)families[i], .datum_b = 0};
        if (seccomp_rule_add_array(list, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &family) != 0)
            return false;
    }
    return true;
}

static void restrict_calls(void)
{
    scmp_filter_ctx list = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int failed = !list || !allow(list) ? ENOMEM : -seccomp_load(list);
    if (failed)
        log_say(LOG_WARNING, who, "system calls are not restricted: %s", strerror(failed));
    if (list)
        seccomp_release(list);
}

// ── folders ──

static const uint64_t changing = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_SYM;
static const uint64_t never =
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO;

enum { TRUNCATE = 1 << 14 }; // of the third version; headers may be older

static uint64_t of_version(long version)
{
    return changing | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0) | (version >= 3 ? TRUNCATE : 0);
}

// A folder that is not there yet may be made in the nearest one that is.
static int open_nearest(const char *path)
{
    char at[PATH_MAX];
    snprintf(at, sizeof at, "%s", *path ? path : ".");
    for (;;) {
        int fd = open(at, O_PATH | O_CLOEXEC);
        char *slash = strrchr(at, '/');
        if (fd >= 0 || errno != ENOENT || strcmp(at, ".") == 0)
            return fd;
        if (!slash)
            strcpy(at, ".");
        else if (slash == at)
            slash[1] = '\0';
        else
            *slash = '\0';
    }
}

static void let_write(int rules, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = access,
                                                 .parent_fd = path ? open_nearest(path) : -1};
    if (beneath.parent_fd < 0)
        return;
    struct stat status;
    if (fstat(beneath.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
        beneath.allowed_access &= (uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
        log_say(LOG_WARNING, who, "%s: %s", path, strerror(errno));
    close(beneath.parent_fd);
}

// The version of Landlock that holds; 0: none.
static long restrict_folders(const struct sandbox_setup *setup)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return 0;
    uint64_t access = of_version(version);
    struct landlock_ruleset_attr handled = {
        .handled_access_fs =
            access | never | (SANITIZED ? 0 : (uint64_t)LANDLOCK_ACCESS_FS_EXECUTE)};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (rules < 0)
        return 0;
    for (int i = 0; i < SANDBOX_FOLDERS; i++)
        let_write(rules, setup->folders[i], access);
    for (int i = 0; i < setup->settings->writable.count; i++)
        let_write(rules, setup->settings->writable.at[i], access);
    let_write(rules, "/dev", access & ((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE));
    if (syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        version = 0;
    close(rules);
    return version;
}

// ── the public face ──

void sandbox_raise(void)
{
    capng_get_caps_process();
    if (!capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) ||
        capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW))
        return;
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_NET_RAW);
    capng_apply(CAPNG_SELECT_CAPS);
}

bool sandbox_enter(const struct sandbox_setup *setup, struct error *why)
{
    if (!setup->settings->enabled)
        return true;
    if (!drop_capabilities(why))
        return false;
    long landlock = restrict_folders(setup);
    if (setup->settings->seccomp)
        restrict_calls();
    log_say(LOG_DEBUG, who, "capabilities dropped%s, Landlock %ld",
            setup->settings->seccomp ? ", system calls restricted" : "", landlock);
    return true;
}
