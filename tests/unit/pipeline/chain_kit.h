// SPDX-License-Identifier: Apache-2.0
// For tests of processors: a chain read from YAML, with the names it brings into the schema, and an
// event to run it on.
#pragma once

#include "pipeline/processor.h"
#include "tests/unit/pipeline/yaml.h"

enum { KIT_NAMES = 64 };

struct kit_names {
    const char *at[KIT_NAMES];
    int count;
};

static char warned[2048];
static enum setting_mood kit_mood;

static inline void kit_name(void *arg, const char *name)
{
    struct kit_names *names = arg;
    assert_true(names->count < KIT_NAMES);
    names->at[names->count++] = name;
}

static inline void kit_warn(void *arg, const char *text)
{
    (void)arg;
    assert_int_equal(warned[0], 0); // once
    snprintf(warned, sizeof warned, "%s", text);
}

// Reads the list (the text is what stands under `processors`), with an empty event beside it. NULL:
// `why`.
static inline struct processor_chain *kit_chain(const char *text)
{
    struct kit_names names = {.count = 0};
    const struct config *list = config_get(yaml(text), "processors");
    warned[0] = why.text[0] = 0;
    event_free(&event);
    processors_names(list, kit_name, &names, &arena);
    kit_begin(names.at, names.count);
    struct setting_reader reader = {kit_mood, kit_warn, NULL, &arena, NULL};
    return processors_read(list, schema, &reader, &why);
}

static inline struct processor_chain *chain(const char *text)
{
    struct processor_chain *c = kit_chain(text);
    if (!c)
        fail_msg("%s", why.text);
    return c;
}

static inline void refused(const char *text, const char *words)
{
    if (kit_chain(text))
        fail_msg("%s was taken", text);
    expect_why(words);
    expect_why("x.yml:");
}

#define expect(text) assert_string_equal(document(), text)
