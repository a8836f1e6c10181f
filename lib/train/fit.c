/* SPDX-License-Identifier: MIT */
#include "train/fit.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "train/average.h"
#include "train/keep.h"
#include "train/stripes.h"
#include "base/mem.h"
#include "base/rng.h"

/* ---- settings ---- */

#define AT(m) .at = offsetof(struct apg_fit_options, m)
#define SIZE(n, m, from, to) APG_SETTING_SIZE, 0, n, AT(m), .least = from, .most = to
#define REAL(n, m, from, to) APG_SETTING_REAL, 0, n, AT(m), .least = from, .most = to, .arg = "X"

const struct apg_setting apg_fit_rows_settings[] = {
    {REAL("holdout", holdout, 0, 0.9),
        .help = "share of the rows that is held out for validation when there is no --valid, drawn at "
                "random; 0: no validation"},
    {REAL("holdout-last", holdout_last, 0, 0.9), .rare = true,
        .help = "hold out the last rows instead, this share of all: where rows are in the order of time, "
                "rows drawn at random know the future"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_fit_settings[] = {
    {APG_SETTING_SWITCH, 0, "optimizer", AT(optim.adagrad), .arg = "adam|adagrad",
        .help = "how weights are updated; of the embeddings, only those that are in the batch", .rare = true},
    {REAL("lr", optim.lr, 1e-12, 1e3), .help = "learning rate of all weights but the embeddings"},
    {REAL("embedding-lr", optim.embedding_lr, 0, 1e3),
        .help = "learning rate of the embeddings; 0: 4 times --lr", .rare = true},
    {REAL("average", average, 0, 1),
        .help = "keep the mean of the weights over about the last share X of the steps; 0: keep the "
                "last weights",
        .rare = true},
    {REAL("lr-decay", lr_decay, 1e-6, 1), .help = "multiply both learning rates by X after each epoch",
        .rare = true},
    {REAL("embedding-l2", optim.embedding_l2, 0, 1e3),
        .help = "L2 penalty on the embeddings that are in the batch, however often their tokens come",
        .rare = true},
    {REAL("embedding-prior", optim.embedding_prior, 0, 1e9),
        .help = "precision of the embeddings' normal prior: an L2 penalty on each, once for all training "
                "rows together, so that tokens of few rows stay near zero"},
    {APG_SETTING_CHOICE, 0, "embedding-moments", AT(moments), .arg = "auto|each|row", .rare = true,
        .help =
            "what is kept to update an embedding: two moments for each of its numbers, or one for all, by "
            "row-wise Adagrad, which takes half the memory; auto: one where embeddings have more "
            "than 16.8 million numbers"},
    {REAL("generator-l2", generator_l2, 0, 1e9), .of = "layer", .of_names = "apg",
        .help = "L2 penalty on what generates weights, as if all training rows were one batch; the "
                "default of --form residual is 80 or more, of others 0",
        .rare = true},
    {SIZE("batch-size", batch_size, 1, 1048576), .arg = "B",
        .help = "rows in each training step; by default 1024, or fewer where an epoch would have less than "
                "50 steps",
        .rare = true},
    {SIZE("epochs", epochs, 1, 100000), .arg = "N",
        .help = "largest number of passes over the rows; without validation rows the default is 10"},
    {SIZE("patience", patience, 0, 100000), .arg = "N",
        .help =
            "stop after N epochs without a better validation; 0: never; by default 2, or more where an epoch "
            "has few steps",
        .rare = true},
    {APG_SETTING_SWITCH, 0, "stop-on", AT(stop_on_loss), .arg = "auc|logloss",
        .help = "what a better validation is: a higher AUC, or a lower log loss", .rare = true},
    {APG_SETTING_FLAG, 0, "calibrate", AT(calibrate),
        .help = "fit a slope and an offset of the logit on the validation rows, so that scores are "
                "probabilities",
        .rare = true},
    {REAL("negative-rate", negative_rate, 1e-9, 1), .rare = true,
        .help = "negatives were kept in the logs with probability X: give scores for all of them"},
    {APG_SETTING_U64, 0, "seed", AT(seed), .arg = "N",
        .help = "seed of all random choices; the same seed and rows give the same model, for any "
                "number of threads"},
    {.kind = APG_SETTING_END},
};

void apg_fit_default(struct apg_fit_options *o)
{
    *o = (struct apg_fit_options){.optim.lr = 1e-3,
        .optim.embedding_prior = 100,
        .generator_l2 = NAN,
        .average = 0.5,
        .lr_decay = 1,
        .batch_size = 1024,
        .epochs = 40,
        .patience = 2,
        .holdout = 0.1,
        .negative_rate = 1,
        .calibrate = true,
        .seed = 1};
}

/* Epochs where no validation rows say when to stop. Embeddings learn at EMBEDDING_LR_FACTOR times the rate
 * of other weights, because each sees few of the rows. The generator of a residual layer has at least
 * GENERATOR_L2_MIN, of all rows together. docs/accuracy.md has the figures. */
enum { EPOCHS_WITHOUT_VALIDATION = 10, EMBEDDING_LR_FACTOR = 4, GENERATOR_L2_MIN = 80 };

/* Where embeddings need a strong L2 the generator needs one too: half of theirs. frappe, --embedding-l2
 * 1e-2, two seeds: 80 loses .0007 of test AUC on a static model, 800 gains .0003 (docs/accuracy.md). And as
 * many times that as the batch is smaller than of many rows: gradients of small batches are mostly noise, by
 * which Adam divides, so that an L2 holds the generator back less. coupon, batches of 128 rows, three splits:
 * 640 is +.00 points of AUC beside a static model, 80 on two of these -.43. */
static double generator_l2(const struct apg_fit_options *o, uint64_t rows, double smaller)
{
    const double half = o->optim.embedding_l2 / 2 * (double)rows;
    return smaller * (half > GENERATOR_L2_MIN ? half : GENERATOR_L2_MIN);
}

/* A log of few rows learns too little by large batches, however many epochs it has: an epoch is to have
 * EPOCH_STEPS. Ten logs of 3,600 to 10,000 rows, three to five splits each, such batches (64 or 128 rows)
 * less 1,024: test AUC +.28 points, log loss -.0044, means of the logs. */
enum { EPOCH_STEPS = 50, BATCH_ROWS_MIN = 64 };
static size_t batch_rows(size_t most, uint64_t rows)
{
    while (most > BATCH_ROWS_MIN && most > rows / EPOCH_STEPS)
        most /= 2;
    return most;
}

/* A log of few rows has few steps an epoch, which change little, and few rows to validate on, whose AUC is
 * noisy: training goes on for PATIENCE_STEPS after the best, in whole epochs. avazu-9k, five splits, test
 * AUC: .688 with the two epochs of larger logs, .698 with five. */
enum { PATIENCE_STEPS = 48 };
static size_t patience(const struct apg_fit_options *o, uint64_t rows)
{
    const uint64_t steps = (rows + o->batch_size - 1) / o->batch_size,
                   epochs = steps ? (PATIENCE_STEPS + steps - 1) / steps : 0;
    return epochs > o->patience ? (size_t)epochs : o->patience;
}

void apg_fit_settle(struct apg_fit_options *o, const struct apg_given *given, bool has_valid,
    const struct apg_arch *arch, uint64_t rows)
{
    if (!has_valid && o->holdout <= 0 && o->holdout_last <= 0 && !apg_given_has(given, "epochs"))
        o->epochs = EPOCHS_WITHOUT_VALIDATION;
    const size_t most = o->batch_size;
    if (!apg_given_has(given, "batch-size"))
        o->batch_size = batch_rows(most, rows);
    if (o->optim.embedding_lr <= 0)
        o->optim.embedding_lr = EMBEDDING_LR_FACTOR * o->optim.lr;
    if (!apg_given_has(given, "patience"))
        o->patience = patience(o, rows);
    if (!apg_given_has(given, "generator-l2"))
        o->generator_l2 =
            arch->form == APG_FORM_RESIDUAL ? generator_l2(o, rows, (double)most / (double)o->batch_size) : 0;
}

enum apg_status apg_fit_optim(
    struct apg_optim **out, struct apg_model *m, const struct apg_fit_options *o, struct apg_error *err)
{
    const enum apg_status status = apg_optim_new(out, m, apg_fit_row_wise(m, o), err);
    return status || !o->from_state ? status
                                    : apg_state_take_moments(o->from_state, *out, &o->optim, m, o->from, err);
}

/* ---- epochs ---- */

/* The best weights stay in memory up to this size. More are written, which takes less than a hundredth of an
 * epoch that changes them. */
enum { BEST_MEMORY_BYTES = 64 << 20 };

/* What a row to validate on takes: which it is, its logit, label and weight, and the logit and its place where they
 * are sorted for AUC. */
enum { VALID_ROW_BYTES = 48 };

/* How often in an epoch the weights are added to their average: a sweep over all of them. Up to
 * FREE_WEIGHTS weights fit into a cache, and sweeps cost next to nothing. More are swept less often, so
 * that no more than WEIGHTS_PER_ROW weights are read for each row that is trained on. */
enum { EPOCH_SWEEPS_MAX = 16, FREE_WEIGHTS = 1 << 22, WEIGHTS_PER_ROW = 256 };
static uint64_t sweeps_per_epoch(uint64_t weights, uint64_t rows)
{
    const uint64_t afforded = weights <= FREE_WEIGHTS ? EPOCH_SWEEPS_MAX : rows * WEIGHTS_PER_ROW / weights;
    return afforded < 1 ? 1 : afforded > EPOCH_SWEEPS_MAX ? EPOCH_SWEEPS_MAX : afforded;
}

bool apg_fit_row_wise(const struct apg_model *m, const struct apg_fit_options *o)
{
    size_t embeddings, others;
    apg_model_count(m, &embeddings, &others);
    return o->moments == APG_MOMENTS_ROW ||
           (o->moments == APG_MOMENTS_AUTO && embeddings > APG_ROW_WISE_NUMBERS);
}

uint64_t apg_fit_bytes(
    const struct apg_model *m, const struct apg_fit_options *o, uint64_t rows, uint64_t n_valid)
{
    const struct apg_graph *g = &m->graph;
    uint64_t weights = 0;
    for (size_t i = 0; i < g->n_params; i++)
        weights += g->param[i].derived ? 0 : g->param[i].rows * g->param[i].cols;
    weights *= sizeof(apg_real);
    return apg_graph_bytes(g, o->batch_size, true) + apg_optim_bytes(g, apg_fit_row_wise(m, o)) +
           (o->average > 0 ? weights : 0) + (weights <= BEST_MEMORY_BYTES ? weights : 0) +
           rows * sizeof(uint32_t) * (g->slot_to - g->slot_from) / g->n_slots + n_valid * VALID_ROW_BYTES;
}

uint64_t apg_fit_held(const struct apg_fit_options *o, uint64_t rows)
{
    return (uint64_t)((o->holdout_last > 0 ? o->holdout_last : o->holdout) * (double)rows);
}

/* Some of the rows to train on, and of those to validate on, must count. */
static enum apg_status weigh(struct apg_fit_rows *r, struct apg_error *err)
{
    double train = 0, valid = 0;
    r->mean_weight = 1;
    r->mean_label = apg_dataset_positives(r->train) / (double)r->train->rows;
    for (uint64_t i = 0, held = 0; r->train->weight_at && i < r->train->rows; i++)
        train += apg_fit_is_held(r, i, &held) ? 0 : (double)apg_dataset_weight(r->train, i);
    for (uint64_t i = 0; r->valid->weight_at && i < r->n_valid; i++)
        valid += (double)apg_fit_valid_weight(r, i);
    if (r->train->weight_at && r->n_train && !((r->mean_weight = train / (double)r->n_train) > 0))
        return apg_fail(err, APG_EINPUT, "--weight: all rows to train on have the weight 0");
    if (r->valid->weight_at && r->n_valid && !(valid > 0))
        return apg_fail(err, APG_EINPUT, "--weight: all rows to validate on have the weight 0");
    return APG_OK;
}

enum apg_status apg_fit_rows_init(struct apg_fit_rows *r, const struct apg_dataset *train,
    const struct apg_dataset *valid, const struct apg_fit_options *o, struct apg_error *err)
{
    const uint64_t held = valid ? 0 : apg_fit_held(o, train->rows);
    *r = (struct apg_fit_rows){.train = train, .valid = valid ? valid : train, .n_train = train->rows - held};
    r->n_valid = valid ? valid->rows : held;
    r->first = valid ? 0 : r->n_train;
    if (held && !(o->holdout_last > 0)) {
        struct apg_rng rng;
        uint64_t n = 0;
        if (!(r->held = apg_alloc((size_t)held, sizeof *r->held)))
            return apg_fail_memory(err);
        apg_rng_init(&rng, o->seed, UINT64_MAX);
        for (uint64_t i = 0; n < held; i++) /* Knuth, volume 2, 3.4.2, algorithm S */
            if (apg_rng_below(&rng, train->rows - i) < held - n)
                r->held[n++] = i;
    }
    return weigh(r, err);
}

void apg_fit_rows_release(struct apg_fit_rows *r)
{
    free(r->held);
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

/* Compare the log loss with that of predicting the mean label of the training rows. Validation rows of one
 * label cannot judge: NaN. Useless is ten times that loss, by more than its interval. (Below it a model may
 * rank rows well all the same, or be trained too little: a pass over 1,500 rows with STAR and batch norm has
 * 3 times the loss.) Where a row in forty decides, an interval says nothing, and a hundred times the loss
 * speaks for itself. */
static void compare(const struct apg_fit_rows *r, const double *logit, struct apg_progress *p)
{
    double n = 0, loss = 0, constant = 0, squares[3] = {0};
    for (uint64_t i = 0; i < r->n_valid; i++) {
        const bool label = apg_word_float(apg_fit_valid_row(r, i)[0]) > 0;
        const double x = apg_metrics_logit_loss(logit[i], label), c = apg_metrics_loss(r->mean_label, label);
        const double w = (double)apg_fit_valid_weight(r, i), d = w * (x - c);
        n += w;
        loss += w * x;
        constant += w * c;
        squares[0] += d * d, squares[1] += d * w, squares[2] += w * w;
    }
    /* Of a ratio of sums over rows, of w (x - c) and of w, by what each row adds to it. */
    const double mean = (loss - constant) / n,
                 variance = (squares[0] - 2 * mean * squares[1] + mean * mean * squares[2]) / n;
    p->valid_ratio = isnan(p->valid_auc) ? NAN : loss / constant;
    p->valid_worse = isnan(p->valid_auc) ? NAN : mean - 1.96 * sqrt(fmax(variance, 0) / n);
    p->useless = p->valid_ratio > 100 || (p->valid_ratio > 10 && p->valid_worse > 0);
}

enum apg_status apg_fit_judge(const struct apg_fit_rows *r, const double *logit, struct apg_metrics *m,
    struct apg_progress *p, struct apg_error *err)
{
    struct apg_metrics_report report;
    enum apg_status status = APG_OK;
    apg_metrics_reset(m);
    for (uint64_t i = 0; !status && i < r->n_valid; i++)
        status = apg_metrics_add(
            m, logit[i], apg_word_float(apg_fit_valid_row(r, i)[0]) > 0, apg_fit_valid_weight(r, i), 0, err);
    if (!status && !(status = apg_metrics_report(m, &report, err))) {
        p->valid_auc = report.auc;
        p->valid_loss = report.means.log_loss;
        compare(r, logit, p);
    }
    return status;
}

double apg_fit_score(const struct apg_fit_options *o, double auc, double loss)
{
    return o->stop_on_loss || isnan(auc) ? -loss : auc;
}

/* What the epochs of a training share. */
struct training {
    struct apg_model *m;
    const struct apg_fit_options *o;
    struct apg_optim_options step; /* of this epoch: the rates decay */
    struct apg_fit_rows rows;
    struct apg_stripes order;
    uint64_t n_train, n_sweeps; /* rows, and additions to the average, in an epoch */
    uint64_t steps;             /* taken so far, those of epochs_done included */
    struct apg_optim *optim;
    struct apg_average *average; /* NULL: none */
    const uint32_t **row;        /* (batch_size) */
    double *logit;               /* (n_valid) */
    bool *label;                 /* (n_valid) */
    float *weight;               /* (n_valid); NULL: rows have no weights */
    struct apg_metrics metrics;
    struct apg_keep *best; /* weights of the best epoch so far, unless it is the last */
    struct apg_calibration given, best_calibration; /* of the model as it came; of the best epoch */
    double best_score;
    size_t bad;       /* epochs since the best one */
    bool kept;        /* `best` has weights */
    uint64_t n_past;  /* with a state: the epochs that are over, epoch 0 among them if it was validated */
    double *past;     /* (n_past, PAST_COLUMNS): their progress */
    size_t past_room; /* in numbers */
    double sum;       /* of the losses of this epoch so far */
    struct apg_progress state;
    struct apg_pool *pool;
    apg_fit_progress *progress;
    void *arg;
};

static size_t batch_at(const struct training *t, uint64_t at, uint64_t rows)
{
    return t->o->batch_size < rows - at ? t->o->batch_size : (size_t)(rows - at);
}

/* The rows of an epoch: of all N, or of the whole batches that are asked for, one at least. */
static uint64_t epoch_rows(const struct apg_fit_options *o, uint64_t n)
{
    const uint64_t whole = o->epoch_rows - o->epoch_rows % o->batch_size;
    if (!o->epoch_rows || whole > n || o->batch_size > n)
        return n;
    return whole ? whole : o->batch_size;
}

static enum apg_status count_tokens(struct training *t, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (uint64_t at = 0; !status && at < t->rows.n_train;) {
        const size_t n = batch_at(t, at, t->rows.n_train);
        apg_stripes_take(&t->order, t->rows.train, at, n, t->row);
        status = apg_optim_count(t->optim, t->row, n, t->pool, err);
        at += n;
    }
    return status;
}

static enum apg_status start(struct training *t, const struct apg_dataset *train,
    const struct apg_dataset *valid, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    size_t weights = 0;
    for (size_t i = 0; i < t->m->graph.n_params; i++)
        weights += t->m->graph.param[i].rows * t->m->graph.param[i].cols;
    apg_metrics_init(&t->metrics, true);
    const struct apg_graph *g = &t->m->graph;
    enum apg_status status = apg_fit_rows_init(&t->rows, train, valid, o, err);
    if (!status)
        status = apg_stripes_init(&t->order, t->rows.n_train, t->rows.held,
            t->rows.held ? t->rows.n_valid : 0, o->batch_size, g->n_slots, g->slot_from, g->slot_to, err);
    if (status)
        return status;
    t->n_train = epoch_rows(o, t->rows.n_train);
    t->n_sweeps = sweeps_per_epoch(weights, t->n_train);
    t->steps = o->epochs_done * ((t->n_train + o->batch_size - 1) / o->batch_size);
    t->step = o->optim;
    t->step.mean_weight = t->rows.mean_weight;
    t->step.generator_l2 = t->rows.n_train ? o->generator_l2 / (double)t->rows.n_train : 0;
    t->best_score = -INFINITY;
    t->state = (struct apg_progress){
        .epochs = o->epochs, .epoch_rows = t->n_train, .has_valid = t->rows.n_valid > 0, .epoch_done = true};
    if ((status = apg_keep_new(&t->best, &t->m->graph, BEST_MEMORY_BYTES, o->temp_dir, err)))
        return status;
    if (!(t->row = apg_alloc(t->m->max_rows, sizeof *t->row)) ||
        !(t->logit = apg_alloc((size_t)t->rows.n_valid, sizeof *t->logit)) ||
        !(t->label = apg_alloc((size_t)t->rows.n_valid, sizeof *t->label)) ||
        (t->rows.valid->weight_at && !(t->weight = apg_alloc((size_t)t->rows.n_valid, sizeof *t->weight))))
        return apg_fail_memory(err);
    for (uint64_t i = 0; i < t->rows.n_valid; i++) {
        t->label[i] = apg_word_float(apg_fit_valid_row(&t->rows, i)[0]) > 0;
        if (t->weight)
            t->weight[i] = apg_fit_valid_weight(&t->rows, i);
    }
    if (o->average > 0 && (status = apg_average_new(&t->average, &t->m->graph, err)))
        return status;
    if ((status = apg_fit_optim(&t->optim, t->m, o, err)))
        return status;
    return o->optim.embedding_prior > 0 ? count_tokens(t, err) : APG_OK;
}

static void end(struct training *t)
{
    apg_optim_free(t->optim);
    apg_average_free(t->average);
    apg_metrics_release(&t->metrics);
    apg_fit_rows_release(&t->rows);
    apg_stripes_release(&t->order);
    apg_keep_free(t->best);
    free(t->row);
    free(t->label);
    free(t->weight);
    free(t->logit);
    free(t->past);
}

/* ---- a state ---- */

/* The numbers of an epoch that is over, as docs/files.md has them. */
enum { PAST_COLUMNS = 15 };
static enum apg_status add_past(struct training *t, struct apg_error *err)
{
    const struct apg_progress *p = &t->state;
    const double number[PAST_COLUMNS] = {(double)p->epoch, (double)p->rows, p->loss, p->recent, p->better,
        p->last, p->valid_auc, p->valid_loss, p->valid_ratio, p->valid_worse, p->useless, p->slope, p->offset,
        p->calibrated_loss, p->has_valid};
    if (!apg_grow(&t->past, &t->past_room, ((size_t)t->n_past + 1) * PAST_COLUMNS, sizeof *t->past))
        return apg_fail_memory(err);
    memcpy(t->past + t->n_past++ * PAST_COLUMNS, number, sizeof number);
    return APG_OK;
}

/* Tell again of the epochs that are over; t->state is then that of the last. */
static void tell_past(struct training *t)
{
    struct apg_progress *p = &t->state;
    for (uint64_t i = 0; i < t->n_past; i++) {
        const double *x = t->past + i * PAST_COLUMNS;
        *p = (struct apg_progress){.epoch = (size_t)x[0],
            .epochs = t->o->epochs,
            .best_epoch = x[4] > 0 ? (size_t)x[0] : p->best_epoch,
            .rows = (uint64_t)x[1],
            .epoch_rows = t->n_train,
            .loss = x[2],
            .recent = x[3],
            .epoch_done = true,
            .has_valid = x[14] > 0,
            .better = x[4] > 0,
            .last = x[5] > 0,
            .valid_auc = x[6],
            .valid_loss = x[7],
            .valid_ratio = x[8],
            .valid_worse = x[9],
            .useless = x[10] > 0,
            .slope = x[11],
            .offset = x[12],
            .calibrated_loss = x[13],
            .past = true};
        if (t->progress)
            t->progress(t->arg, p);
    }
}

/* Numbers of a training that a state holds, where t has them otherwise. */
struct place {
    uint64_t epoch, epoch_done, rows, bad, kept;
};

static void list_numbers(struct training *t, struct place *at, struct apg_state_items *l)
{
    apg_state_add_count(l, "epoch", &at->epoch);
    apg_state_add_count(l, "epoch_done", &at->epoch_done);
    apg_state_add_count(l, "rows", &at->rows);
    apg_state_add_count(l, "bad", &at->bad);
    apg_state_add_count(l, "kept", &at->kept);
    apg_state_add_count(l, "past_epochs", &t->n_past);
    apg_state_add_count(l, "steps", &t->steps);
    apg_state_add_count(l, "optimizer_steps", apg_optim_steps(t->optim));
    if (t->average)
        apg_state_add_count(l, "averaged", apg_average_added(t->average));
    apg_state_add_real(l, "sum", &t->sum);
    apg_state_add_real(l, "best_score", &t->best_score);
    apg_state_add_real(l, "slope", &t->best_calibration.slope);
    apg_state_add_real(l, "offset", &t->best_calibration.offset);
    apg_state_add_real(l, "rate", &t->best_calibration.rate);
}

/* Write a state: between two steps, or two epochs. */
static void save_state(struct training *t)
{
    struct apg_error err;
    struct apg_state_items l = {0};
    const struct apg_progress *s = &t->state;
    struct place at = {s->epoch, s->epoch_done, s->rows, t->bad, t->kept};
    const apg_real *best = NULL;
    list_numbers(t, &at, &l);
    apg_state_add(&l, "", "past", APG_F64, t->past, (size_t)t->n_past, PAST_COLUMNS);
    apg_state_add_weights(&l, t->m, t->optim, t->average);
    if (t->kept && apg_keep_weights(t->best, &best, &err))
        l.no_memory = true; /* there is no place to map it */
    if (best)
        apg_state_add_best(&l, t->m, best);
    apg_state_save(t->o->state, &l);
    apg_state_release(&l);
}

static bool is_last(const struct training *t)
{
    return t->state.epoch >= t->o->epochs || (t->o->patience && t->bad >= t->o->patience);
}

static void shuffle(struct training *t, size_t epoch)
{
    apg_stripes_shuffle(&t->order, t->o->seed, t->o->epochs_done + epoch, t->pool);
}

static void decay(struct training *t)
{
    t->step.lr *= t->o->lr_decay;
    t->step.embedding_lr *= t->o->lr_decay;
}

/* Go on from the state that was found. The order of rows comes from the shuffles that made it. */
static enum apg_status load_state(struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    struct apg_progress *s = &t->state;
    struct apg_state_items l = {0};
    struct place at;
    list_numbers(t, &at, &l);
    enum apg_status status = apg_state_load(o->state, &l, err);
    l.n = 0;
    if (!status && at.epoch > o->epochs)
        status = apg_fail(err, APG_ESETTING, "--epochs %zu: %s/ is in epoch %llu already", o->epochs,
            apg_state_dir(o->state), (unsigned long long)at.epoch);
    else if (!status && (at.rows > t->n_train || t->n_past > at.epoch + 1))
        status = apg_state_altered(o->state, err);
    if (!status && !apg_grow(&t->past, &t->past_room, (size_t)t->n_past * PAST_COLUMNS, sizeof *t->past))
        status = apg_fail_memory(err);
    if (!status && at.kept) {
        apg_state_add_best(&l, t->m, NULL);
        status = apg_state_load(o->state, &l, err);
        l.n = 0;
        if (!status)
            status = apg_keep_put(t->best, err);
    }
    if (!status) {
        apg_state_add(&l, "", "past", APG_F64, t->past, (size_t)t->n_past, PAST_COLUMNS);
        apg_state_add_weights(&l, t->m, t->optim, t->average);
        status = apg_state_load(o->state, &l, err);
    }
    apg_state_release(&l);
    apg_state_leave(o->state);
    if (status)
        return status;
    t->kept = at.kept;
    t->bad = (size_t)at.bad;
    for (size_t epoch = 1; epoch < at.epoch + at.epoch_done; epoch++) {
        shuffle(t, epoch);
        decay(t);
    }
    tell_past(t);
    s->epoch = (size_t)at.epoch;
    s->rows = at.rows;
    s->loss = t->sum / (double)s->rows;
    s->epoch_done = false;
    s->past = true;
    s->last = at.epoch_done && is_last(t);
    if (t->progress)
        t->progress(t->arg, s);
    s->past = false;
    s->epoch_done = at.epoch_done;
    return APG_OK;
}

/* One pass over the rows of an epoch, or over the rest of them. */
static enum apg_status train_epoch(struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    struct apg_progress *s = &t->state;
    enum apg_status status = APG_OK;
    if (s->epoch_done) {
        s->epoch++;
        s->rows = 0;
        t->sum = 0;
        s->epoch_done = false;
    }
    shuffle(t, s->epoch);
    while (!status && s->rows < t->n_train) {
        const size_t n = batch_at(t, s->rows, t->n_train);
        const bool stop = o->stop && o->stop(o->stop_arg);
        if (o->state && (stop || apg_state_due(o->state)))
            save_state(t);
        if (stop)
            return apg_fail(err, APG_ESTOPPED, "stopped before an epoch was over: there is no model");
        apg_stripes_take(&t->order, t->rows.train, s->rows, n, t->row);
        double loss = 0;
        status = apg_optim_step(t->optim, &t->step, t->row, n,
            apg_rng_at(o->seed ^ 0x5851f42d4c957f2d, t->steps++), t->pool, &loss, err);
        if (!status && !isfinite(loss))
            status = apg_fail(err, APG_ERANGE,
                "training diverged in epoch %zu: the loss is not finite; lower --lr", s->epoch);
        t->sum += loss;
        const uint64_t before = s->rows * t->n_sweeps / t->n_train;
        s->rows += n;
        if (t->average && s->rows * t->n_sweeps / t->n_train > before)
            apg_average_add(t->average, o->average, t->pool);
        s->loss = t->sum / (double)s->rows;
        s->recent = loss / (double)n;
        if (!status && t->progress)
            t->progress(t->arg, s);
    }
    decay(t);
    return status;
}

static enum apg_status validate(struct training *t, struct apg_error *err)
{
    t->m->calibration = (struct apg_calibration){1, 0, 1};
    const enum apg_status status = apg_fit_logits(t->m, &t->rows, t->pool, t->logit, err);
    return status ? status : apg_fit_judge(&t->rows, t->logit, &t->metrics, &t->state, err);
}

/* Calibrate the model, whose validation logits are t->logit. */
static void calibrate(struct training *t)
{
    struct apg_calibration *c = &t->m->calibration;
    double before;
    *c = t->state.has_valid ? (struct apg_calibration){1, 0, 1} : t->given;
    t->state.slope = 1, t->state.offset = 0, t->state.calibrated_loss = t->state.valid_loss;
    if (t->o->calibrate && t->state.has_valid &&
        apg_calibrate(c, t->logit, t->label, t->weight, t->rows.n_valid, &before, &t->state.calibrated_loss))
        t->state.slope = c->slope, t->state.offset = c->offset;
    c->rate = t->o->negative_rate; /* of so many more negatives, the odds are this share */
    t->best_calibration = *c;
}

/* Has training ended with the best weights, which are those that the model has? A state needs both these and those
 * that training would go on from. */
static bool ends_best(const struct training *t)
{
    return t->state.last && t->state.better && !t->o->state;
}

/* Validate the model's weights, keep them if they are the best so far, and say whether training ends. */
static enum apg_status judge_epoch(struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = t->o;
    struct apg_progress *s = &t->state;
    enum apg_status status = s->has_valid ? validate(t, err) : APG_OK;
    if (status || (status = apg_dataset_check(t->rows.train, err)) ||
        (status = apg_dataset_check(t->rows.valid, err)))
        return status;
    const double score = s->has_valid ? apg_fit_score(o, s->valid_auc, s->valid_loss) : (double)s->epoch;
    s->better = score > t->best_score + (s->has_valid ? 1e-6 : 0);
    t->bad = s->better ? 0 : t->bad + 1;
    s->last = is_last(t);
    if (s->better) {
        t->best_score = score, s->best_epoch = s->epoch;
        calibrate(t);
        if (!ends_best(t))
            status = apg_keep_put(t->best, err);
        t->kept = true;
    }
    s->epoch_done = true;
    if (!status && o->state)
        status = add_past(t, err);
    if (!status && t->progress)
        t->progress(t->arg, s);
    return status;
}

/* Without validation rows nothing has looked at what the last step left: look at some rows' logits. */
static enum apg_status check_left(const struct training *t, struct apg_error *err)
{
    const uint64_t n = t->n_train < t->m->max_rows ? t->n_train : t->m->max_rows;
    const struct apg_fit_rows some = {.valid = t->rows.train, .n_valid = n};
    double *logit = apg_alloc((size_t)n, sizeof *logit);
    enum apg_status status = logit ? apg_fit_logits(t->m, &some, t->pool, logit, err) : apg_fail_memory(err);
    free(logit);
    return status;
}

enum apg_status apg_fit(struct apg_model *m, const struct apg_dataset *train, const struct apg_dataset *valid,
    const struct apg_fit_options *o, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err)
{
    struct training t = {
        .m = m, .given = m->calibration, .o = o, .pool = pool, .progress = progress, .arg = arg};
    enum apg_status status = start(&t, train, valid, err);
    if (!status && o->state && apg_state_found(o->state))
        status = load_state(&t, err);
    else if (!status && o->validate_start && t.state.has_valid)
        status = judge_epoch(&t, err);
    while (!status && !t.state.last) {
        if ((status = train_epoch(&t, err)))
            break;
        if (t.average)
            apg_average_swap(t.average, pool);
        status = judge_epoch(&t, err);
        if (t.average && !ends_best(&t))
            apg_average_swap(t.average, pool);
        if (!status && o->state && (t.state.last || apg_state_due(o->state)))
            save_state(&t);
    }
    const bool stopped = status == APG_ESTOPPED && t.kept;
    const enum apg_status taken =
        (!status && !ends_best(&t)) || stopped ? apg_keep_take(t.best, err) : APG_OK;
    status = taken ? taken : status;
    if (!taken && (!status || stopped)) {
        m->calibration = t.best_calibration;
        apg_graph_prepare(&m->graph);
        const enum apg_status left = t.state.has_valid ? APG_OK : check_left(&t, err);
        status = left ? left : status;
    }
    end(&t);
    return status;
}
