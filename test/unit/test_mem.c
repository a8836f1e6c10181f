/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "base/mem.h"

static void alloc_is_zeroed_and_aligned(void **state)
{
    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = apg_alloc(n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < 3 * n; i++)
            assert_int_equal(p[i], 0);
        free(p);
    }
}

static void alloc_refuses_overflow(void **state)
{
    (void)state;
    assert_null(apg_alloc(SIZE_MAX / 2, 3));
    assert_null(apg_alloc(SIZE_MAX, 1));
    assert_null(apg_alloc(SIZE_MAX / 8 + 1, 8));
}

static void grow_keeps_contents(void **state)
{
    (void)state;
    uint64_t *a = NULL;
    size_t cap = 0, changes = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        size_t before = cap;
        assert_true(apg_grow(&a, &cap, (size_t)i + 1, sizeof *a));
        assert_true(cap > i);
        changes += cap != before;
        a[i] = i * i;
    }
    for (uint64_t i = 0; i < 10000; i++)
        assert_int_equal(a[i], i * i);
    assert_true(changes < 15); /* it doubles */
    assert_true(apg_grow(&a, &cap, 0, sizeof *a));
    free(a);
}

static void grow_leaves_all_as_it_was_on_failure(void **state)
{
    (void)state;
    uint64_t *a = NULL, *same;
    size_t cap = 0, before;
    assert_true(apg_grow(&a, &cap, 5, sizeof *a));
    same = a;
    before = cap;
    assert_false(apg_grow(&a, &cap, SIZE_MAX / 4, sizeof *a));
    assert_false(apg_grow(&a, &cap, SIZE_MAX, sizeof *a));
    assert_ptr_equal(a, same);
    assert_int_equal(cap, before);
    free(a);
}

static void mul_sees_overflow(void **state)
{
    (void)state;
    size_t r = 7;
    assert_true(apg_mul(SIZE_MAX, 1, &r) && r == SIZE_MAX);
    assert_true(apg_mul(SIZE_MAX, 0, &r) && r == 0);
    assert_true(apg_mul(123, 1000, &r) && r == 123000);
    assert_false(apg_mul(SIZE_MAX, 2, &r));
    assert_false(apg_mul((size_t)1 << 32, (size_t)1 << 32, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_is_zeroed_and_aligned),
        cmocka_unit_test(alloc_refuses_overflow),
        cmocka_unit_test(grow_keeps_contents),
        cmocka_unit_test(grow_leaves_all_as_it_was_on_failure),
        cmocka_unit_test(mul_sees_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
