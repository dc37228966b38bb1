// SPDX-License-Identifier: Apache-2.0
// `weir devices` lists the cards that can be captured, as the setting device names them: by number
// or by name.

#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "probe/capture/interfaces.h"
#include "probe/cli/command.h"

static const char *kind_of(const struct interface *i)
{
    if (i->is_loopback)
        return "loopback";
    return i->kind == ARPHRD_ETHER ? "Ethernet" : "other";
}

static void print(const struct interface *i, int number, const struct route routes[2])
{
    printf("%d: %s (%s, %s%s%s)\n", number, i->name, kind_of(i), i->is_up ? "up" : "down",
           route_has(&routes[0], i->index) ? ", default route of IPv4" : "",
           route_has(&routes[1], i->index) ? ", default route of IPv6" : "");
}

static int run_devices(const struct flags *flags, const char *const *words)
{
    (void)flags, (void)words;
    struct interface *all = calloc(INTERFACES, sizeof *all);
    const struct route routes[2] = {interfaces_default_route(AF_INET),
                                    interfaces_default_route(AF_INET6)};
    int count = all ? interfaces_read(all, INTERFACES) : 0;
    for (int i = 0; i < count; i++)
        print(&all[i], i, routes);
    free(all);
    printf("any, default_route, patterns like eth*, and lists of all that mean several at once\n");
    return EXIT_FINE;
}

const struct command command_devices = {"devices", "", "list the interfaces that can be captured",
                                        run_devices};
