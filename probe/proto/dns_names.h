// SPDX-License-Identifier: Apache-2.0
// The names behind the numbers of DNS, as the IANA registries spell them. All are constant texts;
// an empty one means that the number has no name and is shown as a number.
#pragma once

#include "pipeline/base/json.h"

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_MD = 3,
    DNS_MF = 4,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_MB = 7,
    DNS_MG = 8,
    DNS_MR = 9,
    DNS_PTR = 12,
    DNS_HINFO = 13,
    DNS_MINFO = 14,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_RP = 17,
    DNS_AFSDB = 18,
    DNS_X25 = 19,
    DNS_ISDN = 20,
    DNS_RT = 21,
    DNS_PX = 26,
    DNS_AAAA = 28,
    DNS_LOC = 29,
    DNS_SRV = 33,
    DNS_NAPTR = 35,
    DNS_KX = 36,
    DNS_CERT = 37,
    DNS_DNAME = 39,
    DNS_OPT = 41,
    DNS_APL = 42,
    DNS_DS = 43,
    DNS_SSHFP = 44,
    DNS_RRSIG = 46,
    DNS_NSEC = 47,
    DNS_DNSKEY = 48,
    DNS_DHCID = 49,
    DNS_NSEC3 = 50,
    DNS_NSEC3PARAM = 51,
    DNS_TLSA = 52,
    DNS_SMIMEA = 53,
    DNS_CDS = 59,
    DNS_CDNSKEY = 60,
    DNS_OPENPGPKEY = 61,
    DNS_CSYNC = 62,
    DNS_ZONEMD = 63,
    DNS_SVCB = 64,
    DNS_HTTPS = 65,
    DNS_SPF = 99,
    DNS_NID = 104,
    DNS_L32 = 105,
    DNS_L64 = 106,
    DNS_LP = 107,
    DNS_EUI48 = 108,
    DNS_EUI64 = 109,
    DNS_IXFR = 251,
    DNS_AXFR = 252,
    DNS_URI = 256,
    DNS_CAA = 257,
    DNS_TA = 32768,
    DNS_DLV = 32769,
};

struct span dns_type_name(unsigned type);
struct span dns_class_name(unsigned class);
struct span dns_opcode_name(unsigned opcode);
struct span dns_rcode_name(unsigned rcode);         // 16 is BADVERS, which needs EDNS to be said
struct span dns_algorithm_name(unsigned algorithm); // of DNSSEC keys and signatures
struct span dns_digest_name(unsigned digest);       // of DS and NSEC3
struct span dns_service_key_name(unsigned key);     // of SVCB and HTTPS (RFC 9460)
struct span dns_error_name(unsigned code);          // of the EDNS option EDE (RFC 8914)

// The name, or the number if it is empty.
void dns_names_put(struct pen *to, struct span name, uint32_t number);
