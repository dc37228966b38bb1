// SPDX-License-Identifier: Apache-2.0
// Record data in its presentation form (RFC 1035 section 5 and each type's own RFC), or as bytes.
#pragma once

#include "probe/proto/dns_text.h"

// False: nothing is known of the type, or the data does not fit it; what was written is void.
bool dns_present(struct pen *to, struct dns_source *s, uint16_t type);
// RFC 3597: bytes of which nothing is known, or that do not fit their type.
void dns_present_unknown(struct pen *to, struct span bytes);
// The bytes as the reference shows them: odd ones escaped, names in them no longer compressed.
void dns_present_raw(struct pen *to, struct dns_source *s, uint16_t type);
