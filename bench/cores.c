/* SPDX-License-Identifier: MIT
 *
 * cores: `apg` in which one thread does what a pool would, and keeps how long each task took. bench/cores links it, with
 * apg_pool_run and apg_optim_step wrapped, and says what its figures mean.
 *
 * At the end it prints, over all steps but the first WARM: a line "loop ADDRESS CALLS TASKS MILLISECONDS", of a step, for
 * each function that was run in a pool, a line "serial MILLISECONDS", and a line "cores N MILLISECONDS" for each number
 * of cores. A loop takes on N of them as long as its tasks do when each goes, in order, to the first that is free, as
 * pool.h has it, and NS_A_THREAD for each of them that has to be told.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/pool.h"
#include "train/optim.h"

enum { WARM = 5, LOOPS_MAX = 64, CORES_MAX = 64, NS_A_THREAD = 100 };

static const unsigned cores[] = {1, 2, 4, 8, 16, 32, 64};
enum { N_CORES = sizeof cores / sizeof *cores };

/* Of all steps behind the first WARM. NOW goes on, and OVER is as of the end of the last step: what comes behind that
 * is of none. */
static struct totals {
    uint64_t steps;
    double serial_s, cores_s[N_CORES];
    size_t n_loops;
    struct loop {
        void (*fn)(void *arg, size_t i, unsigned worker);
        uint64_t calls, tasks;
        double s;
    } loop[LOOPS_MAX];
} now, over;
static double since; /* the time from here on is not yet in now.serial_s */
static uint64_t steps;

/* Seconds of this thread: what else the machine does is not in them. */
static double clock_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How long N tasks that take S[i] last on so many cores. */
static double lasts(const double *s, size_t n, unsigned on)
{
    double busy[CORES_MAX] = {0}, last = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned first = 0;
        for (unsigned c = 1; c < on && busy[first] > 0; c++)
            first = busy[c] < busy[first] ? c : first;
        busy[first] += s[i];
        last = busy[first] > last ? busy[first] : last;
    }
    return last;
}

void __wrap_apg_pool_run(
    struct apg_pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned worker), void *arg);
void __wrap_apg_pool_run(
    struct apg_pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned worker), void *arg)
{
    static double *s;
    static size_t room;
    (void)p;
    if (n > room && !(s = realloc(s, (room = 2 * n) * sizeof *s)))
        abort();
    const double begin = clock_s();
    double at = begin;
    for (size_t i = 0; i < n; i++) {
        fn(arg, i, 0);
        const double then = clock_s();
        s[i] = then - at;
        at = then;
    }
    if (steps < WARM)
        return;
    now.serial_s += begin - since;
    size_t k = 0;
    while (k < now.n_loops && now.loop[k].fn != fn)
        k++;
    if (k == LOOPS_MAX)
        abort();
    now.n_loops += k == now.n_loops;
    now.loop[k].fn = fn;
    now.loop[k].calls++;
    now.loop[k].tasks += n;
    now.loop[k].s += at - begin;
    for (size_t c = 0; c < N_CORES; c++)
        now.cores_s[c] += lasts(s, n, cores[c]) + 1e-9 * NS_A_THREAD * (cores[c] - 1);
    since = clock_s();
}

static void tell(void)
{
    const double n = (double)over.steps;
    for (size_t k = 0; k < over.n_loops; k++)
        fprintf(stderr, "loop %p %.3g %.3g %.4f\n", *(void **)&over.loop[k].fn,
            (double)over.loop[k].calls / n, (double)over.loop[k].tasks / (double)over.loop[k].calls,
            1e3 * over.loop[k].s / n);
    fprintf(stderr, "serial %.4f\n", 1e3 * over.serial_s / n);
    for (size_t c = 0; c < N_CORES; c++)
        fprintf(stderr, "cores %u %.4f\n", cores[c], 1e3 * (over.serial_s + over.cores_s[c]) / n);
}

enum apg_status __real_apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err);
enum apg_status __wrap_apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err);
enum apg_status __wrap_apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err)
{
    const enum apg_status status = __real_apg_optim_step(o, options, row, n, key, pool, loss, err);
    if (steps++ >= WARM) {
        now.serial_s += clock_s() - since;
        now.steps++;
        over = now;
    } else if (steps == WARM) {
        (void)atexit(tell);
    }
    since = clock_s();
    return status;
}
