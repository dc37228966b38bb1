// SPDX-License-Identifier: Apache-2.0
// A cable between two cards that can be told to be a bad one, and a mirror of what goes over it:
//
//   relay [OPTIONS] CARD CARD MIRROR
//     -s SEED    of all that is left to chance, each direction by itself
//     -l LOST    so many of 1000 frames do not arrive
//     -d TWICE   … arrive twice
//     -o LATE    … are overtaken by up to three that follow
//     -f SIZE    IP datagrams with more than SIZE bytes are cut into fragments first
//     -b         the mirror shows frames before all this but the fragments happens, not after
//     -m MISSED  so many of 1000 frames are not mirrored
//     -r LATE    … are overtaken in the mirror only
//     -w WRAP    how what is mirrored is wrapped: plain, vlan, qinq, vxlan, geneve, gre,
//                gre-bridge, erspan
//     -t SECONDS after which it ends in any case; 60
//
// It says «ready», and at SIGTERM sends on what has come, and prints what it did, a line each:
// a name and a number of frames.
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_MAX = 65536 + 64,
    ETHERNET = 14,
    MACS = 12, // both addresses; the type follows
    IPV4_HEAD = 20,
    IPV6_HEAD = 40,
    FRAGMENT_HEAD = 8,
    UDP_HEAD = 8,
    OVERTAKEN = 3,   // by so many frames at most
    HELD_MS = 5,     // when nobody comes to overtake
    TURN = 32,       // frames of one direction before the other has its turn
    BUFFER = 8 << 20 // of a card's socket
};

enum count { RECEIVED, LOST, TWICE, LATE, PASSED, MIRRORED, MISSED, REFUSED, COUNTS };

static const char *const names[COUNTS] = {"received", "lost",     "twice",  "late",
                                          "passed",   "mirrored", "missed", "refused"};
static uint64_t counts[COUNTS];

// A frame that others overtake.
struct held {
    uint8_t frame[FRAME_MAX];
    size_t len; // 0: none
    unsigned overtaken, overtake;
    uint64_t until;
};

// One end of the cable, or the mirror. Chance is drawn for each frame that comes in here.
struct side {
    int fd;
    struct side *other;
    uint64_t chance;
    unsigned late;
    void (*send)(struct side *s, const uint8_t *frame, size_t len);
    struct held held;
};

// How a mirrored frame looks: what stands in front (the frame's own MACs, or headers from one probe
// to another where there is a protocol), `head`, and the frame from `from` on.
struct wrap {
    const char *name;
    uint8_t protocol; // UDP, GRE; 0: not in a datagram
    uint16_t port;    // of UDP
    size_t from, head_len;
    uint8_t head[16];
};

enum { GRE = 47, UDP = 17 };

static const struct wrap wraps[] = {
    {"plain", 0, 0, MACS, 0, {0}},
    {"vlan", 0, 0, MACS, 4, {0x81, 0x00, 0, 7}},
    {"qinq", 0, 0, MACS, 8, {0x88, 0xA8, 0, 7, 0x81, 0x00, 0, 9}},
    {"vxlan", UDP, 4789, 0, 8, {0x08, 0, 0, 0, 0, 0, 42, 0}},
    {"geneve", UDP, 6081, 0, 8, {0, 0, 0x65, 0x58, 0, 0, 42, 0}},
    {"gre", GRE, 0, MACS, 2, {0}}, // the frame's type is GRE's
    {"gre-bridge", GRE, 0, 0, 4, {0, 0, 0x65, 0x58}},
    {"erspan", GRE, 0, 0, 16, {0x10, 0, 0x88, 0xBE, 0, 0, 0, 0, 0x10, 0, 0, 7}},
};

static unsigned seed = 1, lost, twice, late, missed, late_in_mirror, piece_size, seconds = 60;
static bool before;
static struct side mirror;
static const struct wrap *wrap = wraps;
static volatile sig_atomic_t ended;

static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// ── chance ──

// xorshift64*: the same seed, the same luck.
static unsigned draw(uint64_t *chance, unsigned below)
{
    *chance ^= *chance >> 12;
    *chance ^= *chance << 25;
    *chance ^= *chance >> 27;
    return (unsigned)((*chance * 0x2545F4914F6CDD1DU >> 33) % below);
}

static bool happens(uint64_t *chance, unsigned of_1000)
{
    return draw(chance, 1000) < of_1000;
}

// ── bytes ──

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_checksum(uint8_t *ip, size_t len)
{
    uint32_t sum = 0;
    put16(ip + 10, 0);
    for (size_t at = 0; at < len; at += 2)
        sum += get16(ip + at);
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    put16(ip + 10, ~sum & 0xFFFF);
}

// ── sending ──

// What a full card does not take is offered again.
static bool card_send(int fd, struct iovec *parts, size_t count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    for (int tries = 0; tries < 1000; tries++) {
        if (sendmsg(fd, &message, 0) >= 0)
            return true;
        if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            break;
        poll(NULL, 0, 1);
    }
    counts[REFUSED]++;
    return false;
}

// Ethernet, IPv4 and perhaps UDP from one probe to another, around `len` bytes.
static size_t put_outer(uint8_t *at, size_t len)
{
    static const uint8_t fixed[ETHERNET + IPV4_HEAD] = {
        2, 0, 0, 0, 1, 2,  2, 0, 0, 0,   1, 1, 0x08, 0,   0x45, 0, 0,
        0, 0, 0, 0, 0, 64, 0, 0, 0, 192, 0, 2, 1,    192, 0,    2, 2,
    };
    size_t udp = wrap->protocol == UDP ? UDP_HEAD : 0;
    memcpy(at, fixed, sizeof fixed);
    put16(at + ETHERNET + 2, IPV4_HEAD + udp + len);
    at[ETHERNET + 9] = wrap->protocol;
    put_checksum(at + ETHERNET, IPV4_HEAD);
    if (udp) {
        uint8_t *to = at + sizeof fixed;
        put16(to, 49152);
        put16(to + 2, wrap->port);
        put16(to + 4, udp + len);
        put16(to + 6, 0);
    }
    return sizeof fixed + udp;
}

static void mirror_send(struct side *s, const uint8_t *frame, size_t len)
{
    uint8_t outer[ETHERNET + IPV4_HEAD + UDP_HEAD];
    struct iovec parts[] = {
        {(void *)(uintptr_t)frame, MACS},
        {(void *)(uintptr_t)wrap->head, wrap->head_len},
        {(void *)(uintptr_t)(frame + wrap->from), len - wrap->from},
    };
    if (wrap->protocol)
        parts[0] = (struct iovec){outer, put_outer(outer, parts[1].iov_len + parts[2].iov_len)};
    counts[MIRRORED] += card_send(s->fd, parts, 3);
}

// ── what happens to frames ──

static void release(struct side *s)
{
    size_t len = s->held.len;
    if (!len)
        return;
    counts[LATE] += s->held.overtaken > 0;
    s->held.len = 0;
    s->send(s, s->held.frame, len);
}

// True if the frame waits until others have overtaken it.
static bool hold(struct side *s, const uint8_t *frame, size_t len)
{
    struct held *h = &s->held;
    if (h->len || !happens(&s->chance, s->late))
        return false;
    memcpy(h->frame, frame, len);
    h->len = len;
    h->overtaken = 0;
    h->overtake = 1 + draw(&s->chance, OVERTAKEN);
    h->until = now_ms() + HELD_MS;
    return true;
}

static void overtake(struct side *s)
{
    if (s->held.len && ++s->held.overtaken >= s->held.overtake)
        release(s);
}

static void show(const uint8_t *frame, size_t len)
{
    if (happens(&mirror.chance, missed)) {
        counts[MISSED]++;
    } else if (!hold(&mirror, frame, len)) {
        mirror.send(&mirror, frame, len);
        overtake(&mirror);
    }
}

static void pass(struct side *from, const uint8_t *frame, size_t len)
{
    struct iovec whole = {(void *)(uintptr_t)frame, len};
    if (!card_send(from->other->fd, &whole, 1))
        return;
    counts[PASSED]++;
    if (!before)
        show(frame, len);
}

static void impair(struct side *s, const uint8_t *frame, size_t len)
{
    if (before)
        show(frame, len);
    if (happens(&s->chance, lost)) {
        counts[LOST]++;
        return;
    }
    if (hold(s, frame, len))
        return;
    pass(s, frame, len);
    if (happens(&s->chance, twice)) {
        counts[TWICE]++;
        pass(s, frame, len);
    }
    overtake(s);
}

// ── fragments ──

// Where the part of the frame that can be cut begins and ends; false for what must stay whole.
static bool find_body(const uint8_t *frame, size_t len, size_t *begin, size_t *end)
{
    const uint8_t *ip = frame + ETHERNET;
    if (len < ETHERNET + IPV6_HEAD)
        return false;
    if (get16(frame + MACS) == 0x0800) {
        *begin = ETHERNET + 4 * (size_t)(ip[0] & 15);
        *end = ETHERNET + (size_t)get16(ip + 2);
        return (get16(ip + 6) & 0x3FFF) == 0 && *begin < *end && *end <= len;
    }
    *begin = ETHERNET + IPV6_HEAD;
    *end = *begin + (size_t)get16(ip + 4);
    return get16(frame + MACS) == 0x86DD && (ip[6] == 6 || ip[6] == UDP) && *end <= len;
}

// Headers for a fragment in front of `len` bytes from offset `at` of the body; how long they are.
static size_t put_heads(uint8_t *into, const uint8_t *frame, size_t begin, size_t at, size_t len,
                        bool more, unsigned number)
{
    uint8_t *ip = into + ETHERNET;
    memcpy(into, frame, begin);
    if (get16(frame + MACS) == 0x0800) {
        put16(ip + 2, begin - ETHERNET + len);
        put16(ip + 4, number);
        put16(ip + 6, (more ? 0x2000U : 0) | at / 8);
        put_checksum(ip, begin - ETHERNET);
        return begin;
    }
    uint8_t fragment[FRAGMENT_HEAD] = {ip[6]};
    put16(fragment + 2, at | more);
    put16(fragment + 6, number);
    memcpy(into + begin, fragment, sizeof fragment);
    ip[6] = 44;
    put16(ip + 4, FRAGMENT_HEAD + len);
    return begin + FRAGMENT_HEAD;
}

static void take(struct side *s, const uint8_t *frame, size_t len)
{
    static uint8_t piece[FRAME_MAX];
    static unsigned number;
    size_t begin, end;
    if (!piece_size || !find_body(frame, len, &begin, &end) || end - begin <= piece_size) {
        impair(s, frame, len);
        return;
    }
    number++;
    for (size_t at = begin; at < end; at += piece_size) {
        bool more = end - at > piece_size;
        size_t part = more ? piece_size : end - at;
        size_t heads = put_heads(piece, frame, begin, at - begin, part, more, number);
        memcpy(piece + heads, frame + at, part);
        impair(s, piece, heads + part);
    }
}

// ── the cable ──

static int card_open(const char *name, bool reads)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW, 0), yes = 1, buffer = BUFFER;
    to.sll_protocol = reads ? (uint16_t)(3 << 8) : 0; // ETH_P_ALL, as it goes over the wire
    if (fd < 0 || !to.sll_ifindex ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die(name);
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    return fd;
}

// Without another side it is the mirror.
static void side_open(struct side *s, const char *card, struct side *other)
{
    static unsigned opened;
    s->fd = card_open(card, other != NULL);
    s->other = other;
    s->chance = (seed * 3ULL + ++opened) * 0x9E3779B97F4A7C15U;
    s->late = other ? late : late_in_mirror;
    s->send = other ? pass : mirror_send;
}

// Some of the frames that wait; false if there were none.
static bool side_read(struct side *s)
{
    static uint8_t frame[FRAME_MAX];
    for (int count = 0; count < TURN; count++) {
        ssize_t len = recv(s->fd, frame, sizeof frame, MSG_DONTWAIT);
        if (len < ETHERNET)
            return count > 0;
        counts[RECEIVED]++;
        take(s, frame, (size_t)len);
    }
    return true;
}

static void carry(struct side sides[2])
{
    struct side *all[] = {&sides[0], &sides[1], &mirror};
    while (!ended) {
        struct pollfd wait[] = {{sides[0].fd, POLLIN, 0}, {sides[1].fd, POLLIN, 0}};
        bool holds = sides[0].held.len || sides[1].held.len || mirror.held.len;
        poll(wait, 2, holds ? 1 : 50);
        side_read(&sides[0]);
        side_read(&sides[1]);
        for (int i = 0; i < 3; i++)
            if (all[i]->held.len && now_ms() >= all[i]->held.until)
                release(all[i]);
    }
    for (int i = 0; i < 2; i++) {
        while (side_read(&sides[i]))
            continue;
        release(&sides[i]);
    }
    release(&mirror);
}

// ── the command ──

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

static const struct wrap *wrap_named(const char *name)
{
    for (size_t i = 0; i < sizeof wraps / sizeof *wraps; i++)
        if (!strcmp(wraps[i].name, name))
            return &wraps[i];
    fprintf(stderr, "relay: %s is no wrap\n", name);
    exit(2);
}

static void usage(void)
{
    fprintf(stderr, "relay: usage: relay [-s SEED] [-l LOST] [-d TWICE] [-o LATE] [-f SIZE] [-b] "
                    "[-m MISSED] [-r LATE] [-w WRAP] [-t SECONDS] CARD CARD MIRROR\n");
    exit(2);
}

static void set_option(int option)
{
    static const struct {
        int letter;
        unsigned *value;
    } numbers[] = {{'s', &seed},       {'l', &lost},   {'d', &twice},          {'o', &late},
                   {'f', &piece_size}, {'m', &missed}, {'r', &late_in_mirror}, {'t', &seconds}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].letter == option)
            *numbers[i].value = (unsigned)strtoul(optarg, NULL, 10);
    if (option == 'b')
        before = true;
    else if (option == 'w')
        wrap = wrap_named(optarg);
    else if (option == '?')
        usage();
}

int main(int argc, char **argv)
{
    static struct side sides[2];
    for (int option; (option = getopt(argc, argv, "s:l:d:o:f:bm:r:w:t:")) != -1;)
        set_option(option);
    if (argc - optind != 3)
        usage();
    piece_size &= ~7U; // fragments begin at multiples of eight
    for (int i = 0; i < 2; i++)
        side_open(&sides[i], argv[optind + i], &sides[!i]);
    side_open(&mirror, argv[optind + 2], NULL);
    struct sigaction at_end = {.sa_handler = on_signal};
    sigaction(SIGTERM, &at_end, NULL);
    sigaction(SIGALRM, &at_end, NULL);
    alarm(seconds);
    printf("ready\n");
    fflush(stdout);
    carry(sides);
    for (int i = 0; i < COUNTS; i++)
        printf("%s %" PRIu64 "\n", names[i], counts[i]);
    return 0;
}
