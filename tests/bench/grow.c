// SPDX-License-Identifier: Apache-2.0
// Makes a large capture of a small one: repeats it with other clients that begin at irregular
// times, so that conversations overlap as they do on a real line.
//
//   grow TEMPLATE OUT COPIES SECONDS OVERLAP [FIRST [MARK]]
//
// COPIES (at most 2^20) begin within SECONDS; each is stretched in time so that about OVERLAP of
// them are open at once. FIRST: only so many packets of the template are repeated. MARK: these
// eight bytes become the number of the copy wherever they stand, so that what holds them is new in
// each. The template is TCP or UDP over IPv4 over Ethernet; who sends its first packet is the
// client, whose address and ports are other ones in each copy. Checksums stay as they were.

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKETS = 1024, // in a template
    COPIES = 1 << 20,
    OPEN = 4096, // copies at once
    IP = 14,     // offsets in a frame
    SOURCE = IP + 12,
    DESTINATION = IP + 16,
    MARKS = 16, // in a packet
    MARK = 8
};

struct template_packet {
    uint8_t *at;
    struct pcap_pkthdr header;
    double after;           // seconds after the first packet
    uint32_t address, port; // offsets of the client's
    uint16_t own;           // the client's port as recorded
    uint32_t mark[MARKS];   // offsets
    int marks;
};

struct template
{
    struct template_packet packet[PACKETS];
    int count;
};

struct copy {
    double start; // seconds
    uint32_t number;
    int next; // packet
};

struct schedule {
    struct copy open[OPEN]; // in no order
    int count;
    uint32_t begun, copies;
    double start, interval, stretch; // start: of the copy that begins next
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "grow: %s: %s\n", what, why);
    exit(1);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void add_packet(struct template *t, const struct pcap_pkthdr *h, const uint8_t *at)
{
    struct template_packet *p = &t->packet[t->count];
    if (h->caplen < IP + 28 || get16(at + 12) != 0x0800)
        fail("template", "not IPv4 over Ethernet");
    p->header = *h;
    p->at = malloc(h->caplen);
    if (!p->at)
        fail("template", "out of memory");
    memcpy(p->at, at, h->caplen);
    p->after = seconds(&h->ts) - seconds(&t->packet[0].header.ts);
    int asks = !memcmp(at + SOURCE, t->packet[0].at + SOURCE, 4);
    uint32_t ports = IP + 4 * (at[IP] & 15u);
    p->address = asks ? SOURCE : DESTINATION;
    p->port = asks ? ports : ports + 2;
    p->own = get16(at + p->port);
    t->count++;
}

static void find_marks(struct template_packet *p, const char *mark)
{
    const uint8_t *at = p->at, *end = at + p->header.caplen;
    while (p->marks < MARKS && (at = memmem(at, (size_t)(end - at), mark, MARK))) {
        p->mark[p->marks++] = (uint32_t)(at - p->at);
        at += MARK;
    }
}

static void read_template(struct template *t, const char *path, int first)
{
    char why[PCAP_ERRBUF_SIZE];
    struct pcap_pkthdr *h;
    const uint8_t *at;
    pcap_t *from = pcap_open_offline(path, why);
    if (!from)
        fail(path, why);
    if (pcap_datalink(from) != DLT_EN10MB)
        fail(path, "not Ethernet");
    while (t->count < first && pcap_next_ex(from, &h, &at) == 1)
        add_packet(t, h, at);
    pcap_close(from);
    if (!t->count)
        fail(path, "no packets");
}

// Makes the packet that of another client: one of a million of 172.16.0.0/12 each, and ports that
// go round.
static void rewrite(const struct template_packet *p, uint32_t number)
{
    uint32_t address = htonl(0xac100000u | (number * 0x9e3779b1u & (COPIES - 1)));
    uint16_t port = htons((uint16_t)(1024 + (p->own + number) % 64512));
    memcpy(p->at + p->address, &address, sizeof address);
    memcpy(p->at + p->port, &port, sizeof port);
    char text[MARK + 1];
    snprintf(text, sizeof text, "%08x", number);
    for (int i = 0; i < p->marks; i++)
        memcpy(p->at + p->mark[i], text, MARK);
}

// Evenly from 0 to 1, the same in every run (Knuth's multiplier).
static double next_random(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(state >> 40) / (1 << 24);
}

static double due(const struct schedule *s, const struct template *t, const struct copy *c)
{
    return c->start + t->packet[c->next].after * s->stretch;
}

static void begin_copy(struct schedule *s)
{
    if (s->count == OPEN)
        fail("copies", "too many at once");
    s->open[s->count++] = (struct copy){s->start, s->begun++, 0};
    s->start += 2 * next_random() * s->interval;
}

// The copy whose packet comes next; NULL at the end.
static struct copy *choose(struct schedule *s, const struct template *t)
{
    struct copy *soonest = NULL;
    for (int i = 0; i < s->count; i++)
        if (!soonest || due(s, t, &s->open[i]) < due(s, t, soonest))
            soonest = &s->open[i];
    if (s->begun == s->copies || (soonest && due(s, t, soonest) <= s->start))
        return soonest;
    begin_copy(s);
    return &s->open[s->count - 1];
}

static void write_all(struct schedule *s, const struct template *t, pcap_dumper_t *to)
{
    double begin = seconds(&t->packet[0].header.ts);
    for (struct copy *c; (c = choose(s, t));) {
        const struct template_packet *p = &t->packet[c->next];
        struct pcap_pkthdr header = p->header;
        double time = begin + due(s, t, c);
        header.ts.tv_sec = (time_t)time;
        header.ts.tv_usec = (suseconds_t)((time - (double)header.ts.tv_sec) * 1e6);
        rewrite(p, c->number);
        pcap_dump((u_char *)to, &header, p->at);
        if (++c->next == t->count)
            *c = s->open[--s->count];
    }
}

int main(int argc, char **argv)
{
    static struct template t;
    static struct schedule s;
    if (argc < 6)
        fail("usage", "grow TEMPLATE OUT COPIES SECONDS OVERLAP [FIRST [MARK]]");
    read_template(&t, argv[1], argc > 6 ? atoi(argv[6]) : PACKETS);
    if (argc > 7 && strlen(argv[7]) != MARK)
        fail("mark", "eight bytes are needed");
    for (int i = 0; i < t.count && argc > 7; i++)
        find_marks(&t.packet[i], argv[7]);
    s.copies = (uint32_t)atol(argv[3]);
    if (!s.copies || s.copies > COPIES)
        fail("copies", argv[3]);
    double lasts = t.packet[t.count - 1].after;
    s.interval = atof(argv[4]) / s.copies;
    s.stretch = lasts > 0 ? atof(argv[5]) * s.interval / lasts : 1;
    pcap_t *shape = pcap_open_dead(DLT_EN10MB, 262144);
    pcap_dumper_t *to = pcap_dump_open(shape, argv[2]);
    if (!to)
        fail(argv[2], pcap_geterr(shape));
    write_all(&s, &t, to);
    if (pcap_dump_flush(to))
        fail(argv[2], "cannot write");
    printf("%d\n", t.count);
    pcap_dump_close(to);
    pcap_close(shape);
    for (int i = 0; i < t.count; i++)
        free(t.packet[i].at);
    return 0;
}
