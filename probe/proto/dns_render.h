// SPDX-License-Identifier: Apache-2.0
// DNS messages as documents show them: lists of records in JSON, and a whole message in one line.
// Bounded: so many records of a section, and never more than the pen holds; a record is there whole
// or not at all.
#pragma once

#include "pipeline/base/json.h"
#include "probe/proto/dns_message.h"

enum {
    DNS_RENDERED = 512, // records of one section at most
    DNS_KNOWN = 12,     // names
};

// The first names of a message as they were written, by where they stand: most owners are pointers
// to a name that was written before.
struct dns_known {
    unsigned count;
    size_t used; // of `text`
    uint32_t at[DNS_KNOWN];
    struct span json[DNS_KNOWN]; // in `text`
    uint8_t text[4096];          // a few of the longest, each byte of which takes five
};

// Knows the name of the first question, if it is not empty.
void dns_known_begin(struct dns_known *k, struct span question);

// The records of a section as a list of objects, without the EDNS record. `raw` as for
// dns_data_read; `known` goes from section to section of one message. How many.
unsigned dns_render_records(struct pen *to, const struct dns_message *m, enum dns_section s,
                            bool raw, struct dns_known *known);

// "class IN, type A, www.example.com"
void dns_render_question(struct pen *to, struct span message, const struct dns_question *q);

// "ID 1; QR response; OPCODE QUERY; FLAGS rd ra; RCODE NOERROR; QUESTION …; ANSWER …; AUTHORITY …;
// ADDITIONAL …". What finds no room at its end is left out.
void dns_render_message(struct pen *to, const struct dns_message *m, bool raw);

// A response code in words; `raw` calls 16 by its other name, BADSIG.
void dns_render_rcode(struct pen *to, unsigned rcode, bool raw);
