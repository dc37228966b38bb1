// SPDX-License-Identifier: Apache-2.0
// libcurl, told once how to do it and then what.
#include "outputs/http.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

enum {
    SECRET = 4096,  // bytes of a header with credentials
    LIFETIME = 300, // seconds of a connection: names may move
    DNS_SECONDS = 60,
    KEEPALIVE = 30,
    UPLOAD = 1 << 20, // bytes libcurl sends at once: a quarter costs a tenth more, its 64 KiB twice
    ANSWER_MOST = 256 << 20, // bytes of an answer's body
};

struct http_client {
    const struct http_settings *settings;
    struct tls *tls;
    CURLSH *share;
    pthread_mutex_t locks[CURL_LOCK_DATA_LAST];
    char agent[128];
    _Atomic bool stopping;
    _Atomic unsigned token; // number of the token file's reading
};

struct http {
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers[HTTP_TYPES], *proxy_headers;
    unsigned token;
    char words[CURL_ERROR_SIZE];        // libcurl's own
    const struct http_request *request; // under way
    struct http_answer *answer;
    struct pieces_place place;
    uint64_t received;
};

// ── settings ────────────────────────────────────────────────────────────────────────────────────

static bool headers_check(const struct config *map, const char *setting, struct error *why)
{
    if (map && map->kind != CONFIG_MAP && map->kind != CONFIG_NULL)
        return error_set(why, "%s: expected a map of names and values", setting);
    for (const struct config *n = map ? map->first : NULL; n; n = n->next)
        if (n->kind != CONFIG_SCALAR || strpbrk(n->key, "\r\n: ") || strpbrk(n->text, "\r\n"))
            return config_refuse(n, why, "expected the value of a header");
    return true;
}

bool http_check(const struct http_settings *s, struct error *why)
{
    if (s->api_key && (s->username || s->password))
        return error_set(why, "api_key and username/password exclude each other");
    if ((s->token || s->token_file) && (s->api_key || s->username))
        return error_set(why, "service_token excludes api_key and username/password");
    return headers_check(s->headers, "headers", why) &&
           headers_check(s->proxy_headers, "proxy_headers", why) && tls_check(&s->tls, why);
}

// ── what connections share ──────────────────────────────────────────────────────────────────────

static void share_lock(CURL *easy, curl_lock_data data, curl_lock_access access, void *arg)
{
    struct http_client *c = arg;
    (void)easy, (void)access;
    pthread_mutex_lock(&c->locks[data]);
}

static void share_unlock(CURL *easy, curl_lock_data data, void *arg)
{
    struct http_client *c = arg;
    (void)easy;
    pthread_mutex_unlock(&c->locks[data]);
}

static bool share_open(struct http_client *c)
{
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    c->share = curl_share_init();
    return c->share && !curl_share_setopt(c->share, CURLSHOPT_LOCKFUNC, share_lock) &&
           !curl_share_setopt(c->share, CURLSHOPT_UNLOCKFUNC, share_unlock) &&
           !curl_share_setopt(c->share, CURLSHOPT_USERDATA, c) &&
           !curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) &&
           !curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

// False: there is no token in it; errno says why not, if it cannot be read.
static bool read_token(char *to, size_t size, const char *path)
{
    char text[SECRET / 2];
    errno = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t len = fread(text, 1, sizeof text - 1, file);
    int reason = errno;
    fclose(file);
    errno = reason;
    text[len] = 0;
    text[strcspn(text, "\r\n")] = 0;
    snprintf(to, size, "Authorization: Bearer %s", text);
    return *text;
}

static bool token_check(const struct http_settings *s, struct error *why)
{
    char secret[SECRET];
    bool fine = !s->token_file || read_token(secret, sizeof secret, s->token_file);
    if (!fine)
        error_set(why, "token_file: cannot read a token from %.300s: %s", s->token_file,
                  errno ? strerror(errno) : "it is empty");
    explicit_bzero(secret, sizeof secret);
    return fine;
}

static void curl_begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_client_open(const struct http_settings *s, const char *program,
                                     const char *version, struct error *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_begin);
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) {
        error_set(why, "no memory");
        return NULL;
    }
    c->settings = s;
    snprintf(c->agent, sizeof c->agent, "%s/%s", program, version);
    error_set(why, "libcurl refuses to share");
    if (share_open(c) && token_check(s, why) && (c->tls = tls_open(&s->tls, why)))
        return c;
    http_client_close(c);
    return NULL;
}

void http_client_stop(struct http_client *c)
{
    atomic_store(&c->stopping, true);
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    if (c->share)
        curl_share_cleanup(c->share);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_destroy(&c->locks[i]);
    tls_close(c->tls);
    free(c);
}

// ── headers ─────────────────────────────────────────────────────────────────────────────────────

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
    return longer != NULL;
}

static bool add_headers(struct curl_slist **list, const struct config *map)
{
    char line[SECRET];
    for (const struct config *n = map ? map->first : NULL; n; n = n->next) {
        snprintf(line, sizeof line, "%s: %s", n->key, n->text);
        if (!add_header(list, line))
            return false;
    }
    return true;
}

// "id:key" is encoded; what has no colon is so already.
static void write_api_key(char *to, size_t size, const char *key)
{
    uint8_t encoded[SECRET];
    struct span text = span_first(span_text(key), SECRET / 2);
    if (span_find(text, ':') >= 0)
        text = span_of(encoded, text_base64(encoded, text, true));
    snprintf(to, size, "Authorization: ApiKey %.*s", (int)text.len, (const char *)text.at);
}

// The line with credentials that libcurl has no option for; "" none.
static void write_secret(const struct http_settings *s, char *to, size_t size)
{
    *to = 0;
    if (s->api_key)
        write_api_key(to, size, s->api_key);
    else if (s->token)
        snprintf(to, size, "Authorization: Bearer %s", s->token);
    else if (s->token_file)
        read_token(to, size, s->token_file);
}

// The user's own come last and take the place of ours.
static bool build_headers(const struct http_settings *s, enum http_type type,
                          struct curl_slist **list)
{
    static const char *const types[] = {NULL, "Content-Type: application/json",
                                        "Content-Type: application/x-ndjson",
                                        "Content-Type: application/x-ndjson"};
    char secret[SECRET];
    write_secret(s, secret, sizeof secret);
    bool fine = add_header(list, "Expect:") && add_header(list, "Accept: application/json") &&
                (!types[type] || add_header(list, types[type])) &&
                (type != HTTP_NDJSON_GZIP || add_header(list, "Content-Encoding: gzip")) &&
                (!*secret || add_header(list, secret)) && add_headers(list, s->headers);
    explicit_bzero(secret, sizeof secret);
    return fine;
}

static bool renew_headers(struct http *h)
{
    bool fine = true;
    h->token = atomic_load(&h->client->token);
    for (enum http_type type = 0; type < HTTP_TYPES; type++) {
        curl_slist_free_all(h->headers[type]);
        h->headers[type] = NULL;
        fine = fine && build_headers(h->client->settings, type, &h->headers[type]);
    }
    return fine;
}

// ── a connection ────────────────────────────────────────────────────────────────────────────────

static size_t give_body(char *to, size_t size, size_t count, void *arg)
{
    struct http *h = arg;
    return pieces_read(h->request->body, &h->place, (uint8_t *)to, size * count);
}

// A kept connection turned out to be dead: libcurl begins anew on another.
static int rewind_body(void *arg, curl_off_t offset, int origin)
{
    struct http *h = arg;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    h->place = (struct pieces_place){0, 0};
    return CURL_SEEKFUNC_OK;
}

static size_t take_body(char *at, size_t size, size_t count, void *arg)
{
    struct http *h = arg;
    struct http_answer *a = h->answer;
    struct span part = span_of(at, size * count);
    struct span kept = span_first(part, HTTP_BEGINNING - a->length);
    h->received += part.len;
    memcpy(a->beginning + a->length, kept.at, kept.len);
    a->length += kept.len;
    long status = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    bool goes_on = h->received <= ANSWER_MOST &&
                   (!h->request->take || h->request->take(h->request->arg, status, part));
    return goes_on ? part.len : 0;
}

static bool copy_header(struct span line, const char *name, char *to, size_t size)
{
    struct span key = span_cut(&line, ':');
    if (!span_is_nocase(key, span_text(name)))
        return false;
    while (line.len && (line.at[line.len - 1] == '\r' || line.at[line.len - 1] == '\n'))
        line.len--;
    line = span_trim(line);
    snprintf(to, size, "%.*s", (int)line.len, (const char *)line.at);
    return true;
}

static size_t take_header(char *at, size_t size, size_t count, void *arg)
{
    struct http *h = arg;
    struct span line = span_of(at, size * count);
    if (!copy_header(line, "x-elastic-product", h->answer->product, sizeof h->answer->product) &&
        !copy_header(line, "location", h->answer->where, sizeof h->answer->where))
        copy_header(line, "content-type", h->answer->type, sizeof h->answer->type);
    return line.len;
}

static int look_up(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct http *h = arg;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&h->client->stopping);
}

static void set_times(CURL *e, const struct http_settings *s)
{
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(s->timeout / MILLISECOND));
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->connect_timeout / MILLISECOND));
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)((s->idle_timeout + SECOND - 1) / SECOND));
    curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)LIFETIME);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, (long)DNS_SECONDS);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE);
}

static void set_user(CURL *e, const struct http_settings *s)
{
    if (s->username) {
        curl_easy_setopt(e, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(e, CURLOPT_USERNAME, s->username);
        curl_easy_setopt(e, CURLOPT_PASSWORD, s->password ? s->password : "");
    }
}

static void set_proxy(struct http *h, const struct http_settings *s)
{
    if (s->proxy_disable)
        curl_easy_setopt(h->easy, CURLOPT_PROXY, ""); // not even the environment's
    else if (s->proxy_url)
        curl_easy_setopt(h->easy, CURLOPT_PROXY, s->proxy_url);
    curl_easy_setopt(h->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(h->easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
    if (add_headers(&h->proxy_headers, s->proxy_headers) && h->proxy_headers)
        curl_easy_setopt(h->easy, CURLOPT_PROXYHEADER, h->proxy_headers);
}

static void set_functions(struct http *h)
{
    CURL *e = h->easy;
    curl_easy_setopt(e, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(e, CURLOPT_READDATA, h);
    curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(e, CURLOPT_SEEKDATA, h);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, look_up);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, h);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->words);
}

struct http *http_open(struct http_client *client)
{
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->client = client;
    h->easy = curl_easy_init();
    if (!h->easy || !renew_headers(h)) {
        http_close(h);
        return NULL;
    }
    curl_easy_setopt(h->easy, CURLOPT_SHARE, client->share);
    curl_easy_setopt(h->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h->easy, CURLOPT_USERAGENT, client->agent);
    curl_easy_setopt(h->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD);
    set_functions(h);
    set_times(h->easy, client->settings);
    set_user(h->easy, client->settings);
    set_proxy(h, client->settings);
    tls_apply(client->tls, h->easy);
    return h;
}

void http_close(struct http *h)
{
    if (!h)
        return;
    if (h->easy)
        curl_easy_cleanup(h->easy);
    for (enum http_type type = 0; type < HTTP_TYPES; type++)
        curl_slist_free_all(h->headers[type]);
    curl_slist_free_all(h->proxy_headers);
    free(h);
}

// ── a request ───────────────────────────────────────────────────────────────────────────────────

static void set_request(struct http *h, const struct http_request *r)
{
    curl_easy_setopt(h->easy, CURLOPT_URL, r->url);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers[r->type]);
    if (r->body) {
        curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, NULL); // they are read
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body->bytes);
    } else {
        curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

// What went wrong on the way and which setting has to do with it.
static const char *hint(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return "see hosts";
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return "see proxy_url";
    case CURLE_OPERATION_TIMEDOUT:
        return "see timeout";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "see ssl.certificate_authorities and ssl.verification_mode";
    case CURLE_SSL_CERTPROBLEM:
        return "see ssl.certificate, ssl.key, ssl.key_passphrase";
    case CURLE_SSL_CIPHER:
        return "see ssl.cipher_suites";
    case CURLE_SSL_CACERT_BADFILE:
        return "see ssl.certificate_authorities";
    case CURLE_SSL_CONNECT_ERROR:
        return "does the server speak https, and what ssl.supported_protocols says?";
    case CURLE_GOT_NOTHING:
        return "the server closed the connection: does it speak https? see hosts, protocol";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return "is it an HTTP server? see hosts, protocol";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return "the connection broke: does the server speak https, see hosts, or want "
               "ssl.certificate?";
    default:
        return "no answer";
    }
}

static void no_answer(struct http *h, CURLcode code, struct http_answer *a)
{
    long sent = 0;
    curl_easy_getinfo(h->easy, CURLINFO_REQUEST_SIZE, &sent);
    a->sent = sent > 0;
    a->status = 0;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        error_set(&a->why, "the program stops");
    else if (code == CURLE_WRITE_ERROR)
        error_set(&a->why, "the answer makes no sense");
    else
        error_set(&a->why, "%.300s (%s)", *h->words ? h->words : curl_easy_strerror(code),
                  hint(code));
}

static void answered(struct http *h, struct http_answer *a)
{
    curl_off_t seconds = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &a->status);
    if (!curl_easy_getinfo(h->easy, CURLINFO_RETRY_AFTER, &seconds) && seconds > 0)
        a->pause = (seconds < 86400 ? seconds : 86400) * SECOND;
    if (a->status == 401 && h->client->settings->token_file)
        atomic_fetch_add(&h->client->token, 1); // read it again: it may have been renewed
}

bool http_do(struct http *h, const struct http_request *r, struct http_answer *a)
{
    memset(a, 0, offsetof(struct http_answer, beginning));
    a->length = 0;
    a->product[0] = a->where[0] = a->type[0] = a->why.text[0] = 0;
    h->request = r;
    h->answer = a;
    h->place = (struct pieces_place){0, 0};
    h->received = 0;
    h->words[0] = 0;
    if (h->token != atomic_load(&h->client->token) && !renew_headers(h))
        return error_set(&a->why, "no memory for headers");
    set_request(h, r);
    CURLcode code = curl_easy_perform(h->easy);
    a->beginning[a->length] = 0;
    a->sent = true;
    if (code == CURLE_OK)
        answered(h, a);
    else
        no_answer(h, code, a);
    return code == CURLE_OK;
}

void http_explain(const struct http_answer *a, struct error *why)
{
    static const struct {
        long status;
        const char *words;
    } known[] = {
        {200, "this is no answer of an Elasticsearch: see hosts"},
        {401, "the server does not know these credentials: see username, password, "
              "api_key, service_token, token_file"},
        {403, "these credentials may not do that on the server"},
        {404, "no such address on the server: see path, index"},
        {405, "the server does not take that there: is hosts an Elasticsearch?"},
        {406, "the server does not take this content type: is hosts an Elasticsearch?"},
        {407, "the proxy wants credentials: see proxy_url"},
        {413, "the server found the request too large: see bulk_max_size"},
        {415, "the server does not take this content type: is hosts an Elasticsearch?"},
        {429, "the server has too much to do"},
        {502, "a proxy on the way does not reach the server"},
        {503, "the server has too much to do or is about to stop"},
        {504, "a proxy on the way waited too long for the server"},
    };
    const char *words = a->status >= 300 && a->status < 400
                            ? "the server is elsewhere: see hosts, protocol, path"
                            : "the server refused";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == a->status)
            words = known[i].words;
    bool page = strstr(a->type, "html") != NULL;
    error_set(why, "HTTP %ld: %s%s%.200s%s", a->status, words, a->where[0] ? ": " : "", a->where,
              page ? "; the answer is a page for people, probably a proxy's" : "");
}
