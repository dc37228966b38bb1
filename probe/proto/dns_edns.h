// SPDX-License-Identifier: Apache-2.0
// The options of EDNS (RFC 6891) one by one, and their values as text. Which field they go to is
// not known here.
#pragma once

#include "pipeline/base/json.h"
#include "pipeline/base/reader.h"

enum dns_option_code {
    DNS_OPTION_LLQ = 1,
    DNS_OPTION_UL = 2,
    DNS_OPTION_NSID = 3,
    DNS_OPTION_ESU = 4,
    DNS_OPTION_DAU = 5,
    DNS_OPTION_DHU = 6,
    DNS_OPTION_N3U = 7,
    DNS_OPTION_SUBNET = 8,
    DNS_OPTION_EXPIRE = 9,
    DNS_OPTION_COOKIE = 10,
    DNS_OPTION_KEEPALIVE = 11,
    DNS_OPTION_PADDING = 12,
    DNS_OPTION_ERROR = 15,
};

struct dns_option {
    uint16_t code;
    struct span value;
};

// The next option of an OPT record's data; false: no more.
bool dns_edns_next(struct reader *options, struct dns_option *o);

// Its value: what its RFC says, or "CODE:0xHEX". Nothing is written if the value does not fit its
// code.
void dns_edns_text(struct pen *to, const struct dns_option *o);
