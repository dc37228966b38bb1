// SPDX-License-Identifier: Apache-2.0
// Threads with a name, and a gate: a mutex with a condition, for the few places where threads meet.
// Failing to make one is our bug or the end of memory: these calls abort instead of reporting.
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

// Starts a thread with all signals blocked. `name` is cut at 15 characters.
pthread_t thread_start(const char *name, void *(*run)(void *), void *argument);
void thread_join(pthread_t thread);
// Binds the calling thread to one processor; false where that is not permitted.
bool thread_pin(int cpu);

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t moved; // on the steady clock
};

void gate_init(struct gate *g);
void gate_free(struct gate *g);
void gate_lock(struct gate *g);
void gate_unlock(struct gate *g);
void gate_wake(struct gate *g); // all that wait
// Waits (locked) until woken or until the steady time `deadline`; false: the time has come.
// Spurious wake-ups happen.
bool gate_wait(struct gate *g, int64_t deadline);
