// SPDX-License-Identifier: Apache-2.0
// registered_domain: of a host name the part that somebody registered, what stands behind it (the
// effective top-level domain) and before it (the subdomain), by the public suffix list.

#include "pipeline/action.h"
#include "pipeline/suffix.h"

struct registered_domain_settings {
    const char *field, *target_field, *target_etld_field, *target_subdomain_field;
    struct action_settings action;
};

#define DOMAIN(member) offsetof(struct registered_domain_settings, member)

static const struct setting settings_table[] = {
    {"field", SETTING_TEXT, DOMAIN(field), .meaning = "Field with the host name", .required = true},
    {"target_field", SETTING_TEXT, DOMAIN(target_field),
     .meaning = "Field that takes the registered domain", .required = true},
    {"target_etld_field", SETTING_TEXT, DOMAIN(target_etld_field),
     .meaning = "Field that takes the effective top-level domain"},
    {"target_subdomain_field", SETTING_TEXT, DOMAIN(target_subdomain_field),
     .meaning = "Field that takes the subdomain"},
    {"id", SETTING_UNUSED, .meaning = "processors are told apart without"},
    ACTION_IGNORE_MISSING(struct registered_domain_settings),
    ACTION_IGNORE_FAILURE(struct registered_domain_settings),
    SETTING_END};

struct registered_domain {
    struct action action;
    struct field_path top, subdomain; // bound to nothing if not wanted
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    const struct registered_domain_settings *given = settings;
    const char *const all[] = {given->target_field, given->target_etld_field,
                               given->target_subdomain_field};
    (void)a;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            tell(arg, all[i]);
}

static const char *look_up(const struct action *a, const struct action_step *step, struct event *e)
{
    const struct registered_domain *self = (const struct registered_domain *)(const void *)a;
    struct span name = event_string(e, &step->from);
    if (!name.at)
        return "it is no text";
    if (name.len && name.at[name.len - 1] == '.')
        name.len--;
    struct span registered = suffix_registered(name), top = registered;
    if (!registered.len)
        return "it has no registered domain";
    span_cut(&top, '.');
    event_put(e, &step->to, value_text(registered));
    event_put(e, &self->top, value_text(top));
    if (registered.len < name.len)
        event_put(e, &self->subdomain, value_text(span_first(name, name.len - registered.len - 1)));
    return NULL;
}

static struct field_path bind(const char *name, const struct processor_place *place)
{
    return schema_path(place->schema, name ? name : "", place->arena);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct registered_domain_settings *given = settings;
    struct action like = {.verb = "find the registered domain of",
                          .run = look_up,
                          .ignore_missing = given->action.ignore_missing,
                          .ignore_failure = given->action.ignore_failure};
    struct registered_domain *self = action_new(sizeof *self, like, place, why);
    if (!self || !action_add(self, sizeof(struct action_step), given->field, given->target_field,
                             place, why))
        return NULL;
    self->top = bind(given->target_etld_field, place);
    self->subdomain = bind(given->target_subdomain_field, place);
    return self;
}

const struct processor processor_registered_domain = {
    .name = "registered_domain",
    .meaning = "Takes the registered domain out of a host name",
    .settings = settings_table,
    .settings_size = sizeof(struct registered_domain_settings),
    .names = names,
    .create = create,
    .run = action_run,
};
