/* SPDX-License-Identifier: MIT
 *
 * Scores as text are those of printf, though it seldom writes them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "common/scores_csv.h"
#include "stats/metrics.h"
#include "base/rng.h"

static void same_as_printf(double score)
{
    char text[SCORES_TEXT], theirs[SCORES_TEXT];
    (void)snprintf(theirs, sizeof theirs, "%.9g", score);
    assert_int_equal(scores_text(text, score, true), strlen(theirs));
    assert_string_equal(text, theirs);
}

static void probabilities(void **state)
{
    (void)state;
    struct apg_rng r;
    apg_rng_init(&r, 1, 1);
    for (int i = 0; i < 200000; i++)
        same_as_printf(apg_metrics_sigmoid(4 * apg_rng_normal(&r) - 2));
}

/* Few digits, their neighbours, and halves of the last digit and theirs. */
static void edges(void **state)
{
    (void)state;
    for (double unit = 1; unit > 1e-7; unit /= 10)
        for (int k = 0; k <= 1000; k++) {
            double score = k * unit / 1000;
            same_as_printf(score);
            same_as_printf(nextafter(score, 2));
            same_as_printf(nextafter(score, -1));
            same_as_printf(unit - (k + .5) * 1e-9 * unit);
            same_as_printf(nextafter(unit - (k + .5) * 1e-9 * unit, 2));
        }
    same_as_printf(-.25);
    same_as_printf(1e300);
    same_as_printf(INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(probabilities), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
