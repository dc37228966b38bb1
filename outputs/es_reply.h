// SPDX-License-Identifier: Apache-2.0
// Reads what Elasticsearch and OpenSearch answer to a bulk request, as it comes, by yajl. The
// answer counts only if it is whole and has as many items as documents were sent: a proxy may cut
// it, and of a shortened compressed body a server takes the part it could read.
//
//   {"errors":true,"items":[{"create":{"status":201}},
//                           {"create":{"status":400,"error":{"type":"…","reason":"…"}}}]}
//   {"error":{"type":"…","reason":"…"},"status":400}    or    {"error":"…","status":405}
#pragma once

#include "pipeline/base/span.h"
#include "pipeline/output.h"

struct es_item {
    uint16_t status; // 0: it said none
    bool aside;      // it went into the failure store
    uint32_t reason_at, reason_len;
};

struct es_reply;
struct es_reply *es_reply_new(void); // NULL: no memory
void es_reply_free(struct es_reply *r);

// Begins with an answer that should have that many items. False: no memory.
bool es_reply_begin(struct es_reply *r, uint32_t expected);
// False: no JSON, nested too deeply, or more items than documents were sent.
bool es_reply_feed(struct es_reply *r, struct span part);
// At the end of the answer. True: it is whole and has as many items as there should be.
bool es_reply_end(struct es_reply *r);

// Items up to the number read, and what one of them says: "type: reason", cut. Of `reason` of the
// whole: the request was refused.
uint32_t es_reply_count(const struct es_reply *r);
const struct es_item *es_reply_item(const struct es_reply *r, uint32_t index);
struct span es_reply_reason(const struct es_reply *r, uint32_t index);
struct span es_reply_error(const struct es_reply *r);

// What an item's status means for its document.
enum delivery es_item_delivery(const struct es_item *item);
