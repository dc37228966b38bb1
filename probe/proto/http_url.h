// SPDX-License-Identifier: Apache-2.0
// What stands in request targets, Host fields and forms: paths, authorities, parameters
// (RFC 3986, and application/x-www-form-urlencoded). Texts only; knows no documents.
#pragma once

#include "pipeline/base/arena.h"
#include "pipeline/base/json.h"

enum { HTTP_PARAMETERS_MOST = 1024 }; // what lies above is left out

// What is written as it is; everything else becomes %XX.
enum http_plain {
    HTTP_PLAIN_PARAMETER, // a blank becomes +
    HTTP_PLAIN_PATH,
    HTTP_PLAIN_HOST,
};
// The pen must have room for three times the text.
void http_escape(struct pen *pen, struct span text, enum http_plain plain);

// Undoes %XX, and + if `plus`; `to` holds text.len bytes. A % that is no escape stays.
size_t http_unescape(uint8_t *to, struct span text, bool plus);

// A request target in its parts, still escaped; what is not there is empty.
struct http_target {
    struct span authority, path, query;
};
struct http_target http_target_of(struct span target);

// The host of a Host field or an authority, without port and brackets. `*port`: 0 if there is none
// from 1 to `port_most`; then what looks like one stays with the host.
struct span http_host(struct span text, uint64_t port_most, uint16_t *port);

// All parameters of a query and of a form, escaped anew, in the order of their names. A form's
// replace a query's of the same name. The values of those in `hidden` (`hidden_count` names, lower
// case) become xxxxx. In `scratch`; `*full`: there was no room, or there are too many.
struct span http_parameters(struct span query, struct span form, const char *const *hidden,
                            int hidden_count, struct arena *scratch, bool *full);

// A form, or the query of a URL, as it was sent, but for the values of those in `hidden`. In
// `scratch` if there are any, else as it is; empty, and `*full`, if there was no room.
struct span http_hide_in_form(struct span form, const char *const *hidden, int hidden_count,
                              struct arena *scratch, bool *full);
struct span http_hide_in_url(struct span url, const char *const *hidden, int hidden_count,
                             struct arena *scratch, bool *full);
