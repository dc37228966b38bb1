// SPDX-License-Identifier: Apache-2.0
// Tables with the reference's names, presets, addresses.
#include "outputs/es_settings.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/text.h"

enum { CLOUD = 1024, TEXT = 2048 };

#define AT(member) offsetof(struct es_settings, member)
#define OF(member) offsetof(struct es_setup_settings, member)

static const char *const presets[] = {"custom", "balanced", "throughput", "scale", "latency", NULL};
static const char *const document_ids[] = {"none", "hash", NULL};
static const char *const protocols[] = {"http", "https", NULL};
static const char *const whens[] = {"auto", "true", "false", NULL};

static const struct setting backoff_table[] = {
    {"init", SETTING_DURATION, AT(backoff_init), "1s", MILLISECOND, 3600 * SECOND,
     .meaning = "Longest pause after the first failure; doubled after each further one"},
    {"max", SETTING_DURATION, AT(backoff_max), "60s", MILLISECOND, 3600 * SECOND,
     .meaning = "Longest pause at all"},
    SETTING_END};

const struct setting es_settings[] = {
    {"hosts", SETTING_TEXTS, AT(hosts),
     .meaning = "Servers of one cluster: host:port or addresses"},
    {"protocol", SETTING_TEXT, AT(protocol), "http",
     .meaning = "http or https, for hosts that do not say"},
    {"path", SETTING_TEXT, AT(path), .meaning = "In front of every path, for hosts that have none"},
    {"parameters", SETTING_NODE, AT(parameters),
     .meaning = "Query parameters of every request, names and values"},
    {"worker", SETTING_NUMBER, AT(worker), "0", 0, 64, .meaning = "As `workers`"},
    {"workers", SETTING_NUMBER, AT(workers), "0", 0, 64,
     .meaning = "Connections to each host that send at once; 0: 1"},
    {"loadbalance", SETTING_BOOL, AT(loadbalance), "true",
     .meaning = "Send to all hosts at once; false: to one, until it fails"},
    {"index", SETTING_TEXT, AT(index), "%{[agent.type]}-%{[agent.version]}",
     .meaning = "Data stream or index, an event format string; in lower case"},
    {"indices", SETTING_NODE, AT(indices),
     .meaning =
         "Rules tried before: {index, mappings, default, when}; the first that fits decides"},
    {"pipeline", SETTING_TEXT, AT(pipeline),
     .meaning = "Ingest pipeline, an event format string; in lower case"},
    {"pipelines", SETTING_NODE, AT(pipelines), .meaning = "Rules tried before, with pipeline"},
    {"headers", SETTING_NODE, AT(http.headers), .meaning = "More headers of each request"},
    {"username", SETTING_TEXT, AT(http.username), .meaning = "Basic authentication"},
    {"password", SETTING_TEXT, AT(http.password), .meaning = "Its password"},
    {"api_key", SETTING_TEXT, AT(http.api_key), .meaning = "API key: id:key, or its base64 form"},
    {"service_token", SETTING_TEXT, AT(http.token), .meaning = "Bearer token"},
    {"token_file", SETTING_TEXT, AT(http.token_file),
     .meaning = "File with a bearer token, read again when the server no longer takes it"},
    {"compression_level", SETTING_NUMBER, AT(compression_level), "1", 0, 9,
     .meaning = "gzip level; 0: not compressed"},
    {"escape_html", SETTING_UNUSED,
     .meaning = "Readers of JSON see no difference; <, > and & are written as they are"},
    {"bulk_max_size", SETTING_NUMBER, AT(bulk_max_size), "1600", -1, PARCEL_ROWS,
     .meaning = "Documents sent at once, at most; 0 and less: as queue.mem.flush.min_events"},
    {"bulk_max_bytes", SETTING_BYTES, AT(bulk_max_bytes), "5MiB", 4096, 1 << 30,
     .meaning = "Bytes sent at once, at most, before compression"},
    {"max_retries", SETTING_TEXT, AT(max_retries), "auto",
     .meaning = "Sendings after the first until a document is given up; negative: without end; "
                "auto: without end, under compat 3; refusals for overload and servers that are "
                "away do not count"},
    {"backoff", SETTING_TABLE, 0, .table = backoff_table, .meaning = "Pauses before sending again"},
    {"timeout", SETTING_DURATION, AT(http.timeout), "90s", SECOND, 3600 * SECOND,
     .meaning = "A request may take so long"},
    {"connect_timeout", SETTING_DURATION, AT(http.connect_timeout), "10s", MILLISECOND,
     3600 * SECOND, .meaning = "Connecting may take so long"},
    {"idle_connection_timeout", SETTING_DURATION, AT(http.idle_timeout), "3s", 0, 3600 * SECOND,
     .meaning = "A connection unused for so long is not used again"},
    {"proxy_url", SETTING_TEXT, AT(http.proxy_url),
     .meaning = "Proxy: http, https, socks5h; unset: the environment's"},
    {"proxy_disable", SETTING_BOOL, AT(http.proxy_disable), "false",
     .meaning = "No proxy, whatever the environment says"},
    {"proxy_headers", SETTING_NODE, AT(http.proxy_headers), .meaning = "Headers for the proxy"},
    {"ssl", SETTING_TABLE, AT(http.tls), .table = tls_settings, .meaning = "TLS"},
    {"kerberos", SETTING_UNUSED, .meaning = "Kerberos is not available"},
    {"allow_older_versions", SETTING_UNUSED, .meaning = "No version is refused"},
    {"non_indexable_policy", SETTING_NODE, AT(non_indexable),
     .meaning = "What becomes of refused documents: drop (counted), or dead_letter_index.index"},
    {"preset", SETTING_CHOICE, AT(preset), "custom", .choices = presets,
     .meaning = "The reference's bundles of bulk_max_size, workers, compression_level, "
                "queue.mem and timeouts; all but custom override what is said here"},
    {"document_id", SETTING_CHOICE, AT(document_id), "none", .choices = document_ids,
     .meaning = "hash: ids made of the documents' bytes, so that sending twice stores once; "
                "documents alike to the byte become one"},
    SETTING_END};

static const struct setting template_table[] = {
    {"enabled", SETTING_BOOL, OF(template_enabled), "true",
     .meaning = "Put the index template when the output starts"},
    {"name", SETTING_TEXT, OF(template_name), .meaning = "Its name; unset: as `index`"},
    {"pattern", SETTING_TEXT, OF(template_pattern),
     .meaning = "Which indices it is for; unset: name*"},
    {"overwrite", SETTING_BOOL, OF(template_overwrite), "false",
     .meaning = "Put it even if there is one"},
    {"priority", SETTING_NUMBER, OF(template_priority), "150", 0, 1 << 30,
     .meaning = "Wins over templates with less"},
    {"settings.index", SETTING_NODE, OF(index_settings),
     .meaning = "More settings of the indices, such as number_of_shards"},
    {"settings._source", SETTING_NODE, OF(source_settings), .meaning = "Mapping of _source"},
    {"json.enabled", SETTING_BOOL, OF(template_json_enabled), "false",
     .meaning = "Put the template in a file instead"},
    {"json.path", SETTING_TEXT, OF(template_json), .meaning = "The file"},
    {"json.name", SETTING_TEXT, OF(template_json_name),
     .meaning = "Its name; unset: setup.template.name"},
    {"json.data_stream", SETTING_BOOL, OF(template_json_stream), "false",
     .meaning = "It is for data streams: make one, too"},
    {"fields", SETTING_UNUSED, .meaning = "Fields come from the program's own tables"},
    {"append_fields", SETTING_UNUSED, .meaning = "See setup.template.json"},
    {"type", SETTING_UNUSED, .meaning = "Templates are composable index templates"},
    SETTING_END};

static const struct setting ilm_table[] = {
    {"enabled", SETTING_CHOICE, OF(ilm), "auto", .choices = whens,
     .meaning = "Put a lifecycle policy, ILM or OpenSearch's ISM; auto: where the server has them"},
    {"policy_name", SETTING_TEXT, OF(policy_name), .meaning = "Its name; unset: the program's"},
    {"policy_file", SETTING_TEXT, OF(policy_file),
     .meaning = "A file with the policy, as the server wants it (ILM or ISM); unset: a new index "
                "after 30 days or 50 GB"},
    {"check_exists", SETTING_BOOL, OF(policy_check), "true",
     .meaning = "Look first whether it is there; false: put nothing, it will be; or, to overwrite, "
                "put it"},
    {"overwrite", SETTING_BOOL, OF(policy_overwrite), "false",
     .meaning = "Put it even if there is one"},
    {"rollover_alias", SETTING_UNUSED, .meaning = "Where there are no data streams: the index"},
    {"pattern", SETTING_UNUSED, .meaning = "Where there are no data streams: 000001"},
    SETTING_END};

static const struct setting dsl_table[] = {
    {"enabled", SETTING_CHOICE, OF(dsl), "auto", .choices = whens,
     .meaning = "Give the data stream a lifecycle; auto: on serverless, which has no policies"},
    {"data_retention", SETTING_TEXT, OF(retention), "7d",
     .meaning = "How long documents are kept then"},
    {"data_stream_pattern", SETTING_UNUSED, .meaning = "The template says it"},
    {"policy_file", SETTING_UNUSED, .meaning = "See setup.dsl.data_retention"},
    {"check_exists", SETTING_UNUSED, .meaning = "It is part of the template"},
    {"overwrite", SETTING_UNUSED, .meaning = "See setup.template.overwrite"},
    SETTING_END};

static const struct setting setup_table[] = {
    {"template", SETTING_TABLE, 0, .table = template_table, .meaning = "The index template"},
    {"ilm", SETTING_TABLE, 0, .table = ilm_table, .meaning = "The lifecycle policy"},
    {"dsl", SETTING_TABLE, 0, .table = dsl_table, .meaning = "The data stream's own lifecycle"},
    {"dashboards", SETTING_UNUSED, .meaning = "Dashboards are not loaded"},
    {"kibana", SETTING_UNUSED, .meaning = "Kibana is not talked to"},
    SETTING_END};

const struct setting es_root_settings[] = {
    {"cloud.id", SETTING_TEXT, AT(cloud_id), .meaning = "Elastic Cloud's id, instead of hosts"},
    {"cloud.auth", SETTING_TEXT, AT(cloud_auth), .meaning = "user:password for it"},
    {"setup", SETTING_TABLE, AT(setup), .table = setup_table,
     .meaning = "What is put on the server first"},
    SETTING_END};

// ── addresses ───────────────────────────────────────────────────────────────────────────────────

static char *copy_text(struct span s)
{
    char *copy = malloc(s.len + 1);
    if (copy) {
        if (s.len)
            memcpy(copy, s.at, s.len);
        copy[s.len] = 0;
    }
    return copy;
}

// NAME:BASE64 of "host[:port]$elasticsearch$kibana".
static bool cloud_address(const char *id, char url[TEXT], struct error *why)
{
    uint8_t plain[CLOUD];
    struct span rest = span_text(id);
    ptrdiff_t colon = span_find(rest, ':');
    struct span encoded = colon < 0 ? rest : span_skip(rest, (size_t)colon + 1);
    ptrdiff_t len = encoded.len < CLOUD ? text_from_base64(plain, encoded) : -1;
    rest = span_of(plain, len > 0 ? (size_t)len : 0);
    struct span host = span_cut(&rest, '$'), uuid = span_cut(&rest, '$');
    struct span port = host, name = span_cut(&port, ':'), inner = uuid,
                part = span_cut(&inner, ':');
    if (!name.len || !part.len)
        return error_set(why, "cloud.id: this is no id of Elastic Cloud");
    struct span chosen = inner.len ? inner : port.len ? port : (struct span)SPAN("443");
    snprintf(url, TEXT, "https://%.*s.%.*s:%.*s", (int)part.len, (const char *)part.at,
             (int)name.len, (const char *)name.at, (int)chosen.len, (const char *)chosen.at);
    return true;
}

static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    return curl_url_get(u, part, &text, flags) == CURLUE_OK ? text : NULL;
}

// Credentials in an address are taken out of it.
static void take_user(CURLU *u, struct es_hosts *h)
{
    char *user = url_part(u, CURLUPART_USER, CURLU_URLDECODE),
         *password = url_part(u, CURLUPART_PASSWORD, CURLU_URLDECODE);
    if (user && !h->username) {
        h->username = copy_text(span_text(user));
        h->password = copy_text(span_text(password));
    }
    curl_free(user);
    curl_free(password);
    curl_url_set(u, CURLUPART_USER, NULL, 0);
    curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(u, CURLUPART_QUERY, NULL, 0);
    curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
}

static bool set_path(CURLU *u, const char *path)
{
    char *own = url_part(u, CURLUPART_PATH, 0), whole[TEXT];
    bool none = !own || !strcmp(own, "/");
    curl_free(own);
    snprintf(whole, sizeof whole, "%s%s", path && *path == '/' ? "" : "/", path ? path : "");
    return !none || !path || curl_url_set(u, CURLUPART_PATH, whole, 0) == CURLUE_OK;
}

static bool set_port(CURLU *u)
{
    char *port = url_part(u, CURLUPART_PORT, 0);
    bool has = port != NULL;
    curl_free(port);
    return has || curl_url_set(u, CURLUPART_PORT, "9200", 0) == CURLUE_OK;
}

// One of `hosts`: a whole address, or host:port.
static char *address(const struct es_settings *s, const char *text, struct es_hosts *h)
{
    char whole[TEXT];
    CURLU *u = curl_url();
    snprintf(whole, sizeof whole, "%s%s%s", strstr(text, "://") ? "" : s->protocol,
             strstr(text, "://") ? "" : "://", text);
    bool fine = u && curl_url_set(u, CURLUPART_URL, whole, 0) == CURLUE_OK && set_port(u) &&
                set_path(u, s->path);
    char *url = NULL, *copy = NULL;
    if (fine) {
        take_user(u, h);
        url = url_part(u, CURLUPART_URL, 0);
    }
    if (url && (!strncmp(url, "http://", 7) || !strncmp(url, "https://", 8))) {
        struct span without = span_text(url);
        while (without.len && without.at[without.len - 1] == '/')
            without.len--;
        copy = copy_text(without);
    }
    curl_free(url);
    curl_url_cleanup(u);
    return copy;
}

static void cloud_user(const struct es_settings *s, struct es_hosts *h)
{
    struct span rest = span_text(s->cloud_auth), user = span_cut(&rest, ':');
    if (user.len) {
        h->username = copy_text(user);
        h->password = copy_text(rest);
    }
}

bool es_hosts_read(const struct es_settings *s, struct es_hosts *hosts, struct error *why)
{
    char cloud[TEXT];
    const char *one = cloud, *const *list = s->cloud_id ? &one : s->hosts.at;
    int count = s->cloud_id ? 1 : s->hosts.count;
    *hosts = (struct es_hosts){.url = calloc((size_t)count + 1, sizeof(char *))};
    if (!hosts->url)
        return error_set(why, "no memory");
    if (s->cloud_id && !cloud_address(s->cloud_id, cloud, why))
        return false;
    cloud_user(s, hosts);
    for (; hosts->count < count; hosts->count++) {
        hosts->url[hosts->count] = address(s, list[hosts->count], hosts);
        if (!hosts->url[hosts->count])
            return error_set(why, "hosts: entry %d is no address such as http://127.0.0.1:9200",
                             hosts->count + 1);
    }
    return count > 0 || error_set(why, "hosts is missing: where is the server?");
}

void es_hosts_free(struct es_hosts *hosts)
{
    for (int i = 0; i < hosts->count; i++)
        free(hosts->url[i]);
    free(hosts->url);
    free(hosts->username);
    if (hosts->password)
        explicit_bzero(hosts->password, strlen(hosts->password));
    free(hosts->password);
    *hosts = (struct es_hosts){.url = NULL};
}

char *es_escape(struct span text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    char *to = malloc(3 * text.len + 1), *at = to;
    for (size_t i = 0; to && i < text.len; i++)
        if (text.at[i] && strchr(plain, text.at[i]))
            *at++ = (char)text.at[i];
        else
            at += snprintf(at, 4, "%%%02X", text.at[i]);
    if (at)
        *at = 0;
    return to;
}

static bool add_parameter(char *url, size_t size, const char *key, const char *value)
{
    char *name = es_escape(span_text(key)), *text = es_escape(span_text(value));
    size_t used = strlen(url);
    int more = name && text ? snprintf(url + used, size - used, "%c%s=%s",
                                       strchr(url, '?') ? '&' : '?', name, text)
                            : -1;
    free(name);
    free(text);
    return more >= 0 && used + (size_t)more < size;
}

char *es_url(const struct es_settings *s, const char *host, const char *path, const char *query)
{
    char url[2 * TEXT];
    int len = snprintf(url, sizeof url, "%s/%s%s%s", host, path, *query ? "?" : "", query);
    bool fine = len > 0 && (size_t)len < sizeof url;
    for (const struct config *n = s->parameters ? s->parameters->first : NULL; fine && n;
         n = n->next)
        fine = add_parameter(url, sizeof url, n->key, n->text ? n->text : "");
    return fine ? copy_text(span_text(url)) : NULL;
}

// ── checks and what follows ─────────────────────────────────────────────────────────────────────

const char *es_dead_letter_index(const struct es_settings *s)
{
    return config_text(s->non_indexable, "dead_letter_index.index");
}

static bool policy_check(const struct config *node, struct error *why)
{
    if (!node || node->kind == CONFIG_NULL || (node->text && !strcmp(node->text, "drop")))
        return true;
    bool drop = node->kind == CONFIG_MAP && node->count == 1 && !strcmp(node->first->key, "drop");
    const char *index = config_text(node, "dead_letter_index.index");
    if (drop || (index && *index))
        return true;
    return config_refuse(node, why, "expected drop, or dead_letter_index.index");
}

static bool retries_read(const char *text, int64_t *number)
{
    char *end;
    int64_t read = strtoll(text, &end, 10);
    if (!*text || *end || read >= 1 << 30 || read < -1)
        return false;
    *number = read;
    return true;
}

static bool parameters_check(const struct config *map, struct error *why)
{
    if (map && map->kind != CONFIG_MAP && map->kind != CONFIG_NULL)
        return config_refuse(map, why, "expected names and values");
    for (const struct config *n = map ? map->first : NULL; n; n = n->next)
        if (n->kind != CONFIG_SCALAR)
            return config_refuse(n, why, "expected a value");
    return true;
}

static bool protocol_check(const char *text, struct error *why)
{
    for (const char *const *p = protocols; *p; p++)
        if (!strcmp(*p, text))
            return true;
    return error_set(why, "protocol: expected http or https, found \"%.100s\"", text);
}

bool es_check(const void *settings, struct error *why)
{
    const struct es_settings *s = settings;
    struct es_hosts hosts = {.url = NULL};
    int64_t number;
    bool fine = protocol_check(s->protocol, why) && es_hosts_read(s, &hosts, why);
    es_hosts_free(&hosts);
    if (fine && strcmp(s->max_retries, "auto") != 0 && !retries_read(s->max_retries, &number))
        fine = error_set(why, "max_retries: expected a number or auto, found \"%.100s\"",
                         s->max_retries);
    if (fine && s->backoff_init > s->backoff_max)
        fine = error_set(why, "backoff.init is larger than backoff.max");
    if (fine && s->setup.template_json_enabled && !s->setup.template_json)
        fine = error_set(why, "setup.template.json.path is missing: where is the template?");
    return fine && parameters_check(s->parameters, why) && policy_check(s->non_indexable, why) &&
           http_check(&s->http, why);
}

static const struct preset {
    int64_t rows, workers, events, flush_events, flush_timeout, compression, idle, init, max;
} bundles[] = {
    [PRESET_BALANCED] = {1600, 1, 3200, 1600, 10, 1, 3, 1, 60},
    [PRESET_THROUGHPUT] = {1600, 4, 12800, 1600, 5, 1, 15, 1, 60},
    [PRESET_SCALE] = {1600, 1, 3200, 1600, 20, 1, 1, 5, 300},
    [PRESET_LATENCY] = {50, 1, 4100, 2050, 1, 1, 60, 1, 60},
};

int es_compression_level(const struct es_settings *s)
{
    return (int)(s->preset ? bundles[s->preset].compression : s->compression_level);
}

static int host_count(const struct es_settings *s)
{
    return s->cloud_id || s->hosts.count == 0 ? 1 : s->hosts.count;
}

void es_serve(const void *settings, const struct output_world *world, struct queue_settings *queue)
{
    const struct es_settings *s = settings;
    int64_t workers = s->workers > s->worker ? s->workers : s->worker;
    int64_t rows = s->bulk_max_size;
    queue->backoff_init = s->backoff_init;
    queue->backoff_max = s->backoff_max;
    if (s->bulk_max_bytes < queue->flush_max_bytes)
        queue->flush_max_bytes = s->bulk_max_bytes;
    if (s->preset) {
        const struct preset *p = &bundles[s->preset];
        workers = p->workers;
        rows = p->rows;
        queue->events = p->events;
        queue->flush_min_events = p->flush_events;
        queue->flush_timeout = p->flush_timeout * SECOND;
        queue->backoff_init = p->init * SECOND;
        queue->backoff_max = p->max * SECOND;
    }
    if (rows > 1 && (rows < queue->flush_min_events || queue->flush_min_events <= 1))
        queue->flush_min_events = rows < queue->events ? rows : queue->events;
    if (!retries_read(s->max_retries, &queue->max_retries) && world && world->compat)
        queue->max_retries = 3;
    queue->threads = (workers > 0 ? workers : 1) * (s->loadbalance ? host_count(s) : 1);
}
