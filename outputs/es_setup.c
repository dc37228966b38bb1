// SPDX-License-Identifier: Apache-2.0
// Small requests one after the other; small answers as trees by yajl.
#include "outputs/es_setup.h"

#include <errno.h>
#include <stdlib.h>

#include <yajl/yajl_tree.h>

#include "outputs/es_reply.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"
#include "pipeline/field.h"

enum { NAME = 256, PATH = 1024, FILE_MOST = 4 << 20, TRIES = 5 };

static const char who[] = "outputs.elasticsearch";
static const char default_index[] = "%{[agent.type]}-%{[agent.version]}";

// ── who is there ────────────────────────────────────────────────────────────────────────────────

static bool ask(struct http *http, const struct es_settings *s, const char *host,
                const char *method, const char *path, const char *query, const char *json,
                struct http_answer *a)
{
    char *url = es_url(s, host, path, query);
    struct span text = span_text(json);
    struct pieces body = {&text, 1, text.len};
    struct http_request r = {.method = method,
                             .url = url,
                             .type = json ? HTTP_JSON : HTTP_NO_BODY,
                             .body = json ? &body : NULL};
    bool answered = url && http_do(http, &r, a);
    if (!url)
        error_set(&a->why, "the address is too long");
    free(url);
    return answered;
}

// FOLDER/NAME; names are the user's.
static void path_to(char to[PATH], const char *folder, const char *name)
{
    char *escaped = es_escape(span_text(name));
    snprintf(to, PATH, "%s%s%s", folder, *folder ? "/" : "", escaped ? escaped : "");
    free(escaped);
}

static const char *text_at(yajl_val tree, const char *const *path)
{
    const char *empty[] = {NULL};
    yajl_val v =
        tree ? yajl_tree_get(tree, path ? (const char **)path : empty, yajl_t_string) : NULL;
    return v ? YAJL_GET_STRING(v) : NULL;
}

static void keep(struct es_server *server, const char *version, const char *flavor,
                 const char *distribution)
{
    if (!version)
        return;
    server->known = true;
    server->opensearch = distribution && !strcmp(distribution, "opensearch");
    server->serverless = flavor && !strcmp(flavor, "serverless");
    server->oss = flavor && !strcmp(flavor, "oss") && !server->opensearch;
    snprintf(server->version, sizeof server->version, "%s", version);
    snprintf(server->name, sizeof server->name, "%s %.30s",
             server->opensearch   ? "OpenSearch"
             : server->serverless ? "Elasticsearch serverless"
                                  : "Elasticsearch",
             version);
}

// {"version":{"number":…,"build_flavor":…,"distribution":…}}
static void read_root(const struct http_answer *a, struct es_server *server)
{
    static const char *const number[] = {"version", "number", NULL},
                             *const flavor[] = {"version", "build_flavor", NULL},
                             *const distribution[] = {"version", "distribution", NULL};
    yajl_val tree = yajl_tree_parse(a->beginning, NULL, 0);
    keep(server, text_at(tree, number), text_at(tree, flavor), text_at(tree, distribution));
    yajl_tree_free(tree);
}

// {"nodes":{"ID":{"version":…,"build_flavor":…}}}
static void read_nodes(const struct http_answer *a, struct es_server *server)
{
    static const char *const version[] = {"version", NULL}, *const flavor[] = {"build_flavor",
                                                                               NULL};
    const char *path[] = {"nodes", NULL};
    yajl_val tree = yajl_tree_parse(a->beginning, NULL, 0);
    yajl_val nodes = tree ? yajl_tree_get(tree, path, yajl_t_object) : NULL;
    if (nodes && nodes->u.object.len) {
        yajl_val node = nodes->u.object.values[0];
        const char *kind = text_at(node, flavor);
        keep(server, text_at(node, version), kind, kind ? NULL : "opensearch");
    }
    yajl_tree_free(tree);
}

bool es_server_ask(struct http *http, const struct es_settings *s, const char *host,
                   struct es_server *server, struct http_answer *a)
{
    *server = (struct es_server){.known = false};
    snprintf(server->name, sizeof server->name, "a server that does not tell its version");
    if (!ask(http, s, host, "GET", "", "", NULL, a))
        return false;
    if (a->status == 200)
        read_root(a, server);
    bool page = a->status == 200 && !server->known && !strstr(a->type, "json");
    if (page)
        return false;
    if (server->known || a->status == 401 || a->status == 407 || a->status == 429 ||
        a->status >= 500 || (a->status >= 300 && a->status < 400))
        return a->status == 200;
    struct http_answer nodes;
    if (!ask(http, s, host, "GET", "_nodes/_local",
             "filter_path=nodes.*.version,nodes.*.build_flavor", NULL, &nodes))
        return false;
    if (nodes.status == 200)
        read_nodes(&nodes, server);
    return true;
}

// ── saying ──────────────────────────────────────────────────────────────────────────────────────

__attribute__((format(printf, 3, 4))) static void say(const struct es_setup_place *p, bool warn,
                                                      const char *format, ...)
{
    struct error text;
    va_list list;
    va_start(list, format);
    vsnprintf(text.text, sizeof text.text, format, list);
    va_end(list);
    if (p->to)
        fprintf(p->to, "%s\n", text.text);
    else
        log_say(warn ? LOG_WARNING : LOG_INFO, who, "%s", text.text);
}

// "type: reason" of an error answer.
static void reason_of(const struct http_answer *a, char to[NAME])
{
    struct es_reply *reply = es_reply_new();
    to[0] = 0;
    if (reply && es_reply_begin(reply, 0)) {
        es_reply_feed(reply, span_of(a->beginning, a->length));
        struct span s = es_reply_error(reply);
        snprintf(to, NAME, "%.*s", (int)s.len, (const char *)s.at);
    }
    es_reply_free(reply);
}

enum step { STEP_DONE, STEP_MISSING, STEP_IMPOSSIBLE, STEP_LATER };

// What an answer to a step means; `what` cannot be done: it is said.
static enum step judge(const struct es_setup_place *p, bool answered, const struct http_answer *a,
                       const char *what, struct error *why)
{
    char reason[NAME];
    if (!answered) {
        error_set(why, "%s", a->why.text);
        return STEP_LATER;
    }
    if (a->status >= 200 && a->status < 300)
        return STEP_DONE;
    if (a->status == 404)
        return STEP_MISSING;
    if (a->status == 401 || a->status == 407 || a->status == 408 || a->status == 429 ||
        a->status >= 500) {
        http_explain(a, why);
        return STEP_LATER;
    }
    reason_of(a, reason);
    if (what)
        say(p, true, "%s: HTTP %ld %s; going on without", what, a->status, reason);
    return STEP_IMPOSSIBLE;
}

// ── the lifecycle policy ────────────────────────────────────────────────────────────────────────

// Where a kind of server keeps lifecycle policies, and how policy and indices find each other.
struct lifecycle {
    const char *path;
    bool by_pattern;   // a policy names its indices (ISM); if not, the template names its policy
    const char *alias; // setting of an index that is no data stream's: what it is rolled over under
};

// Amazon's Elasticsearch 7 is one of the free kind with Open Distro's plugins.
static const struct lifecycle *lifecycle_of(const struct es_server *server)
{
    static const struct lifecycle ilm = {"_ilm/policy", false, "lifecycle.rollover_alias"},
                                  ism = {"_plugins/_ism/policies", true,
                                         "plugins.index_state_management.rollover_alias"},
                                  opendistro = {"_opendistro/_ism/policies", true,
                                                "opendistro.index_state_management.rollover_alias"};
    return server->opensearch ? &ism : server->oss ? &opendistro : &ilm;
}

static bool has_policies(const struct es_setup_settings *s, const struct es_server *server)
{
    return s->ilm != WHEN_FALSE && s->dsl != WHEN_TRUE &&
           (s->ilm == WHEN_TRUE || !server->serverless);
}

static char *read_file(const char *path, struct error *why)
{
    errno = 0;
    FILE *file = fopen(path, "re");
    char *text = file ? calloc(1, FILE_MOST + 1) : NULL;
    if (!text || fread(text, 1, FILE_MOST, file) == 0) {
        error_set(why, "cannot read %s: %s", path, errno ? strerror(errno) : "it is empty");
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

static void print_quoted(const char *text, FILE *to)
{
    uint8_t place[PATH];
    struct pen pen = pen_of(place, sizeof place);
    pen_text(&pen, span_text(text));
    fprintf(to, "%.*s", (int)pen_written(&pen).len, (const char *)place);
}

// The reference's: a new index after 30 days or 50 GB of a primary shard; ISM, in all its versions,
// counts those of all primary shards.
static char *standard_policy(const struct es_setup_place *p, const struct lifecycle *l,
                             const char *pattern)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    if (l->by_pattern) {
        fputs("{\"policy\":{\"description\":\"A new index after 30 days or 50 GB\","
              "\"default_state\":\"hot\",\"states\":[{\"name\":\"hot\",\"actions\":[{\"rollover\":"
              "{\"min_size\":\"50gb\",\"min_index_age\":\"30d\"}}],\"transitions\":[]}],"
              "\"ism_template\":[{\"index_patterns\":[",
              to);
        print_quoted(pattern, to);
        fprintf(to, "],\"priority\":%lld}]}}", (long long)p->settings->setup.template_priority);
    } else {
        fputs("{\"policy\":{\"phases\":{\"hot\":{\"actions\":{\"rollover\":"
              "{\"max_primary_shard_size\":\"50gb\",\"max_age\":\"30d\"}}}}}}",
              to);
    }
    fclose(to);
    return text;
}

static enum step put_policy(const struct es_setup_place *p, const struct lifecycle *l,
                            const char *name, const char *pattern, const char *over,
                            struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    struct http_answer a;
    char path[PATH];
    char *text = s->policy_file ? read_file(s->policy_file, why) : standard_policy(p, l, pattern);
    if (!text) {
        say(p, true, "setup.ilm: %s", s->policy_file ? why->text : "no memory");
        return STEP_IMPOSSIBLE;
    }
    path_to(path, l->path, name);
    bool answered = ask(p->http, p->settings, p->host, "PUT", path, over, text, &a);
    free(text);
    if (answered && a.status == 409) // another probe was faster
        return STEP_DONE;
    enum step step = judge(p, answered, &a, "setup.ilm: no lifecycle policy", why);
    if (step == STEP_DONE)
        say(p, false, "lifecycle policy %s was put", name);
    return step == STEP_MISSING ? STEP_IMPOSSIBLE : step;
}

// ISM wants to be told which version of a policy is to be put over. {"_seq_no":…,"_primary_term":…}
static void version_of(const struct http_answer *a, char to[NAME])
{
    static const char *const number[] = {"_seq_no", NULL}, *const term[] = {"_primary_term", NULL};
    yajl_val tree = yajl_tree_parse(a->beginning, NULL, 0);
    yajl_val n = tree ? yajl_tree_get(tree, (const char **)number, yajl_t_number) : NULL,
             t = tree ? yajl_tree_get(tree, (const char **)term, yajl_t_number) : NULL;
    to[0] = 0;
    if (n && t)
        snprintf(to, NAME, "if_seq_no=%s&if_primary_term=%s", YAJL_GET_NUMBER(n),
                 YAJL_GET_NUMBER(t));
    yajl_tree_free(tree);
}

// Puts the policy unless it is there. STEP_DONE: there is one of that name.
static enum step policy(const struct es_setup_place *p, const struct lifecycle *l, const char *name,
                        const char *pattern, struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    struct http_answer a;
    char path[PATH], over[NAME] = "";
    if (!s->policy_check && !s->policy_overwrite)
        return STEP_DONE;
    if (!s->policy_check && !l->by_pattern)
        return put_policy(p, l, name, pattern, "", why);
    path_to(path, l->path, name);
    bool answered = ask(p->http, p->settings, p->host, "GET", path,
                        "filter_path=_seq_no,_primary_term", NULL, &a);
    bool wanted = p->to || s->ilm == WHEN_TRUE;
    enum step step = judge(p, answered, &a, wanted ? "setup.ilm: no lifecycle policy" : NULL, why);
    if (step == STEP_LATER || step == STEP_IMPOSSIBLE)
        return step;
    if (step == STEP_DONE && !s->policy_overwrite) {
        if (p->to)
            say(p, false, "lifecycle policy %s is there", name);
        return step;
    }
    if (step == STEP_DONE && l->by_pattern)
        version_of(&a, over);
    return put_policy(p, l, name, pattern, over, why);
}

// ── the template ────────────────────────────────────────────────────────────────────────────────

// A configuration tree as JSON.
static void print_json(const struct config *n, FILE *to);

// Bare is what is a number, true or false in JSON as it stands.
static void print_scalar(const struct config *n, FILE *to)
{
    yajl_val v = n->quoted ? NULL : yajl_tree_parse(n->text, NULL, 0);
    if (v && (YAJL_IS_NUMBER(v) || YAJL_IS_TRUE(v) || YAJL_IS_FALSE(v)))
        fputs(n->text, to);
    else
        print_quoted(n->text, to);
    yajl_tree_free(v);
}

static void print_members(const struct config *n, FILE *to, const char *between)
{
    for (const struct config *c = n->first; c; c = c->next) {
        if (c->key) {
            print_quoted(c->key, to);
            fputs(": ", to);
        }
        print_json(c, to);
        if (c->next)
            fputs(between, to);
    }
}

static void print_json(const struct config *n, FILE *to)
{
    if (n->kind == CONFIG_SCALAR) {
        print_scalar(n, to);
    } else if (n->kind == CONFIG_NULL) {
        fputs("null", to);
    } else {
        fputc(n->kind == CONFIG_MAP ? '{' : '[', to);
        print_members(n, to, ", ");
        fputc(n->kind == CONFIG_MAP ? '}' : ']', to);
    }
}

static char *json_of(const struct config *n, bool members)
{
    char *text = NULL;
    size_t size;
    if (!n || n->kind == CONFIG_NULL || (members && !n->count))
        return NULL;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    if (members) {
        print_members(n, to, ", ");
        fputs(", ", to);
    } else {
        print_json(n, to);
    }
    fclose(to);
    return text;
}

// What the template is to say, and what a server did not want in it.
struct wish {
    const char *pattern, *policy, *retention;
    const char *alias, *name; // rolled over under `name`, says the setting `alias`; NULL: not
    bool plain, plain_text;   // no data stream; text instead of match_only_text
};

// Members of the settings of an index, a comma behind each. NULL: none.
static char *settings_text(const struct es_setup_place *p, const struct wish *w)
{
    char *own = json_of(p->settings->setup.index_settings, true), *text = NULL;
    size_t size;
    if (!w->plain || !w->alias)
        return own;
    FILE *to = open_memstream(&text, &size);
    if (to) {
        fprintf(to, "\"%s\": ", w->alias);
        print_quoted(w->name, to);
        fprintf(to, ", %s", own ? own : "");
        fclose(to);
    }
    free(own);
    return text;
}

static char *template_text(const struct es_setup_place *p, const struct wish *w)
{
    const struct es_setup_settings *s = &p->settings->setup;
    struct template_options o = {.pattern = w->pattern,
                                 .program = p->world->program,
                                 .version = p->world->version,
                                 .priority = s->template_priority,
                                 .plain = w->plain,
                                 .policy = w->policy,
                                 .retention = w->retention};
    char *more = settings_text(p, w), *source = json_of(s->source_settings, false);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    o.more = more;
    o.source = source;
    if (to) {
        schema_print_template(p->world->tables, p->world->table_count, &o, to);
        fclose(to);
    }
    free(more);
    free(source);
    static const char special[] = "match_only_text";
    for (char *at = text; w->plain_text && at && (at = strstr(at, special));) {
        memmove(at, at + strlen("match_only_"), strlen(at + strlen("match_only_")) + 1);
        at++;
    }
    return text;
}

// A server without something in the template names it. True: the wish got smaller.
static bool wish_less(const struct es_setup_place *p, struct wish *w, const char *reason)
{
    bool *what = strstr(reason, "match_only_text") ? &w->plain_text
                 : strstr(reason, "data_stream")   ? &w->plain
                                                   : NULL;
    if (what && !*what)
        return *what = true;
    bool lifecycle = (w->policy || w->retention) && strstr(reason, "lifecycle"),
         alias = w->alias && strstr(reason, "rollover_alias");
    if (!lifecycle && !alias)
        return false;
    say(p, true, "%s: the server takes no lifecycle in a template; going on without",
        w->retention ? "setup.dsl" : "setup.ilm");
    w->policy = w->retention = w->alias = NULL;
    return true;
}

static enum step put_template(const struct es_setup_place *p, const char *path, const char *name,
                              struct wish *w, struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    for (int i = 0; i < TRIES; i++) {
        struct http_answer a;
        char reason[NAME];
        char *text =
            s->template_json_enabled ? read_file(s->template_json, why) : template_text(p, w);
        if (!text) {
            say(p, true, "setup.template: %s", why->text);
            return STEP_IMPOSSIBLE;
        }
        bool answered = ask(p->http, p->settings, p->host, "PUT", path, "", text, &a);
        free(text);
        if (answered && a.status == 400) {
            reason_of(&a, reason);
            if (wish_less(p, w, a.beginning))
                continue;
        }
        enum step step =
            judge(p, answered, &a, "setup.template: the server takes no template", why);
        if (step == STEP_DONE)
            say(p, false, "index template %s for %s was put%s%s", name, w->pattern,
                w->policy ? ", lifecycle policy " : "", w->policy ? w->policy : "");
        return step == STEP_MISSING ? STEP_IMPOSSIBLE : step;
    }
    return STEP_IMPOSSIBLE;
}

static enum step index_template(const struct es_setup_place *p, const char *name, struct wish *w,
                                struct error *why)
{
    struct http_answer a;
    char path[PATH];
    path_to(path, "_index_template", name);
    bool answered = ask(p->http, p->settings, p->host, "GET", path,
                        "filter_path=**.data_stream,**.rollover_alias", NULL, &a);
    enum step step = judge(p, answered, &a, NULL, why);
    if (step == STEP_LATER)
        return step;
    if (step == STEP_DONE && !p->settings->setup.template_overwrite) {
        w->plain = !strstr(a.beginning, "data_stream"); // whoever put it, it says what is to follow
        if (!strstr(a.beginning, "rollover_alias"))
            w->alias = NULL;
        if (p->to)
            say(p, false, "index template %s is there", name);
        return step;
    }
    return put_template(p, path, name, w, why);
}

// ── what it is for ──────────────────────────────────────────────────────────────────────────────

// The first document would make it, too; but then nobody would see its mappings before.
static enum step data_stream(const struct es_setup_place *p, const char *name, struct error *why)
{
    struct http_answer a;
    char path[PATH];
    path_to(path, "_data_stream", name);
    bool answered = ask(p->http, p->settings, p->host, "PUT", path, "", NULL, &a);
    enum step step = judge(p, answered, &a, NULL, why);
    if (p->to && step == STEP_DONE)
        say(p, false, "data stream %s was made", name);
    return step;
}

// A server without data streams rolls over what an alias points to. It must be there before the
// first document, which would make an index of that name.
static enum step first_index(const struct es_setup_place *p, const char *name, struct error *why)
{
    struct http_answer a;
    char path[PATH], *text = NULL;
    size_t size;
    path_to(path, "", name);
    bool answered = ask(p->http, p->settings, p->host, "GET", path, "filter_path=none", NULL, &a);
    enum step step = judge(p, answered, &a, NULL, why);
    FILE *to = step == STEP_MISSING ? open_memstream(&text, &size) : NULL;
    if (!to)
        return step;
    fputs("{\"aliases\": {", to);
    print_quoted(name, to);
    fputs(": {\"is_write_index\": true}}}", to);
    fclose(to);
    snprintf(path + strlen(path), sizeof path - strlen(path), "-000001");
    answered = ask(p->http, p->settings, p->host, "PUT", path, "", text, &a);
    free(text);
    step = judge(p, answered, &a, "setup.ilm: no first index to roll over", why);
    if (step == STEP_DONE)
        say(p, false, "index %s was made, which is rolled over as %s", path, name);
    return step;
}

// ── all of it ───────────────────────────────────────────────────────────────────────────────────

// The policy, and what the template is to say of it.
static enum step lifecycle(const struct es_setup_place *p, const struct es_server *server,
                           struct wish *w, struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    const struct lifecycle *l = lifecycle_of(server);
    const char *name = s->policy_name ? s->policy_name : p->world->program;
    bool own = s->dsl == WHEN_TRUE || (s->dsl == WHEN_AUTO && server->serverless);
    w->retention = own ? s->retention : NULL;
    if (!has_policies(s, server))
        return STEP_IMPOSSIBLE;
    enum step step = policy(p, l, name, w->pattern, why);
    if (step == STEP_DONE) {
        w->policy = l->by_pattern ? NULL : name;
        w->alias = l->alias;
    }
    return step;
}

static bool run_steps(const struct es_setup_place *p, const char *name, struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    struct http_answer a;
    struct es_server server;
    char pattern[NAME];
    if (!es_server_ask(p->http, p->settings, p->host, &server, &a)) {
        if (a.status)
            http_explain(&a, why);
        else
            error_set(why, "%s", a.why.text);
        return false;
    }
    say(p, false, "%s is %s", p->host, server.name);
    snprintf(pattern, sizeof pattern, "%s*", name);
    struct wish w = {.pattern = s->template_pattern ? s->template_pattern : pattern,
                     .name = name,
                     .plain = s->template_json_enabled && !s->template_json_stream};
    if (lifecycle(p, &server, &w, why) == STEP_LATER)
        return false;
    enum step step = index_template(p, name, &w, why);
    if (step == STEP_DONE && !w.plain)
        step = data_stream(p, name, why);
    else if (step == STEP_DONE && w.alias && !s->template_json_enabled)
        step = first_index(p, name, why);
    return step != STEP_LATER;
}

bool es_setup_run(const struct es_setup_place *p, struct error *why)
{
    const struct es_setup_settings *s = &p->settings->setup;
    const char *given = s->template_json_enabled && s->template_json_name ? s->template_json_name
                                                                          : s->template_name;
    char name[NAME];
    if (!s->template_enabled) {
        if (p->to)
            say(p, false, "setup.template.enabled is false: nothing is put");
        return true;
    }
    if (!given && strcmp(p->settings->index, default_index) != 0) {
        say(p, true,
            "index is not the default: no template is put unless setup.template.name and "
            "setup.template.pattern say which");
        return true;
    }
    if (given)
        snprintf(name, sizeof name, "%s", given);
    else
        snprintf(name, sizeof name, "%s-%s", p->world->program, p->world->version);
    return run_steps(p, name, why);
}
