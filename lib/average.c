/* SPDX-License-Identifier: MIT */
#include "average.h"
#include <stdlib.h>
#include "kernel.h"
#include "mem.h"

enum { PIECE = 1 << 16 }; /* numbers that one thread takes at a time */

struct apg_average {
    struct apg_graph *g;
    uint64_t added;
    apg_real weight; /* of what is being added */
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
            ok = (a->mean[i] = apg_alloc(g->param[i].rows * g->param[i].cols, sizeof **a->mean)) != NULL;
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

static void piece(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_average *a = arg;
    for (size_t p = 0; p < a->g->n_params; p++) {
        const struct apg_param *param = &a->g->param[p];
        const size_t size = a->mean[p] ? param->rows * param->cols : 0, pieces = (size + PIECE - 1) / PIECE;
        if (i >= pieces) {
            i -= pieces;
            continue;
        }
        const size_t from = i * PIECE, n = size - from < PIECE ? size - from : PIECE;
        if (a->swap)
            apg_kernel_swap(n, a->mean[p] + from, param->w + from);
        else
            apg_kernel_approach(n, a->mean[p] + from, param->w + from, a->weight);
        return;
    }
}

static void all_pieces(struct apg_average *a, struct apg_pool *pool)
{
    size_t n = 0;
    for (size_t p = 0; p < a->g->n_params; p++)
        n += a->mean[p] ? (a->g->param[p].rows * a->g->param[p].cols + PIECE - 1) / PIECE : 0;
    apg_pool_run(pool, n, piece, a);
}

void apg_average_add(struct apg_average *a, double share, struct apg_pool *pool)
{
    const double g = 1 / share - 1;
    a->added++;
    a->weight = (apg_real)((g + 1) / ((double)a->added + g));
    a->swap = false;
    all_pieces(a, pool);
}

void apg_average_swap(struct apg_average *a, struct apg_pool *pool)
{
    a->swap = true;
    all_pieces(a, pool);
}
