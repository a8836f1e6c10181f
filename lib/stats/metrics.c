/* SPDX-License-Identifier: MIT
 *
 * AUC = (pairs of a positive above a negative + half the pairs that tie) / (positives *
 * negatives).
 *
 * Rows are sorted by score once, in place (16 bytes a row and nothing beside). One walk from the
 * lowest score up then feeds a tally for all rows, one for each decile of groups and one for each
 * group: a tally needs only to know how many negatives it has seen below the present score.
 */
#include "stats/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

double apg_metrics_loss(double p, bool label)
{
    const double least = 1e-15;
    if (!label)
        p = 1 - p;
    return -log(p < least ? least : p > 1 - least ? 1 - least : p);
}

double apg_metrics_logit_loss(double z, bool label)
{
    return (z > 0 ? z : 0) - (label ? z : 0) + log1p(exp(-fabs(z)));
}

double apg_metrics_sigmoid(double z)
{
    double e = exp(-fabs(z));
    return z < 0 ? e / (1 + e) : 1 / (1 + e);
}

struct apg_metrics_means apg_metrics_means(const struct apg_metrics_sums *s)
{
    if (!(s->weight > 0))
        return (struct apg_metrics_means){NAN, NAN, NAN, NAN, NAN};
    double n = s->weight, p = s->positive_weight / n;
    bool mixed = s->positive_weight > 0 && s->positive_weight < n;
    struct apg_metrics_means m = {
        .log_loss = s->loss / n, .mean_score = s->score / n, .mean_label = p, .normalized_entropy = NAN};
    if (mixed)
        m.normalized_entropy = m.log_loss / -(p * log(p) + (1 - p) * log(1 - p));
    m.calibration = p > 0 ? m.mean_score / p : NAN;
    return m;
}

static void sums_add(struct apg_metrics_sums *s, double probability, double loss, bool label, double weight)
{
    s->rows++;
    s->positives += label;
    s->weight += weight;
    s->positive_weight += label ? weight : 0;
    s->loss += weight * loss;
    s->score += weight * probability;
}

/* ---- rows, and their order ---- */

uint64_t apg_metrics_key(double score)
{
    uint64_t u;
    score += 0.0; /* makes 0 of -0, so that the two tie */
    memcpy(&u, &score, sizeof u);
    return u >> 63 ? ~u : u | (uint64_t)1 << 63;
}

static uint32_t weight_bits(float weight)
{
    uint32_t u;
    memcpy(&u, &weight, sizeof u);
    return u;
}

static double weight_of(const struct apg_metrics_row *r)
{
    const uint32_t u = r->weight;
    float weight;
    memcpy(&weight, &u, sizeof weight);
    return (double)weight;
}

/* The score that has this key. */
static double score_of(uint64_t key)
{
    double score;
    key = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    memcpy(&score, &key, sizeof score);
    return score;
}

static void sort_few(struct apg_metrics_row *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct apg_metrics_row x = a[i];
        size_t j = i;
        for (; j > 0 && a[j - 1].key > x.key; j--)
            a[j] = a[j - 1];
        a[j] = x;
    }
}

/* Radix sort in place, eight bits at a time from the highest ("American flag"): every row is
 * swapped straight into its bucket. All keys agree above SHIFT + 8. Depth <= 8 whatever the
 * keys. */
static void sort_radix(struct apg_metrics_row *a, size_t n, unsigned shift)
{
    enum { INSERTION_ROWS = 48 }; /* so few are sorted faster by insertion */
    if (n <= INSERTION_ROWS) {
        sort_few(a, n);
        return;
    }
    size_t at[256], end[256], count[256] = {0};
    for (size_t i = 0; i < n; i++)
        count[a[i].key >> shift & 255]++;
    for (size_t b = 0, sum = 0; b < 256; b++) {
        at[b] = sum;
        end[b] = sum += count[b];
    }
    for (size_t b = 0; b < 256; b++)
        while (at[b] < end[b]) {
            struct apg_metrics_row x = a[at[b]];
            for (size_t to; (to = x.key >> shift & 255) != b;) {
                struct apg_metrics_row y = a[at[to]];
                a[at[to]++] = x;
                x = y;
            }
            a[at[b]++] = x;
        }
    if (shift > 0)
        for (size_t b = 0; b < 256; b++)
            if (count[b] > 1)
                sort_radix(a + end[b] - count[b], count[b], shift > 8 ? shift - 8 : 0);
}

/* Scores of one sign and size have the same high bits, so the sort starts where keys first
 * differ. */
void apg_metrics_sort(struct apg_metrics_row *a, size_t n)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < n; i++)
        differ |= a[i].key ^ a[0].key;
    unsigned bits = 0;
    while (bits < 64 && differ >> bits)
        bits++;
    if (bits)
        sort_radix(a, n, bits > 8 ? bits - 8 : 0);
}

/* ---- AUC, fed from the lowest score up ---- */

void apg_metrics_tally_level(struct apg_metrics_tally *t)
{
    t->twice += t->tied[1] * (2 * t->below[0] + t->tied[0]);
    t->below[0] += t->tied[0];
    t->below[1] += t->tied[1];
    t->tied[0] = t->tied[1] = 0;
}

double apg_metrics_tally_auc(struct apg_metrics_tally *t)
{
    apg_metrics_tally_level(t);
    const double pairs = t->below[0] * t->below[1];
    return pairs > 0 ? t->twice / (2 * pairs) : NAN;
}

/* ---- the exact collector ---- */

void apg_metrics_init(struct apg_metrics *m, bool logit)
{
    *m = (struct apg_metrics){.logit = logit};
}

void apg_metrics_release(struct apg_metrics *m)
{
    free(m->row);
    apg_metrics_init(m, m->logit);
}

void apg_metrics_reset(struct apg_metrics *m)
{
    m->sums = (struct apg_metrics_sums){0};
    m->groups = 0;
}

enum apg_status apg_metrics_add(
    struct apg_metrics *m, double score, bool label, float weight, uint32_t group, struct apg_error *err)
{
    assert(!isnan(score) && group < UINT32_MAX && isfinite(weight) && !signbit(weight));
    size_t n = m->sums.rows;
    if (n >= UINT32_MAX)
        return apg_fail(err, APG_ERANGE, "more than %u rows are too many for an exact AUC", UINT32_MAX);
    if (n >= m->cap && !apg_grow(&m->row, &m->cap, n + 1, sizeof *m->row))
        return apg_fail_memory(err);
    m->row[n] =
        (struct apg_metrics_row){apg_metrics_key(score), group, label, weight_bits(weight) & INT32_MAX};
    if (group >= m->groups)
        m->groups = group + 1;
    if (m->logit)
        sums_add(&m->sums, apg_metrics_sigmoid(score), apg_metrics_logit_loss(score, label), label,
            (double)weight);
    else
        sums_add(&m->sums, score, apg_metrics_loss(score, label), label, (double)weight);
    return APG_OK;
}

/* A part ends where a score ends, so that the order in which equal scores came does not show. */
static void report_bins(const struct apg_metrics *m, struct apg_metrics_report *out)
{
    size_t n = m->sums.rows;
    for (size_t i = 0; i < n;) {
        struct apg_metrics_bin *b = &out->bin[out->n_bins++];
        size_t part = i * APG_METRICS_PARTS / n + 1;
        size_t full = (n * part + APG_METRICS_PARTS - 1) / APG_METRICS_PARTS;
        for (size_t first = i; i < n && (i < full || m->row[i].key == m->row[i - 1].key); i++) {
            double p = score_of(m->row[i].key), weight = weight_of(&m->row[i]);
            if (m->logit)
                p = apg_metrics_sigmoid(p);
            if (i == first)
                b->low = p;
            b->high = p;
            b->mean_score += weight * p;
            b->mean_label += m->row[i].label ? weight : 0;
            b->positives += m->row[i].label;
            b->weight += weight;
            b->rows++;
        }
        b->mean_score /= b->weight; /* NaN where it is 0 */
        b->mean_label /= b->weight;
    }
}

/* Add a finished group to a slice. Until slice_end divides it, `gauc` is a sum. */
static void slice_add(
    struct apg_metrics_slice *s, uint32_t rows, uint32_t positives, double weight, double auc)
{
    s->groups++;
    s->rows += rows;
    s->positives += positives;
    if (s->groups == 1 || rows < s->fewest)
        s->fewest = rows;
    if (rows > s->most)
        s->most = rows;
    if (isnan(auc))
        return;
    s->mixed_groups++;
    s->mixed_rows += rows;
    s->mixed_weight += weight;
    s->gauc += weight * auc;
}

static void slice_end(struct apg_metrics_slice *s, struct apg_metrics_tally *t)
{
    s->auc = apg_metrics_tally_auc(t);
    s->gauc = s->mixed_rows ? s->gauc / s->mixed_weight : NAN;
}

enum apg_status apg_metrics_deciles(
    const uint32_t *rows, uint32_t groups, uint32_t *decile, size_t *n_deciles, struct apg_error *err)
{
    struct apg_metrics_row *order = apg_alloc(groups, sizeof *order);
    if (!order)
        return apg_fail_memory(err);
    size_t n = 0;
    for (uint32_t g = 0; g < groups; g++)
        if (rows[g])
            order[n++] = (struct apg_metrics_row){.key = (uint64_t)rows[g] << 32 | g, .group = g};
    apg_metrics_sort(order, n);
    *n_deciles = n < APG_METRICS_PARTS ? n : APG_METRICS_PARTS;
    for (size_t i = 0; i < n; i++)
        decile[order[i].group] = (uint32_t)(i * *n_deciles / n);
    free(order);
    return APG_OK;
}

enum apg_status apg_metrics_report(
    struct apg_metrics *m, struct apg_metrics_report *out, struct apg_error *err)
{
    struct apg_metrics_tally all = {0}, decile[APG_METRICS_PARTS] = {{0}};
    size_t n = m->sums.rows;
    *out = (struct apg_metrics_report){.rows = n,
        .positives = m->sums.positives,
        .weight = m->sums.weight,
        .positive_weight = m->sums.positive_weight,
        .auc = NAN,
        .means = apg_metrics_means(&m->sums)};
    struct apg_metrics_tally *group = apg_alloc(m->groups, sizeof *group);
    uint32_t *rows = apg_alloc(m->groups, sizeof *rows), *part = apg_alloc(m->groups, sizeof *part);
    uint32_t *positives = apg_alloc(m->groups, sizeof *positives);
    enum apg_status status = group && rows && part && positives ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < n; i++) {
        rows[m->row[i].group]++;
        positives[m->row[i].group] += m->row[i].label;
    }
    if (status || (status = apg_metrics_deciles(rows, m->groups, part, &out->n_deciles, err)))
        goto done;
    apg_metrics_sort(m->row, n);
    report_bins(m, out);
    const bool grouped = m->groups > 1;
    for (size_t i = 0; i < n; i++) {
        const struct apg_metrics_row *r = &m->row[i];
        const double weight = weight_of(r);
        apg_metrics_tally_add(&all, r->key, r->label, weight);
        if (!grouped)
            continue;
        apg_metrics_tally_add(&decile[part[r->group]], r->key, r->label, weight);
        apg_metrics_tally_add(&group[r->group], r->key, r->label, weight);
    }
    if (!grouped && n)
        decile[0] = group[0] = all;
    for (uint32_t g = 0; g < m->groups; g++) {
        double auc = apg_metrics_tally_auc(&group[g]);
        if (rows[g] == 0)
            continue;
        const double weight = group[g].below[0] + group[g].below[1];
        slice_add(&out->all, rows[g], positives[g], weight, auc);
        slice_add(&out->decile[part[g]], rows[g], positives[g], weight, auc);
    }
    slice_end(&out->all, &all);
    for (size_t d = 0; d < out->n_deciles; d++)
        slice_end(&out->decile[d], &decile[d]);
    out->auc = out->all.auc;
done:
    free(group);
    free(rows);
    free(positives);
    free(part);
    return status;
}

/* ---- the running collector: a histogram of logits ---- */

/* Bins cover logits from -16 to 16; the others fall into the outer bins. */
enum { LOGIT_BINS = 1 << 17, BINS_PER_LOGIT = 4096 };

enum apg_status apg_metrics_running_init(struct apg_metrics_running *r, struct apg_error *err)
{
    r->sums = (struct apg_metrics_sums){0};
    r->bin = apg_alloc(LOGIT_BINS, sizeof *r->bin);
    return r->bin ? APG_OK : apg_fail_memory(err);
}

void apg_metrics_running_release(struct apg_metrics_running *r)
{
    free(r->bin);
    r->bin = NULL;
}

void apg_metrics_running_add(struct apg_metrics_running *r, double logit, bool label, float weight)
{
    assert(!isnan(logit));
    double at = logit * BINS_PER_LOGIT + LOGIT_BINS / 2;
    r->bin[at < 0 ? 0 : at >= LOGIT_BINS ? LOGIT_BINS - 1 : (size_t)at][label] += (double)weight;
    sums_add(
        &r->sums, apg_metrics_sigmoid(logit), apg_metrics_logit_loss(logit, label), label, (double)weight);
}

double apg_metrics_running_auc(const struct apg_metrics_running *r, double *bound)
{
    double negatives = 0, above = 0, tied = 0;
    for (size_t b = 0; b < LOGIT_BINS; b++) {
        double no = r->bin[b][0], yes = r->bin[b][1];
        above += yes * negatives;
        tied += yes * no;
        negatives += no;
    }
    double pairs = negatives * r->sums.positive_weight;
    if (bound)
        *bound = pairs > 0 ? tied / 2 / pairs : NAN;
    return pairs > 0 ? (above + tied / 2) / pairs : NAN;
}
