/* SPDX-License-Identifier: MIT */
#include "serve/explain.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "stats/metrics.h"

/* ---- rows to look at ---- */

void apg_sample_init(struct apg_sample *s, size_t most, uint64_t seed)
{
    *s = (struct apg_sample){.most = most};
    apg_rng_init(&s->rng, seed, 0x726f7773); /* a stream of its own: "rows" */
}

void apg_sample_release(struct apg_sample *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->row[i]);
    free(s->row);
    *s = (struct apg_sample){0};
}

static size_t count_words(const struct apg_schema *s, const uint32_t *row)
{
    size_t n = apg_row_head(s);
    for (size_t f = 0; f < s->n_fields; f++)
        n += s->field[f].kind == APG_MULTI ? row[1 + f] & 0xffff : 0;
    return n;
}

enum apg_status apg_sample_add(
    struct apg_sample *s, const struct apg_schema *schema, const uint32_t *row, struct apg_error *err)
{
    const size_t words = count_words(schema, row);
    size_t at = s->n;
    s->seen++;
    if (s->most && s->n == s->most && (at = (size_t)apg_rng_below(&s->rng, s->seen)) >= s->most)
        return APG_OK;
    uint32_t *copy = apg_alloc(words, sizeof *copy);
    if (!copy || !apg_grow(&s->row, &s->cap, s->n + 1, sizeof *s->row)) {
        free(copy);
        return apg_fail_memory(err);
    }
    memcpy(copy, row, words * sizeof *copy);
    if (at < s->n)
        free(s->row[at]);
    else
        s->n++;
    s->row[at] = copy;
    return APG_OK;
}

/* ---- rows with another field ---- */

static const uint32_t unknown_id = 0;

/* Write ROW to OUT, but for field F, which is as in FROM; NULL: unknown. Returns words; 0: there are more tokens
 * than a row can have. */
static size_t splice(
    const struct apg_schema *s, uint32_t *out, const uint32_t *row, const uint32_t *from, size_t f)
{
    const size_t head = apg_row_head(s);
    uint32_t at = 0;
    memcpy(out, row, head * sizeof *out);
    for (size_t k = 0; k < s->n_fields; k++) {
        const uint32_t *source = k == f ? from : row, *id = &unknown_id;
        if (s->field[k].kind != APG_MULTI) {
            out[1 + k] = source ? source[1 + k] : s->field[k].kind == APG_NUMERIC ? APG_MISSING : unknown_id;
            continue;
        }
        uint32_t count = 1;
        if (source) {
            count = source[1 + k] & 0xffff;
            id = source + head + (source[1 + k] >> 16);
        }
        if (at > 0xffff)
            return 0;
        out[1 + k] = count | at << 16;
        memcpy(out + head + at, id, count * sizeof *out);
        at += count;
    }
    return head + at;
}

/* Changed rows that are scored together. */
struct batch {
    uint32_t *words;
    size_t n_words, cap_words, n;
    size_t *start;        /* (most) */
    const uint32_t **row; /* (most) */
};

static enum apg_status batch_init(struct batch *b, size_t most, struct apg_error *err)
{
    b->start = apg_alloc(most, sizeof *b->start);
    b->row = apg_alloc(most, sizeof *b->row);
    return b->start && b->row ? APG_OK : apg_fail_memory(err);
}

static void batch_release(struct batch *b)
{
    free(b->words);
    free(b->start);
    free(b->row);
}

static enum apg_status batch_add(struct batch *b, const struct apg_schema *s, const uint32_t *row,
    const uint32_t *from, size_t f, struct apg_error *err)
{
    const size_t most = count_words(s, row) + (from ? count_words(s, from) : 1);
    if (!apg_grow(&b->words, &b->cap_words, b->n_words + most, sizeof *b->words))
        return apg_fail_memory(err);
    const size_t words = splice(s, b->words + b->n_words, row, from, f);
    if (!words)
        return apg_fail(err, APG_ERANGE, "two rows have too many tokens together to be shuffled");
    b->start[b->n++] = b->n_words;
    b->n_words += words;
    return APG_OK;
}

/* The rows, when all are in; B is then empty. */
static const uint32_t *const *batch_rows(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        b->row[i] = b->words + b->start[i];
    b->n = b->n_words = 0;
    return b->row;
}

/* ---- a log ---- */

struct explaining {
    struct apg_model *m;
    const struct apg_sample *rows;
    const struct apg_explain_plan *plan;
    struct apg_pool *pool;
    struct batch batch;
    struct apg_metrics metrics;
    uint32_t *order; /* (n) */
    double *logit;   /* (max_rows) */
};

/* AUC and log loss of the rows, with field F as in the rows of the order; or, SIZE_MAX, as they are. */
static enum apg_status measure(
    struct explaining *e, size_t f, double *auc, double *loss, struct apg_error *err)
{
    const struct apg_schema *s = e->m->schema;
    const struct apg_sample *rows = e->rows;
    enum apg_status status = APG_OK;
    apg_metrics_reset(&e->metrics);
    for (size_t at = 0, n; !status && at < rows->n; at += n) {
        n = rows->n - at < e->m->max_rows ? rows->n - at : e->m->max_rows;
        for (size_t i = at; !status && i < at + n; i++)
            status = batch_add(&e->batch, s, rows->row[i], rows->row[f < SIZE_MAX ? e->order[i] : i],
                f < SIZE_MAX ? f : 0, err);
        if (!status)
            status = apg_model_logits(e->m, batch_rows(&e->batch), n, e->pool, e->logit, err);
        for (size_t i = 0; !status && i < n; i++) {
            const uint32_t *row = rows->row[at + i];
            status = !isfinite(e->logit[i])
                         ? apg_fail(err, APG_ERANGE, "the model's logit is not finite: %g", e->logit[i])
                         : apg_metrics_add(&e->metrics, e->logit[i], apg_word_float(row[0]) > 0,
                               e->plan->weighted ? apg_row_weight(s, row) : 1, 0, err);
        }
    }
    struct apg_metrics_report report;
    if (status || (status = apg_metrics_report(&e->metrics, &report, err)))
        return status;
    *auc = report.auc;
    *loss = report.means.log_loss;
    return APG_OK;
}

/* X of N repeats. */
static struct apg_spread spread(const double *x, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    return (struct apg_spread){mean, n > 1 ? sqrt(squares / (double)(n - 1)) : NAN};
}

static int larger(const void *a, const void *b)
{
    const struct apg_importance *x = a, *y = b;
    const double p = isnan(x->auc.mean) ? x->loss.mean : x->auc.mean;
    const double q = isnan(y->auc.mean) ? y->loss.mean : y->auc.mean;
    return p > q ? -1 : p < q ? 1 : (x->loss.mean < y->loss.mean) - (x->loss.mean > y->loss.mean);
}

enum apg_status apg_explain_columns(struct apg_importance *out, double *auc, double *log_loss,
    struct apg_model *m, const struct apg_sample *rows, const struct apg_explain_plan *plan,
    struct apg_pool *pool, struct apg_error *err)
{
    struct explaining e = {.m = m, .rows = rows, .plan = plan, .pool = pool};
    const size_t repeats = plan->repeats, n_fields = m->schema->n_fields;
    double *fall = apg_alloc(2 * repeats, sizeof *fall), *rise = fall ? fall + repeats : NULL;
    apg_metrics_init(&e.metrics, true);
    e.order = apg_alloc(rows->n, sizeof *e.order);
    e.logit = apg_alloc(m->max_rows, sizeof *e.logit);
    enum apg_status status = fall && e.order && e.logit ? APG_OK : apg_fail_memory(err);
    if (!status && !(status = batch_init(&e.batch, m->max_rows, err)))
        status = measure(&e, SIZE_MAX, auc, log_loss, err);
    for (size_t f = 0; !status && f < n_fields; f++) {
        for (size_t r = 0; !status && r < repeats; r++) {
            struct apg_rng rng;
            apg_rng_init(&rng, plan->seed, f * repeats + r);
            for (size_t i = 0; i < rows->n; i++)
                e.order[i] = (uint32_t)i;
            apg_rng_shuffle(&rng, e.order, rows->n);
            status = measure(&e, f, &fall[r], &rise[r], err);
            fall[r] = *auc - fall[r];
            rise[r] -= *log_loss;
        }
        out[f] = (struct apg_importance){f, spread(fall, repeats), spread(rise, repeats)};
    }
    if (!status)
        qsort(out, n_fields, sizeof *out, larger);
    apg_metrics_release(&e.metrics);
    batch_release(&e.batch);
    free(fall);
    free(e.order);
    free(e.logit);
    return status;
}

/* ---- a row ---- */

enum apg_status apg_explain_rows(struct apg_model *m, size_t slot, const struct apg_block *block, size_t rows,
    const double *logit, double *change, struct apg_error *err)
{
    const struct apg_schema *s = m->schema;
    const size_t most = m->max_rows / m->graph.n_slots, all = rows * s->n_fields;
    struct batch batch = {0};
    enum apg_status status = batch_init(&batch, most, err);
    for (size_t at = 0, n; !status && at < all; at += n) {
        n = all - at < most ? all - at : most;
        for (size_t i = at; !status && i < at + n; i++)
            status = batch_add(&batch, s, apg_block_row(block, i / s->n_fields), NULL, i % s->n_fields, err);
        if (!status)
            status = apg_model_slot_logits(m, slot, batch_rows(&batch), n, change + at, err);
    }
    for (size_t i = 0; !status && i < all; i++)
        change[i] -= logit[i / s->n_fields];
    batch_release(&batch);
    return status;
}
