/* SPDX-License-Identifier: MIT
 *
 * A slope and an offset of logits, against what labels were drawn with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "base/rng.h"
#include "stats/calibrate.h"
#include "stats/metrics.h"

enum { ROWS = 20000 };
static double logit[ROWS];
static bool label[ROWS];

/* Logits of which the true ones are slope * x + offset. */
static void draw(uint64_t n, double slope, double offset, double scale)
{
    struct apg_rng rng;
    apg_rng_init(&rng, 7, 0);
    for (uint64_t i = 0; i < n; i++) {
        logit[i] = scale * apg_rng_normal(&rng);
        label[i] = apg_rng_uniform(&rng) < apg_metrics_sigmoid(slope * logit[i] + offset);
    }
}

static void finds_what_was_drawn(void **state)
{
    (void)state;
    static const double drawn[][2] = {{1, 0}, {.4, -1}, {2.5, .5}, {.05, -2}};
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        struct apg_calibration c;
        double before, after;
        draw(ROWS, drawn[i][0], drawn[i][1], 1.5);
        assert_true(apg_calibrate(&c, logit, label, NULL, ROWS, &before, &after));
        assert_true(fabs(c.slope - drawn[i][0]) < .1 && fabs(c.offset - drawn[i][1]) < .1);
        assert_true(after < before);
        /* It is the least: no neighbour is lower. */
        for (int d = -1; d <= 1; d += 2) {
            double near[2] = {0};
            for (size_t k = 0; k < ROWS; k++) {
                near[0] += apg_metrics_logit_loss((c.slope + d * .02) * logit[k] + c.offset, label[k]);
                near[1] += apg_metrics_logit_loss(c.slope * logit[k] + c.offset + d * .02, label[k]);
            }
            assert_true(near[0] / ROWS > after && near[1] / ROWS > after);
        }
    }
}

static void a_logit_of_any_size(void **state)
{
    (void)state;
    static const double scale[] = {1e-9, 1e-3, 1e3, 1e20, 1e100};
    for (size_t i = 0; i < sizeof scale / sizeof *scale; i++) {
        struct apg_calibration c;
        double before, after;
        draw(2000, 1.5 / scale[i], -1, scale[i]);
        assert_true(apg_calibrate(&c, logit, label, NULL, 2000, &before, &after));
        assert_true(fabs(c.slope * scale[i] - 1.5) < .3 && fabs(c.offset + 1) < .3);
    }
}

static void not_by_too_little(void **state)
{
    (void)state;
    struct apg_calibration c;
    double before, after;
    /* Too few of a label. */
    for (uint64_t i = 0; i < 1000; i++)
        logit[i] = (double)(i % 7), label[i] = i < APG_CALIBRATE_ROWS - 1;
    assert_false(apg_calibrate(&c, logit, label, NULL, 1000, &before, &after));
    assert_true(c.slope == 1 && c.offset == 0 && before == after && before > 0);
    assert_false(apg_calibrate(&c, logit, label, NULL, 0, &before, &after));
    /* The wrong order: a slope below zero would turn the AUC around. */
    draw(2000, -1, 0, 1);
    assert_false(apg_calibrate(&c, logit, label, NULL, 2000, &before, &after));
    assert_true(c.slope == 1 && c.offset == 0);
    /* Logits that are all alike have no slope. */
    for (uint64_t i = 0; i < 1000; i++)
        logit[i] = 0;
    assert_false(apg_calibrate(&c, logit, label, NULL, 1000, &before, &after));
}

/* A perfect order asks for no infinite slope. */
static void perfect_order(void **state)
{
    (void)state;
    struct apg_calibration c;
    double before, after;
    for (uint64_t i = 0; i < 400; i++)
        logit[i] = i < 200 ? -.1 : .1, label[i] = i >= 200;
    assert_true(apg_calibrate(&c, logit, label, NULL, 400, &before, &after));
    assert_true(isfinite(c.slope) && c.slope > 1 && apg_metrics_sigmoid(c.slope * .1 + c.offset) < .9999);
}

/* Rows drawn with a chance that depends on them, and weighted by its inverse, tell of all rows. Their scale does
 * not matter, rows of weight 0 do not count, and whole weights are about as many copies. */
static void weights(void **state)
{
    (void)state;
    static float weight[ROWS], scaled[ROWS];
    struct apg_calibration c, d;
    struct apg_rng rng;
    double before, after, before_d, after_d;
    draw(ROWS, .4, -1, 1.5);
    apg_rng_init(&rng, 8, 0);
    uint64_t n = 0;
    for (uint64_t i = 0; i < ROWS; i++) {
        const double kept = label[i] || logit[i] < 0 ? 1 : .25;
        if (apg_rng_uniform(&rng) >= kept)
            continue;
        logit[n] = logit[i], label[n] = label[i], weight[n] = (float)(1 / kept);
        scaled[n] = 3 * weight[n];
        n++;
    }
    assert_true(apg_calibrate(&c, logit, label, NULL, n, &before, &after));
    assert_true(fabs(c.slope - .4) > .1);
    assert_true(apg_calibrate(&c, logit, label, weight, n, &before, &after));
    assert_true(fabs(c.slope - .4) < .05 && fabs(c.offset + 1) < .05 && after < before);
    assert_true(apg_calibrate(&d, logit, label, scaled, n, &before_d, &after_d));
    assert_true(d.slope == c.slope && d.offset == c.offset && before_d == before && after_d == after);
    /* Copies: but for the prior, which knows of as many more rows. */
    static double logits[2 * ROWS];
    static bool labels[2 * ROWS];
    uint64_t m = 0;
    for (uint64_t i = 0; i < n; i++) {
        weight[i] = (float)(i % 3);
        for (uint64_t k = 0; k < i % 3; k++, m++)
            logits[m] = logit[i], labels[m] = label[i];
    }
    assert_true(apg_calibrate(&c, logit, label, weight, n, &before, &after));
    assert_true(apg_calibrate(&d, logits, labels, NULL, m, &before_d, &after_d));
    assert_true(fabs(c.slope - d.slope) < 1e-3 && fabs(c.offset - d.offset) < 1e-3);
    assert_true(fabs(before - before_d) < 1e-12 && fabs(after - after_d) < 1e-6);
    for (uint64_t i = 0, left = APG_CALIBRATE_ROWS - 1; i < n; i++)
        weight[i] = !label[i] || (left && left--);
    assert_false(apg_calibrate(&c, logit, label, weight, n, &before, &after));
    assert_true(c.slope == 1 && before == after && before > 0);
    for (uint64_t i = 0; i < n; i++)
        weight[i] = 0;
    assert_false(apg_calibrate(&c, logit, label, weight, n, &before, &after));
    assert_true(before != before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_drawn),
        cmocka_unit_test(a_logit_of_any_size),
        cmocka_unit_test(not_by_too_little),
        cmocka_unit_test(perfect_order),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
