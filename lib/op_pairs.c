/* SPDX-License-Identifier: MIT
 *
 * Products of pairs of fields.
 *
 * A field's vector is short, and the sum over it no work for a vector unit: inner products are taken for
 * APG_VECTOR rows at once, which stand side by side in the columns of a transposed copy.
 */
#include <string.h>
#include "kernel.h"
#include "ops.h"

static size_t pairs_of(size_t F)
{
    return F * (F - 1) / 2;
}

/* t (n, APG_VECTOR) = the transpose of x (rows, n), 0 where there are no rows; by squares, so that what is
 * read and written stays in the cache. */
static void to_columns(const apg_real *x, size_t rows, size_t n, apg_real *t)
{
    if (rows < APG_VECTOR)
        memset(t, 0, n * APG_VECTOR * sizeof *t);
    for (size_t at = 0, end; at < n; at = end) {
        end = n - at < APG_VECTOR ? n : at + APG_VECTOR;
        for (size_t r = 0; r < rows; r++)
            for (size_t j = at; j < end; j++)
                t[j * APG_VECTOR + r] = x[r * n + j];
    }
}

/* x = t^T, or with ADD x += t^T */
static void from_columns(const apg_real *t, size_t rows, size_t n, bool add, apg_real *x)
{
    for (size_t at = 0, end; at < n; at = end) {
        end = n - at < APG_VECTOR ? n : at + APG_VECTOR;
        for (size_t r = 0; r < rows; r++)
            for (size_t j = at; j < end; j++)
                x[r * n + j] = t[j * APG_VECTOR + r] + (add ? x[r * n + j] : 0);
    }
}

static void inner_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = op->F * op->E, M = op->M;
    for (size_t i = 0, n; i < s->rows; i += n) {
        n = s->rows - i < APG_VECTOR ? s->rows - i : APG_VECTOR;
        to_columns(s->x[op->in[0]] + i * N, n, N, s->x[op->aux[0]]);
        apg_kernel_pairs(op->F, op->E, s->x[op->aux[0]], s->x[op->aux[1]]);
        from_columns(s->x[op->aux[1]], n, M, false, s->x[op->out] + i * M);
    }
}

static void inner_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = op->F * op->E, M = op->M;
    apg_real *v = s->x[op->aux[0]], *dv = s->dx[op->aux[0]], *dy = s->dx[op->aux[1]];
    for (size_t i = 0, n; i < s->rows; i += n) {
        n = s->rows - i < APG_VECTOR ? s->rows - i : APG_VECTOR;
        to_columns(s->x[op->in[0]] + i * N, n, N, v);
        to_columns(s->dx[op->out] + i * M, n, M, dy);
        memset(dv, 0, N * APG_VECTOR * sizeof *dv);
        apg_kernel_pairs_back(op->F, op->E, v, dy, dv);
        from_columns(dv, n, N, true, s->dx[op->in[0]] + i * N);
    }
}

static void inner_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)op->M * op->E;
}

static const struct apg_op_type inner = {"inner", inner_forward, inner_backward, inner_cost, 0, 0, 0, 0};

int apg_op_inner(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &inner);
    op->in[0] = x, op->n_in = 1;
    op->F = g->F, op->E = E, op->M = pairs_of(g->F);
    op->aux[0] = apg_graph_scratch(g, op->F * E * APG_VECTOR, 1);
    op->aux[1] = apg_graph_scratch(g, op->M * APG_VECTOR, 1);
    return op->out = apg_graph_value(g, op->M);
}
