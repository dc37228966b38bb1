// SPDX-License-Identifier: Apache-2.0
// What a row of a parcel becomes as a message: its value, its headers, and what decides its
// partition. Constant after the start; knows no client.
#pragma once

#include "outputs/kafka_settings.h"

struct kafka_form {
    const struct kafka_settings *settings;
    struct kafka_partitioning how;
    int hash_count, header_count;
    bool needs_hash;
    bool is_number[KAFKA_LIST]; // which of the hashed fields are
    const char *headers[KAFKA_LIST];
};

void kafka_form_read(struct kafka_form *f, const struct kafka_settings *settings,
                     const struct output_world *world);

static inline struct span kafka_row_document(const struct parcel *p, uint32_t row)
{
    return batch_document(p->rows[row].batch, p->rows[row].row);
}

static inline struct span kafka_row_route(const struct parcel *p, uint32_t row, unsigned which)
{
    return parcel_route(p, &p->rows[row], which);
}

// What decides the partition of a message with that key, the one with number `turn`.
struct kafka_draw kafka_form_draw(const struct kafka_form *f, const struct parcel *p, uint32_t row,
                                  struct span key, uint64_t turn);
// `reason`: why the message goes to the topic for dead letters; NULL: it does not. The result is
// the caller's; NULL: no headers.
rd_kafka_headers_t *kafka_form_headers(const struct kafka_form *f, const struct parcel *p,
                                       uint32_t row, const char *reason);

// Documents that were cut.
struct kafka_copy {
    struct kafka_copy *next;
    uint8_t bytes[];
};
void kafka_copies_free(struct kafka_copy *copies);

// The document as it lies in its batch, unless it is too large beside a key of so many bytes: then
// a copy that is not, if it may be cut. Empty: it cannot be sent.
struct span kafka_form_value(const struct kafka_form *f, struct span document, size_t key,
                             bool may_cut, struct kafka_copy **copies);
