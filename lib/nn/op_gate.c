/* SPDX-License-Identifier: MIT
 *
 * A gate: y = x o 2 sigmoid(p), number by number. Where p is 0 the gate is 1. The gate is written over p, and
 * backward reads it there.
 */
#include <math.h>
#include "nn/ops.h"

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *x = s->x[op->in[0]];
    apg_real *gate = s->x[op->in[1]], *y = s->x[op->out];
    for (size_t i = 0; i < s->rows * g->width[op->out]; i++) {
#ifdef APG_DOUBLE
        gate[i] = 2 / (1 + exp(-gate[i]));
#else
        gate[i] = 2 / (1 + expf(-gate[i]));
#endif
        y[i] = x[i] * gate[i];
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *x = s->x[op->in[0]], *gate = s->x[op->in[1]], *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]], *dp = s->dx[op->in[1]];
    for (size_t i = 0; i < s->rows * g->width[op->out]; i++) {
        dx[i] += dy[i] * gate[i];
        dp[i] += dy[i] * x[i] * gate[i] * (1 - gate[i] / 2);
    }
}

static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->generated += g->width[op->out];
}

static const struct apg_op_type gate = {
    .name = "gate", .forward = forward, .backward = backward, .cost = cost};

int apg_op_gate(struct apg_graph *g, int x, int p)
{
    struct apg_op *op = apg_graph_op(g, &gate, NULL, 0);
    op->in[0] = x, op->in[1] = p, op->n_in = 2;
    op->condition = 1;
    return op->out = apg_graph_value(g, apg_graph_width(g, x));
}
