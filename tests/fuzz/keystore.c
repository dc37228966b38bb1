// SPDX-License-Identifier: Apache-2.0
// A keystore: the file as it is, and, behind a first byte of 'j', what is inside it. What was read
// is found again, and written and read once more it is the same.

#include "config/keystore.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "pipeline/base/text.h"
#include "tests/fuzz/fuzz.h"

enum { HEAD = 64 + 12, TAG = 16 };

static struct arena arena;

// The file around the text, with zeros for salt and IV.
static struct span file_of(struct span text)
{
    static uint8_t key[32];
    uint8_t *bytes = arena_alloc(&arena, HEAD + text.len + TAG);
    uint8_t *file = arena_alloc(&arena, 2 + 4 * ((HEAD + text.len + TAG) / 3 + 1));
    int len = 0;
    fuzz_check(bytes && file);
    if (!key[0])
        fuzz_check(PKCS5_PBKDF2_HMAC("", 0, bytes, 64, 10000, EVP_sha512(), sizeof key, key));
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    fuzz_check(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, bytes + 64));
    fuzz_check(EVP_EncryptUpdate(c, bytes + HEAD, &len, text.at, (int)text.len));
    fuzz_check(EVP_EncryptFinal_ex(c, bytes + HEAD + len, &len));
    fuzz_check(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, bytes + HEAD + text.len));
    EVP_CIPHER_CTX_free(c);
    memcpy(file, "v1", 2);
    return span_of(file, 2 + text_base64(file + 2, span_of(bytes, HEAD + text.len + TAG), true));
}

static void write_again(const struct keystore *k)
{
    char path[64];
    struct keystore again;
    struct error why = {""};
    snprintf(path, sizeof path, "/tmp/weir-fuzz-keystore-%d", (int)getpid());
    fuzz_check(keystore_write(k, path, &why) && keystore_read(&again, path, &arena, &why));
    unlink(path);
    fuzz_check(again.count == k->count);
    for (const struct secret *s = k->first; s; s = s->next) {
        const struct secret *twin = keystore_find(&again, s->name);
        fuzz_check(twin && span_is(twin->value, s->value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error why = {""};
    struct keystore k;
    if (size > 4096)
        return 0;
    fuzz_check(arena.base || arena_init(&arena, 64 << 20));
    arena_reset(&arena);
    struct span file = span_of(data, size);
    if (size && data[0] == 'j')
        file = file_of(span_skip(file, 1));
    if (keystore_decode(&k, file, &arena, &why))
        write_again(&k);
    else
        fuzz_check(why.text[0]);
    return 0;
}
