/* SPDX-License-Identifier: MIT
 *
 * The compressed interaction network (Lian et al., "xDeepFM: Combining Explicit and Implicit Feature
 * Interactions for Recommender Systems", KDD 2018). Each map of a layer is a weighted sum of the products of
 * a field with a map of the layer before, number by number:
 *
 *     y_m = sum_f sum_h W_fh,m (x0_f o x_h)     x0 (F, E)  x (H, E)  y (M, E)  W (F H, M)
 *
 * All maps are kept with E outside, (B, E, H), so that a row's products z_e = x0_e^T x_e are E rows of a
 * matrix (E, F H), and y = z W. The products are made for a piece of the rows at a time; backward makes them
 * again.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

/* The most numbers of a piece's products: 1 MB of floats. 39 fields, 64 maps: 2^16 takes 1.4 times as long */
enum { PIECE_NUMBERS = 1 << 18 };

struct cin {
    size_t F, H, M, E;
    int z;    /* scratch: the products of a piece of rows */
    int part; /* scratch (1, H) */
};
APG_OP_OWN(cin)

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct cin *own = cin_of(op);
    size_t F = own->F, H = own->H, M = own->M, E = own->E, piece = g->most[own->z];
    apg_real *z = s->x[own->z];
    const apg_real *x = s->x[op->in[0]], *x0 = s->x[op->in[1]];
    for (size_t at = 0, n; at < s->rows * E; at += n, x += n * H, x0 += n * F) {
        n = s->rows * E - at < piece * E ? s->rows * E - at : piece * E;
        for (size_t i = 0; i < n; i++) /* z_f = x0_f x: F products with the same one row */
            apg_kernel_vecmat(F, 1, H, x0 + i * F, x + i * H, 0, z + i * F * H);
        apg_op_product(s, n, M, F * H, apg_matrix(z, F * H), apg_matrix(apg_w(g, op->param[0]), M),
            apg_zeros(), s->x[op->out] + at * M, M);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct cin *own = cin_of(op);
    size_t F = own->F, H = own->H, M = own->M, E = own->E, piece = g->most[own->z];
    apg_real *z = s->x[own->z], *dz = s->dx[own->z], *part = s->dx[own->part];
    const apg_real *x = s->x[op->in[0]], *x0 = s->x[op->in[1]], *dy = s->dx[op->out];
    const apg_real *W = apg_w(g, op->param[0]);
    apg_real *dx = s->dx[op->in[0]], *dx0 = s->dx[op->in[1]], *dW = apg_dw(g, s->grad, op->param[0]);
    for (size_t at = 0, n; at < s->rows * E; at += n, x += n * H, x0 += n * F, dx += n * H, dx0 += n * F) {
        n = s->rows * E - at < piece * E ? s->rows * E - at : piece * E;
        apg_gemm(n, F * H, M, apg_matrix(dy + at * M, M), apg_transpose(W, M), apg_zeros(), dz, F * H);
        for (size_t i = 0; i < n; i++) { /* dx += x0 dz; then z, and dx0 += dz x^T */
            apg_kernel_vecmat(1, F, H, x0 + i * F, dz + i * F * H, 0, part);
            apg_kernel_add(dx + i * H, part, 1, H);
        }
        apg_kernel_vecmat_back(n, F, H, x0, dz, x, F * H, z, true, dx0);
        apg_gemm(F * H, M, n, apg_transpose(z, F * H), apg_matrix(dy + at * M, M), apg_matrix(dW, M), dW, M);
    }
}

/* The products of two numbers are counted too. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const struct cin *own = cin_of(op);
    uint64_t pairs = (uint64_t)own->F * own->H;
    c->forward += own->E * pairs * (1 + own->M);
    c->numbers += pairs * own->M;
}

static void widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->M = cin_of(op)->M;
}

static const struct apg_op_type type = {
    .name = "cin", .forward = forward, .backward = backward, .cost = cost, .widths = widths};

int apg_op_cin(struct apg_graph *g, int x, int x0, size_t E, size_t M, const char *name)
{
    const size_t F = apg_graph_width(g, x0) / E, H = apg_graph_width(g, x) / E, numbers = E * F * H;
    const struct cin own = {.F = F,
        .H = H,
        .M = M,
        .E = E,
        .z = apg_graph_scratch(g, numbers, numbers && numbers < PIECE_NUMBERS ? PIECE_NUMBERS / numbers : 1),
        .part = apg_graph_scratch(g, H, 1)};
    struct apg_op *op = apg_graph_op(g, &type, &own, sizeof own);
    op->in[0] = x, op->in[1] = x0, op->n_in = 2;
    op->param[0] = apg_graph_param(g, APG_START_XAVIER, F * H, M, "%s.weight", name);
    return op->out = apg_graph_value(g, E * M);
}

/* ---- (N, M) to (M, N) in each row ---- */

struct transpose {
    size_t N, M;
};
APG_OP_OWN(transpose)

static void transpose_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = transpose_of(op)->N, M = transpose_of(op)->M;
    const apg_real *x = s->x[op->in[0]];
    apg_real *y = s->x[op->out];
    for (size_t i = 0; i < s->rows; i++, x += N * M, y += N * M)
        for (size_t n = 0; n < N; n++)
            for (size_t m = 0; m < M; m++)
                y[m * N + n] = x[n * M + m];
}

static void transpose_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = transpose_of(op)->N, M = transpose_of(op)->M;
    const apg_real *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows; i++, dx += N * M, dy += N * M)
        for (size_t n = 0; n < N; n++)
            for (size_t m = 0; m < M; m++)
                dx[n * M + m] += dy[m * N + n];
}

static void transpose_widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->M = transpose_of(op)->M;
}

static const struct apg_op_type transpose = {.name = "transpose",
    .forward = transpose_forward,
    .backward = transpose_backward,
    .widths = transpose_widths};

int apg_op_transpose(struct apg_graph *g, int x, size_t N)
{
    const struct transpose own = {N, apg_graph_width(g, x) / N};
    struct apg_op *op = apg_graph_op(g, &transpose, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, N * own.M);
}

/* ---- sums of a row's pieces ---- */

struct sum_pieces {
    size_t N, M; /* pieces, and the numbers of one */
};
APG_OP_OWN(sum_pieces)

static void sum_pieces_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = sum_pieces_of(op)->N, M = sum_pieces_of(op)->M;
    memset(s->x[op->out], 0, s->rows * M * sizeof **s->x);
    for (size_t i = 0; i < s->rows; i++)
        apg_kernel_column_sums(s->x[op->in[0]] + i * N * M, N, M, s->x[op->out] + i * M);
}

static void sum_pieces_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = sum_pieces_of(op)->N, M = sum_pieces_of(op)->M;
    for (size_t i = 0; i < s->rows * N; i++)
        apg_kernel_add(s->dx[op->in[0]] + i * M, s->dx[op->out] + i / N * M, 1, M);
}

static const struct apg_op_type sum_pieces = {.name = "sum-pieces",
    .forward = sum_pieces_forward,
    .backward = sum_pieces_backward,
    .widths = apg_op_width_of_output};

int apg_op_sum_pieces(struct apg_graph *g, int x, size_t N)
{
    const struct sum_pieces own = {N, apg_graph_width(g, x) / N};
    struct apg_op *op = apg_graph_op(g, &sum_pieces, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, own.M);
}
