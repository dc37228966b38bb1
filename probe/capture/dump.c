// SPDX-License-Identifier: Apache-2.0
// What --dump writes: a classic capture file with nanoseconds (see pcap.c), named after the second
// in which it was begun. A VLAN tag that the card took off is put back, since the file has no other
// place for it. What a thread brings at once stays together. A full disk is told once, at the end.
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "pipeline/base/clock.h"
#include "probe/frame.h"

enum { BUFFER = 256 * 1024, MACS = 12, TAG = 4, SNAPLEN = 256 * 1024 };

struct dump {
    pthread_mutex_t mutex;
    FILE *file;
    char *path;
    uint16_t link;
    bool begun;
    int failed;        // errno of the first write that was refused
    uint64_t left_out; // frames of another link type
};

static void put(struct dump *d, const void *bytes, size_t len)
{
    if (!d->failed && len && fwrite(bytes, 1, len, d->file) != len)
        d->failed = errno;
}

static void begin(struct dump *d, uint16_t link)
{
    struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, accuracy, snaplen, link;
    } header = {0xa1b23c4d, 2, 4, 0, 0, SNAPLEN, link};
    put(d, &header, sizeof header);
    d->link = link;
    d->begun = true;
}

struct dump *dump_open(const char *prefix, int64_t now, struct error *why)
{
    time_t second = (time_t)(now / SECOND);
    struct tm local;
    char stamp[32];
    localtime_r(&second, &local);
    strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &local);
    struct dump *d = calloc(1, sizeof *d);
    if (!d || asprintf(&d->path, "%s-%s.pcap", prefix, stamp) < 0) {
        free(d);
        error_set(why, "%s: no memory for the dump", prefix);
        return NULL;
    }
    d->file = fopen(d->path, "we");
    if (!d->file) {
        error_set(why, "%s: %s", d->path, strerror(errno));
        free(d->path);
        free(d);
        return NULL;
    }
    pthread_mutex_init(&d->mutex, NULL);
    setvbuf(d->file, NULL, _IOFBF, BUFFER);
    return d;
}

static void write_frame(struct dump *d, const struct frame *f)
{
    bool tagged = f->has_vlan && f->link == LINK_ETHERNET && f->len >= MACS;
    uint32_t more = tagged ? TAG : 0;
    int64_t seconds = f->time / SECOND, fraction = f->time % SECOND;
    if (fraction < 0) {
        seconds--;
        fraction += SECOND;
    }
    uint32_t header[4] = {(uint32_t)seconds, (uint32_t)fraction, f->len + more, f->wire + more};
    size_t front = tagged ? MACS : 0;
    put(d, header, sizeof header);
    put(d, f->at, front);
    if (tagged)
        put(d, (uint8_t[TAG]){0x81, 0x00, (uint8_t)(f->vlan >> 8), (uint8_t)f->vlan}, TAG);
    put(d, f->at + front, f->len - front);
}

void dump_write(struct dump *d, const struct frame *frames, int count)
{
    pthread_mutex_lock(&d->mutex);
    for (int i = 0; i < count; i++) {
        if (!d->begun)
            begin(d, frames[i].link);
        if (frames[i].link == d->link)
            write_frame(d, &frames[i]);
        else
            d->left_out++;
    }
    pthread_mutex_unlock(&d->mutex);
}

bool dump_close(struct dump *d, struct error *why)
{
    if (!d->begun)
        begin(d, LINK_ETHERNET);
    if (fclose(d->file) != 0 && !d->failed)
        d->failed = errno;
    bool good = !d->failed;
    error_set(why, "%s", "");
    if (!good)
        error_set(why, "%s: %s; what was captured is not all there", d->path, strerror(d->failed));
    else if (d->left_out)
        error_set(why, "%s: %llu frames of another link type were left out", d->path,
                  (unsigned long long)d->left_out);
    pthread_mutex_destroy(&d->mutex);
    free(d->path);
    free(d);
    return good;
}
