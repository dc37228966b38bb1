// SPDX-License-Identifier: Apache-2.0
#include "probe/proto/digest.h"

// Called as such: the general interface of OpenSSL 3 spends more around a short text than on it.
#define OPENSSL_API_COMPAT 0x10100000L

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "pipeline/base/text.h"

static _Thread_local struct {
    enum digest which;
    union {
        MD5_CTX md5;
        SHA_CTX sha1;
        SHA256_CTX sha256;
    };
} now;

void digest_begin(enum digest which)
{
    now.which = which;
    if (which == DIGEST_MD5)
        MD5_Init(&now.md5);
    else if (which == DIGEST_SHA1)
        SHA1_Init(&now.sha1);
    else
        SHA256_Init(&now.sha256);
}

void digest_add(struct span bytes)
{
    if (now.which == DIGEST_MD5)
        MD5_Update(&now.md5, bytes.at, bytes.len);
    else if (now.which == DIGEST_SHA1)
        SHA1_Update(&now.sha1, bytes.at, bytes.len);
    else
        SHA256_Update(&now.sha256, bytes.at, bytes.len);
}

size_t digest_end(uint8_t to[DIGEST_SIZE])
{
    static const size_t sizes[DIGESTS] = {MD5_DIGEST_LENGTH, SHA_DIGEST_LENGTH,
                                          SHA256_DIGEST_LENGTH};
    if (now.which == DIGEST_MD5)
        MD5_Final(to, &now.md5);
    else if (now.which == DIGEST_SHA1)
        SHA1_Final(to, &now.sha1);
    else
        SHA256_Final(to, &now.sha256);
    return sizes[now.which];
}

size_t digest_hex(enum digest which, struct span bytes, bool upper, uint8_t to[DIGEST_TEXT])
{
    uint8_t raw[DIGEST_SIZE];
    digest_begin(which);
    digest_add(bytes);
    return text_hex(to, span_of(raw, digest_end(raw)), upper);
}
