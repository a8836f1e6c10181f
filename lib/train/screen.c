/* SPDX-License-Identifier: MIT */
#include "train/screen.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/mem.h"
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
    double mean_weight; /* of the rows; 1 where they have none */
    struct apg_screened *pair;
    atomic_bool failed;
};

/* Row I belongs to half I & 1: rows come in a random order. */
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
    const uint32_t *a, *b;
    uint32_t one_a, one_b;
    const uint32_t n_a = apg_row_ids(x->s, x->row[i], p->a, &a, &one_a),
                   n_b = apg_row_ids(x->s, x->row[i], p->b, &b, &one_b);
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

static void screen_task(void *arg, size_t k, unsigned worker)
{
    struct screening *x = arg;
    struct apg_screened *p = &x->pair[k];
    struct table t = {0};
    uint32_t *id = NULL;
    size_t cap = 0, n;
    double sum = 0, squares = 0;
    (void)worker;
    bool good = !apg_vocab_init(&t.pairs, NULL) && apg_grow(&t.evidence, &t.cap, 1, sizeof *t.evidence);
    for (size_t i = 0; good && i < x->n; i++) {
        const double s = apg_metrics_sigmoid(x->logit[i]), y = (double)apg_word_float(x->row[i][0]),
                     w = weight_of(x, i);
        good = pairs_of(x, p, i, &t, &id, &cap, &n);
        for (size_t j = 0; good && j < n; j++) {
            struct evidence *e = &t.evidence[id[j]];
            e->gradient[i & 1] += w * (s - y) / (double)n;
            e->curve[i & 1] += w * s * (1 - s) / (double)(n * n);
        }
    }
    for (size_t i = 0; good && i < x->n; i++) {
        const bool label = apg_word_float(x->row[i][0]) > 0;
        double offset = 0;
        good = pairs_of(x, p, i, &t, &id, &cap, &n);
        for (size_t j = 0; good && j < n; j++)
            offset += offset_of(&t.evidence[id[j]], !(i & 1)) / (double)n;
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
    struct screening x = {s, row, logit, n, 0, NULL, false};
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
