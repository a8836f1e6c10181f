/* SPDX-License-Identifier: MIT
 *
 * Embeddings: bags of table rows to vectors; and the choice of some of them as a condition. A table's
 * gradient is not formed here: it is d of this op's value, gathered by row in optim.c.
 */
#include <string.h>
#include "nn/half.h"
#include "nn/kernel.h"
#include "nn/ops.h"

enum { AHEAD = 64 }; /* ids whose table rows are fetched into the cache while others are copied */

bool apg_op_embed_place(
    const struct apg_graph *g, const struct apg_op *op, size_t f, size_t *place, size_t *below, size_t *above)
{
    *place = f, *below = *above = 0;
    if (!op->chosen)
        return true;
    *below = g->field[f].first;
    for (*place = 0; *place < op->F; (*place)++) {
        if (op->field[*place] == f)
            return true;
        *above += g->field[op->field[*place]].rows;
    }
    return false;
}

/* One bag to e (E). Inlined where E is a constant, what is copied takes no call. */
static inline __attribute__((always_inline)) void embed_bag(
    const struct apg_bags *b, size_t bag, const apg_real *table, size_t E, apg_real *e)
{
    uint32_t i = b->first[bag], end = b->first[bag + 1];
    if (end - i == 1 && !(b->weight[i] < 1) && !(b->weight[i] > 1)) { /* nearly all of them */
        memcpy(e, table + (size_t)b->id[i] * E, E * sizeof *e);
        return;
    }
    memset(e, 0, E * sizeof *e);
    for (; i < end; i++)
        apg_kernel_add(e, table + (size_t)b->id[i] * E, (apg_real)b->weight[i], E);
}

/* The same of a table in half precision. */
static void embed_bag_half(const struct apg_bags *b, size_t bag, const uint16_t *table, size_t E, apg_real *e)
{
    memset(e, 0, E * sizeof *e);
    for (uint32_t i = b->first[bag]; i < b->first[bag + 1]; i++) {
        const uint16_t *row = table + (size_t)b->id[i] * E;
        const apg_real w = (apg_real)b->weight[i];
        for (size_t j = 0; j < E; j++)
            e[j] += w * (apg_real)apg_half_value(row[j]);
    }
}

static inline __attribute__((always_inline)) void embed_all(
    const struct apg_bags *b, size_t n, const apg_real *table, size_t E, apg_real *e)
{
    for (size_t bag = 0; bag < n; bag++, e += E) {
        size_t ahead = b->first[bag] + AHEAD;
        if (ahead < b->first[n])
            __builtin_prefetch(table + (size_t)b->id[ahead] * E);
        embed_bag(b, bag, table, E, e);
    }
}

static void embed_all_half(const struct apg_bags *b, size_t n, const uint16_t *table, size_t E, apg_real *e)
{
    for (size_t bag = 0; bag < n; bag++, e += E) {
        size_t ahead = b->first[bag] + AHEAD;
        if (ahead < b->first[n])
            __builtin_prefetch(table + (size_t)b->id[ahead] * E);
        embed_bag_half(b, bag, table, E, e);
    }
}

static void embed_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *table = apg_w(g, op->param[0]);
    const uint16_t *half = g->param[op->param[0]].half;
    size_t E = op->E;
    apg_real *e = s->x[op->out];
    if (!op->chosen) {
        const size_t n = s->rows * op->F;
        if (half)
            embed_all_half(&s->bags, n, half, E, e);
        else if (E == 16)
            embed_all(&s->bags, n, table, 16, e);
        else if (E == 1)
            embed_all(&s->bags, n, table, 1, e);
        else
            embed_all(&s->bags, n, table, E, e);
        return;
    }
    for (size_t f = 0, above = 0; f < op->F; above += g->field[op->field[f++]].rows) {
        const struct apg_graph_field *field = &g->field[op->field[f]];
        for (size_t i = 0; i < s->rows; i++) {
            size_t bag = i * g->F + op->field[f];
            apg_real *to = e + (i * op->F + f) * E;
            if (half)
                embed_bag_half(&s->bags, bag, half + above * E - field->first * E, E, to);
            else
                embed_bag(&s->bags, bag, table + above * E - field->first * E, E, to);
        }
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

static const struct apg_op_type embed = {
    .name = "embed", .forward = embed_forward, .backward = embed_backward, .cost = embed_cost};

static int embed_op(struct apg_graph *g, size_t T, size_t F, size_t E, enum apg_start start, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &embed);
    op->param[0] = apg_graph_param(g, start, T, E, "%s", name);
    op->F = F, op->E = E;
    if (!g->failed)
        g->param[op->param[0]].table = true;
    return op->out = apg_graph_value(g, F * E);
}

int apg_op_embed(struct apg_graph *g, size_t E, enum apg_start start, const char *name)
{
    return embed_op(g, g->T, g->F, E, start, name);
}

int apg_op_embed_fields(struct apg_graph *g, const size_t *field, size_t n, size_t E, const char *name)
{
    size_t T = 0;
    for (size_t i = 0; i < n; i++)
        T += g->field[field[i]].rows;
    int x = embed_op(g, T, n, E, APG_START_EMBEDDING, name);
    if (!g->failed) {
        struct apg_op *op = &g->op[g->n_ops - 1];
        op->chosen = true;
        memcpy(op->field, field, n * sizeof *field);
    }
    return x;
}

static void select_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t E = op->E, N = g->width[op->in[0]];
    for (size_t i = 0; i < s->rows; i++)
        for (size_t k = 0; k < op->F; k++)
            memcpy(s->x[op->out] + (i * op->F + k) * E, s->x[op->in[0]] + i * N + op->field[k] * E,
                E * sizeof(apg_real));
}

static void select_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    size_t E = op->E, N = g->width[op->in[0]];
    for (size_t i = 0; op->add && i < s->rows; i++)
        for (size_t k = 0; k < op->F; k++)
            apg_kernel_add(
                s->dx[op->in[0]] + i * N + op->field[k] * E, s->dx[op->out] + (i * op->F + k) * E, 1, E);
}

static const struct apg_op_type select = {
    .name = "select", .forward = select_forward, .backward = select_backward, .cost = apg_op_no_cost};

int apg_op_select(struct apg_graph *g, int x, const size_t *piece, size_t n, size_t E, bool stop)
{
    struct apg_op *op = apg_graph_op(g, &select);
    op->in[0] = x, op->n_in = 1;
    op->F = n, op->E = E, op->add = !stop;
    memcpy(op->field, piece, n * sizeof *piece);
    return op->out = apg_graph_value(g, n * E);
}
