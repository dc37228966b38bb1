// SPDX-License-Identifier: Apache-2.0
// The document of a flow: made from its record, handed to emit.
#pragma once

#include "probe/common.h"
#include "probe/emit.h"
#include "probe/flow/layers.h"
#include "probe/flow/table.h"
#include "probe/flow/tcp.h"

enum flow_field {
    FLOW_ID = COMMON_FIELDS,
    FLOW_FINAL,
    FLOW_VLAN,
    FLOW_DESTINATION,
    FLOW_END_REASON,
    FLOW_TCP_STATE,
    FLOW_TCP_HANDSHAKE,
    FLOW_SOURCE_RETRANSMISSIONS,
    FLOW_SOURCE_OUT_OF_ORDER,
    FLOW_SOURCE_ZERO_WINDOWS,
    FLOW_DESTINATION_RETRANSMISSIONS,
    FLOW_DESTINATION_OUT_OF_ORDER,
    FLOW_DESTINATION_ZERO_WINDOWS,
    FLOW_FIELDS
};
extern const struct field_table flow_table;

// Why a record is reported.
enum occasion {
    FLOW_GOES_ON, // periodic
    FLOW_IDLE,
    FLOW_REUSED,
    FLOW_EVICTED,
    FLOW_STOPPED, // the capture or the program ends
};

struct reporter {
    struct emit *emit;
    int dataset; // negative: nothing is reported
    bool compat;
};

// One document of `time`. `tcp`: NULL for what is not TCP.
void report_flow(const struct reporter *r, const struct flow *flow, const struct layers *layers,
                 const struct tcp *tcp, enum occasion occasion, int64_t time);
