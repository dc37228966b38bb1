// SPDX-License-Identifier: Apache-2.0
// The least that any probe on a packet ring must do: takes frames of one card from a TPACKET_V3
// ring and reads the first bytes of each. Until SIGTERM; then it prints frames and drops.
//
//   bare CARD [MEGABYTES [CPU]]
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { BLOCK = 256 * 1024 };

static volatile sig_atomic_t over;
static volatile uint64_t sum; // so that reading is not left out

static void end(int signal)
{
    (void)signal;
    over = 1;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_ring(const char *card, unsigned blocks, uint8_t **map)
{
    int version = TPACKET_V3, fd = socket(AF_PACKET, SOCK_RAW, __builtin_bswap16(ETH_P_ALL));
    struct tpacket_req3 ring = {.tp_block_size = BLOCK,
                                .tp_block_nr = blocks,
                                .tp_frame_size = BLOCK,
                                .tp_frame_nr = blocks,
                                .tp_retire_blk_tov = 10};
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = __builtin_bswap16(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(card)};
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        die(card);
    *map = mmap(NULL, (size_t)BLOCK * blocks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (*map == MAP_FAILED)
        die("ring");
    return fd;
}

static uint32_t read_block(const struct tpacket_block_desc *b)
{
    const uint8_t *at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
    for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
        const struct tpacket3_hdr *h = (const void *)at;
        const uint8_t *frame = at + h->tp_mac;
        sum += (uint64_t)frame[0] + frame[h->tp_snaplen > 40 ? 40 : 0];
        at += h->tp_next_offset;
    }
    return b->hdr.bh1.num_pkts;
}

int main(int argc, char **argv)
{
    unsigned blocks = (argc > 2 ? (unsigned)atoi(argv[2]) : 24) * (1024 * 1024 / BLOCK), block = 0;
    uint8_t *map;
    uint64_t frames = 0;
    if (argc < 2)
        return 2;
    if (argc > 3) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((size_t)atoi(argv[3]), &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    signal(SIGTERM, end);
    int fd = open_ring(argv[1], blocks, &map);
    puts("ready");
    fflush(stdout);
    while (!over) {
        struct tpacket_block_desc *b = (void *)(map + (size_t)block * BLOCK);
        if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20);
            continue;
        }
        frames += read_block(b);
        __atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        block = (block + 1) % blocks;
    }
    struct tpacket_stats_v3 stats = {0};
    socklen_t size = sizeof stats;
    getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    printf("%llu %u\n", (unsigned long long)frames, stats.tp_drops);
    return 0;
}
