// SPDX-License-Identifier: Apache-2.0
// The pcapng file (draft-ietf-opsawg-pcapng). Everything is a block; numbers are in the byte order
// that the section header tells:
//
//   type(4) length(4) body… padding length(4)                     a block; lengths are of all of it
//   order(4) version(2+2) section length(8) options…              0x0a0d0d0a section header
//   link(2) reserved(2) snaplen(4) options…                       1 interface description
//   interface(2) drops(2) time(8) captured(4) wire(4) frame…      2 packet, obsolete
//   wire(4) frame…                                                3 simple packet
//   interface(4) time(8) captured(4) wire(4) frame…               6 enhanced packet
#include "probe/capture/pcapng.h"

#include <stdlib.h>

#include "pipeline/base/clock.h"

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    ORDER = 0x1a2b3c4d,
    FRAMING = 12, // type and both lengths
    OPTION_RESOLUTION = 9,
    OPTION_OFFSET = 14,
    INTERFACES = 65536, // of one section at most
};

// How the times of an interface become nanoseconds: ticks * multiply / divide >> shift + offset.
struct pcapng_interface {
    uint16_t link;
    uint8_t shift;
    uint32_t snaplen; // 0: none
    uint64_t multiply, divide;
    int64_t offset;
};

static uint16_t half(const struct pcapng_file *p, const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return p->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t word(const struct pcapng_file *p, const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return p->swapped ? __builtin_bswap32(value) : value;
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t value = 1;
    while (exponent--)
        value *= 10;
    return value;
}

// The option if_tsresol: a power of ten, or of two when the highest bit is set. What is finer than
// any clock (and than 64 bits) reads as the beginning of time.
static void set_resolution(struct pcapng_interface *i, uint8_t code)
{
    unsigned exponent = code & 0x7f;
    i->multiply = i->divide = 1;
    i->shift = 0;
    if (code & 0x80) {
        i->multiply = exponent < 64 ? (uint64_t)SECOND : 0;
        i->shift = exponent < 64 ? (uint8_t)exponent : 0;
    } else if (exponent <= 9) {
        i->multiply = power_of_ten(9 - exponent);
    } else if (exponent <= 28) {
        i->divide = power_of_ten(exponent - 9);
    } else {
        i->multiply = 0;
    }
}

// A time farther away than any frame's stays there.
static int64_t time_of(const struct pcapng_interface *i, uint64_t ticks)
{
    __extension__ unsigned __int128 wide = (unsigned __int128)ticks * i->multiply;
    if (i->divide > 1)
        wide = ticks / i->divide;
    wide >>= i->shift;
    int64_t time = wide > FRAME_TIME_MOST ? FRAME_TIME_MOST : (int64_t)wide;
    if (__builtin_add_overflow(time, i->offset, &time) || time > FRAME_TIME_MOST)
        return FRAME_TIME_MOST;
    return time < -FRAME_TIME_MOST ? -FRAME_TIME_MOST : time;
}

static const char *read_section(struct pcapng_file *p, struct span body)
{
    if (body.len < 16)
        return "a section header that is too short";
    if (half(p, body.at + 4) != 1)
        return "a version of pcapng that is not 1.x";
    p->interface_count = 0;
    return NULL;
}

static struct pcapng_interface *add_interface(struct pcapng_file *p)
{
    if (p->interface_count == p->interface_room) {
        uint32_t room = p->interface_room ? 2 * p->interface_room : 8;
        void *bigger =
            room > INTERFACES ? NULL : realloc(p->interfaces, room * sizeof *p->interfaces);
        if (!bigger)
            return NULL;
        p->interfaces = bigger;
        p->interface_room = room;
    }
    return &p->interfaces[p->interface_count++];
}

static void read_option(const struct pcapng_file *p, struct pcapng_interface *i, uint16_t code,
                        struct span value)
{
    if (code == OPTION_RESOLUTION && value.len >= 1)
        set_resolution(i, value.at[0]);
    if (code == OPTION_OFFSET && value.len >= 8) {
        uint64_t seconds;
        memcpy(&seconds, value.at, sizeof seconds);
        seconds = p->swapped ? __builtin_bswap64(seconds) : seconds;
        if (__builtin_mul_overflow((int64_t)seconds, SECOND, &i->offset))
            i->offset = 0;
    }
}

static const char *read_interface(struct pcapng_file *p, struct span body)
{
    if (body.len < 8)
        return "an interface description that is too short";
    struct pcapng_interface *i = add_interface(p);
    if (!i)
        return "more interfaces than can be kept apart";
    *i = (struct pcapng_interface){.link = half(p, body.at), .snaplen = word(p, body.at + 4)};
    set_resolution(i, 6);
    struct span left = span_skip(body, 8);
    while (left.len >= 4) {
        uint16_t code = half(p, left.at), len = half(p, left.at + 2);
        left = span_skip(left, 4);
        if (code == 0)
            break;
        if (len > left.len)
            return "an option that is longer than its block";
        read_option(p, i, code, span_first(left, len));
        left = span_skip(left, (len + 3u) & ~3u);
    }
    return NULL;
}

static const char *add_frame(struct pcapng_file *p, struct records *r, uint32_t interface,
                             uint32_t wire, uint32_t captured, struct span data)
{
    if (interface >= p->interface_count)
        return "a packet of an interface that was not described";
    if (captured > RECORD_FRAME)
        return "a packet longer than any can be";
    if (captured > data.len)
        return "a packet that is longer than its block";
    r->frames[r->count++] = (struct frame){
        .at = data.at,
        .len = captured,
        .wire = wire < captured ? captured : wire,
        .time = p->time,
        .link = p->interfaces[interface].link,
        .interface = interface,
    };
    return NULL;
}

// Enhanced and obsolete packets differ in how the interface is written.
static const char *read_packet(struct pcapng_file *p, struct records *r, struct span body, bool old)
{
    if (body.len < 20)
        return "a packet block that is too short";
    uint32_t interface = old ? half(p, body.at) : word(p, body.at);
    uint64_t ticks = (uint64_t)word(p, body.at + 4) << 32 | word(p, body.at + 8);
    if (interface < p->interface_count)
        p->time = time_of(&p->interfaces[interface], ticks);
    return add_frame(p, r, interface, word(p, body.at + 16), word(p, body.at + 12),
                     span_skip(body, 20));
}

// It carries neither an interface (the first is meant) nor a time (the last one seen is taken).
static const char *read_simple_packet(struct pcapng_file *p, struct records *r, struct span body)
{
    if (body.len < 4)
        return "a packet block that is too short";
    uint32_t wire = word(p, body.at), captured = wire;
    uint32_t snaplen = p->interface_count ? p->interfaces[0].snaplen : 0;
    if (snaplen && captured > snaplen)
        captured = snaplen;
    return add_frame(p, r, 0, wire, captured, span_skip(body, 4));
}

static const char *read_block(struct pcapng_file *p, struct records *r, uint32_t type,
                              struct span body)
{
    switch (type) {
    case BLOCK_SECTION:
        return read_section(p, body);
    case BLOCK_INTERFACE:
        return read_interface(p, body);
    case BLOCK_SIMPLE_PACKET:
        return read_simple_packet(p, r, body);
    default:
        return read_packet(p, r, body, type == BLOCK_OLD_PACKET);
    }
}

static bool is_of_interest(uint32_t type)
{
    return type == BLOCK_PACKET || type == BLOCK_SECTION || type == BLOCK_INTERFACE ||
           type == BLOCK_SIMPLE_PACKET || type == BLOCK_OLD_PACKET;
}

// Goes on with a block of no interest; false: more bytes are needed, or its end is wrong.
static bool skip(struct pcapng_file *p, struct records *r)
{
    struct span rest = records_rest(r);
    size_t step = rest.len < p->skipping ? rest.len : p->skipping;
    r->used += step;
    p->skipping -= (uint32_t)step;
    rest = records_rest(r);
    if (p->skipping || rest.len < 4) {
        r->need = 4;
        return false;
    }
    if (word(p, rest.at) != p->closing) {
        r->damage = "a block whose two lengths differ";
        return false;
    }
    r->used += 4;
    p->closing = 0;
    return true;
}

// The length of the block in front, its byte order settled; 0: more bytes are needed or damage.
static uint32_t length_of_block(struct pcapng_file *p, struct records *r, struct span rest)
{
    if (rest.len < FRAMING) {
        r->need = FRAMING;
        return 0;
    }
    if (word(p, rest.at) == BLOCK_SECTION) { // reads the same in both orders
        if (word(p, rest.at + 8) != ORDER)
            p->swapped = !p->swapped;
        if (word(p, rest.at + 8) != ORDER) {
            r->damage = "a section header without byte order";
            return 0;
        }
    }
    uint32_t length = word(p, rest.at + 4);
    if (length < FRAMING || length % 4 != 0) {
        r->damage = "a block of impossible length";
        return 0;
    }
    return length;
}

static bool next_block(struct pcapng_file *p, struct records *r)
{
    struct span rest = records_rest(r);
    uint32_t length = length_of_block(p, r, rest);
    if (!length)
        return false;
    uint32_t type = word(p, rest.at);
    if (!is_of_interest(type)) {
        r->used += 8;
        p->skipping = length - FRAMING;
        p->closing = length;
        return true;
    }
    if (length > RECORD_BLOCK) {
        r->damage = "a block longer than any can be";
        return false;
    }
    if (rest.len < length) {
        r->need = length;
        return false;
    }
    if (word(p, rest.at + length - 4) != length)
        r->damage = "a block whose two lengths differ";
    else
        r->damage = read_block(p, r, type, span_of(rest.at + 8, length - FRAMING));
    if (r->damage)
        return false;
    r->used += length;
    return true;
}

bool pcapng_file_is(struct span first)
{
    static const uint8_t magic[4] = {0x0a, 0x0d, 0x0d, 0x0a};
    return span_starts(first, span_of(magic, sizeof magic));
}

void pcapng_file_begin(struct pcapng_file *p)
{
    *p = (struct pcapng_file){0};
}

void pcapng_file_end(struct pcapng_file *p)
{
    free(p->interfaces);
    *p = (struct pcapng_file){0};
}

bool pcapng_file_may_end(const struct pcapng_file *p)
{
    return p->closing == 0;
}

void pcapng_file_read(struct pcapng_file *p, struct records *r)
{
    r->need = 0;
    while (r->count < r->max)
        if (p->closing ? !skip(p, r) : !next_block(p, r))
            return;
}
