/* SPDX-License-Identifier: MIT */
#include "fit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "mem.h"
#include "metrics.h"

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

/* Rows ORDER[0 .. n) of DATA, or its first n. */
struct rows {
    const struct apg_dataset *data;
    const uint32_t *order;
    uint64_t n;
};

static const uint32_t *row_at(const struct rows *r, uint64_t i)
{
    return apg_dataset_row(r->data, r->order ? r->order[i] : i);
}

static enum apg_status validate(struct apg_model *m, const struct rows *valid, const uint32_t **row,
    double *logit, struct apg_metrics *metrics, struct apg_pool *pool, struct apg_fit_state *state,
    struct apg_error *err)
{
    struct apg_metrics_report report;
    enum apg_status status = APG_OK;
    apg_metrics_reset(metrics);
    apg_graph_prepare(&m->graph);
    for (uint64_t at = 0; !status && at < valid->n; at += m->max_rows) {
        size_t n = valid->n - at < m->max_rows ? (size_t)(valid->n - at) : m->max_rows;
        for (size_t i = 0; i < n; i++)
            row[i] = row_at(valid, at + i);
        status = apg_model_logits(m, row, n, pool, logit, err);
        for (size_t i = 0; !status && i < n; i++)
            status = isfinite(logit[i])
                         ? apg_metrics_add(metrics, logit[i], apg_word_float(row[i][0]) > 0, 0, err)
                         : apg_fail(err, APG_ERANGE, "training diverged: a logit is not finite; lower --lr");
    }
    if (!status && !(status = apg_metrics_report(metrics, &report, err))) {
        state->valid_auc = report.auc;
        state->valid_loss = report.means.log_loss;
    }
    return status;
}

enum apg_status apg_fit(struct apg_model *m, const struct apg_dataset *train, const struct apg_dataset *valid,
    const struct apg_fit_options *o, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err)
{
    size_t weights = 0;
    for (size_t i = 0; i < m->graph.n_params; i++)
        weights += m->graph.param[i].rows * m->graph.param[i].cols;
    if (train->rows > UINT32_MAX)
        return apg_fail(err, APG_ERANGE, "more than %u rows to train on", UINT32_MAX);
    struct apg_optim *optim = NULL;
    struct apg_metrics metrics;
    apg_metrics_init(&metrics, true);
    apg_real *best = apg_alloc(weights, sizeof *best);
    uint32_t *order = apg_alloc((size_t)train->rows, sizeof *order);
    const uint32_t **row = apg_alloc(m->max_rows, sizeof *row);
    double *logit = apg_alloc(m->max_rows, sizeof *logit), best_score = -INFINITY;
    enum apg_status status =
        best && order && row && logit ? apg_optim_new(&optim, m, err) : apg_fail_memory(err);
    struct apg_optim_options step_options = o->optim;
    uint64_t steps = 0, bad = 0, held_n = valid ? 0 : (uint64_t)(o->holdout * (double)train->rows);
    struct apg_rng rng;
    for (uint64_t i = 0; !status && i < train->rows; i++)
        order[i] = (uint32_t)i;
    if (!status && held_n) {
        apg_rng_init(&rng, o->seed, UINT64_MAX);
        apg_rng_shuffle(&rng, order, (size_t)train->rows);
    }
    const uint64_t n_train = train->rows - held_n;
    const struct rows held = valid ? (struct rows){valid, NULL, valid->rows}
                                   : (struct rows){train, order ? order + n_train : NULL, held_n};
    struct apg_fit_state state = {.epochs = o->epochs, .epoch_rows = n_train, .has_valid = held.n > 0};
    for (state.epoch = 1; !status && state.epoch <= o->epochs && !state.last; state.epoch++) {
        apg_rng_init(&rng, o->seed, UINT64_MAX - state.epoch);
        apg_rng_shuffle(&rng, order, (size_t)n_train);
        double sum = 0;
        state.epoch_done = false;
        for (state.rows = 0; !status && state.rows < n_train;) {
            size_t n = o->batch_size;
            if (n > n_train - state.rows)
                n = (size_t)(n_train - state.rows);
            for (size_t i = 0; i < n; i++)
                row[i] = apg_dataset_row(train, order[state.rows + i]);
            double loss = 0;
            status = apg_optim_step(optim, &step_options, row, n,
                apg_rng_at(o->seed ^ 0x5851f42d4c957f2d, steps++), pool, &loss, err);
            if (!status && !isfinite(loss))
                status = apg_fail(err, APG_ERANGE,
                    "training diverged in epoch %zu: the loss is not finite; lower --lr", state.epoch);
            sum += loss;
            state.rows += n;
            state.loss = sum / (double)state.rows;
            state.recent = loss / (double)n;
            if (!status && progress)
                progress(arg, &state);
        }
        if (!status && held.n)
            status = validate(m, &held, row, logit, &metrics, pool, &state, err);
        if (status)
            break;
        double score = !held.n                                     ? (double)state.epoch
                       : o->stop_on_loss || isnan(state.valid_auc) ? -state.valid_loss
                                                                   : state.valid_auc;
        state.better = score > best_score + (held.n ? 1e-6 : 0);
        if (state.better) {
            best_score = score, bad = 0, state.best_epoch = state.epoch;
            copy_weights(&m->graph, best, false);
        } else {
            bad++;
        }
        state.epoch_done = true;
        state.last = state.epoch == o->epochs || (o->patience && bad >= o->patience);
        if (progress)
            progress(arg, &state);
        step_options.lr *= o->lr_decay;
    }
    if (!status && state.best_epoch)
        copy_weights(&m->graph, best, true);
    apg_optim_free(optim);
    apg_metrics_release(&metrics);
    free(best);
    free(order);
    free(row);
    free(logit);
    return status;
}
