// SPDX-License-Identifier: Apache-2.0
// What the endpoint answers. Inside this folder only.
#pragma once

#include "pipeline/endpoint.h"
#include "pipeline/usage.h"

// What a page is made of, of one moment.
struct endpoint_view {
    const struct endpoint_world *world;
    struct stats stats;
    struct usage usage;
    int64_t started; // wall time
    int64_t uptime;
};

struct endpoint_page {
    const char *path;
    const char *type; // Content-Type
    // Writes the body; returns the status.
    unsigned (*write)(const struct endpoint_view *v, struct pen *pen);
};

// Ended by a NULL path.
extern const struct endpoint_page endpoint_pages[];
extern const char endpoint_json[]; // the Content-Type of what ?pretty makes pretty

unsigned endpoint_metrics(const struct endpoint_view *v, struct pen *pen);
// JSON as it is written here, with line feeds and indents.
void endpoint_pretty(struct span json, struct pen *pen);
