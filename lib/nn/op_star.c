/* SPDX-License-Identifier: MIT
 *
 * STAR (Sheng et al., CIKM 2021, arXiv 2101.11427, section 3.4): each domain d has weights of its own, which
 * multiply those of all element by element:
 *
 *     y_i = x_i (W o W_d) + b + b_d     W (N, M)   W_d (N, M)   b, b_d (1, M)
 *
 * Training forms W o W_d of the domains that a slot's rows are of, side by side with b + b_d, and keeps the
 * gradients of those alone: there may be thousands. In prediction all of them are formed once.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { W, B, W_D, B_D, W_EFFECTIVE, B_EFFECTIVE }; /* params */
enum { RUNS, FORMED };                             /* aux; FORMED (domains, (N + 1) M): weights, then bias */

/* w = a o b */
static void multiply(size_t n, const apg_real *a, const apg_real *b, apg_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = a[i] * b[i];
}

static void add(size_t n, const apg_real *a, const apg_real *b, apg_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = a[i] + b[i];
}

static void form(const struct apg_graph *g, const struct apg_op *op, size_t d, apg_real *w, apg_real *b)
{
    size_t NM = op->N * op->M;
    multiply(NM, apg_w(g, op->param[W]), apg_w(g, op->param[W_D]) + d * NM, w);
    add(op->M, apg_w(g, op->param[B]), apg_w(g, op->param[B_D]) + d * op->M, b);
}

static void prepare(struct apg_graph *g, const struct apg_op *op)
{
    for (size_t d = 0; op->param[W_EFFECTIVE] >= 0 && op->param[W] >= 0 && d < op->F; d++)
        form(g, op, d, apg_w(g, op->param[W_EFFECTIVE]) + d * op->N * op->M,
            apg_w(g, op->param[B_EFFECTIVE]) + d * op->M);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t N = op->N, M = op->M;
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, op->aux[RUNS], k, &r); k++) {
        const apg_real *w, *b;
        if (op->param[W_EFFECTIVE] >= 0) {
            w = apg_w(g, op->param[W_EFFECTIVE]) + r.domain * N * M;
            b = apg_w(g, op->param[B_EFFECTIVE]) + r.domain * M;
        } else {
            apg_real *formed = s->x[op->aux[FORMED]] + k * (N + 1) * M;
            form(g, op, r.domain, formed, formed + N * M);
            w = formed, b = formed + N * M;
        }
        apg_real *y = s->x[op->out] + r.from * M;
        apg_op_product(s, false, r.to - r.from, M, N, s->x[op->in[0]] + r.from * N, N, w, M, b, 0, y, M);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t N = op->N, M = op->M;
    apg_real *dW = apg_dw(g, s->grad, op->param[W]), *db = apg_dw(g, s->grad, op->param[B]);
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, op->aux[RUNS], k, &r); k++) {
        size_t rows = r.to - r.from;
        const apg_real *formed = s->x[op->aux[FORMED]] + k * (N + 1) * M, *dy = s->dx[op->out] + r.from * M;
        apg_real *d = s->dx[op->aux[FORMED]] + k * (N + 1) * M;
        apg_gemm(true, false, N, M, rows, s->x[op->in[0]] + r.from * N, N, dy, M, NULL, 0, d, M);
        apg_gemm(false, true, rows, N, M, dy, M, formed, M, s->dx[op->in[0]] + r.from * N, N,
            s->dx[op->in[0]] + r.from * N, N);
        const apg_real *own = apg_w(g, op->param[W_D]) + r.domain * N * M;
        for (size_t j = 0; j < N * M; j++)
            dW[j] += d[j] * own[j];
        multiply(N * M, d, apg_w(g, op->param[W]), d);
        memset(d + N * M, 0, M * sizeof *d);
        apg_kernel_column_sums(dy, rows, M, d + N * M);
        apg_kernel_add(db, d + N * M, 1, M);
    }
}

/* Of a batch: all domains. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    bool merged = op->param[W] < 0;
    uint64_t NM = (uint64_t)op->N * op->M;
    c->forward += NM;
    c->batch += merged ? 0 : op->F * NM;
    c->numbers += (op->F + !merged) * NM;
    c->biases += (op->F + !merged) * op->M;
}

static const struct apg_op_type star = {
    .name = "star", .forward = forward, .backward = backward, .cost = cost, .prepare = prepare};

int apg_op_star(
    struct apg_graph *g, int x, const struct apg_domains *d, size_t M, bool merged, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &star);
    size_t N = apg_graph_width(g, x), NM = N * M;
    op->in[0] = x, op->n_in = 1;
    op->N = N, op->M = M, op->F = d->n;
    op->aux[RUNS] = d->runs;
    op->aux[FORMED] = g->train ? apg_graph_scratch(g, NM + M, d->n) : -1;
    if (!merged) {
        op->param[W] = apg_graph_param(g, APG_START_XAVIER, N, M, "%s.weight", name);
        op->param[B] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
        op->param[W_D] = apg_op_by_domain(g, APG_START_ONE, d, NM, op->aux[FORMED], 0, name, "weight");
        op->param[B_D] = apg_op_by_domain(g, APG_START_ZERO, d, M, op->aux[FORMED], NM, name, "bias");
    }
    if (!g->train) {
        op->param[W_EFFECTIVE] = apg_graph_param(g, APG_START_ZERO, d->n, NM, "%s.effective.weight", name);
        op->param[B_EFFECTIVE] = apg_graph_param(g, APG_START_ZERO, d->n, M, "%s.effective.bias", name);
        for (int p = W_EFFECTIVE; !g->failed && p <= B_EFFECTIVE; p++)
            g->param[op->param[p]].derived = !merged;
    }
    return op->out = apg_graph_value(g, M);
}
