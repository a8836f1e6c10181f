/* SPDX-License-Identifier: MIT
 *
 * metrics: hand-worked values, and the definition of AUC counted pair by pair over random rows with ties.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "stats/metrics.h"
#include "base/rng.h"

enum { MANY = 700 };

struct row {
    double score;
    bool label;
    uint32_t group;
};

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("got %.17g, not %.17g", got, want);
}

static struct apg_metrics_report report_of(const struct row *row, size_t n, bool logit)
{
    struct apg_metrics m;
    struct apg_metrics_report r;
    apg_metrics_init(&m, logit);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(apg_metrics_add(&m, row[i].score, row[i].label, 1, row[i].group, NULL), APG_OK);
    assert_int_equal(apg_metrics_report(&m, &r, NULL), APG_OK);
    apg_metrics_release(&m);
    return r;
}

/* The definition, O(n^2), over the rows that KEEP asks for: a group, or all. */
static double brute_auc(const struct row *row, size_t n, int64_t keep)
{
    double wins = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            if (!row[i].label || row[j].label ||
                (keep >= 0 && (row[i].group != keep || row[j].group != keep)))
                continue;
            pairs++;
            wins += row[i].score > row[j].score ? 1 : row[i].score == row[j].score ? 0.5 : 0;
        }
    return pairs > 0 ? wins / pairs : NAN;
}

static void auc_by_hand(void **state)
{
    (void)state;
    /* Pairs: .8 > .4, .8 > .5; .4 ties .4, .4 < .5: (2 + .5) / 4. */
    const struct row four[] = {{.4, false, 0}, {.8, true, 0}, {.5, false, 0}, {.4, true, 0}};
    assert_true(report_of(four, 4, false).auc == 0.625);
    const struct row right[] = {{.1, false, 0}, {.2, false, 0}, {.3, true, 0}};
    assert_true(report_of(right, 3, false).auc == 1);
    const struct row wrong[] = {{.3, false, 0}, {.2, true, 0}, {.1, true, 0}};
    assert_true(report_of(wrong, 3, false).auc == 0);
    const struct row tied[] = {{.3, false, 0}, {.3, true, 0}, {.3, true, 0}};
    assert_true(report_of(tied, 3, false).auc == 0.5);
    const struct row zero[] = {{0.0, false, 0}, {-0.0, true, 0}};
    assert_true(report_of(zero, 2, true).auc == 0.5);
    const struct row signs[] = {
        {-3, false, 0}, {-2, true, 0}, {-1e-300, true, 0}, {1e-300, true, 0}, {-4, false, 0}};
    assert_true(report_of(signs, 5, true).auc == 1);
    struct apg_metrics_tally tally = {0};
    const struct apg_metrics_row sorted[] = {{4, 0, 0, 0}, {4, 0, 1, 0}, {5, 0, 0, 0}, {8, 0, 1, 0}};
    for (size_t i = 0; i < 4; i++)
        apg_metrics_tally_add(&tally, sorted[i].key, sorted[i].label, 1);
    assert_true(apg_metrics_tally_auc(&tally) == 0.625);
}

static void one_class_is_undefined(void **state)
{
    (void)state;
    const struct row no[] = {{.4, false, 0}, {.8, false, 0}};
    const struct row yes[] = {{.4, true, 0}, {.8, true, 0}};
    struct apg_metrics_report r = report_of(no, 2, false);
    assert_true(
        isnan(r.auc) && isnan(r.all.gauc) && isnan(r.means.normalized_entropy) && isnan(r.means.calibration));
    near(r.means.log_loss, -(log(.6) + log(.2)) / 2, 1e-15);
    r = report_of(yes, 2, false);
    assert_true(isnan(r.auc) && isnan(r.means.normalized_entropy));
    near(r.means.calibration, .6, 1e-15);
    r = report_of(NULL, 0, false);
    assert_true(
        isnan(r.auc) && isnan(r.means.log_loss) && r.n_bins == 0 && r.n_deciles == 0 && r.all.groups == 0);
    assert_true(isnan(apg_metrics_tally_auc(&(struct apg_metrics_tally){0})));
}

static void means_by_hand(void **state)
{
    (void)state;
    const struct row r[] = {{.5, true, 0}, {.25, false, 0}, {.25, false, 0}, {.5, false, 0}};
    struct apg_metrics_means m = report_of(r, 4, false).means;
    near(m.log_loss, -(2 * log(.5) + 2 * log(.75)) / 4, 1e-15);
    near(m.normalized_entropy, m.log_loss / -(.25 * log(.25) + .75 * log(.75)), 1e-15);
    assert_true(m.mean_score == .375 && m.mean_label == .25 && m.calibration == 1.5);
}

static void loss_of_extremes(void **state)
{
    (void)state;
    near(apg_metrics_loss(0, true), 15 * log(10), 1e-9);
    near(apg_metrics_loss(1, false), 15 * log(10), 1e-9);
    near(apg_metrics_loss(1, true), 0, 2e-15);
    near(apg_metrics_loss(0, false), 0, 2e-15);
    assert_true(apg_metrics_logit_loss(1000, false) == 1000 && apg_metrics_logit_loss(-1000, true) == 1000);
    assert_true(apg_metrics_logit_loss(1000, true) == 0 && apg_metrics_logit_loss(-1000, false) == 0);
    assert_true(
        apg_metrics_sigmoid(1000) == 1 && apg_metrics_sigmoid(-1000) == 0 && apg_metrics_sigmoid(0) == .5);
    for (double z = -20; z <= 20; z += 0.37)
        near(apg_metrics_logit_loss(z, true), apg_metrics_loss(apg_metrics_sigmoid(z), true), 1e-9);
}

/* Probabilities and their logits are the same rows: all that does not print a logit agrees. */
static void logits_agree_with_probabilities(void **state)
{
    (void)state;
    struct row p[MANY], z[MANY];
    struct apg_rng rng;
    apg_rng_init(&rng, 3, 0);
    for (size_t i = 0; i < MANY; i++) {
        double logit = apg_rng_normal(&rng);
        z[i] = (struct row){logit, apg_rng_uniform(&rng) < 0.3, (uint32_t)apg_rng_below(&rng, 30)};
        p[i] = (struct row){apg_metrics_sigmoid(logit), z[i].label, z[i].group};
    }
    struct apg_metrics_report a = report_of(p, MANY, false), b = report_of(z, MANY, true);
    assert_true(a.auc == b.auc && a.all.gauc == b.all.gauc);
    near(a.means.log_loss, b.means.log_loss, 1e-12);
    near(a.means.calibration, b.means.calibration, 1e-12);
    assert_int_equal(a.n_bins, b.n_bins);
    for (size_t i = 0; i < a.n_bins; i++)
        near(a.bin[i].mean_score, b.bin[i].mean_score, 1e-12);
}

static int by_rows(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return x[0] != y[0] ? (x[0] > y[0]) - (x[0] < y[0]) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Everything by group, worked out the long way: sizes, deciles, AUC of each group and decile. */
static void check_groups(
    const struct row *row, size_t n, uint32_t groups, const struct apg_metrics_report *got)
{
    uint32_t order[MANY][2] = {{0}};
    size_t present = 0;
    for (uint32_t g = 0; g < groups; g++) {
        order[present][0] = 0, order[present][1] = g;
        for (size_t i = 0; i < n; i++)
            order[present][0] += row[i].group == g;
        present += order[present][0] > 0;
    }
    qsort(order, present, sizeof *order, by_rows);
    assert_int_equal(got->all.groups, present);
    size_t deciles = present < 10 ? present : 10;
    assert_int_equal(got->n_deciles, deciles);
    double gauc = 0, weight = 0;
    for (size_t d = 0; d < deciles; d++) {
        struct row part[MANY];
        size_t n_part = 0, n_groups = 0, fewest = SIZE_MAX, most = 0, mixed = 0;
        double sum = 0, rows = 0;
        for (size_t i = 0; i < present; i++) {
            if (i * deciles / present != d)
                continue;
            n_groups++;
            fewest = order[i][0] < fewest ? order[i][0] : fewest;
            most = order[i][0] > most ? order[i][0] : most;
            for (size_t j = 0; j < n; j++)
                if (row[j].group == order[i][1])
                    part[n_part++] = row[j];
            double auc = brute_auc(row, n, order[i][1]);
            if (isnan(auc))
                continue;
            mixed++;
            sum += auc * order[i][0];
            rows += order[i][0];
        }
        const struct apg_metrics_slice *s = &got->decile[d];
        assert_int_equal(s->groups, n_groups);
        assert_int_equal(s->rows, n_part);
        assert_int_equal(s->fewest, fewest);
        assert_int_equal(s->most, most);
        assert_int_equal(s->mixed_groups, mixed);
        assert_int_equal(s->mixed_rows, (size_t)rows);
        double auc = brute_auc(part, n_part, -1);
        assert_true(isnan(auc) == isnan(s->auc) && (mixed > 0) != isnan(s->gauc));
        if (!isnan(auc))
            near(s->auc, auc, 1e-14);
        if (mixed)
            near(s->gauc, sum / rows, 1e-14);
        gauc += sum;
        weight += rows;
    }
    if (weight > 0)
        near(got->all.gauc, gauc / weight, 1e-14);
}

/* Sizes around the sort's own (48, 256), scores with few and with many levels, groups with gaps in their ids.
 */
static void random_rows_agree_with_the_definition(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 3, 9, 10, 11, 47, 48, 49, 50, 255, 256, 257, MANY};
    const double levels[] = {2, 20, 1e6, 1e15};
    struct apg_rng rng;
    apg_rng_init(&rng, 7, 0);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
            struct row row[MANY];
            size_t n = sizes[s];
            uint32_t groups = (uint32_t)(1 + apg_rng_below(&rng, 40));
            for (size_t i = 0; i < n; i++) {
                double u = apg_rng_uniform(&rng);
                row[i].score = floor(apg_rng_normal(&rng) * levels[l]) / levels[l];
                row[i].label = apg_rng_uniform(&rng) < 0.4;
                row[i].group = 3 * (uint32_t)(u * u * groups);
            }
            struct apg_metrics_report r = report_of(row, n, true);
            double auc = brute_auc(row, n, -1);
            assert_true(isnan(auc) == isnan(r.auc));
            if (!isnan(auc))
                near(r.auc, auc, 1e-14);
            check_groups(row, n, 3 * groups, &r);
        }
}

static void bins_hold_equal_shares(void **state)
{
    (void)state;
    struct row row[100];
    for (size_t i = 0; i < 100; i++)
        row[i] = (struct row){(double)(i * 37 % 100) / 100, i * 37 % 100 >= 75, 0};
    struct apg_metrics_report r = report_of(row, 100, false);
    assert_int_equal(r.n_bins, 10);
    for (size_t b = 0; b < 10; b++) {
        assert_int_equal(r.bin[b].rows, 10);
        assert_int_equal(r.bin[b].positives, b < 7 ? 0 : b == 7 ? 5 : 10);
        near(r.bin[b].low, (double)b / 10, 1e-15);
        near(r.bin[b].high, (double)b / 10 + .09, 1e-15);
        near(r.bin[b].mean_score, (double)b / 10 + .045, 1e-15);
    }
}

/* Equal scores are never parted: 45 of 100 rows tie and are one part; the fifth's other five follow. */
static void bins_keep_ties_together(void **state)
{
    (void)state;
    struct row row[100];
    for (size_t i = 0; i < 100; i++)
        row[i] = (struct row){i < 45 ? .1 : .5 + (double)i / 1000, i % 2, 0};
    struct apg_metrics_report r = report_of(row, 100, false);
    assert_int_equal(r.n_bins, 7);
    assert_int_equal(r.bin[0].rows, 45);
    assert_int_equal(r.bin[1].rows, 5);
    for (size_t b = 2; b < 7; b++)
        assert_int_equal(r.bin[b].rows, 10);
}

static void reset_starts_anew(void **state)
{
    (void)state;
    struct apg_metrics m;
    struct apg_metrics_report a, b;
    apg_metrics_init(&m, true);
    for (int round = 0; round < 2; round++) {
        apg_metrics_reset(&m);
        for (uint32_t i = 0; i < 300; i++)
            assert_int_equal(apg_metrics_add(&m, sin(i), i % 3 == 0, 1, i % 7, NULL), APG_OK);
        assert_int_equal(apg_metrics_report(&m, round ? &b : &a, NULL), APG_OK);
    }
    assert_true(a.auc == b.auc && a.all.gauc == b.all.gauc && a.rows == b.rows && b.all.groups == 7);
    /* A report sorts, but loses nothing: a row more is a row more. */
    assert_int_equal(apg_metrics_add(&m, 0.5, true, 1, 0, NULL), APG_OK);
    assert_int_equal(apg_metrics_report(&m, &b, NULL), APG_OK);
    assert_int_equal(b.rows, 301);
    apg_metrics_release(&m);
}

/* A row of weight k is k rows, and one of weight 0 is none, in every figure; parts are cut by rows. */
static void whole_weights_are_copies(void **state)
{
    (void)state;
    struct apg_rng rng;
    apg_rng_init(&rng, 13, 0);
    for (int logit = 0; logit < 2; logit++) {
        struct apg_metrics a, b;
        struct apg_metrics_running run_a, run_b;
        struct apg_metrics_report weighted, copied;
        apg_metrics_init(&a, logit);
        apg_metrics_init(&b, logit);
        assert_int_equal(apg_metrics_running_init(&run_a, NULL), APG_OK);
        assert_int_equal(apg_metrics_running_init(&run_b, NULL), APG_OK);
        for (size_t i = 0; i < MANY; i++) {
            const double z = floor(8 * apg_rng_normal(&rng)) / 8, score = logit ? z : apg_metrics_sigmoid(z);
            const bool label = apg_rng_uniform(&rng) < .3;
            const uint32_t group = (uint32_t)apg_rng_below(&rng, 60),
                           times = (uint32_t)apg_rng_below(&rng, 4);
            assert_int_equal(apg_metrics_add(&a, score, label, (float)times, group, NULL), APG_OK);
            apg_metrics_running_add(&run_a, z, label, (float)times);
            for (uint32_t k = 0; k < times; k++) {
                assert_int_equal(apg_metrics_add(&b, score, label, 1, group, NULL), APG_OK);
                apg_metrics_running_add(&run_b, z, label, 1);
            }
        }
        assert_int_equal(apg_metrics_report(&a, &weighted, NULL), APG_OK);
        assert_int_equal(apg_metrics_report(&b, &copied, NULL), APG_OK);
        assert_int_equal(weighted.rows, MANY);
        assert_true(weighted.weight == (double)copied.rows && weighted.weight > MANY);
        assert_true(weighted.positive_weight == (double)copied.positives);
        assert_true(weighted.auc == copied.auc);
        near(weighted.all.gauc, copied.all.gauc, 1e-13);
        assert_int_equal(weighted.all.mixed_groups, copied.all.mixed_groups);
        assert_true(weighted.all.mixed_weight == (double)copied.all.mixed_rows);
        near(weighted.means.log_loss, copied.means.log_loss, 1e-13);
        near(weighted.means.normalized_entropy, copied.means.normalized_entropy, 1e-13);
        near(weighted.means.mean_score, copied.means.mean_score, 1e-13);
        near(weighted.means.calibration, copied.means.calibration, 1e-13);
        assert_true(weighted.means.mean_label == copied.means.mean_label);
        double bound[2];
        assert_true(apg_metrics_running_auc(&run_a, &bound[0]) == apg_metrics_running_auc(&run_b, &bound[1]));
        assert_true(bound[0] == bound[1]);
        near(apg_metrics_means(&run_a.sums).log_loss, apg_metrics_means(&run_b.sums).log_loss, 1e-13);
        double sum = 0, score = 0;
        for (size_t i = 0; i < weighted.n_bins; i++) {
            sum += weighted.bin[i].weight;
            score += weighted.bin[i].weight * weighted.bin[i].mean_score;
        }
        assert_true(sum == weighted.weight);
        near(score / sum, weighted.means.mean_score, 1e-13);
        apg_metrics_release(&a);
        apg_metrics_release(&b);
        apg_metrics_running_release(&run_a);
        apg_metrics_running_release(&run_b);
    }
}

/* Pairs .8 > .5 (1.5 * 2), .8 > .4 (1.5 * .25), .4 < .5 (1 * 2), .4 ties .4 (1 * .25). */
static void weighted_auc_by_hand(void **state)
{
    (void)state;
    static const struct row four[] = {{.4, false, 0}, {.8, true, 0}, {.5, false, 0}, {.4, true, 0}};
    static const float weight[] = {.25f, 1.5f, 2, 1};
    struct apg_metrics m;
    struct apg_metrics_report r;
    apg_metrics_init(&m, false);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(apg_metrics_add(&m, four[i].score, four[i].label, weight[i], 0, NULL), APG_OK);
    assert_int_equal(apg_metrics_report(&m, &r, NULL), APG_OK);
    near(r.auc, (3 + .375 + .125) / (2.5 * 2.25), 1e-15);
    near(r.means.mean_label, 2.5 / 4.75, 1e-15);
    near(r.means.mean_score, (.1 + 1.2 + 1 + .4) / 4.75, 1e-15);
    near(r.means.log_loss, -(.25 * log(.6) + 1.5 * log(.8) + 2 * log(.5) + log(.4)) / 4.75, 1e-15);
    apg_metrics_reset(&m);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(apg_metrics_add(&m, four[i].score, four[i].label, 0, 0, NULL), APG_OK);
    assert_int_equal(apg_metrics_report(&m, &r, NULL), APG_OK);
    assert_true(isnan(r.auc) && isnan(r.means.log_loss) && isnan(r.means.calibration) && isnan(r.all.gauc));
    apg_metrics_release(&m);
}

static void running_auc_is_within_its_bound(void **state)
{
    (void)state;
    struct apg_metrics m;
    struct apg_metrics_running run;
    struct apg_metrics_report exact;
    struct apg_rng rng;
    apg_rng_init(&rng, 11, 0);
    apg_metrics_init(&m, true);
    assert_int_equal(apg_metrics_running_init(&run, NULL), APG_OK);
    double bound;
    assert_true(isnan(apg_metrics_running_auc(&run, &bound)) && isnan(bound));
    for (int i = 0; i < 20000; i++) {
        double z = 2 * apg_rng_normal(&rng) - 1;
        z = i % 1000 == 0 ? 40 : i % 1000 == 1 ? -40 : z; /* beyond the bins */
        bool label = apg_rng_uniform(&rng) < apg_metrics_sigmoid(z);
        apg_metrics_running_add(&run, z, label, 1);
        assert_int_equal(apg_metrics_add(&m, z, label, 1, 0, NULL), APG_OK);
    }
    assert_int_equal(apg_metrics_report(&m, &exact, NULL), APG_OK);
    double auc = apg_metrics_running_auc(&run, &bound);
    near(auc, exact.auc, bound + 1e-15);
    assert_true(bound > 0 && bound < 1e-3);
    assert_true(apg_metrics_means(&run.sums).log_loss == exact.means.log_loss);
    apg_metrics_running_release(&run);
    apg_metrics_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auc_by_hand),
        cmocka_unit_test(one_class_is_undefined),
        cmocka_unit_test(means_by_hand),
        cmocka_unit_test(loss_of_extremes),
        cmocka_unit_test(logits_agree_with_probabilities),
        cmocka_unit_test(random_rows_agree_with_the_definition),
        cmocka_unit_test(bins_hold_equal_shares),
        cmocka_unit_test(bins_keep_ties_together),
        cmocka_unit_test(reset_starts_anew),
        cmocka_unit_test(whole_weights_are_copies),
        cmocka_unit_test(weighted_auc_by_hand),
        cmocka_unit_test(running_auc_is_within_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
