// SPDX-License-Identifier: Apache-2.0
// The end of the kernel's filter while there is too much to do: of conversations in some slices
// (probe/slice.h) one byte is captured instead of all, so that they cost next to nothing and are
// counted all the same. What may be a fragment or a tunnel is left whole.
#pragma once

#include <linux/filter.h>

#include "probe/frame.h"

enum { CUT_PROGRAM = 1024, CUT_SNAPLEN = 1 };

// Ends with one of both lengths; how many instructions.
int cut_program(struct sock_filter into[CUT_PROGRAM], const struct cut *cut, uint32_t snaplen);
