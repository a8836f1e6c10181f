/* SPDX-License-Identifier: MIT
 *
 * Generated weights: y_i = x_i W_i with a matrix W_i of instance i's own, and the generator's last linear map
 * that makes it:
 *
 *     g_i = z_i H + c     z (B, D)   H (D, G)   c (1, G)   x (B, N)   W_i (N, M)   y (B, M)
 *
 *     K = 0: W_i = g_i, row-major; G = N M
 *     K > 0: g_i = [U_i (N, K)] [S_i (K, K)] [V_i (K, M)] and W_i = U_i S_i V_i, the product formed
 *
 * What is generated for a slot may be large, N M numbers a row. It is made for a piece of the rows at a time;
 * with K = 0, of a few rows of W_i at a time, so that H is read, and its gradient written, once for many
 * instances: by whole matrices a step took 2.7 times as long (N 393, M 1024, D 32). Where that is not all of
 * the slot, it is made again on the way back.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { PH, PC };
enum { PIECE = 1 << 21, BLOCK = 1 << 14 }; /* numbers: 8 MB of floats a slot; of an instance at a time */
enum { BACK = 64 };                        /* rows whose gradient is made at a time */
enum { FEW = 32 }; /* rows of a prediction: their S is still in the first cache when it is applied */

static size_t generated_numbers(const struct apg_op *op)
{
    return op->K ? op->N * op->K + op->K * op->K + op->K * op->M : op->N * op->M;
}

/* W_i = U_i S_i V_i of one instance, whose US is before W. */
static void form(const struct apg_op *op, const struct apg_slot *s, const apg_real *U, apg_real *US)
{
    size_t N = op->N, M = op->M, K = op->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_op_product(s, false, N, K, K, U, K, S, K, NULL, 0, US, K);
    apg_op_product(s, false, N, M, K, US, K, V, M, NULL, 0, US + N * K, M);
}

static void form_back(const struct apg_op *op, const apg_real *U, const apg_real *US, apg_real *dU,
    apg_real *dUS, const apg_real *dW)
{
    size_t N = op->N, M = op->M, K = op->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_real *dS = dU + N * K, *dV = dS + K * K;
    apg_gemm(true, false, K, M, N, US, K, dW, M, NULL, 0, dV, M);
    apg_gemm(false, true, N, K, M, dW, M, V, M, NULL, 0, dUS, K);
    apg_gemm(true, false, K, K, N, U, K, dUS, K, NULL, 0, dS, K);
    apg_gemm(false, true, N, K, K, dUS, K, S, K, NULL, 0, dU, K);
}

/* What is made at a time: rows k0 .. k0 + k of W_i, or all that is generated, of rows at .. at + n; NUMBERS a
 * row, from number FROM on. */
struct part {
    size_t k0, k, at, n, numbers, from;
};

/* Parts in order, from a zeroed one; false: there are no more. */
static bool next_part(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, struct part *p)
{
    const size_t rows = g->most[op->aux[0]], k = op->K ? op->N : g->width[op->aux[0]] / op->M;
    p->at += p->n;
    if (p->at == s->rows)
        p->at = 0, p->k0 += p->k;
    if (p->k0 == op->N)
        return false;
    p->n = s->rows - p->at < rows ? s->rows - p->at : rows;
    p->k = op->N - p->k0 < k ? op->N - p->k0 : k;
    p->numbers = op->K ? generated_numbers(op) : p->k * op->M;
    p->from = p->k0 * op->M;
    return true;
}

static bool is_all(const struct apg_op *op, const struct apg_slot *s, const struct part *p)
{
    return p->n == s->rows && p->k == op->N;
}

/* The weights of a part, at the start of the buffers. */
static void generate(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, const struct part *p)
{
    const size_t D = op->D, G = generated_numbers(op);
    apg_real *gen = s->x[op->aux[0]];
    apg_op_product(s, false, p->n, p->numbers, D, s->x[op->in[1]] + p->at * D, D,
        apg_w(g, op->param[PH]) + p->from, G, apg_w(g, op->param[PC]) + p->from, 0, gen, p->numbers);
    for (size_t i = 0; op->K && i < p->n; i++)
        form(op, s, gen + i * G, s->x[op->aux[1]] + i * g->width[op->aux[1]]);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const size_t N = op->N, M = op->M, K = op->K;
    for (struct part p = {0}; next_part(g, op, s, &p);) {
        generate(g, op, s, &p);
        const apg_real *x = s->x[op->in[0]] + p.at * N;
        const apg_real *W = K ? s->x[op->aux[1]] + N * K : s->x[op->aux[0]];
        apg_real *y = s->x[op->out] + p.at * M;
        if (p.k == N) {
            apg_kernel_vecmat(p.n, N, M, x, W, K ? N * (K + M) : p.numbers, y);
            continue;
        }
        if (p.k0 == 0)
            memset(y, 0, p.n * M * sizeof *y);
        for (size_t i = 0; i < p.n; i++)
            for (size_t k = 0; k < p.k; k++)
                apg_kernel_add(y + i * M, W + i * p.numbers + k * M, x[i * N + p.k0 + k], M);
    }
}

/* Of rows AT .. AT + N of a part, whose weights are made. */
static void part_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s,
    const struct part *p, size_t at, size_t n)
{
    const size_t N = op->N, M = op->M, K = op->K, D = op->D, G = generated_numbers(op), formed = N * (K + M);
    const size_t ldW = K ? formed : p->numbers, row = p->at + at;
    const apg_real *gen = s->x[op->aux[0]] + at * p->numbers, *US = K ? s->x[op->aux[1]] + at * formed : NULL;
    const apg_real *x = s->x[op->in[0]] + row * N, *z = s->x[op->in[1]] + row * D;
    const apg_real *dy = s->dx[op->out] + row * M, *W = K ? US + N * K : gen;
    apg_real *dgen = s->dx[op->aux[0]], *dUS = K ? s->dx[op->aux[1]] : NULL, *dW = K ? dUS + N * K : dgen;
    apg_real *dx = s->dx[op->in[0]] + row * N, *dz = s->dx[op->in[1]] + row * D;
    const bool add_x = !(op->zeroes & 1) || p->k < N, add_z = !(op->zeroes & 2) || p->k0 > 0;
    if (p->k == N)
        apg_kernel_vecmat_back(n, N, M, x, W, dy, ldW, dW, add_x, dx);
    for (size_t i = 0; p->k < N && i < n; i++)
        apg_kernel_vecmat_back(1, p->k, M, x + i * N + p->k0, W + i * ldW, dy + i * M, 0, dW + i * ldW, add_x,
            dx + i * N + p->k0);
    for (size_t i = 0; K && i < n; i++)
        form_back(op, gen + i * G, US + i * formed, dgen + i * G, dUS + i * formed, dUS + i * formed + N * K);
    apg_real *dH = apg_dw(g, s->grad, op->param[PH]) + p->from;
    apg_gemm(true, false, D, p->numbers, n, z, D, dgen, p->numbers, dH, G, dH, G);
    apg_kernel_column_sums(dgen, n, p->numbers, apg_dw(g, s->grad, op->param[PC]) + p->from);
    apg_gemm(false, true, n, D, p->numbers, dgen, p->numbers, apg_w(g, op->param[PH]) + p->from, G,
        add_z ? dz : NULL, D, dz, D);
}

/* The gradient of what was generated is used at once, so it is of few rows at a time: it stays in the second
 * cache. */
static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (struct part p = {0}; next_part(g, op, s, &p);) {
        if (!is_all(op, s, &p))
            generate(g, op, s, &p);
        if (p.k0 == 0 && p.at == 0 && p.k < op->N)
            apg_graph_zero(g, op, s, 0);
        for (size_t at = 0; at < p.n; at += BACK)
            part_backward(g, op, s, &p, at, p.n - at < BACK ? p.n - at : BACK);
    }
}

/* complexity.h has the formulas. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t N = op->N, M = op->M, K = op->K, G = generated_numbers(op);
    c->generate += G * op->D + N * K * K + N * K * M;
    c->forward += N * M;
    c->numbers += G * op->D;
    c->biases += G;
    c->generated += G;
}

static const struct apg_op_type generated = {
    .name = "generated", .forward = forward, .backward = backward, .cost = cost, .sets = true};

int apg_op_generated(
    struct apg_graph *g, int x, int z, size_t M, size_t K, const struct apg_base *base, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &generated);
    size_t N = apg_graph_width(g, x);
    op->in[0] = x, op->in[1] = z, op->n_in = 2;
    op->N = N, op->M = M, op->D = apg_graph_width(g, z), op->K = K;
    size_t G = generated_numbers(op), formed = K ? N * (K + M) : 0;
    size_t block = K || G <= BLOCK ? G : (BLOCK / M ? BLOCK / M : 1) * M;
    size_t piece = block + formed < PIECE ? PIECE / (block + formed) : 1;
    if (!g->train && piece > FEW)
        piece = FEW;
    op->param[PH] =
        apg_graph_param(g, base ? APG_START_GENERATOR : APG_START_ZERO, op->D, G, "%s.weight", name);
    op->param[PC] = apg_graph_param(g, base ? APG_START_GENERATED : APG_START_ZERO, 1, G, "%s.bias", name);
    if (!g->failed) {
        g->param[op->param[PH]].generator = true;
        g->param[op->param[PC]].generator = !base;
        if (base)
            g->param[op->param[PC]].base = (struct apg_base){N, M, K, base->identity, base->scale};
    }
    op->aux[0] = apg_graph_scratch(g, block, piece);
    if (K)
        op->aux[1] = apg_graph_scratch(g, formed, piece);
    return op->out = apg_graph_value(g, M);
}
