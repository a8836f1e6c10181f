/* SPDX-License-Identifier: MIT */
#include "nn/exchange.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "nn/exchange_own.h"
#include "nn/ops.h"
#include "nn/tree.h"

/* What the tasks of a pool share. */
struct work {
    struct apg_graph *g;
    struct apg_exchange *x;
    atomic_bool failed;
};

static enum apg_status run(struct apg_graph *g, struct apg_pool *pool, size_t n,
    void (*task)(void *arg, size_t i, unsigned worker), struct apg_error *err)
{
    struct work w = {.g = g, .x = g->exchange};
    apg_pool_run(pool, n, task, &w);
    return atomic_load(&w.failed) ? apg_fail_memory(err) : APG_OK;
}

/* Cut slots [FROM, TO) into the largest aligned subtrees. */
static size_t cut(size_t from, size_t to, struct node *node)
{
    size_t n = 0;
    for (size_t size; from < to; from += size) {
        for (size = 1; from % (2 * size) == 0 && from + 2 * size <= to;)
            size *= 2;
        node[n++] = (struct node){from, size};
    }
    return n;
}

/* How many ids below ID are held by RANK. */
static size_t below(size_t id, size_t rank, size_t ranks)
{
    return (id + ranks - 1 - rank) / ranks;
}

/* What rank Q of RANKS holds of each field: (F), freed with free(). NULL: out of memory. */
static struct apg_graph_field *held_by(const struct apg_graph *g, size_t q, size_t ranks)
{
    struct apg_graph_field *held = apg_alloc(g->F, sizeof *held);
    for (size_t f = 0; held && f < g->F; f++) {
        held[f].first = below(g->field[f].first, q, ranks);
        held[f].rows = below(g->field[f].first + g->field[f].rows, q, ranks) - held[f].first;
    }
    return held;
}

enum apg_status apg_exchange_new(struct apg_graph *g, struct apg_error *err)
{
    const size_t ranks = apg_comm_ranks(), rank = apg_comm_rank();
    const size_t most = g->n_slots > APG_SLOTS ? g->n_slots : APG_SLOTS;
    if (ranks > most)
        return apg_fail(err, APG_EUSAGE,
            "%zu ranks: a batch is cut into %zu parts, so no more than %zu can train on it; a larger "
            "--batch-size has more",
            ranks, g->n_slots, most);
    struct apg_exchange *x = g->exchange = apg_alloc(1, sizeof *x);
    if (!x)
        return apg_fail_memory(err);
    g->held = g->read = NULL;
    if (!(x->node = apg_alloc(ranks, sizeof *x->node)) ||
        !(x->n_nodes = apg_alloc(ranks, sizeof *x->n_nodes)) ||
        !(x->width = apg_alloc(g->F, sizeof *x->width)) ||
        !(x->offset = apg_alloc(g->F * g->n_ops, sizeof *x->offset)) ||
        !(x->mine = apg_alloc(g->F, sizeof *x->mine)) || !(x->asked = apg_alloc(g->F, sizeof *x->asked)) ||
        !(x->place = apg_alloc(g->F, sizeof *x->place)) ||
        !(x->cap_place = apg_alloc(g->F, sizeof *x->cap_place)) ||
        !(x->cap_read = apg_alloc(g->n_params, sizeof *x->cap_read)) ||
        !(x->runs = apg_alloc(g->n_values, sizeof *x->runs)) ||
        !(x->cap_runs = apg_alloc(g->n_values, sizeof *x->cap_runs)) ||
        !(x->piece = apg_alloc(ranks, sizeof *x->piece)) ||
        !(x->count_out = apg_alloc(ranks, sizeof *x->count_out)) ||
        !(x->count_in = apg_alloc(ranks, sizeof *x->count_in)) ||
        !(x->in.from = apg_alloc(ranks * (g->F + 1), sizeof *x->in.from)) ||
        !(x->out.from = apg_alloc(ranks * (g->F + 1), sizeof *x->out.from)) ||
        !(g->read = apg_alloc(g->F, sizeof *g->read)))
        return apg_fail_memory(err);
    if (!(g->held = held_by(g, rank, ranks)))
        return apg_fail_memory(err);
    x->rank = rank, x->ranks = ranks;
    for (size_t q = 0; q < ranks; q++)
        x->n_nodes[q] =
            cut(apg_graph_slots_from(g, q, ranks), apg_graph_slots_from(g, q + 1, ranks), x->node[q]);
    g->slot_from = apg_graph_slots_from(g, rank, ranks);
    g->slot_to = apg_graph_slots_from(g, rank + 1, ranks);
    for (size_t f = 0; f < g->F; f++) {
        struct apg_embedding at;
        for (size_t j = 0; j < g->n_ops; j++)
            if (g->op[j].type->embedding && g->op[j].type->embedding(g->field, &g->op[j], f, &at)) {
                x->offset[f * g->n_ops + j] = x->width[f];
                x->width[f] += at.E;
            }
    }
    return APG_OK;
}

static void release(struct asks *a)
{
    free(a->ask);
    free(a->row_at);
    free(a->gradient_at);
    free(a->from);
    free(a->rows);
    free(a->gradients);
}

void apg_exchange_free(struct apg_graph *g)
{
    struct apg_exchange *x = g->exchange;
    if (!x)
        return;
    for (size_t i = 0; x->cap_read && i < g->n_params; i++)
        if (g->param[i].table && g->param[i].read != g->param[i].w)
            free(g->param[i].read);
    for (size_t f = 0; f < g->F; f++) {
        if (x->mine)
            apg_distinct_release(&x->mine[f]);
        if (x->asked)
            apg_distinct_release(&x->asked[f]);
        if (x->place)
            free(x->place[f]);
    }
    for (size_t v = 0; x->runs && v < g->n_values; v++)
        free(x->runs[v]);
    release(&x->out);
    release(&x->in);
    free(x->node);
    free(x->n_nodes);
    free(x->width);
    free(x->offset);
    free(x->mine);
    free(x->asked);
    free(x->place);
    free(x->cap_place);
    free(x->cap_read);
    free(x->runs);
    free(x->cap_runs);
    free(x->piece);
    free(x->count_out);
    free(x->count_in);
    free(x->dense_out);
    free(x->dense_in);
    free(g->held);
    free(g->read);
    free(x);
    g->exchange = NULL;
}

size_t apg_exchange_rows(const struct apg_graph *g, size_t param, size_t q, size_t ranks)
{
    const struct apg_op *op = apg_graph_embedding(g, param);
    struct apg_embedding at;
    size_t rows = 0;
    for (size_t f = 0; f < g->F; f++)
        if (op->type->embedding(g->field, op, f, &at))
            rows +=
                below(g->field[f].first + g->field[f].rows, q, ranks) - below(g->field[f].first, q, ranks);
    return rows;
}

bool apg_exchange_regroup(
    const struct apg_graph *g, size_t param, size_t q, size_t ranks, const void *from, void *to, size_t width)
{
    const struct apg_op *op = apg_graph_embedding(g, param);
    struct apg_graph_field *theirs = held_by(g, q, ranks);
    struct apg_embedding at, here;
    for (size_t f = 0; theirs && f < g->F; f++) {
        if (!op->type->embedding(theirs, op, f, &at) || !op->type->embedding(g->held, op, f, &here))
            continue;
        for (size_t k = 0; k < g->held[f].rows; k++) {
            const size_t id = apg_exchange_id(g, g->held[f].first + k);
            if (id % ranks == q)
                memcpy((char *)to + (here.row + k) * width,
                    (const char *)from + (id / ranks - theirs[f].first + at.row) * width, width);
        }
    }
    free(theirs);
    return theirs;
}

size_t apg_exchange_id(const struct apg_graph *g, size_t place)
{
    return g->exchange ? place * apg_comm_ranks() + apg_comm_rank() : place;
}

struct apg_distinct *apg_exchange_asked(const struct apg_graph *g, size_t field)
{
    return &g->exchange->asked[field];
}

/* ---- which rows ---- */

static void find_task(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    struct work *w = arg;
    struct apg_exchange *x = w->x;
    if (!apg_distinct_find(&x->mine[f], w->g, f) ||
        !apg_grow(&x->place[f], &x->cap_place[f], x->mine[f].n, sizeof **x->place))
        atomic_store(&w->failed, true);
}

/* The subtrees of this rank that have row K of D. */
static uint32_t nodes_of(const struct apg_exchange *x, const struct apg_distinct *d, size_t k)
{
    const struct node *node = x->node[x->rank];
    uint32_t nodes = 0;
    if (x->n_nodes[x->rank] == 1)
        return 1;
    for (uint32_t leaf = d->row[k].first, t = 0;; leaf = d->leaf[leaf].next) {
        while (d->leaf[leaf].slot >= node[t].slot + node[t].size)
            t++;
        nodes |= (uint32_t)1 << t;
        if (leaf == d->row[k].last)
            return nodes;
    }
}

/* The first ask of rank Q and FIELD; of the field F, where the rank's end. */
static size_t *first_ask(const struct apg_graph *g, const struct asks *a, size_t q, size_t field)
{
    return &a->from[q * (g->F + 1) + field];
}

/* Room for the asks of all ranks, of which *from of rank q, field 0 is the first, and N in all. */
static bool grow_asks(struct asks *a, size_t n)
{
    return apg_grow(&a->ask, &a->cap_ask, n, sizeof *a->ask) &&
           apg_grow(&a->row_at, &a->cap_row_at, n + 1, sizeof *a->row_at) &&
           apg_grow(&a->gradient_at, &a->cap_gradient_at, n + 1, sizeof *a->gradient_at);
}

/* Say where the numbers of the N asks are. */
static void place_numbers(const struct apg_graph *g, struct asks *a, size_t n)
{
    const struct apg_exchange *x = g->exchange;
    size_t row_at = 0, gradient_at = 0;
    for (size_t q = 0; q < x->ranks; q++)
        for (size_t f = 0; f < g->F; f++)
            for (size_t i = *first_ask(g, a, q, f); i < *first_ask(g, a, q, f + 1); i++) {
                a->row_at[i] = row_at, a->gradient_at[i] = gradient_at;
                row_at += x->width[f];
                gradient_at += x->width[f] * (size_t)__builtin_popcount(a->ask[i].nodes);
            }
    a->row_at[n] = row_at, a->gradient_at[n] = gradient_at;
}

/* Make the asks of this rank. */
static bool make_asks(struct apg_graph *g, size_t *n)
{
    struct apg_exchange *x = g->exchange;
    const size_t R = x->ranks, F = g->F;
    memset(x->out.from, 0, R * (F + 1) * sizeof *x->out.from);
    for (size_t f = 0; f < F; f++) /* first, how many */
        for (uint32_t k = 0; k < x->mine[f].n; k++)
            x->out.from[x->mine[f].row[k].id % R * (F + 1) + f]++;
    *n = 0;
    for (size_t q = 0; q < R; q++)
        for (size_t f = 0; f <= F; f++) {
            size_t *from = first_ask(g, &x->out, q, f), count = *from;
            *from = *n;
            *n += count;
        }
    if (!grow_asks(&x->out, *n))
        return false;
    for (size_t f = 0; f < F; f++) {
        for (uint32_t k = 0; k < x->mine[f].n; k++) {
            const struct apg_distinct_row *row = &x->mine[f].row[k];
            const size_t i = x->out.from[row->id % R * (F + 1) + f]++;
            x->out.ask[i] = (struct ask){row->id, row->times, nodes_of(x, &x->mine[f], k)};
            x->place[f][k] = (uint32_t)i;
        }
    }
    for (size_t q = 0; q < R; q++) { /* they are now where the next field's begin */
        size_t *from = first_ask(g, &x->out, q, 0);
        memmove(from + 1, from, (F - 1) * sizeof *from);
        *from = q ? x->out.from[q * (F + 1) - 1] : 0;
    }
    return true;
}

/* Find where the asks of each field begin, in those that came from rank Q: COUNT from AT on. */
static void find_fields(const struct apg_graph *g, struct asks *a, size_t q, size_t at, size_t count)
{
    const size_t end = at + count;
    for (size_t f = 0; f < g->F; f++) {
        *first_ask(g, a, q, f) = at;
        while (at < end && a->ask[at].id < g->field[f].first + g->field[f].rows)
            at++;
    }
    *first_ask(g, a, q, g->F) = end;
}

static void asked_task(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    struct work *w = arg;
    const struct apg_exchange *x = w->x;
    struct apg_distinct *d = &x->asked[f];
    bool ok = apg_distinct_start(d);
    for (size_t q = 0; q < x->ranks; q++)
        for (size_t i = *first_ask(w->g, &x->in, q, f); i < *first_ask(w->g, &x->in, q, f + 1); i++) {
            const struct ask *a = &x->in.ask[i];
            uint32_t times = a->times, unread;
            for (uint32_t nodes = a->nodes; ok && nodes; nodes &= nodes - 1, times = 0)
                ok = apg_distinct_add(
                    d, a->id, (uint32_t)x->node[q][__builtin_ctz(nodes)].slot, times, &unread);
        }
    if (!ok)
        atomic_store(&w->failed, true);
}

enum apg_status apg_exchange_ask(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    const size_t R = x->ranks, F = g->F;
    size_t n_out, n_in = 0;
    enum apg_status status = run(g, pool, F, find_task, err);
    if (status)
        return status;
    if (!make_asks(g, &n_out))
        return apg_fail_memory(err);
    for (size_t q = 0; q < R; q++) {
        x->count_out[q] = *first_ask(g, &x->out, q, F) - *first_ask(g, &x->out, q, 0);
        x->piece[q] = (struct apg_comm_piece){
            &x->count_out[q], &x->count_in[q], sizeof *x->count_out, sizeof *x->count_in};
    }
    if ((status = apg_comm_exchange(x->piece, err)))
        return status;
    for (size_t q = 0; q < R; q++)
        n_in += (size_t)x->count_in[q];
    if (!grow_asks(&x->in, n_in))
        return apg_fail_memory(err);
    for (size_t q = 0, at = 0; q < R; at += (size_t)x->count_in[q++])
        x->piece[q] = (struct apg_comm_piece){x->out.ask + *first_ask(g, &x->out, q, 0), x->in.ask + at,
            (size_t)x->count_out[q] * sizeof *x->out.ask, (size_t)x->count_in[q] * sizeof *x->in.ask};
    if ((status = apg_comm_exchange(x->piece, err)))
        return status;
    for (size_t q = 0, at = 0; q < R; at += (size_t)x->count_in[q++])
        find_fields(g, &x->in, q, at, (size_t)x->count_in[q]);
    place_numbers(g, &x->out, n_out);
    place_numbers(g, &x->in, n_in);
    return run(g, pool, F, asked_task, err);
}

/* ---- rows of tables ---- */

/* Exchange the numbers of asks: rows of IN for those of OUT, or gradients of OUT for those of IN. */
static enum apg_status exchange_numbers(struct apg_graph *g, bool gradients, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    for (size_t q = 0; q < x->ranks; q++) {
        const struct asks *from = gradients ? &x->out : &x->in, *to = gradients ? &x->in : &x->out;
        const size_t *from_at = gradients ? from->gradient_at : from->row_at,
                     *to_at = gradients ? to->gradient_at : to->row_at;
        const size_t send = from_at[*first_ask(g, from, q, 0)],
                     send_end = from_at[*first_ask(g, from, q, g->F)], recv = to_at[*first_ask(g, to, q, 0)],
                     recv_end = to_at[*first_ask(g, to, q, g->F)];
        x->piece[q] = (struct apg_comm_piece){(gradients ? from->gradients : from->rows) + send,
            (gradients ? to->gradients : to->rows) + recv, (send_end - send) * sizeof(apg_real),
            (recv_end - recv) * sizeof(apg_real)};
    }
    return apg_comm_exchange(x->piece, err);
}

static void pack_task(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    const struct work *w = arg;
    const struct apg_graph *g = w->g;
    const struct apg_exchange *x = w->x;
    struct apg_embedding at;
    for (size_t j = 0; j < g->n_ops; j++) {
        if (!g->op[j].type->embedding || !g->op[j].type->embedding(g->held, &g->op[j], f, &at))
            continue;
        const apg_real *table = g->param[g->op[j].param[0]].w;
        for (size_t q = 0; q < x->ranks; q++)
            for (size_t i = *first_ask(g, &x->in, q, f); i < *first_ask(g, &x->in, q, f + 1); i++)
                memcpy(x->in.rows + x->in.row_at[i] + x->offset[f * g->n_ops + j],
                    table +
                        (apg_exchange_place(x->in.ask[i].id, x->ranks) - g->held[f].first + at.row) * at.E,
                    at.E * sizeof *table);
    }
}

static void unpack_task(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    const struct work *w = arg;
    const struct apg_graph *g = w->g;
    const struct apg_exchange *x = w->x;
    const struct apg_distinct *d = &x->mine[f];
    struct apg_embedding at;
    for (size_t j = 0; j < g->n_ops; j++) {
        if (!g->op[j].type->embedding || !g->op[j].type->embedding(g->read, &g->op[j], f, &at))
            continue;
        apg_real *table = g->param[g->op[j].param[0]].read + at.row * at.E;
        for (uint32_t k = 0; k < d->n; k++)
            memcpy(table + k * at.E,
                x->out.rows + x->out.row_at[x->place[f][k]] + x->offset[f * g->n_ops + j],
                at.E * sizeof *table);
    }
    for (size_t i = g->slot_from, id = 0; i < g->slot_to; i++) {
        struct apg_bags *b = &g->slot[i].bags;
        for (size_t r = 0; r < g->slot[i].rows; r++)
            for (uint32_t k = b->first[r * g->F + f]; k < b->first[r * g->F + f + 1]; k++)
                b->row[k] = (uint32_t)g->read[f].first + d->leaf[d->leaf_of[id++]].row;
    }
}

/* Let g->read and each table have room for the rows of the batch. */
static bool grow_read(struct apg_graph *g)
{
    struct apg_exchange *x = g->exchange;
    struct apg_embedding at;
    size_t T = 0;
    for (size_t f = 0; f < g->F; T += x->mine[f++].n)
        g->read[f] = (struct apg_graph_field){T, x->mine[f].n};
    for (size_t j = 0; j < g->n_ops; j++) {
        size_t rows = 0, E = 0;
        for (size_t f = 0; g->op[j].type->embedding && f < g->F; f++)
            if (g->op[j].type->embedding(g->read, &g->op[j], f, &at))
                rows += g->read[f].rows, E = at.E;
        if (!E)
            continue;
        const int table = g->op[j].param[0];
        struct apg_param *p = &g->param[table];
        if (p->read == p->w)
            p->read = NULL;
        if (!apg_grow(&p->read, &x->cap_read[table], rows * E + 1, sizeof *p->read))
            return false;
    }
    for (size_t i = g->slot_from; i < g->slot_to; i++) {
        struct apg_slot *s = &g->slot[i];
        if (s->bags.row == s->bags.id)
            s->bags.row = NULL;
        if (!apg_grow(&s->bags.row, &s->bags.cap_row, (size_t)s->bags.first[s->rows * g->F] + 1,
                sizeof *s->bags.row))
            return false;
    }
    return true;
}

enum apg_status apg_exchange_read(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    enum apg_status status = apg_exchange_ask(g, pool, err);
    if (status)
        return status;
    const size_t last = x->ranks - 1;
    if (!apg_grow(&x->in.rows, &x->in.cap_rows, x->in.row_at[*first_ask(g, &x->in, last, g->F)],
            sizeof(apg_real)) ||
        !apg_grow(&x->out.rows, &x->out.cap_rows, x->out.row_at[*first_ask(g, &x->out, last, g->F)],
            sizeof(apg_real)) ||
        !grow_read(g))
        return apg_fail_memory(err);
    if ((status = run(g, pool, g->F, pack_task, err)) || (status = exchange_numbers(g, false, err)))
        return status;
    return run(g, pool, g->F, unpack_task, err);
}

/* ---- gradients of rows ---- */

static void return_task(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    struct work *w = arg;
    const struct apg_graph *g = w->g;
    const struct apg_exchange *x = w->x;
    struct apg_distinct *d = &x->mine[f];
    struct apg_tree_part part[APG_SLOTS_MAX];
    struct apg_embedding at;
    for (size_t j = 0; j < g->n_ops; j++) {
        if (!g->op[j].type->embedding || !g->op[j].type->embedding(g->read, &g->op[j], f, &at))
            continue;
        if (!apg_distinct_sum(d, g, &g->op[j], f, &at)) {
            atomic_store(&w->failed, true);
            return;
        }
        for (uint32_t k = 0; k < d->n; k++) {
            const uint32_t i = x->place[f][k];
            apg_real *to = x->out.gradients + x->out.gradient_at[i] + x->offset[f * g->n_ops + j];
            uint32_t leaf = d->row[k].first;
            for (uint32_t nodes = x->out.ask[i].nodes; nodes; nodes &= nodes - 1, to += x->width[f]) {
                const struct node *node = &x->node[x->rank][__builtin_ctz(nodes)];
                size_t n = 0;
                for (;; leaf = d->leaf[leaf].next) {
                    if (d->leaf[leaf].slot >= node->slot + node->size)
                        break;
                    part[n++] = (struct apg_tree_part){d->leaf[leaf].slot, d->sum + leaf * at.E};
                    if (leaf == d->row[k].last)
                        break;
                }
                memcpy(to, apg_tree_sum(part, n, at.E), at.E * sizeof *to);
            }
        }
    }
}

enum apg_status apg_exchange_return(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    const size_t last = x->ranks - 1;
    if (!apg_grow(&x->out.gradients, &x->out.cap_gradients,
            x->out.gradient_at[*first_ask(g, &x->out, last, g->F)], sizeof(apg_real)) ||
        !apg_grow(&x->in.gradients, &x->in.cap_gradients,
            x->in.gradient_at[*first_ask(g, &x->in, last, g->F)], sizeof(apg_real)))
        return apg_fail_memory(err);
    const enum apg_status status = run(g, pool, g->F, return_task, err);
    return status ? status : exchange_numbers(g, true, err);
}

bool apg_exchange_sum(const struct apg_graph *g, size_t field, size_t j)
{
    const struct apg_exchange *x = g->exchange;
    struct apg_distinct *d = &x->asked[field];
    struct apg_embedding at;
    size_t leaf = 0; /* they were added in this order */
    if (!g->op[j].type->embedding(g->held, &g->op[j], field, &at) ||
        !apg_grow(&d->sum, &d->cap_sum, d->n_leaves * at.E, sizeof *d->sum))
        return false;
    for (size_t q = 0; q < x->ranks; q++)
        for (size_t i = *first_ask(g, &x->in, q, field); i < *first_ask(g, &x->in, q, field + 1); i++) {
            const apg_real *from = x->in.gradients + x->in.gradient_at[i] + x->offset[field * g->n_ops + j];
            for (uint32_t nodes = x->in.ask[i].nodes; nodes; nodes &= nodes - 1, from += x->width[field])
                memcpy(d->sum + leaf++ * at.E, from, at.E * sizeof *from);
        }
    return true;
}

/* ---- whole tables ---- */

/* The id whose row the row ROW of the table of OP is, and its field. */
static size_t id_of(const struct apg_graph *g, const struct apg_op *op, size_t row, size_t *field)
{
    struct apg_embedding at;
    for (size_t f = 0; f < g->F; f++)
        if (op->type->embedding(g->field, op, f, &at) && row >= at.row && row < at.row + g->field[f].rows) {
            *field = f;
            return row - at.row + g->field[f].first;
        }
    return SIZE_MAX;
}

enum apg_status apg_exchange_table(
    struct apg_graph *g, size_t param, size_t row, size_t n, apg_real *out, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    const struct apg_param *p = &g->param[param];
    const struct apg_op *op = apg_graph_embedding(g, param);
    struct apg_embedding at;
    size_t f = 0;
    memset(x->count_in, 0, x->ranks * sizeof *x->count_in);
    for (size_t i = row; i < row + n; i++)
        x->count_in[id_of(g, op, i, &f) % x->ranks]++;
    if (!apg_grow(
            &x->dense_out, &x->cap_dense_out, (size_t)x->count_in[x->rank] * p->cols + 1, sizeof *out) ||
        !apg_grow(&x->dense_in, &x->cap_dense_in, n * p->cols + 1, sizeof *out))
        return apg_fail_memory(err);
    apg_real *send = x->dense_out, *in = x->dense_in;
    for (size_t i = row; i < row + n; i++) {
        const size_t id = id_of(g, op, i, &f);
        if (id % x->ranks != x->rank || !op->type->embedding(g->held, op, f, &at))
            continue;
        memcpy(send,
            p->w + (apg_exchange_place((uint32_t)id, x->ranks) - g->held[f].first + at.row) * p->cols,
            p->cols * sizeof *send);
        send += p->cols;
    }
    for (size_t q = 0; q < x->ranks; q++) {
        const size_t bytes = (size_t)x->count_in[q] * p->cols * sizeof *in;
        x->piece[q] = (struct apg_comm_piece){x->dense_out, in,
            q ? 0 : (size_t)x->count_in[x->rank] * p->cols * sizeof *in, x->rank ? 0 : bytes};
        x->count_out[q] = (size_t)(in - x->dense_in); /* where its next row is */
        in += (size_t)x->count_in[q] * p->cols;
    }
    const enum apg_status status = apg_comm_exchange(x->piece, err);
    for (size_t i = row; !status && !x->rank && i < row + n; i++, out += p->cols) {
        const size_t q = id_of(g, op, i, &f) % x->ranks;
        memcpy(out, x->dense_in + x->count_out[q], p->cols * sizeof *out);
        x->count_out[q] += p->cols;
    }
    return status;
}
