/* SPDX-License-Identifier: MIT
 *
 * The static layer y = x W + b, the product that makes a W of two, the activation, the sum that makes a
 * logit, and values side by side.
 */
#include <string.h>
#include "nn/gemm.h"
#include "nn/kernel.h"
#include "nn/ops.h"

struct linear {
    size_t N, M;
    bool add; /* to what y holds; there is no b then */
};
APG_OP_OWN(linear)

static void linear_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct linear *own = linear_of(op);
    size_t N = own->N, M = own->M;
    apg_real *y = s->x[op->out];
    const struct apg_matrix from = op->param[1] >= 0 ? apg_matrix(apg_w(g, op->param[1]), 0)
                                   : own->add        ? apg_matrix(y, M)
                                                     : apg_zeros();
    apg_op_product(
        s, s->rows, M, N, apg_matrix(s->x[op->in[0]], N), apg_matrix(apg_w(g, op->param[0]), M), from, y, M);
}

static void linear_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t B = s->rows, N = linear_of(op)->N, M = linear_of(op)->M;
    const apg_real *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]], *dW = apg_dw(g, s->grad, op->param[0]);
    apg_gemm(N, M, B, apg_transpose(s->x[op->in[0]], N), apg_matrix(dy, M), apg_matrix(dW, M), dW, M);
    if (op->param[1] >= 0)
        apg_kernel_column_sums(dy, B, M, apg_dw(g, s->grad, op->param[1]));
    if (op->stopped & 1)
        apg_graph_zero(g, op, s, 0);
    else
        apg_gemm(B, N, M, apg_matrix(dy, M), apg_transpose(apg_w(g, op->param[0]), M),
            op->first_writer & 1 ? apg_zeros() : apg_matrix(dx, N), dx, N);
}

static void linear_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    const uint64_t N = linear_of(op)->N, M = linear_of(op)->M;
    c->forward += N * M;
    c->numbers += g->param[op->param[0]].derived ? 0 : N * M;
    c->biases += op->param[1] >= 0 ? M : 0;
}

static const struct apg_op_type linear = {.name = "dense",
    .forward = linear_forward,
    .backward = linear_backward,
    .cost = linear_cost,
    .widths = apg_op_width_of_output,
    .backward_assigns = true};

static struct apg_op *add_linear(
    struct apg_graph *g, const struct apg_op_type *type, int x, int W, int b, int y)
{
    const size_t M = g->failed ? 1 : g->param[W].cols;
    const struct linear own = {.N = apg_graph_width(g, x), .M = M, .add = y >= 0};
    struct apg_op *op = apg_graph_op(g, type, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    op->param[0] = W, op->param[1] = b;
    op->out = y >= 0 ? y : apg_graph_value(g, M);
    return op;
}

int apg_op_linear(struct apg_graph *g, int x, int W, int b)
{
    return add_linear(g, &linear, x, W, b, -1)->out;
}

int apg_op_linear_add(struct apg_graph *g, int x, int W, int y)
{
    return add_linear(g, &linear, x, W, -1, y)->out;
}

int apg_op_linear_stopped(struct apg_graph *g, int x, int W, int y)
{
    struct apg_op *op = add_linear(g, &linear, x, W, -1, y);
    op->stopped = 1;
    return op->out;
}

static struct apg_op *dense(
    struct apg_graph *g, const struct apg_op_type *type, int x, size_t M, const char *name)
{
    int W = apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, x), M, "%s.weight", name);
    int b = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name);
    return add_linear(g, type, x, W, b, -1);
}

int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name)
{
    return dense(g, &linear, x, M, name)->out;
}

/* A generated bias is a static layer of the condition, but its products count as generation. */
static void generated_bias_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const uint64_t N = linear_of(op)->N, M = linear_of(op)->M;
    c->generate += N * M;
    c->numbers += N * M;
    c->biases += M;
    c->generated += M;
}

static const struct apg_op_type generated_bias = {.name = "generated-bias",
    .forward = linear_forward,
    .backward = linear_backward,
    .cost = generated_bias_cost,
    .widths = apg_op_width_of_output,
    .generates_bias = true,
    .backward_assigns = true};

int apg_op_generated_bias(struct apg_graph *g, int z, size_t M, const char *name)
{
    struct apg_op *op = dense(g, &generated_bias, z, M, name);
    op->condition = 0;
    return op->out;
}

static void bias_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const size_t M = g->width[op->out];
    for (size_t i = 0; i < s->rows; i++)
        apg_kernel_add(s->x[op->out] + i * M, apg_w(g, op->param[0]), 1, M);
}

static void bias_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_kernel_column_sums(s->dx[op->out], s->rows, g->width[op->out], apg_dw(g, s->grad, op->param[0]));
}

static void bias_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->biases += g->width[op->out];
}

static const struct apg_op_type bias = {.name = "bias",
    .forward = bias_forward,
    .backward = bias_backward,
    .cost = bias_cost,
    .widths = apg_op_width_of_output};

int apg_op_bias(struct apg_graph *g, int y, int b)
{
    struct apg_op *op = apg_graph_op(g, &bias, NULL, 0);
    op->param[0] = b;
    return op->out = y;
}

/* ---- W = W_l W_r ----
 * W is formed once a batch, not once an instance. Its gradient is gathered as if it were trained itself; from
 * that, once a batch too, dW_l = dW W_r^T and dW_r = W_l^T dW. */

struct product {
    size_t N, P, M;
};
APG_OP_OWN(product)

static void product_prepare(struct apg_graph *g, const struct apg_op *op)
{
    size_t N = product_of(op)->N, P = product_of(op)->P, M = product_of(op)->M;
    apg_gemm(N, M, P, apg_matrix(apg_w(g, op->param[1]), P), apg_matrix(apg_w(g, op->param[2]), M),
        apg_zeros(), apg_w(g, op->param[0]), M);
}

static void product_finish(const struct apg_graph *g, const struct apg_op *op, apg_real *grad)
{
    size_t N = product_of(op)->N, P = product_of(op)->P, M = product_of(op)->M;
    const apg_real *dW = apg_dw(g, grad, op->param[0]);
    apg_gemm(N, P, M, apg_matrix(dW, M), apg_transpose(apg_w(g, op->param[2]), M), apg_zeros(),
        apg_dw(g, grad, op->param[1]), P);
    apg_gemm(P, M, N, apg_transpose(apg_w(g, op->param[1]), P), apg_matrix(dW, M), apg_zeros(),
        apg_dw(g, grad, op->param[2]), M);
}

static void product_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t N = product_of(op)->N, P = product_of(op)->P, M = product_of(op)->M;
    c->batch += N * P * M;
    c->numbers += N * P + P * M;
}

static void product_widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->M = product_of(op)->M, w->P = product_of(op)->P;
}

static const struct apg_op_type product = {.name = "product",
    .prepare = product_prepare,
    .finish = product_finish,
    .cost = product_cost,
    .widths = product_widths};

int apg_op_factor(struct apg_graph *g, size_t N, size_t P, size_t M, const char *layer, const char *name)
{
    int W = apg_graph_param(g, APG_START_XAVIER, N, M, "%s.%s", layer, name);
    if (!P)
        return W;
    struct apg_op *op = apg_graph_op(g, &product, &(struct product){N, P, M}, sizeof(struct product));
    op->param[0] = W;
    op->param[1] = apg_graph_param(g, APG_START_XAVIER, N, P, "%s.%s_l", layer, name);
    op->param[2] = apg_graph_param(g, APG_START_XAVIER, P, M, "%s.%s_r", layer, name);
    if (!g->failed)
        g->param[W].derived = true;
    return W;
}

/* ---- activation ---- */

struct relu {
    double dropout; /* the share of units that training drops */
};
APG_OP_OWN(relu)

static unsigned cut_of(const struct apg_op *op, const struct apg_slot *s)
{
    return s->train ? (unsigned)(relu_of(op)->dropout * 65536) : 0;
}

/* In place. A number that is 0 afterwards was negative or dropped. Its gradient is 0 in both cases, so no
 * mask is kept. */
static void relu_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_kernel_relu(
        s->x[op->out], s->rows * g->width[op->out], apg_rng_at(s->key, (uint64_t)op->out), cut_of(op, s));
}

static void relu_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_kernel_relu_back(s->dx[op->out], s->x[op->out], s->rows * g->width[op->out], cut_of(op, s));
}

static const struct apg_op_type relu = {.name = "relu", .forward = relu_forward, .backward = relu_backward};

int apg_op_relu(struct apg_graph *g, int x, double dropout)
{
    struct apg_op *op = apg_graph_op(g, &relu, &(struct relu){dropout}, sizeof(struct relu));
    op->in[0] = x, op->n_in = 1;
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

static const struct apg_op_type sum = {.name = "sum", .forward = sum_forward, .backward = sum_backward};

int apg_op_sum(struct apg_graph *g, const int *x, int n)
{
    struct apg_op *op = apg_graph_op(g, &sum, NULL, 0);
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    return op->out = apg_graph_value(g, 1);
}

static void concat_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (size_t k = 0, at = 0, n; k < (size_t)op->n_in; k++, at += n) {
        n = g->width[op->in[k]];
        for (size_t i = 0; i < s->rows; i++)
            memcpy(s->x[op->out] + i * g->width[op->out] + at, s->x[op->in[k]] + i * n, n * sizeof(apg_real));
    }
}

static void concat_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    for (size_t k = 0, at = 0, n; k < (size_t)op->n_in; k++, at += n) {
        n = g->width[op->in[k]];
        for (size_t i = 0; i < s->rows; i++)
            apg_kernel_add(s->dx[op->in[k]] + i * n, s->dx[op->out] + i * g->width[op->out] + at, 1, n);
    }
}

static const struct apg_op_type concat = {.name = "concat",
    .forward = concat_forward,
    .backward = concat_backward,
    .widths = apg_op_width_of_output};

int apg_op_concat(struct apg_graph *g, const int *x, int n)
{
    struct apg_op *op = apg_graph_op(g, &concat, NULL, 0);
    size_t M = 0;
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    for (int i = 0; i < n; i++)
        M += apg_graph_width(g, x[i]);
    return op->out = apg_graph_value(g, M);
}
