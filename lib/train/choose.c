/* SPDX-License-Identifier: MIT */
#include "train/choose.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stats/compare.h"
#include "base/list.h"
#include "base/mem.h"
#include "train/work.h"

/* A group of fewer rows than COMMON_ROWS is rare. A candidate trains on at least ROUND_BATCHES_MIN batches
 * in a round: with fewer, a round would show the optimizer's first steps only. */
enum { COMMON_ROWS = 20, ROUND_BATCHES_MIN = 16 };
/* Candidates branch off the static model after best_epoch / BRANCH_DIVISOR epochs. budget / PICK_DIVISOR of
 * the work goes into picking one of them. The first rank tried is at most width / RANK_DIVISOR. */
enum { BRANCH_DIVISOR = 4, PICK_DIVISOR = 3, RANK_DIVISOR = 4 };

struct choose {
    const struct apg_schema *schema;
    const struct apg_arch *arch;
    const struct apg_dataset *train, *valid;
    const struct apg_fit_options *fit;
    const struct apg_choose_options *options;
    struct apg_pool *pool;
    const struct apg_choose_told *told;
    struct apg_choose_report *report;
    struct apg_fit_rows rows;
    struct apg_model *fixed, *branch; /* the static model; the same after EPOCHS_DONE epochs */
    double fixed_score;
    size_t epochs_done;
    double price; /* work that training the static model took */
    double left;  /* work that may still be done */
    double pick;  /* of it, to pick a candidate by */
    size_t n;
    struct apg_choose_try *tries; /* (n) candidates, and room for the four of the last round */
};

/* ---- candidates ---- */

bool apg_choose_column(const uint64_t *count, size_t n, double *groups)
{
    double all = 0, common = 0, most = 0, entropy = 0;
    size_t n_common = 0;
    for (size_t i = 0; i < n; i++) {
        double rows = (double)count[i];
        all += rows;
        most = rows > most ? rows : most;
        if (rows >= COMMON_ROWS)
            common += rows, n_common++;
    }
    for (size_t i = 0; i < n; i++)
        if (count[i])
            entropy -= (double)count[i] / all * log((double)count[i] / all);
    *groups = exp(entropy);
    return n_common >= 2 && 2 * common >= all && most <= 0.98 * all;
}

struct column {
    size_t field;
    double groups;
};

static int more_groups(const void *a, const void *b)
{
    const struct column *x = a, *y = b;
    if (x->groups != y->groups)
        return x->groups < y->groups ? 1 : -1;
    return (x->field > y->field) - (x->field < y->field);
}

/* Candidates are self and then each column worth trying, the column with the most groups first. */
static enum apg_status list_candidates(struct choose *c, struct apg_error *err)
{
    const struct apg_schema *s = c->schema;
    const struct apg_arch *a = c->arch;
    size_t n = 0, l = 0;
    while (l < a->n_hidden && !a->K[l])
        l++;
    if (l == a->n_hidden)
        return apg_fail(err, APG_EUSAGE, "no hidden layer has a rank: none can adapt");
    /* In a narrow layer a large rank is most of the work, and few candidates can be tried. */
    const size_t wide = (a->hidden[l] + RANK_DIVISOR - 1) / RANK_DIVISOR;
    const size_t rank = c->options->rank_given ? 0 : a->K[l] < wide ? a->K[l] : wide;
    uint64_t *count = apg_alloc(s->rows, sizeof *count);
    struct column *column = apg_alloc(s->n_fields, sizeof *column);
    c->tries = apg_alloc(s->n_fields + 4, sizeof *c->tries);
    if (!count || !column || !c->tries) {
        free(count);
        free(column);
        return apg_fail_memory(err);
    }
    for (uint64_t i = 0, held = 0; i < c->train->rows; i++) {
        if (apg_fit_is_held(&c->rows, i, &held))
            continue;
        const uint32_t *row = apg_dataset_row(c->train, i);
        for (size_t f = 0; f < s->n_fields; f++)
            if (apg_field_is_domain(&s->field[f]))
                count[s->field[f].first + row[1 + f]]++;
    }
    for (size_t f = 0; f < s->n_fields; f++) {
        column[n].field = f;
        n += apg_field_is_domain(&s->field[f]) &&
             apg_choose_column(count + s->field[f].first, s->field[f].rows, &column[n].groups);
    }
    qsort(column, n, sizeof *column, more_groups);
    c->tries[c->n++] = (struct apg_choose_try){.rank = rank};
    for (size_t i = 0; i < n; i++)
        c->tries[c->n++] = (struct apg_choose_try){.n = 1, .field = {column[i].field}, .rank = rank};
    free(count);
    free(column);
    return APG_OK;
}

bool apg_choose_condition(
    char *out, size_t size, const struct apg_choose_try *try, const struct apg_schema *schema)
{
    const char *end = out + size;
    out += sprintf(out, try->n ? "group:" : "self");
    for (size_t i = 0; i < try->n; i++) {
        const char *name = schema->field[try->field[i]].name;
        if (2 * strlen(name) + 5 > (size_t)(end - out))
            return false;
        out = apg_list_put(out + sprintf(out, "%s", i ? "," : ""), name);
    }
    return true;
}

/* The architecture of candidate T; of the static model where T is NULL. */
static struct apg_arch arch_of(const struct choose *c, const struct apg_choose_try *t)
{
    struct apg_arch a = *c->arch;
    if (!t) {
        a.layer = apg_layer_find("dense");
        return a;
    }
    a.mode = t->n ? APG_CONDITION_GROUP : APG_CONDITION_SELF;
    a.n_condition = t->n;
    for (size_t i = 0; i < t->n; i++)
        a.condition[i] = t->field[i];
    for (size_t l = 0; l < a.n_hidden && t->rank; l++)
        a.K[l] = a.K[l] ? t->rank : 0;
    if (!t->n)
        a.own_embedding = a.stop_gradient = false;
    return a;
}

/* ---- training ---- */

/* Work of one row's forward pass. */
static double row_work(const struct choose *c, const struct apg_cost *cost)
{
    return apg_work_row(c->schema, c->arch, cost, c->fit->batch_size);
}

/* *M becomes a model of candidate T, or the static one where T is NULL, with fresh weights. */
static enum apg_status make(
    struct apg_model **m, const struct choose *c, const struct apg_choose_try *t, struct apg_error *err)
{
    const struct apg_arch a = arch_of(c, t);
    enum apg_status status = apg_model_new(m, c->schema, &a, c->fit->batch_size, true, err);
    if (!status)
        apg_model_init_weights(*m, c->fit->seed, c->options->embedding_std, false);
    if (!status)
        apg_model_init_bias(*m, apg_dataset_positives(c->train), c->train->rows);
    return status;
}

static const char STATIC_MODEL[] = "the static model"; /* in messages */

/* Train M and subtract its work from what is left. A candidate that diverges is no failure: its AUC and
 * loss are NaN. The static model, which is trained first, must not diverge (APG_ERANGE). */
static enum apg_status train(struct choose *c, struct apg_model *m, const struct apg_fit_options *fit,
    bool tell, struct apg_watch *w, struct apg_error *err)
{
    apg_watch_init(w, tell ? c->told->fit : NULL, c->told->arg);
    enum apg_status status = apg_fit(m, c->train, c->valid, fit, c->pool, apg_watch_progress, w, err);
    const struct apg_cost cost = apg_complexity_graph(&m->graph);
    c->left -= row_work(c, &cost) * apg_work_fit(&c->rows, w->rows, (double)w->epochs);
    if (status != APG_ERANGE || !c->branch)
        return status;
    w->best.valid_auc = w->best.valid_loss = NAN;
    return APG_OK;
}

/* More is better; -INFINITY: the training diverged. */
static double score(const struct choose *c, const struct apg_watch *w)
{
    const struct apg_progress *p = &w->best;
    return isnan(p->valid_loss) ? -INFINITY : apg_fit_score(c->fit, p->valid_auc, p->valid_loss);
}

/* Train candidate T on t->rows rows from the branch's weights, and fill in its share, AUC, loss and score. */
static enum apg_status try_one(struct choose *c, struct apg_choose_try *t, struct apg_error *err)
{
    struct apg_model *m = NULL;
    struct apg_watch w = {0};
    struct apg_fit_options fit = *c->fit;
    const uint64_t all = c->rows.n_train, epochs = (t->rows + all - 1) / all;
    fit.epochs_done = c->epochs_done;
    fit.epochs = (size_t)epochs;
    fit.epoch_rows = t->rows / epochs;
    enum apg_status status = make(&m, c, t, err);
    if (!status && !(status = apg_model_copy_weights(m, c->branch, STATIC_MODEL, NULL, err)))
        status = train(c, m, &fit, false, &w, err);
    if (!status) {
        t->share = (double)t->rows / (double)all;
        t->auc = w.best.valid_auc, t->loss = w.best.valid_loss;
        t->score = score(c, &w);
    }
    apg_model_free(m);
    return status;
}

static int better_first(const void *a, const void *b)
{
    const struct apg_choose_try *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* How many rows may be trained on with the work of PASSES forward passes of a row, which pay for one
 * validation too. At least a batch. */
static uint64_t rows_for(const struct choose *c, double passes)
{
    const double rows = (passes - (double)c->rows.n_valid) / 3;
    return rows < (double)c->fit->batch_size ? c->fit->batch_size : (uint64_t)rows;
}

/* Fill in the work of a row of each of TRIES (N). */
static enum apg_status price(
    const struct choose *c, struct apg_choose_try *tries, size_t n, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < n; i++) {
        const struct apg_arch a = arch_of(c, &tries[i]);
        struct apg_cost cost;
        if (!(status = apg_complexity_arch(&cost, &a, &c->branch->graph, err)))
            tries[i].work = row_work(c, &cost);
    }
    return status;
}

/* Share WORK out: fill in how many rows each of TRIES (N) may train on, so that each does the same work or,
 * with SAME_ROWS, sees the same number of rows. Returns the smallest of these numbers. */
static uint64_t share_out(
    const struct choose *c, struct apg_choose_try *tries, size_t n, double work, bool same_rows)
{
    double sum = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < n; i++)
        sum += tries[i].work;
    for (size_t i = 0; i < n; i++) {
        tries[i].rows = rows_for(c, same_rows ? work / sum : work / (double)n / tries[i].work);
        least = tries[i].rows < least ? tries[i].rows : least;
    }
    return least;
}

/* Train TRIES (N), each over its rows, and put the best first. */
static enum apg_status round_of(
    struct choose *c, struct apg_choose_try *tries, size_t n, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < n; i++)
        status = try_one(c, &tries[i], err);
    if (status)
        return status;
    qsort(tries, n, sizeof *tries, better_first);
    if (c->told->stage)
        c->told->stage(c->told->arg, APG_CHOOSE_ROUND, tries, n);
    return APG_OK;
}

/* How many rounds leave one of N candidates, when each drops half of them. */
static size_t rounds(size_t n)
{
    size_t r = 0;
    for (; n > 1; n = (n + 1) / 2)
        r++;
    return r;
}

/* Put candidates behind the winner, tries[0]: half its rank and twice its rank, and a group of the two best
 * columns of the N that were tried. Returns how many there are now, the winner included. */
static size_t variants(struct choose *c, size_t n)
{
    const struct apg_choose_try *best = &c->tries[0];
    const size_t rank = best->rank;
    size_t two[2] = {0, 0}, columns = 0, last = 1;
    for (size_t i = 0; i < n && columns < 2; i++)
        if (c->tries[i].n == 1)
            two[columns++] = c->tries[i].field[0];
    struct apg_choose_try *out = c->tries + 1, pair = {.n = 2, .field = {two[0], two[1]}, .rank = rank};
    struct apg_choose_try low = *best, high = *best;
    low.rank = rank / 2, high.rank = rank * 2;
    if (columns == 2)
        *out++ = pair, last++;
    if (rank)
        *out++ = low, *out++ = high, last += 2;
    return last;
}

/* Halve the candidates until one is left, then try its variants; tries[0] is the best. In the rounds all
 * conditions get the same work: with the same rows self, which is slow, was ahead of groups that did better
 * in the end. In the last round all ranks get the same rows: with the same work the lowest was ahead of
 * better ones (docs/accuracy.md). */
static enum apg_status pick(struct choose *c, struct apg_error *err)
{
    const uint64_t least = (uint64_t)c->fit->batch_size * ROUND_BATCHES_MIN;
    double work = c->pick;
    size_t n = c->n;
    enum apg_status status = price(c, c->tries, n, err);
    if (status)
        return status;
    /* Where a round's work is not enough for all, the columns with the fewest groups are left out. */
    while (n > 1 && share_out(c, c->tries, n, work / (double)(rounds(n) + 1), false) < least)
        n--;
    c->report->left_out = c->n - n;
    c->report->tried = n;
    work /= (double)(rounds(n) + 1);
    size_t known = n;
    for (; !status && n > 1; n = (n + 1) / 2) {
        (void)share_out(c, c->tries, n, work, false);
        status = round_of(c, c->tries, n, err);
    }
    size_t last = variants(c, known);
    if (!status)
        status = price(c, c->tries, last, err);
    if (!status && last > 1 && share_out(c, c->tries, last, work, true) >= least) {
        c->report->tried += last - 1;
        status = round_of(c, c->tries, last, err);
    }
    return status;
}

/* ---- the choice ---- */

enum apg_status apg_choose_test(struct apg_choose_report *report, const struct apg_fit_rows *rows,
    const double *a, const double *b, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_compare compare;
    struct apg_compare_report compared;
    const struct apg_compare_plan plan = {
        .level = 1 - 0.05 / (double)report->tried, .replicates = 1, .seed = 1};
    enum apg_status status = APG_OK;
    apg_compare_init(&compare, true, false, rows->valid->weight_at);
    for (uint64_t i = 0; !status && i < rows->n_valid; i++)
        status = apg_compare_add(&compare, a[i], b[i], apg_word_float(apg_fit_valid_row(rows, i)[0]) > 0,
            apg_fit_valid_weight(rows, i), 0, err);
    if (!status && !(status = apg_compare_report(&compare, &plan, pool, &compared, err))) {
        report->difference = compared.auc.difference;
        report->low = compared.delong.low;
        report->high = compared.delong.high;
        report->better = compared.delong.low > 0;
    }
    apg_compare_release(&compare);
    return status;
}

/* Train M, which has the branch's weights, until its validation stops getting better. T: its candidate, or
 * NULL for the static model. *best: its score, -INFINITY where it diverged; else LOGIT (n_valid) gets its
 * logits. */
static enum apg_status train_on(struct choose *c, struct apg_model *m, const struct apg_choose_try *t,
    const struct apg_fit_options *fit, double *logit, double *best, struct apg_error *err)
{
    struct apg_watch w;
    if (c->told->stage)
        c->told->stage(c->told->arg, t ? APG_CHOOSE_FINAL : APG_CHOOSE_AGAIN, t, 1);
    enum apg_status status = train(c, m, fit, true, &w, err);
    if (status)
        return status;
    *best = score(c, &w);
    if (t)
        c->report->cut = w.best.epoch == fit->epochs && fit->epochs < c->fit->epochs;
    return isfinite(*best) ? apg_fit_logits(m, &c->rows, c->pool, logit, err) : APG_OK;
}

/* Train the winner and the static model to the end, compare them and put the better one into *out. */
static enum apg_status decide(struct choose *c, struct apg_model **out, struct apg_error *err)
{
    const struct apg_choose_try *t = &c->tries[0];
    struct apg_model *adaptive = NULL, **best_fixed = &c->fixed;
    double *fixed = apg_alloc((size_t)c->rows.n_valid, sizeof *fixed);
    double *adapted = apg_alloc((size_t)c->rows.n_valid, sizeof *adapted);
    double best = -INFINITY, best_again = -INFINITY, sum = t->work;
    enum apg_status status = fixed && adapted ? APG_OK : apg_fail_memory(err);
    if (status || (status = make(&adaptive, c, t, err)) ||
        (status = apg_model_copy_weights(adaptive, c->branch, STATIC_MODEL, NULL, err)))
        goto done;
    struct apg_fit_options fit = *c->fit;
    const struct apg_cost cost = apg_complexity_graph(&c->fixed->graph);
    sum += row_work(c, &cost);
    const double epochs = floor(c->left / (sum * apg_work_fit(&c->rows, (double)c->rows.n_train, 1)));
    fit.epochs_done = c->epochs_done;
    if (epochs < 1) {
        fit.epochs = 1;
        fit.epoch_rows = rows_for(c, c->left / sum);
    } else if (epochs < (double)fit.epochs) {
        fit.epochs = (size_t)epochs;
    }
    if ((status = train_on(c, adaptive, t, &fit, adapted, &best, err)) ||
        (status = train_on(c, c->branch, NULL, &fit, fixed, &best_again, err)))
        goto done;
    if (best_again > c->fixed_score)
        best_fixed = &c->branch;
    else if ((status = apg_fit_logits(c->fixed, &c->rows, c->pool, fixed, err)))
        goto done;
    if (isfinite(best) && (status = apg_choose_test(c->report, &c->rows, fixed, adapted, c->pool, err)))
        goto done;
    struct apg_model **chosen = c->report->better ? &adaptive : best_fixed;
    double *logit = c->report->better ? adapted : fixed;
    const struct apg_calibration calibration = (*chosen)->calibration;
    for (uint64_t i = 0; i < c->rows.n_valid; i++) /* the network's own are judged */
        logit[i] = (logit[i] - log(calibration.rate) - calibration.offset) / calibration.slope;
    struct apg_metrics metrics;
    apg_metrics_init(&metrics, true);
    status = apg_fit_judge(&c->rows, logit, &metrics, &c->report->kept, err);
    apg_metrics_release(&metrics);
    if (status)
        goto done;
    *out = *chosen;
    *chosen = NULL;
done:
    apg_model_free(adaptive);
    free(fixed);
    free(adapted);
    return status;
}

/* Make c->branch, the static model after its first epochs_done epochs of the BEST_EPOCH that it took. Their
 * weights were not kept, so they are trained again, unless C has the model of that very epoch. */
static enum apg_status make_branch(struct choose *c, size_t best_epoch, struct apg_error *err)
{
    struct apg_fit_options early = *c->fit;
    struct apg_watch w;
    c->epochs_done = best_epoch < BRANCH_DIVISOR ? 1 : best_epoch / BRANCH_DIVISOR;
    early.epochs = c->epochs_done;
    early.patience = 0;
    enum apg_status status = make(&c->branch, c, NULL, err);
    if (status)
        return status;
    if (c->epochs_done < best_epoch || !c->fixed)
        return train(c, c->branch, &early, false, &w, err);
    return apg_model_copy_weights(c->branch, c->fixed, STATIC_MODEL, NULL, err);
}

/* Train the static model, c->fixed, and then make the branch. */
static enum apg_status train_static(struct choose *c, struct apg_error *err)
{
    struct apg_model *m = NULL;
    struct apg_watch w;
    if (c->told->stage)
        c->told->stage(c->told->arg, APG_CHOOSE_STATIC, NULL, c->n);
    enum apg_status status = make(&m, c, NULL, err);
    if (!status)
        status = train(c, m, c->fit, true, &w, err);
    if (status && !(status == APG_ESTOPPED && w.best.better)) {
        apg_model_free(m);
        return status;
    }
    c->fixed = m;
    c->report->kept = w.best;
    if (status)
        return status;
    c->fixed_score = score(c, &w);
    c->price = -c->left;
    c->left = c->options->budget * c->price;
    status = make_branch(c, w.best.epoch, err);
    c->pick = c->left / PICK_DIVISOR;
    return status;
}

static enum apg_status begin(struct choose *c, struct apg_error *err)
{
    *c->report = (struct apg_choose_report){.difference = NAN, .low = NAN, .high = NAN};
    const enum apg_status status = apg_fit_rows_init(&c->rows, c->train, c->valid, c->fit, err);
    if (!status && !c->rows.n_valid)
        return apg_fail(err, APG_EUSAGE, "without validation rows there is nothing to choose by");
    return status ? status : list_candidates(c, err);
}

static void end(struct choose *c)
{
    c->report->best = c->tries ? c->tries[0] : (struct apg_choose_try){0};
    apg_model_free(c->fixed);
    apg_model_free(c->branch);
    apg_fit_rows_release(&c->rows);
    free(c->tries);
}

enum apg_status apg_choose(struct apg_model **out, struct apg_choose_report *report,
    const struct apg_schema *schema, const struct apg_arch *arch, const struct apg_dataset *rows,
    const struct apg_dataset *valid, const struct apg_fit_options *fit,
    const struct apg_choose_options *options, struct apg_pool *pool, const struct apg_choose_told *told,
    struct apg_error *err)
{
    struct choose c = {schema, arch, rows, valid, fit, options, pool, told, .report = report};
    enum apg_status status = begin(&c, err);
    if (!status && !(status = train_static(&c, err)) && !(status = pick(&c, err)))
        status = decide(&c, out, err);
    if (status == APG_ESTOPPED) {
        *out = c.fixed;
        c.fixed = NULL;
    }
    report->work = options->budget - c.left / c.price;
    end(&c);
    return status;
}

enum apg_status apg_choose_pick(size_t best_epoch, struct apg_choose_report *report,
    const struct apg_schema *schema, const struct apg_arch *arch, const struct apg_dataset *rows,
    const struct apg_dataset *valid, const struct apg_fit_options *fit,
    const struct apg_choose_options *options, struct apg_pool *pool, const struct apg_choose_told *told,
    struct apg_error *err)
{
    struct choose c = {schema, arch, rows, valid, fit, options, pool, told, .report = report};
    enum apg_status status = begin(&c, err);
    if (!status && !(status = make_branch(&c, best_epoch, err))) {
        c.pick = options->budget;
        status = pick(&c, err);
    }
    report->work = -c.left;
    end(&c);
    return status;
}
