/* SPDX-License-Identifier: MIT
 *
 * The whole way of a log, into a model and out of it as scores, with each allocation of ours (and of
 * jansson's, where it writes) failing in turn: whatever fails, the call says "out of memory", and nothing is
 * lost or used that is not there (a build with SANITIZE=address,undefined sees that). Linked with --wrap, so
 * that the functions below stand in for libc's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "apg.h"
#include "model/collapse.h"
#include "train/fit.h"
#include "data/ingest.h"
#include "serve/stream.h"

static atomic_long countdown = -1; /* allocations that go well; below 0: all */
static bool once;                  /* one fails, else all from then on */
static atomic_bool failed;

static bool fails(void)
{
    long before = atomic_load(&countdown);
    if (before < 0)
        return false;
    if (before == 0) {
        atomic_store(&failed, true);
        atomic_store(&countdown, once ? -1 : 0);
        return true;
    }
    atomic_fetch_sub(&countdown, 1);
    return false;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t line, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t line, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t line, size_t n)
{
    return fails() ? NULL : __real_aligned_alloc(line, n);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

static char text[4096], path[] = "/tmp/apg-memory-XXXXXX";
static int nothing; /* behind the text, which is the reader's headstart */
static int text_fd; /* a file of the text */

static int make_log(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int at = snprintf(text, sizeof text, "label,user,price,tags\n");
    for (int i = 0; i < 60; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%d,u%d,%d.5,a|b%d\n", i % 2, i % 7, i, i % 3);
    text_fd = memfd_create("log", MFD_CLOEXEC);
    return nothing < 0 || fd < 0 || close(fd) != 0 || text_fd < 0 || write(text_fd, text, (size_t)at) != at;
}

static int remove_model(void **state)
{
    (void)state;
    return close(nothing) | close(text_fd) | unlink(path);
}

static bool to_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

/* A log made into rows and their schema. */
static enum apg_status read_log(
    struct apg_schema **schema, struct apg_dataset **rows, struct apg_pool *pool, struct apg_error *err)
{
    static char tags[] = "tags", price[] = "price";
    static char *multi[] = {tags}, *bucket[] = {price};
    struct apg_columns c;
    apg_columns_default(&c);
    c.multi.item = multi, c.bucket.item = bucket, c.multi.n = c.bucket.n = 1;
    struct apg_csv *csv = NULL;
    char *explain = NULL;
    enum apg_status status =
        apg_csv_open(&csv, nothing, "log", text, strlen(text), &(struct apg_csv_format){0}, err);
    if (!status)
        status = apg_ingest(schema, rows, &explain, &csv, 1, &c, pool, err);
    apg_csv_free(csv);
    free(explain);
    return status;
}

static enum apg_status train(const struct apg_arch *arch, FILE *f, struct apg_error *err)
{
    struct apg_schema *schema = NULL;
    struct apg_dataset *rows = NULL;
    struct apg_model *m = NULL, *collapsed = NULL;
    struct apg_pool *pool = NULL;
    const struct apg_fit_options fit = {.optim = {.lr = 1e-2, .embedding_lr = 1e-2},
        .average = 0.5,
        .lr_decay = 1,
        .batch_size = 32,
        .epochs = 2,
        .holdout = 0.2};
    enum apg_status status = apg_pool_new(&pool, 1, err);
    if (!status && !(status = read_log(&schema, &rows, pool, err)) &&
        !(status = apg_model_new(&m, schema, arch, fit.batch_size, true, err))) {
        apg_model_start(m, 1, 0.01, false);
        status = apg_fit(m, rows, NULL, &fit, pool, NULL, NULL, err);
    }
    if (!status && !(status = apg_collapse_factors(&collapsed, m, err)))
        status = apg_model_save(collapsed ? collapsed : m, (struct apg_sink){to_file, f, "model"}, err);
    apg_model_free(collapsed);
    apg_model_free(m);
    apg_dataset_free(rows);
    apg_schema_free(schema);
    apg_pool_free(pool);
    return status;
}

static enum apg_status take(void *rows, struct apg_stream_part *p, struct apg_error *err)
{
    (void)err;
    *(size_t *)rows += p->rows;
    return APG_OK;
}

/* The log's rows, scored as they arrive. */
static enum apg_status stream(struct apg_error *err)
{
    struct apg_model *m = NULL;
    struct apg_pool *pool = NULL;
    struct apg_source source = {0};
    struct apg_stream s = {0};
    struct apg_columns c;
    size_t rows = 0;
    const struct apg_stream_user user = {.take = take, .arg = &rows};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    apg_columns_default(&c);
    assert_true(fd >= 0 && lseek(text_fd, 0, SEEK_SET) == 0);
    enum apg_status status = apg_model_load(&m, fd, "model", APG_STREAM_ROWS, true, err);
    if (!status && !(status = apg_pool_new(&pool, 1, err)) && !(status = apg_stream_open(&s, m, pool, err)) &&
        !(status = apg_source_open(&source, text_fd, "log", ',', err)) &&
        !(status = apg_stream_begin(&s, &source, &c, true, err)))
        status = apg_stream_run(&s, &user, err);
    assert_int_equal(close(fd), 0);
    apg_stream_close(&s);
    apg_source_release(&source);
    apg_pool_free(pool);
    apg_model_free(m);
    assert_true(status || rows == 60);
    return status;
}

/* A log to a score, by both ways of the library. */
static int whole_way(const struct apg_arch *arch, struct apg_error *err)
{
    static const char *const cells[] = {"u3", "7.5", "a|b1"};
    struct apg *a = NULL;
    double p = 0;
    FILE *f = fopen(path, "w"); /* libc's own memory: not counted */
    assert_non_null(f);
    json_set_alloc_funcs(__wrap_malloc, free);
    int status = (int)train(arch, f, err);
    json_set_alloc_funcs(__real_malloc, free); /* whose reader does not say why it failed */
    assert_int_equal(fclose(f), 0);
    if (!status && !(status = apg_open(&a, path, err->text, sizeof err->text)))
        status = apg_predict(a, cells, 1, &p, err->text, sizeof err->text);
    apg_close(a);
    assert_true(status || (p > 0 && p < 1));
    return status ? status : (int)stream(err);
}

enum { DNN = 0, DEEPFM = 1, APG = 1 }; /* in apg_backbones, apg_layers */

static void all_fail(const struct apg_arch *arch)
{
    struct apg_error err;
    for (int mode = 0; mode < 2; mode++) {
        once = mode;
        long n = 0;
        for (int status = 1; status; n++) {
            atomic_store(&countdown, n);
            status = whole_way(arch, &err);
            atomic_store(&countdown, -1);
            if (!atomic_exchange(&failed, false)) /* there are no more allocations */
                assert_int_equal(status, 0);
            else if (status != APG_ENOMEM || !strstr(err.text, "out of memory"))
                fail_msg("allocation %ld: status %d: '%s'", n, status, err.text);
        }
        assert_true(n > 100);
    }
}

static void residual(void **state)
{
    (void)state;
    all_fail(&(struct apg_arch){.backbone = DEEPFM,
        .layer = APG,
        .E = 4,
        .n_hidden = 2,
        .hidden = {8, 4},
        .form = APG_FORM_RESIDUAL,
        .K = {2, 2},
        .mode = APG_CONDITION_SELF});
}

static void overparam_by_group(void **state)
{
    (void)state;
    all_fail(&(struct apg_arch){.backbone = DNN,
        .layer = APG,
        .E = 4,
        .n_hidden = 1,
        .hidden = {8},
        .batch_norm = true,
        .form = APG_FORM_OVERPARAM,
        .K = {2},
        .P = {4},
        .mode = APG_CONDITION_GROUP,
        .n_condition = 1,
        .condition = {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(residual), cmocka_unit_test(overparam_by_group)};
    return cmocka_run_group_tests(tests, make_log, remove_model);
}
