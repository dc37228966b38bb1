// SPDX-License-Identifier: Apache-2.0
// The contract of an application protocol: one constant struct per file, listed in
// proto/protocols.def. The same shape serves TCP, UDP and ICMP. A parser is tested and fuzzed with
// no thread and no flow table in sight.
#pragma once

#include "config/setting.h"
#include "pipeline/event.h"
#include "pipeline/field.h"
#include "probe/common.h"
#include "probe/endpoints.h"

struct conn;
struct transaction;

enum transport { OVER_TCP = 1, OVER_UDP = 2, OVER_ICMP = 4 };

// Why a side or a conn ends.
enum ending {
    ENDED_FIN,     // closed in order
    ENDED_RST,     // reset
    ENDED_AGE,     // quiet for too long
    ENDED_FILE,    // the capture or the program ends
    ENDED_GAP,     // a hole that the protocol cannot cross
    ENDED_EVICTED, // a ceiling was reached
    ENDED_DONE,    // the protocol said so
};

// An odd value of the reference that is written under compat only; listed in docs/.
struct oddity {
    const char *name, *meaning;
};

struct protocol {
    const char *name;
    const char *meaning; // one line for the reference
    unsigned transports; // enum transport, or-ed
    const char *ports;   // default of its `ports` setting under weir ("80, 8080"); "" none
    const struct setting *settings; // its own, beside common_settings; NULL none
    size_t settings_size;
    bool (*check)(void *settings,
                  struct error *why);   // after filling; may prepare (lower-case a list); NULL none
    const struct field_table *fields;   // its enum goes on behind common_table
    size_t conn_size, transaction_size; // the core allocates, zeroed; at most 15 and 3 KiB
    const struct oddity *oddities;      // ended by a NULL name; NULL none
    const char *timeout;                // default of transaction_timeout: "10s"
    bool sends_by_default;              // default of send_request and send_response
    const char *event_types;            // comma separated event.type; NULL "connection,protocol"
    bool no_network_protocol;           // leaves network.protocol out (icmp)

    // Would these first bytes of one side be this protocol? Optional. Sees the traffic of ports
    // that are nobody's, so it had better be strict: true for what hardly anything else begins
    // with.
    bool (*looks_like)(struct span first, enum side from);

    // All unread bytes of that side, in order, of which `seen` were shown before; returns how many
    // it is done with. The rest comes back longer; a datagram comes whole, and what is left of it
    // is counted. Keeps no pointer into them, does not block, log or allocate elsewhere. A body
    // larger than any ceiling is eaten in pieces and counted.
    uint32_t (*feed)(struct conn *c, enum side from, struct span data, uint32_t seen);

    // `missing` bytes never came; kept unread bytes in front of them were shown to feed and are
    // gone. Optional: without it a hole ends the conn.
    void (*gap)(struct conn *c, enum side from, uint32_t missing);

    // No more bytes from that side. Optional. Open transactions are ended by the core afterwards
    // (when the conn ends).
    void (*end)(struct conn *c, enum side from, enum ending how);

    // Puts a transaction into an event; changes nothing else. The core has set type, times,
    // endpoints, bytes and notes before; status too (OK if asked and answered, else Error), all of
    // which may be set again here. False: this kind of exchange is not published.
    bool (*publish)(const struct conn *c, const struct transaction *t, struct event *e);
};

extern const struct protocol *const protocols[]; // ended by NULL, in the order of protocols.def

// Settings that all protocols share (packetbeat.protocols[].…).
struct common_settings {
    const char *type; // the protocol's name
    bool enabled;
    struct setting_numbers ports;
    bool detect; // by content, on other ports too; default: not under compat
    bool send_request, send_response;
    int64_t transaction_timeout;
    const char *index;
    const struct config *fields;
    bool fields_under_root, keep_null;
    struct setting_texts tags;
    const struct config *processors;
    const char *interface_device;
};
extern const struct setting common_settings[];

// A protocol with its settings, as configured; constant.
struct binding {
    const struct protocol *protocol;
    const void *settings;
    struct common_settings common;
    int dataset; // number of its dataset in emit
    bool compat;
};
