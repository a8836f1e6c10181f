/* SPDX-License-Identifier: MIT
 *
 * The static layer y = x W + b, the product that makes a W of two, the activation, the sum that makes a
 * logit, and values side by side.
 */
#include <string.h>
#include "nn/gemm.h"
#include "nn/kernel.h"
#include "nn/ops.h"

static void linear_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_real *y = s->x[op->out];
    const bool bias = op->param[1] >= 0;
    const apg_real *from = bias ? apg_w(g, op->param[1]) : op->add ? y : NULL;
    apg_op_product(s, false, s->rows, op->M, op->N, s->x[op->in[0]], op->N, apg_w(g, op->param[0]), op->M,
        from, bias ? 0 : op->M, y, op->M);
}

static void linear_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t B = s->rows, N = op->N, M = op->M;
    const apg_real *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]], *dW = apg_dw(g, s->grad, op->param[0]);
    apg_gemm(true, false, N, M, B, s->x[op->in[0]], N, dy, M, dW, M, dW, M);
    if (op->param[1] >= 0)
        apg_kernel_column_sums(dy, B, M, apg_dw(g, s->grad, op->param[1]));
    if (op->stop)
        apg_graph_zero(g, op, s, 0);
    else
        apg_gemm(
            false, true, B, N, M, dy, M, apg_w(g, op->param[0]), M, op->zeroes & 1 ? NULL : dx, N, dx, N);
}

static void linear_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->forward += (uint64_t)op->N * op->M;
    c->numbers += g->param[op->param[0]].derived ? 0 : (uint64_t)op->N * op->M;
    c->biases += op->param[1] >= 0 ? op->M : 0;
}

static const struct apg_op_type linear = {.name = "dense",
    .forward = linear_forward,
    .backward = linear_backward,
    .cost = linear_cost,
    .sets = true};

static int add_linear(struct apg_graph *g, const struct apg_op_type *type, int x, int W, int b, int y)
{
    struct apg_op *op = apg_graph_op(g, type);
    op->in[0] = x, op->n_in = 1;
    op->N = apg_graph_width(g, x), op->M = g->failed ? 1 : g->param[W].cols;
    op->param[0] = W, op->param[1] = b;
    op->add = y >= 0;
    return op->out = y >= 0 ? y : apg_graph_value(g, op->M);
}

int apg_op_linear(struct apg_graph *g, int x, int W, int b)
{
    return add_linear(g, &linear, x, W, b, -1);
}

int apg_op_linear_add(struct apg_graph *g, int x, int W, int y)
{
    return add_linear(g, &linear, x, W, -1, y);
}

int apg_op_linear_stopped(struct apg_graph *g, int x, int W, int y)
{
    y = apg_op_linear_add(g, x, W, y);
    if (!g->failed)
        g->op[g->n_ops - 1].stop = true;
    return y;
}

static int dense(struct apg_graph *g, const struct apg_op_type *type, int x, size_t M, const char *name)
{
    int W = apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, x), M, "%s.weight", name);
    int b = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
    return add_linear(g, type, x, W, b, -1);
}

int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name)
{
    return dense(g, &linear, x, M, name);
}

/* A bias that is generated is a static layer of the condition; but its products are generation. */
static void generated_bias_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->generate += (uint64_t)op->N * op->M;
    c->numbers += (uint64_t)op->N * op->M;
    c->biases += op->M;
    c->generated += op->M;
}

static const struct apg_op_type generated_bias = {.name = "generated-bias",
    .forward = linear_forward,
    .backward = linear_backward,
    .cost = generated_bias_cost,
    .sets = true};

int apg_op_generated_bias(struct apg_graph *g, int z, size_t M, const char *name)
{
    int b = dense(g, &generated_bias, z, M, name);
    if (!g->failed)
        g->op[g->n_ops - 1].D = g->width[z];
    return b;
}

static void bias_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (size_t i = 0; i < s->rows; i++)
        apg_kernel_add(s->x[op->out] + i * op->M, apg_w(g, op->param[0]), 1, op->M);
}

static void bias_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_kernel_column_sums(s->dx[op->out], s->rows, op->M, apg_dw(g, s->grad, op->param[0]));
}

static void bias_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->biases += op->M;
}

static const struct apg_op_type bias = {
    .name = "bias", .forward = bias_forward, .backward = bias_backward, .cost = bias_cost};

int apg_op_bias(struct apg_graph *g, int y, int b)
{
    struct apg_op *op = apg_graph_op(g, &bias);
    op->M = apg_graph_width(g, y);
    op->param[0] = b;
    return op->out = y;
}

/* ---- W = W_l W_r ----
 * Formed once a batch, not once an instance; the gradient of W is gathered as if it were trained itself, and
 * then dW_l = dW W_r^T, dW_r = W_l^T dW: also once a batch. */

static void product_prepare(struct apg_graph *g, const struct apg_op *op)
{
    apg_gemm(false, false, op->N, op->M, op->P, apg_w(g, op->param[1]), op->P, apg_w(g, op->param[2]), op->M,
        NULL, 0, apg_w(g, op->param[0]), op->M);
}

static void product_finish(const struct apg_graph *g, const struct apg_op *op, apg_real *grad)
{
    size_t N = op->N, P = op->P, M = op->M;
    const apg_real *dW = apg_dw(g, grad, op->param[0]);
    apg_gemm(
        false, true, N, P, M, dW, M, apg_w(g, op->param[2]), M, NULL, 0, apg_dw(g, grad, op->param[1]), P);
    apg_gemm(
        true, false, P, M, N, apg_w(g, op->param[1]), P, dW, M, NULL, 0, apg_dw(g, grad, op->param[2]), M);
}

static void product_nothing(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g, (void)op, (void)s;
}

static void product_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->batch += (uint64_t)op->N * op->P * op->M;
    c->numbers += (uint64_t)op->N * op->P + (uint64_t)op->P * op->M;
}

static const struct apg_op_type product = {.name = "product",
    .forward = product_nothing,
    .backward = product_nothing,
    .cost = product_cost,
    .prepare = product_prepare,
    .finish = product_finish};

int apg_op_factor(struct apg_graph *g, size_t N, size_t P, size_t M, const char *layer, const char *name)
{
    int W = apg_graph_param(g, APG_START_XAVIER, N, M, "%s.%s", layer, name);
    if (!P)
        return W;
    struct apg_op *op = apg_graph_op(g, &product);
    op->N = N, op->P = P, op->M = M;
    op->param[0] = W;
    op->param[1] = apg_graph_param(g, APG_START_XAVIER, N, P, "%s.%s_l", layer, name);
    op->param[2] = apg_graph_param(g, APG_START_XAVIER, P, M, "%s.%s_r", layer, name);
    if (!g->failed)
        g->param[W].derived = true;
    return W;
}

/* ---- activation ---- */

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

static const struct apg_op_type relu = {
    .name = "relu", .forward = relu_forward, .backward = relu_backward, .cost = apg_op_no_cost};

int apg_op_relu(struct apg_graph *g, int x, double dropout)
{
    struct apg_op *op = apg_graph_op(g, &relu);
    op->in[0] = x, op->n_in = 1;
    op->N = apg_graph_width(g, x), op->rate = dropout;
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

static const struct apg_op_type sum = {
    .name = "sum", .forward = sum_forward, .backward = sum_backward, .cost = apg_op_no_cost};

int apg_op_sum(struct apg_graph *g, const int *x, int n)
{
    struct apg_op *op = apg_graph_op(g, &sum);
    for (int i = 0; i < n && i < APG_OP_IN; i++)
        op->in[i] = x[i];
    op->n_in = n;
    return op->out = apg_graph_value(g, 1);
}

static void concat_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (size_t k = 0, at = 0, n; k < (size_t)op->n_in; k++, at += n) {
        n = g->width[op->in[k]];
        for (size_t i = 0; i < s->rows; i++)
            memcpy(s->x[op->out] + i * op->M + at, s->x[op->in[k]] + i * n, n * sizeof(apg_real));
    }
}

static void concat_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (size_t k = 0, at = 0, n; k < (size_t)op->n_in; k++, at += n) {
        n = g->width[op->in[k]];
        for (size_t i = 0; i < s->rows; i++)
            apg_kernel_add(s->dx[op->in[k]] + i * n, s->dx[op->out] + i * op->M + at, 1, n);
    }
}

static const struct apg_op_type concat = {
    .name = "concat", .forward = concat_forward, .backward = concat_backward, .cost = apg_op_no_cost};

int apg_op_concat(struct apg_graph *g, const int *x, int n)
{
    struct apg_op *op = apg_graph_op(g, &concat);
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    for (int i = 0; i < n; i++)
        op->M += apg_graph_width(g, x[i]);
    return op->out = apg_graph_value(g, op->M);
}
