// SPDX-License-Identifier: Apache-2.0
// Tables of names: the low numbers by position, the rest in a short list. Numbers that the
// registries left without a name, or that nobody uses, are missing on purpose.
#include "probe/proto/dns_names.h"

struct named {
    unsigned number;
    struct span name;
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct span in_order(const struct span *names, size_t count, unsigned number)
{
    return number < count ? names[number] : span_of(NULL, 0);
}

static struct span in_list(const struct named *list, size_t count, unsigned number)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].number == number)
            return list[i].name;
    return span_of(NULL, 0);
}

static const struct span types[] = {
    SPAN("None"),     SPAN("A"),          SPAN("NS"),     SPAN("MD"),       SPAN("MF"),
    SPAN("CNAME"),    SPAN("SOA"),        SPAN("MB"),     SPAN("MG"),       SPAN("MR"),
    SPAN("NULL"),     SPAN("WKS"),        SPAN("PTR"),    SPAN("HINFO"),    SPAN("MINFO"),
    SPAN("MX"),       SPAN("TXT"),        SPAN("RP"),     SPAN("AFSDB"),    SPAN("X25"),
    SPAN("ISDN"),     SPAN("RT"),         SPAN("NSAP"),   SPAN("NSAP-PTR"), SPAN("SIG"),
    SPAN("KEY"),      SPAN("PX"),         SPAN("GPOS"),   SPAN("AAAA"),     SPAN("LOC"),
    SPAN("NXT"),      SPAN("EID"),        SPAN("NIMLOC"), SPAN("SRV"),      SPAN("ATMA"),
    SPAN("NAPTR"),    SPAN("KX"),         SPAN("CERT"),   SPAN("A6"),       SPAN("DNAME"),
    SPAN("SINK"),     SPAN("OPT"),        SPAN("APL"),    SPAN("DS"),       SPAN("SSHFP"),
    SPAN("IPSECKEY"), SPAN("RRSIG"),      SPAN("NSEC"),   SPAN("DNSKEY"),   SPAN("DHCID"),
    SPAN("NSEC3"),    SPAN("NSEC3PARAM"), SPAN("TLSA"),   SPAN("SMIMEA"),   {NULL, 0},
    SPAN("HIP"),      SPAN("NINFO"),      SPAN("RKEY"),   SPAN("TALINK"),   SPAN("CDS"),
    SPAN("CDNSKEY"),  SPAN("OPENPGPKEY"), SPAN("CSYNC"),  SPAN("ZONEMD"),   SPAN("SVCB"),
    SPAN("HTTPS"),
};

static const struct named more_types[] = {
    {99, SPAN("SPF")},     {100, SPAN("UINFO")},    {101, SPAN("UID")},   {102, SPAN("GID")},
    {103, SPAN("UNSPEC")}, {104, SPAN("NID")},      {105, SPAN("L32")},   {106, SPAN("L64")},
    {107, SPAN("LP")},     {108, SPAN("EUI48")},    {109, SPAN("EUI64")}, {249, SPAN("TKEY")},
    {250, SPAN("TSIG")},   {251, SPAN("IXFR")},     {252, SPAN("AXFR")},  {253, SPAN("MAILB")},
    {254, SPAN("MAILA")},  {255, SPAN("ANY")},      {256, SPAN("URI")},   {257, SPAN("CAA")},
    {258, SPAN("AVC")},    {260, SPAN("AMTRELAY")}, {32768, SPAN("TA")},  {32769, SPAN("DLV")},
};

struct span dns_type_name(unsigned type)
{
    if (type < COUNT(types))
        return types[type];
    return in_list(more_types, COUNT(more_types), type);
}

struct span dns_class_name(unsigned class)
{
    static const struct named classes[] = {
        {1, SPAN("IN")}, {2, SPAN("CS")},     {3, SPAN("CH")},
        {4, SPAN("HS")}, {254, SPAN("NONE")}, {255, SPAN("ANY")},
    };
    return in_list(classes, COUNT(classes), class);
}

struct span dns_opcode_name(unsigned opcode)
{
    static const struct span opcodes[] = {SPAN("QUERY"), SPAN("IQUERY"), SPAN("STATUS"),
                                          {NULL, 0},     SPAN("NOTIFY"), SPAN("UPDATE")};
    return in_order(opcodes, COUNT(opcodes), opcode);
}

struct span dns_rcode_name(unsigned rcode)
{
    static const struct span rcodes[] = {
        SPAN("NOERROR"), SPAN("FORMERR"),   SPAN("SERVFAIL"), SPAN("NXDOMAIN"),  SPAN("NOTIMP"),
        SPAN("REFUSED"), SPAN("YXDOMAIN"),  SPAN("YXRRSET"),  SPAN("NXRRSET"),   SPAN("NOTAUTH"),
        SPAN("NOTZONE"), SPAN("DSOTYPENI"), {NULL, 0},        {NULL, 0},         {NULL, 0},
        {NULL, 0},       SPAN("BADVERS"),   SPAN("BADKEY"),   SPAN("BADTIME"),   SPAN("BADMODE"),
        SPAN("BADNAME"), SPAN("BADALG"),    SPAN("BADTRUNC"), SPAN("BADCOOKIE"),
    };
    return in_order(rcodes, COUNT(rcodes), rcode);
}

struct span dns_algorithm_name(unsigned algorithm)
{
    static const struct named algorithms[] = {
        {1, SPAN("RSAMD5")},
        {2, SPAN("DH")},
        {3, SPAN("DSA")},
        {5, SPAN("RSASHA1")},
        {6, SPAN("DSA-NSEC3-SHA1")},
        {7, SPAN("RSASHA1-NSEC3-SHA1")},
        {8, SPAN("RSASHA256")},
        {10, SPAN("RSASHA512")},
        {12, SPAN("ECC-GOST")},
        {13, SPAN("ECDSAP256SHA256")},
        {14, SPAN("ECDSAP384SHA384")},
        {15, SPAN("ED25519")},
        {16, SPAN("ED448")},
        {252, SPAN("INDIRECT")},
        {253, SPAN("PRIVATEDNS")},
        {254, SPAN("PRIVATEOID")},
    };
    return in_list(algorithms, COUNT(algorithms), algorithm);
}

struct span dns_digest_name(unsigned digest)
{
    static const struct span digests[] = {{NULL, 0},      SPAN("SHA1"),   SPAN("SHA256"),
                                          SPAN("GOST94"), SPAN("SHA384"), SPAN("SHA512")};
    return in_order(digests, COUNT(digests), digest);
}

struct span dns_service_key_name(unsigned key)
{
    static const struct span keys[] = {SPAN("mandatory"), SPAN("alpn"),     SPAN("no-default-alpn"),
                                       SPAN("port"),      SPAN("ipv4hint"), SPAN("ech"),
                                       SPAN("ipv6hint"),  SPAN("dohpath"),  SPAN("ohttp")};
    return in_order(keys, COUNT(keys), key);
}

struct span dns_error_name(unsigned code)
{
    static const struct span errors[] = {
        SPAN("Other"),
        SPAN("Unsupported DNSKEY Algorithm"),
        SPAN("Unsupported DS Digest Type"),
        SPAN("Stale Answer"),
        SPAN("Forged Answer"),
        SPAN("DNSSEC Indeterminate"),
        SPAN("DNSSEC Bogus"),
        SPAN("Signature Expired"),
        SPAN("Signature Not Yet Valid"),
        SPAN("DNSKEY Missing"),
        SPAN("RRSIGs Missing"),
        SPAN("No Zone Key Bit Set"),
        SPAN("NSEC Missing"),
        SPAN("Cached Error"),
        SPAN("Not Ready"),
        SPAN("Blocked"),
        SPAN("Censored"),
        SPAN("Filtered"),
        SPAN("Prohibited"),
        SPAN("Stale NXDOMAIN Answer"),
        SPAN("Not Authoritative"),
        SPAN("Not Supported"),
        SPAN("No Reachable Authority"),
        SPAN("Network Error"),
        SPAN("Invalid Data"),
    };
    return in_order(errors, COUNT(errors), code);
}

void dns_names_put(struct pen *to, struct span name, uint32_t number)
{
    if (name.len)
        pen_raw(to, name);
    else
        pen_unsigned(to, number);
}
