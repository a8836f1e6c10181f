/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include "base/pool.h"

enum { N = 1000, WORKERS = 16 };

struct seen {
    unsigned times[N];         /* plain: a wrong hand-over is a data race, for ThreadSanitizer to see */
    unsigned scratch[WORKERS]; /* by worker: two threads with one number would race here */
    atomic_bool wrong_worker;
    unsigned threads;
};

static void visit(void *arg, size_t i, unsigned worker)
{
    struct seen *s = arg;
    s->times[i]++;
    if (worker >= s->threads)
        atomic_store(&s->wrong_worker, true);
    else
        s->scratch[worker]++;
}

static void every_index_once(void **state)
{
    (void)state;
    const unsigned threads[] = {1, 2, 3, WORKERS};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        struct apg_pool *p;
        assert_int_equal(apg_pool_new(&p, threads[t], NULL), APG_OK);
        assert_int_equal(apg_pool_threads(p), threads[t]);
        struct seen s = {.threads = threads[t]};
        const size_t sizes[] = {0, 1, 2, 3, 17, N};
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            memset(s.times, 0, sizeof s.times);
            memset(s.scratch, 0, sizeof s.scratch);
            apg_pool_run(p, sizes[k], visit, &s);
            unsigned total = 0;
            for (size_t i = 0; i < N; i++)
                assert_int_equal(s.times[i], i < sizes[k]);
            for (unsigned w = 0; w < WORKERS; w++)
                total += s.scratch[w];
            assert_int_equal(total, sizes[k]);
        }
        assert_false(s.wrong_worker);
        apg_pool_free(p);
    }
}

/* Loops that follow each other at once, and after pauses long enough for the workers to fall asleep, each
 * with an argument of its own on the stack: one that comes late must not enter the next loop with what it saw
 * of the last. */
static void loops_do_not_mix(void **state)
{
    (void)state;
    struct apg_pool *p;
    assert_int_equal(apg_pool_new(&p, 4, NULL), APG_OK);
    for (int round = 0; round < 3000; round++) {
        struct seen s = {.threads = 4};
        size_t n = (size_t)round % 9;
        apg_pool_run(p, n, visit, &s);
        for (size_t i = 0; i < 10; i++)
            assert_int_equal(s.times[i], i < n);
        if (round % 100 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
    }
    apg_pool_free(p);
}

/* Both calls must be inside at the same time to return. */
static void meet(void *arg, size_t i, unsigned worker)
{
    (void)i;
    (void)worker;
    atomic_uint *inside = arg;
    atomic_fetch_add(inside, 1);
    while (atomic_load(inside) < 2)
        sched_yield();
}

static void threads_work_at_the_same_time(void **state)
{
    (void)state;
    struct apg_pool *p;
    assert_int_equal(apg_pool_new(&p, 2, NULL), APG_OK);
    for (int round = 0; round < 20; round++) {
        atomic_uint inside = 0;
        nanosleep(&(struct timespec){.tv_nsec = round % 2 ? 200000 : 1}, NULL);
        apg_pool_run(p, 2, meet, &inside);
        assert_int_equal(inside, 2);
    }
    apg_pool_free(p);
}

static void nap(void *arg, size_t i, unsigned worker)
{
    (void)arg;
    (void)worker;
    nanosleep(&(struct timespec){.tv_nsec = i == 0 ? 2000000 : 10000}, NULL);
}

/* One call is far longer than the rest, so caller and worker both get to wait, asleep, for the other. */
static void uneven_calls_end(void **state)
{
    (void)state;
    struct apg_pool *p;
    assert_int_equal(apg_pool_new(&p, 3, NULL), APG_OK);
    for (int round = 0; round < 20; round++)
        apg_pool_run(p, 4, nap, NULL);
    apg_pool_free(p);
}

static void zero_asks_the_system(void **state)
{
    (void)state;
    struct apg_pool *p;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    assert_int_equal(apg_pool_new(&p, 0, NULL), APG_OK);
    assert_int_equal(apg_pool_threads(p), CPU_COUNT(&set));
    apg_pool_free(p);
    apg_pool_free(NULL);
}

static void too_many_is_an_error(void **state)
{
    (void)state;
    struct apg_pool *p;
    struct apg_error e;
    assert_int_equal(apg_pool_new(&p, 1000000, &e), APG_ERANGE);
    assert_null(p);
    assert_non_null(strstr(e.text, "1000000"));
}

struct masks {
    atomic_uint inside;
    bool interruptible[2]; /* by worker */
};

static void look_at_mask(void *arg, size_t i, unsigned worker)
{
    struct masks *m = arg;
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    m->interruptible[worker] = !sigismember(&set, SIGINT);
    meet(&m->inside, i, worker);
}

static void signals_go_to_the_caller(void **state)
{
    (void)state;
    struct apg_pool *p;
    assert_int_equal(apg_pool_new(&p, 2, NULL), APG_OK);
    struct masks m = {.interruptible = {false, true}};
    apg_pool_run(p, 2, look_at_mask, &m);
    assert_true(m.interruptible[0]);
    assert_false(m.interruptible[1]);
    apg_pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_once),
        cmocka_unit_test(loops_do_not_mix),
        cmocka_unit_test(threads_work_at_the_same_time),
        cmocka_unit_test(uneven_calls_end),
        cmocka_unit_test(zero_asks_the_system),
        cmocka_unit_test(too_many_is_an_error),
        cmocka_unit_test(signals_go_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
