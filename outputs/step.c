// SPDX-License-Identifier: Apache-2.0
// Said by hand, not by the libraries, so that each step has its own word.
#include "outputs/step.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/base/clock.h"

enum { NAME = 256 };

bool step_failed(FILE *to, const char *step, const struct error *why)
{
    fprintf(to, "  %s... ERROR %s\n", step, why->text);
    return false;
}

void step_done(FILE *to, const char *step, const char *more)
{
    fprintf(to, "  %s... OK%s%s\n", step, *more ? " " : "", more);
}

static void print_addresses(const struct addrinfo *list, FILE *to)
{
    fputs("  addresses:", to);
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        char text[NAME];
        if (!getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST))
            fprintf(to, " %s", text);
    }
    fputs("\n", to);
}

static bool dial_one(const struct addrinfo *a, int64_t timeout)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    socklen_t len = sizeof error;
    if (fd < 0)
        return false;
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    bool fine = connect(fd, a->ai_addr, a->ai_addrlen) == 0;
    if (!fine && errno == EINPROGRESS && poll(&ready, 1, (int)(timeout / MILLISECOND)) == 1 &&
        !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
        fine = error == 0;
    if (!fine && error)
        errno = error;
    else if (!fine && errno == EINPROGRESS)
        errno = ETIMEDOUT;
    close(fd);
    return fine;
}

static bool dial(const struct addrinfo *list, int64_t timeout, struct error *why)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next)
        if (dial_one(a, timeout))
            return true;
    return error_set(why, "%s: is the server running, is the port right? see hosts",
                     strerror(errno));
}

bool step_reach(const char *name, const char *port, int64_t timeout, FILE *to, struct error *why)
{
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int code = getaddrinfo(name, port, &wanted, &list);
    if (code) {
        error_set(why, "%s: %s: see hosts, or the resolver of this machine", name,
                  gai_strerror(code));
        return step_failed(to, "dns lookup", why);
    }
    step_done(to, "dns lookup", "");
    print_addresses(list, to);
    bool fine = dial(list, timeout, why);
    freeaddrinfo(list);
    if (!fine)
        return step_failed(to, "dial up", why);
    step_done(to, "dial up", "");
    return true;
}
