// SPDX-License-Identifier: Apache-2.0
// From getrusage, /proc/self and the C library.

#include "pipeline/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pipeline/base/clock.h"

static int64_t nanoseconds(struct timeval t)
{
    return t.tv_sec * SECOND + t.tv_usec * MICROSECOND;
}

static void read_status(struct usage *u)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    const struct {
        const char *name;
        uint64_t unit, *to;
    } rows[] = {
        {"VmRSS:", 1024, &u->resident}, {"VmSize:", 1024, &u->total}, {"Threads:", 1, &u->threads}};
    while (file && fgets(line, sizeof line, file))
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            if (!strncmp(line, rows[i].name, strlen(rows[i].name)))
                *rows[i].to = strtoull(line + strlen(rows[i].name), NULL, 10) * rows[i].unit;
    if (file)
        fclose(file);
}

static uint64_t count_descriptors(void)
{
    uint64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count > 3 ? count - 3 : 0; // . and .. and that of the folder itself
}

void usage_read(struct usage *u)
{
    struct rusage own;
    struct rlimit limit;
    *u = (struct usage){.descriptors = count_descriptors()};
    if (getrusage(RUSAGE_SELF, &own) == 0) {
        u->user = nanoseconds(own.ru_utime);
        u->system = nanoseconds(own.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        u->descriptors_soft = limit.rlim_cur;
        u->descriptors_hard = limit.rlim_max;
    }
    read_status(u);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    u->processors = processors > 0 ? (unsigned)processors : 1;
    if (getloadavg(u->load, 3) != 3)
        memset(u->load, 0, sizeof u->load);
}
