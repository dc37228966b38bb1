// SPDX-License-Identifier: Apache-2.0
// The list of protocols.def as an array.

#include "probe/protocol.h"

#define PROTOCOL(name) extern const struct protocol name##_protocol;
#include "probe/proto/protocols.def"
#undef PROTOCOL

const struct protocol *const protocols[] = {
#define PROTOCOL(name) &name##_protocol,
#include "probe/proto/protocols.def"
#undef PROTOCOL
    NULL};
