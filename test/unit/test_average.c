/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include "train/average.h"

enum { N = 200002 }; /* not a whole number of shares */
static apg_real w[N], formed[2] = {5, 5};
static struct apg_param param[2] = {{.rows = N / 2, .here = N / 2, .cols = 2, .w = w},
    {.rows = 1, .here = 1, .cols = 2, .w = formed, .derived = true}};
static struct apg_graph graph = {.param = param, .n_params = 2};

static void set(double x)
{
    for (size_t i = 0; i < N; i++)
        w[i] = (apg_real)(x + (double)(i % 7));
}

static void is(double x)
{
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)w[i] - x - (double)(i % 7)) < 1e-5);
    assert_true(formed[0] == 5 && formed[1] == 5); /* what is derived is not its business */
}

/* Of x_1 .. x_n: what the recursion says, written out. */
static void of(double share, const double *x, size_t n, double expected, unsigned threads)
{
    struct apg_error err;
    struct apg_average *a;
    struct apg_pool *pool;
    assert_int_equal(apg_pool_new(&pool, threads, &err), APG_OK);
    assert_int_equal(apg_average_new(&a, &graph, &err), APG_OK);
    for (size_t i = 0; i < n; i++) {
        set(x[i]);
        apg_average_add(a, share, pool);
        is(x[i]); /* adding leaves the weights alone */
    }
    apg_average_swap(a, pool);
    is(expected);
    apg_average_swap(a, pool);
    is(x[n - 1]);
    apg_average_free(a);
    apg_pool_free(pool);
}

static void test_share(void **state)
{
    (void)state;
    const double x[] = {1, 2, 6};
    for (unsigned threads = 1; threads <= 2; threads++) {
        of(1, x, 1, 1, threads);
        of(1, x, 3, 3, threads);                     /* all count alike */
        of(0.5, x, 2, 1. / 3 + 2. * 2 / 3, threads); /* the n-th counts for 2 / (n + 1) */
        of(0.5, x, 3, (1. / 3 + 4. / 3) / 2 + 6. / 2, threads);
    }
}

/* A start far away is forgotten: after n additions what was there after n / 4 counts for about 1 / 16 with
 * SHARE 1/2, as (n / 4)^2 / n^2. */
static void test_forgets(void **state)
{
    (void)state;
    double x[64] = {0};
    for (int i = 0; i < 16; i++)
        x[i] = 1;
    of(0.5, x, 64, 16. * 17 / (64 * 65), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_share), cmocka_unit_test(test_forgets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
