// SPDX-License-Identifier: Apache-2.0
// What add_host_metadata and add_observer_metadata have in common: facts of this machine that a
// worker reads anew when they are too old, and a place on the map that the settings name.
#pragma once

#include "pipeline/host.h"
#include "pipeline/processor.h"

// A part of the settings: geo.*, names of ECS. Location is "latitude, longitude".
struct host_geo {
    const char *name, *location, *continent_name, *country_name, *country_iso_code;
    const char *region_name, *region_iso_code, *city_name;
};
extern const struct setting host_geo_settings[];

// Fields of an object: each a name and a fact.
struct host_field {
    struct field_path path;
    struct value value;
};

enum { HOST_GEO = 8 };

struct host_place {
    struct host_field at[HOST_GEO];
    int count;
};

// False: the location makes no sense.
bool host_place_read(struct host_place *to, const struct host_geo *geo, const char *object,
                     const struct processor_place *place, struct error *why);
void host_place_put(const struct host_place *place, struct event *e);
// Tells the names of what is given.
void host_place_names(const struct host_geo *geo, const char *object, processor_name *tell,
                      void *arg, struct arena *a);

// What this worker knows of the machine, not older than `ttl`; NULL: no memory.
const struct host *host_facts(struct event *e, const void *owner, int64_t ttl);

void host_put_text(struct event *e, const struct field_path *path,
                   const char *text); // not if empty
void host_put_ips(struct event *e, const struct field_path *path, const struct host *h);
void host_put_macs(struct event *e, const struct field_path *path, const struct host *h);
