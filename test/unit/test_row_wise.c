/* SPDX-License-Identifier: MIT
 *
 * kernel.h: a step of row-wise Adagrad, beside its equations written out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "nn/kernel.h"

enum { MOST = 35, STEPS = 3 };

static void steps_are_as_written(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MOST; n++) {
        apg_real w[MOST], g[MOST], v = 0;
        double expected[MOST], sum = 0;
        for (size_t i = 0; i < n; i++)
            expected[i] = (double)(w[i] = (apg_real)0.1 * (apg_real)i - 1);
        for (int step = 0; step < STEPS; step++) {
            double squares = 0, gradient[MOST];
            for (size_t i = 0; i < n; i++) {
                g[i] = (apg_real)cos((double)(n + 7 * i) + step);
                gradient[i] = (double)g[i] + 0.25 * expected[i];
                squares += gradient[i] * gradient[i];
            }
            sum = 0.99 * sum + squares / (double)n;
            for (size_t i = 0; i < n; i++)
                expected[i] -= 0.5 * gradient[i] / sqrt(sum);
            apg_kernel_adagrad_row(n, w, &v, g, (apg_real)0.25, (apg_real)0.5);
        }
        assert_true(fabs((double)v - sum) < 1e-5);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs((double)w[i] - expected[i]) < 1e-5);
    }
}

/* What no row of a batch touched has no gradient: it stays, and nothing is divided by zero. */
static void nothing_moves_without_a_gradient(void **state)
{
    (void)state;
    apg_real w[2] = {1, -1}, g[2] = {0, 0}, v = 0;
    apg_kernel_adagrad_row(2, w, &v, g, 0, 1);
    assert_true(w[0] == 1 && w[1] == -1 && v == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_as_written), cmocka_unit_test(nothing_moves_without_a_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
