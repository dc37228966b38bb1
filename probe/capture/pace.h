// SPDX-License-Identifier: Apache-2.0
// When a packet of a file is let go: as long after the one before it as on the wire, or with a key
// press for each. Waits in small steps, so that the worker can look after what is due.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pace {
    int keys; // where Enter is read from; -1: by the packets' times
    bool begun, looked;
    int64_t last, due; // time of the packet before; steady time of the one in front
};

void pace_by_time(struct pace *p);
// Enter is read from the terminal, or from standard input if there is none and `input_is_free`.
// False: neither can be had.
bool pace_by_key(struct pace *p, bool input_is_free);
void pace_end(struct pace *p);

// The packets' clock begins anew.
void pace_restart(struct pace *p);

// Whether the packet in front, of that time, is due; true takes it. With `wait` it waits a little.
bool pace_is_due(struct pace *p, int64_t time, bool wait);
