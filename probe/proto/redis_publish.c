// SPDX-License-Identifier: Apache-2.0
// Makes the documents of Redis exchanges. Everything is a view on what the transaction kept, or on
// the answer that is in hand.

#include "probe/proto/redis.h"

enum redis_field {
    REDIS_FIELDS_BEGIN = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/redis.def"
#undef FIELD
    REDIS_FIELDS_END
};

static const struct field redis_fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/redis.def"
#undef FIELD
};

const struct field_table redis_table = {"redis", &common_table, redis_fields,
                                        sizeof redis_fields / sizeof *redis_fields};

static void note(struct event *e, const char *text)
{
    event_add_new(e, F_ERROR_MESSAGE, value_text(span_text(text)));
}

static struct span part_of(struct span text, struct redis_part part)
{
    return span_first(span_skip(text, part.at), part.len);
}

// In front of a word stands `before`.
static struct span in_case(struct event *e, struct span before, struct span word, bool upper)
{
    struct pen pen = event_pen(e, before.len + word.len);
    pen_raw(&pen, before);
    for (size_t i = 0; i < word.len; i++)
        pen_byte(&pen, upper ? text_upper(word.at[i]) : text_lower(word.at[i]));
    return pen_written(&pen);
}

static void set_names(struct event *e, const struct redis_exchange *x, struct span name)
{
    if (x->command) {
        event_text(e, F_METHOD, x->command->name);
        event_text(e, F_EVENT_ACTION, x->command->action);
        return;
    }
    event_text_if(e, F_METHOD, in_case(e, span_of(NULL, 0), name, true));
    event_text(e, F_EVENT_ACTION, in_case(e, (struct span)SPAN("redis."), name, false));
}

static void set_text(struct event *e, int field, const struct chain *chain, bool cut)
{
    event_chain(e, field, chain);
    event_slot(e, field)->cut = cut;
}

static void publish_question(const struct conn *c, const struct redis_exchange *x, struct event *e)
{
    struct span query = chain_view(&x->query, &e->scratch);
    e->lost |= query.len < x->query.len;
    set_names(e, x, part_of(query, x->name));
    bool by_key = x->key_count && !conn_is_compat(c);
    event_text_if(e, F_RESOURCE, part_of(query, by_key ? x->key[0] : x->argument));
    set_text(e, F_QUERY, &x->query, x->query_cut);
    if (conn_common(c)->send_request)
        set_text(e, F_REQUEST, &x->query, x->query_cut);
    if (conn_is_compat(c))
        return;
    for (int i = 0; i < x->key_count; i++)
        event_add(e, REDIS_KEYS, value_text(part_of(query, x->key[i])));
    if (x->database)
        event_number(e, REDIS_DATABASE, (int64_t)x->database);
    if (x->queued)
        event_flag(e, REDIS_QUEUED, true);
}

static struct value reply_of(const struct redis_exchange *x)
{
    struct value value = value_text(x->view);
    if (x->reply.len)
        value = (struct value){.kind = VALUE_CHAIN, .len = x->reply.len, .at = &x->reply};
    value.cut = x->reply_cut;
    return value;
}

static void publish_answer(const struct conn *c, const struct redis_exchange *x, struct event *e)
{
    *event_slot(e, x->error ? REDIS_ERROR_TEXT : REDIS_RETURN_VALUE) = reply_of(x);
    if (conn_common(c)->send_response)
        *event_slot(e, F_RESPONSE) = reply_of(x);
    if (!x->error)
        return;
    event_text(e, F_STATUS, (struct span)SPAN("Error"));
    event_text(e, F_EVENT_OUTCOME, (struct span)SPAN("failure"));
}

static void publish_pushed(const struct redis_exchange *x, struct event *e)
{
    struct span reply = chain_view(&x->reply, &e->scratch);
    struct span kind = span_skip(reply, 1); // behind "["
    kind = span_cut(&kind, ',');
    e->lost |= reply.len < x->reply.len;
    set_names(e, x, kind);
    event_text_if(e, F_RESOURCE, part_of(reply, x->argument));
}

bool redis_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct redis_exchange *x = t->state;
    if (t->lossy[CLIENT])
        note(e, "Packet loss while capturing the request");
    if (t->lossy[SERVER])
        note(e, "Packet loss while capturing the response");
    if (t->unasked)
        note(e, "Unmatched response");
    else if (x->pushed)
        publish_pushed(x, e);
    else
        publish_question(c, x, e);
    if (x->lone)
        return true;
    if (t->answered || x->replied)
        publish_answer(c, x, e);
    else
        note(e, "Unmatched request");
    return true;
}
