// SPDX-License-Identifier: Apache-2.0
// Documents to Elasticsearch or OpenSearch, by bulk requests. Each sending thread has a link: a
// connection and what is used again for each request. A document counts as delivered only when an
// answer that is whole says so; what is unknown is sent again.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "outputs/bulk.h"
#include "outputs/es_reply.h"
#include "outputs/es_setup.h"
#include "outputs/es_test.h"
#include "outputs/gzip.h"
#include "pipeline/base/log.h"

enum {
    FAILED_MOST = 24,    // requests of one parcel that may fail before one gets through
    LARGE = 1024 * 1024, // a request that breaks twice and is larger may be too large
};

static const char filter[] =
    "filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,"
    "items.*.failure_store,error,status";

struct link {
    struct http *http;
    struct bulk *bulk, *letters; // letters: NULL if refused documents are dropped
    struct gzip *gzip;           // NULL: not compressed
    struct es_reply *reply;
    int host;
    char *url;           // of bulk requests to that host; NULL: to be made
    bool proven, failed; // the last request was answered sensibly; it broke half-way
};

struct elasticsearch {
    const struct es_settings *settings;
    const struct output_world *world;
    struct http_settings http;
    struct es_hosts hosts;
    struct http_client *client;
    const char *dead_index;
    char *path; // "INDEX/_bulk", or "_bulk" if documents say where they go
    pthread_mutex_t setup;
    bool set_up;         // guarded by it
    _Atomic int current; // without load balancing: the host in use
    _Atomic bool ever;   // a document was taken once
    int link_count;
    struct link *links;
};

// ── opening ─────────────────────────────────────────────────────────────────────────────────────

static void link_close(struct link *l)
{
    http_close(l->http);
    bulk_free(l->bulk);
    bulk_free(l->letters);
    gzip_free(l->gzip);
    es_reply_free(l->reply);
    free(l->url);
}

static void es_close(void *self)
{
    struct elasticsearch *es = self;
    for (int i = 0; i < es->link_count; i++)
        link_close(&es->links[i]);
    free(es->links);
    http_client_close(es->client);
    es_hosts_free(&es->hosts);
    pthread_mutex_destroy(&es->setup);
    free(es->path);
    free(es);
}

static bool link_open(struct elasticsearch *es, struct link *l, int index)
{
    int level = es_compression_level(es->settings);
    l->host = es->settings->loadbalance ? index % es->hosts.count : 0;
    l->http = http_open(es->client);
    l->reply = es_reply_new();
    l->gzip = level ? gzip_new(level) : NULL;
    bool hash_ids = es->settings->document_id == DOCUMENT_ID_HASH;
    l->letters = es->dead_index ? bulk_new(NULL, hash_ids) : NULL;
    return l->http && l->reply && (!level || l->gzip) && (!es->dead_index || l->letters);
}

static bool links_open(struct elasticsearch *es, struct error *why)
{
    struct queue_settings queue = {.events = 32};
    es_serve(es->settings, es->world, &queue);
    int count = (int)(queue.threads < PARCEL_THREADS ? queue.threads : PARCEL_THREADS);
    es->links = calloc((size_t)count, sizeof *es->links);
    if (!es->links)
        return error_set(why, "no memory");
    for (; es->link_count < count; es->link_count++)
        if (!link_open(es, &es->links[es->link_count], es->link_count)) {
            es->link_count++;
            return error_set(why, "no memory for connections");
        }
    return true;
}

// Connects to nobody: servers may come later.
static struct elasticsearch *es_new(const struct es_settings *s, const struct output_world *world,
                                    struct error *why)
{
    struct elasticsearch *es = calloc(1, sizeof *es);
    if (!es) {
        error_set(why, "no memory");
        return NULL;
    }
    es->settings = s;
    es->world = world;
    es->http = s->http;
    es->dead_index = es_dead_letter_index(s);
    pthread_mutex_init(&es->setup, NULL);
    if (es_hosts_read(s, &es->hosts, why)) {
        if (es->hosts.username && !s->http.username && !s->http.api_key) {
            es->http.username = es->hosts.username;
            es->http.password = es->hosts.password;
        }
        es->client = http_client_open(&es->http, world->program, world->version, why);
        if (es->client && links_open(es, why))
            return es;
    }
    es_close(es);
    return NULL;
}

static void *es_open(const void *settings, const struct output_world *world, struct error *why)
{
    return es_check(settings, why) ? es_new(settings, world, why) : NULL;
}

static void es_stop(void *self)
{
    struct elasticsearch *es = self;
    http_client_stop(es->client);
}

// ── answering for rows ──────────────────────────────────────────────────────────────────────────

// One sending of a parcel, which may take several requests.
struct sending {
    struct elasticsearch *es;
    struct link *link;
    struct parcel *p;
    bool got_through; // one request did
    unsigned failed;  // requests that did not
};

static void answer_range(const struct sending *w, uint32_t first, uint32_t count,
                         enum delivery answer)
{
    for (uint32_t i = first; i < first + count; i++)
        w->p->answer[i] = answer;
}

// The rows that a request held.
static void answer_sent(const struct sending *w, enum delivery answer)
{
    for (uint32_t i = 0; i < bulk_count(w->link->bulk); i++)
        w->p->answer[bulk_row(w->link->bulk, i)] = answer;
}

static void answer_all(const struct sending *w, enum delivery answer)
{
    answer_range(w, 0, w->p->count, answer);
}

// ── one request ─────────────────────────────────────────────────────────────────────────────────

static bool take_reply(void *arg, long status, struct span part)
{
    struct es_reply *reply = arg;
    return status != 200 || es_reply_feed(reply, part);
}

// False: no answer that could be understood.
static bool post(struct sending *w, const struct bulk *bulk, struct http_answer *a)
{
    struct link *l = w->link;
    struct span packed;
    struct pieces one = {&packed, 1, 0};
    struct http_request r = {.method = "POST",
                             .url = l->url,
                             .type = HTTP_NDJSON,
                             .body = bulk_pieces(bulk),
                             .take = take_reply,
                             .arg = l->reply};
    *a = (struct http_answer){.status = 0};
    if (!es_reply_begin(l->reply, bulk_count(bulk)))
        return error_set(&a->why, "no memory");
    if (l->gzip) {
        if (!gzip_pack(l->gzip, bulk_pieces(bulk), &packed))
            return error_set(&a->why, "no memory to compress");
        one.bytes = packed.len;
        r.body = &one;
        r.type = HTTP_NDJSON_GZIP;
    }
    if (!http_do(l->http, &r, a))
        return false;
    if (a->status != 200 || es_reply_end(l->reply))
        return true;
    return error_set(&a->why, "the answer is not whole: %u of %u outcomes (is a proxy on the way?)",
                     es_reply_count(l->reply), bulk_count(bulk));
}

// The host did not answer, or not so that it could be understood. What was under way is unknown;
// but a server that did not answer before, either, is away, and that costs no retry.
static void unanswered(struct sending *w, const struct http_answer *a)
{
    struct elasticsearch *es = w->es;
    struct link *l = w->link;
    bool again = a->sent && l->failed && w->p->bytes > LARGE && w->p->count > 1;
    answer_sent(w, a->sent && l->proven ? TRY_LATER : BUSY);
    if (again) // a refusal may be lost behind what was still being sent
        answer_all(w, TOO_LARGE);
    l->failed = a->sent && !again;
    l->proven = false;
    error_set(w->p->cause, "%.200s: %.280s", es->hosts.url[l->host], a->why.text);
    if (!es->settings->loadbalance && es->hosts.count > 1) {
        int host = l->host;
        atomic_compare_exchange_strong(&es->current, &host, (l->host + 1) % es->hosts.count);
    }
}

// The answer's "type: reason".
static void reply_error(const struct http_answer *a, struct es_reply *reply, char to[256])
{
    to[0] = 0;
    if (!es_reply_begin(reply, 0))
        return;
    es_reply_feed(reply, span_of(a->beginning, a->length));
    struct span s = span_first(es_reply_error(reply), 200);
    if (s.len)
        snprintf(to, 256, " (%.*s)", (int)s.len, (const char *)s.at);
}

// The request as a whole was not taken: all of it stays.
static void not_taken(struct sending *w, const struct http_answer *a)
{
    struct link *l = w->link;
    char words[256];
    struct error why;
    bool unknown = a->status == 408 || (a->status >= 500 && a->status != 503);
    answer_sent(w, unknown ? TRY_LATER : BUSY);
    w->p->overloaded = a->status == 429 || a->status == 503;
    w->p->pause = a->pause;
    http_explain(a, &why);
    reply_error(a, l->reply, words);
    error_set(w->p->cause, "%.150s: %.200s%.150s", w->es->hosts.url[l->host], why.text, words);
}

static bool deliver(struct sending *w, uint32_t first, uint32_t count);

// 413. The publisher makes parcels smaller when all of one is too large; of a part, the rows wait.
static void too_large(struct sending *w, uint32_t count)
{
    http_explain(&(struct http_answer){.status = 413}, w->p->cause);
    if (count == 1)
        answer_sent(w, TOO_LARGE);
    else if (count == w->p->count)
        answer_all(w, TOO_LARGE);
    else
        answer_sent(w, TRY_LATER);
}

// Alone with its request a document is to blame if others of its parcel got through before, or if
// it is the whole parcel and documents were ever taken. Else it may be a setting that keeps all
// out.
static bool is_to_blame(const struct sending *w)
{
    return w->got_through || (w->p->count == 1 && atomic_load(&w->es->ever));
}

// 400: something in the request cannot be read, and nothing of it was stored. Halving finds the
// document; if no half gets through it is no document but a setting.
static bool halve(struct sending *w, const struct http_answer *a, uint32_t first, uint32_t count)
{
    char words[256];
    w->failed++;
    reply_error(a, w->link->reply, words);
    if (w->p->cause->text[0] == 0)
        error_set(w->p->cause, "HTTP 400: the server cannot read the request%s", words);
    if (count == 1) {
        answer_range(w, first, 1, is_to_blame(w) ? REFUSED : BUSY);
        return true;
    }
    if (!w->got_through && w->failed > FAILED_MOST)
        return false;
    uint32_t half = count / 2;
    return deliver(w, first, half) && deliver(w, first + half, count - half);
}

// ── items ───────────────────────────────────────────────────────────────────────────────────────

// What kinds of outcomes there were.
struct outcomes {
    uint32_t refused, forbidden, busy, duplicates, aside;
    uint32_t sample; // one of the refused
};

static enum delivery item_outcome(struct outcomes *o, const struct es_item *item, uint32_t i)
{
    enum delivery answer = es_item_delivery(item);
    o->duplicates += item->status == 409;
    o->aside += item->aside;
    o->busy += answer == BUSY;
    if (answer == REFUSED) {
        o->sample = i;
        o->refused++;
        o->forbidden += item->status == 401 || item->status == 403 || item->status == 404;
    }
    return answer;
}

// In the log the kind of error only: reasons quote documents.
static void say_refused(struct sending *w, const struct outcomes *o, uint32_t count)
{
    const struct es_item *item = es_reply_item(w->link->reply, o->sample);
    struct span reason = es_reply_reason(w->link->reply, o->sample);
    struct span kind = span_cut(&reason, ':');
    bool all = o->forbidden == count;
    error_set(
        w->p->cause, "%u of %u documents were refused: status %u %.*s%s", o->refused, count,
        item->status, (int)(kind.len < 100 ? kind.len : 100), (const char *)kind.at,
        all ? "; as it is all of them, see the rights of the user and whether the index exists"
            : "; see the fields' mappings, or non_indexable_policy to keep them");
}

// Refused documents go to the dead letter index, in the words of the server.
static void send_letters(struct sending *w)
{
    struct link *l = w->link;
    struct http_answer a;
    bulk_clear(l->letters);
    for (uint32_t i = 0; i < bulk_count(l->bulk); i++) {
        uint32_t row = bulk_row(l->bulk, i);
        const struct es_item *item = es_reply_item(l->reply, i);
        if (w->p->answer[row] == REFUSED &&
            bulk_add_dead_letter(l->letters, w->p, row, w->es->dead_index, item->status,
                                 es_reply_reason(l->reply, i)) != BULK_ADDED)
            w->p->answer[row] = TRY_LATER;
    }
    bool answered = bulk_count(l->letters) && post(w, l->letters, &a) && a.status == 200;
    for (uint32_t i = 0; i < bulk_count(l->letters); i++) {
        enum delivery answer = answered ? es_item_delivery(es_reply_item(l->reply, i)) : TRY_LATER;
        w->p->answer[bulk_row(l->letters, i)] = answer == DELIVERED ? DEAD_LETTER : answer;
    }
}

static void settle_items(struct sending *w)
{
    struct link *l = w->link;
    uint32_t count = bulk_count(l->bulk);
    struct outcomes o = {.refused = 0};
    for (uint32_t i = 0; i < count; i++)
        w->p->answer[bulk_row(l->bulk, i)] = item_outcome(&o, es_reply_item(l->reply, i), i);
    w->got_through = l->proven = true;
    l->failed = false;
    atomic_store(&w->es->ever, true);
    w->p->duplicates += o.duplicates;
    w->p->overloaded |= o.busy > 0;
    if (o.refused)
        say_refused(w, &o, count);
    else if (o.busy)
        error_set(w->p->cause, "the server has too much to do for %u of %u documents", o.busy,
                  count);
    if (o.forbidden == count) // it is not the documents
        answer_sent(w, BUSY);
    else if (o.refused && l->letters)
        send_letters(w);
}

// ── a range of rows ─────────────────────────────────────────────────────────────────────────────

static void fill(struct sending *w, uint32_t first, uint32_t count)
{
    bulk_clear(w->link->bulk);
    for (uint32_t i = first; i < first + count; i++)
        switch (bulk_add(w->link->bulk, w->p, i)) {
        case BULK_ADDED:
            break;
        case BULK_NO_INDEX:
            w->p->answer[i] = REFUSED;
            error_set(w->p->cause, "a document lacks a field that its index is made of: see index");
            break;
        case BULK_LONG_ID:
            w->p->answer[i] = REFUSED;
            error_set(w->p->cause, "a document's id is longer than %d bytes", BULK_ID_MOST);
            break;
        case BULK_NO_MEMORY:
            w->p->answer[i] = BUSY;
            error_set(w->p->cause, "no memory for a request");
            break;
        }
}

// False: what is left of the parcel had better wait.
static bool deliver(struct sending *w, uint32_t first, uint32_t count)
{
    struct http_answer a;
    fill(w, first, count);
    if (!bulk_count(w->link->bulk))
        return true;
    if (!post(w, w->link->bulk, &a)) {
        unanswered(w, &a);
        return false;
    }
    if (a.status == 200) {
        settle_items(w);
        return true;
    }
    if (a.status == 400)
        return halve(w, &a, first, count);
    if (a.status == 413) {
        too_large(w, count);
        return true;
    }
    not_taken(w, &a);
    return false;
}

// ── sending ─────────────────────────────────────────────────────────────────────────────────────

// The address of bulk requests has the index that most documents go to.
static bool link_address(struct elasticsearch *es, struct link *l, const struct parcel *p)
{
    int host = es->settings->loadbalance ? l->host : atomic_load(&es->current);
    if (l->url && host == l->host)
        return true;
    struct span index = p->constants ? p->constants[BULK_INDEX] : span_of(NULL, 0);
    char name[512], path[1600];
    snprintf(name, sizeof name, "%.*s", (int)(index.len < 500 ? index.len : 500),
             index.len ? (const char *)index.at : "");
    char *escaped = es_escape(span_text(name));
    snprintf(path, sizeof path, "%s%s_bulk", *name && escaped ? escaped : "", *name ? "/" : "");
    free(escaped);
    free(l->url);
    l->host = host;
    l->url = es_url(es->settings, es->hosts.url[host], path, filter);
    if (!l->bulk)
        l->bulk = bulk_new(name, es->settings->document_id == DOCUMENT_ID_HASH);
    return l->url && l->bulk;
}

// What is put on the server is put once, by whoever comes first.
static bool set_up(struct elasticsearch *es, struct link *l, struct error *why)
{
    pthread_mutex_lock(&es->setup);
    struct es_setup_place place = {es->settings, es->world, l->http, es->hosts.url[l->host], NULL};
    struct error inner = {.text = ""};
    if (!es->set_up)
        es->set_up = es_setup_run(&place, &inner);
    bool done = es->set_up;
    pthread_mutex_unlock(&es->setup);
    return done || error_set(why, "%.150s: %.300s", es->hosts.url[l->host], inner.text);
}

// A parcel of which nothing got through, every request being unreadable, waits as a whole.
static void acquit(struct sending *w)
{
    if (w->failed && !is_to_blame(w))
        answer_all(w, BUSY);
}

static void es_send(void *self, struct parcel *p)
{
    struct elasticsearch *es = self;
    struct sending w = {.es = es, .link = &es->links[p->thread], .p = p};
    if (!link_address(es, w.link, p)) {
        error_set(p->cause, "no memory, or the address is too long");
        return;
    }
    if (!set_up(es, w.link, p->cause)) {
        answer_all(&w, BUSY);
        if (!es->settings->loadbalance && es->hosts.count > 1)
            atomic_store(&es->current, (w.link->host + 1) % es->hosts.count);
        return;
    }
    deliver(&w, 0, p->count);
    acquit(&w);
}

// ── by hand ─────────────────────────────────────────────────────────────────────────────────────

static bool es_setup(const void *settings, const struct output_world *world, FILE *to,
                     struct error *why)
{
    struct elasticsearch *es = es_open(settings, world, why);
    bool done = false;
    for (int i = 0; es && i < es->hosts.count && !done; i++) {
        struct es_setup_place place = {es->settings, world, es->links[0].http, es->hosts.url[i],
                                       to};
        done = es_setup_run(&place, why);
    }
    if (es)
        es_close(es);
    return done;
}

static bool es_test(const void *settings, const struct output_world *world, FILE *to,
                    struct error *why)
{
    struct elasticsearch *es = es_open(settings, world, why);
    bool fine = es != NULL;
    if (!es)
        fprintf(to, "elasticsearch: ERROR %s\n", why->text);
    for (int i = 0; es && i < es->hosts.count; i++)
        fine &= es_test_host(es->settings, &es->http, es->links[0].http, es->hosts.url[i], to, why);
    if (es)
        es_close(es);
    return fine;
}

static const struct output_route routes[] = {
    [BULK_INDEX] = {"index", "indices", "@metadata.raw_index", true},
    [BULK_PIPELINE] = {"pipeline", "pipelines", "@metadata.pipeline", true},
    [BULK_ID] = {"_id", NULL, "@metadata._id", false},
    [BULK_OP] = {"op_type", NULL, "@metadata.op_type", false},
    {.name = NULL},
};

const struct output output_elasticsearch = {
    .name = "elasticsearch",
    .meaning = "Elasticsearch and OpenSearch, by bulk requests",
    .settings = es_settings,
    .root_settings = es_root_settings,
    .settings_size = sizeof(struct es_settings),
    .routes = routes,
    .check = es_check,
    .serve = es_serve,
    .setup = es_setup,
    .test = es_test,
    .open = es_open,
    .send = es_send,
    .stop = es_stop,
    .close = es_close,
};
