// SPDX-License-Identifier: Apache-2.0
// From a flow's record to its document.

#include "probe/flow/report.h"

#include "pipeline/base/clock.h"
#include "probe/flow/flow_id.h"

static const struct field fields[] = {
    {"flow.id", FIELD_KEYWORD, "Name of the flow, the same for both directions", 0},
    {"flow.final", FIELD_BOOLEAN, "Whether this is the last report of the flow", 0},
    {"flow.vlan", FIELD_LONG, "VLAN identifiers of its first packet, the outer one first",
     FIELD_LIST},
    {"destination", FIELD_OBJECT, "The receiver; empty when nothing is known of it", 0},
    {"flow.end_reason", FIELD_KEYWORD,
     "Why the flow ended: fin, rst, timeout, reuse (of its ports), evicted (too many flows), stop",
     FIELD_ADDED},
    {"flow.tcp.state", FIELD_KEYWORD,
     "How the TCP connection stands: syn_sent, syn_received, established, closing, closed, reset",
     FIELD_ADDED},
    {"flow.tcp.handshake", FIELD_LONG,
     "Nanoseconds from the SYN to the ACK that completes the handshake", FIELD_ADDED},
    {"source.tcp.retransmissions", FIELD_LONG, "Segments that the source sent again", FIELD_ADDED},
    {"source.tcp.out_of_order", FIELD_LONG, "Segments of the source that came before their turn",
     FIELD_ADDED},
    {"source.tcp.zero_windows", FIELD_LONG, "Times the source closed its window", FIELD_ADDED},
    {"destination.tcp.retransmissions", FIELD_LONG, "Segments that the destination sent again",
     FIELD_ADDED},
    {"destination.tcp.out_of_order", FIELD_LONG,
     "Segments of the destination that came before their turn", FIELD_ADDED},
    {"destination.tcp.zero_windows", FIELD_LONG, "Times the destination closed its window",
     FIELD_ADDED},
};
_Static_assert(sizeof fields / sizeof *fields == FLOW_FIELDS - COMMON_FIELDS, "one row each");

const struct field_table flow_table = {"flow", &common_table, fields, FLOW_FIELDS - COMMON_FIELDS};

// Transports that are named, by IP protocol; the reference knows but the first four.
static const struct transport_name {
    uint8_t protocol;
    bool added;
    struct span name;
} transport_names[] = {
    {PROTO_TCP, false, SPAN("tcp")},
    {PROTO_UDP, false, SPAN("udp")},
    {PROTO_ICMP, false, SPAN("icmp")},
    {PROTO_ICMPV6, false, SPAN("ipv6-icmp")},
    {PROTO_SCTP, true, SPAN("sctp")},
    {PROTO_GRE, true, SPAN("gre")},
    {2, true, SPAN("igmp")},
    {50, true, SPAN("esp")},
    {51, true, SPAN("ah")},
};

static bool is_icmp(const struct flow *flow)
{
    return flow->key.protocol == PROTO_ICMP || flow->key.protocol == PROTO_ICMPV6;
}

// The reference names ICMP only if the last type and code that the source sent are not both zero.
static struct span transport_of(const struct flow *flow, bool compat)
{
    if (flow->key.family == 0 || (compat && is_icmp(flow) && !flow->icmp_type && !flow->icmp_code))
        return span_of(NULL, 0);
    for (size_t i = 0; i < sizeof transport_names / sizeof *transport_names; i++)
        if (transport_names[i].protocol == flow->key.protocol &&
            !(compat && transport_names[i].added))
            return transport_names[i].name;
    return span_of(NULL, 0);
}

// SCTP has none under compat: the decoder did not look for them.
static bool has_ports(const struct flow *flow)
{
    return flow->key.protocol == PROTO_TCP || flow->key.protocol == PROTO_UDP ||
           (flow->key.protocol == PROTO_SCTP && (flow->key.port[0] || flow->key.port[1]));
}

static void write_address(struct event *e, int field, const struct flow *flow,
                          const struct layers *l, bool destination)
{
    const uint8_t *inner = flow->key.address[flow->source != destination];
    if (!flow->key.family)
        return;
    if (!l->outer) {
        event_ip(e, field, inner, flow->key.family);
        return;
    }
    event_add(e, field, value_ip(l->ip[destination], l->outer));
    event_add(e, field, value_ip(inner, flow->key.family));
}

static void write_source(struct event *e, const struct flow *flow, const struct layers *l)
{
    bool me = flow->source;
    if (l->has_mac)
        event_mac(e, F_SOURCE_MAC, l->mac[0]);
    write_address(e, F_SOURCE_IP, flow, l, false);
    if (has_ports(flow))
        event_number(e, F_SOURCE_PORT, flow->key.port[me]);
    event_number(e, F_SOURCE_BYTES, (int64_t)flow->bytes[me]);
    event_number(e, F_SOURCE_PACKETS, (int64_t)flow->packets[me]);
}

static void write_destination(struct event *e, const struct flow *flow, const struct layers *l)
{
    bool me = !flow->source;
    if (l->has_mac)
        event_mac(e, F_DESTINATION_MAC, l->mac[1]);
    write_address(e, F_DESTINATION_IP, flow, l, true);
    if (has_ports(flow))
        event_number(e, F_DESTINATION_PORT, flow->key.port[me]);
    if (flow->answered) {
        event_number(e, F_DESTINATION_BYTES, (int64_t)flow->bytes[me]);
        event_number(e, F_DESTINATION_PACKETS, (int64_t)flow->packets[me]);
    }
    if (!l->has_mac && !flow->key.family && !flow->answered)
        *event_slot(e, FLOW_DESTINATION) = (struct value){.kind = VALUE_TREE};
}

// Of the inner addresses; the reference takes the outer ones of a tunnel.
static void write_community_id(struct event *e, struct endpoints *ends, const struct flow *flow,
                               const struct layers *l, bool compat)
{
    bool outer = compat && l->outer;
    for (unsigned side = CLIENT; side <= SERVER; side++) {
        unsigned i = side == CLIENT ? flow->source : !flow->source;
        ends->ip[side].family = outer ? l->outer : flow->key.family;
        memcpy(ends->ip[side].bytes, outer ? l->ip[side] : flow->key.address[i],
               sizeof ends->ip[side].bytes);
        ends->port[side] = flow->key.port[i];
    }
    ends->protocol = flow->key.protocol;
    ends->icmp_type[CLIENT] = flow->icmp_type;
    ends->icmp_code = flow->icmp_code;
    ends->icmp_seen[CLIENT] = flow->icmp_seen;
    event_text_if(e, F_NETWORK_COMMUNITY_ID, endpoints_community_id(ends));
}

static void write_network(struct event *e, struct endpoints *ends, const struct flow *flow,
                          const struct layers *l, bool compat)
{
    event_number(e, F_NETWORK_BYTES, (int64_t)(flow->bytes[0] + flow->bytes[1]));
    event_number(e, F_NETWORK_PACKETS, (int64_t)(flow->packets[0] + flow->packets[1]));
    uint8_t family = l->outer ? l->outer : flow->key.family;
    if (family)
        event_fixed(e, F_NETWORK_TYPE, value_text(span_text(family == 4 ? "ipv4" : "ipv6")));
    struct span transport = transport_of(flow, compat);
    if (!transport.len)
        return;
    event_fixed(e, F_NETWORK_TRANSPORT, value_text(transport));
    write_community_id(e, ends, flow, l, compat);
}

static void write_vlans(struct event *e, const struct layers *l)
{
    if (l->vlans == 1)
        event_number(e, FLOW_VLAN, l->vlan[0]);
    for (int i = 0; l->vlans == 2 && i < 2; i++)
        event_add(e, FLOW_VLAN, value_number(l->vlan[i]));
}

static void write_event(struct event *e, const struct flow *flow, bool final)
{
    // Either list stays as it is, so its address tells it.
    static struct list_item end = {.value = {.kind = VALUE_TEXT, .len = 3, .at = "end"}};
    static struct list_item types[] = {
        {.value = {.kind = VALUE_TEXT, .len = 10, .at = "connection"}},
        {.next = &end, .value = {.kind = VALUE_TEXT, .len = 10, .at = "connection"}}};
    event_fixed(e, F_EVENT_ACTION, value_text((struct span)SPAN("network_flow")));
    event_time(e, F_EVENT_START, flow->first);
    event_time(e, F_EVENT_END, flow->last);
    event_number(e, F_EVENT_DURATION, flow->last - flow->first);
    event_fixed(e, F_EVENT_TYPE, (struct value){.kind = VALUE_LIST, .list = &types[final]});
    event_fixed(e, FLOW_FINAL, (struct value){.kind = VALUE_BOOL, .number = final});
}

// How TCP ended it comes before how we took leave of it.
static const char *end_reason(const struct tcp *t, enum occasion occasion)
{
    static const char *const names[] = {[FLOW_IDLE] = "timeout",
                                        [FLOW_REUSED] = "reuse",
                                        [FLOW_EVICTED] = "evicted",
                                        [FLOW_STOPPED] = "stop"};
    if (t && ((t->side[0].marks | t->side[1].marks) & TCP_SAID_RST))
        return "rst";
    if (t && (t->side[0].marks & t->side[1].marks & TCP_SAID_FIN))
        return "fin";
    return names[occasion];
}

static void write_tcp(struct event *e, const struct flow *flow, const struct tcp *t)
{
    const struct tcp_side *source = &t->side[flow->source], *destination = &t->side[!flow->source];
    event_fixed(e, FLOW_TCP_STATE, value_text(span_text(tcp_state(t))));
    if (flow->extra)
        event_number(e, FLOW_TCP_HANDSHAKE, flow->extra * MICROSECOND);
    event_number(e, FLOW_SOURCE_RETRANSMISSIONS, source->retransmitted);
    event_number(e, FLOW_SOURCE_OUT_OF_ORDER, source->out_of_order);
    event_number(e, FLOW_SOURCE_ZERO_WINDOWS, source->zero_windows);
    if (!flow->answered)
        return;
    event_number(e, FLOW_DESTINATION_RETRANSMISSIONS, destination->retransmitted);
    event_number(e, FLOW_DESTINATION_OUT_OF_ORDER, destination->out_of_order);
    event_number(e, FLOW_DESTINATION_ZERO_WINDOWS, destination->zero_windows);
}

// What tells flows apart beside addresses and ports: the reference has the stream, we the tunnel.
static uint32_t number_of(const struct reporter *r, const struct flow *flow, const struct tcp *tcp)
{
    if (!r->compat)
        return flow->key.tunnel;
    return tcp ? flow->extra : 0;
}

void report_flow(const struct reporter *r, const struct flow *flow, const struct layers *layers,
                 const struct tcp *tcp, enum occasion occasion, int64_t time)
{
    if (r->dataset < 0)
        return;
    uint8_t id[FLOW_ID_LENGTH];
    struct endpoints ends = {.protocol = 0}; // holds the Community ID until the document is written
    struct event *e = emit_begin(r->emit, r->dataset, time);
    write_event(e, flow, occasion != FLOW_GOES_ON);
    event_text(e, FLOW_ID, span_of(id, flow_id(id, flow, layers, number_of(r, flow, tcp))));
    emit_interface(r->emit, layers->interface);
    write_vlans(e, layers);
    write_source(e, flow, layers);
    write_destination(e, flow, layers);
    write_network(e, &ends, flow, layers, r->compat);
    common_tunnels(e, &layers->tunnels);
    if (tcp && !r->compat)
        write_tcp(e, flow, tcp);
    if (occasion != FLOW_GOES_ON && !r->compat)
        event_fixed(e, FLOW_END_REASON, value_text(span_text(end_reason(tcp, occasion))));
    emit_finish(r->emit);
}
