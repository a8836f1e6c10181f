/* SPDX-License-Identifier: MIT */
#include "nn/graph.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/comm.h"
#include "base/mem.h"
#include "nn/tree.h"

void apg_graph_field(struct apg_graph *g, size_t rows)
{
    if (!apg_grow(&g->field, &g->cap_field, g->F + 1, sizeof *g->field)) {
        g->failed = true;
        return;
    }
    g->field[g->F++] = (struct apg_graph_field){g->T, rows};
    g->T += rows;
}

int apg_graph_scratch(struct apg_graph *g, size_t width, size_t rows)
{
    if (!apg_grow(&g->width, &g->cap_width, g->n_values + 1, sizeof *g->width) ||
        !apg_grow(&g->most, &g->cap_most, g->n_values + 1, sizeof *g->most) ||
        !apg_grow(&g->shared, &g->cap_shared, g->n_values + 1, sizeof *g->shared)) {
        g->failed = true;
        return 0;
    }
    g->width[g->n_values] = width;
    g->most[g->n_values] = rows;
    g->shared[g->n_values] = false;
    return (int)g->n_values++;
}

int apg_graph_value(struct apg_graph *g, size_t width)
{
    return apg_graph_scratch(g, width, SIZE_MAX);
}

void apg_graph_shared(struct apg_graph *g, int value)
{
    if (!g->failed)
        g->shared[value] = true;
}

size_t apg_graph_width(const struct apg_graph *g, int value)
{
    return g->failed ? 1 : g->width[value];
}

int apg_graph_param(struct apg_graph *g, enum apg_start start, size_t rows, size_t cols, const char *fmt, ...)
{
    if (!apg_grow(&g->param, &g->cap_param, g->n_params + 1, sizeof *g->param)) {
        g->failed = true;
        return 0;
    }
    struct apg_param *p = &g->param[g->n_params];
    *p = (struct apg_param){.start = start, .rows = rows, .cols = cols};
    const int n = snprintf(p->name, sizeof p->name, "%s", g->prefix);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(p->name + n, sizeof p->name - (size_t)n, fmt, ap);
    va_end(ap);
    return (int)g->n_params++;
}

struct apg_op *apg_graph_op(struct apg_graph *g, const struct apg_op_type *type, const void *own, size_t size)
{
    static struct apg_op nowhere; /* written to, never read, once memory has run out */
    if (!apg_grow(&g->op, &g->cap_op, g->n_ops + 1, sizeof *g->op)) {
        g->failed = true;
        return &nowhere;
    }
    struct apg_op *op = &g->op[g->n_ops++];
    *op = (struct apg_op){.type = type, .out = -1, .condition = -1};
    for (int i = 0; i < APG_OP_PARAMS; i++)
        op->param[i] = -1;
    if (size)
        memcpy(op->own, own, size);
    return op;
}

size_t apg_graph_slots(size_t batch)
{
    size_t n = 1;
    while (n < APG_SLOTS && 2 * n * APG_SLOT_ROWS_MIN <= batch)
        n *= 2;
    while (n < APG_SLOTS_MAX && n * APG_SLOT_ROWS < batch)
        n *= 2;
    return n;
}

bool apg_graph_slot(struct apg_graph *g, size_t i)
{
    struct apg_slot *s = &g->slot[i];
    const bool here = i >= g->slot_from && i < g->slot_to;
    if (s->ready)
        return true;
    if (!(s->x || (s->x = apg_alloc(g->n_values, sizeof *s->x))) ||
        !(s->dx || (s->dx = apg_alloc(g->n_values, sizeof *s->dx))) ||
        (here && !(s->label || (s->label = apg_alloc(g->max_rows, sizeof *s->label)))) ||
        ((here || i == g->slot_from) && g->train && !(s->grad = apg_alloc(g->n_flat, sizeof *s->grad))))
        return false;
    for (size_t v = 0; v < g->n_values; v++) {
        const size_t n = apg_graph_rows(g, (int)v) * g->width[v];
        if (!here && !g->shared[v])
            continue;
        if (!(s->x[v] || (s->x[v] = apg_alloc(n, sizeof **s->x))) ||
            (g->train && !(s->dx[v] = apg_alloc(n, sizeof **s->dx))))
            return false;
    }
    return s->ready = true;
}

enum apg_status apg_graph_finish(struct apg_graph *g, size_t max_rows, bool train, struct apg_error *err)
{
    g->max_rows = max_rows;
    g->n_slots = g->n_slots ? g->n_slots : APG_SLOTS;
    g->failed = g->failed || !(g->slot = apg_alloc(g->n_slots, sizeof *g->slot));
    g->held = g->read = g->field;
    g->slot_to = g->n_slots;
    if (!g->failed && train && apg_comm_ranks() > 1) {
        const enum apg_status status = apg_exchange_new(g, err);
        if (status)
            return status;
    }
    for (size_t i = 0; !g->failed && i < g->n_params; i++) {
        struct apg_param *p = &g->param[i];
        size_t n;
        p->here =
            g->exchange && p->table ? apg_exchange_rows(g, i, apg_comm_rank(), apg_comm_ranks()) : p->rows;
        g->failed = !apg_mul(p->here, p->cols, &n) || (!p->borrowed && !(p->w = apg_alloc(n, sizeof *p->w)));
        p->read = p->w;
        if (!p->table && !p->by_run && !p->state) {
            p->at = g->n_flat;
            g->n_flat += (n + 15) / 16 * 16;
        }
    }
    bool *read = apg_alloc(g->n_values, sizeof *read); /* does a later op read this value? */
    g->failed = g->failed || !read;
    for (size_t o = g->n_ops; !g->failed && o-- > 0;)
        for (int i = 0; i < g->op[o].n_in; i++) {
            int v = g->op[o].in[i];
            if (!read[v] && v != g->op[o].out) /* of an op in place, d in[i] is d out */
                g->op[o].first_writer |= 1u << i;
            read[v] = true;
        }
    free(read);
    g->train = train;
    for (size_t i = 0; !g->failed && train && i < g->n_slots; i++)
        g->failed = !apg_graph_slot(g, i);
    return g->failed ? apg_fail_memory(err) : APG_OK;
}

void apg_graph_release(struct apg_graph *g)
{
    apg_exchange_free(g);
    for (size_t i = 0; i < g->n_params; i++)
        if (!g->param[i].borrowed) {
            free(g->param[i].w);
            free(g->param[i].half);
        }
    for (size_t i = 0; g->slot && i < g->n_slots; i++) {
        struct apg_slot *s = &g->slot[i];
        for (size_t v = 0; v < g->n_values; v++) {
            free(s->x ? s->x[v] : NULL);
            free(s->dx ? s->dx[v] : NULL);
        }
        free(s->x);
        free(s->dx);
        free(s->grad);
        free(s->label);
        free(s->bags.first);
        if (s->bags.row != s->bags.id)
            free(s->bags.row);
        free(s->bags.id);
        free(s->bags.weight);
    }
    free(g->slot);
    free(g->shared);
    free(g->field);
    free(g->width);
    free(g->most);
    free(g->param);
    free(g->op);
    *g = (struct apg_graph){0};
}

struct apg_param *apg_graph_find(const struct apg_graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_params; i++)
        if (strcmp(g->param[i].name, name) == 0)
            return &g->param[i];
    return NULL;
}

const struct apg_op *apg_graph_embedding(const struct apg_graph *g, size_t param)
{
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->op[i].type->embedding && g->op[i].param[0] == (int)param)
            return &g->op[i];
    return NULL;
}

struct apg_widths apg_graph_widths(const struct apg_graph *g, const struct apg_op *op)
{
    struct apg_widths w = {0};
    for (int i = 0; i < op->n_in; i++)
        *(i == op->condition ? &w.D : &w.N) += g->width[op->in[i]];
    if (op->type->widths)
        op->type->widths(g, op, &w);
    return w;
}

size_t apg_graph_rows(const struct apg_graph *g, int value)
{
    return g->most[value] < g->max_rows ? g->most[value] : g->max_rows;
}

uint64_t apg_graph_bytes(const struct apg_graph *g, size_t batch, bool train)
{
    const size_t slots = train ? apg_graph_slots(batch) : APG_SLOTS, rows = (batch + slots - 1) / slots;
    uint64_t numbers = 0;
    for (size_t i = 0; i < g->n_params; i++) {
        const struct apg_param *p = &g->param[i];
        const uint64_t gradients = train && !p->table && !p->by_run && !p->state ? slots : 0;
        numbers += (1 + gradients) * (p->here ? p->here : p->rows) * p->cols;
    }
    for (size_t v = 0; v < g->n_values; v++)
        numbers += (train ? 2u : 1u) * slots * (g->most[v] < rows ? g->most[v] : rows) * g->width[v];
    return numbers * sizeof(apg_real);
}

struct apg_memory apg_graph_memory(const struct apg_graph *g, size_t batch)
{
    struct apg_memory m = {0};
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->op[i].type->memory)
            g->op[i].type->memory(g, &g->op[i], batch, &m);
    return m;
}

void apg_graph_prepare(struct apg_graph *g)
{
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->op[i].type->prepare)
            g->op[i].type->prepare(g, &g->op[i]);
}

void apg_graph_forward(const struct apg_graph *g, struct apg_slot *s)
{
    s->train = false;
    for (size_t i = 0; s->rows && i < g->n_ops; i++)
        if (g->op[i].type->forward)
            g->op[i].type->forward(g, &g->op[i], s);
}

/* ---- training ---- */

/* What slots do between two joins: ops [from, to) forward; after the last op of all, gradients are zeroed and
 * the loss is taken; then ops [back_to, back_from) in reverse. */
struct pass {
    struct apg_graph *g;
    size_t from, to, back_from, back_to;
    void (*loss)(void *arg, size_t i);
    void *arg;
};

static void run_slot(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    const struct pass *p = arg;
    struct apg_graph *g = p->g;
    struct apg_slot *s = &g->slot[i += g->slot_from];
    for (size_t o = p->from; s->rows && o < p->to; o++)
        if (g->op[o].type->forward)
            g->op[o].type->forward(g, &g->op[o], s);
    if (p->from < p->to && p->to == g->n_ops) {
        memset(s->grad, 0, g->n_flat * sizeof *s->grad);
        p->loss(p->arg, i);
    }
    for (size_t o = p->back_from; s->rows && o-- > p->back_to;) {
        const struct apg_op *op = &g->op[o];
        for (int k = 0; !op->type->backward_assigns && k < op->n_in; k++)
            apg_graph_zero(g, op, s, k); /* not before: so it is in the cache when it is added to */
        if (op->type->backward)
            op->type->backward(g, op, s);
    }
}

void apg_graph_zero(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s, int k)
{
    if (op->first_writer >> k & 1)
        memset(s->dx[op->in[k]], 0, s->rows * g->width[op->in[k]] * sizeof **s->dx);
}

enum { REDUCE_NUMBERS = 4096 }; /* of the flat gradient, that a task adds up over slots: 16 KB a slot */

/* Without other ranks: all slots are here. */
static void reduce(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_graph *g = arg;
    struct apg_tree_part part[APG_SLOTS_MAX];
    const size_t from = i * REDUCE_NUMBERS,
                 n = g->n_flat - from < REDUCE_NUMBERS ? g->n_flat - from : REDUCE_NUMBERS;
    for (size_t s = 0; s < g->n_slots; s++)
        part[s] = (struct apg_tree_part){s, g->slot[s].grad + from};
    apg_tree_sum(part, g->n_slots, n);
}

/* Does OP have a join after its forward part? */
static bool joins(const struct apg_graph *g, const struct apg_op *op)
{
    return op->type->forward_join && (g->exchange || !op->type->joins_ranks);
}

enum apg_status apg_graph_train(struct apg_graph *g, struct apg_pool *pool, void (*loss)(void *arg, size_t i),
    void *arg, struct apg_error *err)
{
    const size_t here = g->slot_to - g->slot_from;
    struct pass p = {g, 0, 0, 0, 0, loss, arg};
    g->status = APG_OK;
    apg_graph_prepare(g);
    for (size_t i = 0; i < g->n_slots; i++)
        g->slot[i].train = true;
    while (!g->status && p.to < g->n_ops) {
        for (p.from = p.to; p.to < g->n_ops && !(p.to > p.from && joins(g, &g->op[p.to - 1]));)
            p.to++;
        if (p.to == g->n_ops) /* the last op is reached: backwards, to the nearest join */
            for (p.back_from = p.back_to = g->n_ops;
                 p.back_to > 0 && !(p.back_to < p.back_from && g->op[p.back_to].type->backward_join);)
                p.back_to--;
        apg_pool_run(pool, here, run_slot, &p);
        if (p.to < g->n_ops)
            g->op[p.to - 1].type->forward_join(g, &g->op[p.to - 1]);
    }
    for (p.from = p.to = 0; !g->status && p.back_to > 0;) {
        g->op[p.back_to].type->backward_join(g, &g->op[p.back_to]);
        for (p.back_from = p.back_to;
             p.back_to > 0 && !(p.back_to < p.back_from && g->op[p.back_to].type->backward_join);)
            p.back_to--;
        apg_pool_run(pool, here, run_slot, &p);
    }
    if (g->status) {
        if (err)
            *err = g->error;
        return g->status;
    }
    if (!g->exchange)
        apg_pool_run(pool, (g->n_flat + REDUCE_NUMBERS - 1) / REDUCE_NUMBERS, reduce, g);
    else if ((g->status = apg_exchange_dense(g, pool, err)))
        return g->status;
    for (size_t i = 0; i < g->n_ops; i++)
        if (g->op[i].type->finish)
            g->op[i].type->finish(g, &g->op[i], g->slot[g->slot_from].grad);
    return APG_OK;
}

void apg_graph_share(struct apg_graph *g, int value, bool gradient, const size_t *n)
{
    if (g->exchange && !g->status)
        g->status = apg_exchange_slots(g, value, gradient, n, &g->error);
}
