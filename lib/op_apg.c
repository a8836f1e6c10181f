/* SPDX-License-Identifier: MIT
 *
 * The APG layer: y_i = ((x_i U) S_i) V + b, with S_i = G(z_i) generated for every instance i from its
 * condition z_i.
 *
 * Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction", NeurIPS 2022,
 * arXiv 2203.16218. Rows are instances here (the paper writes columns, y = U S V x):
 *
 *     x (B, N)   U (N, K)   S_i (K, K)   V (K, M)   y (B, M)   z (B, D)
 *     g_i = z_i H^T + c          H (G, D), c (G): the generator's last, linear map; G = [M +] K K
 *     g_i = [b_i (M), if the bias is generated] [S_i, row-major]
 *
 *     v4, shared      U and V are trained
 *     v5, overparam   U = U_l U_r (N, P)(P, K), V = V_l V_r (K, P)(P, M): formed once a step, not once an
 * instance. The gradients of U and V are gathered as in v4, and then dU_l = dU U_r^T, dU_r = U_l^T dU, dV_l =
 * dV V_r^T, dV_r = V_l^T dV: also once a step. Collapsing keeps U and V alone.
 *
 * No non-linearity stands between U, S and V, or the factors could not be merged. S_i = I + G(z) is the same
 * function as G(z) with the identity added to c; so it is stored.
 */
#include "gemm.h"
#include "kernel.h"
#include "mem.h"
#include "ops.h"

enum { PU, PV, PH, PC, PB, PUL, PUR, PVL, PVR };

static void prepare(struct apg_graph *g, const struct apg_op *op)
{
    size_t N = op->N, M = op->M, K = op->K, P = op->P;
    if (!P)
        return;
    apg_gemm(false, false, N, K, P, apg_w(g, op->param[PUL]), P, apg_w(g, op->param[PUR]), K, 0,
        apg_w(g, op->param[PU]), K);
    apg_gemm(false, false, K, M, P, apg_w(g, op->param[PVL]), P, apg_w(g, op->param[PVR]), M, 0,
        apg_w(g, op->param[PV]), M);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t B = s->rows, N = op->N, M = op->M, K = op->K, D = op->D, skip = op->generated_bias ? M : 0;
    size_t G = skip + K * K;
    const apg_real *x = s->x[op->in[0]], *z = s->x[op->in[1]], *c = apg_w(g, op->param[PC]);
    apg_real *y = s->x[op->out], *gen = s->x[op->aux[0]], *xu = s->x[op->aux[1]], *xus = xu + B * K;
    apg_kernel_fill_rows(gen, B, G, c);
    apg_op_product(s, true, B, G, D, z, D, apg_w(g, op->param[PH]), D, 1, gen, G);
    apg_op_product(s, false, B, K, N, x, N, apg_w(g, op->param[PU]), K, 0, xu, K);
    apg_kernel_vecmat(B, K, xu, gen + skip, G, xus);
    const apg_real *b = op->param[PB] < 0 ? NULL : apg_w(g, op->param[PB]);
    for (size_t i = 0; i < B; i++)
        for (size_t j = 0; j < M; j++)
            y[i * M + j] = skip ? gen[i * G + j] : b ? b[j] : 0;
    apg_op_product(s, false, B, M, K, xus, K, apg_w(g, op->param[PV]), M, 1, y, M);
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t B = s->rows, N = op->N, M = op->M, K = op->K, D = op->D, skip = op->generated_bias ? M : 0;
    size_t G = skip + K * K;
    const apg_real *x = s->x[op->in[0]], *z = s->x[op->in[1]], *dy = s->dx[op->out], *gen = s->x[op->aux[0]];
    const apg_real *xu = s->x[op->aux[1]], *xus = xu + B * K;
    apg_real *dgen = s->dx[op->aux[0]], *dxu = s->dx[op->aux[1]], *dxus = dxu + B * K;
    if (op->param[PB] >= 0)
        apg_kernel_column_sums(dy, B, M, apg_dw(g, s->grad, op->param[PB]));
    apg_gemm(true, false, K, M, B, xus, K, dy, M, 1, apg_dw(g, s->grad, op->param[PV]), M);
    apg_gemm(false, true, B, K, M, dy, M, apg_w(g, op->param[PV]), M, 0, dxus, K);
    for (size_t i = 0; i < B; i++)
        for (size_t j = 0; j < skip; j++)
            dgen[i * G + j] = dy[i * M + j];
    apg_kernel_vecmat_back(B, K, xu, gen + skip, dxus, G, dgen + skip, dxu);
    apg_gemm(true, false, N, K, B, x, N, dxu, K, 1, apg_dw(g, s->grad, op->param[PU]), K);
    apg_gemm(false, true, B, N, K, dxu, K, apg_w(g, op->param[PU]), K, 1, s->dx[op->in[0]], N);
    apg_gemm(true, false, G, D, B, dgen, G, z, D, 1, apg_dw(g, s->grad, op->param[PH]), D);
    apg_kernel_column_sums(dgen, B, G, apg_dw(g, s->grad, op->param[PC]));
    apg_gemm(false, false, B, D, G, dgen, G, apg_w(g, op->param[PH]), D, 1, s->dx[op->in[1]], D);
}

static void finish(const struct apg_graph *g, const struct apg_op *op, apg_real *grad)
{
    size_t N = op->N, M = op->M, K = op->K, P = op->P;
    if (!P)
        return;
    const apg_real *dU = apg_dw(g, grad, op->param[PU]), *dV = apg_dw(g, grad, op->param[PV]);
    apg_gemm(false, true, N, P, K, dU, K, apg_w(g, op->param[PUR]), K, 0, apg_dw(g, grad, op->param[PUL]), P);
    apg_gemm(true, false, P, K, N, apg_w(g, op->param[PUL]), P, dU, K, 0, apg_dw(g, grad, op->param[PUR]), K);
    apg_gemm(false, true, K, P, M, dV, M, apg_w(g, op->param[PVR]), M, 0, apg_dw(g, grad, op->param[PVL]), P);
    apg_gemm(true, false, P, M, K, apg_w(g, op->param[PVL]), P, dV, M, 0, apg_dw(g, grad, op->param[PVR]), M);
}

/* complexity.h has the formulas. A generated bias is M more numbers to generate. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t N = op->N, M = op->M, K = op->K, D = op->D, P = op->P;
    uint64_t G = K * K + (op->generated_bias ? M : 0);
    c->generate += G * D;
    c->forward += N * K + K * K + K * M;
    c->batch += N * P * K + K * P * M;
    c->numbers += G * D + (P ? N * P + P * K + K * P + P * M : N * K + K * M);
    c->biases += G + (op->param[PB] < 0 ? 0 : M);
    c->generated += G;
}

static const struct apg_op_type type = {"apg", forward, backward, cost, prepare, finish, 0, 0};

int apg_op_apg(
    struct apg_graph *g, int x, int z, size_t M, size_t K, size_t P, enum apg_bias bias, const char *name)
{
    size_t N = g->width[x], D = g->width[z], G = K * K + (bias == APG_BIAS_GENERATED ? M : 0);
    struct apg_op *op = apg_graph_op(g, &type);
    op->in[0] = x, op->in[1] = z, op->n_in = 2;
    op->N = N, op->M = M, op->D = D, op->K = K, op->P = P;
    op->generated_bias = bias == APG_BIAS_GENERATED;
    op->param[PU] = apg_graph_param(g, APG_START_XAVIER, N, K, "%s.U", name);
    op->param[PV] = apg_graph_param(g, APG_START_XAVIER, K, M, "%s.V", name);
    op->param[PH] = apg_graph_param(g, APG_START_GENERATOR, G, D, "%s.hypernet.weight", name);
    op->param[PC] = apg_graph_param(g, APG_START_GENERATED, 1, G, "%s.hypernet.bias", name);
    if (!g->failed)
        g->param[op->param[PC]].K = K;
    if (bias == APG_BIAS_STATIC)
        op->param[PB] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
    if (P) {
        op->param[PUL] = apg_graph_param(g, APG_START_XAVIER, N, P, "%s.U_l", name);
        op->param[PUR] = apg_graph_param(g, APG_START_XAVIER, P, K, "%s.U_r", name);
        op->param[PVL] = apg_graph_param(g, APG_START_XAVIER, K, P, "%s.V_l", name);
        op->param[PVR] = apg_graph_param(g, APG_START_XAVIER, P, M, "%s.V_r", name);
        if (!g->failed)
            g->param[op->param[PU]].derived = g->param[op->param[PV]].derived = true;
    }
    op->aux[0] = apg_graph_value(g, G);
    op->aux[1] = apg_graph_value(g, 2 * K);
    return op->out = apg_graph_value(g, M);
}
