// SPDX-License-Identifier: Apache-2.0
//   TCP   source(2) destination(2) sequence(4) acknowledged(4) length/flags(2) window(2) sum(2)
//         urgent(2) options…
//   UDP   source(2) destination(2) length(2) sum(2)
//   ICMP  type(1) code(1) sum(2) …
//   SCTP  source(2) destination(2) tag(4) sum(4), then chunks: type(1) flags(1) length(2) …
#include "probe/decode/transport.h"

enum {
    TCP = 20,
    UDP = 8,
    ICMP = 4,
    SCTP = 12,
    CHUNK = 4,
    CHUNKS = 1024, // counted of one packet at most
    OPTION_END = 0,
    OPTION_NONE = 1,
    OPTION_WINDOW_SCALE = 3,
    LARGEST_SHIFT = 14, // RFC 7323; a larger one means this
};

static void set_payload(struct packet *p, struct layer payload)
{
    p->payload = payload.at;
    p->payload_len = payload.len;
    p->payload_cut = payload.cut;
}

// The ports stand in the first four bytes of both.
static bool read_ports(struct layer l, uint32_t header, uint16_t port[2], unsigned *notes)
{
    if (l.len >= 4) {
        port[0] = layer_be16(l.at);
        port[1] = layer_be16(l.at + 2);
    }
    if (l.len >= header)
        return true;
    *notes |= NOTE_BAD_TRANSPORT;
    return false;
}

static uint8_t find_window_scale(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != OPTION_END) {
        if (*at == OPTION_NONE) {
            at++;
            continue;
        }
        if (end - at < 2 || at[1] < 2 || at[1] > end - at)
            break;
        if (at[0] == OPTION_WINDOW_SCALE && at[1] == 3)
            return at[2] > LARGEST_SHIFT ? LARGEST_SHIFT : at[2];
        at += at[1];
    }
    return 0xff;
}

static void read_tcp(struct layer l, struct packet *p, uint16_t port[2], unsigned *notes)
{
    if (!read_ports(l, TCP, port, notes))
        return;
    uint32_t len = (l.at[12] >> 4) * 4u;
    if (len < TCP || len > l.len + (uint64_t)l.cut) {
        *notes |= NOTE_BAD_TRANSPORT;
        return;
    }
    p->seq = layer_be32(l.at + 4);
    p->ack = layer_be32(l.at + 8);
    p->tcp_flags = l.at[13];
    p->window = layer_be16(l.at + 14);
    uint32_t there = len < l.len ? len : l.len; // options may be cut, too
    if (p->tcp_flags & TCP_SYN)
        p->window_scale = find_window_scale(l.at + TCP, l.at + there);
    struct layer payload = layer_behind(l, there);
    payload.cut -= len - there;
    set_payload(p, payload);
}

// A length that says more than IP carried is what the snap length of some other tool leaves behind:
// the rest counts as cut.
static void read_udp(struct layer l, struct packet *p, uint16_t port[2], unsigned *notes)
{
    if (!read_ports(l, UDP, port, notes))
        return;
    uint32_t len = layer_be16(l.at + 4);
    if (len && len < UDP) {
        *notes |= NOTE_BAD_TRANSPORT;
        return;
    }
    if (len > l.len)
        l.cut = len - l.len;
    set_payload(p, layer_behind(len ? layer_first(l, len) : l, UDP));
}

static void read_icmp(struct layer l, struct packet *p, unsigned *notes)
{
    if (l.len < ICMP) {
        *notes |= NOTE_BAD_TRANSPORT;
        return;
    }
    p->icmp_type = l.at[0];
    p->icmp_code = l.at[1];
    set_payload(p, layer_behind(l, ICMP));
}

// Chunks are padded to four bytes; the length that the last one tells may be cut.
static unsigned count_chunks(struct layer l)
{
    unsigned chunks = 0;
    while (l.len >= CHUNK && chunks < CHUNKS) {
        uint32_t len = layer_be16(l.at + 2), padded = (len + 3) & ~3u;
        chunks++;
        if (len < CHUNK || padded > l.len)
            break;
        l = layer_behind(l, padded);
    }
    return chunks;
}

static void read_sctp(struct layer l, struct packet *p, uint16_t port[2], unsigned *notes)
{
    if (!read_ports(l, SCTP, port, notes))
        return;
    set_payload(p, layer_behind(l, SCTP));
    *notes += count_chunks(layer_behind(l, SCTP)) * NOTE_SCTP_CHUNK;
}

void transport_read(const struct ip_header *h, struct packet *p, uint16_t port[2], bool compat,
                    unsigned *notes)
{
    port[0] = port[1] = 0;
    if (h->protocol == PROTO_TCP)
        read_tcp(h->inside, p, port, notes);
    else if (h->protocol == PROTO_UDP)
        read_udp(h->inside, p, port, notes);
    else if (h->protocol == (h->family == 4 ? PROTO_ICMP : PROTO_ICMPV6))
        read_icmp(h->inside, p, notes);
    else if (h->protocol == PROTO_SCTP && !compat)
        read_sctp(h->inside, p, port, notes);
    else
        set_payload(p, h->inside);
}
