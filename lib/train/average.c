/* SPDX-License-Identifier: MIT */
#include "train/average.h"
#include <stdlib.h>
#include "nn/kernel.h"
#include "base/mem.h"

enum { PARAM_SHARES = 8 }; /* a param's weights are cut into so many tasks for the threads */

struct apg_average {
    struct apg_graph *g;
    uint64_t added;
    apg_real weight; /* of the weights that are being added, in the mean */
    apg_real **mean; /* by param; NULL: derived, so not kept */
    bool swap;
};

enum apg_status apg_average_new(struct apg_average **out, struct apg_graph *g, struct apg_error *err)
{
    struct apg_average *a = apg_alloc(1, sizeof *a);
    if (!a)
        return apg_fail_memory(err);
    a->g = g;
    bool ok = (a->mean = apg_alloc(g->n_params, sizeof *a->mean)) != NULL;
    for (size_t i = 0; ok && i < g->n_params; i++)
        if (!g->param[i].derived)
            ok = (a->mean[i] = apg_alloc(g->param[i].here * g->param[i].cols, sizeof **a->mean)) != NULL;
    if (!ok) {
        apg_average_free(a);
        return apg_fail_memory(err);
    }
    *out = a;
    return APG_OK;
}

void apg_average_free(struct apg_average *a)
{
    if (!a)
        return;
    for (size_t i = 0; a->mean && i < a->g->n_params; i++)
        free(a->mean[i]);
    free(a->mean);
    free(a);
}

/* Task i handles share i % PARAM_SHARES of param i / PARAM_SHARES. */
static void piece(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_average *a = arg;
    const struct apg_param *p = &a->g->param[i / PARAM_SHARES];
    if (p->derived)
        return;
    const size_t size = p->here * p->cols, from = size * (i % PARAM_SHARES) / PARAM_SHARES,
                 n = size * (i % PARAM_SHARES + 1) / PARAM_SHARES - from;
    apg_real *mean = a->mean[i / PARAM_SHARES] + from;
    if (a->swap)
        apg_kernel_swap(n, mean, p->w + from);
    else
        apg_kernel_lerp(n, mean, p->w + from, a->weight);
}

void apg_average_add(struct apg_average *a, double share, struct apg_pool *pool)
{
    const double g = 1 / share - 1;
    a->added++;
    a->weight = (apg_real)((g + 1) / ((double)a->added + g));
    a->swap = false;
    apg_pool_run(pool, a->g->n_params * PARAM_SHARES, piece, a);
}

void apg_average_swap(struct apg_average *a, struct apg_pool *pool)
{
    a->swap = true;
    apg_pool_run(pool, a->g->n_params * PARAM_SHARES, piece, a);
}

uint64_t *apg_average_added(struct apg_average *a)
{
    return &a->added;
}

apg_real *apg_average_mean(const struct apg_average *a, size_t i)
{
    return a->mean[i];
}
