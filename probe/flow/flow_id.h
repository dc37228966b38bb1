// SPDX-License-Identifier: Apache-2.0
// flow.id: a name for what a flow's packets have in common, the same for both directions and for
// every probe that sees them.
//
//   base64 of: flags (2) │ offsets (12) │ counts (3) │ MACs │ VLANs │ addresses │ ports │ number
//
// An offset says where in the bytes behind the counts a layer lies (0xff: not there). Of each pair
// the smaller side of the first pair that differs comes first. VLANs, ports and the number are
// little-endian.
#pragma once

#include "probe/flow/layers.h"
#include "probe/flow/table.h"

enum { FLOW_ID_LENGTH = 148 };

// Writes flow.id to `to` (FLOW_ID_LENGTH bytes) and returns its length. `number`: what
// else tells the flow apart (the stream that a protocol follows, the tunnel), 0 nothing.
size_t flow_id(uint8_t *to, const struct flow *flow, const struct layers *layers, uint32_t number);
