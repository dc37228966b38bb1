// SPDX-License-Identifier: Apache-2.0
// What stands on the other side, and what documents need there: a lifecycle policy where the server
// has such (Elasticsearch ILM, OpenSearch ISM), the index template, the data stream, or an index
// behind an alias where there are no data streams. Asks and looks before it puts; doing it again
// does no harm. What a server lacks or forbids is said once and gone on without.
#pragma once

#include "outputs/es_settings.h"

struct es_server {
    bool known;                       // its version
    bool opensearch, serverless, oss; // oss: Elasticsearch without Elastic's own parts
    char version[32];
    char name[64]; // for people: "Elasticsearch 8.19.1"
};

// Who is there. False: nobody answered, or the answer means that documents would not be taken
// either (credentials, too much to do); `a` has it.
bool es_server_ask(struct http *http, const struct es_settings *s, const char *host,
                   struct es_server *server, struct http_answer *a);

struct es_setup_place {
    const struct es_settings *settings;
    const struct output_world *world;
    struct http *http;
    const char *host;
    FILE *to; // told each step; NULL: the log is, of what matters
};
// True: done, or not to be done. False: try later, `why` says what is in the way.
bool es_setup_run(const struct es_setup_place *p, struct error *why);
