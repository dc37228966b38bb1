// SPDX-License-Identifier: Apache-2.0
// Elements of DER (X.690): a tag, a length, so many bytes. Nothing here descends by itself, so
// however deep a structure is nested, walking it costs what its caller looks at.
//
//     │ tag 1 │ length 1, or 1 + n if its top bit is set │ content …
#pragma once

#include "pipeline/base/reader.h"

enum der_tag {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_BMP = 0x1e,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0x80,     // [n], primitive: plus n
    DER_CONSTRUCTED = 0xa0, // [n], with elements inside: plus n
};

struct der {
    uint8_t tag;
    struct span content;
    struct span whole; // tag and length too
};

// The next element. Tags of several bytes and lengths of more than four are none of ours: the
// reader fails then, as it does at the end.
static inline struct der der_next(struct reader *r)
{
    const uint8_t *start = r->at;
    uint8_t tag = reader_u8(r);
    uint32_t length = reader_u8(r);
    if (length & 0x80) {
        unsigned bytes = length & 0x7f;
        if (!bytes || bytes > 4)
            reader_fail(r);
        length = 0;
        while (bytes--)
            length = length << 8 | reader_u8(r);
    }
    if ((tag & 0x1f) == 0x1f)
        reader_fail(r);
    struct span content = reader_bytes(r, length);
    return (struct der){tag, content, span_of(start, (size_t)(r->at - start))};
}

// The content of the next element, which must have this tag.
static inline struct span der_take(struct reader *r, uint8_t tag)
{
    struct der d = der_next(r);
    if (d.tag != tag)
        reader_fail(r);
    return reader_ok(r) ? d.content : span_of(r->end, 0);
}

// True if another element follows and has this tag.
static inline bool der_is_next(const struct reader *r, uint8_t tag)
{
    return reader_left(r) && *r->at == tag;
}
