// SPDX-License-Identifier: Apache-2.0
// The server: a socket that is made here, so that its address and mode are what the settings say,
// and libmicrohttpd on a thread of its own behind it. Every answer is made anew and forgotten.

#include "pipeline/endpoint.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/endpoint_pages.h"

enum {
    BODY = 256 * 1024, // bytes of an answer at most
    CONNECTIONS = 16,
    CONNECTION_MEMORY = 16 * 1024,
    IDLE_SECONDS = 10,
    WAITING = 16 // connections that nobody has taken yet
};

const struct setting endpoint_settings[] = {
    {"enabled", SETTING_BOOL, offsetof(struct endpoint_settings, enabled), "false",
     .meaning = "Whether there is an endpoint"},
    {"host", SETTING_TEXT, offsetof(struct endpoint_settings, host), "localhost",
     .meaning = "Where it listens: a name, an address, or unix:///path/of/a.sock"},
    {"port", SETTING_NUMBER, offsetof(struct endpoint_settings, port), "5066", 0, 65535,
     .meaning = "TCP port; 0: any, told in the log"},
    {"user", SETTING_UNUSED, .meaning = "Windows is not supported"},
    {"named_pipe", SETTING_UNUSED, .meaning = "Windows is not supported"},
    {"pprof", SETTING_UNUSED, .meaning = "there is no profile of Go here"},
    SETTING_END};

struct endpoint {
    const struct endpoint_world *world;
    struct MHD_Daemon *daemon;
    int64_t started, started_steady;
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; // of its socket; empty: TCP
};

// ── answers ──────────────────────────────────────────────────────────────────────────────────────

// Takes over the place of the body. A page larger than that is our bug, but nobody's end.
static enum MHD_Result send_body(struct MHD_Connection *to, unsigned status, const char *type,
                                 struct pen *body)
{
    struct span written = pen_written(body);
    status = body->full ? MHD_HTTP_INTERNAL_SERVER_ERROR : status;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(written.len, body->start, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(body->start);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(to, status, response);
    MHD_destroy_response(response);
    return result;
}

// An empty body to write; its place is the heap's. False: no memory.
static bool begin_body(struct pen *body)
{
    uint8_t *place = malloc(BODY);
    *body = pen_of(place, place ? BODY : 0);
    return place;
}

static enum MHD_Result send_words(struct MHD_Connection *to, unsigned status, const char *words)
{
    struct pen body;
    if (!begin_body(&body))
        return MHD_NO;
    pen_raw(&body, span_text(words));
    return send_body(to, status, "text/plain; charset=utf-8", &body);
}

static bool wants_pretty(struct MHD_Connection *of)
{
    const char *given = MHD_lookup_connection_value(of, MHD_GET_ARGUMENT_KIND, "pretty");
    bool bare = MHD_lookup_connection_value_n(of, MHD_GET_ARGUMENT_KIND, "pretty", 6, NULL, NULL);
    return given ? strcmp(given, "false") != 0 : bare;
}

static enum MHD_Result send_pretty(struct MHD_Connection *to, unsigned status, const char *type,
                                   struct pen *body)
{
    struct pen pretty;
    if (!begin_body(&pretty)) {
        free(body->start);
        return MHD_NO;
    }
    endpoint_pretty(pen_written(body), &pretty);
    free(body->start);
    return send_body(to, status, type, &pretty);
}

static enum MHD_Result send_page(const struct endpoint *e, struct MHD_Connection *to,
                                 const struct endpoint_page *page)
{
    struct endpoint_view v = {
        .world = e->world, .started = e->started, .uptime = clock_steady() - e->started_steady};
    struct pen body;
    if (!begin_body(&body))
        return MHD_NO;
    e->world->take(e->world->arg, &v.stats);
    usage_read(&v.usage);
    unsigned status = page->write(&v, &body);
    if (page->type == endpoint_json && wants_pretty(to))
        return send_pretty(to, status, page->type, &body);
    return send_body(to, status, page->type, &body);
}

static enum MHD_Result answer(void *self, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    static char seen; // its address only: the first call comes before the request is whole
    (void)version;
    (void)upload;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*upload_size) { // nobody wants it
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return send_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    for (const struct endpoint_page *page = endpoint_pages; page->path; page++)
        if (!strcmp(page->path, path))
            return send_page(self, connection, page);
    return send_words(connection, MHD_HTTP_NOT_FOUND,
                      "there are: / /stats /inputs/ /metrics /healthz /readyz\n");
}

// ── the socket ───────────────────────────────────────────────────────────────────────────────────

// True if nobody listens at that socket any more: who left it was killed.
static bool is_left_over(const struct sockaddr_un *address)
{
    struct stat file;
    if (stat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    int trial = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = trial >= 0 &&
                   connect(trial, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (trial >= 0)
        close(trial);
    return refused;
}

static int listen_unix(struct endpoint *e, const char *path, struct error *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path != '/' || strlen(path) >= sizeof address.sun_path) {
        error_set(why,
                  "http.host: expected unix:/// and a path of less than %zu bytes, found "
                  "\"%.120s\"",
                  sizeof address.sun_path, path);
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (is_left_over(&address))
        unlink(path);
    bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    // Owner and group may connect. Before it listens, nobody can.
    if (bound && chmod(path, 0660) == 0 && listen(fd, WAITING) == 0) {
        snprintf(e->path, sizeof e->path, "%s", path);
        return fd;
    }
    error_set(why, "http.host: cannot listen at %s: %s", path, strerror(errno));
    if (bound)
        unlink(path);
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 ==
               127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(six);
}

static int listen_at(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, WAITING) == 0)
        return fd;
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

// The first address of a family where it is possible.
static int listen_among(const struct addrinfo *all, int family, const char *host)
{
    int fd = -1;
    errno = EADDRNOTAVAIL;
    for (const struct addrinfo *at = all; at && fd < 0; at = at->ai_next) {
        if (at->ai_family != family)
            continue;
        fd = listen_at(at);
        if (fd >= 0 && !is_loopback(at->ai_addr))
            log_say(LOG_WARNING, "pipeline.endpoint",
                    "http.host: %s can be reached from other machines, and there is no "
                    "authentication",
                    host);
    }
    return fd;
}

// IPv4 first, as collectors look for localhost there; where that port is taken, IPv6 is no way out.
static int listen_tcp(const struct endpoint_settings *s, struct error *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)s->port);
    int failed = getaddrinfo(s->host, port, &hints, &all);
    if (failed) {
        error_set(why, "http.host: \"%.120s\" is no address: %s", s->host, gai_strerror(failed));
        return -1;
    }
    int fd = listen_among(all, AF_INET, s->host);
    if (fd < 0 && errno != EADDRINUSE)
        fd = listen_among(all, AF_INET6, s->host);
    if (fd < 0)
        error_set(why, "http: cannot listen at %.120s:%s: %s", s->host, port, strerror(errno));
    freeaddrinfo(all);
    return fd;
}

static void tell_address(const struct endpoint_settings *s, const struct endpoint *e, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
        struct sockaddr_storage room;
    } address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t len = sizeof address;
    if (*e->path || getsockname(fd, &address.any, &len) != 0)
        log_say(LOG_INFO, "pipeline.endpoint", "listening at %s", s->host);
    else
        log_say(LOG_INFO, "pipeline.endpoint", "listening at %s:%u", s->host,
                (unsigned)ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port
                                                                  : address.four.sin_port));
}

// ── the public face ──────────────────────────────────────────────────────────────────────────────

static const char unix_scheme[] = "unix://";

static bool start(struct endpoint *e, const struct endpoint_settings *s, struct error *why)
{
    bool is_unix = !strncmp(s->host, unix_scheme, sizeof unix_scheme - 1);
    int fd = is_unix ? listen_unix(e, s->host + sizeof unix_scheme - 1, why) : listen_tcp(s, why);
    if (fd < 0)
        return false;
    e->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, e,
                                 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (!e->daemon) {
        close(fd);
        return error_set(why, "http: the endpoint cannot be started");
    }
    tell_address(s, e, fd);
    return true;
}

struct endpoint *endpoint_start(const struct endpoint_settings *settings,
                                const struct endpoint_world *world, struct error *why)
{
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e) {
        error_set(why, "out of memory");
        return NULL;
    }
    e->world = world;
    e->started = clock_wall();
    e->started_steady = clock_steady();
    if (start(e, settings, why))
        return e;
    endpoint_stop(e);
    return NULL;
}

void endpoint_stop(struct endpoint *e)
{
    if (!e)
        return;
    if (e->daemon)
        MHD_stop_daemon(e->daemon); // closes the socket
    if (*e->path)
        unlink(e->path);
    free(e);
}
