// SPDX-License-Identifier: Apache-2.0
// From uname, os-release(5), machine-id(5), the interfaces, and the marks that container runtimes
// leave.

#include "pipeline/host.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

static void put(char to[HOST_TEXT], struct span text)
{
    text = span_first(text, HOST_TEXT - 1);
    if (text.len)
        memcpy(to, text.at, text.len);
    to[text.len] = 0;
}

static void put_text(char to[HOST_TEXT], const char *text)
{
    put(to, span_text(text));
}

// ── system ───────────────────────────────────────────────────────────────────────────────────────

static struct span unquoted(struct span text)
{
    if (text.len >= 2 && (text.at[0] == '"' || text.at[0] == '\'') &&
        text.at[text.len - 1] == text.at[0])
        return span_of(text.at + 1, text.len - 2);
    return text;
}

// One line of os-release: KEY=value or KEY="value".
static void take_line(struct host *h, struct span line)
{
    const struct {
        const char *key;
        char *to;
    } rows[] = {{"ID", h->os_platform},
                {"NAME", h->os_name},
                {"VERSION_ID", h->os_version},
                {"VERSION", h->os_version}, // comes before VERSION_ID or behind; it says more
                {"VERSION_CODENAME", h->os_codename}};
    struct span value = line, key = span_cut(&value, '=');
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_less = !strcmp(rows[i].key, "VERSION_ID") && *rows[i].to;
        if (span_is(key, span_text(rows[i].key)) && !is_less)
            put(rows[i].to, unquoted(span_trim(value)));
    }
}

static void read_release(struct host *h)
{
    char line[512];
    FILE *file = fopen("/etc/os-release", "re");
    if (!file)
        file = fopen("/usr/lib/os-release", "re");
    while (file && fgets(line, sizeof line, file))
        take_line(h, span_of(line, strcspn(line, "\n")));
    if (file)
        fclose(file);
}

// The reference's families.
static const char *family_of(const char *platform)
{
    static const struct {
        const char *family, *platforms;
    } rows[] = {
        {"debian", " debian ubuntu raspbian linuxmint "},
        {"redhat", " redhat rhel fedora centos scientific oraclelinux ol amzn almalinux rocky "},
        {"suse", " suse sles opensuse opensuse-leap opensuse-tumbleweed "},
        {"arch", " arch archarm manjaro "},
        {"alpine", " alpine "},
    };
    char word[HOST_TEXT + 2];
    snprintf(word, sizeof word, " %.*s ", HOST_TEXT - 1, platform);
    for (size_t i = 0; *platform && i < sizeof rows / sizeof *rows; i++)
        if (strstr(rows[i].platforms, word))
            return rows[i].family;
    return "";
}

static void read_system(struct host *h)
{
    struct utsname name;
    if (uname(&name) == 0) {
        put_text(h->hostname, name.nodename);
        put_text(h->architecture, name.machine);
        put_text(h->kernel, name.release);
    }
    read_release(h);
    h->os_family = family_of(h->os_platform);
}

static void read_id(struct host *h)
{
    static const char *const paths[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
    char line[HOST_TEXT] = "";
    for (size_t i = 0; i < sizeof paths / sizeof *paths && !*h->id; i++) {
        FILE *file = fopen(paths[i], "re");
        if (file && fgets(line, sizeof line, file))
            put(h->id, span_of(line, strcspn(line, " \n")));
        if (file)
            fclose(file);
    }
}

// True if the control groups of the first process lie below those of a container runtime.
static bool groups_say_container(void)
{
    static const char *const marks[] = {"docker", "kubepods", "containerd", "lxc", "libpod"};
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/1/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            found |= strstr(line, marks[i]) != NULL;
    if (file)
        fclose(file);
    return found;
}

// ── addresses ────────────────────────────────────────────────────────────────────────────────────

static void add_ip(struct host *h, int family, const void *bytes)
{
    if (h->ip_count == HOST_ADDRESSES)
        return;
    struct ip *ip = &h->ip[h->ip_count++];
    *ip = (struct ip){.family = (uint8_t)family};
    memcpy(ip->bytes, bytes, family == 4 ? 4 : 16);
}

static void add_mac(struct host *h, const struct sockaddr_ll *link)
{
    static const uint8_t none[6] = {0};
    if (link->sll_halen != 6 || !memcmp(link->sll_addr, none, 6) || h->mac_count == HOST_ADDRESSES)
        return;
    for (int i = 0; i < h->mac_count; i++)
        if (!memcmp(h->mac[i], link->sll_addr, 6))
            return;
    memcpy(h->mac[h->mac_count++], link->sll_addr, 6);
}

static void add_address(struct host *h, const struct ifaddrs *i)
{
    const void *address = i->ifa_addr;
    if (!address || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
        return;
    if (i->ifa_addr->sa_family == AF_INET)
        add_ip(h, 4, &((const struct sockaddr_in *)address)->sin_addr);
    else if (i->ifa_addr->sa_family == AF_INET6)
        add_ip(h, 6, &((const struct sockaddr_in6 *)address)->sin6_addr);
    else if (i->ifa_addr->sa_family == AF_PACKET)
        add_mac(h, address);
}

void host_read(struct host *h)
{
    memset(h, 0, sizeof *h);
    read_system(h);
    read_id(h);
    h->is_container = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 ||
                      groups_say_container();
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all))
        return; // a machine that hides its addresses has none
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        add_address(h, i);
    freeifaddrs(all);
}
