// SPDX-License-Identifier: Apache-2.0
// Plays a capture onto a card, as fast as it can or at a rate, past the card's queues:
//
//   blast [-r PACKETS_PER_SECOND] [-n TIMES] [-c CPU] [-q] CAPTURE CARD [CARD of servers]
//
// Each time but the first with other IPv4 addresses, so that conversations are new ones.
// -q: not past the queues, so that who listens on this side sees them as well.
// With two cards, frames whose source MAC ends in an even byte leave by the second one, so that
// each end of a cable sends what is its own. Prints frames, bytes, frames that the system did not
// take for good, seconds. Classic little-endian pcap of Ethernet only.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, HEADER = 24, RECORD = 16, SOURCE_END = 11 };

struct sender {
    int fd;
    struct mmsghdr messages[BATCH];
    struct iovec bytes[BATCH];
    unsigned count;
};

static struct sender senders[2];
static uint64_t frames, bytes, refused;
static int past_queues = 1;

static void die(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void sender_open(struct sender *s, const char *card)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(card)};
    s->fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (s->fd < 0 || !to.sll_ifindex || bind(s->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die(card);
    setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &past_queues, sizeof past_queues);
    for (int i = 0; i < BATCH; i++)
        s->messages[i].msg_hdr = (struct msghdr){.msg_iov = &s->bytes[i], .msg_iovlen = 1};
}

// What a full card does not take is offered again; what it never takes (too long) is left out.
static void sender_flush(struct sender *s)
{
    unsigned done = 0, tries = 0;
    while (done < s->count) {
        int sent = sendmmsg(s->fd, s->messages + done, s->count - done, 0);
        if (sent > 0) {
            done += (unsigned)sent;
            tries = 0;
        } else if ((errno == ENOBUFS || errno == EAGAIN) && ++tries < 100000) {
            sched_yield();
        } else {
            refused++;
            frames--;
            bytes -= s->bytes[done].iov_len;
            done++;
        }
    }
    s->count = 0;
}

static void sender_add(struct sender *s, const uint8_t *at, uint32_t len)
{
    s->bytes[s->count++] = (struct iovec){(void *)(uintptr_t)at, len};
    frames++;
    bytes += len;
    if (s->count == BATCH)
        sender_flush(s);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Waits until so many frames may have been sent; in steps of a batch.
static void keep_pace(double begun, double rate)
{
    double due = begun + (double)frames / rate, left = due - now();
    if (left > 0.0002) {
        struct timespec rest = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
        nanosleep(&rest, NULL);
    }
}

// The same for both directions; checksums stay as they were.
static void change_ends(uint8_t *frame, uint32_t len, unsigned change)
{
    if (len < 34 || frame[12] != 0x08 || frame[13] != 0x00)
        return;
    for (int address = 26; address <= 30; address += 4) {
        frame[address + 1] ^= (uint8_t)change;
        frame[address + 2] ^= (uint8_t)(change >> 8);
    }
}

static void play(uint8_t *at, const uint8_t *end, unsigned change, int cards, double begun,
                 double rate)
{
    while (end - at >= RECORD) {
        uint32_t len;
        memcpy(&len, at + 8, sizeof len);
        at += RECORD;
        if ((uint64_t)(end - at) < len)
            return;
        change_ends(at, len, change);
        bool from_server = cards == 2 && len > SOURCE_END && at[SOURCE_END] % 2 == 0;
        if (cards == 2 && senders[!from_server].count) // the order is kept
            sender_flush(&senders[!from_server]);
        sender_add(&senders[from_server], at, len);
        if (rate > 0 && frames % (rate < 20000 ? 1 : BATCH) == 0) {
            sender_flush(&senders[from_server]);
            keep_pace(begun, rate);
        }
        at += len;
    }
}

int main(int argc, char **argv)
{
    double rate = 0;
    long times = 1;
    for (int option; (option = getopt(argc, argv, "r:n:c:q")) != -1;) {
        cpu_set_t set;
        CPU_ZERO(&set);
        if (option == 'r')
            rate = atof(optarg);
        else if (option == 'n')
            times = atol(optarg);
        else if (option == 'q')
            past_queues = 0;
        else if (option == 'c')
            CPU_SET((size_t)atoi(optarg), &set);
        else
            return 2;
        if (option == 'c' && sched_setaffinity(0, sizeof set, &set) != 0)
            die("processor");
    }
    int cards = argc - optind - 1;
    if (cards < 1 || cards > 2) {
        fprintf(stderr, "blast: usage: blast [-r RATE] [-n TIMES] [-c CPU] CAPTURE CARD [CARD]\n");
        return 2;
    }
    int file = open(argv[optind], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        die(argv[optind]);
    uint8_t *at = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED || status.st_size < HEADER)
        die(argv[optind]);
    for (int i = 0; i < cards; i++)
        sender_open(&senders[i], argv[optind + 1 + i]);
    double begun = now();
    for (unsigned round = 0; round < (unsigned)times; round++) {
        play(at + HEADER, at + status.st_size, round ^ (round ? round - 1 : 0), cards, begun, rate);
        for (int i = 0; i < cards; i++)
            sender_flush(&senders[i]);
    }
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %.6f\n", frames, bytes, refused, now() - begun);
    return 0;
}
