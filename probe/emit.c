// SPDX-License-Identifier: Apache-2.0
// One document after the other: constants of its dataset, what the core knows of a transaction,
// what the protocol publishes, what follows from both, processors, routes, and into the open batch.

#include "probe/emit.h"

#include <assert.h>
#include <net/if.h>
#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/constant.h"
#include "pipeline/identity.h"
#include "pipeline/processor.h"
#include "pipeline/route.h"
#include "pipeline/selector.h"
#include "probe/packet.h"
#include "probe/transaction.h"

const struct setting emit_settings[] = {
    {"event_scratch", SETTING_BYTES, offsetof(struct emit_settings, scratch), "24MiB", 64 << 10,
     1 << 30, .meaning = "Scratch memory for one document, in each worker; touched when needed"},
    {"batches", SETTING_NUMBER, offsetof(struct emit_settings, batches), "192", 4, 1 << 16,
     .meaning = "Batches of 256 KiB that one worker may have on the way to the outputs: more than "
                "queue.mem.bytes holds, so that a dead output leaves some to the others"},
    SETTING_END};

// A value that every document of a dataset has.
struct constant {
    uint16_t rank;
    struct value value;
};

enum { CONSTANTS = 1024, EVENT_TYPES = 4 };

struct dataset_plan {
    const struct emit_dataset *dataset;
    const struct common_settings *settings; // its own
    const uint16_t *ranks;
    struct constant *constants;
    int constant_count;
    uint64_t *set; // bits of an event that has them and nothing else
    size_t set_size;
    struct processor_chain *processors; // NULL: none
    struct format *index;               // NULL: none
};

struct emit_plan {
    struct emit_setup setup;
    struct dataset_plan *datasets;
    struct processor_chain *processors;
    struct routes *routes; // of all outputs
};

static const struct common_settings nothing; // of a dataset without settings

// Names of cards, asked for once: one that is renamed keeps the name it had.
struct interface_name {
    uint32_t number; // 0: none
    char id[12], name[IF_NAMESIZE];
};

enum { INTERFACE_NAMES = 16 };

struct emit {
    const struct emit_plan *plan;
    struct emit_settings settings;
    struct publisher *publisher;
    struct counters *counters;
    struct batch_home *home;
    struct batch *batch; // open; NULL: none
    bool wait;
    const struct dataset_plan *dataset; // of the document in hand
    struct interface_name interfaces[INTERFACE_NAMES];
    struct list_item related_ip[2]; // of the document in hand
    struct event event;
};

// ── the plan: what is the same for all workers ──

static bool plan_constant(const struct emit_plan *plan, struct dataset_plan *d, uint16_t rank,
                          struct value value, struct error *why)
{
    int at = 0;
    if (rank == schema_size(plan->setup.schema) - 1)
        return true;
    while (at < d->constant_count && d->constants[at].rank != rank)
        at++;
    if (at == CONSTANTS)
        return error_set(why, "more than %d fields and tags for the documents of %s", CONSTANTS,
                         d->dataset->name);
    value.fixed = 1;
    d->constants[at] = (struct constant){rank, value};
    d->constant_count += at == d->constant_count;
    d->set[rank >> 6] |= UINT64_C(1) << (rank & 63);
    return true;
}

static bool plan_text(const struct emit_plan *plan, struct dataset_plan *d, int field,
                      const char *text, struct error *why)
{
    return !text || !*text ||
           plan_constant(plan, d, d->ranks[field], value_text(span_text(text)), why);
}

// A list of texts, as a value that lives as long as the plan.
static struct value texts_value(struct arena *a, const char *const *texts, int count)
{
    struct value list = {.kind = VALUE_LIST};
    struct list_item **end = &list.list;
    for (int i = 0; i < count; i++) {
        struct list_item *item = arena_alloc(a, sizeof *item);
        if (!item)
            break;
        item->value = value_text(span_text(texts[i]));
        *end = item;
        end = &item->next;
    }
    return list;
}

static const char *fields_prefix(const struct common_settings *from)
{
    return from->fields_under_root ? "" : "fields";
}

// What plan_field is told beside a name and a node.
struct field_place {
    const struct emit_plan *plan;
    struct dataset_plan *dataset;
    bool keep_null;
    struct error *why;
};

static bool plan_field(void *arg, const char *name, const struct config *node)
{
    const struct field_place *p = arg;
    const struct emit_setup *s = &p->plan->setup;
    struct field_path path = schema_path(s->schema, name, s->arena);
    struct value value;
    if (node->kind == CONFIG_NULL && !p->keep_null)
        return true;
    if (path.first != path.last)
        return error_set(p->why, "%s:%d: %s is an object in the documents and cannot be a value",
                         node->file, node->line, name);
    return constant_read(node, s->arena, &value) &&
           plan_constant(p->plan, p->dataset, path.first, value, p->why);
}

static bool plan_fields(const struct emit_plan *plan, struct dataset_plan *d,
                        const struct common_settings *from, struct error *why)
{
    const struct config *map = from->fields;
    struct field_place place = {plan, d, from->keep_null, why};
    if (!map || map->kind == CONFIG_NULL)
        return true;
    if (map->kind != CONFIG_MAP)
        return config_refuse(map, why, "expected a map of names and values");
    why->text[0] = 0;
    return constants_walk(map, fields_prefix(from), plan->setup.arena, plan_field, &place) ||
           (!why->text[0] && error_set(why, "out of memory"));
}

// The tags of the configuration, then the dataset's own.
static bool plan_tags(const struct emit_plan *plan, struct dataset_plan *d, struct error *why)
{
    const struct setting_texts *all = &plan->setup.all->tags, *own = &d->settings->tags;
    struct arena *a = plan->setup.arena;
    int count = all->count + own->count;
    const char **tags = arena_alloc(a, (size_t)count * sizeof *tags + 1);
    if (!tags)
        return error_set(why, "out of memory");
    for (int i = 0; i < count; i++)
        tags[i] = i < all->count ? all->at[i] : own->at[i - all->count];
    return !count || plan_constant(plan, d, d->ranks[F_TAGS], texts_value(a, tags, count), why);
}

static bool plan_identity(const struct emit_plan *plan, struct dataset_plan *d, struct error *why)
{
    const struct identity *id = plan->setup.identity;
    const struct {
        int field;
        const char *text;
    } rows[] = {
        {F_META_BEAT, id->type},
        {F_META_TYPE, "_doc"},
        {F_META_VERSION, id->version},
        {F_AGENT_EPHEMERAL_ID, id->ephemeral_id},
        {F_AGENT_ID, id->id},
        {F_AGENT_NAME, id->name},
        {F_AGENT_TYPE, id->type},
        {F_AGENT_VERSION, id->version},
        {F_ECS_VERSION, id->ecs_version},
        {F_HOST_NAME, id->name},
        {F_TYPE, d->dataset->name},
        {F_EVENT_DATASET, d->dataset->name},
        {F_EVENT_KIND, "event"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!plan_text(plan, d, rows[i].field, rows[i].text, why))
            return false;
    static const char *const category[] = {"network"};
    return plan_constant(plan, d, d->ranks[F_EVENT_CATEGORY],
                         texts_value(plan->setup.arena, category, 1), why);
}

// event.type and network.protocol of a protocol's documents.
static bool plan_protocol(const struct emit_plan *plan, struct dataset_plan *d, struct error *why)
{
    const struct protocol *p = d->dataset->protocol;
    if (!p)
        return true;
    const char *types[EVENT_TYPES];
    int count = 0;
    struct span rest = span_text(p->event_types ? p->event_types : "connection,protocol");
    while (rest.len && count < EVENT_TYPES) {
        struct span one = arena_copy(plan->setup.arena, span_cut(&rest, ','));
        types[count++] = (const char *)one.at;
    }
    return plan_constant(plan, d, d->ranks[F_EVENT_TYPE],
                         texts_value(plan->setup.arena, types, count), why) &&
           (p->no_network_protocol || plan_text(plan, d, F_NETWORK_PROTOCOL, p->name, why));
}

// NULL in `*into` if there are none. False: `why`.
static bool plan_processors(const struct emit_setup *s, const struct common_settings *from,
                            struct processor_chain **into, struct error *why)
{
    struct setting_reader reader = {.mood = s->compat ? SETTING_WARN : SETTING_REFUSE,
                                    .warn = s->warn,
                                    .arg = s->warn_arg,
                                    .arena = s->arena};
    *into = NULL;
    if (from->processors)
        *into = processors_read(from->processors, s->schema, &reader, why);
    return *into || !from->processors;
}

static bool plan_dataset(const struct emit_plan *plan, struct dataset_plan *d,
                         const struct emit_dataset *dataset, struct error *why)
{
    const struct emit_setup *s = &plan->setup;
    d->dataset = dataset;
    d->settings = dataset->settings ? dataset->settings : &nothing;
    d->ranks = schema_ranks(s->schema, dataset->fields);
    d->constants = arena_alloc(s->arena, CONSTANTS * sizeof *d->constants);
    d->set_size = (schema_size(s->schema) + 63) / 64 * sizeof *d->set;
    d->set = arena_alloc(s->arena, d->set_size);
    if (!d->constants || !d->set)
        return error_set(why, "out of memory");
    if (d->settings->index) {
        d->index = format_read(d->settings->index, s->schema, s->arena, why);
        if (!d->index)
            return false;
    }
    return plan_processors(s, d->settings, &d->processors, why) && plan_identity(plan, d, why) &&
           plan_protocol(plan, d, why) && plan_tags(plan, d, why) &&
           plan_fields(plan, d, s->all, why) && plan_fields(plan, d, d->settings, why);
}

struct emit_plan *emit_plan_new(const struct emit_setup *setup, struct error *why)
{
    struct emit_plan *plan = arena_alloc(setup->arena, sizeof *plan);
    struct dataset_plan *datasets =
        arena_alloc(setup->arena, (size_t)setup->dataset_count * sizeof *datasets);
    if (!plan || !datasets) {
        error_set(why, "out of memory");
        return NULL;
    }
    plan->setup = *setup;
    plan->datasets = datasets;
    if (!plan->setup.all)
        plan->setup.all = &nothing;
    if (!plan_processors(setup, plan->setup.all, &plan->processors, why))
        return NULL;
    plan->routes = routes_read(setup->outputs, setup->output_count, setup->world, setup->schema,
                               setup->arena, why);
    if (!plan->routes)
        return NULL;
    for (int i = 0; i < setup->dataset_count; i++)
        if (!plan_dataset(plan, &datasets[i], &setup->datasets[i], why))
            return NULL;
    return plan;
}

// ── names that a configuration brings in ──

struct names {
    const char **at;
    int count, room;
    struct arena *arena;
};

static void names_add(void *arg, const char *name)
{
    struct names *n = arg;
    if (n->count < n->room)
        n->at[n->count++] = name;
}

static bool names_add_field(void *arg, const char *name, const struct config *node)
{
    (void)node;
    names_add(arg, name);
    return true;
}

static void names_of(struct names *n, const struct common_settings *from)
{
    if (from && from->fields)
        constants_walk(from->fields, fields_prefix(from), n->arena, names_add_field, n);
    if (from)
        processors_names(from->processors, names_add, n, n->arena);
}

int emit_extra_names(const struct common_settings *all, const struct emit_dataset *datasets,
                     int count, const char ***names, struct arena *a)
{
    struct names n = {.room = 4096, .arena = a};
    n.at = arena_alloc(a, (size_t)n.room * sizeof *n.at);
    if (!n.at)
        return 0;
    names_of(&n, all);
    for (int i = 0; i < count; i++)
        names_of(&n, datasets[i].settings);
    *names = n.at;
    return n.count;
}

// ── one worker ──

struct emit *emit_new(const struct emit_plan *plan, const struct emit_settings *settings,
                      struct publisher *publisher, bool wait, struct counters *counters,
                      struct error *why)
{
    struct emit *e = calloc(1, sizeof *e);
    if (!e) {
        error_set(why, "out of memory");
        return NULL;
    }
    e->plan = plan;
    e->settings = *settings;
    e->publisher = publisher;
    e->wait = wait;
    e->counters = counters;
    e->home = batch_home_new((unsigned)settings->batches);
    if (e->home && event_init(&e->event, plan->setup.schema, (size_t)settings->scratch, counters,
                              plan->setup.digits ? plan->setup.digits : 3))
        return e;
    emit_free(e);
    error_set(why, "cannot reserve memory for documents");
    return NULL;
}

void emit_free(struct emit *e)
{
    if (!e)
        return;
    if (e->batch)
        batch_release(e->batch);
    if (e->home)
        batch_home_free(e->home);
    event_free(&e->event);
    free(e);
}

struct event *emit_begin(struct emit *e, int dataset, int64_t time)
{
    const struct dataset_plan *d = &e->plan->datasets[dataset];
    struct event *event = &e->event;
    e->dataset = d;
    counter_add(e->counters->events_made, 1);
    event_begin(event, d->ranks);
    memcpy(event->set, d->set, d->set_size);
    for (const struct constant *c = d->constants; c < d->constants + d->constant_count; c++)
        event->values[c->rank] = c->value;
    event->time = time;
    event_time(event, F_TIMESTAMP, time);
    return event;
}

// Hands the open batch over. With -N it goes home unread.
static void hand_over(struct emit *e)
{
    struct batch *b = e->batch;
    e->batch = NULL;
    if (!b)
        return;
    if (!b->rows || !e->plan->setup.publish || !e->publisher)
        batch_release(b);
    else
        publisher_hand(e->publisher, batch_settle(b));
}

// The document in hand goes into the open batch, the next one, or, cut, into an empty one. What
// became of it: COUNTER_events_written, or why it was lost.
static enum counter write_document(struct emit *e)
{
    for (int attempt = 0; attempt < 3; attempt++) {
        if (!e->batch && !(e->batch = batch_open(e->home, e->wait)))
            return COUNTER_events_lost_batch;
        uint32_t before = e->batch->used;
        if (event_write(&e->event, e->batch)) {
            counter_add(e->counters->events_bytes, e->batch->used - before);
            return COUNTER_events_written;
        }
        if (e->batch->rows)
            hand_over(e);
        else if (!event_shrink(&e->event, BATCH_SIZE - 1024))
            break;
        else
            counter_add(e->counters->events_cut, 1);
    }
    return COUNTER_events_lost_size;
}

static bool pass_processors(struct emit *e)
{
    const struct processor_chain *own = e->dataset->processors, *global = e->plan->processors;
    return (!own || processors_run(own, &e->event)) &&
           (!global || processors_run(global, &e->event));
}

static void set_index(struct emit *e)
{
    struct pen pen = event_pen(&e->event, 512);
    if (format_write(e->dataset->index, &e->event, &pen) && !pen.full)
        event_text(&e->event, F_META_RAW_INDEX, pen_written(&pen));
}

void emit_finish(struct emit *e)
{
    if (e->dataset->index)
        set_index(e);
    if (!pass_processors(e)) {
        counter_add(e->counters->events_filtered, 1);
        return;
    }
    routes_resolve(e->plan->routes, &e->event);
    if (e->event.lost)
        counter_add(e->counters->events_incomplete, 1);
    counter_add_at(e->counters, write_document(e), 1);
}

void emit_flush(struct emit *e, bool always)
{
    if (e->batch && e->batch->rows &&
        (always || clock_steady() - e->batch->opened >= e->settings.flush_timeout)) {
        if (always)
            e->batch->opened = 0; // nothing comes behind it
        hand_over(e);
    }
}

// ── transactions ──

static const char *transport_name(uint8_t protocol)
{
    switch (protocol) {
    case PROTO_TCP:
        return "tcp";
    case PROTO_UDP:
        return "udp";
    case PROTO_ICMP:
        return "icmp";
    case PROTO_ICMPV6:
        return "ipv6-icmp";
    default:
        return "";
    }
}

static void set_side(struct event *e, int ip, const struct endpoints *ends, enum side side)
{
    static const int port_of[] = {[F_SOURCE_IP] = F_SOURCE_PORT,
                                  [F_DESTINATION_IP] = F_DESTINATION_PORT,
                                  [F_CLIENT_IP] = F_CLIENT_PORT,
                                  [F_SERVER_IP] = F_SERVER_PORT};
    event_ip(e, ip, ends->ip[side].bytes, ends->ip[side].family);
    if (ends->port[side])
        event_number(e, port_of[ip], ends->port[side]);
}

// The addresses of both ends, once if they are the same: a list without the event's scratch.
static void set_related(struct emit *em, const struct ip *from, const struct ip *to)
{
    struct list_item *first = &em->related_ip[0], *second = &em->related_ip[1];
    if (!from->family || !to->family)
        return;
    *second = (struct list_item){NULL, value_ip(to->bytes, to->family)};
    *first = (struct list_item){second, value_ip(from->bytes, from->family)};
    if (value_is_same(&first->value, &second->value))
        first->next = NULL;
    *event_slot(&em->event, F_RELATED_IP) = (struct value){.kind = VALUE_LIST, .list = first};
}

static void set_ends(struct emit *em, struct endpoints *ends, const struct transaction *t)
{
    struct event *e = &em->event;
    enum side source = t->turned ? SERVER : CLIENT, destination = side_other(source);
    set_side(e, F_SOURCE_IP, ends, source);
    set_side(e, F_CLIENT_IP, ends, source);
    set_side(e, F_DESTINATION_IP, ends, destination);
    set_side(e, F_SERVER_IP, ends, destination);
    const struct ip *from = &ends->ip[source], *to = &ends->ip[destination];
    set_related(em, from, to);
    event_fixed(e, F_NETWORK_TYPE, value_text(span_text(from->family == 4 ? "ipv4" : "ipv6")));
    struct span transport = span_text(transport_name(ends->protocol));
    if (transport.len)
        event_fixed(e, F_NETWORK_TRANSPORT, value_text(transport));
    event_text_if(e, F_NETWORK_COMMUNITY_ID, endpoints_community_id(ends));
    common_tunnels(e, &ends->tunnels);
}

static void set_times(struct event *e, const struct transaction *t, bool compat)
{
    const struct message *question = &t->message[CLIENT], *answer = &t->message[SERVER];
    if (question->first)
        event_time(e, F_EVENT_START, question->first);
    if (answer->first)
        event_time(e, F_EVENT_END, compat ? answer->first : answer->last);
    for (int i = 0; i < t->notes; i++)
        event_add_new(e, F_ERROR_MESSAGE, value_text(t->note[i]));
    bool fine = t->asked && t->answered && !t->unasked;
    event_fixed(e, F_STATUS, value_text(span_text(fine ? "OK" : "Error")));
    if (question->bytes)
        event_number(e, F_SOURCE_BYTES, (int64_t)question->bytes);
    if (answer->bytes)
        event_number(e, F_DESTINATION_BYTES, (int64_t)answer->bytes);
}

static const struct value *value_of(const struct event *e, int field)
{
    return event_has(e, field) ? &e->values[e->ranks[field]] : NULL;
}

static void copy_value(struct event *e, int to, int from)
{
    const struct value *v = value_of(e, from);
    if (v && !event_has(e, to))
        *event_slot(e, to) = *v;
}

// What follows from what the core and the protocol set.
static void derive(struct event *e)
{
    copy_value(e, F_CLIENT_BYTES, F_SOURCE_BYTES);
    copy_value(e, F_CLIENT_DOMAIN, F_SOURCE_DOMAIN);
    copy_value(e, F_SERVER_BYTES, F_DESTINATION_BYTES);
    copy_value(e, F_SERVER_DOMAIN, F_DESTINATION_DOMAIN);
    const struct value *out = value_of(e, F_SOURCE_BYTES), *back = value_of(e, F_DESTINATION_BYTES);
    if (out || back)
        event_number(e, F_NETWORK_BYTES, (out ? out->number : 0) + (back ? back->number : 0));
    const struct value *start = value_of(e, F_EVENT_START), *end = value_of(e, F_EVENT_END);
    if (start && end && end->number >= start->number && !event_has(e, F_EVENT_DURATION))
        event_number(e, F_EVENT_DURATION, end->number - start->number);
    const struct value *notes = value_of(e, F_ERROR_MESSAGE);
    if (notes && notes->kind == VALUE_LIST && notes->list && !notes->list->next)
        *event_slot(e, F_ERROR_MESSAGE) = notes->list->value;
}

static const struct interface_name *interface_name(struct emit *e, uint32_t number)
{
    struct interface_name *n = &e->interfaces[number % INTERFACE_NAMES];
    if (n->number == number)
        return n;
    n->number = number;
    snprintf(n->id, sizeof n->id, "%u", number);
    if (!if_indextoname(number, n->name))
        n->name[0] = '\0'; // it is gone
    return n;
}

void emit_interface(struct emit *e, uint32_t interface)
{
    if (e->wait || !interface || e->plan->setup.compat)
        return;
    const struct interface_name *n = interface_name(e, interface);
    event_text(&e->event, F_OBSERVER_INTERFACE_ID, span_text(n->id));
    event_text_if(&e->event, F_OBSERVER_INTERFACE_NAME, span_text(n->name));
}

// False: the direction is one that nobody wants documents of.
static bool set_direction(struct emit *em, struct endpoints *ends, const struct transaction *t)
{
    const struct emit_setup *s = &em->plan->setup;
    enum side source = t->turned ? SERVER : CLIENT;
    uint8_t *known = &ends->direction[source];
    if (!*known)
        *known = (uint8_t)endpoints_direction(&ends->ip[source], &ends->ip[side_other(source)],
                                              s->own, em->settings.internal);
    event_fixed(&em->event, F_NETWORK_DIRECTION, value_text(span_text(direction_name(*known))));
    return !(s->ignore_outgoing && *known == DIRECTION_EGRESS);
}

void emit_transaction(struct emit *e, const struct binding *binding, const struct conn *c,
                      struct endpoints *ends, const struct transaction *t)
{
    int64_t began = t->message[CLIENT].first ? t->message[CLIENT].first : t->message[SERVER].first;
    struct event *event = emit_begin(e, binding->dataset, began);
    set_ends(e, ends, t);
    set_times(event, t, binding->compat);
    emit_interface(e, ends->interface);
    if (!set_direction(e, ends, t) || !binding->protocol->publish(c, t, event)) {
        counter_add(e->counters->events_filtered, 1);
        return;
    }
    derive(event);
    emit_finish(e);
}
