// SPDX-License-Identifier: Apache-2.0
//   "1:" base64(SHA-1(seed (2) │ address │ address │ protocol (1) │ 0 (1) │ port (2) │ port (2)))
//
// The smaller (address, port) first, ports in network order. ICMP takes its type for the first port
// and, for the second, the type that answers it (or is answered by it); where there is no such type
// the code, and then the sender stays first.

#include "pipeline/community_id.h"

// The block of SHA-1 is called as such, for it is one block always: the general interface of
// OpenSSL 3 spends several times as much around it.
#define OPENSSL_API_COMPAT 0x10100000L

#include <arpa/inet.h>
#include <openssl/sha.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMPV6 = 58, SCTP = 132 };

struct icmp_pair {
    uint8_t type, counterpart;
};

// One way only where the specification's own table has it so: 16 and 131 are without counterpart.
static const struct icmp_pair icmp4_pairs[] = {{8, 0},  {0, 8},  {13, 14}, {14, 13}, {15, 16},
                                               {10, 9}, {9, 10}, {17, 18}, {18, 17}};
static const struct icmp_pair icmp6_pairs[] = {{128, 129}, {129, 128}, {133, 134}, {134, 133},
                                               {135, 136}, {136, 135}, {130, 131}, {139, 140},
                                               {140, 139}, {144, 145}, {145, 144}};

// False: the type has no counterpart.
static bool icmp_counterpart(uint8_t protocol, uint16_t type, uint16_t *counterpart)
{
    bool v4 = protocol == ICMP;
    const struct icmp_pair *pairs = v4 ? icmp4_pairs : icmp6_pairs;
    size_t count = v4 ? sizeof icmp4_pairs / sizeof *pairs : sizeof icmp6_pairs / sizeof *pairs;
    for (size_t i = 0; i < count; i++)
        if (pairs[i].type == type) {
            *counterpart = pairs[i].counterpart;
            return true;
        }
    return false;
}

// An end as the digest takes it: address, port.
struct end {
    const uint8_t *address;
    uint16_t port;
};

static bool stands_behind(const struct end *one, const struct end *other, size_t len)
{
    int order = memcmp(one->address, other->address, len);
    return order > 0 || (order == 0 && one->port > other->port);
}

// The two ends in the order of the digest.
static void order_ends(const struct community_flow *f, struct end ends[2], size_t len)
{
    for (int i = 0; i < 2; i++)
        ends[i] = (struct end){f->ip[i].bytes, f->port[i]};
    bool icmp = f->protocol == ICMP || f->protocol == ICMPV6;
    bool one_way = icmp && !icmp_counterpart(f->protocol, f->port[0], &ends[1].port);
    if (!one_way && stands_behind(&ends[0], &ends[1], len)) {
        struct end swap = ends[0];
        ends[0] = ends[1];
        ends[1] = swap;
    }
}

static bool has_ports(uint8_t protocol)
{
    return protocol == TCP || protocol == UDP || protocol == SCTP || protocol == ICMP ||
           protocol == ICMPV6;
}

static size_t put_bytes(uint8_t *to, size_t at, const void *bytes, size_t len)
{
    memcpy(to + at, bytes, len);
    return at + len;
}

// SHA-1 (FIPS 180-4) of what fits in one block together with its padding.
static void digest(const uint8_t *input, size_t len, uint8_t hash[SHA_DIGEST_LENGTH])
{
    uint8_t block[SHA_CBLOCK] = {0};
    SHA_CTX sha;
    memcpy(block, input, len);
    block[len] = 0x80;
    block[SHA_CBLOCK - 2] = (uint8_t)(8 * len >> 8);
    block[SHA_CBLOCK - 1] = (uint8_t)(8 * len);
    SHA1_Init(&sha);
    SHA1_Transform(&sha, block);
    uint32_t words[] = {htonl(sha.h0), htonl(sha.h1), htonl(sha.h2), htonl(sha.h3), htonl(sha.h4)};
    memcpy(hash, words, SHA_DIGEST_LENGTH);
}

size_t community_id(const struct community_flow *f, char to[COMMUNITY_ID])
{
    uint8_t input[2 + 16 + 16 + 2 + 4] = {0}, hash[SHA_DIGEST_LENGTH];
    size_t len = f->ip[0].family == 4 ? 4 : 16;
    if (!f->ip[0].family || f->ip[0].family != f->ip[1].family)
        return 0;
    struct end ends[2];
    order_ends(f, ends, len);
    size_t at = put_bytes(input, 0, &(uint16_t){htons(f->seed)}, 2);
    at = put_bytes(input, at, ends[0].address, len);
    at = put_bytes(input, at, ends[1].address, len);
    input[at] = f->protocol;
    at += 2;
    if (has_ports(f->protocol))
        at = put_bytes(input, at, (uint16_t[]){htons(ends[0].port), htons(ends[1].port)}, 4);
    digest(input, at, hash);
    memcpy(to, "1:", 2);
    at = 2 + text_base64((uint8_t *)to + 2, span_of(hash, sizeof hash), true);
    to[at] = 0;
    return at;
}
