// SPDX-License-Identifier: Apache-2.0
// add_network_direction: inbound, outbound, internal or external, by which of two addresses lie in
// the internal networks.

#include "pipeline/cidr.h"
#include "pipeline/processor.h"

struct add_network_direction_settings {
    const char *source, *destination, *target;
    struct setting_texts internal_networks;
};

#define DIRECTION(member) offsetof(struct add_network_direction_settings, member)

static const struct setting settings_table[] = {
    {"source", SETTING_TEXT, DIRECTION(source), "source.ip", .meaning = "Address of the sender"},
    {"destination", SETTING_TEXT, DIRECTION(destination), "destination.ip",
     .meaning = "Address of the receiver"},
    {"target", SETTING_TEXT, DIRECTION(target), "network.direction",
     .meaning = "Field that takes the direction"},
    {"internal_networks", SETTING_TEXTS, DIRECTION(internal_networks),
     .meaning = "Networks like 10.0.0.0/8 or names like private", .required = true},
    SETTING_END};

struct add_network_direction {
    struct field_path source, destination, target;
    const struct cidr_set *internal;
    int internal_count;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct add_network_direction_settings *)settings)->target);
}

static const struct cidr_set *read_networks(const struct setting_texts *texts,
                                            const struct processor_place *place, struct error *why)
{
    struct cidr_set *sets = arena_alloc(place->arena, ((size_t)texts->count + 1) * sizeof *sets);
    for (int i = 0; sets && i < texts->count; i++)
        if (!cidr_read(texts->at[i], place->arena, &sets[i])) {
            config_refuse(place->node, why,
                          "internal_networks: \"%.60s\" is neither a network like 10.0.0.0/8 nor a "
                          "name like private",
                          texts->at[i]);
            return NULL;
        }
    if (!sets)
        error_set(why, "no memory for a processor");
    return sets;
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_network_direction_settings *given = settings;
    struct add_network_direction *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    self->source = schema_path(place->schema, given->source, place->arena);
    self->destination = schema_path(place->schema, given->destination, place->arena);
    self->target = schema_path(place->schema, given->target, place->arena);
    self->internal = read_networks(&given->internal_networks, place, why);
    self->internal_count = given->internal_networks.count;
    return self->internal ? self : NULL;
}

static bool is_internal(const struct add_network_direction *d, const struct ip *ip)
{
    for (int i = 0; i < d->internal_count; i++)
        if (cidr_has(&d->internal[i], ip))
            return true;
    return false;
}

static bool run(const void *self, struct event *e)
{
    static const char *const directions[2][2] = {{"external", "inbound"}, {"outbound", "internal"}};
    const struct add_network_direction *d = self;
    struct ip source, destination;
    if (!event_address(e, &d->source, &source) || !event_address(e, &d->destination, &destination))
        return true; // nothing to say of what has no addresses
    const char *direction = directions[is_internal(d, &source)][is_internal(d, &destination)];
    event_put(e, &d->target, value_text(span_text(direction)));
    return true;
}

const struct processor processor_add_network_direction = {
    .name = "add_network_direction",
    .meaning = "Says whether a document is of inbound, outbound, internal or external traffic",
    .settings = settings_table,
    .settings_size = sizeof(struct add_network_direction_settings),
    .names = names,
    .create = create,
    .run = run,
};
