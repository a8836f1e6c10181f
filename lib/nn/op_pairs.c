/* SPDX-License-Identifier: MIT
 *
 * Products of pairs of fields: inner ones, and bilinear ones by element.
 *
 * A field's vector is short, and the sum over it no work for a vector unit: inner products are taken for
 * APG_VECTOR rows at once, one in each lane.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

static size_t pairs_of(size_t F)
{
    return F * (F - 1) / 2;
}

static void inner_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t F = op->F, E = op->E, M = op->M;
    apg_real *v = s->x[op->aux[0]], *y = s->x[op->aux[1]];
    for (size_t i = 0, n; i < s->rows; i += n) {
        n = s->rows - i < APG_VECTOR ? s->rows - i : APG_VECTOR;
        apg_kernel_to_lanes(n, 1, F * E, s->x[op->in[0]] + i * F * E, v, F * E);
        apg_kernel_pairs(F, E, v, y);
        apg_kernel_from_lanes(n, 1, M, y, M, s->x[op->out] + i * M);
    }
}

static void inner_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t F = op->F, E = op->E, M = op->M;
    apg_real *v = s->x[op->aux[0]], *dv = s->dx[op->aux[0]], *dy = s->dx[op->aux[1]];
    for (size_t i = 0, n; i < s->rows; i += n) {
        n = s->rows - i < APG_VECTOR ? s->rows - i : APG_VECTOR;
        apg_kernel_to_lanes(n, 1, F * E, s->x[op->in[0]] + i * F * E, v, F * E);
        apg_kernel_to_lanes(n, 1, F * E, s->dx[op->in[0]] + i * F * E, dv, F * E);
        apg_kernel_to_lanes(n, 1, M, s->dx[op->out] + i * M, dy, M);
        apg_kernel_pairs_back(F, E, v, dy, dv);
        apg_kernel_from_lanes(n, 1, F * E, dv, F * E, s->dx[op->in[0]] + i * F * E);
    }
}

static void inner_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)op->M * op->E;
}

static const struct apg_op_type inner = {
    .name = "inner", .forward = inner_forward, .backward = inner_backward, .cost = inner_cost};

int apg_op_inner(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &inner);
    op->in[0] = x, op->n_in = 1;
    op->F = g->F, op->E = E, op->M = pairs_of(g->F);
    op->aux[0] = apg_graph_scratch(g, op->F * E * APG_VECTOR, 1);
    op->aux[1] = apg_graph_scratch(g, op->M * APG_VECTOR, 1);
    return op->out = apg_graph_value(g, op->M);
}

/* ---- bilinear ----
 * The columns of W (E, ..) are the matrices side by side, so that those of a field's pairs are one, and one
 * product makes x_f W of them for all rows. It is as large as the result, and made for a piece of the rows at
 * a time, on the way back again. */

enum { PIECE = 1 << 19 }; /* numbers: 2 MB of floats a slot */

/* Of field f: its first pair; where its matrices begin in W, and its products in a row of them; their width.
 */
struct part {
    size_t pair, column, at, width;
};

static struct part part_of(const struct apg_op *op, size_t f)
{
    size_t pair = f * (2 * op->F - f - 1) / 2, E = op->E;
    if (op->K == APG_BILINEAR_INTERACTION)
        return (struct part){pair, pair * E, pair * E, (op->F - f - 1) * E};
    return (struct part){pair, op->K == APG_BILINEAR_ALL ? 0 : f * E, f * E, E};
}

/* left = x_f W of all fields, of N rows of x. */
static void bilinear_left(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, const apg_real *x, size_t n)
{
    for (size_t f = 0; f + 1 < op->F; f++) {
        struct part p = part_of(op, f);
        apg_op_product(s, false, n, p.width, op->E, x + f * op->E, op->F * op->E,
            apg_w(g, op->param[0]) + p.column, op->M, NULL, 0, s->x[op->aux[0]] + p.at, op->N);
    }
}

static void bilinear_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, E = op->E, width = g->width[op->out], piece = g->most[op->aux[0]];
    for (size_t k = 0, pairs = width / (size_t)op->n_in; k < (size_t)op->n_in; k++)
        for (size_t from = 0, n; from < s->rows; from += n) {
            n = s->rows - from < piece ? s->rows - from : piece;
            bilinear_left(g, op, s, s->x[op->in[k]] + from * F * E, n);
            for (size_t i = 0; i < n; i++) {
                const apg_real *x = s->x[op->in[k]] + (from + i) * F * E;
                apg_real *y = s->x[op->out] + (from + i) * width + k * pairs;
                for (size_t f = 0; f + 1 < F; f++) {
                    struct part p = part_of(op, f);
                    const apg_real *left = s->x[op->aux[0]] + i * op->N + p.at;
                    for (size_t h = f + 1; h<F; h++, y += E, left += p.width> E ? E : 0)
                        for (size_t e = 0; e < E; e++)
                            y[e] = left[e] * x[h * E + e];
                }
            }
        }
}

static void bilinear_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, E = op->E, width = g->width[op->out], piece = g->most[op->aux[0]];
    for (size_t k = 0, pairs = width / (size_t)op->n_in; k < (size_t)op->n_in; k++)
        for (size_t from = 0, n; from < s->rows; from += n) {
            n = s->rows - from < piece ? s->rows - from : piece;
            const apg_real *x = s->x[op->in[k]] + from * F * E;
            apg_real *dx = s->dx[op->in[k]] + from * F * E;
            bilinear_left(g, op, s, x, n);
            memset(s->dx[op->aux[0]], 0, n * op->N * sizeof *dx);
            for (size_t i = 0; i < n; i++) {
                const apg_real *dy = s->dx[op->out] + (from + i) * width + k * pairs;
                for (size_t f = 0; f + 1 < F; f++) {
                    struct part p = part_of(op, f);
                    size_t at = i * op->N + p.at;
                    for (size_t h = f + 1; h<F; h++, dy += E, at += p.width> E ? E : 0) {
                        apg_kernel_add_product(s->dx[op->aux[0]] + at, dy, x + (i * F + h) * E, E);
                        apg_kernel_add_product(dx + (i * F + h) * E, dy, s->x[op->aux[0]] + at, E);
                    }
                }
            }
            for (size_t f = 0; f + 1 < F; f++) {
                struct part p = part_of(op, f);
                const apg_real *dleft = s->dx[op->aux[0]] + p.at;
                apg_real *dW = apg_dw(g, s->grad, op->param[0]) + p.column;
                apg_gemm(true, false, E, p.width, n, x + f * E, F * E, dleft, op->N, dW, op->M, dW, op->M);
                apg_gemm(false, true, n, E, p.width, dleft, op->N, apg_w(g, op->param[0]) + p.column, op->M,
                    dx + f * E, F * E, dx + f * E, F * E);
            }
        }
}

static void bilinear_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)op->n_in * op->N * op->E;
    c->numbers += (uint64_t)op->E * op->M;
}

static const struct apg_op_type bilinear = {
    .name = "bilinear", .forward = bilinear_forward, .backward = bilinear_backward, .cost = bilinear_cost};

int apg_op_bilinear(
    struct apg_graph *g, const int *x, int n, size_t E, enum apg_bilinear of, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &bilinear);
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    op->F = g->F, op->E = E, op->K = of;
    op->N = of == APG_BILINEAR_INTERACTION ? pairs_of(g->F) * E : (g->F - 1) * E;
    op->M = of == APG_BILINEAR_ALL ? E : op->N;
    op->param[0] = apg_graph_param(g, APG_START_SQUARES, E, op->M, "%s.weight", name);
    op->aux[0] = apg_graph_scratch(g, op->N, op->N < PIECE ? PIECE / (op->N + 1) : 1);
    return op->out = apg_graph_value(g, (size_t)n * pairs_of(g->F) * E);
}
