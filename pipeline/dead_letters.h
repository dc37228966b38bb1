// SPDX-License-Identifier: Apache-2.0
// A file of documents that an output refused for good, for somebody to look at: one line each,
//
//     {"@timestamp":"…","error":{"message":"…"},"output":"elasticsearch","document":{…}}
//
// What an output keeps itself (an index, a topic) does not come here. Any thread of the output may
// add.
#pragma once

#include "pipeline/output.h"

struct dead_letters;

// Opens the file to append to it; the path must live as long. NULL: `why`.
struct dead_letters *dead_letters_open(const char *path, const char *output, struct error *why);
// Keeps one document. False: the disk refuses or the file has reached its ceiling, and the document
// counts as refused.
bool dead_letters_add(struct dead_letters *d, struct span document, const struct error *cause);
// Opens the path anew, where the file may have been moved away; if it cannot, nothing changes.
void dead_letters_reopen(struct dead_letters *d);
void dead_letters_close(struct dead_letters *d);
