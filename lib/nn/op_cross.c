/* SPDX-License-Identifier: MIT
 *
 * What a cross layer does by element: y = x0 * u + x, where u = x W + b is made by a static layer. So
 * d x0 = dy * u, d u = dy * x0, d x = dy.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t n = s->rows * g->width[op->out];
    memcpy(s->x[op->out], s->x[op->in[2]], n * sizeof(apg_real));
    apg_kernel_add_product(s->x[op->out], s->x[op->in[0]], s->x[op->in[1]], n);
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t n = s->rows * g->width[op->out];
    const apg_real *dy = s->dx[op->out];
    apg_kernel_add_product(s->dx[op->in[0]], dy, s->x[op->in[1]], n);
    apg_kernel_add_product(s->dx[op->in[1]], dy, s->x[op->in[0]], n);
    apg_kernel_add(s->dx[op->in[2]], dy, 1, n);
}

static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->forward += g->width[op->out];
}

static const struct apg_op_type type = {
    .name = "cross", .forward = forward, .backward = backward, .cost = cost};

int apg_op_cross(struct apg_graph *g, int x0, int u, int x)
{
    struct apg_op *op = apg_graph_op(g, &type, NULL, 0);
    op->in[0] = x0, op->in[1] = u, op->in[2] = x, op->n_in = 3;
    return op->out = apg_graph_value(g, apg_graph_width(g, x0));
}
