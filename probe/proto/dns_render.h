// SPDX-License-Identifier: Apache-2.0
// DNS messages as documents show them: lists of records in JSON, and a whole message in one line.
// Bounded: so many records of a section, as much text as its message is allowed, and never more
// than the pen holds; a record is there whole or not at all.
#pragma once

#include "pipeline/base/json.h"
#include "probe/proto/dns_message.h"

enum {
    DNS_RENDERED = 512,   // records of one section at most
    DNS_RECORD_FREE = 64, // bytes of each that are no text: the names of its members
    DNS_TEXT_FREE = 2048, // bytes of text that any message may have
    DNS_KNOWN = 12,       // names
};

// What the records of a message may still be written with, and its first names as they were
// written, by where they stand: most owners are pointers to a name that was written before.
struct dns_known {
    size_t left; // bytes of text
    bool cut;    // records were left out
    unsigned count;
    size_t used; // of `text`
    uint32_t at[DNS_KNOWN];
    struct span json[DNS_KNOWN]; // in `text`
    uint8_t text[4096];          // a few of the longest, each byte of which takes five
};

// Two bytes that point at a name may stand for a thousand characters, so text is allowed by the
// length of the message: `growth` times as much, and DNS_TEXT_FREE.
size_t dns_text_allowed(const struct dns_message *m, unsigned growth);

// Knows the name of the first question, if it is not empty.
void dns_known_begin(struct dns_known *k, struct span question, size_t allowed);

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
