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
 * What is generated for a slot may be large, N M numbers a row; it is made for a piece of the rows at a time,
 * and where the slot is more than one piece, made again on the way back.
 */
#include "kernel.h"
#include "ops.h"

enum { PH, PC };
enum { PIECE = 1 << 21 }; /* numbers: 8 MB of floats a slot */

static size_t generated_numbers(const struct apg_op *op)
{
    return op->K ? op->N * op->K + op->K * op->K + op->K * op->M : op->N * op->M;
}

/* W_i = U_i S_i V_i of one instance, whose US is before W. */
static void form(const struct apg_op *op, const struct apg_slot *s, const apg_real *U, apg_real *US)
{
    size_t N = op->N, M = op->M, K = op->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_op_product(s, false, N, K, K, U, K, S, K, 0, US, K);
    apg_op_product(s, false, N, M, K, US, K, V, M, 0, US + N * K, M);
}

static void form_back(const struct apg_op *op, const apg_real *U, const apg_real *US, apg_real *dU,
    apg_real *dUS, const apg_real *dW)
{
    size_t N = op->N, M = op->M, K = op->K;
    const apg_real *S = U + N * K, *V = S + K * K;
    apg_real *dS = dU + N * K, *dV = dS + K * K;
    apg_gemm(true, false, K, M, N, US, K, dW, M, 0, dV, M);
    apg_gemm(false, true, N, K, M, dW, M, V, M, 0, dUS, K);
    apg_gemm(true, false, K, K, N, U, K, dUS, K, 0, dS, K);
    apg_gemm(false, true, N, K, K, dUS, K, S, K, 0, dU, K);
}

/* The weights of rows at .. at + n, at the start of the buffers. */
static void generate(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, size_t at, size_t n)
{
    size_t D = op->D, G = generated_numbers(op);
    apg_real *gen = s->x[op->aux[0]];
    apg_kernel_fill_rows(gen, n, G, apg_w(g, op->param[PC]));
    apg_op_product(s, false, n, G, D, s->x[op->in[1]] + at * D, D, apg_w(g, op->param[PH]), G, 1, gen, G);
    for (size_t i = 0; op->K && i < n; i++)
        form(op, s, gen + i * G, s->x[op->aux[1]] + i * g->width[op->aux[1]]);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t N = op->N, M = op->M, piece = g->most[op->aux[0]], G = generated_numbers(op);
    for (size_t at = 0, n; at < s->rows; at += n) {
        n = s->rows - at < piece ? s->rows - at : piece;
        generate(g, op, s, at, n);
        const apg_real *W = op->K ? s->x[op->aux[1]] + N * op->K : s->x[op->aux[0]];
        apg_kernel_vecmat(
            n, N, M, s->x[op->in[0]] + at * N, W, op->K ? N * (op->K + M) : G, s->x[op->out] + at * M);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t N = op->N, M = op->M, K = op->K, D = op->D, piece = g->most[op->aux[0]];
    size_t G = generated_numbers(op), formed = N * (K + M);
    apg_real *gen = s->x[op->aux[0]], *dgen = s->dx[op->aux[0]];
    apg_real *US = K ? s->x[op->aux[1]] : NULL, *dUS = K ? s->dx[op->aux[1]] : NULL;
    for (size_t at = 0, n; at < s->rows; at += n) {
        n = s->rows - at < piece ? s->rows - at : piece;
        if (s->rows > piece)
            generate(g, op, s, at, n);
        apg_kernel_vecmat_back(n, N, M, s->x[op->in[0]] + at * N, K ? US + N * K : gen,
            s->dx[op->out] + at * M, K ? formed : G, K ? dUS + N * K : dgen, s->dx[op->in[0]] + at * N);
        for (size_t i = 0; K && i < n; i++)
            form_back(
                op, gen + i * G, US + i * formed, dgen + i * G, dUS + i * formed, dUS + i * formed + N * K);
        const apg_real *z = s->x[op->in[1]] + at * D;
        apg_gemm(true, false, D, G, n, z, D, dgen, G, 1, apg_dw(g, s->grad, op->param[PH]), G);
        apg_kernel_column_sums(dgen, n, G, apg_dw(g, s->grad, op->param[PC]));
        apg_gemm(false, true, n, D, G, dgen, G, apg_w(g, op->param[PH]), G, 1, s->dx[op->in[1]] + at * D, D);
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

static const struct apg_op_type generated = {"generated", forward, backward, cost, 0, 0, 0, 0};

int apg_op_generated(
    struct apg_graph *g, int x, int z, size_t M, size_t K, const struct apg_base *base, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &generated);
    size_t N = apg_graph_width(g, x);
    op->in[0] = x, op->in[1] = z, op->n_in = 2;
    op->N = N, op->M = M, op->D = apg_graph_width(g, z), op->K = K;
    size_t G = generated_numbers(op), formed = K ? N * (K + M) : 0;
    size_t piece = G + formed < PIECE ? PIECE / (G + formed) : 1;
    op->param[PH] =
        apg_graph_param(g, base ? APG_START_GENERATOR : APG_START_ZERO, op->D, G, "%s.weight", name);
    op->param[PC] = apg_graph_param(g, base ? APG_START_GENERATED : APG_START_ZERO, 1, G, "%s.bias", name);
    if (!g->failed && base)
        g->param[op->param[PC]].base = (struct apg_base){N, M, K, base->identity, base->scale};
    op->aux[0] = apg_graph_scratch(g, G, piece);
    if (K)
        op->aux[1] = apg_graph_scratch(g, formed, piece);
    return op->out = apg_graph_value(g, M);
}
