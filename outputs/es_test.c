// SPDX-License-Identifier: Apache-2.0
// The first steps by hand, so that each has its own word; the others as the output does them.
#include "outputs/es_test.h"

#include "outputs/es_setup.h"
#include "outputs/step.h"

enum { NAME = 256 };

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

static bool reach(const struct http_settings *http, const char *host, FILE *to, struct error *why)
{
    char name[NAME], port[16];
    if (!split(host, name, port))
        return error_set(why, "see hosts"), step_failed(to, "parse url", why);
    step_done(to, "parse url", "");
    if (http->proxy_url && !http->proxy_disable) {
        step_done(to, "connection", "through proxy_url, as it says");
        return true;
    }
    return step_reach(name, port, http->connect_timeout, to, why);
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
