/* SPDX-License-Identifier: MIT
 *
 * compare: hand-worked values, definitions worked out the long way over random rows, and whether intervals
 * hold the truth as often as they say.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stats/compare.h"
#include "base/rng.h"

enum { MANY = 240, REPLICATES = 120 };

struct row {
    double score[2];
    bool label;
    uint32_t group;
};

static void near(double got, double want, double within)
{
    if (isnan(got) != isnan(want) || fabs(got - want) > within)
        fail_msg("got %.17g, not %.17g", got, want);
}

static const float *weight; /* of the rows compared; NULL: they have none */

static float weight_of(size_t i)
{
    return weight ? weight[i] : 1;
}

/* Weights of every size, a few of them 0. Released by setting `weight` to NULL. */
static void random_weights(size_t n, uint64_t seed)
{
    static float made[4 * MANY];
    struct apg_rng rng;
    apg_rng_init(&rng, seed, 1);
    for (size_t i = 0; i < n; i++)
        made[i] = apg_rng_uniform(&rng) < .1 ? 0 : (float)exp(apg_rng_normal(&rng));
    weight = made;
}

static struct apg_compare_report compared(
    const struct row *row, size_t n, bool grouped, const struct apg_compare_plan *plan, unsigned threads)
{
    struct apg_compare c;
    struct apg_compare_report r;
    struct apg_pool *pool;
    memset(&r, 0, sizeof r); /* for memcmp */
    apg_compare_init(&c, true, grouped, weight);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(apg_compare_add(&c, row[i].score[0], row[i].score[1], row[i].label, weight_of(i),
                             row[i].group, NULL),
            APG_OK);
    assert_int_equal(apg_pool_new(&pool, threads, NULL), APG_OK);
    assert_int_equal(apg_compare_report(&c, plan, pool, &r, NULL), APG_OK);
    apg_pool_free(pool);
    apg_compare_release(&c);
    return r;
}

static const struct apg_compare_plan usual = {.level = 0.9, .replicates = REPLICATES, .seed = 5};

/* The first scores are all different, the second ones tie often. Every group has a row. */
static void random_rows(struct row *row, size_t n, uint32_t groups, uint64_t seed)
{
    struct apg_rng rng;
    apg_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < n; i++) {
        double u = apg_rng_uniform(&rng), z = apg_rng_normal(&rng);
        row[i].label = apg_rng_uniform(&rng) < 0.4;
        row[i].score[0] = row[i].label + 2 * z;
        row[i].score[1] = floor(4 * (row[i].label + z + apg_rng_normal(&rng))) / 4;
        row[i].group = i < groups ? (uint32_t)i : (uint32_t)(u * u * groups);
    }
}

/* ---- DeLong ---- */

/*          p1   p2   n1   n2    of p1, p2 the share of n below; of n1, n2 the share of p above    AUC
 *   A     .8   .4   .5   .4     1   1/4                         1/2  3/4                          .625
 *   B     .9   .6   .7   .1     1   1/2                         1/2  1                            .75
 * Differences 0 and 1/4 twice: each a variance of 1/32, halved. */
static void delong_by_hand(void **state)
{
    (void)state;
    const struct row four[] = {
        {{.8, .9}, true, 0}, {{.4, .6}, true, 0}, {{.5, .7}, false, 0}, {{.4, .1}, false, 0}};
    struct apg_compare_report r = compared(four, 4, false, &usual, 1);
    assert_true(r.auc.a == .625 && r.auc.b == .75 && r.auc.difference == .125);
    near(r.delong.error, sqrt(1. / 32), 1e-15);
    near(r.delong.z, sqrt(.5), 1e-15);
    near(r.delong.p, 0.47950012218695346, 1e-14); /* erfc(1/2) */
    near(r.delong.low, .125 - 1.6448536269514722 * sqrt(1. / 32), 1e-13);
    near(r.delong.high, .125 + 1.6448536269514722 * sqrt(1. / 32), 1e-13);
    assert_true(r.rows == 4 && r.positives == 2 && r.units == 4 && isnan(r.gauc.a) && r.n_deciles == 0);
}

static double wins(double high, double low)
{
    return high > low ? 1 : high == low ? .5 : 0;
}

/* Var(AUC of S, AUC of T) as DeLong et al. and, of groups, Obuchowski define it; of rows with weights, that of
 * the ratio of weighted sums by linearization (compare.h). */
static double covariance(const struct row *row, size_t n, bool grouped, int s, int t)
{
    static double sum[MANY][2][2]; /* unit, set, label: its components less what would be expected */
    double unit_has[2] = {0, 0}, total[2] = {0, 0}, auc[2] = {0, 0}, units = 0, out = 0;
    bool has[MANY][2] = {{false}};
    const int set[2] = {s, t};
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < n; i++)
        total[row[i].label] += (double)weight_of(i);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                if (row[i].label && !row[j].label)
                    auc[k] += (double)weight_of(i) * (double)weight_of(j) *
                              wins(row[i].score[set[k]], row[j].score[set[k]]) / total[0] / total[1];
    for (size_t i = 0; i < n; i++) {
        size_t u = grouped ? row[i].group : i;
        bool y = row[i].label;
        has[u][y] |= weight_of(i) > 0;
        for (int k = 0; k < 2; k++) {
            double v = 0;
            for (size_t j = 0; j < n; j++)
                if (row[j].label != y)
                    v += (double)weight_of(j) *
                         wins(row[y ? i : j].score[set[k]], row[y ? j : i].score[set[k]]) / total[!y];
            sum[u][k][y] += (double)weight_of(i) * (v - auc[k]);
        }
    }
    for (size_t u = 0; u < MANY; u++) {
        unit_has[0] += has[u][0];
        unit_has[1] += has[u][1];
        units += has[u][0] || has[u][1];
    }
    for (size_t u = 0; u < MANY; u++) {
        for (int y = 0; y < 2; y++)
            out += unit_has[y] / (unit_has[y] - 1) * sum[u][0][y] * sum[u][1][y] / (total[y] * total[y]);
        out += units / (units - 1) * (sum[u][0][1] * sum[u][1][0] + sum[u][0][0] * sum[u][1][1]) /
               (total[0] * total[1]);
    }
    return out;
}

static void delong_agrees_with_the_definition(void **state)
{
    (void)state;
    const size_t sizes[] = {20, 61, MANY};
    for (size_t i = 0; i < 3; i++)
        for (int sort = 0; sort < 4; sort++) {
            const bool grouped = sort % 2;
            struct row row[MANY];
            random_rows(row, sizes[i], (uint32_t)sizes[i] / 4, i);
            if (sort > 1)
                random_weights(sizes[i], i);
            struct apg_compare_report r = compared(row, sizes[i], grouped, &usual, 1);
            double variance = covariance(row, sizes[i], grouped, 0, 0) +
                              covariance(row, sizes[i], grouped, 1, 1) -
                              2 * covariance(row, sizes[i], grouped, 0, 1);
            near(r.delong.error, sqrt(variance), 1e-13);
            weight = NULL;
        }
}

/* ---- the bootstrap ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Place (n + 1) P of an ascending array. */
static double quantile(const double *x, size_t n, double p)
{
    double at = fmin(fmax((double)(n + 1) * p, 1), (double)n), whole = floor(at);
    size_t k = (size_t)whole;
    return k == n ? x[n - 1] : x[k - 1] * (1 - at + whole) + x[k] * (at - whole);
}

/* A resample made of rows: each drawn group is a group of its own. By apg evaluate's collector. */
static struct apg_metrics_report metrics_of(const struct row *row, size_t n, int s, const unsigned *count,
    bool grouped, const uint32_t *decile, uint32_t d)
{
    struct apg_metrics m;
    struct apg_metrics_report r;
    apg_metrics_init(&m, true);
    uint32_t copies[MANY] = {0}, next = 0;
    if (grouped)
        for (uint32_t g = 0; g < MANY; g++) {
            copies[g] = next;
            next += count[g];
        }
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < count[grouped ? row[i].group : i]; k++)
            if (!decile || decile[row[i].group] == d)
                assert_int_equal(apg_metrics_add(&m, row[i].score[s], row[i].label, weight_of(i),
                                     grouped ? copies[row[i].group] + k : 0, NULL),
                    APG_OK);
    assert_int_equal(apg_metrics_report(&m, &r, NULL), APG_OK);
    apg_metrics_release(&m);
    return r;
}

/* The bootstrap's counts: a unit is drawn by the high word of 64 random bits times the units. */
static void draw(size_t units, uint64_t stream, unsigned count[MANY])
{
    __extension__ typedef unsigned __int128 wide;
    struct apg_rng rng;
    memset(count, 0, MANY * sizeof *count);
    apg_rng_init(&rng, usual.seed, stream);
    for (size_t i = 0; i < units; i++)
        count[(size_t)((wide)apg_rng_u64(&rng) * units >> 64)]++;
}

static void check_figure(struct apg_compare_figure got, double a, double b, double *difference)
{
    near(got.a, a, 1e-13);
    near(got.b, b, 1e-13);
    near(got.difference, b - a, 1e-13);
    size_t n = 0;
    for (size_t i = 0; i < REPLICATES; i++)
        if (!isnan(difference[i]))
            difference[n++] = difference[i];
    qsort(difference, n, sizeof *difference, ascending);
    near(got.low, quantile(difference, n, .05), 1e-13);
    near(got.high, quantile(difference, n, .95), 1e-13);
}

/* Does a decile have two groups or more with label 1, and with label 0? */
static bool two_groups_each(const struct row *row, size_t n, const uint32_t *decile, uint32_t d)
{
    bool has[2][MANY] = {{false}};
    size_t groups[2] = {0, 0};
    for (size_t i = 0; i < n; i++)
        if (decile[row[i].group] == d && weight_of(i) > 0 && !has[row[i].label][row[i].group]) {
            has[row[i].label][row[i].group] = true;
            groups[row[i].label]++;
        }
    return groups[0] >= 2 && groups[1] >= 2;
}

static void resamples_agree_with_evaluate(void **state)
{
    (void)state;
    const size_t sizes[] = {16, 90, MANY};
    size_t checked = 0;
    for (size_t z = 0; z < 3; z++)
        for (int sort = 0; sort < 4; sort++) {
            const bool grouped = sort % 2;
            struct row row[MANY];
            static double difference[3 + APG_METRICS_PARTS][REPLICATES];
            double point[3 + APG_METRICS_PARTS][2];
            size_t n = sizes[z], n_deciles = 0, units = grouped ? n / 4 : n;
            uint32_t rows[MANY] = {0}, decile[MANY] = {0};
            struct apg_compare_plan plan = usual;
            plan.by_activity = grouped;
            random_rows(row, n, (uint32_t)n / 4, z + 40);
            if (sort > 1)
                random_weights(n, z);
            struct apg_compare_report r = compared(row, n, grouped, &plan, 2);
            for (size_t i = 0; i < n; i++)
                rows[row[i].group]++;
            if (grouped)
                assert_int_equal(
                    apg_metrics_deciles(rows, (uint32_t)units, decile, &n_deciles, NULL), APG_OK);
            assert_int_equal(r.n_deciles, n_deciles);
            for (size_t i = 0; i <= REPLICATES; i++) {
                unsigned count[MANY];
                draw(units, i, count);
                for (size_t u = 0; i == REPLICATES && u < MANY; u++)
                    count[u] = 1; /* the rows themselves */
                for (size_t f = 0; f < 3 + n_deciles; f++) {
                    double x[2];
                    for (int s = 0; s < 2; s++) {
                        struct apg_metrics_report m =
                            metrics_of(row, n, s, count, grouped, f < 3 ? NULL : decile, (uint32_t)f - 3);
                        x[s] = f == 1 ? m.means.log_loss : f == 2 ? m.all.gauc : m.auc;
                    }
                    if (i < REPLICATES)
                        difference[f][i] = x[1] - x[0];
                    else
                        memcpy(point[f], x, sizeof x);
                }
            }
            check_figure(r.auc, point[0][0], point[0][1], difference[0]);
            check_figure(r.log_loss, point[1][0], point[1][1], difference[1]);
            if (grouped)
                check_figure(r.gauc, point[2][0], point[2][1], difference[2]);
            for (uint32_t d = 0; d < n_deciles; d++) {
                bool enough = two_groups_each(row, n, decile, d);
                assert_true(enough == !isnan(r.decile[d].auc.low));
                checked += enough;
                if (enough)
                    check_figure(r.decile[d].auc, point[3 + d][0], point[3 + d][1], difference[3 + d]);
            }
            weight = NULL;
        }
    assert_true(checked >= 20);
}

/* All 4^4 resamples of four rows, equally likely: the interval's ends are quantiles of their differences. */
static void four_rows_in_closed_form(void **state)
{
    (void)state;
    const struct row four[] = {
        {{.8, .9}, true, 0}, {{.4, .6}, true, 0}, {{.5, .7}, false, 0}, {{.4, .1}, false, 0}};
    const struct apg_compare_plan plan = {.level = 0.8, .replicates = 20000, .seed = 1};
    struct apg_compare_report r = compared(four, 4, false, &plan, 1);
    double defined = 0, below[2] = {0, 0}, upto[2] = {0, 0};
    for (int code = 0; code < 256; code++) {
        double auc[2] = {0, 0}, pairs = 0;
        const struct row *x[] = {
            &four[code & 3], &four[code >> 2 & 3], &four[code >> 4 & 3], &four[code >> 6 & 3]};
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < 4; j++)
                for (int s = 0; s < 2 && x[i]->label && !x[j]->label; s++) {
                    auc[s] += wins(x[i]->score[s], x[j]->score[s]);
                    pairs += s;
                }
        if (pairs == 0)
            continue;
        double difference = (auc[1] - auc[0]) / pairs;
        const double end[] = {r.auc.low, r.auc.high};
        defined++;
        for (int e = 0; e < 2; e++) {
            below[e] += difference < end[e] - 1e-9;
            upto[e] += difference < end[e] + 1e-9;
        }
    }
    assert_true(below[0] / defined <= .11 && upto[0] / defined >= .09);
    assert_true(below[1] / defined <= .91 && upto[1] / defined >= .89);
    assert_true(r.auc.low < r.auc.high);
}

/* ---- coverage ---- */

/* Scores are normal, those of label 1 moved up: the true AUC is Phi(move / sqrt 2). Rows of a group share
 * half of the scores' variance, differently in A and B. Weights that have nothing to do with scores leave it,
 * and make intervals longer. */
static void intervals_hold_the_truth(void **state)
{
    (void)state;
    enum { TRIALS = 400, GROUPS = 40, EACH = 6 };
    const double move[2] = {0.7, 1.0};
    double truth = (erfc(-move[1] / 2) - erfc(-move[0] / 2)) / 2;
    int rows = 0, alike = 0, groups = 0, by_rank = 0, by_group = 0, heavy = 0, heavy_by_rank = 0, light = 0;
    struct row row[GROUPS * EACH];
    struct apg_compare_plan plan = {.level = 0.95, .replicates = 200};
    for (int trial = 0; trial < TRIALS; trial++)
        for (int share = 0; share < 2; share++) {
            struct apg_rng rng;
            apg_rng_init(&rng, 17, (uint64_t)(2 * trial + share));
            plan.seed = (uint64_t)trial;
            double common[2] = {0, 0};
            bool label = false;
            for (uint32_t i = 0; i < GROUPS * EACH; i++) {
                if (i % EACH == 0) {
                    common[0] = apg_rng_normal(&rng);
                    common[1] = apg_rng_normal(&rng);
                    label = apg_rng_uniform(&rng) < .5;
                }
                row[i].group = i / EACH;
                row[i].label = share ? label : i % 3 == 0;
                double part = share ? .5 : 0;
                for (int s = 0; s < 2; s++)
                    row[i].score[s] = row[i].label * move[s] + sqrt(part) * common[s] +
                                      sqrt(1 - part) * apg_rng_normal(&rng);
            }
            struct apg_compare_report r = compared(row, GROUPS * EACH, false, &plan, 1);
            struct apg_compare_report g = compared(row, GROUPS * EACH, true, &plan, 1);
            bool held = r.auc.low <= truth && truth <= r.auc.high;
            rows += !share && held;
            alike += share && held;
            groups += share && g.auc.low <= truth && truth <= g.auc.high;
            by_rank += !share && r.delong.low <= truth && truth <= r.delong.high;
            if (!share) {
                random_weights(GROUPS * EACH, (uint64_t)trial);
                const struct apg_compare_report w = compared(row, GROUPS * EACH, false, &plan, 1);
                weight = NULL;
                heavy += w.auc.low <= truth && truth <= w.auc.high;
                heavy_by_rank += w.delong.low <= truth && truth <= w.delong.high;
                light += fabs(w.auc.difference - truth) < 1.96 * r.delong.error;
            }
            by_group += share && g.delong.low <= truth && truth <= g.delong.high;
        }
    /* Of 400, 380 are expected, with a deviation of 4.4; where rows are alike, those by row are too short. */
    const int held[] = {rows, by_rank, groups, by_group, heavy, heavy_by_rank};
    for (int i = 0; i < 6; i++)
        if (held[i] < 362 || held[i] > 395)
            fail_msg("interval %d held the truth %d times of 400", i, held[i]);
    if (alike > 320)
        fail_msg("drawing rows that are alike held the truth %d times of 400", alike);
    if (light > 340)
        fail_msg("intervals that do not know of weights held the truth %d times of 400", light);
}

/* ---- the rest ---- */

static void equal_scores_do_not_differ(void **state)
{
    (void)state;
    struct row row[MANY];
    random_rows(row, MANY, 30, 3);
    for (size_t i = 0; i < MANY; i++)
        row[i].score[1] = row[i].score[0];
    for (int grouped = 0; grouped < 2; grouped++) {
        struct apg_compare_report r = compared(row, MANY, grouped, &usual, 1);
        assert_true(r.auc.difference == 0 && r.auc.low == 0 && r.auc.high == 0);
        assert_true(r.log_loss.low == 0 && r.log_loss.high == 0);
        assert_true(r.delong.error == 0 && r.delong.z == 0 && r.delong.p == 1);
    }
}

/* What all rows have in common does not show. */
static void equal_weights_are_none(void **state)
{
    (void)state;
    static float five[MANY];
    struct row row[MANY];
    random_rows(row, MANY, 30, 6);
    for (size_t i = 0; i < MANY; i++)
        five[i] = 5;
    for (int grouped = 0; grouped < 2; grouped++) {
        struct apg_compare_report none = compared(row, MANY, grouped, &usual, 1);
        weight = five;
        struct apg_compare_report r = compared(row, MANY, grouped, &usual, 1);
        weight = NULL;
        assert_memory_equal(&r.auc, &none.auc, sizeof r.auc);
        near(r.log_loss.low, none.log_loss.low, 1e-14);
        near(r.delong.low, none.delong.low, 1e-14);
        near(r.gauc.high, none.gauc.high, 1e-14);
        assert_true(r.mixed_rows == none.mixed_rows && r.positives == none.positives);
    }
}

/* A row that does not count is not there: neither for the figures nor for what is known of them. */
static void a_weight_of_0_holds_nothing(void **state)
{
    (void)state;
    static const float last_out[] = {1, 2, 1, 0};
    const struct row row[] = {{{1, 2}, true, 0}, {{2, 1}, false, 0}, {{3, 3}, false, 0}, {{4, 9}, true, 0}};
    weight = last_out;
    struct apg_compare_report r = compared(row, 4, false, &usual, 1);
    weight = NULL;
    near(r.auc.difference, 2. / 3, 1e-15);
    assert_true(isnan(r.auc.low) && isnan(r.delong.error) && r.rows == 4 && r.positives == 2);
}

static void swapping_the_sets_turns_the_sign(void **state)
{
    (void)state;
    for (int grouped = 0; grouped < 2; grouped++) {
        struct row row[MANY];
        random_rows(row, MANY, 30, 4);
        struct apg_compare_report a = compared(row, MANY, grouped, &usual, 1);
        for (size_t i = 0; i < MANY; i++) {
            double x = row[i].score[0];
            row[i].score[0] = row[i].score[1];
            row[i].score[1] = x;
        }
        struct apg_compare_report b = compared(row, MANY, grouped, &usual, 1);
        near(b.auc.low, -a.auc.high, 1e-13);
        near(b.gauc.high, -a.gauc.low, 1e-13);
        near(b.log_loss.low, -a.log_loss.high, 1e-13);
        near(b.delong.z, -a.delong.z, 1e-12);
    }
}

static void threads_do_not_show_and_seeds_do(void **state)
{
    (void)state;
    struct row row[MANY];
    random_rows(row, MANY, 30, 5);
    for (int grouped = 0; grouped < 2; grouped++) {
        struct apg_compare_plan plan = usual;
        plan.by_activity = grouped;
        struct apg_compare_report one = compared(row, MANY, grouped, &plan, 1);
        for (unsigned threads = 2; threads <= 5; threads++) {
            struct apg_compare_report r = compared(row, MANY, grouped, &plan, threads);
            assert_memory_equal(&r, &one, sizeof r);
        }
        plan.seed++;
        assert_true(compared(row, MANY, grouped, &plan, 2).auc.low != one.auc.low);
        plan = usual;
        plan.level = 0.5;
        struct apg_compare_report half = compared(row, MANY, grouped, &plan, 2);
        assert_true(half.auc.low > one.auc.low && half.auc.high < one.auc.high);
        assert_true(half.delong.low > one.delong.low && half.delong.high < one.delong.high);
    }
}

static void what_is_undefined(void **state)
{
    (void)state;
    const struct row one_class[] = {{{1, 2}, true, 0}, {{2, 1}, true, 1}, {{3, 3}, true, 2}};
    struct apg_compare_report r = compared(one_class, 3, true, &usual, 1);
    assert_true(isnan(r.auc.a) && isnan(r.auc.low) && isnan(r.gauc.b) && isnan(r.delong.p));
    assert_true(!isnan(r.log_loss.low));
    /* one row of a label says nothing of how others of it would do */
    const struct row one_positive[] = {{{1, 2}, true, 0}, {{2, 1}, false, 0}, {{3, 3}, false, 0}};
    r = compared(one_positive, 3, false, &usual, 1);
    assert_true(r.auc.difference == .5 && isnan(r.auc.low) && isnan(r.auc.high) && isnan(r.delong.error));
    /* one group: nothing to draw from */
    const struct row one_group[] = {
        {{1, 2}, true, 0}, {{2, 1}, false, 0}, {{3, 1}, false, 0}, {{4, 3}, true, 0}};
    r = compared(one_group, 4, true, &usual, 1);
    assert_true(r.gauc.difference > 0 && isnan(r.gauc.low) && isnan(r.auc.low) && isnan(r.log_loss.high));
    r = compared(one_group, 4, false, &usual, 1);
    assert_true(!isnan(r.auc.low) && !isnan(r.delong.error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delong_by_hand),
        cmocka_unit_test(delong_agrees_with_the_definition),
        cmocka_unit_test(resamples_agree_with_evaluate),
        cmocka_unit_test(four_rows_in_closed_form),
        cmocka_unit_test(intervals_hold_the_truth),
        cmocka_unit_test(equal_scores_do_not_differ),
        cmocka_unit_test(equal_weights_are_none),
        cmocka_unit_test(a_weight_of_0_holds_nothing),
        cmocka_unit_test(swapping_the_sets_turns_the_sign),
        cmocka_unit_test(threads_do_not_show_and_seeds_do),
        cmocka_unit_test(what_is_undefined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
