/* SPDX-License-Identifier: MIT
 *
 * Embeddings: bags of table rows to vectors; and the choice of some of them as a condition. There is no
 * backward: the optimizer gathers a table's gradient from d of the op's value, row by row (train/optim.c).
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

struct embed {
    size_t F, E;
    bool chosen; /* only the F fields field[], and their rows alone are in the table; else all fields */
    size_t field[APG_FIELDS_MAX];
};
APG_OP_OWN(embed)

static bool embed_embedding(
    const struct apg_graph_field *layout, const struct apg_op *op, size_t field, struct apg_embedding *e)
{
    const struct embed *own = embed_of(op);
    *e = (struct apg_embedding){.E = own->E};
    if (!own->chosen) {
        e->column = field * own->E;
        e->row = layout[field].first;
        return true;
    }
    for (size_t f = 0; f < own->F; f++) {
        if (own->field[f] == field)
            return true;
        e->column += own->E;
        e->row += layout[own->field[f]].rows;
    }
    return false;
}

/* Bags BAG .. BAG + N to e (n, E). Id 0 is row ABOVE of the table, which may be less than 0 where all ids are
 * larger. */
static void embed_bags(const struct apg_param *table, ptrdiff_t above, const struct apg_bags *b, size_t bag,
    size_t n, size_t E, apg_real *e)
{
    const ptrdiff_t at = above * (ptrdiff_t)E;
    if (table->half)
        apg_kernel_bags_half(b->first + bag, b->row, b->weight, n, table->half + at, E, e);
    else
        apg_kernel_bags(b->first + bag, b->row, b->weight, n, table->read + at, E, e);
}

static void embed_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct apg_param *table = &g->param[op->param[0]];
    const struct embed *own = embed_of(op);
    const size_t E = own->E;
    apg_real *e = s->x[op->out];
    if (!own->chosen) {
        embed_bags(table, 0, &s->bags, 0, s->rows * own->F, E, e);
        return;
    }
    for (size_t f = 0, above = 0; f < own->F; above += g->read[own->field[f++]].rows) {
        const struct apg_graph_field *field = &g->read[own->field[f]];
        for (size_t i = 0; i < s->rows; i++)
            embed_bags(table, (ptrdiff_t)above - (ptrdiff_t)field->first, &s->bags, i * g->F + own->field[f],
                1, E, e + (i * own->F + f) * E);
    }
}

/* For one id in each field. A cell of n ids takes n times as much. */
static void embed_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    c->forward += g->width[op->out];
    c->tables += (uint64_t)g->param[op->param[0]].rows * embed_of(op)->E;
}

static const struct apg_op_type embed = {
    .name = "embed", .forward = embed_forward, .cost = embed_cost, .embedding = embed_embedding};

/* T: rows of the table */
static int add_embed(
    struct apg_graph *g, const struct embed *own, size_t T, enum apg_start start, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &embed, own, sizeof *own);
    op->param[0] = apg_graph_param(g, start, T, own->E, "%s", name);
    if (!g->failed)
        g->param[op->param[0]].table = true;
    return op->out = apg_graph_value(g, own->F * own->E);
}

int apg_op_embed(struct apg_graph *g, size_t E, enum apg_start start, const char *name)
{
    return add_embed(g, &(struct embed){.F = g->F, .E = E}, g->T, start, name);
}

int apg_op_embed_fields(struct apg_graph *g, const size_t *field, size_t n, size_t E, const char *name)
{
    struct embed own = {.F = n, .E = E, .chosen = true};
    size_t T = 0;
    memcpy(own.field, field, n * sizeof *field);
    for (size_t i = 0; !g->failed && i < n; i++)
        T += g->field[field[i]].rows;
    return add_embed(g, &own, T, APG_START_EMBEDDING, name);
}

struct select {
    size_t n, E; /* pieces, and the numbers of one */
    size_t piece[APG_FIELDS_MAX];
};
APG_OP_OWN(select)

static void select_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct select *own = select_of(op);
    size_t E = own->E, N = g->width[op->in[0]];
    for (size_t i = 0; i < s->rows; i++)
        for (size_t k = 0; k < own->n; k++)
            memcpy(s->x[op->out] + (i * own->n + k) * E, s->x[op->in[0]] + i * N + own->piece[k] * E,
                E * sizeof(apg_real));
}

static void select_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct select *own = select_of(op);
    size_t E = own->E, N = g->width[op->in[0]];
    for (size_t i = 0; !(op->stopped & 1) && i < s->rows; i++)
        for (size_t k = 0; k < own->n; k++)
            apg_kernel_add(
                s->dx[op->in[0]] + i * N + own->piece[k] * E, s->dx[op->out] + (i * own->n + k) * E, 1, E);
}

static const struct apg_op_type select = {
    .name = "select", .forward = select_forward, .backward = select_backward};

int apg_op_select(struct apg_graph *g, int x, const size_t *piece, size_t n, size_t E, bool stop)
{
    struct select own = {.n = n, .E = E};
    memcpy(own.piece, piece, n * sizeof *piece);
    struct apg_op *op = apg_graph_op(g, &select, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    op->stopped = stop;
    return op->out = apg_graph_value(g, n * E);
}
