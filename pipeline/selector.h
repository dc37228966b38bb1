// SPDX-License-Identifier: Apache-2.0
// Where events go: for each route of each output a field of the event, rules, and a format string,
// in this order. Read once at start; resolved by the worker for each document. What is the same for
// all events is told to the output once and costs nothing afterwards.
//
//   indices:                       rules: the first that gives a text decides
//     - index: "dns-%{+yyyy.MM}"   the text; event fields and its time (see route.h)
//       when.equals.type: dns      only for events that match
//     - index: "%{[method]}"
//       mappings: {GET: reads}     the text is looked up; what is not there takes the default
//       default: others            without it such an event tries the next rule
#pragma once

#include "pipeline/event.h"
#include "pipeline/publisher.h"

// What one route of one output is made of.
struct selector_source {
    const char *text;           // the format string; NULL: none
    const struct config *rules; // NULL: none
    const char *key;            // of the text in each rule
    const char *field;          // NULL: none
    bool lower;
    const struct output_world *world; // agent.version, agent.type, agent.name of its program are
                                      // put into format strings at once
};

struct selector;
// NULL: `why` says what is wrong with which rule.
struct selector *selector_read(const struct selector_source *from, const struct schema *s,
                               struct arena *a, struct error *why);
// What the event gets if no field and no rule speaks; false if that depends on the event.
bool selector_constant(const struct selector *sel, struct span *text);
// The text for this event, in its scratch; empty: none, or it is the constant.
struct span selector_resolve(const struct selector *sel, struct event *e);

// All routes of all outputs. Numbers them in the order of the list and tells each output its
// constants. NULL: `why` names the setting.
struct routes;
struct routes *routes_read(struct publisher_output *list, int count,
                           const struct output_world *world, const struct schema *s,
                           struct arena *a, struct error *why);
// Resolves them for an event whose values are final; sets its routes if one is not constant.
void routes_resolve(const struct routes *r, struct event *e);
