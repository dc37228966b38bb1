// SPDX-License-Identifier: Apache-2.0
// Asked of the kernel by netlink (RFC 3549, rtnetlink(7)) and the old ioctls: none of it needs
// rights, or /proc, which services are often kept from.
#include "probe/capture/interfaces.h"

#include <errno.h>
#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER = 32 * 1024, WORD = 64 };

// ── the list ──

static bool describe(int fd, const struct if_nameindex *from, struct interface *to)
{
    struct ifreq ask = {.ifr_flags = 0};
    *to = (struct interface){.index = from->if_index};
    snprintf(to->name, sizeof to->name, "%s", from->if_name);
    memcpy(ask.ifr_name, to->name, sizeof ask.ifr_name);
    if (ioctl(fd, SIOCGIFHWADDR, &ask) != 0)
        return false;
    to->kind = ask.ifr_hwaddr.sa_family;
    if (ioctl(fd, SIOCGIFFLAGS, &ask) != 0)
        return false;
    to->is_up = ask.ifr_flags & IFF_UP;
    to->is_loopback = ask.ifr_flags & IFF_LOOPBACK;
    return true;
}

static int by_index(const void *a, const void *b)
{
    const struct interface *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

int interfaces_read(struct interface *into, int max)
{
    struct if_nameindex *names = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), count = 0;
    for (const struct if_nameindex *n = names; fd >= 0 && n && n->if_index && count < max; n++)
        count += describe(fd, n, &into[count]);
    if (names)
        if_freenameindex(names);
    if (fd >= 0)
        close(fd);
    qsort(into, (size_t)count, sizeof *into, by_index);
    return count;
}

bool interface_is_ethernet(const struct interface *i)
{
    return i->kind == ARPHRD_ETHER || i->kind == ARPHRD_LOOPBACK;
}

// ── routes ──

static bool ask_for_routes(int fd, int family)
{
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
    } ask = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                        .nlmsg_type = RTM_GETROUTE,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .route = {.rtm_family = (unsigned char)family}};
    return send(fd, &ask, ask.header.nlmsg_len, 0) == (ssize_t)ask.header.nlmsg_len;
}

static void add_hop(struct route *r, uint32_t index)
{
    if (index && r->count < (int)(sizeof r->index / sizeof *r->index))
        r->index[r->count++] = index;
}

static void read_attribute(struct route *r, const struct rtattr *a)
{
    uint32_t number = 0;
    int left = (int)RTA_PAYLOAD(a);
    if (left >= (int)sizeof number)
        memcpy(&number, RTA_DATA(a), sizeof number);
    if (a->rta_type == RTA_OIF)
        add_hop(r, number);
    if (a->rta_type == RTA_PRIORITY)
        r->metric = number;
    if (a->rta_type != RTA_MULTIPATH)
        return;
    for (const struct rtnexthop *hop = RTA_DATA(a); left > 0 && RTNH_OK(hop, left);
         left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
        add_hop(r, (uint32_t)hop->rtnh_ifindex);
}

// The better of `best` and the route in this message.
static struct route better(struct route best, const struct nlmsghdr *m)
{
    const struct rtmsg *r = NLMSG_DATA(m);
    if (m->nlmsg_type != RTM_NEWROUTE || r->rtm_dst_len != 0 || r->rtm_type != RTN_UNICAST ||
        r->rtm_table != RT_TABLE_MAIN)
        return best;
    struct route found = {.count = 0};
    int left = (int)RTM_PAYLOAD(m);
    for (const struct rtattr *a = RTM_RTA(r); RTA_OK(a, left); a = RTA_NEXT(a, left))
        read_attribute(&found, a);
    return found.count && (!best.count || found.metric < best.metric) ? found : best;
}

// Reads answers until the last one.
static struct route read_routes(int fd)
{
    struct route best = {.count = 0};
    _Alignas(struct nlmsghdr) char answer[ANSWER];
    for (;;) {
        ssize_t got = recv(fd, answer, sizeof answer, 0);
        if (got <= 0)
            return best;
        unsigned left = (unsigned)got;
        for (const struct nlmsghdr *m = (const void *)answer; NLMSG_OK(m, left);
             m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
                return best;
            best = better(best, m);
        }
    }
}

struct route interfaces_default_route(int family)
{
    struct timeval patience = {.tv_sec = 1};
    struct route found = {.count = 0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return found;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (ask_for_routes(fd, family))
        found = read_routes(fd);
    close(fd);
    return found;
}

bool route_has(const struct route *r, uint32_t index)
{
    for (int i = 0; i < r->count; i++)
        if (r->index[i] == index)
            return true;
    return false;
}

// ── which of them ──

// The words of a setting, one after the other: separated by commas, spaces around them left out.
static const char *next_word(const char *text, char word[WORD])
{
    text += strspn(text, ", \t");
    size_t len = strcspn(text, ",");
    size_t used = len;
    while (used && (text[used - 1] == ' ' || text[used - 1] == '\t'))
        used--;
    snprintf(word, WORD, "%.*s", (int)used, text);
    return len ? text + len : NULL;
}

static bool is_route(const char *word)
{
    return strncmp(word, "default_route", 13) == 0;
}

static bool is_number(const char *word)
{
    return *word && word[strspn(word, "0123456789")] == '\0';
}

// What a card is held against, asked once.
struct choice {
    const char *device;
    struct route ipv4, ipv6;
};

static bool is_on_route(const struct choice *c, const char *word, uint32_t index)
{
    if (strcmp(word, "default_route_ipv6") != 0 && route_has(&c->ipv4, index))
        return true;
    return strcmp(word, "default_route_ipv4") != 0 && route_has(&c->ipv6, index);
}

static bool is_meant(const struct choice *c, const char *word, const struct interface *i, int place)
{
    if (strcmp(word, "any") == 0)
        return true;
    if (is_route(word))
        return is_on_route(c, word, i->index);
    if (strcmp(word, i->name) == 0)
        return true;
    return is_number(word) ? atoi(word) == place : fnmatch(word, i->name, 0) == 0;
}

// What is only left out is left out of all.
static bool is_chosen(const struct choice *c, const struct interface *i, int place)
{
    char word[WORD];
    bool chosen = false, any_asked = false, left_out = false;
    for (const char *at = c->device; (at = next_word(at, word));) {
        if (word[0] == '!') {
            left_out |= is_meant(c, word + 1, i, place);
            continue;
        }
        any_asked = true;
        chosen |= is_meant(c, word, i, place);
    }
    return (chosen || !any_asked) && !left_out;
}

bool interfaces_mean_all(const char *device)
{
    return strcmp(device, "any") == 0 || strcmp(device, "*") == 0;
}

bool interfaces_mean_one(const char *device)
{
    return !interfaces_mean_all(device) && !is_route(device) && !is_number(device) &&
           !strpbrk(device, ",!*?[");
}

int interfaces_choose(const char *device, struct interface *all, int count)
{
    struct choice c = {.device = device};
    int chosen = 0;
    if (strstr(device, "default_route")) {
        c.ipv4 = interfaces_default_route(AF_INET);
        c.ipv6 = interfaces_default_route(AF_INET6);
    }
    for (int i = 0; i < count; i++)
        if (is_chosen(&c, &all[i], i))
            all[chosen++] = all[i];
    return chosen;
}

// ── changes ──

int interfaces_watch(void)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&groups, sizeof groups) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

// What has changed is not read: all is looked at anew. An overrun says the same.
bool interfaces_changed(int watch)
{
    char ignored[4096];
    bool changed = false;
    while (recv(watch, ignored, sizeof ignored, 0) > 0 || errno == ENOBUFS) {
        changed = true;
        errno = 0;
    }
    return changed;
}
