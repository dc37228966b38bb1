// SPDX-License-Identifier: Apache-2.0
// Certificates seen lately, read once: most handshakes show one of few. Each thread has its own
// (a packet's path takes no lock), made on first use, and what it says depends on nothing but the
// certificate: documents are the same whether it is hit or not. It is found by a keyed hash and
// then compared whole, which is surer than a digest and takes a tenth of its time.
#pragma once

#include "pipeline/base/arena.h"
#include "probe/proto/digest.h"
#include "probe/proto/x509.h"

enum {
    X509_CACHED = 256,    // certificates of one thread; the one that was not seen longest leaves
    X509_ENTRY = 8 << 10, // bytes of each, with all its texts; a larger one is not kept
};

struct x509_entry;

// A certificate, kept or, if it is too large, read into `scratch`. Valid until X509_CACHED others
// were asked for, or the scratch is reset. NULL: no room in the scratch.
struct x509_entry *x509_cache_find(struct span der, struct arena *scratch);

// What it says; NULL: it is no certificate.
const struct x509 *x509_entry_facts(const struct x509_entry *e);
// Its digest, upper-case hexadecimal; computed when first asked for. Empty: no such algorithm.
struct span x509_entry_digest(struct x509_entry *e, enum digest which);
