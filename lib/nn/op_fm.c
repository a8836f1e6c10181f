/* SPDX-License-Identifier: MIT
 *
 * Factorization machine, second order (Rendle, ICDM 2010; the interaction of DeepFM, Guo et al., IJCAI 2017):
 * sum_e sum_{g < f} v_ge v_fe, with gradient d v_fe = (sum_f v_fe) - v_fe. Usually computed as 1/2 sum_e
 * [(sum_f v_fe)^2 - sum_f v_fe^2]; each v times the sum of those before it takes as long, and cancels
 * nothing.
 */
#include "nn/kernel.h"
#include "nn/ops.h"

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    apg_kernel_fm(s->rows, op->F, op->E, s->x[op->in[0]], s->x[op->aux[0]], s->x[op->out]);
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t F = op->F, E = op->E;
    const apg_real *v = s->x[op->in[0]], *total = s->x[op->aux[0]], *dy = s->dx[op->out];
    apg_real *dv = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows; i++, v += F * E, dv += F * E, total += E)
        for (size_t f = 0; f < F; f++)
            for (size_t e = 0; e < E; e++)
                dv[f * E + e] += dy[i] * (total[e] - v[f * E + e]);
}

/* Each of F E numbers times the sum before it. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)op->F * op->E;
}

static const struct apg_op_type type = {.name = "fm", .forward = forward, .backward = backward, .cost = cost};

int apg_op_fm(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &type);
    op->in[0] = x, op->n_in = 1;
    op->F = g->F, op->E = E;
    op->aux[0] = apg_graph_value(g, E);
    return op->out = apg_graph_value(g, 1);
}
