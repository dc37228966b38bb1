// SPDX-License-Identifier: Apache-2.0
// The registered domain of a name by the public suffix list (libpsl, with the list it was built
// with), and a small cache in front of it: a look-up costs more than a microsecond.
#pragma once

#include "pipeline/base/span.h"

// The end of `name` that somebody registered ("example.co.uk" of "www.example.co.uk"), as a view of
// it. Upper and lower case do not matter. Empty: it has none (a suffix itself, one label, empty
// labels).
struct span suffix_registered(struct span name);
