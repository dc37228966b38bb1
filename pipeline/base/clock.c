// SPDX-License-Identifier: Apache-2.0
// The clocks of the system, in nanoseconds.
#include "pipeline/base/clock.h"

#include <errno.h>
#include <time.h>

static int64_t read_clock(clockid_t which)
{
    struct timespec now = {0};
    clock_gettime(which, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_steady(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_sleep(int64_t duration)
{
    if (duration <= 0)
        return;
    struct timespec left = {.tv_sec = duration / SECOND, .tv_nsec = duration % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}
