// SPDX-License-Identifier: Apache-2.0
// The settings of queue.mem and queue.disk.
#include "pipeline/base/clock.h"
#include "pipeline/publisher.h"

#define AT(member) offsetof(struct queue_settings, member)

static const struct setting flush_settings[] = {
    {.key = "min_events",
     .type = SETTING_NUMBER,
     .offset = AT(flush_min_events),
     .standard = "1600",
     .max = PARCEL_ROWS,
     .meaning = "Documents sent at once, at most (the reference's name for it); 0 and 1: half of "
                "`events`"},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(flush_timeout),
     .standard = "1s",
     .max = 3600 * SECOND,
     .meaning = "A document waits so long for others to be sent with it"},
    {.key = "max_bytes",
     .type = SETTING_BYTES,
     .offset = AT(flush_max_bytes),
     .standard = "5MiB",
     .min = 4096,
     .max = INT64_C(1) << 30,
     .meaning = "Bytes sent at once, at most, unless a single document is larger"},
    SETTING_END,
};

static const struct setting backoff_settings[] = {
    {.key = "init",
     .type = SETTING_DURATION,
     .offset = AT(backoff_init),
     .standard = "1s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Longest pause after the first failed sending; doubled after each further one"},
    {.key = "max",
     .type = SETTING_DURATION,
     .offset = AT(backoff_max),
     .standard = "60s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Longest pause at all; the pause is drawn evenly from zero up to the limit"},
    SETTING_END,
};

static const char *const policies[] = {"drop_new", "drop_old", "block", "auto", "spool", NULL};

// 32 MiB hold some 25,000 HTTP documents or twice as many flow records (the reference: 3200) and
// keep the whole probe well below 96 MiB. All outputs share the batches they wait for.
const struct setting queue_settings[] = {
    {.key = "events",
     .type = SETTING_NUMBER,
     .offset = AT(events),
     .standard = "65536",
     .min = 32,
     .max = 1 << 30,
     .meaning = "Documents that may wait for one output"},
    {.key = "bytes",
     .type = SETTING_BYTES,
     .offset = AT(bytes),
     .standard = "32MiB",
     .min = 1 << 20,
     .max = INT64_C(1) << 40,
     .meaning = "Memory of the documents that may wait for one output; whichever of the two is "
                "reached first counts"},
    {.key = "flush", .type = SETTING_TABLE, .table = flush_settings, .meaning = "When to send"},
    {.key = "backoff",
     .type = SETTING_TABLE,
     .table = backoff_settings,
     .meaning = "Pauses before sending again"},
    {.key = "max_retries",
     .type = SETTING_NUMBER,
     .offset = AT(max_retries),
     .standard = "-1",
     .min = -1,
     .max = 1 << 30,
     .meaning = "Sendings after the first until a document is given up; -1: without end"},
    {.key = "when_full",
     .type = SETTING_CHOICE,
     .offset = AT(policy),
     .standard = "auto",
     .choices = policies,
     .meaning = "What gives way when no more may wait; auto: a capture file waits (block), live "
                "capture goes on (drop_new); spool: what finds no room goes to queue.disk"},
    SETTING_END,
};

#define DISK(member) offsetof(struct disk_settings, member)

const struct setting disk_settings[] = {
    {.key = "max_size",
     .type = SETTING_BYTES,
     .offset = DISK(max_size),
     .required = true,
     .max = INT64_C(1) << 50,
     .meaning = "Bytes on disk at most, for each output; at least 10 MB, 0: no limit"},
    {.key = "path",
     .type = SETTING_TEXT,
     .offset = DISK(path),
     .meaning = "Where it lies, a directory for each output; path.data/diskqueue by default"},
    {.key = "segment_size",
     .type = SETTING_BYTES,
     .offset = DISK(segment_size),
     .min = 1000 * 1000,
     .max = INT64_C(1) << 40,
     .meaning = "Bytes of one file; max_size/10 by default (1GB without limit)"},
    {.key = "retry_interval",
     .type = SETTING_DURATION,
     .offset = DISK(retry_interval),
     .standard = "1s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Pause after the disk refused; doubled after each further time"},
    {.key = "max_retry_interval",
     .type = SETTING_DURATION,
     .offset = DISK(max_retry_interval),
     .standard = "30s",
     .min = MILLISECOND,
     .max = 3600 * SECOND,
     .meaning = "Longest such pause"},
    {.key = "read_ahead",
     .type = SETTING_UNUSED,
     .meaning = "What is in memory is bounded by queue.mem.events and queue.mem.bytes"},
    {.key = "write_ahead",
     .type = SETTING_UNUSED,
     .meaning = "What is in memory is bounded by queue.mem.events and queue.mem.bytes"},
    SETTING_END,
};

bool disk_check(const struct disk_settings *disk, struct error *why)
{
    int64_t max = disk->max_size, segment = disk->segment_size;
    if (max && max < 10 * 1000 * 1000)
        return error_set(why, "queue.disk.max_size is %lld: at least 10MB, or 0 for no limit",
                         (long long)max);
    if (max && segment > max / 2)
        return error_set(why, "queue.disk.segment_size (%lld) is more than half of max_size (%lld)",
                         (long long)segment, (long long)max);
    if (disk->retry_interval > disk->max_retry_interval)
        return error_set(why, "queue.disk.retry_interval is larger than max_retry_interval");
    return true;
}

bool queue_check(const struct queue_settings *queue, struct error *why)
{
    if (queue->flush_min_events > queue->events)
        return error_set(why,
                         "queue.mem.flush.min_events (%lld) is larger than queue.mem.events (%lld)",
                         (long long)queue->flush_min_events, (long long)queue->events);
    if (queue->backoff_init > queue->backoff_max)
        return error_set(why, "queue.mem.backoff.init is larger than queue.mem.backoff.max");
    return true;
}
