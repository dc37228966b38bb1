// SPDX-License-Identifier: Apache-2.0
// ICMP for IPv4 (RFC 792) and IPv6 (RFC 4443). Echo and the older pairs wait for their reply by
// identifier and sequence number; every other message is a document of its own. Both ends may ask,
// so who asked is told by the side a message came from.
//
//     │ type 1 │ code 1 │ checksum 2 │ identifier 2 │ sequence 2 │ data …
//                                    └ feed sees it from here on

#include "pipeline/base/reader.h"
#include "probe/conn.h"
#include "probe/packet.h"

enum icmp_field {
    ICMP_BEFORE_FIRST = COMMON_FIELDS - 1,
#define FIELD(id, name, type, flags, meaning) id,
#include "probe/proto/icmp.def"
#undef FIELD
    ICMP_FIELDS
};

static const struct field fields[] = {
#define FIELD(id, name, type, flags, meaning) {name, type, meaning, flags},
#include "probe/proto/icmp.def"
#undef FIELD
};

static const struct field_table field_table = {"icmp", &common_table, fields,
                                               ICMP_FIELDS - COMMON_FIELDS};

static const struct span note_duplicate =
    SPAN("Another request with the same Id and Seq was received so this request was closed without "
         "receiving a response.");
static const struct span note_unanswered =
    SPAN("Request was received without an associated response.");
static const struct span note_unasked =
    SPAN("Response was received without an associated request.");

// ── types and codes ──

enum role { ALONE, FAULT, REQUEST, REPLY }; // FAULT reports that a packet came to grief

// What a type is. `family` tells the pairs apart: a reply answers a request of its own family.
// Types that make no use of the code have no names for codes.
struct kind {
    const char *name; // NULL: a type nobody here knows
    uint8_t role, family, code_count;
    const char *const *codes;
};

#define CODES(table) .codes = table, .code_count = sizeof(table) / sizeof *(table)

static const char *const unreachable4[] = {
    "Net",
    "Host",
    "Protocol",
    "Port",
    "FragmentationNeeded",
    "SourceRoutingFailed",
    "NetUnknown",
    "HostUnknown",
    "SourceIsolated",
    "NetAdminProhibited",
    "HostAdminProhibited",
    "NetTOS",
    "HostTOS",
    "CommAdminProhibited",
    "HostPrecedence",
    "PrecedenceCutoff",
};
static const char *const redirect4[] = {"Net", "Host", "TOS+Net", "TOS+Host"};
static const char *const exceeded4[] = {"TTLExceeded", "FragmentReassemblyTimeExceeded"};
static const char *const parameter4[] = {"PointerIndicatesError", "MissingOption", "BadLength"};

static const struct kind kinds4[] = {
    [0] = {.name = "EchoReply", .role = REPLY, .family = 1},
    [3] = {.name = "DestinationUnreachable", .role = FAULT, CODES(unreachable4)},
    [4] = {.name = "SourceQuench", .role = FAULT},
    [5] = {.name = "Redirect", CODES(redirect4)},
    [8] = {.name = "EchoRequest", .role = REQUEST, .family = 1},
    [9] = {.name = "RouterAdvertisement"},
    [10] = {.name = "RouterSolicitation"},
    [11] = {.name = "TimeExceeded", .role = FAULT, CODES(exceeded4)},
    [12] = {.name = "ParameterProblem", .role = FAULT, CODES(parameter4)},
    [13] = {.name = "TimestampRequest", .role = REQUEST, .family = 2},
    [14] = {.name = "TimestampReply", .role = REPLY, .family = 2},
    [15] = {.name = "InfoRequest", .role = REQUEST, .family = 3},
    [16] = {.name = "InfoReply", .role = REPLY, .family = 3},
    [17] = {.name = "AddressMaskRequest", .role = REQUEST, .family = 4},
    [18] = {.name = "AddressMaskReply", .role = REPLY, .family = 4},
};

static const char *const unreachable6[] = {
    "NoRouteToDst",    "AdminProhibited",        "BeyondScopeOfSrc", "AddressUnreachable",
    "PortUnreachable", "SrcAddressFailedPolicy", "RejectRouteToDst"};
static const char *const exceeded6[] = {"HopLimitExceeded", "FragmentReassemblyTimeExceeded"};
static const char *const parameter6[] = {"ErroneousHeaderField", "UnrecognizedNextHeader",
                                         "UnrecognizedIPv6Option"};

static const struct kind kinds6[] = {
    [1] = {.name = "DestinationUnreachable", .role = FAULT, CODES(unreachable6)},
    [2] = {.name = "PacketTooBig", .role = FAULT},
    [3] = {.name = "TimeExceeded", .role = FAULT, CODES(exceeded6)},
    [4] = {.name = "ParameterProblem", .role = FAULT, CODES(parameter6)},
    [128] = {.name = "EchoRequest", .role = REQUEST, .family = 1},
    [129] = {.name = "EchoReply", .role = REPLY, .family = 1},
    [133] = {.name = "RouterSolicitation"},
    [134] = {.name = "RouterAdvertisement"},
    [135] = {.name = "NeighborSolicitation"},
    [136] = {.name = "NeighborAdvertisement"},
    [137] = {.name = "Redirect"},
};
#undef CODES

static bool is_version6(const struct conn *c)
{
    return conn_ends(c)->protocol == PROTO_ICMPV6;
}

static const struct kind *kind_of(const struct conn *c, uint8_t type)
{
    static const struct kind unknown = {.name = NULL};
    if (is_version6(c))
        return type < sizeof kinds6 / sizeof *kinds6 ? &kinds6[type] : &unknown;
    return type < sizeof kinds4 / sizeof *kinds4 ? &kinds4[type] : &unknown;
}

// "EchoRequest", "DestinationUnreachable(Port)", "Redirect(Code: 9)", "42(0)".
static void put_message(struct pen *to, const struct kind *k, uint8_t type, uint8_t code)
{
    const char *name = code < k->code_count ? k->codes[code] : NULL;
    if (k->name)
        pen_raw(to, span_text(k->name));
    else
        pen_unsigned(to, type);
    if (k->name && !k->codes && !code)
        return;
    pen_byte(to, '(');
    if (k->name && !name)
        pen_raw(to, (struct span)SPAN("Code: "));
    if (name)
        pen_raw(to, span_text(name));
    else
        pen_unsigned(to, code);
    pen_byte(to, ')');
}

// ── messages ──

struct seen {
    bool there;
    uint8_t type, code;
};

struct exchange {
    struct seen request, response;
    bool waits;  // for a response
    bool closed; // by another request of its number
};

static struct transaction *request_open(struct conn *c, enum side from, uint64_t number)
{
    struct transaction *t = transaction_open(c, number);
    struct exchange *x = t->state;
    t->turned = from == SERVER;
    x->request = (struct seen){true, conn_icmp_type(c), conn_icmp_code(c)};
    return t;
}

static void request_came(struct conn *c, enum side from, uint64_t number, uint64_t bytes)
{
    struct transaction *t = transaction_find(c, number);
    int64_t time = conn_time(c, from, 0);
    if (t) {
        ((struct exchange *)t->state)->closed = true;
        transaction_note(t, note_duplicate);
        transaction_end(t);
    }
    t = request_open(c, from, number);
    ((struct exchange *)t->state)->waits = true;
    transaction_saw(t, CLIENT, time, time, bytes);
    transaction_asked(t);
}

static void reply_came(struct conn *c, enum side from, uint64_t number, uint64_t bytes)
{
    struct transaction *t = transaction_find(c, number);
    int64_t time = conn_time(c, from, 0);
    if (!t) {
        t = transaction_unasked(c, number);
        t->turned = from == CLIENT;
        transaction_note(t, note_unasked);
    }
    struct exchange *x = t->state;
    x->response = (struct seen){true, conn_icmp_type(c), conn_icmp_code(c)};
    transaction_saw(t, SERVER, time, time, bytes);
    transaction_answered(t);
}

static void lone_came(struct conn *c, enum side from, uint64_t bytes)
{
    struct transaction *t = request_open(c, from, UINT64_MAX);
    int64_t time = conn_time(c, from, 0);
    transaction_saw(t, CLIENT, time, time, bytes);
    transaction_end(t);
}

// Identifier and sequence number, and what else tells requests of one conn apart.
static uint64_t number_of(const struct kind *k, enum side asker, uint32_t identity)
{
    return (uint64_t)k->family << 40 | (uint64_t)asker << 32 | identity;
}

// Who asked what this side replies to. Who talks to himself has one side only.
static enum side asker_of(const struct conn *c, enum side replies)
{
    const struct endpoints *ends = conn_ends(c);
    bool alone = memcmp(&ends->ip[CLIENT], &ends->ip[SERVER], sizeof(struct ip)) == 0;
    return alone ? replies : side_other(replies);
}

static uint32_t icmp_feed(struct conn *c, enum side from, struct span data, uint32_t seen)
{
    (void)seen;
    const struct kind *k = kind_of(c, conn_icmp_type(c));
    struct reader r = reader_of(data);
    uint32_t identity = reader_be32(&r);
    uint64_t bytes = reader_left(&r) + conn_cut(c);
    if (!reader_ok(&r))
        return 0; // no whole header
    switch (k->role) {
    case REQUEST:
        request_came(c, from, number_of(k, from, identity), bytes);
        break;
    case REPLY:
        reply_came(c, from, number_of(k, asker_of(c, from), identity), bytes);
        break;
    default:
        lone_came(c, from, bytes);
    }
    return (uint32_t)data.len;
}

// ── documents ──

static void set_seen(const struct conn *c, struct event *e, int message, const struct seen *s)
{
    uint8_t place[64];
    struct pen pen = pen_of(place, sizeof place);
    if (!s->there)
        return;
    put_message(&pen, kind_of(c, s->type), s->type, s->code);
    event_text_copy(e, message, pen_written(&pen));
    event_number(e, message + 1, s->type); // in the order of the fields
    event_number(e, message + 2, s->code);
}

static bool is_well(const struct conn *c, const struct exchange *x)
{
    return x->request.there && kind_of(c, x->request.type)->role != FAULT &&
           (!x->waits || x->response.there);
}

static bool icmp_publish(const struct conn *c, const struct transaction *t, struct event *e)
{
    const struct exchange *x = t->state;
    const struct ip *asked = &conn_ends(c)->ip[t->turned ? CLIENT : SERVER];
    event_text(e, F_STATUS, is_well(c, x) ? (struct span)SPAN("OK") : (struct span)SPAN("Error"));
    event_ip(e, F_PATH, asked->bytes, asked->family);
    event_number(e, ICMP_VERSION, is_version6(c) ? 6 : 4);
    set_seen(c, e, ICMP_REQUEST_MESSAGE, &x->request);
    set_seen(c, e, ICMP_RESPONSE_MESSAGE, &x->response);
    if (x->waits && !x->response.there && !x->closed)
        event_add_new(e, F_ERROR_MESSAGE, value_text(note_unanswered));
    return true;
}

const struct protocol icmp_protocol = {
    .name = "icmp",
    .meaning = "Internet Control Message Protocol, IPv4 and IPv6",
    .transports = OVER_ICMP,
    .ports = "",
    .fields = &field_table,
    .transaction_size = sizeof(struct exchange),
    .timeout = "10s",
    .event_types = "connection",
    .no_network_protocol = true,
    .feed = icmp_feed,
    .publish = icmp_publish,
};
