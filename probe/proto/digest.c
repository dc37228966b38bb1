// SPDX-License-Identifier: Apache-2.0
// MD5, SHA-1 and SHA-256 through EVP.
#include "probe/proto/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

#include "pipeline/base/text.h"

static struct {
    pthread_once_t once;
    pthread_key_t context; // EVP_MD_CTX of a thread
    EVP_MD *algorithm[DIGESTS];
} digests = {.once = PTHREAD_ONCE_INIT};

static void context_free(void *context)
{
    EVP_MD_CTX_free(context);
}

static void fetch(void)
{
    static const char *const names[DIGESTS] = {"MD5", "SHA1", "SHA256"};
    if (pthread_key_create(&digests.context, context_free))
        return;
    for (int i = 0; i < DIGESTS; i++)
        digests.algorithm[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

bool digest_begin(enum digest which)
{
    pthread_once(&digests.once, fetch);
    EVP_MD *algorithm = digests.algorithm[which];
    if (!algorithm)
        return false;
    EVP_MD_CTX *context = pthread_getspecific(digests.context);
    if (!context) {
        context = EVP_MD_CTX_new();
        pthread_setspecific(digests.context, context);
    }
    return context && EVP_DigestInit_ex2(context, algorithm, NULL);
}

void digest_add(struct span bytes)
{
    EVP_DigestUpdate(pthread_getspecific(digests.context), bytes.at, bytes.len);
}

size_t digest_end(uint8_t to[DIGEST_SIZE])
{
    unsigned size = 0;
    EVP_DigestFinal_ex(pthread_getspecific(digests.context), to, &size);
    return size;
}

size_t digest_hex(enum digest which, struct span bytes, bool upper, uint8_t to[DIGEST_TEXT])
{
    uint8_t raw[DIGEST_SIZE];
    if (!digest_begin(which))
        return 0;
    digest_add(bytes);
    return text_hex(to, span_of(raw, digest_end(raw)), upper);
}
