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
 * What is generated for a slot may be large, N M numbers a row. It is made for a piece of the rows at a time.
 * With K = 0 it is also made in blocks, a few rows of W_i at a time, so that H is read, and its gradient
 * written, once for many instances: by whole matrices a step took 2.7 times as long (N 393, M 1024, D 32).
 * Where a piece is not all of the slot, backward makes it again.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { PH, PC }; /* params */
enum {
    PIECE_NUMBERS = 1 << 21, /* the most that a slot holds of what is generated: 8 MB of floats */
    BLOCK_NUMBERS = 1 << 14, /* the most that is made of an instance's W_i at a time */
    BACKWARD_ROWS = 64,      /* rows whose gradient is made at a time: it stays in the second-level cache */
    PREDICTION_ROWS = 32, /* the most rows of a piece in prediction: their S is still in the first-level cache
                             when it is applied */
};

struct generated {
    size_t N, M, D, K, G;
    int gen;    /* scratch: g_i, or a block of it */
    int formed; /* scratch, with K > 0: U_i S_i, then W_i = U_i S_i V_i */
};
APG_OP_OWN(generated)

/* US = U_i S_i of one instance, and behind it W_i = U_i S_i V_i. */
static void form(const struct generated *own, const struct apg_slot *s, const apg_real *U, apg_real *US)
{
    size_t N = own->N, M = own->M, K = own->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_op_product(s, N, K, K, apg_matrix(U, K), apg_matrix(S, K), apg_zeros(), US, K);
    apg_op_product(s, N, M, K, apg_matrix(US, K), apg_matrix(V, M), apg_zeros(), US + N * K, M);
}

static void form_back(const struct generated *own, const apg_real *U, const apg_real *US, apg_real *dU,
    apg_real *dUS, const apg_real *dW)
{
    size_t N = own->N, M = own->M, K = own->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_real *dS = dU + N * K, *dV = dS + K * K;
    apg_gemm(K, M, N, apg_transpose(US, K), apg_matrix(dW, M), apg_zeros(), dV, M);
    apg_gemm(N, K, M, apg_matrix(dW, M), apg_transpose(V, M), apg_zeros(), dUS, K);
    apg_gemm(K, K, N, apg_transpose(U, K), apg_matrix(dUS, K), apg_zeros(), dS, K);
    apg_gemm(N, K, K, apg_matrix(dUS, K), apg_transpose(S, K), apg_zeros(), dU, K);
}

/* What is made at a time: rows k0 .. k0 + k of W_i, or with K > 0 all that is generated, for the slot's rows
 * at .. at + n. It is NUMBERS a row, from the generator's output FROM on. */
struct part {
    size_t k0, k, at, n, numbers, from;
};

/* The next part, after a zeroed one the first; false: there are no more. */
static bool next_part(
    const struct apg_graph *g, const struct generated *own, const struct apg_slot *s, struct part *p)
{
    const size_t rows = g->most[own->gen], k = own->K ? own->N : g->width[own->gen] / own->M;
    p->at += p->n;
    if (p->at == s->rows)
        p->at = 0, p->k0 += p->k;
    if (p->k0 == own->N)
        return false;
    p->n = s->rows - p->at < rows ? s->rows - p->at : rows;
    p->k = own->N - p->k0 < k ? own->N - p->k0 : k;
    p->numbers = own->K ? own->G : p->k * own->M;
    p->from = p->k0 * own->M;
    return true;
}

static bool is_all(const struct generated *own, const struct apg_slot *s, const struct part *p)
{
    return p->n == s->rows && p->k == own->N;
}

/* Makes the weights of a part, at the start of the buffers. */
static void generate(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, const struct part *p)
{
    const struct generated *own = generated_of(op);
    const size_t D = own->D, G = own->G;
    apg_real *gen = s->x[own->gen];
    apg_op_product(s, p->n, p->numbers, D, apg_matrix(s->x[op->in[1]] + p->at * D, D),
        apg_matrix(apg_w(g, op->param[PH]) + p->from, G), apg_matrix(apg_w(g, op->param[PC]) + p->from, 0),
        gen, p->numbers);
    for (size_t i = 0; own->K && i < p->n; i++)
        form(own, s, gen + i * G, s->x[own->formed] + i * g->width[own->formed]);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct generated *own = generated_of(op);
    const size_t N = own->N, M = own->M, K = own->K;
    for (struct part p = {0}; next_part(g, own, s, &p);) {
        generate(g, op, s, &p);
        const apg_real *x = s->x[op->in[0]] + p.at * N;
        const apg_real *W = K ? s->x[own->formed] + N * K : s->x[own->gen];
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

/* Backward of rows AT .. AT + N of a part whose weights are made. */
static void part_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s,
    const struct part *p, size_t at, size_t n)
{
    const struct generated *own = generated_of(op);
    const size_t N = own->N, M = own->M, K = own->K, D = own->D, G = own->G, formed = N * (K + M);
    const size_t ldW = K ? formed : p->numbers, row = p->at + at;
    const apg_real *gen = s->x[own->gen] + at * p->numbers, *US = K ? s->x[own->formed] + at * formed : NULL;
    const apg_real *x = s->x[op->in[0]] + row * N, *z = s->x[op->in[1]] + row * D;
    const apg_real *dy = s->dx[op->out] + row * M, *W = K ? US + N * K : gen;
    apg_real *dgen = s->dx[own->gen], *dUS = K ? s->dx[own->formed] : NULL, *dW = K ? dUS + N * K : dgen;
    apg_real *dx = s->dx[op->in[0]] + row * N, *dz = s->dx[op->in[1]] + row * D;
    const bool add_x = !(op->first_writer & 1) || p->k < N, add_z = !(op->first_writer & 2) || p->k0 > 0;
    if (p->k == N)
        apg_kernel_vecmat_back(n, N, M, x, W, dy, ldW, dW, add_x, dx);
    for (size_t i = 0; p->k < N && i < n; i++)
        apg_kernel_vecmat_back(1, p->k, M, x + i * N + p->k0, W + i * ldW, dy + i * M, 0, dW + i * ldW, add_x,
            dx + i * N + p->k0);
    for (size_t i = 0; K && i < n; i++)
        form_back(
            own, gen + i * G, US + i * formed, dgen + i * G, dUS + i * formed, dUS + i * formed + N * K);
    apg_real *dH = apg_dw(g, s->grad, op->param[PH]) + p->from;
    apg_gemm(D, p->numbers, n, apg_transpose(z, D), apg_matrix(dgen, p->numbers), apg_matrix(dH, G), dH, G);
    apg_kernel_column_sums(dgen, n, p->numbers, apg_dw(g, s->grad, op->param[PC]) + p->from);
    apg_gemm(n, D, p->numbers, apg_matrix(dgen, p->numbers),
        apg_transpose(apg_w(g, op->param[PH]) + p->from, G), add_z ? apg_matrix(dz, D) : apg_zeros(), dz, D);
}

/* The gradient of what was generated is used at once, so only that of BACKWARD_ROWS rows is held. */
static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct generated *own = generated_of(op);
    for (struct part p = {0}; next_part(g, own, s, &p);) {
        if (!is_all(own, s, &p))
            generate(g, op, s, &p);
        if (p.k0 == 0 && p.at == 0 && p.k < own->N)
            apg_graph_zero(g, op, s, 0);
        for (size_t at = 0; at < p.n; at += BACKWARD_ROWS)
            part_backward(g, op, s, &p, at, p.n - at < BACKWARD_ROWS ? p.n - at : BACKWARD_ROWS);
    }
}

/* model/complexity.h has the formulas. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const struct generated *own = generated_of(op);
    uint64_t N = own->N, M = own->M, K = own->K, G = own->G;
    c->generate += G * own->D + N * K * K + N * K * M;
    c->forward += N * M;
    c->numbers += G * own->D;
    c->biases += G;
    c->generated += G;
}

static void widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->M = generated_of(op)->M, w->K = generated_of(op)->K;
}

static void memory(const struct apg_graph *g, const struct apg_op *op, size_t batch, struct apg_memory *m)
{
    const struct generated *own = generated_of(op);
    const size_t formed = own->K ? g->width[own->formed] : 0;
    const uint64_t of_number = 2 * sizeof(apg_real); /* it and its gradient */
    m->generated += of_number * batch * (own->G + formed);
    m->generated_at_once +=
        of_number * g->n_slots * apg_graph_rows(g, own->gen) * (g->width[own->gen] + formed);
}

static const struct apg_op_type generated = {.name = "generated",
    .forward = forward,
    .backward = backward,
    .cost = cost,
    .widths = widths,
    .memory = memory,
    .backward_assigns = true};

int apg_op_generated(
    struct apg_graph *g, int x, int z, size_t M, size_t K, const struct apg_base *base, const char *name)
{
    const size_t N = apg_graph_width(g, x), D = apg_graph_width(g, z);
    const size_t G = K ? N * K + K * K + K * M : N * M, formed = K ? N * (K + M) : 0;
    const size_t block = K || G <= BLOCK_NUMBERS ? G : (BLOCK_NUMBERS / M ? BLOCK_NUMBERS / M : 1) * M;
    size_t piece = block + formed < PIECE_NUMBERS ? PIECE_NUMBERS / (block + formed) : 1;
    if (!g->train && piece > PREDICTION_ROWS)
        piece = PREDICTION_ROWS;
    const int gen = apg_graph_scratch(g, block, piece);
    const struct generated own = {N, M, D, K, G, gen, K ? apg_graph_scratch(g, formed, piece) : -1};
    struct apg_op *op = apg_graph_op(g, &generated, &own, sizeof own);
    op->in[0] = x, op->in[1] = z, op->n_in = 2;
    op->condition = 1;
    op->param[PH] = apg_graph_param(g, base ? APG_START_GENERATOR : APG_START_ZERO, D, G, "%s.weight", name);
    op->param[PC] = apg_graph_param(g, base ? APG_START_GENERATED : APG_START_ZERO, 1, G, "%s.bias", name);
    if (!g->failed) {
        g->param[op->param[PH]].generator = true;
        g->param[op->param[PC]].generator = !base;
        if (base)
            g->param[op->param[PC]].base = (struct apg_base){N, M, K, base->identity, base->scale};
    }
    return op->out = apg_graph_value(g, M);
}
