// SPDX-License-Identifier: Apache-2.0
// What delivery to Elasticsearch costs beside what it must cost: documents for each CPU second of
// this process, to a server in another one that answers per item.
//
//   plain   a loop of writev with 1 MiB of the same lines, against the output without compression
//   gzip    compression alone of the same lines, against the output with it
//
// Both take all the documents in turn: the same ones over and over would lie in the cache. Only an
// idle machine gives a ratio that means something: where others want the processor, the kernel does
// much of the plain loop's work in a thread of its own, and the loop seems twice as fast.
//
// Takes turns and prints medians. tests/bench/deliver builds and runs it:  sink DOCUMENTS [ROUNDS]
// The server alone, which says its port and ends with standard input:      sink --serve

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "outputs/bulk.h"
#include "outputs/es_settings.h"
#include "outputs/gzip.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/base/thread.h"
#include "pipeline/publisher.h"

enum {
    ROUNDS = 5,
    BATCHES = 16,
    TIMES = 120,       // each batch is handed over so often
    REQUEST = 1 << 20, // of the plain loop
    ANSWER_ITEM = 27,  // bytes of one item's answer
    ROOM = 64 << 20,
};

extern const struct output output_elasticsearch;

// ── the server ──────────────────────────────────────────────────────────────────────────────────

static size_t lines_in(const uint8_t *at, size_t len)
{
    size_t lines = 0;
    for (const uint8_t *end = at + len; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        lines++;
    return lines;
}

static size_t lines_packed(uint8_t *at, size_t len)
{
    static __thread uint8_t plain[1 << 16];
    z_stream z = {.next_in = at, .avail_in = (uInt)len};
    size_t lines = 0;
    inflateInit2(&z, 15 + 16);
    for (int code = Z_OK; code == Z_OK;) {
        z.next_out = plain;
        z.avail_out = sizeof plain;
        code = inflate(&z, Z_NO_FLUSH);
        lines += lines_in(plain, sizeof plain - z.avail_out);
    }
    inflateEnd(&z);
    return lines;
}

static bool answer(int fd, size_t items, uint8_t *room)
{
    static const char item[] = "{\"create\":{\"status\":201}},";
    char *body = (char *)room + 256, *at = body;
    at += sprintf(at, "{\"errors\":false,\"items\":[");
    for (size_t i = 0; i < items; i++, at += ANSWER_ITEM - 1)
        memcpy(at, item, ANSWER_ITEM - 1);
    at -= items > 0;
    at += sprintf(at, "]}");
    int head = snprintf((char *)room, 256,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        (size_t)(at - body));
    memmove(body - head, room, (size_t)head);
    return write(fd, body - head, (size_t)(at - body + head)) > 0;
}

static void *serve_one(void *argument)
{
    int fd = (int)(intptr_t)argument;
    uint8_t *in = malloc(ROOM), *out = malloc(ROOM);
    size_t used = 0;
    for (ssize_t n; in && out && (n = read(fd, in + used, ROOM - 1 - used)) > 0;) {
        used += (size_t)n;
        in[used] = 0;
        char *body = strstr((char *)in, "\r\n\r\n"),
             *length = strstr((char *)in, "Content-Length: ");
        if (!body || !length)
            continue;
        size_t head = (size_t)(body + 4 - (char *)in), size = (size_t)atol(length + 16);
        while (used < head + size && (n = read(fd, in + used, ROOM - 1 - used)) > 0)
            used += (size_t)n;
        *body = 0;
        bool packed = strstr((char *)in, "gzip") != NULL;
        size_t lines = packed ? lines_packed(in + head, size) : lines_in(in + head, size);
        if (used != head + size || !answer(fd, lines / 2, out))
            break;
        used = 0;
    }
    free(in);
    free(out);
    close(fd);
    return NULL;
}

static pid_t serve(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 16) ||
        getsockname(listener, (struct sockaddr *)&address, &len))
        exit(1);
    *port = ntohs(address.sin_port);
    pid_t client = getpid(), pid = fork();
    if (pid) {
        close(listener);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); // however the client ends
    if (getppid() != client)
        exit(1); // it did already
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        pthread_detach(thread_start("server", serve_one, (void *)(intptr_t)fd));
    }
}

// ── the load ────────────────────────────────────────────────────────────────────────────────────

struct load {
    struct batch_home *home;
    struct batch *batch[BATCHES];
    uint64_t rows; // of all
    int port;
};

// Documents of a file, over and over, until all batches are full.
static void load_fill(struct load *l, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    l->home = batch_home_new(BATCHES);
    for (int i = 0; file && i < BATCHES;) {
        ssize_t len = getline(&line, &room, file);
        if (len <= 0 && !l->rows)
            break;
        if (len <= 0) {
            rewind(file);
            continue;
        }
        if (!l->batch[i])
            l->batch[i] = batch_open(l->home, false);
        struct span document = span_of(line, (size_t)len - 1);
        ptrdiff_t body = span_find_span(document, (struct span)SPAN("},\""));
        struct pen pen = batch_pen(l->batch[i]);
        pen_raw(&pen, document);
        if (pen.full || body < 0) {
            i++;
            continue;
        }
        batch_commit(l->batch[i], &pen, (struct row){.body = (uint32_t)body + 2});
        l->batch[i]->opened = 0;
        l->rows++;
    }
    free(line);
    if (!l->rows)
        fprintf(stderr, "there are no documents in %s\n", path), exit(1);
    fclose(file);
}

static double documents_a_second(uint64_t documents, int64_t begun)
{
    return (double)documents / ((double)(clock_cpu() - begun) / 1e9);
}

// ── what must be ────────────────────────────────────────────────────────────────────────────────

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        exit(1);
    return fd;
}

static void write_all(int fd, struct iovec *at, int count)
{
    while (count) {
        ssize_t n = writev(fd, at, count);
        if (n < 0)
            exit(1);
        for (; count && (size_t)n >= at->iov_len; at++, count--)
            n -= (ssize_t)at->iov_len;
        if (count) {
            at->iov_base = (char *)at->iov_base + n;
            at->iov_len -= (size_t)n;
        }
    }
}

static void read_answer(int fd)
{
    static char in[1 << 20];
    size_t used = 0, whole = SIZE_MAX;
    while (used < whole) {
        ssize_t n = read(fd, in + used, sizeof in - 1 - used);
        if (n <= 0)
            exit(1);
        used += (size_t)n;
        in[used] = 0;
        const char *body = strstr(in, "\r\n\r\n"), *length = strstr(in, "Content-Length: ");
        if (whole == SIZE_MAX && body)
            whole = (size_t)(body + 4 - in) + (size_t)atol(length + 16);
    }
}

static struct parcel_row some_rows[BATCHES * 4096];
static const struct span constants[4] = {[BULK_INDEX] = SPAN("weir")};

static struct bulk *bulk_of(const struct load *l)
{
    struct bulk *bulk = bulk_new("weir", false);
    struct parcel p = {.rows = some_rows, .constants = constants};
    for (int i = 0; i < BATCHES; i++)
        for (uint32_t r = 0; r < l->batch[i]->rows; r++) {
            some_rows[p.count++] = (struct parcel_row){l->batch[i], batch_row(l->batch[i], r)};
            bulk_add(bulk, &p, p.count - 1);
        }
    return bulk;
}

// The bulk of all documents in requests of 1 MiB; two pieces a document.
static int requests_of(const struct bulk *bulk, struct pieces requests[BATCHES])
{
    const struct pieces *all = bulk_pieces(bulk);
    int count = 0;
    for (size_t i = 0; i < all->count; count++) {
        struct pieces *one = &requests[count];
        *one = (struct pieces){.at = all->at + i};
        for (; i < all->count && one->bytes < REQUEST; i += 2, one->count += 2)
            one->bytes += all->at[i].len + all->at[i + 1].len;
    }
    return count;
}

static double plain_floor(const struct load *l)
{
    struct bulk *bulk = bulk_of(l);
    struct pieces requests[BATCHES];
    int count = requests_of(bulk, requests), fd = dial(l->port);
    uint8_t *body[BATCHES];
    for (int i = 0; i < count; i++) {
        struct pieces_place place = {0, 0};
        body[i] = malloc(requests[i].bytes);
        pieces_read(&requests[i], &place, body[i], requests[i].bytes);
    }
    uint64_t documents = 0;
    int64_t begun = clock_cpu();
    for (int i = 0; documents < l->rows * TIMES; i = (i + 1) % count) {
        char head[256];
        int len =
            snprintf(head, sizeof head, "POST /weir/_bulk HTTP/1.1\r\nContent-Length: %zu\r\n\r\n",
                     requests[i].bytes);
        struct iovec parts[] = {{head, (size_t)len}, {body[i], requests[i].bytes}};
        write_all(fd, parts, 2);
        read_answer(fd);
        documents += requests[i].count / 2;
    }
    double speed = documents_a_second(documents, begun);
    close(fd);
    for (int i = 0; i < count; i++)
        free(body[i]);
    bulk_free(bulk);
    return speed;
}

static double gzip_floor(const struct load *l)
{
    struct bulk *bulk = bulk_of(l);
    struct pieces requests[BATCHES];
    int count = requests_of(bulk, requests);
    struct gzip *g = gzip_new(1);
    struct span packed;
    uint64_t documents = 0;
    int64_t begun = clock_cpu();
    for (int i = 0; documents < l->rows * TIMES / 4; i = (i + 1) % count) {
        gzip_pack(g, &requests[i], &packed);
        documents += requests[i].count / 2;
    }
    double speed = documents_a_second(documents, begun);
    gzip_free(g);
    bulk_free(bulk);
    return speed;
}

// ── what is ─────────────────────────────────────────────────────────────────────────────────────

static double deliver(struct load *l, int level)
{
    struct arena arena;
    struct error why = {""};
    struct es_settings settings;
    struct queue_settings queue;
    char yaml[256];
    arena_init(&arena, 1 << 20);
    struct setting_reader reader = {.arena = &arena};
    struct config *own = config_new(&arena), *root = config_new(&arena);
    snprintf(yaml, sizeof yaml, "{hosts: '127.0.0.1:%d', index: weir, compression_level: %d}",
             l->port, level);
    if (!config_read_text(own, span_text(yaml), "-", &arena, &why) ||
        !config_read_text(root, span_text("setup.template.enabled: false"), "-", &arena, &why) ||
        !setting_fill(es_settings, own, &settings, NULL, &reader, &why) ||
        !setting_fill(es_root_settings, root, &settings, NULL, &reader, &why) ||
        !setting_fill(queue_settings, NULL, &queue, NULL, &reader, &why))
        exit(1);
    struct output_world world = {.program = "weir", .version = "0"};
    struct publisher_output output = {
        .output = &output_elasticsearch, .settings = &settings, .constants = constants};
    struct publisher *p = publisher_start(&output, 1, &queue, true, &world, &why);
    if (!p)
        exit(1);
    int times = level ? TIMES / 4 : TIMES;
    int64_t begun = clock_cpu();
    for (int i = 0; i < times * BATCHES; i++) {
        batch_hold(l->batch[i % BATCHES], 1);
        publisher_hand(p, l->batch[i % BATCHES]);
    }
    publisher_stop(p, clock_steady() + 60 * SECOND);
    double speed = documents_a_second(l->rows * (uint64_t)times, begun);
    if (counter_get(publisher_counters(p, 0)->delivered) != l->rows * (uint64_t)times)
        fprintf(stderr, "not all were delivered\n"), exit(1);
    publisher_free(p);
    arena_free(&arena);
    return speed;
}

static int by_size(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double median(double *list, int count)
{
    qsort(list, (size_t)count, sizeof *list, by_size);
    return list[count / 2];
}

// For a client that is another program.
static int serve_only(void)
{
    int port;
    pid_t server = serve(&port);
    printf("%d\n", port);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}

int main(int count, char **words)
{
    if (count == 2 && !strcmp(words[1], "--serve"))
        return serve_only();
    struct load l = {.rows = 0};
    int rounds = count > 2 ? atoi(words[2]) : ROUNDS;
    if (count < 2 || rounds < 1 || rounds > 99) {
        fprintf(stderr, "usage: sink DOCUMENTS [ROUNDS]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    pid_t server = serve(&l.port);
    load_fill(&l, words[1]);
    double got[4][99];
    for (int i = 0; i < rounds; i++) {
        got[0][i] = plain_floor(&l);
        got[1][i] = deliver(&l, 0);
        got[2][i] = gzip_floor(&l);
        got[3][i] = deliver(&l, 1);
    }
    double plain = median(got[0], rounds), output = median(got[1], rounds);
    double packing = median(got[2], rounds), packed = median(got[3], rounds);
    printf("documents per CPU second, medians of %d\n", rounds);
    printf("plain: writev loop %9.0f  output %9.0f  ratio %.2f\n", plain, output, output / plain);
    printf("gzip:  compression %9.0f  output %9.0f  ratio %.2f\n", packing, packed,
           packed / packing);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    for (int i = 0; i < BATCHES; i++)
        batch_release(l.batch[i]);
    batch_home_free(l.home);
    return 0;
}
