/* SPDX-License-Identifier: MIT
 *
 * Rows are sorted once by each set's scores. A resample is a count for each unit, how often it was
 * drawn; its AUC is one walk over rows in sorted order, in which a row stands for as many rows as
 * its unit's count.
 *
 * Counts are multinomial: as many draws as units. Independent Poisson(1) counts would need no
 * scattered increments, but they are the bootstrap only in the limit: with few groups the chance
 * of how many were drawn comes on top. And the draws are 30 % of a replicate's time, so there is
 * little to win.
 *
 * The walk has no branch: among equal scores label 0 comes first, so each row of label 1 counts
 * all those of its own score as if they were below, and half of them is taken back, for those few
 * scores that have both.
 */
#include "stats/compare.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

/* What is compared: three figures of all rows, then the AUC of each decile. */
enum { AUC, LOSS, GAUC, DECILE, FIGURES = DECILE + APG_METRICS_PARTS };

struct apg_compare_row {
    double score[2];
    uint32_t group, label;
};

void apg_compare_init(struct apg_compare *c, bool logit, bool grouped, bool weighted)
{
    *c = (struct apg_compare){.logit = logit, .grouped = grouped, .weighted = weighted};
}

void apg_compare_release(struct apg_compare *c)
{
    free(c->row);
    free(c->weight);
    apg_compare_init(c, c->logit, c->grouped, c->weighted);
}

enum apg_status apg_compare_add(struct apg_compare *c, double a, double b, bool label, float weight,
    uint32_t group, struct apg_error *err)
{
    assert(!isnan(a) && !isnan(b));
    if (c->n >= INT32_MAX)
        return apg_fail(err, APG_ERANGE, "more than %d rows are too many to compare", INT32_MAX);
    if (c->n >= c->cap && !apg_grow(&c->row, &c->cap, c->n + 1, sizeof *c->row))
        return apg_fail_memory(err);
    if (c->weighted && !apg_grow(&c->weight, &c->cap_weight, c->n + 1, sizeof *c->weight))
        return apg_fail_memory(err);
    if (c->weighted)
        c->weight[c->n] = weight;
    c->row[c->n++] = (struct apg_compare_row){{a, b}, group, label};
    if (group >= c->groups)
        c->groups = group + 1;
    return APG_OK;
}

/* ---- what is prepared once ---- */

/* Rows in the order of one set's scores: all rows, or those of a decile. */
struct order {
    size_t n, n_ties, cap_ties;
    uint32_t *item; /* (n) unit << 1 | label, from the lowest score up; of equal scores label 0 first */
    float *weight;  /* (n) of each item; NULL: all count alike */
    struct tie {
        uint32_t from, mid, to; /* items of one score: those of label 0 before mid, the others from there */
    } * tie;                    /* (n_ties): scores that have both */
};

struct work {
    size_t n, units;
    struct apg_metrics_row *sorted[2]; /* (n) by A's and by B's score; group is the row's number */
    const float *weight;               /* (n) by the row's number; NULL: all count alike */
    uint32_t *unit_of;                 /* (n) */
    uint32_t *rows;                    /* (units) */
    double (*mass)[2];                 /* (units): sums of its rows' weights, by label; NULL: parts.rows */
    double (*loss)[2];                 /* (units): sums over its rows */
    struct parts {
        uint32_t rows[2]; /* by label */
        double place[2];  /* by label: see place_rows */
    } * parts;            /* (units) */
    struct order all[2];
    /* Of groups; NULL without them. */
    struct mixed {
        double mass;   /* of its rows, or 0 when they have one label only */
        double auc[2]; /* mass times the AUC of each set */
    } * mixed;         /* (units) */
    uint32_t *decile;  /* (units) */
    size_t n_deciles;
    struct order part[APG_METRICS_PARTS][2];
    /* Of replicates. */
    uint64_t seed;
    size_t replicates;
    uint8_t *count;     /* (threads, units) */
    double *difference; /* (FIGURES, replicates) */
};

static void order_release(struct order *o)
{
    free(o->item);
    free(o->weight);
    free(o->tie);
}

static void work_release(struct work *w)
{
    for (int s = 0; s < 2; s++) {
        free(w->sorted[s]);
        order_release(&w->all[s]);
        for (size_t d = 0; d < APG_METRICS_PARTS; d++)
            order_release(&w->part[d][s]);
    }
    free(w->unit_of);
    free(w->rows);
    free(w->mass);
    free(w->loss);
    free(w->parts);
    free(w->mixed);
    free(w->decile);
    free(w->count);
    free(w->difference);
}

/* The weight of the rows of unit U of one label, and of all its rows. */
static double mass_of(const struct work *w, size_t u, int label)
{
    return w->mass ? w->mass[u][label] : w->parts[u].rows[label];
}

static double mass(const struct work *w, size_t u)
{
    return w->mass ? w->mass[u][0] + w->mass[u][1] : w->rows[u];
}

static double weight_of(const struct work *w, const struct apg_metrics_row *row)
{
    return w->weight ? (double)w->weight[row->group] : 1;
}

/* Where the rows end that have the score of row I. */
static size_t level_end(const struct apg_metrics_row *row, size_t n, size_t i)
{
    uint64_t key = row[i].key;
    while (i < n && row[i].key == key)
        i++;
    return i;
}

/* Order N rows by the scores of set S: all rows, or those of decile D when DECILE is not NULL. */
static enum apg_status order_init(struct order *o, const struct work *w, int s, size_t n,
    const uint32_t *decile, uint32_t d, struct apg_error *err)
{
    const struct apg_metrics_row *row = w->sorted[s];
    o->item = apg_alloc(n, sizeof *o->item);
    o->weight = w->weight ? apg_alloc(n, sizeof *o->weight) : NULL;
    if (!o->item || (w->weight && !o->weight))
        return apg_fail_memory(err);
    for (size_t i = 0, end; i < w->n; i = end) {
        struct tie t = {.from = (uint32_t)o->n};
        end = level_end(row, w->n, i);
        for (uint32_t label = 0; label < 2; label++) {
            t.mid = label ? (uint32_t)o->n : 0;
            for (size_t k = i; k < end; k++) {
                uint32_t unit = w->unit_of[row[k].group];
                if (row[k].label != label || (decile && decile[unit] != d))
                    continue;
                if (o->weight)
                    o->weight[o->n] = w->weight[row[k].group];
                o->item[o->n++] = unit << 1 | label;
            }
        }
        t.to = (uint32_t)o->n;
        if (t.from == t.mid || t.mid == t.to)
            continue;
        if (!apg_grow(&o->tie, &o->cap_ties, o->n_ties + 1, sizeof *o->tie))
            return apg_fail_memory(err);
        o->tie[o->n_ties++] = t;
    }
    return APG_OK;
}

/* Rows are units by their number, not by A's order, which would be read faster (a million rows in
 * 4.9 seconds, not 5.7): so one seed draws the same rows whatever the scores, and B against A is A
 * against B turned round. */
static enum apg_status sort_units(const struct apg_compare *c, struct work *w, struct apg_error *err)
{
    size_t n = w->n = c->n;
    w->units = c->grouped ? c->groups : n;
    w->unit_of = apg_alloc(n, sizeof *w->unit_of);
    w->rows = apg_alloc(w->units, sizeof *w->rows);
    w->loss = apg_alloc(w->units, sizeof *w->loss);
    w->parts = apg_alloc(w->units, sizeof *w->parts);
    w->weight = c->weight;
    w->mass = c->weight ? apg_alloc(w->units, sizeof *w->mass) : NULL;
    if (!w->unit_of || !w->rows || !w->loss || !w->parts || (c->weight && !w->mass))
        return apg_fail_memory(err);
    for (int s = 0; s < 2; s++) {
        struct apg_metrics_row *row = w->sorted[s] = apg_alloc(n, sizeof *row);
        if (!row)
            return apg_fail_memory(err);
        for (size_t i = 0; i < n; i++)
            row[i] = (struct apg_metrics_row){.key = apg_metrics_key(c->row[i].score[s]),
                .group = (uint32_t)i,
                .label = c->row[i].label & 1};
        apg_metrics_sort(row, n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct apg_compare_row *r = &c->row[i];
        uint32_t u = w->unit_of[i] = c->grouped ? r->group : (uint32_t)i;
        const double weight = c->weight ? (double)c->weight[i] : 1;
        w->rows[u]++;
        w->parts[u].rows[r->label]++;
        if (w->mass)
            w->mass[u][r->label] += weight;
        for (int s = 0; s < 2; s++)
            w->loss[u][s] += weight * (c->logit ? apg_metrics_logit_loss(r->score[s], r->label)
                                                : apg_metrics_loss(r->score[s], r->label));
    }
    for (size_t u = 0; u < w->units; u++)
        assert(w->rows[u] > 0);
    enum apg_status status = APG_OK;
    for (int s = 0; !status && s < 2; s++)
        status = order_init(&w->all[s], w, s, n, NULL, 0, err);
    return status;
}

/* Drawing groups changes how often a group's AUC counts, but not the AUC, so it is found once. */
static enum apg_status find_mixed(struct work *w, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    struct apg_metrics_tally *tally = apg_alloc(w->units, sizeof *tally);
    w->mixed = apg_alloc(w->units, sizeof *w->mixed);
    if (!tally || !w->mixed) {
        status = apg_fail_memory(err);
        goto done;
    }
    for (int s = 0; s < 2; s++) {
        memset(tally, 0, w->units * sizeof *tally);
        for (size_t i = 0; i < w->n; i++) {
            const struct apg_metrics_row *r = &w->sorted[s][i];
            apg_metrics_tally_add(&tally[w->unit_of[r->group]], r->key, r->label, weight_of(w, r));
        }
        for (size_t u = 0; u < w->units; u++) {
            double auc = apg_metrics_tally_auc(&tally[u]);
            w->mixed[u].mass = isnan(auc) ? 0 : mass(w, u);
            w->mixed[u].auc[s] = isnan(auc) ? 0 : mass(w, u) * auc;
        }
    }
done:
    free(tally);
    return status;
}

static enum apg_status cut_deciles(struct work *w, struct apg_error *err)
{
    size_t n[APG_METRICS_PARTS] = {0};
    w->decile = apg_alloc(w->units, sizeof *w->decile);
    if (!w->decile)
        return apg_fail_memory(err);
    enum apg_status status = apg_metrics_deciles(w->rows, (uint32_t)w->units, w->decile, &w->n_deciles, err);
    for (size_t u = 0; !status && u < w->units; u++)
        n[w->decile[u]] += w->rows[u];
    for (uint32_t d = 0; d < w->n_deciles; d++)
        for (int s = 0; !status && s < 2; s++)
            status = order_init(&w->part[d][s], w, s, n[d], w->decile, d, err);
    return status;
}

/* ---- figures of a resample ---- */

/* As order_auc, where a row counts as much as its weight says. */
static double weighted_auc(const struct order *o, const uint8_t *count)
{
    double no = 0, yes = 0, below = 0, ties = 0;
    for (size_t i = 0; i < o->n; i++) {
        const double k = count[o->item[i] >> 1] * (double)o->weight[i];
        if (o->item[i] & 1)
            below += k * no, yes += k;
        else
            no += k;
    }
    for (size_t t = 0; t < o->n_ties; t++) {
        double no_here = 0, yes_here = 0;
        for (size_t i = o->tie[t].from; i < o->tie[t].mid; i++)
            no_here += count[o->item[i] >> 1] * (double)o->weight[i];
        for (size_t i = o->tie[t].mid; i < o->tie[t].to; i++)
            yes_here += count[o->item[i] >> 1] * (double)o->weight[i];
        ties += no_here * yes_here;
    }
    const double pairs = no * yes;
    return pairs > 0 ? (2 * below - ties) / (2 * pairs) : NAN;
}

static double order_auc(const struct order *o, const uint8_t *count)
{
    if (o->weight)
        return weighted_auc(o, count);
    uint64_t no = 0, yes = 0, below = 0, ties = 0;
    for (size_t i = 0; i < o->n; i++) {
        uint64_t k = count[o->item[i] >> 1], k1 = k & -(uint64_t)(o->item[i] & 1);
        below += k1 * no;
        yes += k1;
        no += k - k1;
    }
    for (size_t t = 0; t < o->n_ties; t++) {
        uint64_t no_here = 0, yes_here = 0;
        for (size_t i = o->tie[t].from; i < o->tie[t].mid; i++)
            no_here += count[o->item[i] >> 1];
        for (size_t i = o->tie[t].mid; i < o->tie[t].to; i++)
            yes_here += count[o->item[i] >> 1];
        ties += no_here * yes_here;
    }
    uint64_t pairs = no * yes;
    return pairs ? (double)(2 * below - ties) / (2 * (double)pairs) : NAN;
}

static void figures(const struct work *w, const uint8_t *count, double value[FIGURES][2])
{
    double rows = 0, loss[2] = {0, 0}, mixed = 0, gauc[2] = {0, 0};
    for (size_t u = 0; u < w->units; u++) {
        double k = count[u];
        rows += k * mass(w, u);
        loss[0] += k * w->loss[u][0];
        loss[1] += k * w->loss[u][1];
    }
    for (size_t u = 0; w->mixed && u < w->units; u++) {
        double k = count[u];
        mixed += k * w->mixed[u].mass;
        gauc[0] += k * w->mixed[u].auc[0];
        gauc[1] += k * w->mixed[u].auc[1];
    }
    for (int s = 0; s < 2; s++) {
        value[AUC][s] = order_auc(&w->all[s], count);
        value[LOSS][s] = loss[s] / rows;
        value[GAUC][s] = mixed > 0 ? gauc[s] / mixed : NAN;
        for (size_t d = 0; d < w->n_deciles; d++)
            value[DECILE + d][s] = order_auc(&w->part[d][s], count);
    }
}

/* A number below N <= 2^32 from 64 random bits: the high word of their product, so that all are
 * equally likely to within 2^-32. */
static inline size_t scaled(uint64_t bits, uint64_t n)
{
    return (size_t)(((bits >> 32) * n + ((bits & UINT32_MAX) * n >> 32)) >> 32);
}

/* A count of 256 does not fit and does not happen: a unit is drawn that often with a
 * probability below 1 / 256!. */
static void replicate(void *arg, size_t i, unsigned worker)
{
    const struct work *w = arg;
    uint8_t *count = w->count + worker * w->units;
    double value[FIGURES][2];
    struct apg_rng rng;
    apg_rng_init(&rng, w->seed, i);
    memset(count, 0, w->units);
    for (size_t k = 0; k < w->units; k++)
        count[scaled(apg_rng_u64(&rng), w->units)]++;
    figures(w, count, value);
    for (size_t f = 0; f < DECILE + w->n_deciles; f++)
        w->difference[f * w->replicates + i] = value[f][1] - value[f][0];
}

/* ---- intervals ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The P-quantile of an ascending array: its place is (n + 1) P, as that of one more draw among
 * n. */
static double quantile(const double *x, size_t n, double p)
{
    double at = (double)(n + 1) * p;
    if (at < 1)
        return x[0];
    size_t k = (size_t)at;
    return k >= n ? x[n - 1] : x[k - 1] + (at - (double)k) * (x[k] - x[k - 1]);
}

/* Figure F with its interval. It has no interval unless ENOUGH units have a part in it. */
static struct apg_compare_figure figure(
    struct work *w, size_t f, double value[FIGURES][2], double level, bool enough)
{
    struct apg_compare_figure out = {value[f][0], value[f][1], value[f][1] - value[f][0], NAN, NAN};
    double *x = w->difference + f * w->replicates;
    size_t n = 0;
    for (size_t i = 0; i < w->replicates; i++)
        if (!isnan(x[i]))
            x[n++] = x[i];
    if (!enough || n == 0)
        return out;
    qsort(x, n, sizeof *x, ascending);
    out.low = quantile(x, n, (1 - level) / 2);
    out.high = quantile(x, n, (1 + level) / 2);
    return out;
}

/* Do two units or more hold each label? Of all units, or of those of decile D when DECILE is not
 * NULL. */
static bool labels_enough(const struct work *w, const uint32_t *decile, uint32_t d)
{
    size_t units[2] = {0, 0};
    for (size_t u = 0; u < w->units; u++)
        for (int label = 0; label < 2; label++)
            units[label] += (!decile || decile[u] == d) && mass_of(w, u, label) > 0;
    return units[0] >= 2 && units[1] >= 2;
}

/* ---- DeLong ---- */

/* The place of a row among those of the other label, by one set, is 2 * the weight of the rows with which
 * it is in the right order + that of the rows of the same score. A unit gets the weighted sums over its
 * rows, by label, of B's places less A's. */
static void place_rows(struct work *w)
{
    for (int s = 0; s < 2; s++) {
        const struct apg_metrics_row *row = w->sorted[s];
        double below[2] = {0, 0}, total = 0;
        for (size_t i = 0; i < w->n; i++)
            total += row[i].label ? weight_of(w, &row[i]) : 0;
        for (size_t i = 0, end; i < w->n; i = end) {
            double here[2] = {0, 0};
            end = level_end(row, w->n, i);
            for (size_t k = i; k < end; k++)
                here[row[k].label] += weight_of(w, &row[k]);
            const double place[2] = {2 * (total - below[1] - here[1]) + here[1], 2 * below[0] + here[0]};
            for (size_t k = i; k < end; k++) {
                const double moved = weight_of(w, &row[k]) * place[row[k].label];
                w->parts[w->unit_of[row[k].group]].place[row[k].label] += s ? moved : -moved;
            }
            below[0] += here[0];
            below[1] += here[1];
        }
    }
}

/* x with P(Z <= x) = p, p in [1/2, 1). */
static double normal_quantile(double p)
{
    double low = 0, high = 40;
    for (int i = 0; i < 100; i++) {
        double x = (low + high) / 2;
        *(erfc(x / sqrt(2)) / 2 > 1 - p ? &low : &high) = x;
    }
    return low;
}

/* The variance of a sum over units, of what each of them adds to the difference by its rows of
 * label 1 and by those of label 0. Where units are rows, there is no unit with both, and it is
 * DeLong's. */
static struct apg_compare_delong delong(struct work *w, double difference, double level, bool enough)
{
    if (!enough)
        return (struct apg_compare_delong){NAN, NAN, NAN, NAN, NAN};
    place_rows(w);
    double n[2] = {0, 0}, square[2] = {0, 0}, product = 0, units[2] = {0, 0}, all = 0;
    for (size_t u = 0; u < w->units; u++)
        for (int label = 0; label < 2; label++)
            n[label] += mass_of(w, u, label);
    for (size_t u = 0; u < w->units; u++) {
        const struct parts *p = &w->parts[u];
        double off[2];
        for (int label = 0; label < 2; label++) {
            off[label] = (p->place[label] / (2 * n[!label]) - mass_of(w, u, label) * difference) / n[label];
            square[label] += off[label] * off[label];
            units[label] += mass_of(w, u, label) > 0;
        }
        product += off[0] * off[1];
        all += mass(w, u) > 0;
    }
    double variance = units[0] / (units[0] - 1) * square[0] + units[1] / (units[1] - 1) * square[1] +
                      2 * all / (all - 1) * product;
    struct apg_compare_delong out = {.error = variance > 0 ? sqrt(variance) : 0};
    double reach = normal_quantile((1 + level) / 2) * out.error;
    out.low = difference - reach;
    out.high = difference + reach;
    out.z = difference == 0 ? 0 : difference / out.error;
    out.p = erfc(fabs(out.z) / sqrt(2));
    return out;
}

/* ---- the report ---- */

static void describe_deciles(const struct work *w, struct apg_compare_report *out)
{
    out->n_deciles = w->n_deciles;
    for (size_t u = 0; w->n_deciles && u < w->units; u++) {
        struct apg_compare_part *p = &out->decile[w->decile[u]];
        if (p->groups++ == 0 || w->rows[u] < p->fewest)
            p->fewest = w->rows[u];
        if (w->rows[u] > p->most)
            p->most = w->rows[u];
        p->rows += w->rows[u];
        p->positives += w->parts[u].rows[1];
    }
}

enum apg_status apg_compare_report(const struct apg_compare *c, const struct apg_compare_plan *plan,
    struct apg_pool *pool, struct apg_compare_report *out, struct apg_error *err)
{
    struct work w = {.seed = plan->seed, .replicates = plan->replicates};
    double value[FIGURES][2], level = plan->level;
    size_t cells;
    assert(level > 0 && level < 1 && plan->replicates > 0 && (c->grouped || !plan->by_activity));
    *out = (struct apg_compare_report){.rows = c->n};
    enum apg_status status = sort_units(c, &w, err);
    if (!status && c->grouped)
        status = find_mixed(&w, err);
    if (!status && plan->by_activity)
        status = cut_deciles(&w, err);
    if (status)
        goto done;

    if (apg_mul(apg_pool_threads(pool), w.units, &cells))
        w.count = apg_alloc(cells, 1);
    if (apg_mul(FIGURES, w.replicates, &cells))
        w.difference = apg_alloc(cells, sizeof *w.difference);
    if (!w.count || !w.difference) {
        status = apg_fail_memory(err);
        goto done;
    }
    memset(w.count, 1, w.units);
    figures(&w, w.count, value);
    apg_pool_run(pool, w.replicates, replicate, &w);

    out->units = w.units;
    for (size_t u = 0; u < w.units; u++) {
        const bool mixed = w.mixed && w.mixed[u].mass > 0;
        out->positives += w.parts[u].rows[1];
        out->mixed_groups += mixed;
        out->mixed_rows += mixed ? w.rows[u] : 0;
    }
    bool enough = labels_enough(&w, NULL, 0);
    out->auc = figure(&w, AUC, value, level, enough);
    out->log_loss = figure(&w, LOSS, value, level, w.units >= 2);
    out->gauc = figure(&w, GAUC, value, level, out->mixed_groups >= 2);
    out->delong = delong(&w, out->auc.difference, level, enough);
    describe_deciles(&w, out);
    for (uint32_t d = 0; d < w.n_deciles; d++)
        out->decile[d].auc = figure(&w, DECILE + d, value, level, labels_enough(&w, w.decile, d));
done:
    work_release(&w);
    return status;
}
