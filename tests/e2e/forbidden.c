// SPDX-License-Identifier: Apache-2.0
// Enters the sandbox as the probe does, then tries what must not work any more and what must go on
// working, in this thread and in one that is started later. Prints a line for each that is wrong.
// Nothing that is tried does harm where it is let through.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipeline/base/thread.h"
#include "probe/sandbox.h"

static const char *folder;
static int wrong;

static void say(const char *what, const char *how)
{
    printf("forbidden: %s %s (%s)\n", what, how, strerror(errno));
    wrong++;
}

// Refused for what it is, not for its arguments.
static bool is_refusal(long answer)
{
    return answer < 0 && (errno == ENOSYS || errno == EPERM || errno == EACCES);
}

#define MUST_FAIL(call) (is_refusal(call) ? (void)0 : say(#call, "is not refused"))
#define MUST_WORK(call) ((call) < 0 ? say(#call, "does not work any more") : (void)0)

static int in_folder(const char *name, int flags)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, flags, 0600);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int rename_in_folder(void)
{
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/one", folder);
    snprintf(to, sizeof to, "%s/two", folder);
    return rename(from, to);
}

static int find(const char *name)
{
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(name, "80", NULL, &found);
    if (!failed)
        freeaddrinfo(found);
    return failed ? -1 : 0;
}

// The kernel says which capabilities are left; all sets must be empty but for the bounding set.
static int has_none(void)
{
    char line[256];
    FILE *status = fopen("/proc/thread-self/status", "re");
    int found = status ? 0 : -1;
    while (status && fgets(line, sizeof line, status))
        if ((!strncmp(line, "CapPrm", 6) || !strncmp(line, "CapEff", 6) ||
             !strncmp(line, "CapInh", 6) || !strncmp(line, "CapAmb", 6)) &&
            strtoull(line + 7, NULL, 16))
            found = -1;
    if (status)
        fclose(status);
    return found;
}

static void try_forbidden(void)
{
    MUST_FAIL(socket(AF_PACKET, SOCK_RAW, 0));
    MUST_FAIL(socket(AF_BLUETOOTH, SOCK_RAW, 0));
    MUST_FAIL(mount("none", folder, "no such", 0, NULL));
    MUST_FAIL(syscall(SYS_unshare, 0));
    MUST_FAIL(syscall(SYS_setns, -1, 0));
    MUST_FAIL(chroot("/"));
    MUST_FAIL(setuid(getuid()));
    MUST_FAIL(syscall(SYS_bpf, 0, NULL, 0));
    MUST_FAIL(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
    MUST_FAIL(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    MUST_FAIL(syscall(SYS_init_module, NULL, 0, ""));
    MUST_FAIL(syscall(SYS_reboot, 0, 0, 0, NULL));
    MUST_FAIL(syscall(SYS_io_uring_setup, 1, NULL));
    MUST_FAIL(syscall(SYS_userfaultfd, 0));
    MUST_FAIL(syscall(SYS_pidfd_open, getpid(), 0));
    MUST_FAIL(syscall(SYS_swapoff, "/none"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    MUST_FAIL(ptrace(PTRACE_PEEKDATA, 0, NULL, NULL));
    MUST_FAIL(execl("/bin/true", "true", (char *)NULL));
#endif
}

static void *read_name(void *name)
{
    pthread_getname_np(pthread_self(), name, 16);
    return NULL;
}

static int name_thread(void)
{
    char name[16] = "";
    thread_join(thread_start("named", read_name, name));
    return strcmp(name, "named") == 0 ? 0 : -1;
}

static int map_code(void) // pcre2's compiler
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? -1 : mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static void try_allowed(void)
{
    MUST_WORK(in_folder("one", O_CREAT | O_WRONLY | O_TRUNC));
    MUST_WORK(rename_in_folder());
    MUST_WORK(open("/etc/hosts", O_RDONLY | O_CLOEXEC));
    MUST_WORK(open("/dev/null", O_WRONLY | O_CLOEXEC));
    MUST_WORK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    MUST_WORK(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    MUST_WORK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    MUST_WORK(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    MUST_WORK(find("localhost"));
    MUST_WORK(epoll_create1(EPOLL_CLOEXEC));
    MUST_WORK(poll(NULL, 0, 0));
    MUST_WORK(name_thread());
    MUST_WORK(map_code());
    MUST_WORK(has_none());
    MUST_WORK(prctl(PR_SET_NAME, "still-me"));
}

// Only where the kernel has Landlock.
static void try_folders(void)
{
    MUST_FAIL(open("/tmp/weir-forbidden", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void *in_thread(void *unused)
{
    try_allowed();
    try_forbidden();
    return unused;
}

int main(int argc, char **argv)
{
    bool has_landlock =
        syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1;
    struct sandbox_settings settings = {.enabled = true, .seccomp = true};
    struct sandbox_setup setup = {.settings = &settings, .folders = {argc > 1 ? argv[1] : "."}};
    struct error why = {""};
    folder = setup.folders[0];
    if (!sandbox_enter(&setup, &why)) {
        printf("forbidden: %s\n", why.text);
        return 1;
    }
    try_allowed();
    try_forbidden();
    if (has_landlock)
        try_folders();
    thread_join(thread_start("another", in_thread, NULL));
    printf("forbidden: %d wrong, Landlock %s\n", wrong, has_landlock ? "tried" : "not there");
    return wrong ? 1 : 0;
}
