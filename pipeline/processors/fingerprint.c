// SPDX-License-Identifier: Apache-2.0
// fingerprint: a digest of some fields, in the order of their names, as the reference has it:
//
//   |name|value|name|value|

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "pipeline/action.h"

enum { XXHASH = 5 }; // not OpenSSL's

static const char *const methods[] = {"md5", "sha1", "sha256", "sha384", "sha512", "xxhash", NULL};
static const char *const algorithms[] = {"MD5", "SHA1", "SHA256", "SHA384", "SHA512"};

enum encoding { HEX, BASE32, BASE64 };
static const char *const encodings[] = {"hex", "base32", "base64", NULL};

struct fingerprint_settings {
    struct setting_texts fields;
    const char *target_field;
    int method, encoding;
    bool ignore_missing;
};

#define FINGERPRINT(member) offsetof(struct fingerprint_settings, member)

static const struct setting settings_table[] = {
    {"fields", SETTING_TEXTS, FINGERPRINT(fields), .meaning = "The fields", .required = true},
    {"target_field", SETTING_TEXT, FINGERPRINT(target_field), "fingerprint",
     .meaning = "Field that takes the digest"},
    {"method", SETTING_CHOICE, FINGERPRINT(method), "sha256", .choices = methods,
     .meaning = "Kind of digest"},
    {"encoding", SETTING_CHOICE, FINGERPRINT(encoding), "hex", .choices = encodings,
     .meaning = "How it is written"},
    {"ignore_missing", SETTING_BOOL, FINGERPRINT(ignore_missing), "false",
     .meaning = "Whether a missing field is left out; otherwise there is no digest"},
    SETTING_END};

struct fingerprint {
    struct field_path *fields; // in the order of their names, each once
    int count;
    struct field_path target;
    EVP_MD *digest; // NULL: xxhash
    enum encoding encoding;
    bool ignore_missing;
};

static void names(const void *settings, processor_name *tell, void *arg, struct arena *a)
{
    (void)a;
    tell(arg, ((const struct fingerprint_settings *)settings)->target_field);
}

// ── creating ─────────────────────────────────────────────────────────────────────────────────────

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool bind_fields(struct fingerprint *self, const struct setting_texts *given,
                        const struct processor_place *place)
{
    size_t count = (size_t)given->count;
    const char **sorted = arena_alloc(place->arena, (count + 1) * sizeof *sorted);
    self->fields = arena_alloc(place->arena, (count + 1) * sizeof *self->fields);
    if (!sorted || !self->fields)
        return false;
    memcpy(sorted, given->at, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, name_order);
    for (size_t i = 0; i < count; i++)
        if (!i || strcmp(sorted[i], sorted[i - 1]) != 0)
            self->fields[self->count++] = schema_path(place->schema, sorted[i], place->arena);
    return true;
}

// Fetched once for the life of the program: that costs more than a digest.
static struct {
    pthread_once_t once;
    EVP_MD *at[XXHASH];
} digests = {.once = PTHREAD_ONCE_INIT};

static void fetch_digests(void)
{
    for (int i = 0; i < XXHASH; i++)
        digests.at[i] = EVP_MD_fetch(NULL, algorithms[i], NULL);
}

static bool find_digest(struct fingerprint *self, int method, const struct processor_place *place,
                        struct error *why)
{
    if (method == XXHASH)
        return true;
    pthread_once(&digests.once, fetch_digests);
    self->digest = digests.at[method];
    return self->digest ||
           config_refuse(place->node, why, "this system has no %s", methods[method]);
}

static void *create(const void *settings, const struct processor_place *place, struct error *why)
{
    const struct fingerprint_settings *given = settings;
    struct fingerprint *self = arena_alloc(place->arena, sizeof *self);
    if (!given->fields.count) {
        config_refuse(place->node, why, "fields: expected one at least");
        return NULL;
    }
    if (!self || !bind_fields(self, &given->fields, place)) {
        error_set(why, "no memory for a processor");
        return NULL;
    }
    self->target = schema_path(place->schema, given->target_field, place->arena);
    self->encoding = (enum encoding)given->encoding;
    self->ignore_missing = given->ignore_missing;
    return find_digest(self, given->method, place, why) ? self : NULL;
}

// ── running ──────────────────────────────────────────────────────────────────────────────────────

// What a digest is being made of, whichever it is.
struct digesting {
    EVP_MD_CTX *context; // NULL: xxhash
    XXH64_state_t xxhash;
};

static void add(struct digesting *d, struct span bytes)
{
    if (!bytes.len)
        return;
    if (d->context)
        EVP_DigestUpdate(d->context, bytes.at, bytes.len);
    else
        XXH64_update(&d->xxhash, bytes.at, bytes.len);
}

static size_t finish(struct digesting *d, uint8_t to[EVP_MAX_MD_SIZE])
{
    unsigned size = sizeof(XXH64_canonical_t);
    if (d->context)
        EVP_DigestFinal_ex(d->context, to, &size);
    else
        XXH64_canonicalFromHash((XXH64_canonical_t *)(void *)to, XXH64_digest(&d->xxhash));
    return size;
}

static void context_end(void *kept)
{
    EVP_MD_CTX_free(*(EVP_MD_CTX **)kept);
}

// A context is this worker's own and used again.
static bool begin(const struct fingerprint *f, struct event *e, struct digesting *d)
{
    d->context = NULL;
    if (!f->digest)
        return XXH64_reset(&d->xxhash, 0) == XXH_OK;
    EVP_MD_CTX **kept = event_keep(e, f, sizeof(EVP_MD_CTX *), context_end);
    if (kept && !*kept)
        *kept = EVP_MD_CTX_new();
    d->context = kept ? *kept : NULL;
    return d->context && EVP_DigestInit_ex2(d->context, f->digest, NULL);
}

// A time as the reference digests it: 2006-01-02 15:04:05.999 +0000 UTC, without zeros at the end.
static struct span time_text(struct event *e, int64_t time)
{
    static const struct span utc = SPAN(" +0000 UTC");
    uint8_t *text = arena_alloc(&e->scratch, TEXT_TIME + utc.len);
    if (!text)
        return span_of(NULL, 0);
    size_t len = text_time(text, time, 9) - 1; // without the Z
    text[10] = ' ';
    while (text[len - 1] == '0')
        len--;
    len -= text[len - 1] == '.';
    memcpy(text + len, utc.at, utc.len);
    return span_of(text, len + utc.len);
}

// False: the field is missing, or is a list or an object.
static bool add_field(struct event *e, struct digesting *d, const struct field_path *path)
{
    static const struct span bar = SPAN("|");
    const struct value *v = event_value(e, path);
    if (!v)
        return false;
    struct span text =
        v->kind == VALUE_TIME ? time_text(e, v->number) : value_to_text(e, v, &e->scratch);
    if (!text.at)
        return false;
    add(d, bar);
    add(d, span_text(path->name));
    add(d, bar);
    add(d, text);
    return true;
}

// RFC 4648 section 6, with its padding. `to` holds 8 characters for each 5 bytes begun.
static size_t text_base32(uint8_t *to, struct span bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t written = 0;
    for (size_t i = 0; i < bytes.len; i += 5) {
        uint64_t five = 0;
        size_t left = bytes.len - i < 5 ? bytes.len - i : 5, shown = (left * 8 + 4) / 5;
        for (size_t b = 0; b < 5; b++)
            five = five << 8 | (b < left ? bytes.at[i + b] : 0);
        for (size_t c = 0; c < 8; c++)
            to[written++] = c < shown ? (uint8_t)letters[five >> (35 - 5 * c) & 31] : '=';
    }
    return written;
}

static size_t encode(enum encoding encoding, uint8_t *to, struct span bytes)
{
    return encoding == HEX      ? text_hex(to, bytes, false)
           : encoding == BASE32 ? text_base32(to, bytes)
                                : text_base64(to, bytes, true);
}

static bool run(const void *self, struct event *e)
{
    const struct fingerprint *f = self;
    uint8_t bytes[EVP_MAX_MD_SIZE];
    uint8_t *text = arena_alloc(&e->scratch, 2 * sizeof bytes);
    struct digesting d;
    if (!text || !begin(f, e, &d))
        return true;
    for (int i = 0; i < f->count; i++)
        if (!add_field(e, &d, &f->fields[i]) && !f->ignore_missing)
            return true;
    add(&d, (struct span)SPAN("|"));
    size_t len = finish(&d, bytes);
    event_put(e, &f->target,
              value_text(span_of(text, encode(f->encoding, text, span_of(bytes, len)))));
    return true;
}

const struct processor processor_fingerprint = {
    .name = "fingerprint",
    .meaning = "Adds a digest of some fields",
    .settings = settings_table,
    .settings_size = sizeof(struct fingerprint_settings),
    .names = names,
    .create = create,
    .run = run,
};
