// SPDX-License-Identifier: Apache-2.0
// What output.elasticsearch, cloud.* and setup.* say, checked, and the addresses that follow from
// it.
#pragma once

#include "outputs/http.h"
#include "pipeline/output.h"

enum es_preset { PRESET_CUSTOM, PRESET_BALANCED, PRESET_THROUGHPUT, PRESET_SCALE, PRESET_LATENCY };
enum es_document_id { DOCUMENT_ID_NONE, DOCUMENT_ID_HASH };
enum es_when { WHEN_AUTO, WHEN_TRUE, WHEN_FALSE };

struct es_setup_settings {
    bool template_enabled, template_overwrite;
    const char *template_name, *template_pattern;
    int64_t template_priority;
    const struct config *index_settings; // below setup.template.settings.index
    const struct config *source_settings;
    const char *template_json; // a file whose template is taken instead of ours
    const char *template_json_name;
    bool template_json_enabled, template_json_stream; // stream: it is one for data streams
    int ilm;                                          // enum es_when
    const char *policy_name, *policy_file;
    bool policy_overwrite, policy_check;
    int dsl; // enum es_when
    const char *retention;
};

struct es_settings {
    bool enabled;
    struct setting_texts hosts;
    const char *protocol, *path;
    const struct config *parameters;
    int64_t worker, workers;
    bool loadbalance;
    const char *index, *pipeline;
    const struct config *indices, *pipelines;
    struct http_settings http;
    int64_t compression_level, bulk_max_size, bulk_max_bytes;
    const char *max_retries; // a number, or auto
    int64_t backoff_init, backoff_max;
    const struct config *non_indexable;
    int preset, document_id;
    const char *cloud_id, *cloud_auth;
    struct es_setup_settings setup;
};
extern const struct setting es_settings[];      // of output.elasticsearch
extern const struct setting es_root_settings[]; // at the root of the file

bool es_check(const void *settings, struct error *why);
void es_serve(const void *settings, const struct output_world *world, struct queue_settings *queue);
// Where dead letters go; NULL: they are dropped.
const char *es_dead_letter_index(const struct es_settings *s);
int es_compression_level(const struct es_settings *s);

// The servers' addresses: up to and without the slash before "_bulk". Those of cloud.id if it is
// given.
struct es_hosts {
    char **url;
    int count;
    char *username, *password; // out of an address or cloud.auth; NULL: none
};
bool es_hosts_read(const struct es_settings *s, struct es_hosts *hosts, struct error *why);
void es_hosts_free(struct es_hosts *hosts);
// The address with a path and the user's parameters: "URL/PATH?QUERY&…". Freed by the caller.
char *es_url(const struct es_settings *s, const char *host, const char *path, const char *query);
// Percent encoding of one part of a path; freed by the caller.
char *es_escape(struct span text);
