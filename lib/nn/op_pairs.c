/* SPDX-License-Identifier: MIT
 *
 * Products of pairs of fields: inner ones, and bilinear ones by element.
 *
 * A field's vector is too short for a vector unit to sum over it, so inner products are taken for APG_VECTOR
 * rows at once, one in each lane.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

static size_t pairs_of(size_t F)
{
    return F * (F - 1) / 2;
}

struct inner {
    size_t F, E, M;    /* M: pairs */
    int fields, pairs; /* scratch: the fields' vectors and the products by lane */
};
APG_OP_OWN(inner)

static void inner_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const struct inner *own = inner_of(op);
    size_t F = own->F, E = own->E, M = own->M;
    apg_real *v = s->x[own->fields], *y = s->x[own->pairs];
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
    const struct inner *own = inner_of(op);
    size_t F = own->F, E = own->E, M = own->M;
    apg_real *v = s->x[own->fields], *dv = s->dx[own->fields], *dy = s->dx[own->pairs];
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
    c->forward += (uint64_t)inner_of(op)->M * inner_of(op)->E;
}

static const struct apg_op_type inner = {.name = "inner",
    .forward = inner_forward,
    .backward = inner_backward,
    .cost = inner_cost,
    .widths = apg_op_width_of_output};

int apg_op_inner(struct apg_graph *g, int x, size_t E)
{
    const size_t F = apg_graph_width(g, x) / E, M = pairs_of(F);
    const struct inner own = {.F = F,
        .E = E,
        .M = M,
        .fields = apg_graph_scratch(g, F * E * APG_VECTOR, 1),
        .pairs = apg_graph_scratch(g, M * APG_VECTOR, 1)};
    struct apg_op *op = apg_graph_op(g, &inner, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, M);
}

/* ---- bilinear ----
 * The matrices stand side by side as the columns of W (E, M), those of a field's pairs together, so that one
 * product makes x_f W of them for all rows. It is as large as the result. So it is made for a piece of the
 * rows at a time, and backward makes it again. */

enum { PIECE_NUMBERS = 1 << 19 }; /* the most numbers of a piece's products: 2 MB of floats a slot */

struct bilinear {
    size_t F, E, M;
    size_t left_width; /* of a row of LEFT */
    int left;          /* scratch: x_f W of all fields but the last */
    enum apg_bilinear of;
};
APG_OP_OWN(bilinear)

/* Of field f: the first column of its matrices in W, of its products in LEFT, and the width of both. */
struct part {
    size_t column, at, width;
};

static struct part part_of(const struct bilinear *own, size_t f)
{
    size_t first_pair = f * (2 * own->F - f - 1) / 2, E = own->E;
    if (own->of == APG_BILINEAR_INTERACTION)
        return (struct part){first_pair * E, first_pair * E, (own->F - f - 1) * E};
    return (struct part){own->of == APG_BILINEAR_ALL ? 0 : f * E, f * E, E};
}

/* LEFT of N rows of x */
static void bilinear_left(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, const apg_real *x, size_t n)
{
    const struct bilinear *own = bilinear_of(op);
    const size_t E = own->E, M = own->M;
    for (size_t f = 0; f + 1 < own->F; f++) {
        struct part p = part_of(own, f);
        apg_op_product(s, n, p.width, E, apg_matrix(x + f * E, own->F * E),
            apg_matrix(apg_w(g, op->param[0]) + p.column, M), apg_zeros(), s->x[own->left] + p.at,
            own->left_width);
    }
}

static void bilinear_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct bilinear *own = bilinear_of(op);
    size_t F = own->F, E = own->E, width = g->width[op->out], piece = g->most[own->left];
    for (size_t k = 0, pairs = width / (size_t)op->n_in; k < (size_t)op->n_in; k++)
        for (size_t from = 0, n; from < s->rows; from += n) {
            n = s->rows - from < piece ? s->rows - from : piece;
            bilinear_left(g, op, s, s->x[op->in[k]] + from * F * E, n);
            for (size_t i = 0; i < n; i++) {
                const apg_real *x = s->x[op->in[k]] + (from + i) * F * E;
                apg_real *y = s->x[op->out] + (from + i) * width + k * pairs;
                for (size_t f = 0; f + 1 < F; f++) {
                    struct part p = part_of(own, f);
                    const size_t step = p.width > E ? E : 0; /* from one pair's product to the next's */
                    const apg_real *left = s->x[own->left] + i * own->left_width + p.at;
                    for (size_t h = f + 1; h < F; h++, y += E, left += step)
                        for (size_t e = 0; e < E; e++)
                            y[e] = left[e] * x[h * E + e];
                }
            }
        }
}

static void bilinear_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct bilinear *own = bilinear_of(op);
    size_t F = own->F, E = own->E, width = g->width[op->out], piece = g->most[own->left];
    for (size_t k = 0, pairs = width / (size_t)op->n_in; k < (size_t)op->n_in; k++)
        for (size_t from = 0, n; from < s->rows; from += n) {
            n = s->rows - from < piece ? s->rows - from : piece;
            const apg_real *x = s->x[op->in[k]] + from * F * E;
            apg_real *dx = s->dx[op->in[k]] + from * F * E;
            bilinear_left(g, op, s, x, n);
            memset(s->dx[own->left], 0, n * own->left_width * sizeof *dx);
            for (size_t i = 0; i < n; i++) {
                const apg_real *dy = s->dx[op->out] + (from + i) * width + k * pairs;
                for (size_t f = 0; f + 1 < F; f++) {
                    struct part p = part_of(own, f);
                    const size_t step = p.width > E ? E : 0;
                    size_t at = i * own->left_width + p.at;
                    for (size_t h = f + 1; h < F; h++, dy += E, at += step) {
                        apg_kernel_add_product(s->dx[own->left] + at, dy, x + (i * F + h) * E, E);
                        apg_kernel_add_product(dx + (i * F + h) * E, dy, s->x[own->left] + at, E);
                    }
                }
            }
            for (size_t f = 0; f + 1 < F; f++) {
                struct part p = part_of(own, f);
                const struct apg_matrix dleft = apg_matrix(s->dx[own->left] + p.at, own->left_width);
                const struct apg_matrix dxf = apg_matrix(dx + f * E, F * E);
                apg_real *dW = apg_dw(g, s->grad, op->param[0]) + p.column;
                apg_gemm(E, p.width, n, apg_transpose(x + f * E, F * E), dleft, apg_matrix(dW, own->M), dW,
                    own->M);
                apg_gemm(n, E, p.width, dleft, apg_transpose(apg_w(g, op->param[0]) + p.column, own->M), dxf,
                    dx + f * E, F * E);
            }
        }
}

static void bilinear_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const struct bilinear *own = bilinear_of(op);
    c->forward += (uint64_t)op->n_in * own->left_width * own->E;
    c->numbers += (uint64_t)own->E * own->M;
}

static void bilinear_widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->M = bilinear_of(op)->M;
}

static const struct apg_op_type bilinear = {.name = "bilinear",
    .forward = bilinear_forward,
    .backward = bilinear_backward,
    .cost = bilinear_cost,
    .widths = bilinear_widths};

int apg_op_bilinear(
    struct apg_graph *g, const int *x, int n, size_t E, enum apg_bilinear of, const char *name)
{
    const size_t F = apg_graph_width(g, x[0]) / E, pairs = pairs_of(F);
    const size_t left_width = of == APG_BILINEAR_INTERACTION ? pairs * E : F * E - E;
    const struct bilinear own = {.F = F,
        .E = E,
        .M = of == APG_BILINEAR_ALL ? E : left_width,
        .left_width = left_width,
        .left = apg_graph_scratch(
            g, left_width, left_width < PIECE_NUMBERS ? PIECE_NUMBERS / (left_width + 1) : 1),
        .of = of};
    struct apg_op *op = apg_graph_op(g, &bilinear, &own, sizeof own);
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    op->param[0] = apg_graph_param(g, APG_START_SQUARES, E, own.M, "%s.weight", name);
    return op->out = apg_graph_value(g, (size_t)n * pairs * E);
}
