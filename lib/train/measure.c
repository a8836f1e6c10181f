/* SPDX-License-Identifier: MIT */
#include "train/measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "nn/gemm.h"
#include "base/mem.h"
#include "nn/ops.h"
#include "train/optim.h"
#include "data/randrows.h"

/* FIRST_ROWS: rows of the first trial of a form. PEAK_WIDTH: rows and columns of the matrices that find the
 * peak. */
enum { ROUNDS_MIN = 3, ROUNDS_MAX = 15, FIRST_ROWS = 64, PEAK_WIDTH = 256, PEAK_TRIALS = 8 };

/* A form that is measured. */
struct subject {
    struct apg_model *trained, *served;
    struct apg_optim *optim; /* of trained */
    double step[ROUNDS_MAX], predict[ROUNDS_MAX];
    double used, time; /* seconds that it has used, and that it may use */
};

struct measuring {
    const struct apg_measure_options *options;
    struct apg_pool *pool;
    const struct apg_schema *schema;
    size_t batch;
    size_t width, d, h; /* widths of an MLP's input, condition and gates; width 0: a model of SCHEMA */
    struct apg_randrows rows;
    double *logit; /* (batch) */
    struct subject subject[APG_FORM_COUNT];
    size_t n_subjects;
    apg_real *a, *c; /* of the peak: factor (PEAK_WIDTH, PEAK_WIDTH), and such a product for each thread */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, size_t n, double *least)
{
    qsort(t, n, sizeof *t, ascending);
    *least = t[0];
    return (t[(n - 1) / 2] + t[n / 2]) / 2;
}

static void release_subject(struct subject *s)
{
    apg_optim_free(s->optim);
    apg_model_free(s->trained);
    apg_model_free(s->served);
    *s = (struct subject){0};
}

/* ---- running ---- */

static enum apg_status run_step(
    struct measuring *r, struct subject *s, size_t rows, double *seconds, struct apg_error *err)
{
    const struct apg_optim_options options = {.lr = 1e-3, .embedding_lr = 1e-3, .mean_weight = 1};
    double loss, start = apg_clock_now();
    enum apg_status status = apg_optim_step(s->optim, &options, r->rows.row, rows, 1, r->pool, &loss, err);
    *seconds = apg_clock_now() - start;
    s->used += *seconds;
    return status;
}

static enum apg_status run_predict(
    struct measuring *r, struct subject *s, size_t rows, double *seconds, struct apg_error *err)
{
    double start = apg_clock_now();
    enum apg_status status = apg_model_logits(s->served, r->rows.row, rows, r->pool, r->logit, err);
    *seconds = apg_clock_now() - start;
    s->used += *seconds;
    return status;
}

/* *rows: how many rows to measure, so that three rounds fit into the subject's time. They are doubled until
 * they are all or twice as many would not fit; the trials also touch the memory for the first time.
 * *seconds: of a round. */
static enum apg_status find_rows(
    struct measuring *r, struct subject *s, size_t *rows, double *seconds, struct apg_error *err)
{
    enum apg_status status;
    double step, predict, half = 0; /* seconds; half: of a round with half the rows */
    for (*rows = r->batch < FIRST_ROWS ? r->batch : FIRST_ROWS;;
         *rows = *rows * 2 < r->batch ? *rows * 2 : r->batch) {
        if ((status = run_step(r, s, *rows, &step, err)) ||
            (status = run_predict(r, s, *rows, &predict, err)))
            return status;
        *seconds = step + predict;
        /* What a step takes whatever its rows, above all the many weights of v1, is not doubled. */
        double twice = *seconds + fmax(0, fmin(*seconds, 2 * (*seconds - half)));
        if (*rows == r->batch || s->used + (ROUNDS_MIN + 1) * twice > s->time)
            return APG_OK;
        half = *seconds;
    }
}

static void product(void *arg, size_t i, unsigned worker)
{
    (void)i;
    const struct measuring *r = arg;
    const size_t n = PEAK_WIDTH;
    apg_gemm(n, n, n, apg_matrix(r->a, n), apg_matrix(r->a, n), apg_zeros(), r->c + worker * n * n, n);
}

/* Multiply-adds per second, the best of PEAK_TRIALS short trials: what is compared with them may be short
 * too. */
static double run_peak(struct measuring *r)
{
    const size_t products = apg_pool_threads(r->pool);
    double best = 0;
    for (int i = 0; i < PEAK_TRIALS; i++) {
        double start = apg_clock_now();
        apg_pool_run(r->pool, products, product, r);
        best =
            fmax(best, (double)products * PEAK_WIDTH * PEAK_WIDTH * PEAK_WIDTH / (apg_clock_now() - start));
    }
    return best;
}

/* Find the rows of each subject; FORM[i]: the figures of subject i. */
static enum apg_status find_all_rows(
    struct measuring *r, struct apg_measured *const *form, struct apg_error *err)
{
    double left = r->options->seconds, round = 0;
    enum apg_status status = APG_OK;
    /* Fast forms come first, so that slow ones (v2, v1) get the time that the others leave. */
    for (size_t i = r->n_subjects; !status && i-- > 0;) {
        struct subject *s = &r->subject[i];
        s->time = left / (double)(i + 1);
        status = find_rows(r, s, &form[i]->rows, &round, err);
        left -= fmin(s->time, s->used + ROUNDS_MAX * round);
    }
    return status;
}

/* A round: the peak, and each subject that has time for it. *again: one of them had. */
static enum apg_status run_round(
    struct measuring *r, struct apg_measured *const *form, double *peak, bool *again, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    *again = false;
    *peak = fmax(*peak, run_peak(r));
    for (size_t i = 0; !status && i < r->n_subjects; i++) {
        struct subject *s = &r->subject[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): run set one a subject, whose number stays as it is */
        size_t n = form[i]->rounds;
        if (n >= ROUNDS_MIN && s->used + s->step[n - 1] + s->predict[n - 1] > s->time)
            continue;
        if (!(status = run_step(r, s, form[i]->rows, &s->step[n], err)))
            status = run_predict(r, s, form[i]->rows, &s->predict[n], err);
        form[i]->rounds++;
        *again = true;
    }
    return status;
}

/* Find the rows of each form, make the rounds and fill in the medians. */
static enum apg_status run(struct measuring *r, struct apg_measure *out, struct apg_error *err)
{
    struct apg_measured *form[APG_FORM_COUNT];
    for (size_t i = 0, f = 0; i < r->n_subjects; form[i++] = &out->form[f++])
        while (!out->form[f].rows)
            f++;
    enum apg_status status = find_all_rows(r, form, err);
    bool again = true;
    for (size_t at = 0; !status && again && at < ROUNDS_MAX; at++)
        status = run_round(r, form, &out->peak, &again, err);
    for (size_t i = 0; !status && i < r->n_subjects; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the loop above set one a subject */
        form[i]->step = median(r->subject[i].step, form[i]->rounds, &form[i]->step_least);
        form[i]->predict = median(r->subject[i].predict, form[i]->rounds, &form[i]->predict_least);
    }
    return status;
}

/* ---- the forms ---- */

/* Put an MLP together over two values that no op writes: its input *x and the condition *z. */
static void build_mlp(struct measuring *r, struct apg_graph *g, const struct apg_arch *a, int *x, int *z)
{
    const struct apg_layer *layer = &apg_layers[a->layer];
    struct apg_tower t = {.g = g, .arch = a, .source = -1, .group = -1};
    int h = *x = t.x = apg_graph_value(g, r->width);
    t.group = *z = apg_graph_value(g, r->d);
    h = layer->enter ? layer->enter(&t, h) : h;
    for (size_t l = 0; l < a->n_hidden; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "hidden.%zu", l);
        h = apg_op_relu(g, layer->add(&t, h, l, name), 0);
    }
    h = layer->leave ? layer->leave(&t, h) : h;
    g->logit = apg_op_dense(g, h, 1, "out");
}

/* Fill VALUE with normal numbers in all slots. False: out of memory. */
static bool fill(struct apg_graph *g, int value, struct apg_rng *rng)
{
    for (size_t i = 0; i < g->n_slots; i++) {
        if (!apg_graph_slot(g, i))
            return false;
        for (size_t j = 0; j < g->max_rows * g->width[value]; j++)
            g->slot[i].x[value][j] = (apg_real)apg_rng_normal(rng);
    }
    return true;
}

/* *out: a model with random weights and, of an MLP, random values. It stays NULL where the *bytes that the
 * model takes are more than may be used. */
static enum apg_status make(struct apg_model **out, struct measuring *r, const struct apg_arch *arch,
    bool train, uint64_t *bytes, struct apg_error *err)
{
    struct apg_model *m = apg_alloc(1, sizeof *m);
    struct apg_graph *g = &m->graph;
    int x = -1, z = -1;
    if (!m)
        return apg_fail_memory(err);
    m->schema = r->schema, m->arch = *arch, m->max_rows = r->batch;
    g->train = train;
    g->n_slots = train ? apg_graph_slots(r->batch) : APG_SLOTS;
    for (size_t f = 0; f < r->schema->n_fields; f++)
        apg_graph_field(g, r->schema->field[f].rows);
    if (r->width)
        build_mlp(r, g, &m->arch, &x, &z);
    else
        apg_backbone_build(g, &m->arch);
    enum apg_status status = g->failed ? apg_fail_memory(err) : APG_OK;
    *bytes = status ? 0 : apg_graph_bytes(g, r->batch, train) + (train ? apg_optim_bytes(g, false) : 0);
    if (!status && *bytes <= r->options->memory &&
        !(status = apg_graph_finish(g, (r->batch + g->n_slots - 1) / g->n_slots, train, err))) {
        struct apg_rng rng;
        apg_rng_init(&rng, 1, 2);
        for (int v = x; !status && r->width && v <= z; v++)
            status = fill(g, v, &rng) ? APG_OK : apg_fail_memory(err);
        apg_model_init_weights(m, 1, 1e-2, true);
        apg_graph_prepare(g);
        if (!status) {
            *out = m;
            return APG_OK;
        }
    }
    apg_model_free(m);
    return status;
}

/* Make ARCH a subject, unless it takes too much memory. */
static enum apg_status add(
    struct measuring *r, struct apg_measured *to, const struct apg_arch *arch, struct apg_error *err)
{
    struct subject *s = &r->subject[r->n_subjects++];
    enum apg_status status = make(&s->served, r, arch, false, &to->predict_bytes, err);
    if (!status && !(status = make(&s->trained, r, arch, true, &to->step_bytes, err)) && s->trained &&
        s->served && !(status = apg_optim_new(&s->optim, s->trained, false, err)))
        to->rows = r->batch;
    else if (!status)
        release_subject(&r->subject[--r->n_subjects]);
    return status;
}

/* Measure all wanted forms that ARCH can be turned into. */
static enum apg_status measure(
    struct measuring *r, const struct apg_arch *arch, struct apg_measure *out, struct apg_error *err)
{
    const size_t n = (size_t)PEAK_WIDTH * PEAK_WIDTH;
    apg_gemm_init();
    *out = (struct apg_measure){0};
    enum apg_status status = apg_randrows_init(&r->rows, r->schema, r->batch, 1, err);
    if (!status &&
        (!(r->logit = apg_alloc(r->batch, sizeof *r->logit)) || !(r->a = apg_alloc(n, sizeof *r->a)) ||
            !(r->c = apg_alloc(n * apg_pool_threads(r->pool), sizeof *r->c))))
        status = apg_fail_memory(err);
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 1);
    for (size_t i = 0; !status && i < n; i++)
        r->a[i] = (apg_real)apg_rng_normal(&rng);
    for (int f = 0; !status && f < APG_FORM_COUNT; f++) {
        struct apg_arch a = *arch;
        if (r->width && f == APG_FORM_PPNET)
            a.n_generator = 1, a.generator[0] = r->h;
        if (r->options->form[f] && apg_complexity_as(&a, (enum apg_form)f))
            status = add(r, &out->form[f], &a, err);
    }
    if (!status)
        status = run(r, out, err);
    for (size_t i = 0; i < r->n_subjects; i++)
        release_subject(&r->subject[i]);
    apg_randrows_release(&r->rows);
    free(r->logit);
    free(r->a);
    free(r->c);
    return status;
}

enum apg_status apg_measure_mlp(struct apg_measure *out, const size_t *width, size_t n,
    const struct apg_layer_shape *shape, const struct apg_measure_options *options, struct apg_pool *pool,
    struct apg_error *err)
{
    struct apg_field domain = {.kind = APG_CATEGORICAL, .rows = (uint32_t)shape->domains};
    const struct apg_schema schema = {.n_fields = 1, .field = &domain, .rows = domain.rows};
    struct measuring r = {.options = options,
        .pool = pool,
        .schema = &schema,
        .batch = shape->batch,
        .width = width[0],
        .d = shape->d,
        .h = shape->h};
    struct apg_arch arch = {.mode = APG_CONDITION_GROUP, .n_hidden = n - 1};
    if (n < 2 || n - 1 > APG_LAYERS_MAX)
        return apg_fail(err, APG_ERANGE, "at most %d layers can be measured", APG_LAYERS_MAX);
    for (size_t l = 0; l + 1 < n; l++)
        arch.hidden[l] = width[l + 1], arch.K[l] = shape->k, arch.P[l] = shape->p;
    return measure(&r, &arch, out, err);
}

enum apg_status apg_measure_model(struct apg_measure *out, const struct apg_model *m, size_t batch,
    const struct apg_measure_options *options, struct apg_pool *pool, struct apg_error *err)
{
    struct measuring r = {.options = options, .pool = pool, .schema = m->schema, .batch = batch};
    return measure(&r, &m->arch, out, err);
}
