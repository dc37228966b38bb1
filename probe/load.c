// SPDX-License-Identifier: Apache-2.0
// A step up is half as large as what the ring gained, so that some tens of looks are enough for any
// load, and little more than needed is shed. A ring that gains nothing is in balance, however full.

#include "probe/load.h"

#include "pipeline/base/clock.h"

enum {
    LOOKS = 4, // the least of so many counts: a thread that was not run for a while catches up
    HIGH = LOAD_FULL / 4,
    BRIM = LOAD_FULL * 3 / 4,
    LOW = LOAD_FULL / 16,
    MOST = 16, // of a step up
};
static const int64_t look = 3 * MILLISECOND; // between two looks
static const int64_t longest = SECOND / 4, shortest = SECOND / 32;

static bool rise(struct load *l, int64_t now, unsigned step)
{
    unsigned before = l->level;
    l->level = before + step < LOAD_LEVELS ? before + step : LOAD_LEVELS;
    l->changed = now;
    l->patience = longest;
    return l->level != before;
}

static bool fall(struct load *l, int64_t now)
{
    if (!l->level || now - l->changed < l->patience)
        return false;
    l->level--;
    l->changed = now;
    l->patience = l->patience / 2 > shortest ? l->patience / 2 : shortest;
    return true;
}

static bool judge(struct load *l, int64_t now, unsigned fill)
{
    unsigned before = l->fill;
    l->fill = fill;
    if (fill < LOW) {
        l->record = HIGH - 1;
        return fall(l, now);
    }
    if (fill < HIGH || fill < before) // it is being emptied, also after a standstill
        return false;
    unsigned gained = fill > l->record ? fill - l->record : 0;
    l->record += gained;
    if (fill >= BRIM || gained > 2 * MOST)
        return rise(l, now, MOST);
    return gained && rise(l, now, (gained + 1) / 2);
}

bool load_is_due(const struct load *l, int64_t now)
{
    return now < l->looked || now - l->looked >= look;
}

bool load_note(struct load *l, int64_t now, unsigned fill)
{
    if (now < l->looked) // the clock began anew
        l->changed = now;
    l->looked = now;
    if (!l->looks++ || fill < l->least)
        l->least = fill;
    if (l->looks < LOOKS)
        return false;
    l->looks = 0;
    return judge(l, now, l->least);
}
