// SPDX-License-Identifier: Apache-2.0
// The wire format of DNS (RFC 1035 section 4, RFC 6891): finds its way through a message, hands out
// records one by one, expands names. Knows no record type and renders nothing but names.
//
//     0      2      4      6      8      10     12
//     │  id  │ flags│  qd  │  an  │  ns  │  ar  │ questions │ answers │ authorities │ additionals
//
//     a record: name │ type 2 │ class 2 │ ttl 4 │ length 2 │ data
#pragma once

#include "pipeline/base/reader.h"

enum dns_flag {
    DNS_QR = 0x8000,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_AD = 0x0020,
    DNS_CD = 0x0010,
};

enum dns_section { DNS_ANSWERS, DNS_AUTHORITIES, DNS_ADDITIONALS, DNS_SECTIONS };

enum {
    DNS_HEADER = 12,
    DNS_NAME_WIRE = 255,  // bytes of a name at most, its root label included
    DNS_NAME_TEXT = 1024, // and of its text, where a byte may take four characters
    DNS_NAME_JUMPS = 126, // compression pointers of one name at most
};

// A record as it lies in the message. Offsets count from the header.
struct dns_record {
    uint32_t name; // of the owner
    uint16_t type, class;
    uint32_t ttl;
    uint32_t data;
    uint16_t data_len;
};

struct dns_message {
    struct span bytes; // from the header on
    uint16_t id, flags;
    uint16_t questions, count[DNS_SECTIONS]; // that are really there; the header may promise more
    uint32_t at[DNS_SECTIONS];               // offset of the first record
    uint32_t end;                            // offset behind the last record
    bool cut;                                // it goes on, but not here
    bool has_opt;
    struct dns_record opt; // the EDNS record, one of the additionals
};

// Finds the sections. False: not a DNS message, or one that says nothing (neither question nor
// record). A message whose bytes end between two records is taken as far as it goes; one that ends
// inside a record only if `cut` says that bytes are missing.
bool dns_message_read(struct dns_message *m, struct span bytes, bool cut);

static inline unsigned dns_message_opcode(const struct dns_message *m)
{
    return m->flags >> 11 & 15;
}
// Twelve bits: those of the header, and those that EDNS adds above them.
static inline unsigned dns_message_rcode(const struct dns_message *m)
{
    return (m->flags & 15u) | (m->has_opt ? m->opt.ttl >> 24 << 4 : 0);
}

// Whether both ask the same in the same bytes. False if that would take more than a look.
bool dns_message_asks_same(const struct dns_message *a, const struct dns_message *b);

struct dns_question {
    uint32_t name;
    uint16_t type, class;
};

// What stands at *offset, which is moved behind it. False: it is not whole.
bool dns_question_read(struct span message, uint32_t *offset, struct dns_question *q);
bool dns_record_read(struct span message, uint32_t *offset, struct dns_record *r);

// The text of the name at *offset, which is moved behind it: labels with dots between, "." for the
// root, odd bytes as \. or \DDD. Compression pointers are followed backwards only. How many
// characters; 0: not a name.
size_t dns_name_text(struct span message, uint32_t *offset, uint8_t to[DNS_NAME_TEXT]);
// The same, uncompressed but still in wire format.
size_t dns_name_wire(struct span message, uint32_t *offset, uint8_t to[DNS_NAME_WIRE]);
