// SPDX-License-Identifier: Apache-2.0
// YAML text into trees. Inside this folder only.
#pragma once

#include "config/tree.h"

// The one document in `text`, which must be a map or nothing: an empty map then. NULL: refused.
struct config *yaml_document(struct tree *t, struct span text);

// The value in one text that a user gave outside a file, by -E or by a variable: a flow collection
// (its outermost brackets may be missing), a quoted text, or simply a text. Lists and maps keep the
// text they came from. NULL: ceiling only.
struct config *yaml_value(struct tree *t, const char *text);
