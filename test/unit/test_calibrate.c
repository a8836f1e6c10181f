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
        assert_true(apg_calibrate(&c, logit, label, ROWS, &before, &after));
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
        assert_true(apg_calibrate(&c, logit, label, 2000, &before, &after));
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
    assert_false(apg_calibrate(&c, logit, label, 1000, &before, &after));
    assert_true(c.slope == 1 && c.offset == 0 && before == after && before > 0);
    assert_false(apg_calibrate(&c, logit, label, 0, &before, &after));
    /* The wrong order: a slope below zero would turn the AUC around. */
    draw(2000, -1, 0, 1);
    assert_false(apg_calibrate(&c, logit, label, 2000, &before, &after));
    assert_true(c.slope == 1 && c.offset == 0);
    /* Logits that are all alike have no slope. */
    for (uint64_t i = 0; i < 1000; i++)
        logit[i] = 0;
    assert_false(apg_calibrate(&c, logit, label, 1000, &before, &after));
}

/* A perfect order asks for no infinite slope. */
static void perfect_order(void **state)
{
    (void)state;
    struct apg_calibration c;
    double before, after;
    for (uint64_t i = 0; i < 400; i++)
        logit[i] = i < 200 ? -.1 : .1, label[i] = i >= 200;
    assert_true(apg_calibrate(&c, logit, label, 400, &before, &after));
    assert_true(isfinite(c.slope) && c.slope > 1 && apg_metrics_sigmoid(c.slope * .1 + c.offset) < .9999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_drawn),
        cmocka_unit_test(a_logit_of_any_size),
        cmocka_unit_test(not_by_too_little),
        cmocka_unit_test(perfect_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
