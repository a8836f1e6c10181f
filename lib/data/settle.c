/* SPDX-License-Identifier: MIT */
#include "data/settle.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/mem.h"
#include "data/bins.h"

/* Rows that the edges of a bucket column, and of the bins of a numeric one, are found by. */
enum { QUANTILE_ROWS = 1 << 20, BIN_ROWS = 1 << 16 };

/* Of the values of a numeric column: their count, their mean, the sum of their squares about it, and
 * their range. */
struct moments {
    double n, mean, m2;
    float low, high;
};

struct settle {
    struct apg_schema *s;
    struct apg_dataset *d;
    uint32_t min_count;
    const struct apg_columns *c; /* NULL: numbers stay as they are */
    atomic_bool no_memory;
    struct moments *moments; /* (n_blocks, n_fields) */
    const uint32_t *had;     /* (n_fields) ids that stay, whatever their count; NULL: none but 0 does */
    uint32_t **count;        /* (n_fields) how often each id was seen; NULL for a field whose ids stay */
    uint32_t **id;           /* (n_fields) the final id of each id; NULL likewise */
};

static void count_tokens(const struct settle *x, size_t f)
{
    for (size_t k = 0; k < x->d->n_blocks; k++) {
        const struct apg_block *b = &x->d->block[k];
        for (uint32_t r = 0; r < b->rows; r++) {
            const uint32_t *row = apg_block_row(b, r), word = row[1 + f];
            if (x->s->field[f].kind == APG_CATEGORICAL) {
                x->count[f][word]++;
                continue;
            }
            const uint32_t *id = row + apg_row_head(x->s) + (word >> 16);
            for (uint32_t i = 0; i < (word & 0xffff); i++)
                x->count[f][id[i]]++;
        }
    }
}

/* Take the rare tokens out of field F's vocabulary. The others keep their order. False: out of memory. */
static bool cut_vocab(struct settle *x, size_t f)
{
    struct apg_vocab *old = &x->s->field[f].vocab, cut;
    x->count[f] = apg_alloc(old->n, sizeof **x->count);
    x->id[f] = apg_alloc(old->n, sizeof **x->id);
    if (!x->count[f] || !x->id[f])
        return false;
    count_tokens(x, f);
    bool good = !apg_vocab_init(&cut, NULL);
    for (uint32_t i = 1; good && i < old->n; i++) {
        size_t len;
        const char *token = apg_vocab_token(old, i, &len);
        if (x->count[f][i] >= x->min_count || (x->had && i < x->had[f]))
            good = (x->id[f][i] = apg_vocab_add(&cut, token, len, apg_vocab_hash(token, len)));
    }
    apg_vocab_release(good ? old : &cut);
    if (good)
        *old = cut;
    return good;
}

/* All fields of a row before the next row: the quotients of one field wait for each other, and took three
 * times as long. */
static void moments_task(void *arg, size_t k, unsigned worker)
{
    struct settle *x = arg;
    const struct apg_block *b = &x->d->block[k];
    const size_t n = x->s->n_fields;
    struct moments *moments = &x->moments[k * n];
    (void)worker;
    for (size_t f = 0; f < n; f++)
        moments[f] = (struct moments){.low = INFINITY, .high = -INFINITY};
    for (uint32_t r = 0; r < b->rows; r++) {
        const uint32_t *row = apg_block_row(b, r);
        for (size_t f = 0; f < n; f++) {
            struct moments *m = &moments[f];
            const float t = apg_word_float(row[1 + f]);
            if (x->s->field[f].kind != APG_NUMERIC || isnan(t))
                continue;
            const double v = (double)t, from_old = v - m->mean;
            m->low = t < m->low ? t : m->low;
            m->high = t > m->high ? t : m->high;
            m->n++;
            m->mean += from_old / m->n;
            m->m2 += from_old * (v - m->mean);
        }
    }
}

/* The newest day of field F, a column of times, in all blocks. */
static void find_newest(const struct settle *x, size_t f)
{
    float newest = -INFINITY;
    for (size_t k = 0; k < x->d->n_blocks; k++)
        for (uint32_t r = 0; r < x->d->block[k].rows; r++) {
            const float days = apg_word_float(apg_block_row(&x->d->block[k], r)[1 + f]);
            newest = days > newest ? days : newest;
        }
    x->s->field[f].newest = isfinite(newest) ? newest : 0;
}

/* Days become ages, of which moments are taken as of other numbers. */
static void age_task(void *arg, size_t k, unsigned worker)
{
    struct settle *x = arg;
    struct apg_block *b = &x->d->block[k];
    (void)worker;
    for (size_t f = x->s->n_fields - 3 * x->s->n_times; f < x->s->n_fields; f++)
        for (uint32_t r = 0; r < b->rows && x->s->field[f].part == APG_TIME_AGE; r++) {
            uint32_t *word = &b->words[b->start[r] + 1 + f];
            if (*word != APG_MISSING)
                *word = apg_float_word(apg_field_age(&x->s->field[f], apg_word_float(*word)));
        }
}

/* The moments of the blocks are put together in the order of the blocks, so that the result does
 * not depend on threads. */
static void find_deviation(struct settle *x, size_t f)
{
    struct apg_field *field = &x->s->field[f];
    struct moments a = {.low = INFINITY, .high = -INFINITY};
    for (size_t k = 0; k < x->d->n_blocks; k++) {
        struct moments b = x->moments[k * x->s->n_fields + f];
        if (b.n == 0)
            continue;
        double apart = b.mean - a.mean, n = a.n + b.n;
        a.mean += apart * b.n / n;
        a.m2 += b.m2 + apart * apart * a.n * b.n / n;
        a.n = n;
        a.low = b.low < a.low ? b.low : a.low;
        a.high = b.high > a.high ? b.high : a.high;
    }
    field->mean = a.mean;
    field->bounded = true;
    field->low = a.n > 0 ? a.low : 0; /* without a value, any is taken for the mean */
    field->high = a.n > 0 ? a.high : 0;
    field->deviation = a.n > 0 ? sqrt(a.m2 / a.n) : 0;
    /* A float has 24 bits, so values that differ by their last ones differ by rounding. */
    const double largest = fmax(fabs((double)field->low), fabs((double)field->high)),
                 least = largest * 0x1p-20;
    if (!(field->deviation > least))
        field->deviation = field->low < field->high ? least : 1;
}

/* From units of t to those of words, which are as few as floats can tell apart. */
static void standardize_edges(struct apg_field *field)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < field->n_edges; i++) {
        const float edge = apg_word_float(apg_field_numeric(field, field->edge[i]));
        if (!n || edge > field->edge[n - 1])
            field->edge[n++] = edge;
    }
    field->n_edges = n;
}

/* The bins of field F, a column of numbers. With more rows than are looked at, every STEP-th is. False:
 * out of memory. */
static bool find_bins(struct settle *x, size_t f)
{
    struct apg_field *field = &x->s->field[f];
    const bool numeric = field->kind == APG_NUMERIC;
    const uint64_t most = numeric ? BIN_ROWS : QUANTILE_ROWS, step = (x->d->rows + most - 1) / most;
    size_t n = 0;
    float *value = apg_alloc((size_t)(x->d->rows / step + 1), sizeof *value);
    if (!value)
        return false;
    for (uint64_t i = 0; i < x->d->rows; i += step) {
        const uint32_t word = apg_dataset_row(x->d, i)[1 + f];
        if (word != APG_MISSING)
            value[n++] = apg_word_float(word);
    }
    bool good = !apg_bins_sort(value, n, NULL) &&
                !(numeric ? apg_bins_spikes(&field->edge, &field->n_edges, value, n, x->c->numeric_bins, NULL)
                          : apg_bins_quantiles(&field->edge, &field->n_edges, value, n, x->c->buckets, NULL));
    if (good && numeric)
        standardize_edges(field);
    free(value);
    return good;
}

/* What is to be found out of field F by all its values. */
static void field_task(void *arg, size_t f, unsigned worker)
{
    struct settle *x = arg;
    const struct apg_field *field = &x->s->field[f];
    bool good = true;
    (void)worker;
    if (x->c && field->kind == APG_NUMERIC)
        find_deviation(x, f);
    if (x->c &&
        ((field->kind == APG_BUCKET && !field->part) || (field->kind == APG_NUMERIC && x->c->numeric_bins)))
        good = find_bins(x, f);
    else if (apg_field_has_vocab(field) && x->min_count > 1 && (!x->had || field->vocab.n > x->had[f]))
        good = cut_vocab(x, f);
    if (!good)
        x->no_memory = true;
}

static void rewrite_task(void *arg, size_t k, unsigned worker)
{
    struct settle *x = arg;
    struct apg_block *b = &x->d->block[k];
    size_t head = apg_row_head(x->s);
    (void)worker;
    for (size_t f = 0; f < x->s->n_fields; f++) {
        const struct apg_field *field = &x->s->field[f];
        const uint32_t *id = x->id[f];
        if ((field->kind <= APG_MULTI || x->had) && !id)
            continue;
        for (uint32_t r = 0; r < b->rows; r++) {
            uint32_t *row = b->words + b->start[r], *word = &row[1 + f];
            if (field->kind == APG_CATEGORICAL)
                *word = id[*word];
            else if (field->kind == APG_NUMERIC)
                *word = apg_field_numeric(field, apg_word_float(*word));
            else if (field->kind == APG_BUCKET)
                *word = *word == APG_MISSING ? 0 : apg_field_bucket(field, apg_word_float(*word));
            else
                for (uint32_t i = 0, *tail = row + head + (*word >> 16); i < (*word & 0xffff); i++)
                    tail[i] = id[tail[i]];
        }
    }
}

/* Give each field its rows of the joint table. */
static enum apg_status place_fields(struct apg_schema *s, struct apg_error *err)
{
    uint64_t rows = 0;
    for (size_t f = 0; f < s->n_fields; f++) {
        struct apg_field *field = &s->field[f];
        field->rows = field->kind == APG_NUMERIC  ? 2 + (field->n_edges ? field->n_edges + 1 : 0)
                      : field->kind == APG_BUCKET ? field->n_edges + 2
                      : field->hash_bits          ? UINT32_C(1) << field->hash_bits
                                                  : field->vocab.n;
        field->first = (uint32_t)rows;
        rows += field->rows;
    }
    if (rows > UINT32_MAX)
        return apg_fail(
            err, APG_ERANGE, "over 2^32 different values in all columns: --min-count or --hash-bits");
    s->rows = (uint32_t)rows;
    return APG_OK;
}

static void settle_release(struct settle *x)
{
    for (size_t f = 0; f < x->s->n_fields; f++) {
        if (x->count)
            free(x->count[f]);
        if (x->id)
            free(x->id[f]);
    }
    free(x->moments);
    free(x->count);
    free(x->id);
}

enum apg_status apg_settle(struct apg_schema *s, struct apg_dataset *d, const struct apg_columns *c,
    struct apg_pool *pool, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    struct settle x = {.s = s, .d = d, .min_count = (uint32_t)c->min_count, .c = c};
    x.moments = apg_alloc(d->n_blocks, s->n_fields * sizeof *x.moments);
    x.count = apg_alloc(s->n_fields, sizeof *x.count);
    x.id = apg_alloc(s->n_fields, sizeof *x.id);
    if (!x.moments || !x.count || !x.id) {
        status = apg_fail_memory(err);
        goto done;
    }
    for (size_t f = 0; f < s->n_fields; f++)
        if (s->field[f].part == APG_TIME_AGE)
            find_newest(&x, f);
    if (s->n_times)
        apg_pool_run(pool, d->n_blocks, age_task, &x);
    apg_pool_run(pool, d->n_blocks, moments_task, &x);
    apg_pool_run(pool, s->n_fields, field_task, &x);
    if (x.no_memory)
        status = apg_fail_memory(err);
    if (!status && !(status = place_fields(s, err)))
        apg_pool_run(pool, d->n_blocks, rewrite_task, &x);
done:
    settle_release(&x);
    return status;
}

enum apg_status apg_settle_growth(struct apg_schema *s, struct apg_dataset *d, const uint32_t *had,
    uint32_t min_count, struct apg_pool *pool, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    struct settle x = {.s = s, .d = d, .min_count = min_count, .had = had};
    x.count = apg_alloc(s->n_fields, sizeof *x.count);
    x.id = apg_alloc(s->n_fields, sizeof *x.id);
    if (!x.count || !x.id)
        status = apg_fail_memory(err);
    if (!status) {
        apg_pool_run(pool, s->n_fields, field_task, &x);
        status = x.no_memory ? apg_fail_memory(err) : APG_OK;
    }
    if (!status && !(status = place_fields(s, err)))
        apg_pool_run(pool, d->n_blocks, rewrite_task, &x);
    settle_release(&x);
    return status;
}
