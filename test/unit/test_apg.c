/* SPDX-License-Identifier: MIT
 *
 * The public face: what a program gets to read when a cell, or a file, is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "apg.h"
#include "data/featfile.h"
#include "data/ingest.h"
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
    struct apg_error err = {0};
    struct apg *a = NULL;
    if (!good || apg_open(&a, path, &err)) {
        print_error("%s\n", err.text);
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
    struct apg_error err;
    double p[ROWS];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t at = bad[i].row * COLUMNS + bad[i].column;
        const char *good = cell[at];
        cell[at] = bad[i].cell;
        assert_int_equal(apg_predict(*state, cell, ROWS, p, &err), APG_EINPUT);
        assert_string_equal(err.text, bad[i].error);
        cell[at] = good;
    }
    for (size_t i = 0; i < ROWS; i++)
        p[i] = 0;
    assert_int_equal(apg_predict(*state, cell, ROWS, p, &err), 0);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(p[i] > 0.499 && p[i] < 0.501);
}

/* A model whose file is overwritten, or cut, while it is in use gives no numbers any more. */
static void test_changed_file(void **state)
{
    (void)state;
    char copy[] = "/tmp/apg-test-XXXXXX";
    struct apg_error err;
    struct apg *a = NULL, *saved = NULL;
    double p;
    assert_int_equal(apg_open(&saved, path, &err), APG_OK);
    const int fd = mkstemp(copy);
    assert_true(fd >= 0);
    for (int cut = 0; cut < 2; cut++) {
        assert_int_equal(apg_save(saved, copy, &err), APG_OK);
        assert_int_equal(apg_open(&a, copy, &err), APG_OK);
        assert_int_equal(apg_predict(a, cell, 1, &p, &err), APG_OK);
        if (cut)
            assert_int_equal(truncate(copy, 100), 0);
        else
            assert_int_equal(utimensat(AT_FDCWD, copy, (const struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
        char text[sizeof err.text];
        snprintf(text, sizeof text, "%s: changed while it was read", copy);
        assert_int_equal(apg_predict(a, cell, 1, &p, &err), APG_EIO);
        assert_string_equal(err.text, text);
        apg_close(a);
    }
    apg_close(saved);
    assert_int_equal(close(fd) | unlink(copy), 0);
}

/* The target of a link is written, with its mode; the link stays. */
static void test_save_by_link(void **state)
{
    char link[] = "/tmp/apg-test-link-XXXXXX", target[] = "/tmp/apg-test-XXXXXX";
    struct apg_error err;
    struct apg *a = NULL;
    struct stat st;
    assert_non_null(mkdtemp(link));
    const int fd = mkstemp(target);
    assert_true(fd >= 0 && fchmod(fd, 0606) == 0 && close(fd) == 0);
    assert_int_equal(rmdir(link) | symlink(target, link), 0);
    assert_int_equal(apg_save(*state, link, &err), APG_OK);
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    assert_true(stat(target, &st) == 0 && (st.st_mode & 0777) == 0606 && st.st_size > 100);
    assert_int_equal(apg_open(&a, target, &err), APG_OK);
    apg_close(a);
    assert_int_equal(apg_save(*state, "/dev/full", &err), APG_EIO);
    assert_string_equal(err.text, "/dev/full: No space left on device");
    assert_int_equal(unlink(link) | unlink(target), 0);
}

static void test_no_error_wanted(void **state)
{
    const char *const row[] = {"abc", "1", "u"};
    double p;
    assert_int_equal(apg_predict(*state, row, 1, &p, NULL), APG_EINPUT);
}

static void test_open(void **state)
{
    (void)state;
    struct apg *a = NULL;
    struct apg_error err;
    assert_int_equal(apg_open(&a, "/none/m.apg", &err), APG_EIO);
    assert_string_equal(err.text, "/none/m.apg: No such file or directory");
    assert_int_equal(apg_open(&a, "/dev/null", &err), APG_EFORMAT);
    assert_string_equal(err.text, "/dev/null: truncated");
    assert_null(a);
    apg_close(a);
}

/* ---- train, collapse, save, complexity ---- */

static char log_path[] = "/tmp/apg-test-log-XXXXXX";

struct heard {
    size_t models, epochs, warnings, inferred, written;
};

static bool count_bytes(void *n_bytes, const void *p, size_t n)
{
    (void)p;
    *(size_t *)n_bytes += n;
    return true;
}

static void hear(void *arg, const struct apg_event *e)
{
    struct heard *h = arg;
    h->models += e->kind == APG_EVENT_MODEL && e->rows == 400 && e->fields == 2 && e->embedding_numbers > 0;
    h->epochs += e->kind == APG_EVENT_EPOCH && e->progress->epoch_done && e->progress->has_valid;
    h->inferred += e->kind == APG_EVENT_INFERRED && *e->text;
    if (e->kind == APG_EVENT_EPOCH)
        assert_int_equal(
            apg_write(e->model, (struct apg_sink){count_bytes, &h->written, "counter"}, NULL), 0);
}

/* Clicks where user and item are both even. */
static void write_log(void)
{
    int fd = mkstemp(log_path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(f);
    fputs("click,user,item\n", f);
    for (int i = 0; i < 400; i++)
        fprintf(f, "%d,u%d,i%d\n", i % 2 == 0 && i / 7 % 2 == 0, i % 10, i / 7 % 6);
    assert_int_equal(fclose(f), 0);
}

static enum apg_status train(
    struct apg **out, struct apg *from, const char *const *settings, struct heard *h, struct apg_error *err)
{
    const struct apg_input log = {-1, log_path};
    const struct apg_train_options options = {
        .settings = settings, .from = from, .tell = h ? hear : NULL, .arg = h};
    return apg_train(out, &log, 1, &options, err);
}

static const char *const small[] = {"hidden=8", "rank=2", "form=overparam", "overparam=4", "epochs=3",
    "lr=0.02", "batch-size=64", "threads=1", NULL};

static void test_whole_way(void **state)
{
    (void)state;
    struct heard h = {0};
    struct apg_error err;
    struct apg *a = NULL, *b = NULL;
    struct apg_collapsed report[APG_COLLAPSE_STEPS];
    const char *const cells[] = {"u2", "i0", "u3", "i0"};
    double p[2], q[2];
    write_log();
    assert_int_equal(train(&a, NULL, small, &h, &err), APG_OK);
    assert_true(h.models == 1 && h.epochs == 3 && h.inferred == 1 && h.written > 0);
    assert_int_equal(apg_columns_count(a), 2);
    assert_int_equal(apg_predict(a, cells, 2, p, &err), APG_OK);
    assert_true(p[0] > p[1]);

    struct apg_op_cost row[64];
    const size_t before = apg_complexity(a, row, 64), all = apg_complexity(a, NULL, 0);
    assert_true(before > 4 && before == all);
    assert_string_equal(row[0].op, "embed");
    assert_int_equal(apg_collapse(a, true, report, &err), APG_OK);
    assert_true(report[APG_COLLAPSE_FACTORS].done && !report[APG_COLLAPSE_NORM].done &&
                report[APG_COLLAPSE_HALVE].done);
    assert_true(report[APG_COLLAPSE_HALVE].bytes_then < report[APG_COLLAPSE_HALVE].bytes);
    assert_true(apg_complexity(a, row, 64) < before); /* the products are gone */
    assert_int_equal(apg_predict(a, cells, 2, q, &err), APG_OK);
    assert_true(q[0] - p[0] < 1e-3 && p[0] - q[0] < 1e-3);
    assert_int_equal(apg_collapse(a, false, NULL, &err), APG_EUSAGE);
    assert_string_equal(err.text, "the model: already collapsed");

    assert_int_equal(apg_save(a, path, &err), APG_OK);
    apg_close(a);
    assert_int_equal(apg_open(&b, path, &err), APG_OK);
    assert_int_equal(apg_predict(b, cells, 2, p, &err), APG_OK);
    assert_true(p[0] == q[0] && p[1] == q[1]);
    assert_int_equal(apg_save(b, "/none/m.apg", &err), APG_EIO);
    apg_close(b);
}

/* Training is asked to end when so many epochs are over; or, with 0, before its first batch. */
struct ending {
    int epochs, ends_at;
    size_t kept; /* as the event of the end says */
};

static void hear_ending(void *arg, const struct apg_event *e)
{
    struct ending *x = arg;
    x->epochs += e->kind == APG_EVENT_EPOCH;
    if (e->kind == APG_EVENT_STOPPED)
        x->kept = e->progress->epoch;
}

static bool stop_at(void *arg)
{
    const struct ending *x = arg;
    return x->epochs >= x->ends_at;
}

static void test_stop(void **state)
{
    (void)state;
    struct apg_error err;
    const struct apg_input log = {-1, log_path};
    const char *const cells[] = {"u2", "i0", "u3", "i0"};
    double p[2], q[2];
    for (int ends_at = 0; ends_at < 3; ends_at++) {
        struct ending x = {.ends_at = ends_at};
        struct apg *a = NULL;
        const struct apg_train_options options = {.settings = (const char *const[]){"hidden=8", "rank=2",
                                                      "holdout=0", "epochs=9", "threads=1", NULL},
            .tell = hear_ending,
            .stop = stop_at,
            .arg = &x};
        assert_int_equal(apg_train(&a, &log, 1, &options, &err), ends_at ? APG_OK : APG_ESTOPPED);
        assert_int_equal(x.epochs, ends_at);
        assert_int_equal(x.kept, ends_at);
        if (!ends_at) {
            assert_string_equal(err.text, "stopped before an epoch was over: there is no model");
            assert_null(a);
            continue;
        }
        struct apg *b = NULL;
        char epochs[16];
        snprintf(epochs, sizeof epochs, "epochs=%d", ends_at);
        const char *const settings[] = {"hidden=8", "rank=2", "holdout=0", epochs, "threads=1", NULL};
        assert_int_equal(train(&b, NULL, settings, NULL, &err), APG_OK);
        assert_int_equal(apg_predict(a, cells, 2, p, &err), APG_OK);
        assert_int_equal(apg_predict(b, cells, 2, q, &err), APG_OK);
        assert_true(p[0] == q[0] && p[1] == q[1]);
        apg_close(a);
        apg_close(b);
    }
}

/* A column of times is one column of a row, though it is three fields. */
static void test_times(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg *a = NULL;
    char timed[] = "/tmp/apg-test-XXXXXX";
    FILE *f = fdopen(mkstemp(timed), "w");
    assert_non_null(f);
    fputs("ts,click,user\n", f);
    for (int i = 0; i < 2400; i++)
        fprintf(f, "2024-03-%02d %02d:00:00,%d,u%d\n", 1 + i / 24 % 30, i % 24, i % 24 > 11, i % 7);
    assert_int_equal(fclose(f), 0);
    const struct apg_input log = {-1, timed};
    const struct apg_train_options options = {
        .settings = (const char *const[]){"hidden=8", "rank=2", "epochs=9", "time=ts", "threads=1", NULL}};
    assert_int_equal(apg_train(&a, &log, 1, &options, &err), APG_OK);
    assert_int_equal(apg_columns_count(a), 2);
    assert_string_equal(apg_column_name(a, 0), "user");
    assert_string_equal(apg_column_name(a, 1), "ts");
    const char *const cells[] = {"u2", "2024-03-30T20:00", "u2", "2024-03-30T03:00", "u2", ""};
    const char *const bad[] = {"u1", "2024-03-30", "u2", "now"};
    double p[3];
    assert_int_equal(apg_predict(a, cells, 3, p, &err), APG_OK);
    assert_true(p[0] > .8 && p[1] < .2 && p[2] > p[1] && p[2] < p[0]);
    assert_int_equal(apg_predict(a, bad, 2, p, &err), APG_EINPUT);
    assert_string_equal(err.text, "row:2: ts: not a time: 'now'");
    assert_int_equal(apg_save(a, timed, &err), APG_OK);
    apg_close(a);
    assert_int_equal(apg_open(&a, timed, &err), APG_OK);
    assert_int_equal(apg_columns_count(a), 2);
    double q[3];
    assert_int_equal(apg_predict(a, cells, 3, q, &err), APG_OK);
    assert_true(q[0] > .8 && q[1] < .2);
    apg_close(a);
    assert_int_equal(unlink(timed), 0);
}

static void test_train_on(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg *a = NULL, *b = NULL;
    assert_int_equal(train(&a, NULL, small, NULL, &err), APG_OK);
    assert_int_equal(train(&b, a, (const char *const[]){"epochs=1", "threads=1", NULL}, NULL, &err), APG_OK);
    assert_int_equal(apg_complexity(b, NULL, 0) > 4, 1);
    a = b, b = NULL;
    assert_int_equal(train(&b, a, (const char *const[]){"drop=user", NULL}, NULL, &err), APG_ESETTING);
    assert_string_equal(err.text, "--drop: rows are read as --from's model reads them");
    assert_null(b);
}

/* Validation rows, too, are read while a model is trained: it is not given away when they change. */
static char valid_path[] = "/tmp/apg-test-valid-XXXXXX";

static void touch_valid(void *arg, const struct apg_event *e)
{
    (void)arg;
    if (e->kind == APG_EVENT_EPOCH)
        assert_int_equal(utimensat(AT_FDCWD, valid_path, (const struct timespec[2]){{1, 0}, {1, 0}}, 0), 0);
}

static void test_changed_validation(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg *a = NULL;
    struct apg_schema *schema = NULL;
    struct apg_dataset *rows = NULL;
    struct apg_pool *pool = NULL;
    struct apg_feat_writer *w = NULL;
    struct apg_csv *csv = NULL;
    struct apg_rejects rejects = {0};
    struct apg_columns columns;
    apg_columns_default(&columns);
    const struct apg_csv_format format = apg_columns_cut(&columns);
    char *explain = NULL;
    const int log = open(log_path, O_RDONLY | O_CLOEXEC), fd = mkstemp(valid_path);
    FILE *f = fdopen(fd, "w");
    assert_true(log >= 0 && f);
    assert_int_equal(apg_pool_new(&pool, 1, &err) |
                         apg_csv_open(&csv, log, log_path, NULL, 0, &format, &err) |
                         apg_ingest(&schema, &rows, &explain, &csv, 1, &columns, &rejects, pool, &err) |
                         apg_feat_create(&w, schema, (struct apg_sink){write_file, f, valid_path}, &err),
        APG_OK);
    for (size_t i = 0; i < rows->n_blocks; i++)
        assert_int_equal(apg_feat_write(w, &rows->block[i], &err), APG_OK);
    assert_int_equal(apg_feat_finish(w, &err), APG_OK);
    assert_int_equal(fclose(f) | close(log), 0);

    const struct apg_input in = {-1, log_path}, valid = {-1, valid_path};
    const struct apg_train_options options = {
        .settings = (const char *const[]){"hidden=4", "rank=2", "epochs=2", "threads=1", NULL},
        .valid = &valid,
        .tell = touch_valid};
    char text[sizeof err.text];
    snprintf(text, sizeof text, "%s: changed while it was read", valid_path);
    assert_int_equal(apg_train(&a, &in, 1, &options, &err), APG_EIO);
    assert_string_equal(err.text, text);
    assert_null(a);
    apg_rejects_release(&rejects);
    apg_feat_writer_free(w);
    apg_dataset_free(rows);
    apg_schema_free(schema);
    apg_csv_free(csv);
    apg_pool_free(pool);
    free(explain);
    assert_int_equal(unlink(valid_path), 0);
}

static void test_wrong_settings(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *error;
    } wrong[] = {
        {"rnak=3",
            "no setting 'rnak=3': NAME=VALUE, as 'apg train --help-all' has them; did you mean 'rank'?"},
        {"rank", "no setting 'rank': NAME=VALUE, as 'apg train --help-all' has them"},
        {"rank=x", "--rank takes integers from 0 to 4096, commas between them, not 'x'"},
        {"header=maybe", "--header takes yes or no, not 'maybe'"},
        {"heads=3", "--heads is of --backbone autoint|difm, not of deepfm"},
        {"auto-budget=3", "--auto-budget is of --condition auto, not of self"},
        {"condition=group:who", "--condition: 'who' is no column that the model reads"},
        {"delimiter=\"", "--delimiter cannot be a quote or a line end"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct apg_error err;
        struct apg *a = NULL;
        assert_int_equal(
            train(&a, NULL, (const char *const[]){wrong[i].setting, NULL}, NULL, &err), APG_ESETTING);
        assert_string_equal(err.text, wrong[i].error);
        assert_null(a);
    }
}

static void test_logs(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg *a = NULL;
    assert_int_equal(apg_train(&a, &(struct apg_input){-1, "/none/log.csv"}, 1, NULL, &err), APG_EIO);
    assert_string_equal(err.text, "/none/log.csv: No such file or directory");
    assert_int_equal(unlink(log_path), 0);
}

static void test_costs(void **state)
{
    (void)state;
    const struct apg_layer_shape s = {
        .n = 5, .m = 7, .d = 3, .k = 2, .p = 4, .x = 1, .h = 1, .domains = 1, .batch = 10};
    struct apg_cost cost = {0};
    assert_int_equal(apg_layer_cost(&cost, APG_FORM_SHARED, &s, NULL), APG_OK);
    assert_true(cost.generate == 12 && cost.forward == 28 && cost.numbers == 36);
    assert_true(apg_cost_per_instance(&cost, 10) > 39.9 && apg_cost_per_instance(&cost, 10) < 40.1);
    assert_string_equal(apg_form_name(APG_FORM_SHARED), "shared");
    assert_string_equal(apg_form_version(APG_FORM_SHARED), "v4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_bad_cells),
        cmocka_unit_test(test_changed_file),
        cmocka_unit_test(test_save_by_link),
        cmocka_unit_test(test_no_error_wanted),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_whole_way),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_train_on),
        cmocka_unit_test(test_changed_validation),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_logs),
        cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
