/* SPDX-License-Identifier: MIT
 *
 * Half precision: every number of it against its definition, and bags of rows in halves against the same rows as
 * floats.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/rng.h"
#include "nn/half.h"
#include "nn/kernel.h"

enum { FINITE = 0x7c00 }; /* halves from here on are infinity and NaN */

/* IEEE 754: 1 bit of sign, 5 of exponent, 10 of fraction. */
static double defined(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return h & 0x8000 ? -size : size;
}

static void test_numbers(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < FINITE; h++)
        for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
            const float x = apg_half_value((uint16_t)(h | sign));
            assert_true(!(fabs((double)x - defined((uint16_t)(h | sign))) > 0));
            assert_int_equal(apg_half_of(x), h | sign);
        }
}

/* Rows of all widths that have a loop of their own, and of one that has not. Bags of no, one and several rows, of
 * weights 1 and others; more of them than rows are fetched ahead. */
static void test_bags(void **state)
{
    (void)state;
    enum { T = 300, N = 200, E_MAX = 17 };
    static const size_t widths[] = {1, 7, 16, E_MAX};
    static uint16_t half[T * E_MAX];
    static apg_real table[T * E_MAX], e[2][N * E_MAX];
    static uint32_t first[N + 1], id[4 * N];
    static float weight[4 * N];
    struct apg_rng r;
    apg_rng_init(&r, 1, 1);
    for (size_t i = 0; i < T * E_MAX; i++) {
        half[i] = apg_half_of((float)apg_rng_normal(&r));
        table[i] = (apg_real)apg_half_value(half[i]);
    }
    for (size_t i = 0; i < N; i++) {
        first[i + 1] = first[i] + (uint32_t)(i % 4);
        for (uint32_t k = first[i]; k < first[i + 1]; k++) {
            id[k] = (uint32_t)apg_rng_below(&r, T);
            weight[k] = i % 8 < 4 ? 1 : .3f * (float)(k % 5);
        }
    }
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const size_t E = widths[w];
        memset(e, 0xff, sizeof e);
        apg_kernel_bags(first, id, weight, N, table, E, e[0]);
        apg_kernel_bags_half(first, id, weight, N, half, E, e[1]);
        for (size_t i = 0; i < N * E; i++)
            assert_true(!(e[0][i] < e[1][i]) && !(e[0][i] > e[1][i]) && isfinite(e[1][i]));
        assert_true(isnan(e[0][N * E_MAX - 1]) == (E < E_MAX) && isnan(e[1][N * E_MAX - 1]) == (E < E_MAX));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_bags)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
