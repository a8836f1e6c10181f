/* SPDX-License-Identifier: MIT
 *
 * Rows by domain. "group-by-domain" brings a slot's rows into the order of their domains, so that what a
 * domain has of its own is applied to a run of rows that lie side by side; "ungroup" puts them back.
 *
 * ORDER (B, 1) says which row of the slot is at each place. RUNS (domains, 2) has run k's domain and the
 * place behind its last row; the last run ends at the slot's rows. Both are whole numbers below 2^24, which a
 * float holds exactly.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

bool apg_run_at(const struct apg_slot *s, int runs, size_t k, struct apg_run *r)
{
    const apg_real *run = s->x[runs];
    r->from = k && s->rows ? (size_t)run[2 * k - 1] : 0;
    if (r->from == s->rows)
        return false;
    r->domain = (size_t)run[2 * k];
    r->to = (size_t)run[2 * k + 1];
    return true;
}

size_t apg_runs(const struct apg_slot *s, int runs)
{
    struct apg_run r;
    size_t k = 0;
    while (apg_run_at(s, runs, k, &r))
        k++;
    return k;
}

void apg_domain_start(const struct apg_graph *g, struct apg_domain_rows *d)
{
    memset(d->next, 0, g->n_slots * sizeof *d->next);
}

bool apg_domain_next(const struct apg_graph *g, int runs, struct apg_domain_rows *d)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < g->n_slots; i++) {
        d->k[i] = d->next[i];
        if (apg_run_at(&g->slot[i], runs, d->k[i], &d->run[i]))
            least = d->run[i].domain < least ? d->run[i].domain : least;
        else
            d->run[i] = (struct apg_run){SIZE_MAX, 0, 0};
    }
    for (size_t i = 0; i < g->n_slots; i++)
        if (d->run[i].domain == least)
            d->next[i]++;
        else
            d->run[i].from = d->run[i].to = 0;
    d->domain = least;
    return least != SIZE_MAX;
}

int apg_op_by_domain(struct apg_graph *g, enum apg_start start, const struct apg_domains *d, size_t cols,
    int grad, size_t at, const char *layer, const char *name)
{
    int i = apg_graph_param(g, start, d->n, cols, "%s.domain.%s", layer, name);
    if (!g->failed) {
        struct apg_param *p = &g->param[i];
        p->by_run = true, p->runs = d->runs, p->grad = grad, p->grad_at = at;
    }
    return i;
}

struct group {
    size_t field, domains;
    int order, runs;
    int count; /* scratch (1, domains): how many rows each has, then where its next row goes */
};
APG_OP_OWN(group)

static void group_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct group *own = group_of(op);
    const size_t N = g->width[op->out];
    const uint32_t *first = s->bags.first + own->field, *id = s->bags.id;
    const size_t F = g->F, base = g->field[own->field].first;
    apg_real *order = s->x[own->order], *run = s->x[own->runs], *count = s->x[own->count];
    memset(count, 0, own->domains * sizeof *count);
    for (size_t i = 0; i < s->rows; i++)
        count[id[first[i * F]] - base]++;
    apg_real at = 0;
    for (size_t d = 0; d < own->domains; d++) {
        apg_real n = count[d];
        if (!(n > 0))
            continue;
        count[d] = at;
        at += n;
        *run++ = (apg_real)d;
        *run++ = at;
    }
    for (size_t i = 0; i < s->rows; i++)
        order[(size_t)count[id[first[i * F]] - base]++] = (apg_real)i;
    for (size_t p = 0; p < s->rows; p++)
        memcpy(s->x[op->out] + p * N, s->x[op->in[0]] + (size_t)order[p] * N, N * sizeof *order);
}

static void group_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *order = s->x[group_of(op)->order];
    const size_t N = g->width[op->out];
    for (size_t p = 0; p < s->rows; p++)
        apg_kernel_add(s->dx[op->in[0]] + (size_t)order[p] * N, s->dx[op->out] + p * N, 1, N);
}

/* All ranks then know which domains a slot has. */
static void group_join(struct apg_graph *g, const struct apg_op *op)
{
    const struct group *own = group_of(op);
    size_t n[APG_SLOTS_MAX];
    for (size_t i = 0; i < g->n_slots;
         i++) /* behind the last run is nothing, which costs less than to say so */
        n[i] = 2 * (own->domains < g->slot[i].rows ? own->domains : g->slot[i].rows);
    apg_graph_share(g, own->runs, false, n);
}

static const struct apg_op_type group = {.name = "group-by-domain",
    .forward = group_forward,
    .backward = group_backward,
    .forward_join = group_join,
    .joins_ranks = true};

int apg_op_group_by_domain(struct apg_graph *g, int x, size_t field, struct apg_domains *d)
{
    d->n = g->failed ? 1 : g->field[field].rows;
    d->order = apg_graph_value(g, 1);
    d->runs = apg_graph_scratch(g, 2, d->n);
    apg_graph_shared(g, d->runs);
    const struct group own = {field, d->n, d->order, d->runs, apg_graph_scratch(g, d->n, 1)};
    struct apg_op *op = apg_graph_op(g, &group, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, apg_graph_width(g, x));
}

struct ungroup {
    int order;
};
APG_OP_OWN(ungroup)

static void ungroup_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *order = s->x[ungroup_of(op)->order];
    const size_t N = g->width[op->out];
    for (size_t p = 0; p < s->rows; p++)
        memcpy(s->x[op->out] + (size_t)order[p] * N, s->x[op->in[0]] + p * N, N * sizeof *order);
}

static void ungroup_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *order = s->x[ungroup_of(op)->order];
    const size_t N = g->width[op->out];
    for (size_t p = 0; p < s->rows; p++)
        apg_kernel_add(s->dx[op->in[0]] + p * N, s->dx[op->out] + (size_t)order[p] * N, 1, N);
}

static const struct apg_op_type ungroup = {
    .name = "ungroup", .forward = ungroup_forward, .backward = ungroup_backward};

int apg_op_ungroup(struct apg_graph *g, int x, const struct apg_domains *d)
{
    struct apg_op *op = apg_graph_op(g, &ungroup, &(struct ungroup){d->order}, sizeof(struct ungroup));
    op->in[0] = x, op->n_in = 1;
    return op->out = apg_graph_value(g, apg_graph_width(g, x));
}
