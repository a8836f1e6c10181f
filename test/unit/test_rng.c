/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>
#include "base/rng.h"

/* splitmix64 with seed 0 is a published sequence; ours is the same function of key + counter. */
static void agrees_with_splitmix64(void **state)
{
    (void)state;
    assert_true(apg_rng_at(0, 1) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(apg_rng_at(0, 2) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(apg_rng_at(0, 3) == UINT64_C(0x06c45d188009454f));
}

static void value_depends_on_place_alone(void **state)
{
    (void)state;
    struct apg_rng a, b;
    apg_rng_init(&a, 5, 9);
    apg_rng_init(&b, 5, 9);
    uint64_t seen[100];
    for (size_t i = 0; i < 100; i++)
        seen[i] = apg_rng_u64(&a);
    for (size_t i = 100; i-- > 0;) {
        b.counter = i;
        assert_true(apg_rng_u64(&b) == seen[i]);
    }
}

/* Seeds and streams near each other, the same swapped included, share no value in their first 1,000. */
static void streams_differ(void **state)
{
    (void)state;
    struct apg_rng r[9];
    for (unsigned i = 0; i < 9; i++)
        apg_rng_init(&r[i], i / 3, i % 3);
    for (unsigned i = 0; i < 9; i++)
        for (unsigned j = 0; j < i; j++) {
            assert_true(r[i].key != r[j].key);
            for (uint64_t c = 0; c < 1000; c++)
                assert_true(apg_rng_at(r[i].key, c) != apg_rng_at(r[j].key, c));
        }
}

enum { DRAWS = 200000 };

/* The bounds are five standard errors and the seed is fixed: a right generator passes, always. */
static void uniform_has_its_moments(void **state)
{
    (void)state;
    struct apg_rng r;
    apg_rng_init(&r, 1, 2);
    double sum = 0, square = 0, product = 0, last = 0.5;
    for (int i = 0; i < DRAWS; i++) {
        double u = apg_rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
        square += (u - 0.5) * (u - 0.5);
        product += (u - 0.5) * (last - 0.5);
        last = u;
    }
    double n = DRAWS;
    assert_true(fabs(sum / n - 0.5) < 5 * sqrt(1 / 12. / n));
    assert_true(fabs(square / n - 1 / 12.) < 5 * sqrt(1 / 180. / n));
    assert_true(fabs(product / n) < 5 * (1 / 12.) / sqrt(n));
}

static void normal_has_its_moments(void **state)
{
    (void)state;
    struct apg_rng r;
    apg_rng_init(&r, 1, 3);
    double sum = 0, square = 0, fourth = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = apg_rng_normal(&r);
        assert_true(isfinite(x));
        sum += x;
        square += x * x;
        fourth += x * x * x * x;
    }
    double n = DRAWS;
    assert_true(fabs(sum / n) < 5 / sqrt(n));
    assert_true(fabs(square / n - 1) < 5 * sqrt(2 / n));
    assert_true(fabs(fourth / n - 3) < 5 * sqrt(96 / n));
    assert_true(r.counter == 2 * DRAWS);
}

static void below_is_even(void **state)
{
    (void)state;
    struct apg_rng r;
    apg_rng_init(&r, 1, 4);
    double count[7] = {0}, chi2 = 0;
    for (int i = 0; i < 70000; i++)
        count[apg_rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        chi2 += (count[i] - 10000) * (count[i] - 10000) / 10000;
    assert_true(chi2 < 28); /* 6 degrees of freedom: 1 in 10,000 */
    for (int i = 0; i < 100; i++) {
        assert_true(apg_rng_below(&r, 1) == 0);
        assert_true(apg_rng_below(&r, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
}

static void shuffle_is_an_even_permutation_draw(void **state)
{
    (void)state;
    struct apg_rng r;
    apg_rng_init(&r, 1, 5);
    double count[24] = {0}, chi2 = 0;
    for (int i = 0; i < 24000; i++) {
        uint32_t a[4] = {0, 1, 2, 3};
        apg_rng_shuffle(&r, a, 4);
        assert_int_equal(1u << a[0] | 1u << a[1] | 1u << a[2] | 1u << a[3], 15);
        uint32_t rank = a[0] * 6 + (a[1] - (a[1] > a[0])) * 2 + (a[2] > a[3]);
        count[rank]++;
    }
    for (int i = 0; i < 24; i++)
        chi2 += (count[i] - 1000) * (count[i] - 1000) / 1000;
    assert_true(chi2 < 57); /* 23 degrees of freedom: 1 in 10,000 */
    apg_rng_shuffle(&r, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_splitmix64),
        cmocka_unit_test(value_depends_on_place_alone),
        cmocka_unit_test(streams_differ),
        cmocka_unit_test(uniform_has_its_moments),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(shuffle_is_an_even_permutation_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
