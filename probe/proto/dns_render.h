// SPDX-License-Identifier: Apache-2.0
// DNS messages as documents show them: lists of records in JSON, and a whole message in one line.
// Bounded: so many records of a section, and never more than the pen holds; a record is there whole
// or not at all.
#pragma once

#include "pipeline/base/json.h"
#include "probe/proto/dns_message.h"

enum { DNS_RENDERED = 512 }; // records of one section at most

// The records of a section as a list of objects, without the EDNS record. `raw` as for
// dns_data_read. How many.
unsigned dns_render_records(struct pen *to, const struct dns_message *m, enum dns_section s,
                            bool raw);

// "class IN, type A, www.example.com"
void dns_render_question(struct pen *to, struct span message, const struct dns_question *q);

// "ID 1; QR response; OPCODE QUERY; FLAGS rd ra; RCODE NOERROR; QUESTION …; ANSWER …; AUTHORITY …;
// ADDITIONAL …". What finds no room at its end is left out.
void dns_render_message(struct pen *to, const struct dns_message *m, bool raw);

// A response code in words; `raw` calls 16 by its other name, BADSIG.
void dns_render_rcode(struct pen *to, unsigned rcode, bool raw);
