// SPDX-License-Identifier: Apache-2.0
// The first steps by hand, so that each has its own word; the others as the output does them.
#include "outputs/es_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "outputs/es_setup.h"
#include "pipeline/base/clock.h"

enum { NAME = 256 };

static bool step_failed(FILE *to, const char *step, const struct error *why)
{
    fprintf(to, "  %s... ERROR %s\n", step, why->text);
    return false;
}

static void step_done(FILE *to, const char *step, const char *more)
{
    fprintf(to, "  %s... OK%s%s\n", step, *more ? " " : "", more);
}

static bool split(const char *host, char name[NAME], char port[16])
{
    CURLU *u = curl_url();
    char *part = NULL, *number = NULL;
    bool fine = u && !curl_url_set(u, CURLUPART_URL, host, 0) &&
                !curl_url_get(u, CURLUPART_HOST, &part, 0) &&
                !curl_url_get(u, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT);
    if (fine) {
        struct span s = span_text(part);
        if (s.len > 2 && s.at[0] == '[') // an IPv6 address
            s = span_of(s.at + 1, s.len - 2);
        snprintf(name, NAME, "%.*s", (int)s.len, (const char *)s.at);
        snprintf(port, 16, "%s", number);
    }
    curl_free(part);
    curl_free(number);
    curl_url_cleanup(u);
    return fine;
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

static bool reach(const struct http_settings *http, const char *host, FILE *to, struct error *why)
{
    char name[NAME], port[16];
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (!split(host, name, port))
        return error_set(why, "see hosts"), step_failed(to, "parse url", why);
    step_done(to, "parse url", "");
    if (http->proxy_url && !http->proxy_disable) {
        step_done(to, "connection", "through proxy_url, as it says");
        return true;
    }
    int code = getaddrinfo(name, port, &wanted, &list);
    if (code) {
        error_set(why, "%s: %s: see hosts, or the resolver of this machine", name,
                  gai_strerror(code));
        return step_failed(to, "dns lookup", why);
    }
    step_done(to, "dns lookup", "");
    print_addresses(list, to);
    bool fine = dial(list, http->connect_timeout, why);
    freeaddrinfo(list);
    if (!fine)
        return step_failed(to, "dial up", why);
    step_done(to, "dial up", "");
    return true;
}

bool es_test_host(const struct es_settings *s, const struct http_settings *http,
                  struct http *connection, const char *host, FILE *to, struct error *why)
{
    struct http_answer a;
    struct es_server server;
    bool secure = !strncmp(host, "https:", 6);
    fprintf(to, "elasticsearch: %s\n", host);
    if (!reach(http, host, to, why))
        return false;
    bool answered = es_server_ask(connection, s, host, &server, &a);
    if (!answered && !a.status) {
        error_set(why, "%s", a.why.text);
        return step_failed(to, secure ? "TLS and talk to server" : "talk to server", why);
    }
    if (secure)
        step_done(to, "TLS",
                  http->tls.mode == TLS_NONE ? "(ssl.verification_mode is none: anybody "
                                               "may be the server)"
                                             : "");
    else
        fputs("  TLS... WARN secure connection disabled\n", to);
    if (!answered) {
        http_explain(&a, why);
        return step_failed(to, "talk to server", why);
    }
    step_done(to, "talk to server", "");
    fprintf(to, "  version: %s\n", server.known ? server.version : "not told");
    fprintf(to, "  product: %s\n", server.name);
    return true;
}
