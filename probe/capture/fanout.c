// SPDX-License-Identifier: Apache-2.0
// The first socket founds a group, whose number the kernel chooses, so that several probes do not
// meet in one by chance, and brings the program; the others join it by that number.
#include "probe/capture/fanout.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "pipeline/base/hash.h"
#include "probe/capture/fanout_program.h"

struct fanout {
    pthread_mutex_t mutex;
    int group[FANOUT_GROUPS]; // their numbers; negative: not founded yet
    int count;
    struct sock_filter program[FANOUT_PROGRAM];
};

struct fanout *fanout_new(const struct fanout_setup *setup)
{
    struct fanout *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    pthread_mutex_init(&f->mutex, NULL);
    f->group[FANOUT_BOUND] = f->group[FANOUT_FOLLOWING] = -1;
    f->count = fanout_program(f->program, setup, (uint32_t)hash_seed());
    return f;
}

void fanout_free(struct fanout *f)
{
    if (f)
        pthread_mutex_destroy(&f->mutex);
    free(f);
}

static bool refused(struct error *why, const char *what)
{
    return error_set(why, "cannot share packets among workers (%s): %s", what, strerror(errno));
}

static bool found(struct fanout *f, int *group, int fd, struct error *why)
{
    int wish = (PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID) << 16, got = 0;
    socklen_t size = sizeof got;
    struct sock_fprog program = {.len = (unsigned short)f->count, .filter = f->program};
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &wish, sizeof wish) != 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &got, &size) != 0)
        return refused(why, "group");
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) != 0)
        return refused(why, "program");
    *group = got & 0xffff;
    return true;
}

static bool join(int group, int fd, struct error *why)
{
    int wish = PACKET_FANOUT_CBPF << 16 | group;
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &wish, sizeof wish) == 0 ||
           refused(why, "membership");
}

bool fanout_join(struct fanout *f, enum fanout_group group, int fd, struct error *why)
{
    pthread_mutex_lock(&f->mutex);
    int *number = &f->group[group];
    bool joined = *number < 0 ? found(f, number, fd, why) : join(*number, fd, why);
    pthread_mutex_unlock(&f->mutex);
    return joined;
}
