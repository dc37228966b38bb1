// SPDX-License-Identifier: Apache-2.0
// The tree as YAML, so that `export config` shows what is in force and can be read again. Secrets
// are not shown: neither under keys that look like one, nor in addresses with a password.
#include <stdlib.h>
#include <strings.h>
#include <yaml.h>

#include "config/tree.h"
#include "pipeline/base/text.h"

static const char MASK[] = "xxxxx";

static bool ends_with(const char *key, const char *end)
{
    size_t len = strlen(key), tail = strlen(end);
    return len >= tail && strcasecmp(key + len - tail, end) == 0;
}

bool config_is_secret(const char *key)
{
    static const char *const ends[] = {"password", "passphrase", "api_key", "secret", "token"};
    static const char *const whole[] = {"auth", "authorization", "proxy-authorization", "cookie",
                                        "x-api-key"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(key, ends[i]))
            return true;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (strcasecmp(key, whole[i]) == 0)
            return true;
    return false;
}

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
    return made && yaml_emitter_emit(emitter, event);
}

// Quotes where the reader would see something else than a text, or where libyaml would fold.
static bool needs_quotes(struct span text)
{
    if (tree_is_null(text) || span_is(text, (struct span)SPAN("<<")) ||
        !span_is(text, span_trim(text)))
        return true;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < ' ')
            return true;
    return false;
}

static bool print_text(yaml_emitter_t *emitter, struct span text, bool quoted)
{
    yaml_event_t event;
    yaml_scalar_style_t style =
        quoted || needs_quotes(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
    return emit(
        emitter, &event,
        yaml_scalar_event_initialize(&event, NULL, NULL, text.at, (int)text.len, 1, 1, style));
}

// Where `user:password` in front of an address's host ends, and where its password begins; 0: there
// is none. `text` begins behind "://". A password may hold an @, the host may not.
static size_t credentials(struct span text, size_t *password)
{
    size_t at = 0;
    *password = 0;
    for (size_t i = 0; i < text.len && !strchr("/?# ,\"'", text.at[i]); i++) {
        if (text.at[i] == '@')
            at = i;
        if (text.at[i] == ':' && *password == 0)
            *password = i + 1;
    }
    return *password && *password <= at ? at : 0;
}

// As UTF-8, which the environment need not be.
static void put_repaired(struct span text, FILE *to)
{
    while (text.len) {
        size_t whole = text_utf8_whole(text);
        fwrite(text.at, 1, whole, to);
        text = span_skip(text, whole);
        if (text.len)
            fputs("\xef\xbf\xbd", to); // U+FFFD
        text = span_skip(text, 1);
    }
}

// A text with the passwords of addresses masked and, if it is resolved, with ${ escaped again.
static void put_text(struct span text, bool resolved, FILE *to)
{
    static const struct span SCHEME = SPAN("://"), OPEN = SPAN("${"), CLOSE = SPAN("$}");
    size_t done = 0, password;
    for (size_t i = 0; i < text.len; i++) {
        struct span here = span_skip(text, i);
        if (resolved && (span_starts(here, OPEN) || span_starts(here, CLOSE))) {
            put_repaired(span_of(text.at + done, i - done), to);
            fputc('$', to);
            done = i;
        }
        size_t len = span_starts(here, SCHEME) ? credentials(span_skip(here, 3), &password) : 0;
        if (len) {
            i += SCHEME.len + len;
            put_repaired(span_of(text.at + done, i - len + password - done), to);
            fputs(MASK, to);
            done = i;
        }
    }
    put_repaired(span_skip(text, done), to);
}

static bool print_scalar(yaml_emitter_t *emitter, const struct config *node, bool secret)
{
    if (secret)
        return print_text(emitter, span_text(MASK), false);
    char *shown;
    size_t len;
    FILE *to = open_memstream(&shown, &len);
    if (!to)
        return false;
    put_text(span_text(node->text), !node->pending, to);
    bool ok = fclose(to) == 0;
    if (ok)
        ok = print_text(emitter, span_of(shown, len), node->quoted);
    free(shown);
    return ok;
}

static bool print_node(yaml_emitter_t *emitter, const struct config *node, bool secret)
{
    if (node->kind == CONFIG_SCALAR)
        return print_scalar(emitter, node, secret || node->secret);
    yaml_event_t event;
    if (node->kind == CONFIG_NULL)
        return emit(emitter, &event,
                    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)"null", 4,
                                                 1, 1, YAML_PLAIN_SCALAR_STYLE));
    bool is_map = node->kind == CONFIG_MAP;
    if (!emit(emitter, &event,
              is_map ? yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                           YAML_BLOCK_MAPPING_STYLE)
                     : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                            YAML_BLOCK_SEQUENCE_STYLE)))
        return false;
    for (const struct config *child = node->first; child; child = child->next)
        if ((is_map && !print_text(emitter, span_text(child->key), false)) ||
            !print_node(emitter, child, secret || (is_map && config_is_secret(child->key))))
            return false;
    return emit(emitter, &event,
                is_map ? yaml_mapping_end_event_initialize(&event)
                       : yaml_sequence_end_event_initialize(&event));
}

static bool print_document(yaml_emitter_t *emitter, const struct config *root)
{
    yaml_event_t event;
    return emit(emitter, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(emitter, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
           print_node(emitter, root, false) &&
           emit(emitter, &event, yaml_document_end_event_initialize(&event, 1)) &&
           emit(emitter, &event, yaml_stream_end_event_initialize(&event));
}

bool config_print(const struct config *root, FILE *to)
{
    yaml_emitter_t emitter;
    if (!yaml_emitter_initialize(&emitter))
        return false;
    yaml_emitter_set_output_file(&emitter, to);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    bool ok = print_document(&emitter, root);
    yaml_emitter_delete(&emitter);
    return ok && fflush(to) == 0;
}
