// SPDX-License-Identifier: Apache-2.0
// Threads start with a name and without signals; a gate wakes, and waits no longer than told.
#include "tests/unit/pipeline/base/unit.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/thread.h"

#include <signal.h>

struct meeting {
    struct gate gate;
    int turn; // under the gate
    bool blocked;
};

static void *run(void *argument)
{
    struct meeting *m = argument;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    gate_lock(&m->gate);
    m->blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
    m->turn = 1;
    gate_wake(&m->gate);
    while (m->turn == 1)
        gate_wait(&m->gate, clock_steady() + 10 * SECOND);
    m->turn = 3;
    gate_unlock(&m->gate);
    return NULL;
}

static void test_threads_meet_at_a_gate(void **state)
{
    (void)state;
    static struct meeting m;
    gate_init(&m.gate);
    gate_lock(&m.gate);
    pthread_t thread = thread_start("a name that is far too long", run, &m);
    while (m.turn == 0)
        assert_true(gate_wait(&m.gate, clock_steady() + 10 * SECOND));
    assert_true(m.blocked);
    char name[16];
    assert_int_equal(pthread_getname_np(thread, name, sizeof name), 0);
    assert_string_equal(name, "a name that is ");
    m.turn = 2;
    gate_wake(&m.gate);
    gate_unlock(&m.gate);
    thread_join(thread);
    assert_int_equal(m.turn, 3);
    gate_free(&m.gate);
    sigset_t mine;
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void test_waits_no_longer_than_told(void **state)
{
    (void)state;
    struct gate g;
    gate_init(&g);
    gate_lock(&g);
    int64_t before = clock_steady();
    while (gate_wait(&g, before + 3 * MILLISECOND))
        ; // spurious
    assert_true(clock_steady() - before >= 3 * MILLISECOND);
    assert_false(gate_wait(&g, 0));
    assert_false(gate_wait(&g, INT64_MIN));
    gate_unlock(&g);
    gate_free(&g);
}

static void test_pins_only_to_processors(void **state)
{
    (void)state;
    assert_false(thread_pin(-1));
    assert_false(thread_pin(1 << 30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_meet_at_a_gate),
        cmocka_unit_test(test_waits_no_longer_than_told),
        cmocka_unit_test(test_pins_only_to_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
