/* SPDX-License-Identifier: MIT
 *
 * complexity: hand-worked counts, counting the loops themselves, limits, and what is claimed of the paper's
 * figures.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "model/complexity.h"

static const struct apg_layer_shape small = {
    .n = 5, .m = 7, .d = 3, .k = 2, .p = 4, .x = 8, .h = 2, .domains = 6, .batch = 10};

static struct apg_cost cost_of(enum apg_form form, const struct apg_layer_shape *shape)
{
    struct apg_cost c = {0};
    assert_int_equal(apg_layer_cost(&c, form, shape, NULL), APG_OK);
    return c;
}

static void by_hand(void **state)
{
    (void)state;
    /* NM 35; NK + KM 24; K^2 4; NK^2 20; NKM 70; NPK + KPM 96; NP + PK + KP + PM 64 */
    const struct apg_cost want[APG_FORM_COUNT] = {
        [APG_FORM_DENSE] = {.generate = 0, .forward = 35, .batch = 0, .numbers = 35},
        [APG_FORM_FULL] = {.generate = 105, .forward = 35, .batch = 0, .numbers = 105, .generated = 35},
        [APG_FORM_LOWRANK] =
            {.generate = 84 + 20 + 70, .forward = 35, .batch = 0, .numbers = 84, .generated = 28},
        [APG_FORM_DECOMPOSED] = {.generate = 84, .forward = 28, .batch = 0, .numbers = 84, .generated = 28},
        [APG_FORM_SHARED] = {.generate = 12, .forward = 28, .batch = 0, .numbers = 36, .generated = 4},
        [APG_FORM_OVERPARAM] = {.generate = 12, .forward = 28, .batch = 96, .numbers = 76, .generated = 4},
        [APG_FORM_COLLAPSED] = {.generate = 12, .forward = 28, .batch = 0, .numbers = 36, .generated = 4},
        [APG_FORM_RESIDUAL] = {.generate = 12, .forward = 63, .batch = 0, .numbers = 71, .generated = 4},
        [APG_FORM_STAR] = {.generate = 0, .forward = 35, .batch = 210, .numbers = 245},
        [APG_FORM_PPNET] = {.generate = 22 + 10, .forward = 35, .numbers = 67, .generated = 5},
    };
    for (int f = 0; f < APG_FORM_COUNT; f++) {
        struct apg_cost got = cost_of((enum apg_form)f, &small);
        assert_int_equal(got.generate, want[f].generate);
        assert_int_equal(got.forward, want[f].forward);
        assert_int_equal(got.batch, want[f].batch);
        assert_int_equal(got.numbers, want[f].numbers);
        assert_int_equal(got.generated, want[f].generated);
    }
}

/* Multiply-adds of an (a x b) (b x c) product, counted one by one. */
static uint64_t product(size_t a, size_t b, size_t c)
{
    uint64_t n = 0;
    for (size_t i = 0; i < a; i++)
        for (size_t j = 0; j < b; j++)
            for (size_t l = 0; l < c; l++)
                n++;
    return n;
}

static void loops_agree(void **state)
{
    (void)state;
    for (size_t seed = 1; seed < 40; seed++) {
        const struct apg_layer_shape s = {.n = 1 + seed * 7 % 11,
            .m = 1 + seed * 5 % 13,
            .d = 1 + seed % 6,
            .k = 1 + seed % 4,
            .p = 1 + seed * 3 % 8,
            .x = 1,
            .h = 1,
            .domains = 1 + seed % 9,
            .batch = 1 + seed % 5};
        const uint64_t usv =
            product(1, s.d, s.n * s.k) + product(1, s.d, s.k * s.k) + product(1, s.d, s.k * s.m);
        struct apg_cost c = cost_of(APG_FORM_LOWRANK, &s);
        assert_int_equal(c.generate, usv + product(s.n, s.k, s.k) + product(s.n, s.k, s.m));
        assert_int_equal(c.forward, product(1, s.n, s.m));
        c = cost_of(APG_FORM_DECOMPOSED, &s);
        assert_int_equal(c.generate, usv);
        assert_int_equal(c.forward, product(1, s.n, s.k) + product(1, s.k, s.k) + product(1, s.k, s.m));
        c = cost_of(APG_FORM_OVERPARAM, &s);
        assert_int_equal(c.generate, product(1, s.d, s.k * s.k));
        assert_int_equal(c.batch, product(s.n, s.p, s.k) + product(s.k, s.p, s.m));
    }
}

static void layers_add_up_and_batches_share(void **state)
{
    (void)state;
    struct apg_cost c = cost_of(APG_FORM_OVERPARAM, &small);
    assert_true(apg_cost_per_instance(&c, 10) == 12 + 28 + 9.6);
    assert_int_equal(apg_layer_cost(&c, APG_FORM_OVERPARAM, &small, NULL), APG_OK);
    assert_int_equal(c.numbers, 152);
    assert_true(apg_cost_per_instance(&c, 1) == 2 * (12 + 28 + 96));

    /* A batch of four meets at most four domains. */
    struct apg_layer_shape s = small;
    s.batch = 4;
    assert_int_equal(cost_of(APG_FORM_STAR, &s).batch, 140);
}

static void limits(void **state)
{
    (void)state;
    struct apg_layer_shape s = {.n = APG_COMPLEXITY_WIDTH_MAX,
        .m = APG_COMPLEXITY_WIDTH_MAX,
        .d = APG_COMPLEXITY_WIDTH_MAX,
        .k = APG_COMPLEXITY_WIDTH_MAX,
        .p = APG_COMPLEXITY_WIDTH_MAX,
        .x = APG_COMPLEXITY_WIDTH_MAX,
        .h = APG_COMPLEXITY_WIDTH_MAX,
        .domains = APG_COMPLEXITY_DOMAINS_MAX,
        .batch = SIZE_MAX};
    for (int f = 0; f < APG_FORM_COUNT; f++) {
        struct apg_cost c = {0};
        for (int l = 0; l < APG_COMPLEXITY_LAYERS_MAX; l++) {
            struct apg_cost before = c;
            assert_int_equal(apg_layer_cost(&c, (enum apg_form)f, &s, NULL), APG_OK);
            assert_true(c.generate >= before.generate && c.forward > before.forward);
            assert_true(c.batch >= before.batch && c.numbers > before.numbers);
        }
        assert_true(c.generate <= INT64_MAX && c.batch <= INT64_MAX && c.numbers <= INT64_MAX);
    }

    struct apg_error err;
    struct apg_cost c = {0};
    s = small;
    s.k = 0;
    assert_int_equal(apg_layer_cost(&c, APG_FORM_DENSE, &s, &err), APG_ERANGE);
    assert_string_equal(err.text, "K is from 1 to 65536, not 0");
    s = small;
    s.domains = (size_t)APG_COMPLEXITY_DOMAINS_MAX + 1;
    assert_int_equal(apg_layer_cost(&c, APG_FORM_STAR, &s, &err), APG_ERANGE);
    assert_non_null(strstr(err.text, "domains"));
    assert_int_equal(c.numbers, 0);
}

/* MB of the paper's MLP. */
static double paper_mb(enum apg_form form, size_t d, size_t k, int bytes)
{
    const size_t width[] = {393, 1024, 512, 256};
    struct apg_cost c = {0};
    for (int l = 0; l < 3; l++) {
        const struct apg_layer_shape s = {.n = width[l],
            .m = width[l + 1],
            .d = d,
            .k = k,
            .p = 1,
            .x = 1,
            .h = 1,
            .domains = 1,
            .batch = 1};
        assert_int_equal(apg_layer_cost(&c, form, &s, NULL), APG_OK);
    }
    return (double)c.numbers * bytes / 1e6;
}

/* What the command and its page say of the paper's 12.91, 419.11, 3.22 and 0.44 MB. */
static void the_papers_figures(void **state)
{
    (void)state;
    assert_true(fabs(paper_mb(APG_FORM_DENSE, 1, 1, 12) / 12.91 - 1) < 0.02);
    assert_true(fabs(paper_mb(APG_FORM_FULL, 32, 1, 12) / 419.11 - 1) < 0.04);
    assert_true(fabs(paper_mb(APG_FORM_SHARED, 32, 8, 12) / 0.44 - 1) < 0.03);
    assert_true(fabs(paper_mb(APG_FORM_DECOMPOSED, 32, 2, 12) / 3.22 - 1) < 0.12);
    double best = INFINITY;
    for (int bytes = 4; bytes <= 12; bytes += 4)
        for (size_t d = 1; d <= 256; d++)
            for (size_t k = 1; k <= 64; k++) {
                double worst = fabs(paper_mb(APG_FORM_FULL, d, k, bytes) / 419.11 - 1);
                worst = fmax(worst, fabs(paper_mb(APG_FORM_DECOMPOSED, d, k, bytes) / 3.22 - 1));
                worst = fmax(worst, fabs(paper_mb(APG_FORM_SHARED, d, k, bytes) / 0.44 - 1));
                best = fmin(best, worst);
            }
    assert_true(best > 0.45 && best < 0.46);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(loops_agree),
        cmocka_unit_test(layers_add_up_and_batches_share),
        cmocka_unit_test(limits),
        cmocka_unit_test(the_papers_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
