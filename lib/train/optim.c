/* SPDX-License-Identifier: MIT */
#include "train/optim.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "nn/kernel.h"
#include "base/mem.h"
#include "base/comm.h"
#include "nn/exchange.h"
#include "nn/ops.h"
#include "nn/tree.h"

struct apg_optim {
    struct apg_model *m;
    bool row_wise;
    const struct apg_optim_options *options;
    uint64_t steps;
    double scale_m, scale_v;    /* bias corrections of this step */
    const uint32_t *const *row; /* of the batch */
    size_t n_rows;
    double inverse_rows;        /* 1 / rows */
    double *loss;               /* (slots) */
    apg_real **first, **second; /* moments, by param; of a table row-wise: none, and one for each row */
    uint32_t *count;            /* (T): how often the training rows have a row; NULL: not counted */
    struct apg_distinct *rows;  /* by field: those of the batch */
    atomic_bool failed;
};

/* How many moments a param has. Before the graph is finished, all rows are taken to be here. */
static size_t rows_of(const struct apg_param *p)
{
    return p->derived ? 0 : p->here ? p->here : p->rows;
}

static size_t n_first(const struct apg_param *p, bool row_wise)
{
    return p->table && row_wise ? 0 : rows_of(p) * p->cols;
}

static size_t n_second(const struct apg_param *p, bool row_wise)
{
    return rows_of(p) * (p->table && row_wise ? 1 : p->cols);
}

/* The ids whose rows are held here. */
static size_t held_rows(const struct apg_graph *g)
{
    return g->exchange ? g->held[g->F - 1].first + g->held[g->F - 1].rows : g->T;
}

uint64_t apg_optim_bytes(const struct apg_graph *g, bool row_wise)
{
    uint64_t moments = 0;
    for (size_t i = 0; i < g->n_params; i++)
        moments += n_first(&g->param[i], row_wise) + n_second(&g->param[i], row_wise);
    return moments * sizeof(apg_real) + sizeof(uint32_t) * (uint64_t)held_rows(g);
}

enum apg_status apg_optim_new(
    struct apg_optim **out, struct apg_model *m, bool row_wise, struct apg_error *err)
{
    size_t n = m->graph.n_params;
    struct apg_optim *o = apg_alloc(1, sizeof *o);
    if (!o)
        return apg_fail_memory(err);
    o->m = m;
    o->row_wise = row_wise;
    bool ok = (o->first = apg_alloc(n, sizeof *o->first)) && (o->second = apg_alloc(n, sizeof *o->second)) &&
              (o->loss = apg_alloc(m->graph.n_slots, sizeof *o->loss)) &&
              (o->rows = apg_alloc(m->graph.F, sizeof *o->rows));
    for (size_t i = 0; ok && i < n; i++) {
        const struct apg_param *p = &m->graph.param[i];
        ok = (o->first[i] = apg_alloc(n_first(p, row_wise), sizeof **o->first)) &&
             (o->second[i] = apg_alloc(n_second(p, row_wise), sizeof **o->second));
    }
    if (!ok) {
        apg_optim_free(o);
        return apg_fail_memory(err);
    }
    *out = o;
    return APG_OK;
}

void apg_optim_free(struct apg_optim *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->m->graph.n_params; i++) {
        free(o->first ? o->first[i] : NULL);
        free(o->second ? o->second[i] : NULL);
    }
    for (size_t f = 0; o->rows && f < o->m->graph.F; f++)
        apg_distinct_release(&o->rows[f]);
    free(o->first);
    free(o->second);
    free(o->count);
    free(o->loss);
    free(o->rows);
    free(o);
}

uint64_t *apg_optim_steps(struct apg_optim *o)
{
    return &o->steps;
}

apg_real *apg_optim_moment(const struct apg_optim *o, size_t i, bool second, size_t *cols)
{
    const struct apg_param *p = &o->m->graph.param[i];
    const size_t n = second ? n_second(p, o->row_wise) : n_first(p, o->row_wise);
    *cols = p->here ? n / p->here : 0;
    return second ? o->second[i] : o->first[i];
}

/* Where the row ID is, of the rows held here. */
static size_t place_of(const struct apg_optim *o, uint32_t id)
{
    return o->m->graph.exchange ? apg_exchange_place(id, apg_comm_ranks()) : id;
}

/* Add TIMES to the count of the row at place I. */
static void count_row(struct apg_optim *o, size_t i, uint32_t times)
{
    o->count[i] = times < UINT32_MAX - o->count[i] ? o->count[i] + times : UINT32_MAX;
}

enum apg_status apg_optim_count(
    struct apg_optim *o, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_graph *g = &o->m->graph;
    if (!o->count && !(o->count = apg_alloc(held_rows(g), sizeof *o->count)))
        return apg_fail_memory(err);
    enum apg_status status = apg_model_set_batch(o->m, row, n, pool, err);
    if (g->exchange && !status)
        status = apg_exchange_ask(g, pool, err);
    for (size_t f = 0; g->exchange && !status && f < g->F; f++) {
        const struct apg_distinct *d = apg_exchange_asked(g, f);
        for (uint32_t k = 0; k < d->n; k++)
            count_row(o, place_of(o, d->row[k].id), d->row[k].times);
    }
    for (size_t i = 0; !g->exchange && !status && i < g->n_slots; i++) {
        const struct apg_bags *b = &g->slot[i].bags;
        for (uint32_t k = 0; k < b->first[g->slot[i].rows * g->F]; k++)
            count_row(o, b->id[k], 1);
    }
    return status;
}

/* Row-wise Adagrad starts with steps as long as the rate and ends with a tenth of it, where Adam's are a few
 * rates long at first and one in the end; so its rate is this many times as large. Test AUC of static models:
 * ml-1m-autoint .9099 with Adam, .9073, .9090 with 5, 10 times, and .9072 with 10 where sums forget nothing;
 * ml-100k, two seeds, .7093 with Adam, .7103, .7054; avazu-9k .7317, .7348, .7325. */
static const double ROW_WISE_RATE = 8;

static void update(const struct apg_optim *o, double lr, size_t n, apg_real *w, apg_real *m, apg_real *v,
    const apg_real *g, apg_real l2)
{
    if (o->options->adagrad)
        apg_kernel_adagrad(n, w, v, g, l2, (apg_real)lr);
    else
        apg_kernel_adam(n, w, m, v, g, l2, (apg_real)(lr * o->scale_m), (apg_real)o->scale_v);
}

/* The sum of the log losses of slot I, and the gradient of each logit. A member is trained by its own loss, as if it
 * were alone; what is told is their mean. */
static void slot_loss(void *arg, size_t i)
{
    struct apg_optim *o = arg;
    struct apg_graph *g = &o->m->graph;
    struct apg_slot *s = &g->slot[i];
    double loss = 0;
    const uint32_t *const *row =
        o->row + o->n_rows * i / g->n_slots; /* of the slot: as apg_model_set_batch cuts */
    const size_t weight_at = apg_row_weight_at(o->m->schema);
    const size_t members = apg_model_members(o->m);
    const apg_real *x = s->x[g->logit];
    apg_real *dx = s->dx[g->logit];
    for (size_t k = 0; k < s->rows * members; k++) {
        const size_t r = k / members;
        double z = (double)x[k], y = (double)s->label[r], e = exp(-fabs(z));
        const double w = weight_at ? (double)apg_word_float(row[r][weight_at]) / o->options->mean_weight : 1;
        loss += w * (log1p(e) + (z > 0 ? z : 0) - z * y);
        dx[k] = (apg_real)(w * (((z >= 0 ? 1 : e) / (1 + e) - y) * o->inverse_rows));
    }
    o->loss[i] = loss / (double)members;
}

static void dense_update(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_graph *g = &o->m->graph;
    const struct apg_param *p = &g->param[i];
    if (!p->table && !p->by_run && !p->derived && !p->state)
        update(o, o->options->lr, p->rows * p->cols, p->w, o->first[i], o->second[i],
            g->slot[g->slot_from].grad + p->at, p->generator ? (apg_real)o->options->generator_l2 : 0);
}

/* Task i updates column share i % PARAM_SHARES of param i / PARAM_SHARES, for each domain that the batch
 * has. Slot gradients are summed over slots, into the first one. */
enum { PARAM_SHARES = 8 };
static void domain_update(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_graph *g = &o->m->graph;
    const struct apg_param *p = &g->param[i / PARAM_SHARES];
    struct apg_tree_part part[APG_SLOTS_MAX];
    struct apg_domain_rows d;
    if (!p->by_run)
        return;
    size_t from = p->cols * (i % PARAM_SHARES) / PARAM_SHARES,
           n = p->cols * (i % PARAM_SHARES + 1) / PARAM_SHARES - from;
    size_t domain = 0;
    for (apg_domain_start(g, &d); apg_domain_next(g, p->runs, &d); domain++) {
        size_t n_parts = 0;
        for (size_t s = 0; !g->exchange && s < g->n_slots; s++)
            if (d.run[s].to > d.run[s].from)
                part[n_parts++] = (struct apg_tree_part){
                    s, g->slot[s].dx[p->grad] + d.k[s] * g->width[p->grad] + p->grad_at + from};
        const apg_real *sum = g->exchange ? apg_exchange_run(g, p->grad, domain) + p->grad_at + from
                                          : apg_tree_sum(part, n_parts, n);
        size_t at = d.domain * p->cols + from;
        update(o, o->options->lr, n, p->w + at, o->first[i / PARAM_SHARES] + at,
            o->second[i / PARAM_SHARES] + at, sum, 0);
    }
}

/* The prior of a weight of a linear part is weaker: it moves the logit by itself, and not by what the layers
 * make of it. avazu-9k, static, five splits, test AUC: .686 with the same for both, .697 with a hundredth.
 * That of a number's bins is stronger, as they add to its line: criteo-10k, five splits, .745 alike, .748
 * with ten times, .749 without bins; adult, one, .9267, .9275 and .91. */
static const double LINEAR_SHARE = .01, BIN_SHARE = 10;

/* The part of the prior's penalty that a batch bears which has table row ROW of field F, of E numbers, so
 * many TIMES. Over an epoch the parts add up to the whole. Fields behind those of the schema are crosses. */
static double prior_of(const struct apg_optim *o, size_t f, uint32_t row, size_t E, uint32_t times)
{
    const struct apg_schema *s = o->m->schema;
    const double prior = o->options->embedding_prior;
    if (!(prior > 0 && o->count))
        return 0;
    const bool bin = f < s->n_fields && s->field[f].kind == APG_NUMERIC && row - s->field[f].first >= 2;
    return prior * (E == 1 ? LINEAR_SHARE : 1) * (bin ? BIN_SHARE : 1) * times / o->count[place_of(o, row)] *
           o->inverse_rows;
}

/* Update the rows of field F that the batch has, and that are held here, in all tables. No two fields share a row,
 * so they are updated in parallel. */
static void table_update(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_graph *g = &o->m->graph;
    struct apg_distinct *d = g->exchange ? apg_exchange_asked(g, f) : &o->rows[f];
    struct apg_embedding at;
    bool ok = g->exchange || apg_distinct_find(d, g, f);
    for (size_t j = 0; ok && j < g->n_ops; j++) {
        const struct apg_op *op = &g->op[j];
        if (!op->type->embedding || !op->type->embedding(g->held, op, f, &at))
            continue;
        const int table = op->param[0];
        const size_t E = at.E;
        ok = g->exchange ? apg_exchange_sum(g, f, j) : apg_distinct_sum(d, g, op, f, &at);
        for (uint32_t k = 0; ok && k < d->n; k++) {
            const uint32_t row = d->row[k].id;
            const size_t i = place_of(o, row) - g->held[f].first + at.row;
            const apg_real l2 =
                (apg_real)(o->options->embedding_l2 + prior_of(o, f, row, E, d->row[k].times));
            apg_real *w = g->param[table].w + i * E, *grad = apg_distinct_total(d, k, E),
                     *v = o->second[table];
            if (o->row_wise)
                apg_kernel_adagrad_row(
                    E, w, v + i, grad, l2, (apg_real)(ROW_WISE_RATE * o->options->embedding_lr));
            else
                update(o, o->options->embedding_lr, E, w, o->first[table] + i * E, v + i * E, grad, l2);
        }
    }
    if (!ok)
        atomic_store(&o->failed, true);
}

/* What other ranks are to know before the update: gradients of tables and of params by domain, and losses. */
static enum apg_status exchange(struct apg_optim *o, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_graph *g = &o->m->graph;
    enum apg_status status = apg_exchange_return(g, pool, err);
    for (size_t i = 0; !status && i < g->n_params; i++) {
        bool done = !g->param[i].by_run; /* of a value that has several params' */
        for (size_t k = 0; k < i; k++)
            done = done || (g->param[k].by_run && g->param[k].grad == g->param[i].grad);
        if (!done)
            status = apg_exchange_runs(g, g->param[i].runs, g->param[i].grad, err);
    }
    return status ? status : apg_exchange_losses(g, o->loss, err);
}

enum apg_status apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err)
{
    struct apg_graph *g = &o->m->graph;
    enum apg_status status = apg_model_set_batch(o->m, row, n, pool, err);
    if (status)
        return status;
    if (g->exchange && (status = apg_exchange_read(g, pool, err)))
        return status;
    o->options = options;
    o->steps++;
    o->scale_m = 1 / (1 - pow(0.9, (double)o->steps));
    o->scale_v = 1 / sqrt(1 - pow(0.999, (double)o->steps));
    o->row = row;
    o->n_rows = n;
    o->inverse_rows = 1 / (double)n;
    for (size_t i = 0; i < g->n_slots; i++)
        g->slot[i].key = apg_rng_at(key, i);
    if ((status = apg_graph_train(g, pool, slot_loss, o, err)) ||
        (g->exchange && (status = exchange(o, pool, err))))
        return status;
    apg_pool_run(pool, g->n_params, dense_update, o);
    apg_pool_run(pool, g->n_params * PARAM_SHARES, domain_update, o);
    apg_pool_run(pool, g->F, table_update, o);
    *loss = 0;
    for (size_t i = 0; i < g->n_slots; i++)
        *loss += o->loss[i];
    return atomic_load(&o->failed) ? apg_fail_memory(err) : APG_OK;
}
