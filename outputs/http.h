// SPDX-License-Identifier: Apache-2.0
// A client of HTTP servers by libcurl: what all connections share (settings, TLS, resolved names,
// TLS sessions, the wish to stop), and connections, each of one thread. A request blocks until it
// is answered, fails, or the client is stopped. Secrets are never in what it says.
#pragma once

#include <curl/curl.h>

#include "outputs/piece.h"
#include "outputs/tls.h"

struct http_settings {
    const char *username, *password, *api_key, *token, *token_file;
    const struct config *headers, *proxy_headers;
    const char *proxy_url;
    bool proxy_disable;
    int64_t timeout, connect_timeout, idle_timeout;
    struct tls_settings tls;
};
bool http_check(const struct http_settings *s, struct error *why);

struct http_client;
// `program` and `version` say who we are. The settings must live as long. NULL: said in `why`.
struct http_client *http_client_open(const struct http_settings *s, const char *program,
                                     const char *version, struct error *why);
void http_client_stop(struct http_client *c); // from any thread: requests end soon
void http_client_close(struct http_client *c);

struct http; // a connection
struct http *http_open(struct http_client *client);
void http_close(struct http *h);

enum http_type { HTTP_NO_BODY, HTTP_JSON, HTTP_NDJSON, HTTP_NDJSON_GZIP, HTTP_TYPES };

struct http_request {
    const char *method, *url;
    enum http_type type;
    const struct pieces *body; // NULL: none
    // Is told the answer's body as it comes; with NULL only its beginning is kept. False: enough of
    // it, the connection is given up.
    bool (*take)(void *arg, long status, struct span part);
    void *arg;
};

enum { HTTP_BEGINNING = 2048 };

struct http_answer {
    long status;   // 0: there was none
    bool sent;     // it got so far that the server may have done what was asked
    int64_t pause; // that the server asked for; 0: none
    char beginning[HTTP_BEGINNING + 1]; // of the body, ended by a zero byte
    size_t length;
    char product[64]; // X-elastic-product
    char where[256];  // Location
    char type[64];    // of its content
    struct error why; // if there was none: in words, with the setting to change
};

// True: there is a whole answer, of whatever status.
bool http_do(struct http *h, const struct http_request *r, struct http_answer *a);
// What an answer that is no success means, with the setting to change.
void http_explain(const struct http_answer *a, struct error *why);
