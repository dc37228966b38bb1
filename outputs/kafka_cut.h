// SPDX-License-Identifier: Apache-2.0
// A copy of a document that is not too large: its largest texts lose their ends, all down to the
// same length, each marked by an ellipsis. Names of fields stay.
#pragma once

#include "pipeline/base/span.h"

// Writes at most `most` bytes, which is what `to` must hold. Returns how many; 0: it cannot be cut
// so small without touching short texts.
size_t kafka_cut(struct span document, uint8_t *to, size_t most);
