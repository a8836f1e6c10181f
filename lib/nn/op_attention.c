/* SPDX-License-Identifier: MIT
 *
 * Self-attention over the fields (Song et al., "AutoInt: Automatic Feature Interaction Learning via
 * Self-Attentive Neural Networks", CIKM 2019): of each field's vector q, k, v, r = x_f W, and
 *
 *     y_f = r_f + sum_j softmax_j(q_f k_j) v_j, in each of the heads that q, k, v are cut into
 *
 * A piece of the rows at a time, one in each lane of a vector, so that what is made of it stays in the cache:
 * W's part of the products is for all fields at once, and all of it is made again on the way back.
 */
#include "nn/kernel.h"
#include "nn/ops.h"

/* Values of its own: [0] q, k, v, r by row; [1] by lane, and then room for a softmax. */
static apg_real *room(const struct apg_op *op, apg_real *lanes)
{
    return lanes + op->F * 4 * op->E * APG_VECTOR;
}

static void project(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, size_t at, size_t n)
{
    size_t F = op->F, E = op->E;
    apg_op_product(s, false, n * F, 4 * E, E, s->x[op->in[0]] + at * F * E, E, apg_w(g, op->param[0]), 4 * E,
        NULL, 0, s->x[op->aux[0]], 4 * E);
    apg_kernel_to_lanes(n, F, 4 * E, s->x[op->aux[0]], s->x[op->aux[1]], 4 * E);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, E = op->E;
    apg_real *t = s->x[op->aux[1]];
    for (size_t at = 0, n; at < s->rows; at += n) {
        n = s->rows - at < APG_VECTOR ? s->rows - at : APG_VECTOR;
        project(g, op, s, at, n);
        apg_kernel_attention(F, E, op->K, t, room(op, t));
        apg_kernel_from_lanes(n, F, E, t + 3 * E * APG_VECTOR, 4 * E, s->x[op->out] + at * F * E);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t F = op->F, E = op->E;
    const apg_real *W = apg_w(g, op->param[0]);
    apg_real *t = s->x[op->aux[1]], *dt = s->dx[op->aux[1]], *dqkvr = s->dx[op->aux[0]];
    apg_real *dW = apg_dw(g, s->grad, op->param[0]), *dx = s->dx[op->in[0]];
    for (size_t at = 0, n; at < s->rows; at += n, dx += n * F * E) {
        n = s->rows - at < APG_VECTOR ? s->rows - at : APG_VECTOR;
        project(g, op, s, at, n);
        apg_kernel_to_lanes(n, F, E, s->dx[op->out] + at * F * E, dt + 3 * E * APG_VECTOR, 4 * E);
        apg_kernel_attention_back(F, E, op->K, t, dt, room(op, t), room(op, dt));
        apg_kernel_from_lanes(n, F, 4 * E, dt, 4 * E, dqkvr);
        apg_gemm(true, false, E, 4 * E, n * F, s->x[op->in[0]] + at * F * E, E, dqkvr, 4 * E, dW, 4 * E, dW,
            4 * E);
        apg_gemm(false, true, n * F, E, 4 * E, dqkvr, 4 * E, W, 4 * E, dx, E, dx, E);
    }
}

/* W; then the scores of all pairs of fields, and their sums. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t F = op->F, E = op->E;
    c->forward += 4 * F * E * E + 2 * F * F * E;
    c->numbers += 4 * E * E;
}

static const struct apg_op_type type = {
    .name = "self-attention", .forward = forward, .backward = backward, .cost = cost};

int apg_op_self_attention(struct apg_graph *g, int x, size_t E, size_t heads, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &type);
    op->in[0] = x, op->n_in = 1;
    op->F = g->F, op->E = E, op->K = E / heads;
    op->param[0] = apg_graph_param(g, APG_START_XAVIER, E, 4 * E, "%s.weight", name);
    op->aux[0] = apg_graph_scratch(g, op->F * 4 * E, APG_VECTOR);
    op->aux[1] = apg_graph_scratch(g, op->F * (4 * E + 1) * APG_VECTOR, 1);
    return op->out = apg_graph_value(g, op->F * E);
}
