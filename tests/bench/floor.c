// SPDX-License-Identifier: Apache-2.0
// The floor of a load: what any probe must spend. libpcap's empty read loop over the capture, and a
// plain write, in blocks of 1 MiB, of as many bytes as the documents have.
//
//   floor CAPTURE OUT BYTES
//
// Prints the CPU seconds (user and system) of both parts, and the number of packets.

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCK = 1 << 20 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "floor: %s: %s\n", what, why);
    exit(1);
}

static double spent(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void empty(u_char *count, const struct pcap_pkthdr *h, const u_char *at)
{
    (void)h, (void)at;
    ++*(uint64_t *)(void *)count;
}

static uint64_t read_all(const char *path)
{
    char why[PCAP_ERRBUF_SIZE];
    uint64_t count = 0;
    pcap_t *from = pcap_open_offline(path, why);
    if (!from)
        fail(path, why);
    if (pcap_dispatch(from, -1, empty, (u_char *)&count) < 0)
        fail(path, pcap_geterr(from));
    pcap_close(from);
    return count;
}

static void write_all(const char *path, uint64_t bytes)
{
    static char block[BLOCK];
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0)
        fail(path, "cannot open");
    memset(block, 'x', sizeof block);
    for (uint64_t left = bytes; left;) {
        ssize_t done = write(to, block, left < BLOCK ? left : BLOCK);
        if (done <= 0)
            fail(path, "cannot write");
        left -= (uint64_t)done;
    }
    close(to);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        fail("usage", "floor CAPTURE OUT BYTES");
    double start = spent();
    uint64_t packets = read_all(argv[1]);
    double read = spent();
    write_all(argv[2], strtoull(argv[3], NULL, 10));
    printf("%.6f %.6f %llu\n", read - start, spent() - read, (unsigned long long)packets);
    return 0;
}
