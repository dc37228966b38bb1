// SPDX-License-Identifier: Apache-2.0
// A worker's facts stay where they are until they are read anew, which never happens while a
// document is put together; so values are views of them.

#include "pipeline/host_fields.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"

#define GEO(member) offsetof(struct host_geo, member)

const struct setting host_geo_settings[] = {
    {"name", SETTING_TEXT, GEO(name), .meaning = "Name of the place"},
    {"location", SETTING_TEXT, GEO(location), .meaning = "Latitude and longitude: 48.21, 16.37"},
    {"continent_name", SETTING_TEXT, GEO(continent_name), .meaning = "Continent"},
    {"country_name", SETTING_TEXT, GEO(country_name), .meaning = "Country"},
    {"country_iso_code", SETTING_TEXT, GEO(country_iso_code), .meaning = "Its code"},
    {"region_name", SETTING_TEXT, GEO(region_name), .meaning = "Region"},
    {"region_iso_code", SETTING_TEXT, GEO(region_iso_code), .meaning = "Its code"},
    {"city_name", SETTING_TEXT, GEO(city_name), .meaning = "City"},
    SETTING_END};

// What is given, in the order of the table.
static const char *given_at(const struct host_geo *geo, int i)
{
    const char *text;
    memcpy(&text, (const char *)geo + host_geo_settings[i].offset, sizeof text);
    return text;
}

void host_place_names(const struct host_geo *geo, const char *object, processor_name *tell,
                      void *arg, struct arena *a)
{
    for (int i = 0; host_geo_settings[i].key; i++) {
        const char *name = arena_printf(a, "%s.geo.%s", object, host_geo_settings[i].key);
        if (name && given_at(geo, i))
            tell(arg, name);
    }
}

static bool is_location(const char *text)
{
    char *end;
    double latitude = strtod(text, &end);
    if (end == text || *end != ',')
        return false;
    const char *second = end + 1;
    double longitude = strtod(second, &end);
    return end != second && !*end && latitude >= -90 && latitude <= 90 && longitude >= -180 &&
           longitude <= 180;
}

bool host_place_read(struct host_place *to, const struct host_geo *geo, const char *object,
                     const struct processor_place *place, struct error *why)
{
    if (geo->location && !is_location(geo->location))
        return config_refuse(place->node, why,
                             "geo.location: found \"%.40s\", expected latitude and longitude like "
                             "48.21, 16.37",
                             geo->location);
    for (int i = 0; host_geo_settings[i].key; i++) {
        const char *text = given_at(geo, i);
        const char *name =
            arena_printf(place->arena, "%s.geo.%s", object, host_geo_settings[i].key);
        if (text && name)
            to->at[to->count++] = (struct host_field){
                schema_path(place->schema, name, place->arena), value_text(span_text(text))};
    }
    return true;
}

void host_place_put(const struct host_place *place, struct event *e)
{
    for (int i = 0; i < place->count; i++)
        event_put(e, &place->at[i].path, place->at[i].value);
}

// ── facts ────────────────────────────────────────────────────────────────────────────────────────

struct facts {
    struct host host;
    int64_t read; // steady; 0: never
};

const struct host *host_facts(struct event *e, const void *owner, int64_t ttl)
{
    struct facts *facts = event_keep(e, owner, sizeof *facts, NULL);
    int64_t now = clock_steady();
    if (facts && (!facts->read || now - facts->read > ttl)) {
        host_read(&facts->host);
        facts->read = now;
    }
    return facts ? &facts->host : NULL;
}

void host_put_text(struct event *e, const struct field_path *path, const char *text)
{
    if (*text)
        event_put(e, path, value_text(span_text(text)));
}

void host_put_ips(struct event *e, const struct field_path *path, const struct host *h)
{
    struct value list = {.kind = VALUE_NULL};
    for (int i = 0; i < h->ip_count; i++)
        value_add(e, &list, value_ip(h->ip[i].bytes, h->ip[i].family));
    if (h->ip_count)
        event_put(e, path, list);
}

void host_put_macs(struct event *e, const struct field_path *path, const struct host *h)
{
    struct value list = {.kind = VALUE_NULL};
    for (int i = 0; i < h->mac_count; i++)
        value_add(e, &list, (struct value){.kind = VALUE_MAC, .len = 6, .at = h->mac[i]});
    if (h->mac_count)
        event_put(e, path, list);
}
