/* SPDX-License-Identifier: MIT */
#include "train/fit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "train/average.h"
#include "base/mem.h"
#include "stats/metrics.h"

/* How often in an epoch weights are added to their average. Those that fit into a cache cost nothing; larger
 * ones are swept the less often the fewer rows there are to train on. */
enum { SWEEPS = 16, SWEPT_FREELY = 1 << 22, SWEPT_PER_ROW = 256 };
static uint64_t sweeps(uint64_t weights, uint64_t rows)
{
    const uint64_t afforded = weights <= SWEPT_FREELY ? SWEEPS : rows * SWEPT_PER_ROW / weights;
    return afforded < 1 ? 1 : afforded > SWEEPS ? SWEEPS : afforded;
}

/* Trained weights, kept aside. */
static void copy_weights(const struct apg_graph *g, apg_real *to, bool back)
{
    for (size_t i = 0; i < g->n_params; i++) {
        const struct apg_param *p = &g->param[i];
        size_t n = p->rows * p->cols;
        memcpy(back ? p->w : to, back ? to : p->w, n * sizeof *to);
        to += n;
    }
}

enum apg_status apg_fit_rows_init(struct apg_fit_rows *r, const struct apg_dataset *train,
    const struct apg_dataset *valid, const struct apg_fit_options *o, struct apg_error *err)
{
    uint64_t held = valid ? 0 : (uint64_t)(o->holdout * (double)train->rows);
    *r = (struct apg_fit_rows){.train = train, .valid = valid ? valid : train, .n_train = train->rows - held};
    r->n_valid = valid ? valid->rows : held;
    if (train->rows > UINT32_MAX)
        return apg_fail(err, APG_ERANGE, "more than %u rows to train on", UINT32_MAX);
    r->order = apg_alloc((size_t)train->rows, sizeof *r->order);
    if (!r->order)
        return apg_fail_memory(err);
    for (uint64_t i = 0; i < train->rows; i++)
        r->order[i] = (uint32_t)i;
    if (held) {
        struct apg_rng rng;
        apg_rng_init(&rng, o->seed, UINT64_MAX);
        apg_rng_shuffle(&rng, r->order, (size_t)train->rows);
    }
    r->held = valid ? NULL : r->order + r->n_train;
    return APG_OK;
}

void apg_fit_rows_release(struct apg_fit_rows *r)
{
    free(r->order);
    *r = (struct apg_fit_rows){0};
}

enum apg_status apg_fit_logits(struct apg_model *m, const struct apg_fit_rows *r, struct apg_pool *pool,
    double *logit, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    const uint32_t **row = apg_alloc(m->max_rows, sizeof *row);
    if (!row)
        return apg_fail_memory(err);
    apg_graph_prepare(&m->graph);
    for (uint64_t at = 0; !status && at < r->n_valid; at += m->max_rows) {
        size_t n = r->n_valid - at < m->max_rows ? (size_t)(r->n_valid - at) : m->max_rows;
        for (size_t i = 0; i < n; i++)
            row[i] = apg_fit_valid_row(r, at + i);
        status = apg_model_logits(m, row, n, pool, logit + at, err);
        for (size_t i = 0; !status && i < n; i++)
            if (!isfinite(logit[at + i]))
                status = apg_fail(err, APG_ERANGE, "training diverged: a logit is not finite; lower --lr");
    }
    free(row);
    return status;
}

double apg_fit_score(const struct apg_fit_options *o, double auc, double loss)
{
    return o->stop_on_loss || isnan(auc) ? -loss : auc;
}

/* A training: what its epochs share. */
struct training {
    struct apg_model *m;
    const struct apg_fit_options *o;
    struct apg_optim_options step; /* the rates decay */
    struct apg_fit_rows rows;
    uint64_t n_train, n_sweeps; /* rows, and additions to the average, of an epoch */
    uint64_t steps;             /* so far */
    struct apg_optim *optim;
    struct apg_average *average; /* NULL: none */
    const uint32_t **row;        /* (batch_size) */
    double *logit;               /* (n_valid) */
    struct apg_metrics metrics;
    apg_real *best; /* weights kept aside */
    double best_score;
    size_t bad; /* epochs since */
    struct apg_fit_state state;
    struct apg_pool *pool;
    apg_fit_progress *progress;
    void *arg;
};

static enum apg_status start(struct training *t, const struct apg_dataset *train,
    const struct apg_dataset *valid, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    size_t weights = 0;
    for (size_t i = 0; i < t->m->graph.n_params; i++)
        weights += t->m->graph.param[i].rows * t->m->graph.param[i].cols;
    apg_metrics_init(&t->metrics, true);
    enum apg_status status = apg_fit_rows_init(&t->rows, train, valid, o, err);
    if (status)
        return status;
    t->n_train = o->epoch_rows && o->epoch_rows < t->rows.n_train ? o->epoch_rows : t->rows.n_train;
    t->n_sweeps = sweeps(weights, t->n_train);
    t->steps = o->past * ((t->n_train + o->batch_size - 1) / o->batch_size);
    t->step = o->optim;
    t->step.generator_l2 = t->rows.n_train ? o->generator_l2 / (double)t->rows.n_train : 0;
    t->best_score = -INFINITY;
    t->state = (struct apg_fit_state){
        .epochs = o->epochs, .epoch_rows = t->n_train, .has_valid = t->rows.n_valid > 0};
    if (!(t->best = apg_alloc(weights, sizeof *t->best)) ||
        !(t->row = apg_alloc(t->m->max_rows, sizeof *t->row)) ||
        !(t->logit = apg_alloc((size_t)t->rows.n_valid, sizeof *t->logit)))
        return apg_fail_memory(err);
    if (o->average > 0 && (status = apg_average_new(&t->average, &t->m->graph, err)))
        return status;
    return apg_optim_new(&t->optim, t->m, err);
}

static void end(struct training *t)
{
    apg_optim_free(t->optim);
    apg_average_free(t->average);
    apg_metrics_release(&t->metrics);
    apg_fit_rows_release(&t->rows);
    free(t->best);
    free(t->row);
    free(t->logit);
}

/* One pass over the rows. */
static enum apg_status train_epoch(struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    struct apg_fit_state *s = &t->state;
    enum apg_status status = APG_OK;
    struct apg_rng rng;
    apg_rng_init(&rng, o->seed, UINT64_MAX - o->past - s->epoch);
    apg_rng_shuffle(&rng, t->rows.order, (size_t)t->rows.n_train);
    double sum = 0;
    s->epoch_done = false;
    for (s->rows = 0; !status && s->rows < t->n_train;) {
        const size_t n =
            o->batch_size < t->n_train - s->rows ? o->batch_size : (size_t)(t->n_train - s->rows);
        for (size_t i = 0; i < n; i++)
            t->row[i] = apg_dataset_row(t->rows.train, t->rows.order[s->rows + i]);
        double loss = 0;
        status = apg_optim_step(t->optim, &t->step, t->row, n,
            apg_rng_at(o->seed ^ 0x5851f42d4c957f2d, t->steps++), t->pool, &loss, err);
        if (!status && !isfinite(loss))
            status = apg_fail(err, APG_ERANGE,
                "training diverged in epoch %zu: the loss is not finite; lower --lr", s->epoch);
        sum += loss;
        const uint64_t before = s->rows * t->n_sweeps / t->n_train;
        s->rows += n;
        if (t->average && s->rows * t->n_sweeps / t->n_train > before)
            apg_average_add(t->average, o->average, t->pool);
        s->loss = sum / (double)s->rows;
        s->recent = loss / (double)n;
        if (!status && t->progress)
            t->progress(t->arg, s);
    }
    t->step.lr *= o->lr_decay;
    t->step.embedding_lr *= o->lr_decay;
    return status;
}

static enum apg_status validate(struct training *t, struct apg_error *err)
{
    struct apg_metrics_report report;
    enum apg_status status = apg_fit_logits(t->m, &t->rows, t->pool, t->logit, err);
    apg_metrics_reset(&t->metrics);
    for (uint64_t i = 0; !status && i < t->rows.n_valid; i++)
        status = apg_metrics_add(
            &t->metrics, t->logit[i], apg_word_float(apg_fit_valid_row(&t->rows, i)[0]) > 0, 0, err);
    if (!status && !(status = apg_metrics_report(&t->metrics, &report, err))) {
        t->state.valid_auc = report.auc;
        t->state.valid_loss = report.means.log_loss;
        t->state.valid_entropy = report.means.normalized_entropy;
    }
    return status;
}

/* The epoch's weights are the model's: keep them, if they are the best so far. */
static enum apg_status judge_epoch(struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    struct apg_fit_state *s = &t->state;
    enum apg_status status = s->has_valid ? validate(t, err) : APG_OK;
    if (status)
        return status;
    const double score = s->has_valid ? apg_fit_score(o, s->valid_auc, s->valid_loss) : (double)s->epoch;
    s->better = score > t->best_score + (s->has_valid ? 1e-6 : 0);
    t->bad = s->better ? 0 : t->bad + 1;
    if (s->better) {
        t->best_score = score, s->best_epoch = s->epoch;
        copy_weights(&t->m->graph, t->best, false);
    }
    s->epoch_done = true;
    s->last = s->epoch == o->epochs || (o->patience && t->bad >= o->patience);
    if (t->progress)
        t->progress(t->arg, s);
    return APG_OK;
}

enum apg_status apg_fit(struct apg_model *m, const struct apg_dataset *train, const struct apg_dataset *valid,
    const struct apg_fit_options *o, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err)
{
    struct training t = {.m = m, .o = o, .pool = pool, .progress = progress, .arg = arg};
    enum apg_status status = start(&t, train, valid, err);
    if (!status && o->from_start && t.state.has_valid)
        status = judge_epoch(&t, err);
    while (!status && !t.state.last) {
        t.state.epoch++;
        if ((status = train_epoch(&t, err)))
            break;
        if (t.average)
            apg_average_swap(t.average, pool);
        status = judge_epoch(&t, err);
        if (t.average)
            apg_average_swap(t.average, pool);
    }
    if (!status) {
        copy_weights(&m->graph, t.best, true);
        apg_graph_prepare(&m->graph);
    }
    end(&t);
    return status;
}
