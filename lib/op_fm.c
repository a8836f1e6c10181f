/* SPDX-License-Identifier: MIT
 *
 * Factorization machine, second order (Rendle, ICDM 2010; the interaction of DeepFM, Guo et al., IJCAI 2017):
 * 1/2 sum_e [(sum_f v_fe)^2 - sum_f v_fe^2], with gradient d v_fe = (sum_f v_fe) - v_fe.
 */
#include "ops.h"

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t F = op->F, E = op->E;
    const apg_real *v = s->x[op->in[0]];
    apg_real *total = s->x[op->aux[0]];
    for (size_t i = 0; i < s->rows; i++, v += F * E, total += E) {
        apg_real y = 0, squares = 0;
        for (size_t e = 0; e < E; e++)
            total[e] = 0;
        for (size_t f = 0; f < F; f++)
            for (size_t e = 0; e < E; e++) {
                total[e] += v[f * E + e];
                squares += v[f * E + e] * v[f * E + e];
            }
        for (size_t e = 0; e < E; e++)
            y += total[e] * total[e];
        s->x[op->out][i] = (y - squares) / 2;
    }
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

/* Squares of F E numbers, and of E sums. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->forward += (uint64_t)(op->F + 1) * op->E;
}

static const struct apg_op_type type = {"fm", forward, backward, cost, 0, 0, 0, 0};

int apg_op_fm(struct apg_graph *g, int x, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &type);
    op->in[0] = x, op->n_in = 1;
    op->F = g->F, op->E = E;
    op->aux[0] = apg_graph_value(g, E);
    return op->out = apg_graph_value(g, 1);
}
