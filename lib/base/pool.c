/* SPDX-License-Identifier: MIT
 *
 * One word of state says everything about the current loop: its number, whether it is open, and
 * how many workers are inside. A worker enters by a compare-and-swap that succeeds only while the
 * loop is open; the caller, out of work, closes it and waits for those inside. So a worker that
 * the system has not woken yet is not waited for, which on a busy machine is most of the time a
 * short loop takes.
 *
 * Idle workers, and the caller at the end, first spin for SPIN_NS, then sleep on a condition
 * variable. Measured on two cores: a loop of 31 us takes 17 us on two threads while the second
 * still spins, and 34 us when it has to be woken, so it pays to spin about as long as waking
 * takes.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include "base/comm.h"
#include "base/mem.h"

enum { SPIN_NS = 50000, THREADS_MAX = 1024 };

/* The bits of the state. */
#define INSIDE UINT64_C(0xffff) /* mask: how many workers are in the loop */
#define OPEN UINT64_C(0x10000)  /* workers may enter the loop */
#define STOP UINT64_C(0x20000)  /* workers are to end */
#define LOOP UINT64_C(0x40000)  /* the loop's number is counted from this bit up */

struct worker {
    struct apg_pool *pool;
    unsigned number; /* from 1; the caller is 0 */
    pthread_t thread;
};

struct apg_pool {
    /* Written by the caller while no worker is inside. */
    void (*fn)(void *arg, size_t i, unsigned worker);
    void *arg;
    size_t n;
    bool spin; /* false with more threads than processors: spinning would keep the working ones off */

    _Alignas(64) atomic_size_t next;
    _Alignas(64) _Atomic uint64_t state;
    atomic_uint sleepers;      /* workers that wait for `wake` */
    atomic_bool caller_sleeps; /* the caller waits for `done` */

    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    unsigned threads, started;
    struct worker worker[];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Is there a loop to enter that is not number SEEN, or are workers to end? */
static bool called(uint64_t state, uint64_t seen)
{
    return (state & STOP) || ((state & OPEN) && state / LOOP != seen);
}

static bool empty(uint64_t state, uint64_t seen)
{
    (void)seen;
    return !(state & INSIDE);
}

/* Spin until READY(state, seen), but for SPIN_NS at most. False: it is not ready yet. */
static bool spin(struct apg_pool *p, bool (*ready)(uint64_t, uint64_t), uint64_t seen)
{
    if (ready(atomic_load(&p->state), seen))
        return true;
    if (!p->spin)
        return false;
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 16; i++) {
            relax();
            if (ready(atomic_load(&p->state), seen))
                return true;
        }
    } while (now_ns() < end);
    return false;
}

static void work(struct apg_pool *p, unsigned worker)
{
    size_t i;
    while ((i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->n)
        p->fn(p->arg, i, worker);
}

/* Both sleeps rest on the same order: the sleeper announces itself, then looks at the state; the
 * other side changes the state, then looks for sleepers. One of the two sees the other, and the
 * lock keeps the signal from falling between the look and the sleep. */
static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct apg_pool *p = w->pool;
    uint64_t seen = 0;
    for (;;) {
        if (!spin(p, called, seen)) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->sleepers, 1);
            while (!called(atomic_load(&p->state), seen))
                pthread_cond_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->sleepers, 1);
            pthread_mutex_unlock(&p->lock);
        }
        uint64_t state = atomic_load(&p->state);
        if (state & STOP)
            return NULL;
        if (!(state & OPEN) || !atomic_compare_exchange_weak(&p->state, &state, state + 1))
            continue; /* closed meanwhile, or another worker entered first */
        seen = state / LOOP;
        work(p, w->number);
        state = atomic_fetch_sub(&p->state, 1) - 1;
        if (!(state & (INSIDE | OPEN)) && atomic_load(&p->caller_sleeps)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

/* Add CHANGE to the state and wake the workers that sleep. */
static void call(struct apg_pool *p, uint64_t change)
{
    atomic_fetch_add(&p->state, change);
    if (atomic_load(&p->sleepers)) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

void apg_pool_run(struct apg_pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned worker), void *arg)
{
    apg_comm_alive();
    if (p->started == 0 || n < 2) {
        for (size_t i = 0; i < n; i++)
            fn(arg, i, 0);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    call(p, LOOP + OPEN);
    work(p, 0);
    atomic_fetch_sub(&p->state, OPEN);
    if (spin(p, empty, 0))
        return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (!empty(atomic_load(&p->state), 0))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

static unsigned processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (unsigned)n : 1;
}

enum apg_status apg_pool_new(struct apg_pool **out, unsigned threads, struct apg_error *err)
{
    *out = NULL;
    unsigned have = processors();
    if (threads == 0)
        threads = have;
    if (threads > THREADS_MAX)
        return apg_fail(err, APG_ERANGE, "%u threads asked for, at most %d", threads, THREADS_MAX);

    struct apg_pool *p = apg_alloc(1, sizeof *p + threads * sizeof p->worker[0]);
    if (!p)
        return apg_fail_memory(err);
    p->threads = threads;
    p->spin = threads <= have;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->done, NULL);

    /* Signals belong to the caller's thread, whose reads and writes they are meant to interrupt;
     * SIGPIPE to the one that writes. */
    sigset_t all, old;
    sigfillset(&all);
    sigdelset(&all, SIGPIPE);
    sigdelset(&all, SIGBUS); /* a thread's own faults: blocked, they could not be handled */
    sigdelset(&all, SIGSEGV);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    enum apg_status status = APG_OK;
    for (unsigned i = 0; i + 1 < threads; i++) {
        struct worker *w = &p->worker[i];
        w->pool = p;
        w->number = i + 1;
        int e = pthread_create(&w->thread, NULL, worker_main, w);
        if (e) {
            status = apg_fail(err, APG_EIO, "cannot start thread %u of %u (error %d)", i + 2, threads, e);
            break;
        }
        p->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (status != APG_OK) {
        apg_pool_free(p);
        return status;
    }
    *out = p;
    return APG_OK;
}

void apg_pool_free(struct apg_pool *p)
{
    if (!p)
        return;
    call(p, STOP);
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

unsigned apg_pool_threads(const struct apg_pool *p)
{
    return p->threads;
}
