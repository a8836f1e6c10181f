/* SPDX-License-Identifier: MIT */
#include "fit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "average.h"
#include "mem.h"
#include "metrics.h"

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

static enum apg_status validate(struct apg_model *m, const struct apg_fit_rows *r, double *logit,
    struct apg_metrics *metrics, struct apg_pool *pool, struct apg_fit_state *state, struct apg_error *err)
{
    struct apg_metrics_report report;
    enum apg_status status = apg_fit_logits(m, r, pool, logit, err);
    apg_metrics_reset(metrics);
    for (uint64_t i = 0; !status && i < r->n_valid; i++)
        status = apg_metrics_add(metrics, logit[i], apg_word_float(apg_fit_valid_row(r, i)[0]) > 0, 0, err);
    if (!status && !(status = apg_metrics_report(metrics, &report, err))) {
        state->valid_auc = report.auc;
        state->valid_loss = report.means.log_loss;
        state->valid_entropy = report.means.normalized_entropy;
    }
    return status;
}

double apg_fit_score(const struct apg_fit_options *o, double auc, double loss)
{
    return o->stop_on_loss || isnan(auc) ? -loss : auc;
}

enum apg_status apg_fit(struct apg_model *m, const struct apg_dataset *train, const struct apg_dataset *valid,
    const struct apg_fit_options *o, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err)
{
    size_t weights = 0;
    for (size_t i = 0; i < m->graph.n_params; i++)
        weights += m->graph.param[i].rows * m->graph.param[i].cols;
    struct apg_fit_rows rows;
    enum apg_status status = apg_fit_rows_init(&rows, train, valid, o, err);
    if (status)
        return status;
    struct apg_optim *optim = NULL;
    struct apg_average *average = NULL;
    struct apg_metrics metrics;
    apg_metrics_init(&metrics, true);
    apg_real *best = apg_alloc(weights, sizeof *best);
    const uint32_t **row = apg_alloc(m->max_rows, sizeof *row);
    double *logit = apg_alloc((size_t)rows.n_valid, sizeof *logit), best_score = -INFINITY;
    status = best && row && logit ? apg_optim_new(&optim, m, err) : apg_fail_memory(err);
    if (!status && o->average > 0)
        status = apg_average_new(&average, &m->graph, err);
    struct apg_optim_options step_options = o->optim;
    step_options.generator_l2 = rows.n_train ? o->generator_l2 / (double)rows.n_train : 0;
    const uint64_t n_train = o->epoch_rows && o->epoch_rows < rows.n_train ? o->epoch_rows : rows.n_train;
    const uint64_t n_sweeps = sweeps(weights, n_train);
    uint64_t steps = o->past * ((n_train + o->batch_size - 1) / o->batch_size), bad = 0;
    struct apg_rng rng;
    struct apg_fit_state state = {.epochs = o->epochs, .epoch_rows = n_train, .has_valid = rows.n_valid > 0};
    state.epoch = o->from_start && rows.n_valid ? 0 : 1;
    for (; !status && state.epoch <= o->epochs && !state.last; state.epoch++) {
        const bool trains = state.epoch > 0;
        apg_rng_init(&rng, o->seed, UINT64_MAX - o->past - state.epoch);
        if (trains)
            apg_rng_shuffle(&rng, rows.order, (size_t)rows.n_train);
        double sum = 0;
        state.epoch_done = false;
        for (state.rows = 0; trains && !status && state.rows < n_train;) {
            size_t n = o->batch_size;
            if (n > n_train - state.rows)
                n = (size_t)(n_train - state.rows);
            for (size_t i = 0; i < n; i++)
                row[i] = apg_dataset_row(train, rows.order[state.rows + i]);
            double loss = 0;
            status = apg_optim_step(optim, &step_options, row, n,
                apg_rng_at(o->seed ^ 0x5851f42d4c957f2d, steps++), pool, &loss, err);
            if (!status && !isfinite(loss))
                status = apg_fail(err, APG_ERANGE,
                    "training diverged in epoch %zu: the loss is not finite; lower --lr", state.epoch);
            sum += loss;
            const uint64_t before = state.rows * n_sweeps / n_train;
            state.rows += n;
            if (average && state.rows * n_sweeps / n_train > before)
                apg_average_add(average, o->average, pool);
            state.loss = sum / (double)state.rows;
            state.recent = loss / (double)n;
            if (!status && progress)
                progress(arg, &state);
        }
        if (average && trains)
            apg_average_swap(average, pool);
        if (!status && rows.n_valid)
            status = validate(m, &rows, logit, &metrics, pool, &state, err);
        if (status)
            break;
        double score =
            rows.n_valid ? apg_fit_score(o, state.valid_auc, state.valid_loss) : (double)state.epoch;
        state.better = score > best_score + (rows.n_valid ? 1e-6 : 0);
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
        if (average && trains)
            apg_average_swap(average, pool);
        step_options.lr *= trains ? o->lr_decay : 1;
        step_options.embedding_lr *= trains ? o->lr_decay : 1;
    }
    if (!status && best_score > -INFINITY) {
        copy_weights(&m->graph, best, true);
        apg_graph_prepare(&m->graph);
    }
    apg_optim_free(optim);
    apg_average_free(average);
    apg_metrics_release(&metrics);
    free(best);
    apg_fit_rows_release(&rows);
    free(row);
    free(logit);
    return status;
}
