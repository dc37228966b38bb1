// SPDX-License-Identifier: Apache-2.0
// add_host_metadata: what is known of this machine, below host.

#include "pipeline/host_fields.h"

struct add_host_settings {
    bool netinfo, replace_fields;
    int64_t ttl;
    const char *name;
    struct host_geo geo;
};

#define HOST(member) offsetof(struct add_host_settings, member)

static const struct setting settings_table[] = {
    {"netinfo.enabled", SETTING_BOOL, HOST(netinfo), "true", .meaning = "Add host.ip and host.mac"},
    {"cache.ttl", SETTING_DURATION, HOST(ttl), "5m", 0, INT64_MAX,
     .meaning = "What is known is read anew when it is so old"},
    {"expire_update_timeout", SETTING_UNUSED, .meaning = "reading anew never waits"},
    {"name", SETTING_TEXT, HOST(name), .meaning = "host.name; otherwise it stays as it is"},
    {"replace_fields", SETTING_BOOL, HOST(replace_fields), "true",
     .meaning = "Replace what is there; else nothing is done where there is more than host.name"},
    {"geo", SETTING_TABLE, HOST(geo), .table = host_geo_settings, .meaning = "Where it stands"},
    SETTING_END};

enum add_host_field {
    ARCHITECTURE,
    CONTAINERIZED,
    HOSTNAME,
    ID,
    IPS,
    MACS,
    NAME,
    OS_CODENAME,
    OS_FAMILY,
    OS_KERNEL,
    OS_NAME,
    OS_PLATFORM,
    OS_TYPE,
    OS_VERSION,
    FIELDS
};

static const struct field fields[FIELDS] = {
    [ARCHITECTURE] = {"host.architecture", FIELD_KEYWORD, "Architecture of the processor", 0},
    [CONTAINERIZED] = {"host.containerized", FIELD_BOOLEAN, "Whether it is a container", 0},
    [HOSTNAME] = {"host.hostname", FIELD_KEYWORD, "Name that the system has", 0},
    [ID] = {"host.id", FIELD_KEYWORD, "Id of the machine", 0},
    [IPS] = {"host.ip", FIELD_IP, "Its addresses", FIELD_LIST},
    [MACS] = {"host.mac", FIELD_KEYWORD, "Its hardware addresses", FIELD_LIST},
    [NAME] = {"host.name", FIELD_KEYWORD, "Name of the probe", 0},
    [OS_CODENAME] = {"host.os.codename", FIELD_KEYWORD, "Code name of the release", 0},
    [OS_FAMILY] = {"host.os.family", FIELD_KEYWORD, "Family of the system", 0},
    [OS_KERNEL] = {"host.os.kernel", FIELD_KEYWORD, "Version of the kernel", 0},
    [OS_NAME] = {"host.os.name", FIELD_KEYWORD, "Name of the system", 0},
    [OS_PLATFORM] = {"host.os.platform", FIELD_KEYWORD, "Short name of the system", 0},
    [OS_TYPE] = {"host.os.type", FIELD_KEYWORD, "Always linux", 0},
    [OS_VERSION] = {"host.os.version", FIELD_KEYWORD, "Version of the system", 0},
};
static const struct field_table table = {"add_host_metadata", NULL, fields, FIELDS};

struct add_host {
    struct field_path paths[FIELDS];
    struct field_path host;
    bool netinfo, replace;
    int64_t ttl;
    const char *name;
    struct host_place place;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    host_place_names(&((const struct add_host_settings *)settings)->geo, "host", tell, arg, a);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct add_host_settings *given = settings;
    struct add_host *self = arena_alloc(place->arena, sizeof *self);
    if (!self) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    for (int i = 0; i < FIELDS; i++)
        self->paths[i] = schema_path(place->schema, fields[i].name, place->arena);
    self->host = schema_path(place->schema, "host", place->arena);
    self->netinfo = given->netinfo;
    self->replace = given->replace_fields;
    self->ttl = given->ttl;
    self->name = given->name;
    return host_place_read(&self->place, &given->geo, "host", place, why) ? self : NULL;
}

// True if something is known already that is not just the name.
static bool is_known(const struct add_host *self, const struct event *e)
{
    for (unsigned rank = self->host.first; rank <= self->host.last; rank++)
        if (rank != self->paths[NAME].first && e->set[rank >> 6] >> (rank & 63) & 1)
            return true;
    return false;
}

static void put_system(const struct add_host *self, struct event *e, const struct host *h)
{
    const struct {
        enum add_host_field field;
        const char *text;
    } rows[] = {{ARCHITECTURE, h->architecture},
                {HOSTNAME, h->hostname},
                {ID, h->id},
                {OS_CODENAME, h->os_codename},
                {OS_FAMILY, h->os_family},
                {OS_KERNEL, h->kernel},
                {OS_NAME, h->os_name},
                {OS_PLATFORM, h->os_platform},
                {OS_TYPE, "linux"},
                {OS_VERSION, h->os_version},
                {NAME, self->name ? self->name : ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        host_put_text(e, &self->paths[rows[i].field], rows[i].text);
    event_put(e, &self->paths[CONTAINERIZED],
              (struct value){.kind = VALUE_BOOL, .number = h->is_container});
}

static bool run(const void *self, struct event *e)
{
    const struct add_host *add = self;
    const struct host *h = !add->replace && is_known(add, e) ? NULL : host_facts(e, self, add->ttl);
    if (!h)
        return true;
    put_system(add, e, h);
    if (add->netinfo) {
        host_put_ips(e, &add->paths[IPS], h);
        host_put_macs(e, &add->paths[MACS], h);
    }
    host_place_put(&add->place, e);
    return true;
}

const struct processor processor_add_host_metadata = {
    .name = "add_host_metadata",
    .meaning = "Adds what is known of this machine",
    .settings = settings_table,
    .settings_size = sizeof(struct add_host_settings),
    .fields = &table,
    .names = names,
    .create = create,
    .run = run,
};
