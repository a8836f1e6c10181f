/* SPDX-License-Identifier: MIT
 *
 * choose: which columns are worth trying. That choices are right is in test/cli/train.bats.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "train/choose.h"

static void columns(void **state)
{
    (void)state;
    double groups;
    /* id 0 is of tokens that are not known */
    assert_true(apg_choose_column((const uint64_t[]){0, 500, 500}, 3, &groups));
    assert_true(fabs(groups - 2) < 1e-12);
    assert_true(apg_choose_column((const uint64_t[]){25, 25, 25, 25}, 4, &groups));
    assert_true(fabs(groups - 4) < 1e-12);
    /* one value, or nearly: 98 % is not yet */
    assert_false(apg_choose_column((const uint64_t[]){0, 1000}, 2, &groups));
    assert_false(apg_choose_column((const uint64_t[]){0, 10000, 100}, 3, &groups));
    assert_true(apg_choose_column((const uint64_t[]){0, 9800, 200}, 3, &groups));
    /* 20 rows are enough, if most rows are in such groups */
    assert_true(apg_choose_column((const uint64_t[]){0, 20, 20, 19, 19}, 5, &groups));
    assert_false(apg_choose_column((const uint64_t[]){0, 20, 20, 19, 19, 19}, 6, &groups));
    assert_false(apg_choose_column((const uint64_t[]){0, 19, 19}, 3, &groups));
    assert_false(apg_choose_column((const uint64_t[]){0, 0}, 2, &groups));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(columns)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
