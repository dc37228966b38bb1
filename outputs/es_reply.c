// SPDX-License-Identifier: Apache-2.0
// When all is well an answer is one text over and over: that is compared, and only what differs is
// parsed. Depths: 1 the answer, 2 the list of items (or the error), 3 an item, 4 its outcome, 5 its
// error.
#include "outputs/es_reply.h"

#include <stdlib.h>

#include <yajl/yajl_parse.h>

#include "pipeline/base/text.h"

enum {
    DEPTH = 32,
    USUAL = 64,            // items that are compared at once
    REASON = 512,          // bytes of an item's reason
    REASONS = 1024 * 1024, // of all reasons
    WHOLE = 512,           // of the request's
};

enum key { KEY_OTHER, KEY_ITEMS, KEY_ERROR, KEY_STATUS, KEY_TYPE, KEY_REASON, KEY_ASIDE };

static const char usual_beginning[] = "{\"errors\":false,\"items\":[",
                  usual_item[] = "{\"create\":{\"status\":201}},", usual_end[] = "]}";

struct es_reply {
    bool usual;           // so far it is what is said when all is well
    size_t usual_bytes;   // of it came
    uint8_t *usual_items; // how some of them look
    yajl_handle parser;
    unsigned depth;
    bool in_items, in_error;
    enum key key;
    struct es_item *items;
    uint32_t expected, count, room;
    uint8_t *reasons;
    uint32_t reasons_used;
    uint8_t whole[WHOLE];
    uint32_t whole_len;
};

// ── what yajl sees ──────────────────────────────────────────────────────────────────────────────

static struct es_item *current(struct es_reply *r)
{
    return r->in_items && r->depth >= 4 && r->count ? &r->items[r->count - 1] : NULL;
}

// Appends to a text under its ceiling, cut at a whole character.
static uint32_t append(uint8_t *to, uint32_t used, uint32_t most, struct span text)
{
    size_t room = most > used ? most - used : 0;
    struct span part = span_first(text, room);
    if (part.len < text.len)
        part.len = text_utf8_whole(part);
    if (part.len)
        memcpy(to + used, part.at, part.len);
    return (uint32_t)part.len;
}

static void add_reason(struct es_reply *r, struct es_item *item, struct span text)
{
    uint32_t most = item->reason_at + REASON < REASONS ? item->reason_at + REASON : REASONS;
    uint32_t added = append(r->reasons, r->reasons_used, most, text);
    r->reasons_used += added;
    item->reason_len += added;
}

static void add_whole(struct es_reply *r, struct span text)
{
    r->whole_len += append(r->whole, r->whole_len, WHOLE, text);
}

// Type and reason of an error, whichever comes first, with a colon between.
static void say(struct es_reply *r, struct span text)
{
    static const struct span colon = SPAN(": ");
    struct es_item *item = current(r);
    if (item) {
        if (!item->reason_len)
            item->reason_at = r->reasons_used;
        else
            add_reason(r, item, colon);
        add_reason(r, item, text);
    } else {
        if (r->whole_len)
            add_whole(r, colon);
        add_whole(r, text);
    }
}

static int on_text(void *arg, const unsigned char *at, size_t len)
{
    struct es_reply *r = arg;
    struct span text = span_of(at, len);
    struct es_item *item = current(r);
    bool in_object = r->in_error && r->depth == (r->in_items ? 5U : 2U);
    bool is_string = r->key == KEY_ERROR && r->depth == (r->in_items ? 4U : 1U);
    if (is_string || (in_object && (r->key == KEY_TYPE || r->key == KEY_REASON)))
        say(r, text);
    if (item && r->depth == 4 && r->key == KEY_ASIDE)
        item->aside = span_is(text, (struct span)SPAN("used"));
    return 1;
}

static int on_number(void *arg, long long number)
{
    struct es_reply *r = arg;
    struct es_item *item = current(r);
    if (item && r->depth == 4 && r->key == KEY_STATUS)
        item->status = number > 0 && number < 1000 ? (uint16_t)number : 0;
    return 1;
}

static int on_key(void *arg, const unsigned char *at, size_t len)
{
    static const struct {
        struct span name;
        enum key key;
    } keys[] = {{SPAN("items"), KEY_ITEMS},   {SPAN("error"), KEY_ERROR},
                {SPAN("status"), KEY_STATUS}, {SPAN("type"), KEY_TYPE},
                {SPAN("reason"), KEY_REASON}, {SPAN("failure_store"), KEY_ASIDE}};
    struct es_reply *r = arg;
    r->key = KEY_OTHER;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (span_is(span_of(at, len), keys[i].name))
            r->key = keys[i].key;
    return 1;
}

// A new item. 0: there are more than were sent.
static int add_item(struct es_reply *r)
{
    if (r->count == r->expected)
        return 0;
    r->items[r->count++] = (struct es_item){0, false, 0, 0};
    return 1;
}

static int on_open(void *arg)
{
    struct es_reply *r = arg;
    if (r->in_items && r->depth == 2 && !add_item(r))
        return 0;
    if (r->key == KEY_ERROR && r->depth == (r->in_items ? 4U : 1U))
        r->in_error = true;
    r->key = KEY_OTHER;
    return ++r->depth <= DEPTH;
}

static int on_close(void *arg)
{
    struct es_reply *r = arg;
    r->depth--;
    r->key = KEY_OTHER;
    if (r->depth == (r->in_items ? 4U : 1U))
        r->in_error = false;
    return 1;
}

static int on_list(void *arg)
{
    struct es_reply *r = arg;
    r->in_items |= r->depth == 1 && r->key == KEY_ITEMS;
    r->key = KEY_OTHER;
    return ++r->depth <= DEPTH;
}

static int on_list_end(void *arg)
{
    struct es_reply *r = arg;
    r->depth--;
    r->key = KEY_OTHER;
    if (r->depth == 1)
        r->in_items = false;
    return 1;
}

static const yajl_callbacks callbacks = {.yajl_integer = on_number,
                                         .yajl_string = on_text,
                                         .yajl_start_map = on_open,
                                         .yajl_map_key = on_key,
                                         .yajl_end_map = on_close,
                                         .yajl_start_array = on_list,
                                         .yajl_end_array = on_list_end};

// ── the usual answer ────────────────────────────────────────────────────────────────────────────

enum { ITEM = sizeof usual_item - 1, ITEMS = USUAL * ITEM };

static bool usual_prepare(struct es_reply *r)
{
    r->usual_items = malloc(ITEMS);
    for (size_t i = 0; r->usual_items && i < USUAL; i++)
        memcpy(r->usual_items + i * ITEM, usual_item, ITEM);
    return r->usual_items;
}

// How it goes on at byte `at`, as far as that lies in one piece; empty behind its end.
static struct span usual_from(const struct es_reply *r, size_t at)
{
    size_t items = (size_t)r->expected * ITEM - 1; // no comma behind the last
    struct span beginning = span_text(usual_beginning);
    if (at < beginning.len)
        return span_skip(beginning, at);
    at -= beginning.len;
    if (at < items)
        return span_first(span_skip(span_of(r->usual_items, ITEMS), at % ITEM), items - at);
    return span_skip(span_text(usual_end), at - items);
}

// False: from this part on it is another answer.
static bool usual_feed(struct es_reply *r, struct span part)
{
    size_t at = r->usual_bytes;
    while (part.len) {
        struct span same = span_first(usual_from(r, at), part.len);
        if (!same.len || memcmp(same.at, part.at, same.len) != 0)
            return false;
        part = span_skip(part, same.len);
        at += same.len;
    }
    r->usual_bytes = at;
    return true;
}

// The parser gets what it has missed.
static bool usual_give_up(struct es_reply *r)
{
    r->usual = false;
    for (size_t at = 0; at < r->usual_bytes;) {
        struct span part = span_first(usual_from(r, at), r->usual_bytes - at);
        if (yajl_parse(r->parser, part.at, part.len) != yajl_status_ok)
            return false;
        at += part.len;
    }
    return true;
}

static bool usual_is_whole(struct es_reply *r)
{
    if (!r->usual || usual_from(r, r->usual_bytes).len)
        return false;
    for (; r->count < r->expected; r->count++)
        r->items[r->count] = (struct es_item){.status = 201};
    return true;
}

// ── from outside ────────────────────────────────────────────────────────────────────────────────

struct es_reply *es_reply_new(void)
{
    struct es_reply *r = calloc(1, sizeof *r);
    if (r && usual_prepare(r) && (r->reasons = malloc(REASONS)))
        return r;
    es_reply_free(r);
    return NULL;
}

void es_reply_free(struct es_reply *r)
{
    if (!r)
        return;
    if (r->parser)
        yajl_free(r->parser);
    free(r->usual_items);
    free(r->items);
    free(r->reasons);
    free(r);
}

static bool make_room(struct es_reply *r, uint32_t items)
{
    if (items <= r->room)
        return true;
    struct es_item *larger = realloc(r->items, items * sizeof *larger);
    if (!larger)
        return false;
    r->items = larger;
    r->room = items;
    return true;
}

bool es_reply_begin(struct es_reply *r, uint32_t expected)
{
    if (r->parser)
        yajl_free(r->parser);
    r->parser = yajl_alloc(&callbacks, NULL, r);
    r->usual = expected > 0;
    r->usual_bytes = 0;
    r->depth = 0;
    r->in_items = r->in_error = false;
    r->key = KEY_OTHER;
    r->expected = expected;
    r->count = r->reasons_used = r->whole_len = 0;
    return r->parser && make_room(r, expected);
}

bool es_reply_feed(struct es_reply *r, struct span part)
{
    if (r->usual && usual_feed(r, part))
        return true;
    return (!r->usual || usual_give_up(r)) &&
           yajl_parse(r->parser, part.at, part.len) == yajl_status_ok;
}

bool es_reply_end(struct es_reply *r)
{
    if (usual_is_whole(r))
        return true;
    if (r->usual && !usual_give_up(r))
        return false;
    return yajl_complete_parse(r->parser) == yajl_status_ok && r->depth == 0 &&
           r->count == r->expected;
}

uint32_t es_reply_count(const struct es_reply *r)
{
    return r->count;
}

const struct es_item *es_reply_item(const struct es_reply *r, uint32_t index)
{
    return &r->items[index];
}

struct span es_reply_reason(const struct es_reply *r, uint32_t index)
{
    const struct es_item *item = &r->items[index];
    return span_of(r->reasons + item->reason_at, item->reason_len);
}

struct span es_reply_error(const struct es_reply *r)
{
    return span_of(r->whole, r->whole_len);
}

enum delivery es_item_delivery(const struct es_item *item)
{
    if (item->status == 409 || (item->status >= 200 && item->status < 300))
        return DELIVERED;
    if (item->status == 429)
        return BUSY;
    return item->status >= 400 && item->status < 500 ? REFUSED : TRY_LATER;
}
