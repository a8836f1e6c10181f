/* SPDX-License-Identifier: MIT
 *
 * Compressed interaction network (Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions
 * for Recommender Systems", KDD 2018): maps of a layer are sums of products of the last one's maps and
 * fields,
 *
 *     y_m = sum_f sum_h W_fh,m (x0_f o x_h)     x0 (F, E)  x (H, E)  y (M, E)  W (F H, M)
 *
 * All maps are kept with E outside, (B, E, H): so a row's products z_e = x0_e^T x_e are E rows of a matrix
 * (E, F H), and y = z W. They are made for a piece of the rows at a time, and made again on the way back.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { PIECE = 1 << 18 }; /* numbers, 1 MB of floats. 39 fields, 64 maps: 2^16 takes 1.4 times as long */

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, H = op->N, M = op->M, E = op->E, piece = g->most[op->aux[0]];
    apg_real *z = s->x[op->aux[0]];
    const apg_real *x = s->x[op->in[0]], *x0 = s->x[op->in[1]];
    for (size_t at = 0, n; at < s->rows * E; at += n, x += n * H, x0 += n * F) {
        n = s->rows * E - at < piece * E ? s->rows * E - at : piece * E;
        for (size_t i = 0; i < n; i++) /* z_f = x0_f x: F products with the same one row */
            apg_kernel_vecmat(F, 1, H, x0 + i * F, x + i * H, 0, z + i * F * H);
        apg_op_product(
            s, false, n, M, F * H, z, F * H, apg_w(g, op->param[0]), M, NULL, 0, s->x[op->out] + at * M, M);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, H = op->N, M = op->M, E = op->E, piece = g->most[op->aux[0]];
    apg_real *z = s->x[op->aux[0]], *dz = s->dx[op->aux[0]], *part = s->dx[op->aux[1]];
    const apg_real *x = s->x[op->in[0]], *x0 = s->x[op->in[1]], *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]], *dx0 = s->dx[op->in[1]], *dW = apg_dw(g, s->grad, op->param[0]);
    for (size_t at = 0, n; at < s->rows * E; at += n, x += n * H, x0 += n * F, dx += n * H, dx0 += n * F) {
        n = s->rows * E - at < piece * E ? s->rows * E - at : piece * E;
        apg_gemm(false, true, n, F * H, M, dy + at * M, M, apg_w(g, op->param[0]), M, NULL, 0, dz, F * H);
        for (size_t i = 0; i < n; i++) { /* dx += x0 dz; then z, and dx0 += dz x^T */
            apg_kernel_vecmat(1, F, H, x0 + i * F, dz + i * F * H, 0, part);
            apg_kernel_add(dx + i * H, part, 1, H);
        }
        apg_kernel_vecmat_back(n, F, H, x0, dz, x, F * H, z, true, dx0);
        apg_gemm(true, false, F * H, M, n, z, F * H, dy + at * M, M, dW, M, dW, M);
    }
}

/* The products of two numbers are counted too. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t pairs = (uint64_t)op->F * op->N;
    c->forward += op->E * pairs * (1 + op->M);
    c->numbers += pairs * op->M;
}

static const struct apg_op_type type = {
    .name = "cin", .forward = forward, .backward = backward, .cost = cost};

int apg_op_cin(struct apg_graph *g, int x, int x0, size_t E, size_t M, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &type);
    op->in[0] = x, op->in[1] = x0, op->n_in = 2;
    op->F = g->F, op->E = E, op->N = apg_graph_width(g, x) / E, op->M = M;
    op->param[0] = apg_graph_param(g, APG_START_XAVIER, op->F * op->N, M, "%s.weight", name);
    size_t numbers = E * op->F * op->N;
    op->aux[0] = apg_graph_scratch(g, numbers, numbers < PIECE ? PIECE / numbers : 1);
    op->aux[1] = apg_graph_scratch(g, op->N, 1);
    return op->out = apg_graph_value(g, E * M);
}

/* ---- (N, M) to (M, N) in each row ---- */

static void turn_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = op->N, M = op->M;
    const apg_real *x = s->x[op->in[0]];
    apg_real *y = s->x[op->out];
    for (size_t i = 0; i < s->rows; i++, x += N * M, y += N * M)
        for (size_t n = 0; n < N; n++)
            for (size_t m = 0; m < M; m++)
                y[m * N + n] = x[n * M + m];
}

static void turn_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t N = op->N, M = op->M;
    const apg_real *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows; i++, dx += N * M, dy += N * M)
        for (size_t n = 0; n < N; n++)
            for (size_t m = 0; m < M; m++)
                dx[n * M + m] += dy[m * N + n];
}

static const struct apg_op_type turn = {
    .name = "turn", .forward = turn_forward, .backward = turn_backward, .cost = apg_op_no_cost};

int apg_op_turn(struct apg_graph *g, int x, size_t N)
{
    struct apg_op *op = apg_graph_op(g, &turn);
    op->in[0] = x, op->n_in = 1;
    op->N = N, op->M = apg_graph_width(g, x) / N;
    return op->out = apg_graph_value(g, N * op->M);
}

/* ---- sums of a row's pieces ---- */

static void pool_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    memset(s->x[op->out], 0, s->rows * op->M * sizeof **s->x);
    for (size_t i = 0; i < s->rows; i++)
        apg_kernel_column_sums(s->x[op->in[0]] + i * op->E * op->M, op->E, op->M, s->x[op->out] + i * op->M);
}

static void pool_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t E = op->E, M = op->M;
    for (size_t i = 0; i < s->rows * E; i++)
        apg_kernel_add(s->dx[op->in[0]] + i * M, s->dx[op->out] + i / E * M, 1, M);
}

static const struct apg_op_type pool = {
    .name = "pool", .forward = pool_forward, .backward = pool_backward, .cost = apg_op_no_cost};

int apg_op_pool(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &pool);
    op->in[0] = x, op->n_in = 1;
    op->E = E, op->M = apg_graph_width(g, x) / E;
    return op->out = apg_graph_value(g, op->M);
}
