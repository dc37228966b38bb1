// SPDX-License-Identifier: Apache-2.0
// Times are signed 64-bit nanoseconds since 1970 in UTC; durations are nanoseconds.
#pragma once

#include <stdint.h>

#define SECOND      INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)
#define MICROSECOND INT64_C(1000)

int64_t clock_wall(void);   // now, for documents and logs
int64_t clock_steady(void); // for measuring and for deadlines of our own
int64_t clock_cpu(void);    // CPU time of this process, user and system
void clock_sleep(int64_t duration);

// The whole second a time lies in, as the wheel counts; times before 1970 are second 0, those
// after 2106 the last one.
static inline uint32_t clock_second(int64_t nanoseconds)
{
    int64_t second = nanoseconds / SECOND;
    return second < 0 ? 0 : second > UINT32_MAX ? UINT32_MAX : (uint32_t)second;
}
