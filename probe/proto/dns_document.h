// SPDX-License-Identifier: Apache-2.0
// A DNS message as fields of a document. Knows events and messages; knows no conversation, so it
// serves questions and answers alike.
#pragma once

#include "pipeline/event.h"
#include "probe/common.h"
#include "probe/proto/dns_message.h"

extern const struct field_table dns_field_table;

enum { DNS_GROWTH_ANY = 1 << 16 }; // no ceiling, in effect

struct dns_wanted {
    bool authorities, additionals; // write these records too
    bool raw;                      // the reference's odd values, see the oddities of dns.c
    unsigned growth;               // text for each byte of the message
    struct span name;              // of the first question as text, if known; empty: it is not
};

// All of dns.*, and the addresses in related.ip. Bytes of the message are viewed until the event is
// written. False: some records were only counted, as there were too many or they say too much.
bool dns_document_message(struct event *e, const struct dns_message *m, struct dns_wanted wanted);

// method, query and resource: what was asked. The name of the first question, in the event's
// scratch; empty: there is none.
struct span dns_document_question(struct event *e, const struct dns_message *m);

// The message in one line, into request or response.
void dns_document_line(struct event *e, int field, const struct dns_message *m,
                       struct dns_wanted wanted);
