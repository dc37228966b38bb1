// SPDX-License-Identifier: Apache-2.0
// Community ID v1, sets of networks, and the direction of a transaction.

#include "probe/endpoints.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "config/error.h"
#include "pipeline/cidr.h"
#include "probe/packet.h"

// ── Community ID ──
//
//   "1:" base64( SHA-1( seed 0 (2) │ address │ address │ protocol (1) │ 0 (1) │ port (2) │ port (2)
//   ) )
//
// The smaller (address, port) first, ports in network order. ICMP takes its type for the first port
// and, for the second, the type that answers it (or is answered by it); where there is no such type
// the code, and then the sender stays first.

static struct {
    pthread_once_t once;
    pthread_key_t context; // EVP_MD_CTX of a thread
    EVP_MD *sha1;
} digest = {.once = PTHREAD_ONCE_INIT};

static void context_free(void *context)
{
    EVP_MD_CTX_free(context);
}

static void digest_init(void)
{
    digest.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (pthread_key_create(&digest.context, context_free))
        digest.sha1 = NULL;
}

// This thread's context, made on first use; NULL: there is no SHA-1 here.
static EVP_MD_CTX *digest_context(void)
{
    pthread_once(&digest.once, digest_init);
    if (!digest.sha1)
        return NULL;
    EVP_MD_CTX *context = pthread_getspecific(digest.context);
    if (!context) {
        context = EVP_MD_CTX_new();
        pthread_setspecific(digest.context, context);
    }
    return context;
}

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
static bool icmp_counterpart(uint8_t protocol, uint8_t type, uint16_t *counterpart)
{
    bool v4 = protocol == PROTO_ICMP;
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
static void order_ends(const struct endpoints *e, struct end ends[2], size_t len)
{
    enum side first = CLIENT;
    bool one_way = false;
    ends[0].port = e->port[CLIENT];
    ends[1].port = e->port[SERVER];
    if (e->protocol == PROTO_ICMP || e->protocol == PROTO_ICMPV6) {
        first = e->icmp_seen[CLIENT] || !e->icmp_seen[SERVER] ? CLIENT : SERVER;
        ends[0].port = e->icmp_type[first];
        one_way = !icmp_counterpart(e->protocol, e->icmp_type[first], &ends[1].port);
        if (one_way)
            ends[1].port = e->icmp_code;
    }
    ends[0].address = e->ip[first].bytes;
    ends[1].address = e->ip[side_other(first)].bytes;
    if (!one_way && stands_behind(&ends[0], &ends[1], len)) {
        struct end swap = ends[0];
        ends[0] = ends[1];
        ends[1] = swap;
    }
}

static bool has_ports(uint8_t protocol)
{
    return protocol == PROTO_TCP || protocol == PROTO_UDP || protocol == PROTO_SCTP ||
           protocol == PROTO_ICMP || protocol == PROTO_ICMPV6;
}

static size_t put_bytes(uint8_t *to, size_t at, const void *bytes, size_t len)
{
    memcpy(to + at, bytes, len);
    return at + len;
}

struct span endpoints_community_id(struct endpoints *e)
{
    uint8_t input[2 + 16 + 16 + 2 + 4] = {0}, hash[EVP_MAX_MD_SIZE];
    size_t len = e->ip[CLIENT].family == 4 ? 4 : 16, at = 2;
    if (e->community_id[0])
        return span_text(e->community_id);
    EVP_MD_CTX *context = digest_context();
    if (!context || !e->ip[CLIENT].family)
        return span_of(NULL, 0);
    struct end ends[2];
    order_ends(e, ends, len);
    at = put_bytes(input, at, ends[0].address, len);
    at = put_bytes(input, at, ends[1].address, len);
    input[at] = e->protocol;
    at += 2;
    if (has_ports(e->protocol))
        at = put_bytes(input, at, (uint16_t[]){htons(ends[0].port), htons(ends[1].port)}, 4);
    unsigned size = 0;
    if (!EVP_DigestInit_ex2(context, digest.sha1, NULL) || !EVP_DigestUpdate(context, input, at) ||
        !EVP_DigestFinal_ex(context, hash, &size))
        return span_of(NULL, 0);
    memcpy(e->community_id, "1:", 2);
    size = (unsigned)text_base64((uint8_t *)e->community_id + 2, span_of(hash, size), true);
    e->community_id[2 + size] = 0;
    return span_text(e->community_id);
}

// ── networks ──

struct networks {
    int count;
    struct cidr_set at[];
};

static struct networks *networks_new(int count, struct arena *a)
{
    struct networks *n = arena_alloc(a, sizeof *n + (size_t)count * sizeof n->at[0]);
    if (n)
        n->count = 0;
    return n;
}

struct networks *networks_read(const char *const *names, int count, struct arena *a,
                               struct error *why)
{
    struct networks *n = networks_new(count, a);
    if (!n) {
        error_set(why, "out of memory");
        return NULL;
    }
    for (int i = 0; i < count; i++)
        if (!cidr_read(names[i], a, &n->at[n->count++])) {
            error_set(why,
                      "internal_networks: \"%s\" is neither a network like 10.0.0.0/8 nor a name "
                      "like private",
                      names[i]);
            return NULL;
        }
    return n;
}

bool networks_have(const struct networks *n, const struct ip *ip)
{
    for (int i = 0; n && i < n->count; i++)
        if (cidr_has(&n->at[i], ip))
            return true;
    return false;
}

// An interface's address; family 0: it has none, or is a loopback.
static struct ip address_of(const struct ifaddrs *i)
{
    struct ip ip = {0};
    if (!i->ifa_addr || (i->ifa_flags & IFF_LOOPBACK))
        return ip;
    if (i->ifa_addr->sa_family == AF_INET) {
        ip.family = 4;
        memcpy(ip.bytes, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
    } else if (i->ifa_addr->sa_family == AF_INET6) {
        ip.family = 6;
        memcpy(ip.bytes, &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr, 16);
    }
    return ip;
}

struct networks *networks_own(struct arena *a)
{
    struct ifaddrs *all = NULL;
    int count = 0;
    if (getifaddrs(&all))
        all = NULL; // a host that hides its addresses has none
    for (const struct ifaddrs *i = all; i; i = i->ifa_next)
        count += address_of(i).family != 0;
    struct networks *n = networks_new(count, a);
    struct cidr *addresses = arena_alloc(a, ((size_t)count + 1) * sizeof *addresses);
    for (const struct ifaddrs *i = all; n && addresses && i; i = i->ifa_next) {
        struct ip ip = address_of(i);
        if (!ip.family)
            continue;
        addresses[n->count] = (struct cidr){ip, ip.family == 4 ? 32 : 128};
        n->at[n->count] = (struct cidr_set){.at = &addresses[n->count], .count = 1};
        n->count++;
    }
    freeifaddrs(all);
    return n;
}

// ── direction ──

// Loopback and link-local addresses, one or many receivers: whoever sees them is this host.
static bool is_of_this_link(const struct ip *ip)
{
    static const uint8_t loopback[16] = {[15] = 1};
    const uint8_t *b = ip->bytes;
    if (ip->family == 4)
        return b[0] == 127 || (b[0] == 169 && b[1] == 254) || (b[0] == 224 && !b[1] && !b[2]);
    return ip->family == 6 && ((b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
                               (b[0] == 0xff && (b[1] & 0x0f) == 2) || !memcmp(b, loopback, 16));
}

static bool is_here(const struct ip *ip, const struct networks *own)
{
    return is_of_this_link(ip) || networks_have(own, ip);
}

enum direction endpoints_direction(const struct ip *source, const struct ip *destination,
                                   const struct networks *own, const struct networks *internal)
{
    static const enum direction by_place[2][2] = {
        {DIRECTION_EXTERNAL, DIRECTION_INBOUND},
        {DIRECTION_OUTBOUND, DIRECTION_INTERNAL},
    };
    if (is_here(destination, own))
        return DIRECTION_INGRESS;
    if (is_here(source, own))
        return DIRECTION_EGRESS;
    if (!internal || !internal->count)
        return DIRECTION_UNKNOWN;
    return by_place[networks_have(internal, source)][networks_have(internal, destination)];
}

const char *direction_name(enum direction d)
{
    static const char *const names[] = {
        [DIRECTION_UNKNOWN] = "unknown",   [DIRECTION_INGRESS] = "ingress",
        [DIRECTION_EGRESS] = "egress",     [DIRECTION_INTERNAL] = "internal",
        [DIRECTION_INBOUND] = "inbound",   [DIRECTION_OUTBOUND] = "outbound",
        [DIRECTION_EXTERNAL] = "external",
    };
    return names[d];
}
