// SPDX-License-Identifier: Apache-2.0
// `weir test output`: the way to the brokers, step by step, and what to do where it ends.
#pragma once

#include "outputs/kafka_settings.h"

bool kafka_test(const void *settings, const struct output_world *world, FILE *to,
                struct error *why);
