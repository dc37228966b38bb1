// SPDX-License-Identifier: Apache-2.0
// POSIX threads, with what can only fail by our fault turned into an abort.
#include "pipeline/base/thread.h"

#include "pipeline/base/clock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void must(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(error));
    abort();
}

pthread_t thread_start(const char *name, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before), "block signals");
    // A thread begins with the name of its maker. To rename another one takes a /proc that may be
    // written, which a sandbox has not.
    char cut[16], mine[16]; // the kernel's limit
    snprintf(cut, sizeof cut, "%s", name);
    pthread_getname_np(pthread_self(), mine, sizeof mine);
    pthread_setname_np(pthread_self(), cut);
    pthread_t thread;
    must(pthread_create(&thread, NULL, run, argument), "start a thread");
    pthread_setname_np(pthread_self(), mine);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL), "unblock signals");
    return thread;
}

void thread_join(pthread_t thread)
{
    must(pthread_join(thread, NULL), "join a thread");
}

bool thread_pin(int cpu)
{
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return false;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

void gate_init(struct gate *g)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes), "make a condition");
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC), "make a condition");
    must(pthread_cond_init(&g->moved, &attributes), "make a condition");
    pthread_condattr_destroy(&attributes);
    must(pthread_mutex_init(&g->mutex, NULL), "make a mutex");
}

void gate_free(struct gate *g)
{
    must(pthread_cond_destroy(&g->moved), "free a condition");
    must(pthread_mutex_destroy(&g->mutex), "free a mutex");
}

void gate_lock(struct gate *g)
{
    must(pthread_mutex_lock(&g->mutex), "lock");
}

void gate_unlock(struct gate *g)
{
    must(pthread_mutex_unlock(&g->mutex), "unlock");
}

void gate_wake(struct gate *g)
{
    must(pthread_cond_broadcast(&g->moved), "wake");
}

bool gate_wait(struct gate *g, int64_t deadline)
{
    if (deadline < 0)
        return false;
    struct timespec until = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    int error = pthread_cond_timedwait(&g->moved, &g->mutex, &until);
    if (error == ETIMEDOUT)
        return false;
    must(error, "wait");
    return true;
}
