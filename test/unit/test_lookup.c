/* SPDX-License-Identifier: MIT
 *
 * Names by halving: what a walk through all of them finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "data/lookup.h"

static void as_a_walk_finds(void **state)
{
    (void)state;
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 0);
    for (size_t n = 0; n < 40; n++) {
        char text[40][8];
        struct apg_lookup x;
        assert_true(apg_lookup_init(&x, n));
        for (size_t i = 0; i < n; i++) {
            snprintf(text[i], sizeof text[i], "%s%zu", i % 3 ? "c" : "", (size_t)apg_rng_below(&rng, 2 * n));
            x.name[i] = (struct apg_name){text[i], i};
        }
        apg_lookup_sort(&x);
        bool twice = false;
        for (size_t i = 0; i < 100; i++) {
            char want[8];
            size_t count = 0, first = SIZE_MAX, at;
            snprintf(want, sizeof want, "%s%zu", i % 2 ? "c" : "", i / 2);
            for (size_t k = n; k-- > 0;)
                if (strcmp(text[k], want) == 0)
                    count++, first = k;
            assert_int_equal(apg_lookup_find(&x, want, &at), count);
            assert_int_equal(at, first);
            twice |= count > 1;
        }
        assert_int_equal(apg_lookup_twice(&x) != NULL, twice);
        apg_lookup_release(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_a_walk_finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
