/* SPDX-License-Identifier: MIT */
#include "train/online.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct online {
    struct apg_model *m;
    const struct apg_fit_options *o;
    struct apg_fit_rows rows;
    struct apg_optim_options step;
    struct apg_optim *optim;
    const uint32_t **row; /* (batch_size) */
    double *logit;        /* (rows) of the network, without calibration, before the row was learned */
    bool *label;          /* (rows) */
    float *weight;        /* (rows) */
    double loss;          /* the sum of the scores' losses so far */
    struct apg_calibration given;
    struct apg_progress state;
    struct apg_pool *pool;
};

static size_t take_batch(struct online *t, uint64_t at)
{
    const uint64_t left = t->rows.n_train - at;
    const size_t n = left < t->o->batch_size ? (size_t)left : t->o->batch_size;
    for (size_t i = 0; i < n; i++)
        t->row[i] = apg_dataset_row(t->rows.train, at + i);
    return n;
}

static enum apg_status start(struct online *t, const struct apg_dataset *rows, struct apg_error *err)
{
    struct apg_fit_options whole = *t->o;
    whole.holdout = whole.holdout_last = 0;
    enum apg_status status = apg_fit_rows_init(&t->rows, rows, NULL, &whole, err);
    if (status)
        return status;
    const size_t n = (size_t)t->rows.n_train;
    t->step = t->o->optim;
    t->step.mean_weight = t->rows.mean_weight;
    t->step.generator_l2 = n ? t->o->generator_l2 / (double)n : 0;
    if (!(t->row = apg_alloc(t->m->max_rows, sizeof *t->row)) ||
        !(t->logit = apg_alloc(n, sizeof *t->logit)) || !(t->label = apg_alloc(n, sizeof *t->label)) ||
        !(t->weight = apg_alloc(n, sizeof *t->weight)))
        return apg_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        t->label[i] = apg_word_float(apg_dataset_row(rows, i)[0]) > 0;
        t->weight[i] = apg_dataset_weight(rows, i);
    }
    if ((status = apg_fit_optim(&t->optim, t->m, t->o, err)))
        return status;
    for (uint64_t at = 0; !status && t->step.embedding_prior > 0 && at < n;) {
        const size_t batch = take_batch(t, at);
        status = apg_optim_count(t->optim, t->row, batch, t->pool, err);
        at += batch;
    }
    t->state = (struct apg_progress){.epoch = 1, .epochs = 1, .epoch_rows = n};
    return status;
}

/* What a model that came with a calibration says, but for the rate of negatives, which is not that of these rows. */
static double as_served(const struct online *t, double logit)
{
    return t->given.slope * logit + t->given.offset;
}

/* The weights' mean label of the batch of N rows from AT on, as so many positives of N. */
static double positives(const struct online *t, uint64_t at, size_t n)
{
    double sum = 0, positive = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)t->weight[at + i];
        positive += t->label[at + i] ? (double)t->weight[at + i] : 0;
    }
    return sum > 0 ? positive / sum * (double)n : 0;
}

/* Score the next batch, then learn it. */
static enum apg_status step(struct online *t, bool fresh, struct apg_error *err)
{
    struct apg_progress *s = &t->state;
    const uint64_t at = s->rows;
    const size_t n = take_batch(t, at);
    const struct apg_fit_rows batch = {.valid = t->rows.train, .first = at, .n_valid = n};
    enum apg_status status = apg_fit_logits(t->m, &batch, t->pool, t->logit + at, err);
    double recent = 0, unread;
    for (size_t i = 0; !status && i < n; i++)
        recent += (double)t->weight[at + i] / t->rows.mean_weight *
                  apg_metrics_logit_loss(as_served(t, t->logit[at + i]), t->label[at + i]);
    if (!status && fresh && !at)
        apg_model_init_bias(t->m, positives(t, at, n), n);
    if (!status)
        status = apg_optim_step(t->optim, &t->step, t->row, n,
            apg_rng_at(t->o->seed ^ 0x5851f42d4c957f2d, at / t->o->batch_size), t->pool, &unread, err);
    t->loss += recent;
    s->rows += n;
    s->loss = t->loss / (double)s->rows;
    s->recent = recent / (double)n;
    return status;
}

/* ---- a state ---- */

static void list_numbers(struct online *t, struct apg_state_items *l)
{
    apg_state_add_count(l, "rows", &t->state.rows);
    apg_state_add_count(l, "optimizer_steps", apg_optim_steps(t->optim));
    apg_state_add_real(l, "sum", &t->loss);
}

static void list_arrays(struct online *t, struct apg_state_items *l)
{
    apg_state_add(l, "", "logits", APG_F64, t->logit, (size_t)t->state.rows, 1);
    apg_state_add_weights(l, t->m, t->optim, NULL);
}

static void save_state(struct online *t)
{
    struct apg_state_items l = {0};
    list_numbers(t, &l);
    list_arrays(t, &l);
    apg_state_save(t->o->state, &l);
    apg_state_release(&l);
}

/* Go on from the state that was found. */
static enum apg_status load_state(
    struct online *t, apg_fit_progress *progress, void *arg, struct apg_error *err)
{
    struct apg_progress *s = &t->state;
    struct apg_state_items l = {0};
    list_numbers(t, &l);
    enum apg_status status = apg_state_load(t->o->state, &l, err);
    l.n = 0;
    if (!status && s->rows > t->rows.n_train)
        status = apg_state_altered(t->o->state, err);
    if (!status) {
        list_arrays(t, &l);
        status = apg_state_load(t->o->state, &l, err);
    }
    apg_state_release(&l);
    apg_state_leave(t->o->state);
    s->loss = t->loss / (double)s->rows;
    s->past = true;
    s->last = s->rows == t->rows.n_train;
    if (!status && progress)
        progress(arg, s);
    s->past = s->last = false;
    return status;
}

/* The rows that were learned are the validation, and the later half of them calibrates. */
static enum apg_status judge(struct online *t, struct apg_error *err)
{
    struct apg_progress *s = &t->state;
    struct apg_metrics metrics;
    const size_t n = (size_t)s->rows, half = n / 2;
    double before, after;
    double *served = apg_alloc(n, sizeof *served);
    if (!served)
        return apg_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        served[i] = as_served(t, t->logit[i]);
    t->rows.n_valid = n;
    t->rows.first = 0;
    apg_metrics_init(&metrics, true);
    const enum apg_status status = apg_fit_judge(&t->rows, served, &metrics, s, err);
    apg_metrics_release(&metrics);
    free(served);
    struct apg_calibration *c = &t->m->calibration;
    *c = (struct apg_calibration){1, 0, 1};
    if (t->o->calibrate)
        (void)apg_calibrate(c, t->logit + half, t->label + half,
            t->rows.train->weight_at ? t->weight + half : NULL, n - half, &before, &after);
    s->slope = c->slope, s->offset = c->offset, s->calibrated_loss = s->valid_loss;
    c->rate = t->o->negative_rate;
    return status;
}

enum apg_status apg_fit_online(struct apg_model *m, const struct apg_dataset *rows,
    const struct apg_fit_options *o, bool fresh, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err)
{
    struct online t = {.m = m, .o = o, .given = m->calibration, .pool = pool};
    bool stopped = false;
    m->calibration = (struct apg_calibration){1, 0, 1};
    enum apg_status status = start(&t, rows, err);
    if (!status && o->state && apg_state_found(o->state))
        status = load_state(&t, progress, arg, err);
    while (!status && t.state.rows < t.rows.n_train && !(stopped = o->stop && o->stop(o->stop_arg))) {
        if (!(status = step(&t, fresh, err)) && progress)
            progress(arg, &t.state);
        if (!status && o->state && apg_state_due(o->state))
            save_state(&t);
    }
    if (!status && o->state)
        save_state(&t);
    if (!status && stopped)
        status = apg_fail(err, APG_ESTOPPED, "stopped before a row was learned: there is no model");
    if ((!status || stopped) && t.state.rows) {
        apg_graph_prepare(&m->graph);
        enum apg_status end = apg_dataset_check(rows, err);
        if (!end)
            end = judge(&t, err);
        t.state.epoch_done = t.state.has_valid = t.state.better = t.state.last = true;
        t.state.best_epoch = 1;
        if (!end && progress)
            progress(arg, &t.state);
        status = end ? end : status;
    }
    apg_optim_free(t.optim);
    apg_fit_rows_release(&t.rows);
    free(t.row);
    free(t.logit);
    free(t.label);
    free(t.weight);
    return status;
}
