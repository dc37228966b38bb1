// SPDX-License-Identifier: Apache-2.0
// Between secrets and their file: JSON inside AES-GCM inside base 64.

#include "config/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#include "pipeline/base/directory.h"
#include "pipeline/base/json.h"
#include "pipeline/base/text.h"

enum { SALT = 64, IV = 12, TAG = 16, KEY = 32, ROUNDS = 10000, HEAD = SALT + IV };

static const struct span VERSION = SPAN("v1");

void keystore_init(struct keystore *k, struct arena *a)
{
    *k = (struct keystore){.arena = a};
}

// ── secrets ──────────────────────────────────────────────────────────────────────────────────────

// The link that points to the secret, or to the one before which it would stand.
static struct secret **place_of(struct keystore *k, const char *name)
{
    struct secret **link = &k->first;
    while (*link && strcmp((*link)->name, name) < 0)
        link = &(*link)->next;
    return link;
}

const struct secret *keystore_find(const struct keystore *k, const char *name)
{
    for (const struct secret *s = k->first; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

// What ${…} could not hold, or what would not come out of a list of names as it went in.
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || strchr("${}:", name[i]))
            return false;
    return len && len <= KEYSTORE_NAME;
}

bool keystore_put(struct keystore *k, const char *name, struct span value, struct error *why)
{
    if (!is_name(name))
        return error_set(why,
                         "\"%.60s\" is no name of a secret: at most %d bytes without blanks "
                         "and none of $ { } :",
                         name, KEYSTORE_NAME);
    if (value.len > KEYSTORE_VALUE || span_find(value, 0) >= 0)
        return error_set(why, "%s: a secret is a text without zero bytes, at most %d bytes", name,
                         KEYSTORE_VALUE);
    struct secret **link = place_of(k, name), *s = *link;
    struct span kept = arena_copy(k->arena, value);
    bool is_new = !s || strcmp(s->name, name) != 0;
    if (is_new && k->count == KEYSTORE_SECRETS)
        return error_set(why, "more than %d secrets", KEYSTORE_SECRETS);
    if (is_new)
        s = arena_alloc(k->arena, sizeof *s);
    char *copy = arena_text(k->arena, name);
    if (!s || !kept.at || !copy)
        return error_set(why, "no memory for secrets");
    if (is_new) {
        s->next = *link;
        *link = s;
        k->count++;
    }
    s->name = copy;
    s->value = kept;
    return true;
}

bool keystore_remove(struct keystore *k, const char *name)
{
    struct secret **link = place_of(k, name);
    if (!*link || strcmp((*link)->name, name) != 0)
        return false;
    *link = (*link)->next;
    k->count--;
    return true;
}

// ── JSON ─────────────────────────────────────────────────────────────────────────────────────────

// {"NAME":"secret"}, and as some versions of the reference have it {"NAME":{"value":"BASE64"}}.
struct reading {
    struct keystore *keystore;
    struct error *why;
    int depth;
    char name[KEYSTORE_NAME + 1];
    bool is_value; // the string to come is base 64 under "value"
};

static int on_open(void *arg)
{
    struct reading *r = arg;
    r->is_value = false;
    return ++r->depth <= 2;
}

static int on_close(void *arg)
{
    struct reading *r = arg;
    r->depth--;
    return 1;
}

static int on_key(void *arg, const unsigned char *text, size_t len)
{
    struct reading *r = arg;
    struct span key = span_of(text, len);
    r->is_value = r->depth == 2 && span_is(key, (struct span)SPAN("value"));
    if (r->depth == 2)
        return 1;
    if (len > KEYSTORE_NAME)
        return 0;
    memcpy(r->name, text, len);
    r->name[len] = 0;
    return 1;
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
    struct reading *r = arg;
    struct span value = span_of(text, len);
    if (r->depth == 1)
        return keystore_put(r->keystore, r->name, value, r->why);
    if (!r->is_value)
        return 1;
    uint8_t *place = arena_alloc(r->keystore->arena, len / 4 * 3 + 6);
    ptrdiff_t decoded = place ? text_from_base64(place, value) : -1;
    return decoded >= 0 &&
           keystore_put(r->keystore, r->name, span_of(place, (size_t)decoded), r->why);
}

static bool read_json(struct keystore *k, struct span json, struct error *why)
{
    static const yajl_callbacks callbacks = {.yajl_start_map = on_open,
                                             .yajl_end_map = on_close,
                                             .yajl_map_key = on_key,
                                             .yajl_string = on_string};
    struct reading r = {.keystore = k, .why = why};
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &r);
    bool good = parser && yajl_parse(parser, json.at, json.len) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
    if (parser)
        yajl_free(parser);
    return good;
}

// A secret that is not UTF-8 is written as the reference writes all, since a text would not hold
// it.
static void write_secret(struct pen *pen, const struct secret *s, struct arena *a)
{
    pen_text(pen, span_text(s->name));
    pen_byte(pen, ':');
    if (text_utf8_whole(s->value) == s->value.len) {
        pen_text(pen, s->value);
        return;
    }
    uint8_t *place = arena_alloc(a, (s->value.len + 2) / 3 * 4);
    pen_raw(pen, (struct span)SPAN("{\"value\":"));
    if (place)
        pen_text(pen, span_of(place, text_base64(place, s->value, true)));
    pen_byte(pen, '}');
    pen->full |= !place;
}

static struct span write_json(const struct keystore *k)
{
    size_t size = 2;
    for (const struct secret *s = k->first; s; s = s->next)
        size += JSON_TEXT(strlen(s->name)) + JSON_TEXT(s->value.len) + 16;
    uint8_t *place = arena_alloc(k->arena, size);
    struct pen pen = pen_of(place, place ? size : 0);
    pen_byte(&pen, '{');
    for (const struct secret *s = k->first; s; s = s->next) {
        if (s != k->first)
            pen_byte(&pen, ',');
        write_secret(&pen, s, k->arena);
    }
    pen_byte(&pen, '}');
    return pen.full ? span_of(NULL, 0) : pen_written(&pen);
}

// ── encryption ───────────────────────────────────────────────────────────────────────────────────

static bool derive_key(const uint8_t salt[SALT], uint8_t key[KEY])
{
    return PKCS5_PBKDF2_HMAC("", 0, salt, SALT, ROUNDS, EVP_sha512(), KEY, key);
}

// `bytes` is salt, IV, what is encrypted, and the tag; what is inside goes to `to`.
static bool decrypt(struct span bytes, uint8_t *to, int *len)
{
    uint8_t key[KEY];
    int rest = 0, inside = (int)(bytes.len - HEAD - TAG);
    const uint8_t *text = bytes.at + HEAD;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = c && derive_key(bytes.at, key) &&
                EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, bytes.at + SALT) &&
                EVP_DecryptUpdate(c, to, len, text, inside) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(text + inside)) &&
                EVP_DecryptFinal_ex(c, to + *len, &rest);
    *len += rest;
    EVP_CIPHER_CTX_free(c);
    return good;
}

// Salt, IV, what is encrypted and the tag go to `to`.
static bool encrypt(struct span text, uint8_t *to)
{
    uint8_t key[KEY];
    int len = 0, rest = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool good = c && RAND_bytes(to, HEAD) == 1 && derive_key(to, key) &&
                EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, to + SALT) &&
                EVP_EncryptUpdate(c, to + HEAD, &len, text.at, (int)text.len) &&
                EVP_EncryptFinal_ex(c, to + HEAD + len, &rest) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, to + HEAD + len + rest);
    EVP_CIPHER_CTX_free(c);
    return good;
}

// ── the file ─────────────────────────────────────────────────────────────────────────────────────

static bool is_ours(int file, const char *path, struct error *why)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return error_set(why, "%s: cannot be read: %s", path, strerror(errno));
    if (info.st_uid != 0 && info.st_uid != geteuid())
        return error_set(why, "%s: belongs to user %u, expected root or user %u, who runs this",
                         path, (unsigned)info.st_uid, (unsigned)geteuid());
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return error_set(why,
                         "%s: its mode %04o lets others than its owner at it (use 'chmod 0600 %s')",
                         path, (unsigned)info.st_mode & 07777, path);
    return true;
}

// All of an open file; false: errno, or too much of it.
static bool read_all(int file, uint8_t *to, size_t *len)
{
    ssize_t got = 1;
    for (*len = 0; got > 0 && *len<KEYSTORE_FILE; *len += got> 0 ? (size_t)got : 0)
        got = read(file, to + *len, KEYSTORE_FILE - *len);
    if (got > 0)
        errno = EFBIG;
    return got == 0;
}

static bool read_file(const char *path, struct arena *a, struct span *out, struct error *why)
{
    uint8_t *place = arena_alloc(a, KEYSTORE_FILE);
    size_t len = 0;
    if (!place)
        return error_set(why, "no memory for the keystore");
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set(why, "%s: cannot be read: %s", path, strerror(errno));
    bool good = is_ours(file, path, why);
    if (good && !read_all(file, place, &len))
        good = error_set(why, "%s: cannot be read: %s", path, strerror(errno));
    close(file);
    *out = span_of(place, len);
    return good;
}

bool keystore_decode(struct keystore *k, struct span file, struct arena *a, struct error *why)
{
    struct error inner = {""};
    keystore_init(k, a);
    while (file.len && strchr(" \r\n", file.at[file.len - 1]))
        file.len--;
    if (!span_starts(file, VERSION))
        return error_set(why, "is no keystore: it does not begin with v1");
    file = span_skip(file, VERSION.len);
    uint8_t *bytes = arena_alloc(a, file.len / 4 * 3 + 6);
    ptrdiff_t len = bytes ? text_from_base64(bytes, file) : -1;
    uint8_t *json = len >= HEAD + TAG ? arena_alloc(a, (size_t)len) : NULL;
    int json_len = 0;
    if (!json || !decrypt(span_of(bytes, (size_t)len), json, &json_len))
        return error_set(why, "is damaged, or was encrypted under a password");
    return read_json(k, span_of(json, (size_t)json_len), &inner) ||
           error_set(why, "%s", inner.text[0] ? inner.text : "holds no list of secrets");
}

bool keystore_read(struct keystore *k, const char *path, struct arena *a, struct error *why)
{
    struct span file;
    struct error inner;
    keystore_init(k, a);
    if (!read_file(path, a, &file, why))
        return false;
    return keystore_decode(k, file, a, &inner) || error_set(why, "%s: %.400s", path, inner.text);
}

static bool write_all(int file, struct span bytes)
{
    while (bytes.len) {
        ssize_t done = write(file, bytes.at, bytes.len);
        if (done < 0)
            return false;
        bytes = span_skip(bytes, (size_t)done);
    }
    return fsync(file) == 0;
}

// Beside its place first, so that a crash leaves the old file or the new one.
static bool replace_file(const char *path, struct span bytes)
{
    char temporary[PATH_MAX];
    int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    int file = len < (int)sizeof temporary ? mkstemp(temporary) : -1; // readable by nobody else
    if (file < 0)
        return false;
    bool good = write_all(file, bytes);
    int reason = errno;
    close(file);
    good = good && rename(temporary, path) == 0;
    if (!good) {
        reason = errno ? errno : reason;
        unlink(temporary);
    }
    errno = reason;
    return good;
}

static bool make_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return true;
    int len = snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return len < (int)sizeof folder && directory_make(folder, 0750);
}

bool keystore_write(const struct keystore *k, const char *path, struct error *why)
{
    struct span json = write_json(k);
    size_t len = HEAD + json.len + TAG;
    uint8_t *bytes = arena_alloc(k->arena, len);
    uint8_t *text = arena_alloc(k->arena, VERSION.len + (len + 2) / 3 * 4 + 4);
    if (!json.at || !bytes || !text)
        return error_set(why, "no memory for the keystore");
    if (!encrypt(json, bytes))
        return error_set(why, "%s: cannot be encrypted here", path);
    memcpy(text, VERSION.at, VERSION.len);
    len = VERSION.len + text_base64(text + VERSION.len, span_of(bytes, len), true);
    if (len > KEYSTORE_FILE)
        return error_set(why, "%s: would be larger than a keystore may be", path);
    return (make_folder(path) && replace_file(path, span_of(text, len))) ||
           error_set(why, "%s: cannot be written: %s", path, strerror(errno));
}
