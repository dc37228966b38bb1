// SPDX-License-Identifier: Apache-2.0
// The cards of this machine, and which of them a setting means:
//
//   eth0              that one                  any             all there are and will be
//   eth*, veth?       by pattern                !eth3           but not that one (or that pattern)
//   eth0,eth1         both, as one source       default_route   where the default route leads; also
//   2                 number of `weir devices`                  default_route_ipv4 and …_ipv6
#pragma once

#include <net/if.h>

#include "probe/frame.h"

enum { INTERFACES = 1024 }; // that are looked at

struct interface {
    uint32_t index; // the system's number
    char name[IF_NAMESIZE];
    uint16_t kind; // ARPHRD_…
    bool is_up, is_loopback;
};

// In the order of their indexes. How many.
int interfaces_read(struct interface *into, int max);
bool interface_is_ethernet(const struct interface *i);
// Where the best default route leads: one card, or several among which it spreads packets.
struct route {
    uint32_t index[8]; // in use
    int count;
    uint32_t metric;
};
// Family AF_INET or AF_INET6; none: it leads nowhere.
struct route interfaces_default_route(int family);
bool route_has(const struct route *r, uint32_t index);

// True if `device` means every card, without exception.
bool interfaces_mean_all(const char *device);
// True if `device` names exactly one card.
bool interfaces_mean_one(const char *device);
// Those of `all` that `device` means, put in front of the array; how many.
int interfaces_choose(const char *device, struct interface *all, int count);

// Something tells when cards or routes change. -1: nothing can be told.
int interfaces_watch(void);
// True if something has changed since the last call.
bool interfaces_changed(int watch);
