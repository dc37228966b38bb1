// SPDX-License-Identifier: Apache-2.0
// Message digests for fingerprints, by OpenSSL; none of them guards a secret.
#pragma once

#include "pipeline/base/span.h"

enum digest { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGESTS };

enum { DIGEST_SIZE = 32, DIGEST_TEXT = 2 * DIGEST_SIZE }; // the longest, and in hexadecimal

// Of several pieces in a row: begin, add as often as need be, end. One at a time in a thread.
void digest_begin(enum digest which);
void digest_add(struct span bytes);
size_t digest_end(uint8_t to[DIGEST_SIZE]);

// Of one piece, in hexadecimal digits; how many.
size_t digest_hex(enum digest which, struct span bytes, bool upper, uint8_t to[DIGEST_TEXT]);
