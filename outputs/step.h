// SPDX-License-Identifier: Apache-2.0
// Steps of `weir test output`: a line for each, OK or ERROR with what to change, and the first
// steps to any server: its name, its addresses, a connection.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"

void step_done(FILE *to, const char *step, const char *more);
bool step_failed(FILE *to, const char *step, const struct error *why); // false
// False: there is no way to the server; `why` says where it ends.
bool step_reach(const char *name, const char *port, int64_t timeout, FILE *to, struct error *why);
