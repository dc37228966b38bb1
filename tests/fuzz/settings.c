// SPDX-License-Identifier: Apache-2.0
// A configuration: read, resolved, printed and read again (to the same text), then held against
// every table of settings. The first byte tells how strict to be; then an override in one line;
// the rest is YAML.

#include "pipeline/base/text.h"
#include "pipeline/processor.h"
#include "probe/plan.h"
#include "tests/fuzz/fuzz.h"

static struct arena arena;

// Some names are there, most are not.
static const char *look_up(void *arg, const char *name, bool *secret)
{
    (void)arg;
    *secret = *name == 'b';
    return *name == 'a' ? "[1, {b: c}, \"${d}\"]" : *name == 'b' ? name : NULL;
}

static struct config *read_config(struct span text, const char *override)
{
    struct error why = {""};
    struct config *root = config_new(&arena);
    fuzz_check(root);
    if (config_read_text(root, text, "fuzz", &arena, &why) &&
        (!override || config_override(root, override, &arena, &why)) &&
        config_resolve(root, look_up, NULL, &arena, &why))
        return root;
    fuzz_check(why.text[0]);
    return NULL;
}

static char *print_config(const struct config *root, size_t *len)
{
    char *text;
    FILE *to = open_memstream(&text, len);
    fuzz_check(to && config_print(root, to));
    fuzz_check(fclose(to) == 0);
    return text;
}

// The same text, unless a secret in it is masked or what is no UTF-8 was repaired.
static bool is_same_text(const char *a, const char *b)
{
    size_t len = strlen(a);
    return !strcmp(a, b) || strstr(b, "xxxxx") || text_utf8_whole(span_of(a, len)) < len;
}

// The same tree, but that texts may be quoted. NOLINTNEXTLINE(misc-no-recursion): CONFIG_DEPTH
static bool is_same(const struct config *a, const struct config *b)
{
    if (a->kind != b->kind || a->count != b->count || !a->key != !b->key)
        return false;
    if ((a->key && !is_same_text(a->key, b->key)) ||
        (a->kind == CONFIG_SCALAR && !is_same_text(a->text, b->text)))
        return false;
    for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
        if (!is_same(a, b))
            return false;
    return !a && !b;
}

static void check_print(const struct config *root)
{
    size_t len;
    char *text = print_config(root, &len);
    struct config *again = read_config(span_of(text, len), NULL);
    if (!again || !is_same(root, again))
        fprintf(stderr, "printed:\n%s", text);
    fuzz_check(again && is_same(root, again));
    free(text);
}

static void warned(void *arg, const char *text)
{
    (void)arg;
    fuzz_check(*text);
}

static void fill(const struct setting *table, const struct config *node, enum setting_mood mood)
{
    static _Alignas(16) uint8_t into[64 << 10];
    struct setting_told *told = NULL;
    struct setting_reader reader = {mood, warned, NULL, &arena, &told};
    struct error why = {""};
    for (const struct setting *row = table; row && row->key; row++)
        fuzz_check(row->offset < sizeof into / 2);
    if (table && !setting_fill(table, node, into, NULL, &reader, &why))
        fuzz_check(why.text[0]);
}

static void fill_all(const struct config *root, enum setting_mood mood)
{
    const struct config *probe = config_get(root, "weir");
    const struct config *any = probe ? probe : root;
    fill(general_settings, root, mood);
    fill(probe_settings, any, mood);
    fill(interface_settings, config_get(any, "interfaces"), mood);
    fill(flow_settings, config_get(any, "flows"), mood);
    fill(common_settings, config_get(any, "protocols.0"), mood);
    for (const struct protocol *const *p = protocols; *p; p++)
        fill((*p)->settings, config_get(any, "protocols.0"), mood);
    for (const struct output *const *o = outputs; *o; o++)
        fill((*o)->settings, config_get(root, "output.x"), mood);
    for (const struct processor *const *p = processors; *p; p++)
        fill((*p)->settings, config_get(root, "processors.0"), mood);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader input = reader_of(span_of(data, size));
    unsigned kind = reader_u8(&input);
    fuzz_check(arena.base || arena_init(&arena, 64 << 20));
    arena_reset(&arena);
    char *override = fuzz_text(fuzz_line(&input));
    struct span rest = reader_rest(&input);
    uint8_t *exact = fuzz_exact(rest);
    struct config *root = read_config(span_of(exact, rest.len), kind & 2 ? override : NULL);
    if (root) {
        check_print(root);
        fill_all(root, kind & 1 ? SETTING_WARN : SETTING_REFUSE);
    }
    free(exact);
    free(override);
    return 0;
}
