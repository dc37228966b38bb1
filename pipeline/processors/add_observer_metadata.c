// SPDX-License-Identifier: Apache-2.0
// add_observer_metadata: what is known of this machine as the one that watches, below observer.

#include "pipeline/host_fields.h"

struct add_observer_settings {
    bool netinfo, overwrite;
    int64_t ttl;
    struct host_geo geo;
};

#define OBSERVER(member) offsetof(struct add_observer_settings, member)

static const struct setting settings_table[] = {
    {"netinfo.enabled", SETTING_BOOL, OBSERVER(netinfo), "false",
     .meaning = "Add observer.ip and observer.mac"},
    {"cache.ttl", SETTING_DURATION, OBSERVER(ttl), "5m", 0, INT64_MAX,
     .meaning = "What is known is read anew when it is so old"},
    {"overwrite", SETTING_BOOL, OBSERVER(overwrite), "false",
     .meaning = "Replace what is there; else nothing is done where there is an observer"},
    {"geo", SETTING_TABLE, OBSERVER(geo), .table = host_geo_settings, .meaning = "Where it stands"},
    SETTING_END};

enum add_observer_field { HOSTNAME, IPS, MACS, FIELDS };

static const struct field fields[FIELDS] = {
    [HOSTNAME] = {"observer.hostname", FIELD_KEYWORD, "Name that the system of the probe has", 0},
    [IPS] = {"observer.ip", FIELD_IP, "Addresses of the probe", FIELD_LIST},
    [MACS] = {"observer.mac", FIELD_KEYWORD, "Hardware addresses of the probe", FIELD_LIST},
};
static const struct field_table table = {"add_observer_metadata", NULL, fields, FIELDS};

struct add_observer {
    struct field_path paths[FIELDS];
    struct field_path observer;
    bool netinfo, overwrite;
    int64_t ttl;
    struct host_place place;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    host_place_names(&((const struct add_observer_settings *)settings)->geo, "observer", tell, arg,
                     a);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_observer_settings *given = settings;
    struct add_observer *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    for (int i = 0; i < FIELDS; i++)
        self->paths[i] = schema_path(place->schema, fields[i].name, place->arena);
    self->observer = schema_path(place->schema, "observer", place->arena);
    self->netinfo = given->netinfo;
    self->overwrite = given->overwrite;
    self->ttl = given->ttl;
    return host_place_read(&self->place, &given->geo, "observer", place, why) ? self : NULL;
}

static bool run(const void *self, struct event *e)
{
    const struct add_observer *add = self;
    const struct host *h =
        !add->overwrite && event_has_path(e, &add->observer) ? NULL : host_facts(e, self, add->ttl);
    if (!h)
        return true;
    host_put_text(e, &add->paths[HOSTNAME], h->hostname);
    if (add->netinfo) {
        host_put_ips(e, &add->paths[IPS], h);
        host_put_macs(e, &add->paths[MACS], h);
    }
    host_place_put(&add->place, e);
    return true;
}

const struct processor processor_add_observer_metadata = {
    .name = "add_observer_metadata",
    .meaning = "Adds what is known of this machine as the one that watches",
    .settings = settings_table,
    .settings_size = sizeof(struct add_observer_settings),
    .fields = &table,
    .names = names,
    .create = create,
    .run = run,
};
