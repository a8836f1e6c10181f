/* SPDX-License-Identifier: MIT
 *
 * Rows by domain: "sort" brings a slot's rows into the order of their domains, so that what a domain has of
 * its own is applied to a run of rows that lie side by side; "unsort" puts them back.
 *
 * ORDER (B, 1): which row of the slot is at each place. RUNS (domains, 2): run k's domain, and the place
 * behind its last row; the last run ends at the slot's rows. Both are whole numbers below 2^24.
 */
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

enum { ORDER, RUNS, COUNT }; /* aux */

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

bool apg_domain_next(const struct apg_graph *g, int runs, struct apg_domain_rows *d)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < APG_SLOTS; i++) {
        d->k[i] = d->next[i];
        if (apg_run_at(&g->slot[i], runs, d->k[i], &d->run[i]))
            least = d->run[i].domain < least ? d->run[i].domain : least;
        else
            d->run[i] = (struct apg_run){SIZE_MAX, 0, 0};
    }
    for (size_t i = 0; i < APG_SLOTS; i++)
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

static size_t domain_of(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, size_t i)
{
    size_t f = op->field[0];
    return s->bags.id[s->bags.first[i * g->F + f]] - g->field[f].first;
}

static void sort_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    apg_real *order = s->x[op->aux[ORDER]], *run = s->x[op->aux[RUNS]], *count = s->x[op->aux[COUNT]];
    memset(count, 0, op->F * sizeof *count);
    for (size_t i = 0; i < s->rows; i++)
        count[domain_of(g, op, s, i)]++;
    apg_real at = 0;
    for (size_t d = 0; d < op->F; d++) {
        apg_real n = count[d];
        if (!(n > 0))
            continue;
        count[d] = at;
        at += n;
        *run++ = (apg_real)d;
        *run++ = at;
    }
    for (size_t i = 0; i < s->rows; i++)
        order[(size_t)count[domain_of(g, op, s, i)]++] = (apg_real)i;
    for (size_t p = 0; p < s->rows; p++)
        memcpy(s->x[op->out] + p * op->N, s->x[op->in[0]] + (size_t)order[p] * op->N, op->N * sizeof *order);
}

static void sort_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    for (size_t p = 0; p < s->rows; p++)
        apg_kernel_add(
            s->dx[op->in[0]] + (size_t)s->x[op->aux[ORDER]][p] * op->N, s->dx[op->out] + p * op->N, 1, op->N);
}

static const struct apg_op_type sort = {
    .name = "sort", .forward = sort_forward, .backward = sort_backward, .cost = apg_op_no_cost};

int apg_op_sort(struct apg_graph *g, int x, size_t field, struct apg_domains *d)
{
    struct apg_op *op = apg_graph_op(g, &sort);
    op->in[0] = x, op->n_in = 1;
    op->N = apg_graph_width(g, x), op->F = d->n = g->failed ? 1 : g->field[field].rows;
    op->field[0] = field;
    op->aux[ORDER] = d->order = apg_graph_value(g, 1);
    op->aux[RUNS] = d->runs = apg_graph_scratch(g, 2, op->F);
    op->aux[COUNT] = apg_graph_scratch(g, op->F, 1);
    return op->out = apg_graph_value(g, op->N);
}

static void unsort_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    for (size_t p = 0; p < s->rows; p++)
        memcpy(s->x[op->out] + (size_t)s->x[op->aux[ORDER]][p] * op->N, s->x[op->in[0]] + p * op->N,
            op->N * sizeof(apg_real));
}

static void unsort_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    for (size_t p = 0; p < s->rows; p++)
        apg_kernel_add(
            s->dx[op->in[0]] + p * op->N, s->dx[op->out] + (size_t)s->x[op->aux[ORDER]][p] * op->N, 1, op->N);
}

static const struct apg_op_type unsort = {
    .name = "unsort", .forward = unsort_forward, .backward = unsort_backward, .cost = apg_op_no_cost};

int apg_op_unsort(struct apg_graph *g, int x, const struct apg_domains *d)
{
    struct apg_op *op = apg_graph_op(g, &unsort);
    op->in[0] = x, op->n_in = 1;
    op->N = apg_graph_width(g, x), op->aux[ORDER] = d->order;
    return op->out = apg_graph_value(g, op->N);
}
