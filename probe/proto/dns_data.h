// SPDX-License-Identifier: Apache-2.0
// The data of a DNS record as texts: what it says, and the named facts beside it (a mail exchange's
// preference, a signature's signer). Knows the record types; knows neither JSON nor documents.
#pragma once

#include "pipeline/base/json.h"
#include "probe/proto/dns_message.h"

enum {
    DNS_DATA_TEXT = 16384, // what one record may say; longer texts end in "…"
    DNS_DATA_FACTS = 8,
};

// `text` is empty for a number.
struct dns_fact {
    struct span key, text;
    uint32_t number;
};

struct dns_data {
    struct span text;                     // views of `place` or of the message
    struct dns_fact fact[DNS_DATA_FACTS]; // in the order of their keys
    int facts;
    uint32_t name; // where in the message the name stands that is all of `text`; 0: none is
    struct pen pen;
    uint8_t place[DNS_DATA_TEXT];
};

// Reads the data of `r`. Types without facts of their own get their RFC's presentation form, or,
// with `raw`, their bytes with odd ones escaped; so does data that does not fit its type.
void dns_data_read(struct dns_data *d, struct span message, const struct dns_record *r, bool raw);
