/* SPDX-License-Identifier: MIT
 *
 * Fields as wholes: a number for each, and each times a number. What is between makes them squeeze and
 * excitation.
 */
#include "nn/kernel.h"
#include "nn/ops.h"

static void mean_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const apg_real *x = s->x[op->in[0]];
    for (size_t i = 0; i < s->rows * op->F; i++, x += op->E) {
        apg_real sum = 0;
        for (size_t e = 0; e < op->E; e++)
            sum += x[e];
        s->x[op->out][i] = sum / (apg_real)op->E;
    }
}

static void mean_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    apg_real *dx = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows * op->F; i++, dx += op->E)
        for (size_t e = 0; e < op->E; e++)
            dx[e] += s->dx[op->out][i] / (apg_real)op->E;
}

static const struct apg_op_type mean = {
    .name = "field-mean", .forward = mean_forward, .backward = mean_backward, .cost = apg_op_no_cost};

static void scale_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const apg_real *x = s->x[op->in[0]], *a = s->x[op->in[1]];
    apg_real *y = s->x[op->out];
    for (size_t i = 0; i < s->rows * op->F; i++, x += op->E, y += op->E)
        for (size_t e = 0; e < op->E; e++)
            y[e] = a[i] * x[e];
}

static void scale_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const apg_real *x = s->x[op->in[0]], *dy = s->dx[op->out];
    for (size_t i = 0; i < s->rows * op->F; i++, x += op->E, dy += op->E) {
        apg_kernel_add(s->dx[op->in[0]] + i * op->E, dy, s->x[op->in[1]][i], op->E);
        for (size_t e = 0; e < op->E; e++)
            s->dx[op->in[1]][i] += dy[e] * x[e];
    }
}

static const struct apg_op_type scale = {
    .name = "field-scale", .forward = scale_forward, .backward = scale_backward, .cost = apg_op_no_cost};

static struct apg_op *add(struct apg_graph *g, const struct apg_op_type *type, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, type);
    op->in[op->n_in++] = x;
    op->F = apg_graph_width(g, x) / E, op->E = E;
    return op;
}

int apg_op_field_mean(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = add(g, &mean, x, E);
    return op->out = apg_graph_value(g, op->F);
}

int apg_op_field_scale(struct apg_graph *g, int x, int a, size_t E)
{
    struct apg_op *op = add(g, &scale, x, E);
    op->in[op->n_in++] = a;
    return op->out = apg_graph_value(g, op->F * E);
}
