// SPDX-License-Identifier: Apache-2.0
// community_id: the Community ID of what the document says of addresses, ports and transport. A
// document that lacks one of them has none.

#include "pipeline/community_id.h"

#include "pipeline/processor.h"

struct community_id_settings {
    const char *source_ip, *source_port, *destination_ip, *destination_port;
    const char *iana_number, *transport, *icmp_type, *icmp_code;
    const char *target;
    int64_t seed;
};

#define ID(member) offsetof(struct community_id_settings, member)

static const struct setting settings_table[] = {
    {"fields.source_ip", SETTING_TEXT, ID(source_ip), "source.ip", .meaning = "Field with it"},
    {"fields.source_port", SETTING_TEXT, ID(source_port), "source.port",
     .meaning = "Field with it"},
    {"fields.destination_ip", SETTING_TEXT, ID(destination_ip), "destination.ip",
     .meaning = "Field with it"},
    {"fields.destination_port", SETTING_TEXT, ID(destination_port), "destination.port",
     .meaning = "Field with it"},
    {"fields.iana_number", SETTING_TEXT, ID(iana_number), "network.iana_number",
     .meaning = "Field with the number of the transport"},
    {"fields.transport", SETTING_TEXT, ID(transport), "network.transport",
     .meaning = "Field with its name, where there is no number"},
    {"fields.icmp_type", SETTING_TEXT, ID(icmp_type), "icmp.type", .meaning = "Field with it"},
    {"fields.icmp_code", SETTING_TEXT, ID(icmp_code), "icmp.code", .meaning = "Field with it"},
    {"target", SETTING_TEXT, ID(target), "network.community_id",
     .meaning = "Field that takes the id"},
    {"seed", SETTING_NUMBER, ID(seed), "0", 0, 65535, .meaning = "Seed of the id"},
    SETTING_END};

struct community_id {
    struct field_path ip[2], port[2], icmp[2]; // sender, receiver; type, code
    struct field_path number, transport, target;
    uint16_t seed;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct community_id_settings *)settings)->target);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct community_id_settings *given = settings;
    struct community_id *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    const struct {
        struct field_path *path;
        const char *name;
    } rows[] = {{&self->ip[0], given->source_ip},     {&self->ip[1], given->destination_ip},
                {&self->port[0], given->source_port}, {&self->port[1], given->destination_port},
                {&self->icmp[0], given->icmp_type},   {&self->icmp[1], given->icmp_code},
                {&self->number, given->iana_number},  {&self->transport, given->transport},
                {&self->target, given->target}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i].path = schema_path(place->schema, rows[i].name, place->arena);
    self->seed = (uint16_t)given->seed;
    return self;
}

static const struct transport {
    const char *name;
    uint8_t number;
} transports[] = {{"icmp", 1},  {"igmp", 2},   {"tcp", 6},     {"udp", 17},       {"gre", 47},
                  {"esp", 50},  {"icmp6", 58}, {"icmpv6", 58}, {"ipv6-icmp", 58}, {"eigrp", 88},
                  {"ospf", 89}, {"pim", 103},  {"sctp", 132}};

static bool read_number(struct event *e, const struct field_path *path, uint64_t most,
                        uint64_t *number)
{
    struct span text = event_to_text(e, path);
    return text.at && span_number(text, number) && *number <= most;
}

static bool read_transport(const struct community_id *self, struct event *e, uint8_t *protocol)
{
    uint64_t number;
    if (read_number(e, &self->number, 255, &number)) {
        *protocol = (uint8_t)number;
        return true;
    }
    struct span name = event_to_text(e, &self->transport);
    for (size_t i = 0; name.at && i < sizeof transports / sizeof *transports; i++)
        if (span_is_nocase(name, span_text(transports[i].name))) {
            *protocol = transports[i].number;
            return true;
        }
    return false;
}

// The two numbers beside the addresses, where the transport has any.
static bool read_ports(const struct community_id *self, struct event *e,
                       struct community_flow *flow)
{
    bool icmp = flow->protocol == 1 || flow->protocol == 58;
    bool ports = flow->protocol == 6 || flow->protocol == 17 || flow->protocol == 132;
    const struct field_path *paths = icmp ? self->icmp : self->port;
    for (int i = 0; (icmp || ports) && i < 2; i++) {
        uint64_t number;
        if (!read_number(e, &paths[i], icmp ? 255 : 65535, &number))
            return false;
        flow->port[i] = (uint16_t)number;
    }
    return true;
}

static bool run(const void *self, struct event *e)
{
    const struct community_id *id = self;
    struct community_flow flow = {.seed = id->seed};
    char *text = arena_alloc(&e->scratch, COMMUNITY_ID);
    if (!text || !event_address(e, &id->ip[0], &flow.ip[0]) ||
        !event_address(e, &id->ip[1], &flow.ip[1]) || !read_transport(id, e, &flow.protocol) ||
        !read_ports(id, e, &flow))
        return true;
    size_t len = community_id(&flow, text);
    if (len)
        event_put(e, &id->target, value_text(span_of(text, len)));
    return true;
}

const struct processor processor_community_id = {
    .name = "community_id",
    .meaning = "Adds the Community ID of a flow",
    .settings = settings_table,
    .settings_size = sizeof(struct community_id_settings),
    .names = names,
    .create = create,
    .run = run,
};
