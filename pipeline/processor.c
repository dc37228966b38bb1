// SPDX-License-Identifier: Apache-2.0
// Chains of processors: from what stands under `processors` to steps that are run for every event.
//
//   - NAME: {settings…, when: condition}
//   - if: condition
//     then: [processors]
//     else: [processors]

#include "pipeline/processor.h"

#include "pipeline/condition.h"

#define PROCESSOR(name) extern const struct processor processor_##name;
#include "pipeline/processors/processors.def"
#undef PROCESSOR

const struct processor *const processors[] = {
#define PROCESSOR(name) &processor_##name,
#include "pipeline/processors/processors.def"
#undef PROCESSOR
    NULL};

// What the reference has beside: accepted with a warning.
static const char *const later[] = {"add_cloud_metadata",
                                    "add_cloudfoundry_metadata",
                                    "add_data_stream",
                                    "add_docker_metadata",
                                    "add_kubernetes_metadata",
                                    "add_nomad_metadata",
                                    "add_process_metadata",
                                    "cache",
                                    "decode_csv_fields",
                                    "decode_duration",
                                    "decode_xml",
                                    "decode_xml_wineventlog",
                                    "decompress_gzip_field",
                                    "detect_mime_type",
                                    "dns",
                                    "extract_array",
                                    "extract_field",
                                    "script",
                                    "syslog",
                                    "translate_ldap_attribute",
                                    "translate_sid"};

enum { LATER = sizeof later / sizeof *later, NESTED = 16 };

struct step {
    struct step *next;
    const struct condition *when;      // NULL: always
    const struct processor *processor; // NULL: one of the two chains
    const void *self;
    struct processor_chain *then, *otherwise;
};

struct processor_chain {
    struct step *first;
};

struct common {
    const struct config *when;
};

static const struct setting common_settings[] = {
    {"when", SETTING_NODE, offsetof(struct common, when), .meaning = "Condition to run it"},
    SETTING_END};

static const struct setting no_settings[] = {SETTING_END};

int processors_tables(const struct field_table **tables, int room)
{
    int count = 0;
    for (int i = 0; processors[i]; i++)
        if (processors[i]->fields && count < room)
            tables[count++] = processors[i]->fields;
    return count;
}

static const struct processor *find(const char *name)
{
    for (int i = 0; processors[i]; i++)
        if (strcmp(processors[i]->name, name) == 0)
            return processors[i];
    return NULL;
}

static bool is_later(const char *name)
{
    for (int i = 0; i < LATER; i++)
        if (strcmp(later[i], name) == 0)
            return true;
    return false;
}

// A list, or the one processor that stands for a list of one; NULL: nothing. Its items are then
// those of `first` and what follows, or it alone.
static const struct config *first_item(const struct config *list)
{
    if (!list || list->kind == CONFIG_NULL)
        return NULL;
    return list->kind == CONFIG_LIST ? list->first : list;
}

static const struct config *next_item(const struct config *list, const struct config *item)
{
    return list->kind == CONFIG_LIST ? item->next : NULL;
}

// The settings of one processor, filled from its node; NULL: `why`.
static const void *read_settings(const struct processor *p, const struct config *node,
                                 const struct setting_reader *reader, struct error *why)
{
    void *settings = arena_alloc(reader->arena, p->settings_size + 1);
    if (!settings) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    return setting_fill(p->settings ? p->settings : no_settings, node, settings, common_settings,
                        reader, why)
               ? settings
               : NULL;
}

// ── names ────────────────────────────────────────────────────────────────────────────────────────

struct naming {
    processor_name *tell;
    void *arg;
    struct arena *arena;
};

static void name_list(const struct naming *n, const struct config *list, int depth);

static void name_item(const struct naming *n, const struct config *item, int depth)
{
    if (item->kind != CONFIG_MAP || !item->first)
        return;
    if (config_get(item, "if")) {
        name_list(n, config_get(item, "then"), depth + 1);
        name_list(n, config_get(item, "else"), depth + 1);
        return;
    }
    const struct processor *p = find(item->first->key);
    for (int i = 0; p && p->fields && i < p->fields->count; i++)
        n->tell(n->arg, p->fields->fields[i].name);
    struct setting_reader reader = {.mood = SETTING_WARN, .arena = n->arena}; // nobody listens
    const void *settings = p && p->names ? read_settings(p, item->first, &reader, NULL) : NULL;
    if (settings)
        p->names(settings, n->tell, n->arg, n->arena);
}

static void name_list(const struct naming *n, const struct config *list, int depth)
{
    if (depth > NESTED)
        return;
    for (const struct config *i = first_item(list); i; i = next_item(list, i))
        name_item(n, i, depth);
}

void processors_names(const struct config *list, processor_name *tell, void *arg, struct arena *a)
{
    struct naming n = {tell, arg, a};
    name_list(&n, list, 0);
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

struct reading {
    const struct schema *schema;
    const struct setting_reader *reader;
    struct arena *arena; // the reader's
    struct error *why;
    char missing[1024]; // names of the processors that are not available, with a space before each
};

static struct processor_chain *read_list(struct reading *r, const struct config *list, int depth);

static void note_missing(struct reading *r, const char *name)
{
    size_t used = strlen(r->missing), len = strlen(name);
    char quoted[64];
    snprintf(quoted, sizeof quoted, " %s,", name);
    if (!strstr(r->missing, quoted) && used + len + 3 <= sizeof r->missing)
        memcpy(r->missing + used, quoted, len + 3);
}

static bool unknown(const struct reading *r, const struct config *node)
{
    struct setting known[LATER + 64] = {{.key = NULL}};
    int count = 0;
    for (int i = 0; processors[i] && count < 63; i++)
        known[count++].key = processors[i]->name;
    for (int i = 0; i < LATER; i++)
        known[count++].key = later[i];
    const char *near = setting_nearest(known, node->key);
    return near ? config_refuse(node, r->why, "no such processor; did you mean %s?", near)
                : config_refuse(node, r->why, "no such processor");
}

static bool read_when(const struct reading *r, const struct config *node, struct step *step)
{
    const struct config *when = node->kind == CONFIG_MAP ? config_get(node, "when") : NULL;
    if (when)
        step->when = condition_read(when, r->schema, r->arena, r->why);
    return !when || step->when;
}

static bool read_processor(struct reading *r, const struct config *node, struct step *step)
{
    struct processor_place place = {node, r->schema, r->arena};
    step->processor = find(node->key);
    const void *settings = read_settings(step->processor, node, r->reader, r->why);
    if (!settings || !read_when(r, node, step))
        return false;
    step->self = step->processor->create(settings, &place, r->why);
    return step->self;
}

static bool read_branch(struct reading *r, const struct config *item, struct step *step, int depth)
{
    for (const struct config *c = item->first; c; c = c->next)
        if (strcmp(c->key, "if") != 0 && strcmp(c->key, "then") != 0 && strcmp(c->key, "else") != 0)
            return config_refuse(c, r->why, "beside if only then and else may stand");
    const struct config *then = config_get(item, "then");
    if (!then)
        return config_refuse(item, r->why, "if without then");
    step->when = condition_read(config_get(item, "if"), r->schema, r->arena, r->why);
    return step->when && (step->then = read_list(r, then, depth + 1)) &&
           (step->otherwise = read_list(r, config_get(item, "else"), depth + 1));
}

// One item of a list. False: refused; a step that does nothing otherwise is left out by *used.
static bool read_item(struct reading *r, const struct config *item, struct step *step, int depth,
                      bool *used)
{
    char found[64];
    *used = true;
    if (item->kind == CONFIG_MAP && config_get(item, "if"))
        return read_branch(r, item, step, depth);
    if (item->kind != CONFIG_MAP || !item->first || item->first->next)
        return config_refuse(item, r->why,
                             "found %s, expected one processor: its name and settings",
                             config_found(item, found));
    if (find(item->first->key))
        return read_processor(r, item->first, step);
    if (!is_later(item->first->key))
        return unknown(r, item->first);
    note_missing(r, item->first->key);
    *used = false;
    return true;
}

static struct processor_chain *read_list(struct reading *r, const struct config *list, int depth)
{
    struct processor_chain *chain = arena_alloc(r->arena, sizeof *chain);
    char found[64];
    if (!chain) {
        error_set(r->why, "no memory for processors");
        return NULL;
    }
    if (list && (list->kind == CONFIG_SCALAR || depth > NESTED)) {
        config_refuse(list, r->why, "found %s, expected a list of processors",
                      depth > NESTED ? "too many ifs inside each other"
                                     : config_found(list, found));
        return NULL;
    }
    struct step **link = &chain->first;
    for (const struct config *i = first_item(list); i; i = next_item(list, i)) {
        struct step *step = arena_alloc(r->arena, sizeof *step);
        bool used;
        if (!step || !read_item(r, i, step, depth, &used))
            return NULL;
        if (!used)
            continue;
        *link = step;
        link = &step->next;
    }
    return chain;
}

static void warn_missing(const struct config *list, const char *missing,
                         const struct setting_reader *reader)
{
    char text[sizeof((struct reading *)0)->missing + 256];
    int len = (int)strlen(missing) - 2; // without the space before and the comma behind
    if (!reader->warn || len <= 0)
        return;
    snprintf(text, sizeof text,
             "%.128s:%d: processors without effect, as they are not yet available: %.*s",
             list->file ? list->file : "", list->line, len, missing + 1);
    reader->warn(reader->arg, text);
}

struct processor_chain *processors_read(const struct config *list, const struct schema *s,
                                        const struct setting_reader *reader, struct error *why)
{
    struct reading r = {.schema = s, .reader = reader, .arena = reader->arena, .why = why};
    struct processor_chain *chain = read_list(&r, list, 0);
    if (chain)
        warn_missing(list, r.missing, reader);
    return chain;
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────

bool processors_run(const struct processor_chain *chain, struct event *e)
{
    for (const struct step *step = chain->first; step; step = step->next) {
        bool holds = !step->when || condition_holds(step->when, e);
        if (!step->processor) {
            if (!processors_run(holds ? step->then : step->otherwise, e))
                return false;
        } else if (holds && !step->processor->run(step->self, e)) {
            return false;
        }
    }
    return true;
}
