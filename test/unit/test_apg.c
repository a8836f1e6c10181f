/* SPDX-License-Identifier: MIT
 *
 * The public face: what a program gets to read when a cell, or a file, is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "apg.h"
#include "model/model.h"

enum { ROWS = 1300, COLUMNS = 3 }; /* more rows than a call takes at once */

static char path[] = "/tmp/apg-test-XXXXXX";
static const char *cell[ROWS * COLUMNS];

static bool write_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

/* A model whose weights are zero: each row has probability 1/2. */
static int make_model(void **state)
{
    static char price[] = "price", age[] = "age", user[] = "user", label[] = "click";
    static float edge[] = {18};
    struct apg_field field[COLUMNS] = {
        {.name = price, .kind = APG_NUMERIC, .rows = 2, .deviation = 1},
        {.name = age, .kind = APG_BUCKET, .rows = 3, .first = 2, .n_edges = 1, .edge = edge},
        {.name = user, .kind = APG_CATEGORICAL, .rows = 16, .first = 5, .hash_bits = 4},
    };
    const struct apg_schema schema = {
        .label = label, .delimiter = ',', .n_fields = COLUMNS, .field = field, .rows = 21, .min_count = 1};
    const struct apg_arch arch = {.E = 2, .n_hidden = 1, .hidden = {2}};
    struct apg_model *m = NULL;
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    bool good = f && !apg_model_new(&m, &schema, &arch, 8, false, NULL) &&
                !apg_model_save(m, (struct apg_sink){write_file, f, path}, NULL) && fclose(f) == 0;
    apg_model_free(m);
    for (size_t i = 0; i < ROWS; i++) {
        cell[i * COLUMNS] = i % 3 ? "9.5" : "";
        cell[i * COLUMNS + 1] = "30";
        cell[i * COLUMNS + 2] = "someone";
    }
    char error[256] = "";
    struct apg *a = NULL;
    if (!good || apg_open(&a, path, error, sizeof error) != 0) {
        print_error("%s\n", error);
        return -1;
    }
    *state = a;
    return 0;
}

static int remove_model(void **state)
{
    apg_close(*state);
    return unlink(path);
}

static void test_columns(void **state)
{
    assert_int_equal(apg_columns_count(*state), COLUMNS);
    assert_string_equal(apg_column_name(*state, 0), "price");
    assert_string_equal(apg_column_name(*state, 2), "user");
}

static void test_bad_cells(void **state)
{
    static const struct {
        size_t row, column;
        const char *cell, *error;
    } bad[] = {
        {0, 0, "abc", "row:1: price: not a number: 'abc'"},
        {1, 0, "1,5", "row:2: price: not a number: '1,5'"},
        {511, 1, "nan", "row:512: age: not a number: 'nan'"},
        {512, 1, "0x10", "row:513: age: not a number: '0x10'"},
        {ROWS - 1, 0, "\033[2J", "row:1300: price: not a number: '?[2J'"},
    };
    char error[256];
    double p[ROWS];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t at = bad[i].row * COLUMNS + bad[i].column;
        const char *good = cell[at];
        cell[at] = bad[i].cell;
        assert_int_equal(apg_predict(*state, cell, ROWS, p, error, sizeof error), APG_EINPUT);
        assert_string_equal(error, bad[i].error);
        cell[at] = good;
    }
    for (size_t i = 0; i < ROWS; i++)
        p[i] = 0;
    assert_int_equal(apg_predict(*state, cell, ROWS, p, error, sizeof error), 0);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(p[i] > 0.499 && p[i] < 0.501);
}

static void test_short_error(void **state)
{
    const char *const row[] = {"abc", "1", "u"};
    char error[8] = "1234567";
    double p;
    assert_int_equal(apg_predict(*state, row, 1, &p, error, 6), APG_EINPUT);
    assert_string_equal(error, "row:1");
    assert_int_equal(error[6], '7');
    assert_int_equal(apg_predict(*state, row, 1, &p, NULL, 0), APG_EINPUT);
}

static void test_open(void **state)
{
    (void)state;
    struct apg *a = NULL;
    char error[256];
    assert_int_equal(apg_open(&a, "/none/m.apg", error, sizeof error), APG_EIO);
    assert_string_equal(error, "/none/m.apg: No such file or directory");
    assert_int_equal(apg_open(&a, "/dev/null", error, sizeof error), APG_EFORMAT);
    assert_string_equal(error, "/dev/null: truncated");
    assert_null(a);
    apg_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_bad_cells),
        cmocka_unit_test(test_short_error),
        cmocka_unit_test(test_open),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
