// SPDX-License-Identifier: Apache-2.0
// The equations between the counters, from the wire to the acknowledgement:
//
//     packets = decoded + undecoded + shed      (a fragment counts once its fate is known)
//     events = written + filtered + lost
//     per output: accepted = written
//     per output: accepted + recovered = delivered + refused + too large + dead letters + shed
//                                        + damaged + waiting + spooled
//
// What is spooled at the end is recovered at the next start.
//
// They hold whenever nothing is on its way: at the end of a run, in every test.
#pragma once

#include "pipeline/stats.h"

// False: `why` says which equation fails, with its numbers. `published`: documents went to the
// outputs (not with -N).
bool ledger_check(const struct stats *s, bool published, struct error *why);

// A short table of what is not zero, for the end of a run.
void ledger_print(const struct stats *s, FILE *to);
