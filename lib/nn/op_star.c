/* SPDX-License-Identifier: MIT
 *
 * STAR (Sheng et al., CIKM 2021, arXiv 2101.11427, section 3.4): each domain d has weights of its own, which
 * multiply those of all element by element:
 *
 *     y_i = x_i (W o W_d) + b + b_d     W (N, M)   W_d (N, M)   b, b_d (1, M)
 *
 * There may be thousands of domains, so training forms W o W_d and b + b_d, and keeps gradients, only of the
 * domains that a slot's rows are of. For prediction those of all domains are formed once.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { W, B, W_D, B_D, W_EFFECTIVE, B_EFFECTIVE }; /* params */

struct star {
    size_t N, M, domains;
    int runs;
    int formed; /* scratch (domains, (N + 1) M): a run's W o W_d, then its b + b_d. Only in training. */
};
APG_OP_OWN(star)

/* w = a o b */
static void multiply(size_t n, const apg_real *a, const apg_real *b, apg_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = a[i] * b[i];
}

/* w = a + b */
static void add(size_t n, const apg_real *a, const apg_real *b, apg_real *w)
{
    for (size_t i = 0; i < n; i++)
        w[i] = a[i] + b[i];
}

/* Writes W o W_d and b + b_d of domain D. */
static void form(const struct apg_graph *g, const struct apg_op *op, size_t d, apg_real *w, apg_real *b)
{
    const size_t M = star_of(op)->M, NM = star_of(op)->N * M;
    multiply(NM, apg_w(g, op->param[W]), apg_w(g, op->param[W_D]) + d * NM, w);
    add(M, apg_w(g, op->param[B]), apg_w(g, op->param[B_D]) + d * M, b);
}

static void prepare(struct apg_graph *g, const struct apg_op *op)
{
    const size_t N = star_of(op)->N, M = star_of(op)->M;
    for (size_t d = 0; op->param[W_EFFECTIVE] >= 0 && op->param[W] >= 0 && d < star_of(op)->domains; d++)
        form(
            g, op, d, apg_w(g, op->param[W_EFFECTIVE]) + d * N * M, apg_w(g, op->param[B_EFFECTIVE]) + d * M);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct star *own = star_of(op);
    size_t N = own->N, M = own->M;
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, own->runs, k, &r); k++) {
        const apg_real *w, *b;
        if (op->param[W_EFFECTIVE] >= 0) {
            w = apg_w(g, op->param[W_EFFECTIVE]) + r.domain * N * M;
            b = apg_w(g, op->param[B_EFFECTIVE]) + r.domain * M;
        } else {
            apg_real *formed = s->x[own->formed] + k * (N + 1) * M;
            form(g, op, r.domain, formed, formed + N * M);
            w = formed, b = formed + N * M;
        }
        apg_real *y = s->x[op->out] + r.from * M;
        apg_op_product(s, r.to - r.from, M, N, apg_matrix(s->x[op->in[0]] + r.from * N, N), apg_matrix(w, M),
            apg_matrix(b, 0), y, M);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct star *own = star_of(op);
    size_t N = own->N, M = own->M;
    apg_real *dW = apg_dw(g, s->grad, op->param[W]), *db = apg_dw(g, s->grad, op->param[B]);
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, own->runs, k, &r); k++) {
        size_t rows = r.to - r.from;
        const apg_real *formed = s->x[own->formed] + k * (N + 1) * M, *dy = s->dx[op->out] + r.from * M;
        apg_real *d = s->dx[own->formed] + k * (N + 1) * M;
        const apg_real *x = s->x[op->in[0]] + r.from * N, *w_d = apg_w(g, op->param[W_D]) + r.domain * N * M;
        apg_real *dx = s->dx[op->in[0]] + r.from * N;
        apg_gemm(N, M, rows, apg_transpose(x, N), apg_matrix(dy, M), apg_zeros(), d, M);
        apg_gemm(rows, N, M, apg_matrix(dy, M), apg_transpose(formed, M), apg_matrix(dx, N), dx, N);
        for (size_t j = 0; j < N * M; j++)
            dW[j] += d[j] * w_d[j];
        multiply(N * M, d, apg_w(g, op->param[W]), d);
        memset(d + N * M, 0, M * sizeof *d);
        apg_kernel_column_sums(dy, rows, M, d + N * M);
        apg_kernel_add(db, d + N * M, 1, M);
    }
}

/* A batch is taken to have rows of all domains. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const bool merged = op->param[W] < 0;
    const uint64_t domains = star_of(op)->domains, M = star_of(op)->M, NM = star_of(op)->N * M;
    c->forward += NM;
    c->batch += merged ? 0 : domains * NM;
    c->numbers += (domains + !merged) * NM;
    c->biases += (domains + !merged) * M;
}

static void memory(const struct apg_graph *g, const struct apg_op *op, size_t batch, struct apg_memory *m)
{
    (void)batch;
    const struct star *own = star_of(op);
    const uint64_t bytes = (own->N + 1) * own->M * sizeof(apg_real); /* of a domain */
    m->domains = own->domains;
    m->by_domain += own->domains * bytes;
    m->by_domain_at_once += own->formed >= 0 ? 2 * g->n_slots * apg_graph_rows(g, own->formed) * bytes : 0;
}

static const struct apg_op_type star = {.name = "star",
    .forward = forward,
    .backward = backward,
    .prepare = prepare,
    .cost = cost,
    .widths = apg_op_width_of_output,
    .memory = memory};

int apg_op_star(
    struct apg_graph *g, int x, const struct apg_domains *d, size_t M, bool merged, const char *name)
{
    const size_t N = apg_graph_width(g, x), NM = N * M;
    const struct star own = {N, M, d->n, d->runs, g->train ? apg_graph_scratch(g, NM + M, d->n) : -1};
    struct apg_op *op = apg_graph_op(g, &star, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    if (!merged) {
        op->param[W] = apg_graph_param(g, APG_START_XAVIER, N, M, "%s.weight", name);
        op->param[B] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
        op->param[W_D] = apg_op_by_domain(g, APG_START_ONE, d, NM, own.formed, 0, name, "weight");
        op->param[B_D] = apg_op_by_domain(g, APG_START_ZERO, d, M, own.formed, NM, name, "bias");
    }
    if (!g->train) {
        op->param[W_EFFECTIVE] = apg_graph_param(g, APG_START_ZERO, d->n, NM, "%s.effective.weight", name);
        op->param[B_EFFECTIVE] = apg_graph_param(g, APG_START_ZERO, d->n, M, "%s.effective.bias", name);
        for (int p = W_EFFECTIVE; !g->failed && p <= B_EFFECTIVE; p++)
            g->param[op->param[p]].derived = !merged;
    }
    return op->out = apg_graph_value(g, M);
}
