/* SPDX-License-Identifier: MIT */
#include "train/screen.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/rng.h"
#include "data/bins.h"
#include "data/cross.h"
#include "stats/metrics.h"

/* The curvature of the log loss that the prior adds to that of an offset's rows: so much evidence, about 16
 * rows at a score of .5, moves it half the way. */
static const double PRIOR = 4;

/* Of a pair of values: the gradient and the curvature of the loss of the rows of each half, by an offset. */
struct evidence {
    double gradient[2], curve[2];
};

struct screening {
    const struct apg_schema *s;
    const uint32_t *const *row;
    const double *logit;
    size_t n;
    double mean_weight;        /* of the rows; 1 where they have none */
    struct apg_screened *pair; /* of columns, or with ALONE as b a column */
    double *auc;               /* of each column */
    atomic_bool failed;
};

static const size_t ALONE = SIZE_MAX;

/* Rows are cut into two halves at random: in the log's order they may alternate. */
static size_t half_of(size_t i)
{
    return apg_rng_at(0, i) & 1;
}

struct table {
    struct apg_vocab pairs;
    struct evidence *evidence; /* (pairs.n) */
    size_t cap;
};

/* The ids of the pairs that row I has, *id (n), which grows as needed. With ADD new ones are entered.
 * False: out of memory. */
static bool pairs_of(const struct screening *x, const struct apg_screened *p, size_t i, struct table *t,
    uint32_t **id, size_t *cap, size_t *n)
{
    const uint32_t none = 0, *a, *b = &none;
    uint32_t one_a, one_b;
    const uint32_t n_a = apg_row_ids(x->s, x->row[i], p->a, &a, &one_a),
                   n_b = p->b == ALONE ? 1 : apg_row_ids(x->s, x->row[i], p->b, &b, &one_b);
    *n = (size_t)n_a * n_b;
    if (!apg_grow(id, cap, *n, sizeof **id))
        return false;
    for (size_t k = 0; k < *n; k++) {
        const uint32_t before = t->pairs.n;
        if (!((*id)[k] = apg_cross_add(&t->pairs, a[k / n_b], b[k % n_b])) ||
            !apg_grow(&t->evidence, &t->cap, t->pairs.n, sizeof *t->evidence))
            return false;
        if (t->pairs.n > before)
            t->evidence[before] = (struct evidence){0};
    }
    return true;
}

/* What row I counts for, where the mean is 1. */
static double weight_of(const struct screening *x, size_t i)
{
    return (double)apg_row_weight(x->s, x->row[i]) / x->mean_weight;
}

static double offset_of(const struct evidence *e, size_t half)
{
    return -e->gradient[half] / (e->curve[half] + PRIOR);
}

/* The evidence of all rows. False: out of memory. */
static bool learn(
    const struct screening *x, const struct apg_screened *p, struct table *t, uint32_t **id, size_t *cap)
{
    size_t n;
    bool good = !apg_vocab_init(&t->pairs, NULL) && apg_grow(&t->evidence, &t->cap, 1, sizeof *t->evidence);
    for (size_t i = 0; good && i < x->n; i++) {
        const double s = apg_metrics_sigmoid(x->logit[i]), y = (double)apg_word_float(x->row[i][0]),
                     w = weight_of(x, i);
        good = pairs_of(x, p, i, t, id, cap, &n);
        for (size_t j = 0; good && j < n; j++) {
            struct evidence *e = &t->evidence[(*id)[j]];
            e->gradient[half_of(i)] += w * (s - y) / (double)n;
            e->curve[half_of(i)] += w * s * (1 - s) / (double)(n * n);
        }
    }
    return good;
}

/* *offset: of row I, by the rows of the other half. False: out of memory. */
static bool apply(const struct screening *x, const struct apg_screened *p, size_t i, struct table *t,
    uint32_t **id, size_t *cap, double *offset)
{
    size_t n;
    *offset = 0;
    if (!pairs_of(x, p, i, t, id, cap, &n))
        return false;
    for (size_t j = 0; j < n; j++)
        *offset += offset_of(&t->evidence[(*id)[j]], !half_of(i)) / (double)n;
    return true;
}

static void screen_task(void *arg, size_t k, unsigned worker)
{
    struct screening *x = arg;
    struct apg_screened *p = &x->pair[k];
    struct table t = {0};
    uint32_t *id = NULL;
    size_t cap = 0;
    double sum = 0, squares = 0, offset;
    (void)worker;
    bool good = learn(x, p, &t, &id, &cap);
    for (size_t i = 0; good && i < x->n; i++) {
        const bool label = apg_word_float(x->row[i][0]) > 0;
        good = apply(x, p, i, &t, &id, &cap, &offset);
        const double d = weight_of(x, i) * (apg_metrics_logit_loss(x->logit[i], label) -
                                               apg_metrics_logit_loss(x->logit[i] + offset, label));
        sum += d;
        squares += d * d;
    }
    const double rows = (double)x->n, mean = sum / rows, variance = squares / rows - mean * mean;
    p->gain = mean;
    p->z = variance > 0 ? mean / sqrt(variance / rows) : 0;
    free(id);
    free(t.evidence);
    apg_vocab_release(&t.pairs);
    if (!good)
        atomic_store(&x->failed, true);
}

static int by_gain(const void *a, const void *b)
{
    const struct apg_screened *x = a, *y = b;
    if (x->gain < y->gain || x->gain > y->gain)
        return x->gain < y->gain ? 1 : -1;
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

enum apg_status apg_screen_pairs(struct apg_screened **out, size_t *n_out, const struct apg_schema *s,
    const uint32_t *const *row, const double *logit, size_t n, struct apg_pool *pool, struct apg_error *err)
{
    struct screening x = {.s = s, .row = row, .logit = logit, .n = n};
    size_t pairs = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        x.mean_weight += (double)apg_row_weight(s, row[i]) / (double)n;
    if (!(x.mean_weight > 0))
        x.mean_weight = 1; /* no pair will promise anything */
    *out = NULL;
    if (!(x.pair = apg_alloc(s->n_fields * s->n_fields / 2 + 1, sizeof *x.pair)))
        return apg_fail_memory(err);
    for (size_t a = 0; a < s->n_fields; a++)
        for (size_t b = a + 1; b < s->n_fields; b++)
            if (apg_cross_can(s, a, b))
                x.pair[pairs++] = (struct apg_screened){.a = a, .b = b};
    apg_pool_run(pool, pairs, screen_task, &x);
    if (atomic_load(&x.failed)) {
        free(x.pair);
        return apg_fail_memory(err);
    }
    for (size_t k = 0; k < pairs; k++)
        if (x.pair[k].z > APG_SCREEN_Z)
            x.pair[kept++] = x.pair[k];
    qsort(x.pair, kept, sizeof *x.pair, by_gain);
    *out = x.pair;
    *n_out = kept;
    return APG_OK;
}

/* ---- columns alone ---- */

/* Scores of rows, those of each label together. */
struct scores {
    float *of[2];
    size_t n[2];
};

static void add(struct scores *s, bool label, float score)
{
    s->of[label][s->n[label]++] = score;
}

/* The share of pairs of a row of each label in which the positive one has the higher score; of equal ones half.
 * Empties S. */
static double auc_of(struct scores *s)
{
    if (apg_bins_sort(s->of[0], s->n[0], NULL) || apg_bins_sort(s->of[1], s->n[1], NULL))
        return NAN;
    double sum = 0;
    for (size_t i = 0, below = 0, upto = 0; i < s->n[1]; i++) {
        while (below < s->n[0] && s->of[0][below] < s->of[1][i])
            below++;
        while (upto < s->n[0] && s->of[0][upto] <= s->of[1][i])
            upto++;
        sum += (double)below + (double)upto;
    }
    const double auc = sum / 2 / (double)s->n[0] / (double)s->n[1];
    s->n[0] = s->n[1] = 0;
    return auc;
}

static void column_task(void *arg, size_t f, unsigned worker)
{
    struct screening *x = arg;
    const struct apg_screened p = {.a = f, .b = ALONE};
    struct table t = {0};
    struct scores s = {.of = {malloc(x->n * sizeof(float)), malloc(x->n * sizeof(float))}};
    uint32_t *id = NULL;
    size_t cap = 0;
    double offset, number = 0;
    (void)worker;
    bool good = s.of[0] && s.of[1] && learn(x, &p, &t, &id, &cap);
    for (size_t i = 0; good && i < x->n; i++) {
        good = apply(x, &p, i, &t, &id, &cap, &offset);
        add(&s, apg_word_float(x->row[i][0]) > 0, (float)offset);
    }
    x->auc[f] = good ? auc_of(&s) : NAN;
    for (size_t i = 0; good && x->s->field[f].kind == APG_NUMERIC && i < x->n; i++) {
        const float v = apg_word_float(x->row[i][1 + f]);
        add(&s, apg_word_float(x->row[i][0]) > 0, v == v ? v : 0); /* what is missing is the mean */
    }
    if (s.n[0])
        number = auc_of(&s);
    if (isnan(x->auc[f]) || isnan(number))
        atomic_store(&x->failed, true);
    x->auc[f] = fmax(x->auc[f], fmax(number, number > 0 ? 1 - number : 0));
    free(s.of[0]);
    free(s.of[1]);
    free(id);
    free(t.evidence);
    apg_vocab_release(&t.pairs);
}

enum apg_status apg_screen_columns(double *auc, const struct apg_schema *s, const uint32_t *const *row,
    size_t n, struct apg_pool *pool, struct apg_error *err)
{
    struct screening x = {.s = s, .row = row, .n = n, .mean_weight = 1, .auc = auc};
    size_t rows[2][2] = {{0}};
    for (size_t i = 0; i < n; i++)
        rows[half_of(i)][apg_word_float(row[i][0]) > 0]++;
    for (size_t f = 0; f < s->n_fields; f++)
        auc[f] = NAN;
    for (int half = 0; half < 2; half++)
        if (rows[half][0] < APG_SCREEN_LABELS || rows[half][1] < APG_SCREEN_LABELS)
            return APG_OK;
    double *logit = apg_alloc(n, sizeof *logit);
    if (!logit)
        return apg_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        logit[i] = log((double)(rows[0][1] + rows[1][1]) / (double)(rows[0][0] + rows[1][0]));
    x.logit = logit;
    apg_pool_run(pool, s->n_fields, column_task, &x);
    free(logit);
    return atomic_load(&x.failed) ? apg_fail_memory(err) : APG_OK;
}
