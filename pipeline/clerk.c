// SPDX-License-Identifier: Apache-2.0
// One step after the other, each with as little under the lane's gate as can be, and nothing that
// touches the disk.
#include "pipeline/clerk.h"

#include <assert.h>
#include <limits.h>
#include <stdatomic.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/counters.h"
#include "pipeline/lane.h"

enum { SYNC_BYTES = 8 << 20 }; // written at most before they are synced
static const int64_t segment_without_limit = 1000 * 1000 * 1000;

static void add(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_fetch_add_explicit(counter, number, memory_order_relaxed);
}

static void take(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_fetch_sub_explicit(counter, number, memory_order_relaxed);
}

// ── the disk ─────────────────────────────────────────────────────────────────────────────────────

// The disk refused: not again before a pause that grows.
static void refused(struct lane *l, const struct error *why)
{
    struct clerk *c = &l->clerk;
    int64_t longer = 2 * c->pause;
    c->pause = !c->pause                        ? c->retry_interval
               : longer < c->max_retry_interval ? longer
                                                : c->max_retry_interval;
    c->retry_at = clock_steady() + c->pause;
    add(&l->counters.disk_errors, 1);
    log_seldom(&c->said_refused, LOG_WARNING, l->who,
               "%s; memory takes over, and queue.mem.when_full when that is full", why->text);
}

static void sync_now(struct lane *l)
{
    struct error why = {.text = ""};
    struct clerk *c = &l->clerk;
    if (c->unsynced && !spool_sync(c->spool, &why))
        refused(l, &why);
    c->unsynced = 0;
}

static bool is_full(const struct clerk *c)
{
    return c->full && spool_bytes(c->spool) >= c->full;
}

static bool may_write(const struct clerk *c)
{
    return !is_full(c) && (!c->retry_at || clock_steady() >= c->retry_at);
}

// Writes the block that was filled.
static bool write_block(struct lane *l, bool passed, struct spool_place *place)
{
    struct clerk *c = &l->clerk;
    struct error why = {.text = ""};
    uint64_t bytes = spool_block(c->spool)->used, rows = spool_block(c->spool)->rows;
    switch (spool_write(c->spool, passed, place, &why)) {
    case SPOOL_WRITTEN:
        c->pause = c->retry_at = 0;
        c->full = 0;
        c->unsynced += bytes;
        add(&l->counters.disk_written, rows);
        return true;
    case SPOOL_FULL:
        c->full = spool_bytes(c->spool);
        log_seldom(
            &c->said_full, LOG_WARNING, l->who,
            "queue.disk.max_size is reached; memory takes over, and queue.mem.when_full when "
            "that is full");
        return false;
    case SPOOL_FAILED:
        break;
    }
    refused(l, &why);
    return false;
}

static bool write_batch(struct lane *l, const struct batch *b, bool passed,
                        struct spool_place *place)
{
    struct block *block = spool_block(l->clerk.spool);
    bool fits = true;
    block_begin(block);
    for (uint32_t i = 0; i < b->rows && fits; i++)
        fits = block_add(block, &(struct parcel_row){b, batch_row(b, i)});
    assert(fits); // what a worker wrote always does
    return write_block(l, passed, place);
}

// ── steps ────────────────────────────────────────────────────────────────────────────────────────

// What waits on disk goes first.
static bool is_behind(const struct clerk *c)
{
    return !spool_is_read(c->spool);
}

// Locked.
static bool has_room_to_read(const struct lane *l)
{
    const struct inbox *i = &l->inbox;
    return i->rows == 0 ||
           (i->rows <= i->rows_at_most / 2 && i->bytes + 2 * BATCH_SIZE <= i->bytes_at_most);
}

// Acknowledges what was answered, a block each time. True: there may be more.
static bool acknowledge(struct lane *l)
{
    struct spool_place place;
    gate_lock(&l->gate);
    bool some = inbox_take_done(&l->inbox, &place);
    gate_unlock(&l->gate);
    if (some)
        spool_answer(l->clerk.spool, place);
    return some;
}

// Gives the hand to the senders, or, with a `place` and `passes` false, to the disk alone.
static void place_hand(struct lane *l, bool passes, struct spool_place place)
{
    struct batch *b = l->clerk.hand;
    uint32_t rows = b->rows;
    gate_lock(&l->gate);
    l->clerk.hand = NULL;
    if (passes) {
        inbox_put_place(&l->inbox, b, place);
    } else {
        take(&l->counters.waiting, rows);
        add(&l->counters.spooled, rows);
    }
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
    if (!passes)
        batch_release(b);
}

// Takes a batch off the desk and finds a place for it. True: something was done.
static bool clear_desk(struct lane *l)
{
    struct clerk *c = &l->clerk;
    struct spool_place place = {0};
    gate_lock(&l->gate);
    bool was_stuck = c->hand != NULL;
    if (!was_stuck)
        c->hand = inbox_pull(&c->desk);
    bool passes =
        c->hand && !is_behind(c) && inbox_fits(&l->inbox, c->hand) && inbox_make_slot(&l->inbox);
    if (!was_stuck && c->hand)
        gate_wake(&l->gate); // there is room on the desk
    gate_unlock(&l->gate);
    if (!c->hand)
        return false;
    bool writes = (c->always || !passes) && may_write(c) && write_batch(l, c->hand, passes, &place);
    if (writes || passes)
        place_hand(l, passes, place);
    return writes || passes;
}

// The rows that left the disk, and those of them that came.
static void count_read(struct lane *l, uint64_t gone, uint64_t came, uint64_t skipped)
{
    if (gone > came)
        add(&l->counters.damaged, gone - came);
    else
        add(&l->counters.recovered, came - gone);
    add(&l->counters.waiting, came);
    take(&l->counters.spooled, gone);
    add(&l->counters.damaged_bytes, skipped);
    if (skipped)
        log_seldom(
            &l->clerk.said_damaged, LOG_WARNING, l->who,
            "the disk queue is damaged, or was not written to its end: %llu bytes are passed "
            "by, and %llu documents known of",
            (unsigned long long)skipped, (unsigned long long)(gone > came ? gone - came : 0));
}

// Brings the oldest block back from the disk. True: something was done.
static bool read_back(struct lane *l)
{
    struct clerk *c = &l->clerk;
    struct spool_place place;
    uint64_t skipped = 0, before = spool_rows(c->spool);
    gate_lock(&l->gate);
    bool room = is_behind(c) && has_room_to_read(l) && inbox_make_slot(&l->inbox);
    gate_unlock(&l->gate);
    if (!room)
        return false;
    struct batch *b = spool_read(c->spool, &place, &skipped);
    gate_lock(&l->gate);
    count_read(l, before - spool_rows(c->spool), b ? b->rows : 0, skipped);
    if (b)
        inbox_put_place(&l->inbox, b, place);
    gate_wake(&l->gate);
    gate_unlock(&l->gate);
    return b;
}

// ── the thread ───────────────────────────────────────────────────────────────────────────────────

// Locked. When there may be something to do without anybody's waking: 0, now.
static int64_t busy_at(const struct lane *l)
{
    const struct clerk *c = &l->clerk;
    bool has_work = l->inbox.done_count || (!c->hand && inbox_waits(&c->desk)) ||
                    (is_behind(c) && has_room_to_read(l)) ||
                    (c->hand && !is_behind(c) && inbox_fits(&l->inbox, c->hand)) ||
                    (c->hand && may_write(c));
    if (has_work)
        return 0;
    return c->hand && c->retry_at && !is_full(c) ? c->retry_at : INT64_MAX;
}

// Waits until there is something to do. False: the lane is closing.
static bool clerk_wait(struct lane *l)
{
    gate_lock(&l->gate);
    for (int64_t until; !l->closing && (until = busy_at(l)) > 0;)
        gate_wait(&l->gate, until);
    bool open = !l->closing;
    gate_unlock(&l->gate);
    return open;
}

// What was answered makes room on disk, what is read back is older than what is on the desk.
static void *clerk_run(void *lane)
{
    struct lane *l = lane;
    while (clerk_wait(l)) {
        bool answered = false;
        while (acknowledge(l))
            answered = true;
        bool more = read_back(l);
        more |= clear_desk(l);
        if (!more || l->clerk.unsynced > SYNC_BYTES)
            sync_now(l);
        if (!more && !answered)
            clock_sleep(MILLISECOND); // no memory
    }
    return NULL;
}

// ── the end ──────────────────────────────────────────────────────────────────────────────────────

// The rows of one batch that were not answered, as blocks of their own. False: they found no room.
static bool write_rest(struct lane *l, const struct inbox_rest *rest)
{
    struct block *block = spool_block(l->clerk.spool);
    struct spool_place place;
    const struct inbox *i = &l->inbox;
    bool fits = true;
    block_begin(block);
    for (uint32_t n = i->returned_count; n-- > 0 && fits;)
        if (i->returned[n].held == rest->number)
            fits = block_add(block, &i->returned[n].row);
    for (uint32_t n = rest->untouched; n < rest->batch->rows && fits; n++)
        fits = block_add(block, &(struct parcel_row){rest->batch, batch_row(rest->batch, n)});
    assert(!fits || block->rows == rest->left);
    return fits && write_block(l, false, &place);
}

static void count_kept(struct lane *l, uint64_t rows, bool kept, uint64_t *lost)
{
    take(&l->counters.waiting, rows);
    add(kept ? &l->counters.spooled : &l->counters.shed, rows);
    *lost += kept ? 0 : rows;
}

// A batch nothing of which was answered and that lies on disk stays there as it is. Of others what
// is left is written; if that cannot be, all of it comes again.
static void leave_inbox(struct lane *l, uint64_t *lost)
{
    struct inbox_rest rest = {0};
    while (inbox_rest(&l->inbox, &rest)) {
        bool on_disk = rest.place.segment, whole = rest.left == rest.batch->rows;
        bool written = (!on_disk || !whole) && write_rest(l, &rest);
        count_kept(l, rest.left, on_disk || written, lost);
        inbox_forget(&l->inbox, &rest, written);
    }
}

static void leave_desk(struct lane *l, uint64_t *lost)
{
    struct clerk *c = &l->clerk;
    struct spool_place place;
    for (struct batch *b; (b = c->hand ? c->hand : inbox_pull(&c->desk)); c->hand = NULL) {
        count_kept(l, b->rows, write_batch(l, b, false, &place), lost);
        batch_release(b);
    }
}

uint64_t clerk_end(struct lane *l)
{
    struct clerk *c = &l->clerk;
    uint64_t lost = 0;
    if (!c->spool)
        return 0;
    thread_join(c->thread);
    // Nobody else is here any more: whoever still hands over is shed before the desk.
    leave_inbox(l, &lost);
    leave_desk(l, &lost);
    while (acknowledge(l))
        ;
    sync_now(l);
    uint64_t left = counter_get(l->counters.spooled);
    if (left)
        log_say(LOG_INFO, l->who, "%llu documents stay in the disk queue until the next start",
                (unsigned long long)left);
    spool_close(c->spool);
    c->spool = NULL;
    return lost;
}

// ── the start ────────────────────────────────────────────────────────────────────────────────────

static struct spool *open_spool(const struct publisher_output *o, const struct output_world *world,
                                struct error *why)
{
    const char *name = o->output->name;
    const struct disk_settings *disk = o->disk;
    char directory[PATH_MAX];
    struct block like;
    const char *data = world && world->path_data ? world->path_data : ".";
    int64_t most = disk->max_size, segment = disk->segment_size;
    if (!segment)
        segment = most ? most / 10 : segment_without_limit;
    int len = disk->path ? snprintf(directory, sizeof directory, "%s/%s", disk->path, name)
                         : snprintf(directory, sizeof directory, "%s/diskqueue/%s", data, name);
    if (len < 0 || (size_t)len >= sizeof directory) {
        error_set(why, "queue.disk.path is too long");
        return NULL;
    }
    if (!block_init(&like, o->route, o->route_count, o->constants)) {
        error_set(why, "no memory for the disk queue");
        return NULL;
    }
    return spool_open(directory, (uint64_t)most, (uint64_t)segment, &like, why);
}

bool clerk_open(struct lane *l, const struct publisher_output *o, const struct output_world *world,
                struct error *why)
{
    struct clerk *c = &l->clerk;
    const struct disk_settings *disk = o->disk;
    if (!disk)
        return l->queue.policy != FULL_SPOOL ||
               error_set(why, "queue.mem.when_full is spool, but there is no queue.disk");
    if (!disk_check(disk, why) ||
        !inbox_init(&c->desk, (uint64_t)l->queue.events / 2, (uint64_t)l->queue.bytes / 2))
        return false;
    c->always = l->queue.policy != FULL_SPOOL;
    c->retry_interval = disk->retry_interval;
    c->max_retry_interval = disk->max_retry_interval;
    c->spool = open_spool(o, world, why);
    if (!c->spool)
        return false;
    uint64_t rows = spool_rows(c->spool);
    add(&l->counters.recovered, rows);
    add(&l->counters.spooled, rows);
    if (rows)
        log_say(LOG_INFO, l->who, "%llu documents are in the disk queue", (unsigned long long)rows);
    return true;
}

void clerk_start(struct lane *l)
{
    struct clerk *c = &l->clerk;
    if (!c->spool)
        return;
    c->thread = thread_start("clerk", clerk_run, l);
}

bool clerk_is_busy(const struct lane *l)
{
    const struct clerk *c = &l->clerk;
    return c->spool && (c->hand || c->desk.rows || counter_get(l->counters.spooled));
}

void clerk_free(struct lane *l)
{
    struct clerk *c = &l->clerk;
    if (c->spool)
        spool_close(c->spool);
    if (c->desk.ring)
        inbox_free(&c->desk);
    c->spool = NULL;
}
