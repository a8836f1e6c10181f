/* SPDX-License-Identifier: MIT
 *
 * Factorization machine, second order (Rendle, ICDM 2010; the interaction of DeepFM, Guo et al., IJCAI 2017):
 * sum_e sum_{g < f} v_ge v_fe, with gradient d v_fe = (sum_f v_fe) - v_fe. It is usually computed as
 * 1/2 sum_e [(sum_f v_fe)^2 - sum_f v_fe^2]. Here each v is multiplied by the sum of those before it, which
 * takes as long and loses no digits to cancellation.
 */
#include "nn/kernel.h"
#include "nn/ops.h"

struct fm {
    size_t F, E;
    int total; /* (B, E): the sum of the fields' vectors */
};
APG_OP_OWN(fm)

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const struct fm *own = fm_of(op);
    apg_kernel_fm(s->rows, own->F, own->E, s->x[op->in[0]], s->x[own->total], s->x[op->out]);
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t F = fm_of(op)->F, E = fm_of(op)->E;
    const apg_real *v = s->x[op->in[0]], *total = s->x[fm_of(op)->total], *dy = s->dx[op->out];
    apg_real *dv = s->dx[op->in[0]];
    for (size_t i = 0; i < s->rows; i++, v += F * E, dv += F * E, total += E)
        for (size_t f = 0; f < F; f++)
            for (size_t e = 0; e < E; e++)
                dv[f * E + e] += dy[i] * (total[e] - v[f * E + e]);
}

/* Each of F E numbers is multiplied by the sum before it. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->forward += g->width[op->in[0]];
}

static const struct apg_op_type type = {.name = "fm", .forward = forward, .backward = backward, .cost = cost};

int apg_op_fm(struct apg_graph *g, int x, size_t E)
{
    const struct fm own = {apg_graph_width(g, x) / E, E, apg_graph_value(g, E)};
    struct apg_op *op = apg_graph_op(g, &type, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, 1);
}
