/* SPDX-License-Identifier: MIT */
#include "train/optim.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "nn/kernel.h"
#include "base/mem.h"
#include "nn/ops.h"

/* The rows of a field's embeddings that a batch touches. */
struct touched {
    uint32_t n, *row, *times; /* (n): a table row, and how often the batch has it */
    size_t cap_row, cap_times;
    apg_real *grad; /* (n, cols) */
    size_t cap_grad;
};

struct apg_optim {
    struct apg_model *m;
    bool row_wise;
    const struct apg_optim_options *options;
    uint64_t steps;
    double scale_m, scale_v;    /* bias corrections of this step */
    const uint32_t *const *row; /* of the batch */
    size_t rows;
    double inverse_rows; /* 1 / rows */
    double loss[APG_SLOTS];
    apg_real **first, **second; /* moments, by param; of a table row-wise: none, and one for each row */
    uint32_t *count;            /* (T): how often the training rows have a row; NULL: not counted */
    uint32_t *place;            /* (T): 1 + a row's index among the touched, 0 between steps */
    struct touched *touched;    /* by field */
    atomic_bool failed;
};

/* How many moments a param has. */
static size_t n_first(const struct apg_param *p, bool row_wise)
{
    return p->derived || (p->table && row_wise) ? 0 : p->rows * p->cols;
}

static size_t n_second(const struct apg_param *p, bool row_wise)
{
    return p->derived ? 0 : p->table && row_wise ? p->rows : p->rows * p->cols;
}

uint64_t apg_optim_bytes(const struct apg_graph *g, bool row_wise)
{
    uint64_t moments = 0;
    for (size_t i = 0; i < g->n_params; i++)
        moments += n_first(&g->param[i], row_wise) + n_second(&g->param[i], row_wise);
    return moments * sizeof(apg_real) + 2 * sizeof(uint32_t) * (uint64_t)g->T;
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
              (o->place = apg_alloc(m->schema->rows, sizeof *o->place)) &&
              (o->touched = apg_alloc(m->graph.F, sizeof *o->touched));
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
    for (size_t f = 0; o->touched && f < o->m->graph.F; f++) {
        free(o->touched[f].row);
        free(o->touched[f].times);
        free(o->touched[f].grad);
    }
    free(o->first);
    free(o->second);
    free(o->count);
    free(o->place);
    free(o->touched);
    free(o);
}

enum apg_status apg_optim_count(
    struct apg_optim *o, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err)
{
    const struct apg_graph *g = &o->m->graph;
    if (!o->count && !(o->count = apg_alloc(o->m->schema->rows, sizeof *o->count)))
        return apg_fail_memory(err);
    const enum apg_status status = apg_model_set_batch(o->m, row, n, pool, err);
    for (int i = 0; !status && i < APG_SLOTS; i++) {
        const struct apg_bags *b = &g->slot[i].bags;
        for (uint32_t k = 0; k < b->first[g->slot[i].rows * g->F]; k++)
            o->count[b->id[k]] += o->count[b->id[k]] < UINT32_MAX;
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

/* The sum of the log losses of slot I, and the gradient of each logit. */
static void slot_loss(void *arg, size_t i)
{
    struct apg_optim *o = arg;
    struct apg_graph *g = &o->m->graph;
    struct apg_slot *s = &g->slot[i];
    double loss = 0;
    const uint32_t *const *row =
        o->row + o->rows * i / APG_SLOTS; /* of the slot: as apg_model_set_batch cuts */
    const size_t weight_at = apg_row_weight_at(o->m->schema);
    const apg_real *x = s->x[g->logit];
    apg_real *dx = s->dx[g->logit];
    for (size_t r = 0; r < s->rows; r++) {
        double z = (double)x[r], y = (double)s->label[r], e = exp(-fabs(z));
        const double w = weight_at ? (double)apg_word_float(row[r][weight_at]) / o->options->mean_weight : 1;
        loss += w * (log1p(e) + (z > 0 ? z : 0) - z * y);
        dx[r] = (apg_real)(w * (((z >= 0 ? 1 : e) / (1 + e) - y) * o->inverse_rows));
    }
    o->loss[i] = loss;
}

static void dense_update(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_param *p = &o->m->graph.param[i];
    if (!p->table && !p->by_run && !p->derived && !p->state)
        update(o, o->options->lr, p->rows * p->cols, p->w, o->first[i], o->second[i],
            o->m->graph.slot[0].grad + p->at, p->generator ? (apg_real)o->options->generator_l2 : 0);
}

/* Task i updates column share i % PARAM_SHARES of param i / PARAM_SHARES, for each domain that the batch
 * has. Slot gradients are summed in slot order, into the first one. */
enum { PARAM_SHARES = 8 };
static void domain_update(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_graph *g = &o->m->graph;
    const struct apg_param *p = &g->param[i / PARAM_SHARES];
    if (!p->by_run)
        return;
    size_t from = p->cols * (i % PARAM_SHARES) / PARAM_SHARES,
           n = p->cols * (i % PARAM_SHARES + 1) / PARAM_SHARES - from;
    for (struct apg_domain_rows d = {0}; apg_domain_next(g, p->runs, &d);) {
        apg_real *sum = NULL;
        for (size_t s = 0; s < APG_SLOTS; s++) {
            apg_real *grad = g->slot[s].dx[p->grad] + d.k[s] * g->width[p->grad] + p->grad_at + from;
            if (sum && d.run[s].to > d.run[s].from)
                apg_kernel_add(sum, grad, 1, n);
            else if (d.run[s].to > d.run[s].from)
                sum = grad;
        }
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
    return prior * (E == 1 ? LINEAR_SHARE : 1) * (bin ? BIN_SHARE : 1) * times / o->count[row] *
           o->inverse_rows;
}

/* Update the rows of field F that the batch touches, in all tables. No two fields share a row, so they are
 * updated in parallel. */
static void table_update(void *arg, size_t f, unsigned worker)
{
    (void)worker;
    struct apg_optim *o = arg;
    const struct apg_graph *g = &o->m->graph;
    struct touched *t = &o->touched[f];
    t->n = 0;
    for (int i = 0; i < APG_SLOTS; i++) {
        const struct apg_slot *s = &g->slot[i];
        for (size_t r = 0; r < s->rows; r++)
            for (uint32_t k = s->bags.first[r * g->F + f]; k < s->bags.first[r * g->F + f + 1]; k++) {
                uint32_t id = s->bags.id[k];
                if (o->place[id]) {
                    t->times[o->place[id] - 1]++;
                    continue;
                }
                if (!apg_grow(&t->row, &t->cap_row, (size_t)t->n + 1, sizeof *t->row) ||
                    !apg_grow(&t->times, &t->cap_times, (size_t)t->n + 1, sizeof *t->times)) {
                    atomic_store(&o->failed, true);
                    goto done;
                }
                t->row[t->n] = id;
                t->times[t->n++] = 1;
                o->place[id] = t->n;
            }
    }
    for (size_t j = 0; j < g->n_ops; j++) {
        const struct apg_op *op = &g->op[j];
        struct apg_embedding at;
        if (!op->type->embedding || !op->type->embedding(g, op, f, &at))
            continue;
        const int table = op->param[0];
        const size_t E = at.E;
        if (!apg_grow(&t->grad, &t->cap_grad, t->n * E, sizeof *t->grad)) {
            atomic_store(&o->failed, true);
            goto done;
        }
        if (t->n) /* else grad may be NULL: all of the batch's cells are empty lists */
            memset(t->grad, 0, t->n * E * sizeof *t->grad);
        for (int i = 0; i < APG_SLOTS; i++) {
            const struct apg_slot *s = &g->slot[i];
            for (size_t r = 0; r < s->rows; r++) {
                const apg_real *de = s->dx[op->out] + r * g->width[op->out] + at.column;
                for (uint32_t k = s->bags.first[r * g->F + f]; k < s->bags.first[r * g->F + f + 1]; k++) {
                    apg_real *row = t->grad + (size_t)(o->place[s->bags.id[k]] - 1) * E;
                    apg_kernel_add(row, de, (apg_real)s->bags.weight[k], E);
                }
            }
        }
        for (uint32_t k = 0; k < t->n; k++) {
            const size_t i = t->row[k] - g->field[f].first + at.row;
            const apg_real l2 =
                (apg_real)(o->options->embedding_l2 + prior_of(o, f, t->row[k], E, t->times[k]));
            apg_real *w = g->param[table].w + i * E, *grad = t->grad + k * E, *v = o->second[table];
            if (o->row_wise)
                apg_kernel_adagrad_row(
                    E, w, v + i, grad, l2, (apg_real)(ROW_WISE_RATE * o->options->embedding_lr));
            else
                update(o, o->options->embedding_lr, E, w, o->first[table] + i * E, v + i * E, grad, l2);
        }
    }
done:
    for (uint32_t k = 0; k < t->n; k++)
        o->place[t->row[k]] = 0;
}

enum apg_status apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err)
{
    struct apg_graph *g = &o->m->graph;
    enum apg_status status = apg_model_set_batch(o->m, row, n, pool, err);
    if (status)
        return status;
    o->options = options;
    o->steps++;
    o->scale_m = 1 / (1 - pow(0.9, (double)o->steps));
    o->scale_v = 1 / sqrt(1 - pow(0.999, (double)o->steps));
    o->row = row;
    o->rows = n;
    o->inverse_rows = 1 / (double)n;
    for (size_t i = 0; i < APG_SLOTS; i++)
        g->slot[i].key = apg_rng_at(key, i);
    apg_graph_train(g, pool, slot_loss, o);
    apg_pool_run(pool, g->n_params, dense_update, o);
    apg_pool_run(pool, g->n_params * PARAM_SHARES, domain_update, o);
    apg_pool_run(pool, g->F, table_update, o);
    *loss = 0;
    for (int i = 0; i < APG_SLOTS; i++)
        *loss += o->loss[i];
    return atomic_load(&o->failed) ? apg_fail_memory(err) : APG_OK;
}
