/* SPDX-License-Identifier: MIT
 *
 * Embeddings: bags of table rows to vectors; and the choice of some of them as a condition. A table's
 * gradient is not formed here: it is d of this op's value, gathered by row in optim.c.
 */
#include <string.h>
#include "kernel.h"
#include "ops.h"

static void embed_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct apg_bags *b = &s->bags;
    const apg_real *table = apg_w(g, op->param[0]);
    size_t E = op->E;
    apg_real *e = s->x[op->out];
    for (size_t bag = 0; bag < s->rows * op->F; bag++, e += E) {
        uint32_t i = b->first[bag], end = b->first[bag + 1];
        if (end - i == 1 && !(b->weight[i] < 1) && !(b->weight[i] > 1)) { /* nearly all of them */
            memcpy(e, table + (size_t)b->id[i] * E, E * sizeof *e);
            continue;
        }
        memset(e, 0, E * sizeof *e);
        for (; i < end; i++)
            apg_kernel_add(e, table + (size_t)b->id[i] * E, (apg_real)b->weight[i], E);
    }
}

static void embed_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g, (void)op, (void)s;
}

/* Of one id a field; a cell of several has as many times E. */
static void embed_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->forward += (uint64_t)op->F * op->E;
    c->tables += (uint64_t)g->param[op->param[0]].rows * op->E;
}

static const struct apg_op_type embed = {"embed", embed_forward, embed_backward, embed_cost, 0, 0, 0, 0};

int apg_op_embed(struct apg_graph *g, int table, size_t E)
{
    struct apg_op *op = apg_graph_op(g, &embed);
    op->param[0] = table;
    op->F = g->F, op->E = E;
    if (!g->failed)
        g->param[table].table = true;
    return op->out = apg_graph_value(g, g->F * E);
}

static void select_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *x = s->x[op->in[0]];
    apg_real *z = s->x[op->out];
    for (size_t i = 0; i < s->rows; i++)
        memcpy(z + i * g->width[op->out] + op->N * op->E, x + i * g->width[op->in[0]] + op->F * op->E,
            op->E * sizeof *z);
}

static void select_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_real *dx = s->dx[op->in[0]];
    const apg_real *dz = s->dx[op->out];
    for (size_t i = 0; i < s->rows; i++)
        for (size_t j = 0; j < op->E; j++)
            dx[i * g->width[op->in[0]] + op->F * op->E + j] += dz[i * g->width[op->out] + op->N * op->E + j];
}

static const struct apg_op_type select = {
    "select", select_forward, select_backward, apg_op_no_cost, 0, 0, 0, 0};

int apg_op_select(struct apg_graph *g, int x, const size_t *field, size_t n, size_t E)
{
    int z = apg_graph_value(g, n * E);
    for (size_t i = 0; i < n; i++) {
        struct apg_op *op = apg_graph_op(g, &select);
        op->in[0] = x, op->n_in = 1, op->out = z;
        op->F = field[i], op->N = i, op->E = E;
    }
    return z;
}
