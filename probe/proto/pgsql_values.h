// SPDX-License-Identifier: Apache-2.0
// Texts of values in PostgreSQL's binary format (the send functions of its types): what the usual
// types hold, as the server itself would write it; intervals as ISO 8601 has them; all other types
// as hex, \x0123.
#pragma once

#include "pipeline/base/span.h"

enum { PGSQL_PLACE = 1280 };

// The text of a value of the type with that number: the value itself if it is one, else written to
// `place` (PGSQL_PLACE bytes), cut where that is full (`*cut`).
struct span pgsql_value(uint32_t type, struct span value, uint8_t *place, bool *cut);
