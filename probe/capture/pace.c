// SPDX-License-Identifier: Apache-2.0
// Gaps between packets are added up, so a late packet does not delay those behind it, and a clock
// that steps back costs no time.
#include "probe/capture/pace.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "pipeline/base/clock.h"

static const int64_t step = 100 * MILLISECOND;

void pace_by_time(struct pace *p)
{
    *p = (struct pace){.keys = -1};
}

bool pace_by_key(struct pace *p, bool input_is_free)
{
    *p = (struct pace){.keys = open("/dev/tty", O_RDONLY | O_CLOEXEC)};
    if (p->keys < 0 && input_is_free)
        p->keys = STDIN_FILENO;
    return p->keys >= 0;
}

void pace_end(struct pace *p)
{
    if (p->keys > STDIN_FILENO)
        close(p->keys);
    p->keys = -1;
}

void pace_restart(struct pace *p)
{
    p->begun = p->looked = false;
}

// A whole line is one key press. At the end of the input nobody can press any more: let all go.
static bool is_pressed(const struct pace *p)
{
    struct pollfd input = {.fd = p->keys, .events = POLLIN};
    while (poll(&input, 1, (int)(step / MILLISECOND)) > 0) {
        char key;
        if (read(p->keys, &key, 1) != 1 || key == '\n')
            return true;
    }
    return false;
}

static void look(struct pace *p, int64_t time)
{
    int64_t gap = 0;
    if (!p->begun)
        p->due = clock_steady();
    else if (time > p->last && __builtin_sub_overflow(time, p->last, &gap))
        gap = INT64_MAX;
    if (__builtin_add_overflow(p->due, gap, &p->due))
        p->due = INT64_MAX;
    p->last = time;
    p->begun = p->looked = true;
}

bool pace_is_due(struct pace *p, int64_t time, bool wait)
{
    if (p->keys >= 0)
        return wait && is_pressed(p); // one packet a turn
    if (!p->looked)
        look(p, time);
    int64_t left = p->due - clock_steady();
    if (left > 0 && wait) {
        clock_sleep(left < step ? left : step);
        left = p->due - clock_steady();
    }
    if (left > 0)
        return false;
    p->looked = false;
    return true;
}
