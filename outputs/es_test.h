// SPDX-License-Identifier: Apache-2.0
// `weir test output`: the way to a server, step by step, and what to do where it ends.
#pragma once

#include "outputs/es_settings.h"

// Writes a line for each step. False: one failed, `why` says what to change.
bool es_test_host(const struct es_settings *s, const struct http_settings *http,
                  struct http *connection, const char *host, FILE *to, struct error *why);
