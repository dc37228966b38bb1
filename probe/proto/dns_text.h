// SPDX-License-Identifier: Apache-2.0
// What record data is read from, and the pieces of text it is shown with: numbers in the encodings
// that the RFCs chose for them. Shared by the files that know record types and options.
#pragma once

#include "pipeline/base/json.h"
#include "probe/proto/dns_message.h"

// The data being read, inside its message because names may point out of it.
struct dns_source {
    struct span message;
    struct reader r;
};

struct dns_source dns_source_of(struct span message, const struct dns_record *r);
uint32_t dns_source_offset(const struct dns_source *s);
// The name at the reader, into `to`; how many characters, 0 when it is none or leaves the data (the
// reader fails then).
size_t dns_source_name(struct dns_source *s, uint8_t to[DNS_NAME_TEXT]);
// The next string of RFC 1035 section 3.3: a length byte, then so many bytes.
struct span dns_source_string(struct dns_source *s);

void dns_put(struct pen *to, const char *text);
// Quotes and backslashes behind a backslash, other bytes that are not printable as \DDD.
void dns_put_escaped(struct pen *to, struct span s);
// The same, with the usual escapes for the white space among them.
void dns_put_raw(struct pen *to, struct span s);
void dns_put_hex(struct pen *to, struct span s, bool upper);
void dns_put_base64(struct pen *to, struct span s);
// RFC 4648 section 7, without padding.
void dns_put_base32(struct pen *to, struct span s);
void dns_put_ip(struct pen *to, struct span bytes); // of 4 or 16
// A time of DNSSEC: YYYYMMDDHHmmSS.
void dns_put_time(struct pen *to, uint32_t seconds);
// Hexadecimal; empty is a dash.
void dns_put_salt(struct pen *to, struct span salt);
// The type bit maps of RFC 4034 section 4.1.2, with blanks between.
void dns_put_type_bits(struct pen *to, struct reader *r);
