/* SPDX-License-Identifier: MIT
 *
 * Fields as wholes: the mean of each field's vector, and each vector times a number. FiBiNET's squeeze and
 * excitation is these two with static layers between them.
 */
#include "nn/kernel.h"
#include "nn/ops.h"

struct fields {
    size_t F, E;
};
APG_OP_OWN(fields)

static void mean_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const size_t F = fields_of(op)->F, E = fields_of(op)->E;
    const apg_real *x = s->x[op->in[0]];
    for (size_t i = 0; i < s->rows * F; i++, x += E) {
        apg_real sum = 0;
        for (size_t e = 0; e < E; e++)
            sum += x[e];
        s->x[op->out][i] = sum / (apg_real)E;
    }
}

static void mean_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const size_t F = fields_of(op)->F, E = fields_of(op)->E;
    apg_real *dx = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows * F; i++, dx += E)
        for (size_t e = 0; e < E; e++)
            dx[e] += s->dx[op->out][i] / (apg_real)E;
}

static const struct apg_op_type mean = {
    .name = "field-mean", .forward = mean_forward, .backward = mean_backward};

static void scale_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const size_t F = fields_of(op)->F, E = fields_of(op)->E;
    const apg_real *x = s->x[op->in[0]], *a = s->x[op->in[1]];
    apg_real *y = s->x[op->out];
    for (size_t i = 0; i < s->rows * F; i++, x += E, y += E)
        for (size_t e = 0; e < E; e++)
            y[e] = a[i] * x[e];
}

static void scale_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const size_t F = fields_of(op)->F, E = fields_of(op)->E;
    const apg_real *x = s->x[op->in[0]], *dy = s->dx[op->out];
    for (size_t i = 0; i < s->rows * F; i++, x += E, dy += E) {
        apg_kernel_add(s->dx[op->in[0]] + i * E, dy, s->x[op->in[1]][i], E);
        for (size_t e = 0; e < E; e++)
            s->dx[op->in[1]][i] += dy[e] * x[e];
    }
}

static const struct apg_op_type scale = {
    .name = "field-scale", .forward = scale_forward, .backward = scale_backward};

static struct apg_op *add(struct apg_graph *g, const struct apg_op_type *type, int x, size_t E)
{
    const struct fields own = {apg_graph_width(g, x) / E, E};
    struct apg_op *op = apg_graph_op(g, type, &own, sizeof own);
    op->in[op->n_in++] = x;
    return op;
}

int apg_op_field_mean(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = add(g, &mean, x, E);
    return op->out = apg_graph_value(g, apg_graph_width(g, x) / E);
}

int apg_op_field_scale(struct apg_graph *g, int x, int a, size_t E)
{
    struct apg_op *op = add(g, &scale, x, E);
    op->in[op->n_in++] = a;
    return op->out = apg_graph_value(g, apg_graph_width(g, x));
}
