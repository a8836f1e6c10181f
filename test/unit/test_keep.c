/* SPDX-License-Identifier: MIT
 *
 * keep.h: weights come back as they were put, from memory and from a file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "train/keep.h"

enum { N = 300000 }; /* more than one write */
static apg_real w[N], other[3], formed[2];
static struct apg_param param[3] = {{.rows = N / 2, .here = N / 2, .cols = 2, .w = w},
    {.rows = 1, .here = 1, .cols = 2, .w = formed, .derived = true},
    {.rows = 3, .here = 3, .cols = 1, .w = other}};
static const struct apg_graph graph = {.param = param, .n_params = 3};

static void set(apg_real x)
{
    for (size_t i = 0; i < N; i++)
        w[i] = x + (apg_real)i;
    for (size_t i = 0; i < 3; i++)
        other[i] = -x - (apg_real)i;
    formed[0] = x;
}

static void is(apg_real x)
{
    for (size_t i = 0; i < N; i++)
        assert_true(w[i] == x + (apg_real)i);
    for (size_t i = 0; i < 3; i++)
        assert_true(other[i] == -x - (apg_real)i);
}

static void come_back(size_t memory)
{
    struct apg_error err;
    struct apg_keep *k;
    assert_int_equal(apg_keep_new(&k, &graph, memory, NULL, &err), APG_OK);
    for (int put = 1; put <= 2; put++) {
        set((apg_real)put);
        assert_int_equal(apg_keep_put(k, &err), APG_OK);
        set(7);
        assert_int_equal(apg_keep_take(k, &err), APG_OK);
        is((apg_real)put);
        assert_true(formed[0] == 7); /* what is derived is not its business */
    }
    apg_keep_free(k);
}

static void weights_come_back(void **state)
{
    (void)state;
    come_back((N + 3) * sizeof(apg_real));
    come_back((N + 3) * sizeof(apg_real) - 1);
    come_back(0);
    apg_keep_free(NULL);
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg_keep *k;
    assert_int_equal(apg_keep_new(&k, &graph, 0, "/nonexistent", &err), APG_OK);
    assert_int_equal(apg_keep_put(k, &err), APG_EIO);
    assert_non_null(strstr(err.text, "/nonexistent"));
    apg_keep_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_come_back), cmocka_unit_test(a_folder_that_is_not_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
