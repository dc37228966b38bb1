// SPDX-License-Identifier: Apache-2.0
// Lines of comma separated values (RFC 4180), as documents show rows of databases: quotes only
// where they are needed, line ends inside values as the two characters \n and \r, every line ended
// by a line feed.
#pragma once

#include "pipeline/base/json.h"
#include "probe/transaction.h"

// Adds a value to the line at the end of `to`, in the store of `t`; a comma before all but the
// first.
void csv_value(struct transaction *t, struct chain *to, bool first, struct span value);
void csv_end_line(struct transaction *t, struct chain *to);

// The same with a pen: a byte of a value becomes two at most, beside the comma and two quotes.
void csv_put(struct pen *pen, bool first, struct span value);
