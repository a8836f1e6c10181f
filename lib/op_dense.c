/* SPDX-License-Identifier: MIT
 *
 * The static layer y = x W + b, the activation, and the sum that makes a logit.
 */
#include "gemm.h"
#include "kernel.h"
#include "ops.h"

static void dense_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_real *y = s->x[op->out];
    apg_kernel_fill_rows(y, s->rows, op->M, apg_w(g, op->param[1]));
    apg_op_product(
        s, false, s->rows, op->M, op->N, s->x[op->in[0]], op->N, apg_w(g, op->param[0]), op->M, 1, y, op->M);
}

static void dense_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t B = s->rows, N = op->N, M = op->M;
    const apg_real *dy = s->dx[op->out];
    apg_gemm(true, false, N, M, B, s->x[op->in[0]], N, dy, M, 1, apg_dw(g, s->grad, op->param[0]), M);
    apg_kernel_column_sums(dy, B, M, apg_dw(g, s->grad, op->param[1]));
    apg_gemm(false, true, B, N, M, dy, M, apg_w(g, op->param[0]), M, 1, s->dx[op->in[0]], N);
}

static void dense_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)op->N * op->M;
    c->numbers += (uint64_t)op->N * op->M;
    c->biases += op->M;
}

static const struct apg_op_type dense = {"dense", dense_forward, dense_backward, dense_cost, 0, 0, 0, 0};

int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &dense);
    op->in[0] = x, op->n_in = 1;
    op->N = g->width[x], op->M = M;
    op->param[0] = apg_graph_param(g, APG_START_XAVIER, op->N, M, "%s.weight", name);
    op->param[1] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
    return op->out = apg_graph_value(g, M);
}

static unsigned cut_of(const struct apg_op *op, const struct apg_slot *s)
{
    return s->train ? (unsigned)(op->rate * 65536) : 0;
}

/* In place. What is 0 afterwards was negative or dropped, and in both cases its gradient is 0: no mask is
 * kept. */
static void relu_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    apg_kernel_relu(s->x[op->out], s->rows * op->N, apg_rng_at(s->key, (uint64_t)op->out), cut_of(op, s));
}

static void relu_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    apg_kernel_relu_back(s->dx[op->out], s->x[op->out], s->rows * op->N, cut_of(op, s));
}

static const struct apg_op_type relu = {"relu", relu_forward, relu_backward, apg_op_no_cost, 0, 0, 0, 0};

int apg_op_relu(struct apg_graph *g, int x, double dropout)
{
    struct apg_op *op = apg_graph_op(g, &relu);
    op->in[0] = x, op->n_in = 1;
    op->N = g->width[x], op->rate = dropout;
    return op->out = x;
}

static void sum_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_real *y = s->x[op->out];
    for (size_t i = 0; i < s->rows; i++) {
        apg_real sum = 0;
        for (int k = 0; k < op->n_in; k++) {
            size_t n = g->width[op->in[k]];
            for (size_t j = 0; j < n; j++)
                sum += s->x[op->in[k]][i * n + j];
        }
        y[i] = sum;
    }
}

static void sum_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *dy = s->dx[op->out];
    for (int k = 0; k < op->n_in; k++) {
        size_t n = g->width[op->in[k]];
        for (size_t i = 0; i < s->rows; i++)
            for (size_t j = 0; j < n; j++)
                s->dx[op->in[k]][i * n + j] += dy[i];
    }
}

static const struct apg_op_type sum = {"sum", sum_forward, sum_backward, apg_op_no_cost, 0, 0, 0, 0};

int apg_op_sum(struct apg_graph *g, const int *x, int n)
{
    struct apg_op *op = apg_graph_op(g, &sum);
    for (int i = 0; i < n && i < APG_OP_IN; i++)
        op->in[i] = x[i];
    op->n_in = n;
    return op->out = apg_graph_value(g, 1);
}
