// SPDX-License-Identifier: Apache-2.0
// See packet_mmap in the kernel's documentation. In a block lie
//
//   tpacket_block_desc │ tpacket3_hdr sockaddr_ll gap frame │ tpacket3_hdr …
//                        └─ tp_next_offset ────────────────▶┘
//
// each frame at tp_mac, its network header at tp_net behind its tpacket3_hdr.
#include "probe/capture/af_packet_ring.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/net_tstamp.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "probe/capture/af_packet_cut.h"

enum {
    BLOCK = 256 * 1024, // a frame of the largest snap length fits with room to spare
    LEAST_BLOCKS = 4,
    AHEAD = 12, // frames
};

// ── opening ──

int ring_socket(struct error *why)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        return fd;
    if (errno == EPERM || errno == EACCES)
        error_set(why,
                  "no right to capture packets: give CAP_NET_RAW (shell: sudo, or once setcap "
                  "cap_net_raw+ep on the program; systemd: AmbientCapabilities=CAP_NET_RAW; "
                  "container: --cap-add NET_RAW; Kubernetes: securityContext.capabilities.add: "
                  "[NET_RAW] and runAsUser: 0)");
    else
        error_set(why, "no packet socket: %s", strerror(errno));
    return -1;
}

static bool set(int fd, int option, const void *value, size_t size)
{
    return setsockopt(fd, SOL_PACKET, option, value, (socklen_t)size) == 0;
}

// Half of it, and half of that, until the kernel has so much memory.
static bool reserve(struct ring *r, size_t bytes, struct error *why)
{
    uint32_t count = (uint32_t)(bytes / r->block_size);
    uint32_t wanted = count < LEAST_BLOCKS ? LEAST_BLOCKS : count;
    for (count = wanted; count >= LEAST_BLOCKS; count /= 2) {
        struct tpacket_req3 request = {
            .tp_block_size = r->block_size,
            .tp_block_nr = count,
            .tp_frame_size = r->block_size, // V3 packs frames; it only wants the sums right
            .tp_frame_nr = count,
            .tp_retire_blk_tov = RING_RETIRE_MILLISECONDS,
        };
        if (set(r->fd, PACKET_RX_RING, &request, sizeof request)) {
            if (count < wanted)
                log_say(LOG_WARNING, "capture.af_packet",
                        "no memory for a ring of %u MiB, it has %u MiB",
                        (unsigned)((uint64_t)wanted * r->block_size >> 20),
                        (unsigned)((uint64_t)count * r->block_size >> 20));
            r->block_count = count;
            return true;
        }
        if (errno != ENOMEM)
            break;
    }
    return error_set(why, "cannot make the capture ring (buffer_size_mb): %s", strerror(errno));
}

static bool map(struct ring *r, struct error *why)
{
    r->size = (size_t)r->block_size * r->block_count;
    void *at = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (at == MAP_FAILED)
        return error_set(why, "cannot map the capture ring: %s", strerror(errno));
    r->map = at;
    return true;
}

static bool prepare(struct ring *r, size_t bytes, bool hardware_time, struct error *why)
{
    int version = TPACKET_V3, clock = SOF_TIMESTAMPING_RAW_HARDWARE;
    if (!ring_filter(r, NULL, 0, why))
        return false;
    if (!set(r->fd, PACKET_VERSION, &version, sizeof version))
        return error_set(why, "this kernel has no TPACKET_V3: %s", strerror(errno));
    if (hardware_time && !set(r->fd, PACKET_TIMESTAMP, &clock, sizeof clock))
        log_say(LOG_WARNING, "capture.af_packet", "no time stamps of the card: %s",
                strerror(errno));
    return reserve(r, bytes, why) && map(r, why);
}

bool ring_open(struct ring *r, int fd, size_t bytes, int snaplen, bool hardware_time,
               struct error *why)
{
    *r = (struct ring){.fd = fd, .block_size = snaplen <= BLOCK / 2 ? BLOCK : 2 * BLOCK};
    if (prepare(r, bytes, hardware_time, why))
        return true;
    ring_close(r);
    return false;
}

void ring_close(struct ring *r)
{
    if (r->map)
        munmap(r->map, r->size);
    if (r->fd >= 0)
        close(r->fd);
    *r = (struct ring){.fd = -1};
}

bool ring_bind(struct ring *r, int interface, struct error *why)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = __builtin_bswap16(ETH_P_ALL),
                                  .sll_ifindex = interface};
    return bind(r->fd, (const struct sockaddr *)&address, sizeof address) == 0 ||
           error_set(why, "cannot capture there: %s", strerror(errno));
}

bool ring_filter(struct ring *r, const struct sock_filter *program, int count, struct error *why)
{
    static const struct sock_filter deaf = {.code = BPF_RET | BPF_K, .k = 0};
    struct sock_fprog filter = {.len = (unsigned short)(program ? count : 1),
                                .filter = (struct sock_filter *)(program ? program : &deaf)};
    return setsockopt(r->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ||
           error_set(why, "the kernel refuses the filter: %s", strerror(errno));
}

// ── reading ──

static struct tpacket_block_desc *block_at(const struct ring *r, uint32_t number)
{
    return (void *)(r->map + (size_t)(number % r->block_count) * r->block_size);
}

static struct tpacket_block_desc *block_of(const struct ring *r)
{
    return block_at(r, r->block);
}

static bool is_ours(const struct tpacket_block_desc *b)
{
    return __atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void give_back(struct ring *r)
{
    __atomic_store_n(&block_of(r)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    r->block = r->block + 1 == r->block_count ? 0 : r->block + 1;
    r->held = false;
}

static bool take_block(struct ring *r)
{
    struct tpacket_block_desc *b = block_of(r);
    if (!is_ours(b))
        return false;
    r->held = true;
    r->left = b->hdr.bh1.num_pkts;
    r->next = (const void *)((const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);
    return true;
}

static bool is_ethernet(uint16_t kind)
{
    return kind == ARPHRD_ETHER || kind == ARPHRD_LOOPBACK;
}

static bool is_ip(uint16_t protocol)
{
    return protocol == __builtin_bswap16(ETH_P_IP) || protocol == __builtin_bswap16(ETH_P_IPV6);
}

static void fill(struct frame *f, const struct tpacket3_hdr *h)
{
    const struct sockaddr_ll *from = (const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof *h));
    uint32_t skip = 0;
    f->link = LINK_ETHERNET;
    if (!is_ethernet(from->sll_hatype)) {
        f->link = is_ip(from->sll_protocol) ? LINK_RAW : UINT16_MAX;
        skip = h->tp_net > h->tp_mac ? (uint32_t)(h->tp_net - h->tp_mac) : 0;
        skip = skip < h->tp_snaplen ? skip : h->tp_snaplen;
    }
    f->at = (const uint8_t *)h + h->tp_mac + skip;
    f->len = h->tp_snaplen - skip;
    f->wire = h->tp_len - skip;
    f->time = h->tp_sec * SECOND + h->tp_nsec;
    f->has_vlan = h->tp_status & TP_STATUS_VLAN_VALID;
    f->vlan = (uint16_t)(h->hv1.tp_vlan_tci & 0x0fff);
    f->cut = h->tp_snaplen == CUT_SNAPLEN && h->tp_len > CUT_SNAPLEN;
    f->outgoing = from->sll_pkttype == PACKET_OUTGOING;
    f->interface = (uint32_t)from->sll_ifindex;
}

// Frames are of one length as a rule when they come fast; each has its header on two cache lines
// that another processor wrote.
static void fetch(const struct tpacket3_hdr *h, uint32_t length)
{
    const uint8_t *ahead = (const uint8_t *)h + (size_t)AHEAD * length;
    __builtin_prefetch(ahead);
    __builtin_prefetch(ahead + 64);
}

int ring_read(struct ring *r, struct frame *frames, int max)
{
    if (r->held && r->left == 0)
        give_back(r);
    if (!r->held && !take_block(r))
        return 0;
    int count = (uint32_t)max < r->left ? max : (int)r->left;
    const struct tpacket3_hdr *h = r->next;
    for (int i = 0; i < count; i++) {
        const struct tpacket3_hdr *next = (const void *)((const uint8_t *)h + h->tp_next_offset);
        fetch(h, h->tp_next_offset);
        fill(&frames[i], h);
        h = next;
    }
    r->next = h;
    r->left -= (uint32_t)count;
    return count;
}

// Behind the block that is read; the first one that is not ours is found by halving.
unsigned ring_fill(const struct ring *r)
{
    if (!r->map)
        return 0;
    uint32_t low = 0, high = r->block_count - 1;
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        if (is_ours(block_at(r, r->block + middle)))
            low = middle;
        else
            high = middle - 1;
    }
    return low * 256 / r->block_count;
}

void ring_wait(struct ring *r, int milliseconds)
{
    struct pollfd entry = {.fd = r->fd, .events = POLLIN};
    int error;
    socklen_t size = sizeof error;
    if (poll(&entry, 1, milliseconds) > 0 && (entry.revents & POLLERR))
        getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

void ring_count(struct ring *r, struct counters *counters)
{
    struct tpacket_stats_v3 now;
    socklen_t size = sizeof now;
    if (r->fd < 0 || getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &now, &size) != 0)
        return;
    counter_add(counters->kernel_dropped, now.tp_drops);
    counter_add(counters->kernel_freezes, now.tp_freeze_q_cnt);
}
