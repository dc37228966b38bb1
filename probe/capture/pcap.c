// SPDX-License-Identifier: Apache-2.0
// The classic capture file (draft-ietf-opsawg-pcap). All numbers are in the writer's byte order,
// which the magic number tells, as it tells the unit of the fraction:
//
//   magic(4) version(2+2) zone(4) accuracy(4) snaplen(4) linktype(4)         the file, 24 bytes
//   seconds(4) fraction(4) captured(4) wire(4) [patched: 8 more] frame…      each record
//
// Seconds are signed: so libpcap reads them, and with it most tools (the draft would have them
// unsigned, which makes a difference from 2038 on).
#include "probe/capture/pcap.h"

#include "pipeline/base/clock.h"

static const struct kind {
    uint32_t magic;
    uint32_t record;
    int64_t unit;
} kinds[] = {
    {0xa1b2c3d4, 16, MICROSECOND},
    {0xa1b23c4d, 16, 1},
    {0xa1b2cd34, 24, MICROSECOND}, // Kuznetzov's patch: index, protocol and type follow
};

static uint32_t number(const uint8_t *at, bool swapped)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return swapped ? __builtin_bswap32(value) : value;
}

static const struct kind *kind_of(const uint8_t *at, bool *swapped)
{
    uint32_t magic = number(at, false);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        *swapped = magic != kinds[i].magic;
        if (!*swapped || __builtin_bswap32(magic) == kinds[i].magic)
            return &kinds[i];
    }
    return NULL;
}

bool pcap_file_is(struct span first)
{
    bool swapped;
    return first.len >= 4 && kind_of(first.at, &swapped) != NULL;
}

const char *pcap_file_begin(struct pcap_file *p, const uint8_t *header)
{
    const struct kind *kind = kind_of(header, &p->swapped);
    if (!kind)
        return "not the magic number of a capture file";
    uint16_t major, minor;
    memcpy(&major, header + 4, sizeof major);
    memcpy(&minor, header + 6, sizeof minor);
    if (p->swapped) {
        major = __builtin_bswap16(major);
        minor = __builtin_bswap16(minor);
    }
    if (major != 2)
        return "a version of the capture file format that is not 2.x";
    p->old_lengths = minor < 4;
    p->record = kind->record;
    p->unit = kind->unit;
    p->link = (uint16_t)number(header + 20, p->swapped); // the upper half tells of checksums
    return NULL;
}

void pcap_file_read(const struct pcap_file *p, struct records *r)
{
    r->need = 0;
    while (r->count < r->max) {
        struct span rest = records_rest(r);
        if (rest.len < p->record) {
            r->need = p->record;
            return;
        }
        const uint8_t *at = rest.at;
        uint32_t captured = number(at + 8, p->swapped);
        uint32_t wire = number(at + 12, p->swapped);
        if (p->old_lengths && captured > wire) {
            uint32_t other = captured;
            captured = wire;
            wire = other;
        }
        if (captured > RECORD_FRAME) {
            r->damage = "a packet longer than any can be";
            return;
        }
        if (rest.len - p->record < captured) {
            r->need = p->record + captured;
            return;
        }
        int32_t seconds = (int32_t)number(at, p->swapped);
        r->frames[r->count++] = (struct frame){
            .at = at + p->record,
            .len = captured,
            .wire = wire < captured ? captured : wire,
            .time = seconds * SECOND + number(at + 4, p->swapped) * p->unit,
            .link = p->link,
        };
        r->used += p->record + captured;
    }
}
