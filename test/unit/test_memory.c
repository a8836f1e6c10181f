/* SPDX-License-Identifier: MIT
 *
 * The whole way of a log, into a model and out of it as a score, with each allocation of ours (and of
 * jansson's, where it writes) failing in turn: whatever fails, the call says "out of memory", and nothing is
 * lost or used that is not there (a build with SANITIZE=address,undefined sees that). Linked with --wrap, so
 * that the functions below stand in for libc's.
 *
 * Of the allocations that come by one way, the same calls from main on, the first two fail and the last: the
 * thousands between them in a loop would show the same again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <execinfo.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apg.h"
#include "serve/handle.h"
#include "serve/stream.h"

static atomic_long countdown = -1; /* allocations that go well; below 0: all */
static bool once;                  /* one fails, else all from then on */
static atomic_bool failed;

/* Of a run in which none fails: the hash of the calls by which each allocation came. */
enum { DEPTH = 40, ALLOCATIONS_MAX = 100000 };
static uint64_t came_by[ALLOCATIONS_MAX];
static size_t n_allocations;
static bool watching;

static void watch(void)
{
    void *call[DEPTH];
    const int n = backtrace(call, DEPTH);
    uint64_t hash = 0xcbf29ce484222325;
    for (int i = 0; i < n; i++)
        hash = (hash ^ (uint64_t)(uintptr_t)call[i]) * 0x100000001b3;
    assert_true(n_allocations < ALLOCATIONS_MAX);
    came_by[n_allocations++] = hash;
}

/* Is allocation I one of the first two that came so, or the last? */
static bool is_new(size_t i)
{
    size_t before = 0, after = 0;
    for (size_t k = 0; k < i && before < 2; k++)
        before += came_by[k] == came_by[i];
    for (size_t k = i + 1; k < n_allocations && !after; k++)
        after += came_by[k] == came_by[i];
    return before < 2 || !after;
}

static bool fails(void)
{
    if (watching)
        watch();
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

static char log_path[] = "/tmp/apg-memory-log-XXXXXX", path[] = "/tmp/apg-memory-XXXXXX",
            from_path[] = "/tmp/apg-memory-from-XXXXXX";

static int put_log(int fd, int users)
{
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        return -1;
    fputs("label,user,price,tags,w\n", f);
    for (int i = 0; i < 60; i++)
        fprintf(f, "%d,u%d,%d.5,a|b%d,%d\n", i % 2, i % users, i, i % 3, 1 + i % 4);
    return fclose(f);
}

static int make_log(void **state)
{
    (void)state;
    int model = mkstemp(path), from = mkstemp(from_path);
    return model < 0 || from < 0 ? -1 : put_log(mkstemp(log_path), 7) | close(model) | close(from);
}

static int remove_model(void **state)
{
    (void)state;
    return unlink(log_path) | unlink(path) | unlink(from_path);
}

static bool to_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

/* A log to a model, collapsed, in a file. GROW: it goes on from the model of from_path. */
static enum apg_status train(const char *const *settings, bool grow, FILE *f, struct apg_error *err)
{
    const struct apg_input log = {-1, log_path};
    struct apg_train_options options = {.settings = settings};
    struct apg *a = NULL;
    json_set_alloc_funcs(__real_malloc, free); /* whose reader does not say why it failed */
    enum apg_status status = grow ? apg_open(&options.from, from_path, err) : APG_OK;
    json_set_alloc_funcs(__wrap_malloc, free);
    if (!status)
        status = apg_train(&a, &log, 1, &options, err);
    if (!status && !(status = apg_collapse(a, false, NULL, err)))
        status = apg_write(a, (struct apg_sink){to_file, f, "model"}, err);
    apg_close(a);
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
    struct apg *a = NULL;
    struct apg_pool *pool = NULL;
    struct apg_source source = {0};
    struct apg_stream s = {0};
    struct apg_columns c;
    size_t rows = 0;
    const struct apg_stream_user user = {.take = take, .arg = &rows};
    const int fd = open(log_path, O_RDONLY | O_CLOEXEC);
    apg_columns_default(&c);
    assert_true(fd >= 0);
    enum apg_status status = apg_open(&a, path, err);
    if (!status && !(status = apg_pool_new(&pool, 1, err)) &&
        !(status = apg_stream_open(&s, a->model, pool, err)) &&
        !(status = apg_source_open(&source, fd, "log", &(struct apg_csv_format){0}, err)) &&
        !(status = apg_stream_begin(&s, &source, &c, true, err)))
        status = apg_stream_run(&s, &user, err);
    apg_stream_close(&s);
    apg_source_release(&source);
    assert_int_equal(close(fd), 0);
    apg_pool_free(pool);
    apg_close(a);
    assert_true(status || rows == 60);
    return status;
}

/* A log to a score, by both ways of the library. */
static enum apg_status whole_way(const char *const *settings, bool grow, struct apg_error *err)
{
    static const char *const cells[] = {"u3", "7.5", "a|b1"};
    struct apg *a = NULL;
    double p = 0;
    FILE *f = fopen(path, "w"); /* libc's own memory: not counted */
    assert_non_null(f);
    enum apg_status status = train(settings, grow, f, err);
    json_set_alloc_funcs(__real_malloc, free);
    assert_int_equal(fclose(f), 0);
    if (!status && !(status = apg_open(&a, path, err)))
        status = apg_predict(a, cells, 1, &p, err);
    apg_close(a);
    assert_true(status || (p > 0 && p < 1));
    return status ? status : stream(err);
}

static void all_fail(const char *const *settings, bool grow)
{
    struct apg_error err;
    size_t tried = 0;
    n_allocations = 0;
    watching = true;
    assert_int_equal(whole_way(settings, grow, &err), 0);
    watching = false;
    for (size_t n = 0; n < n_allocations; n++)
        for (int mode = 0; mode < 2 && is_new(n); mode++) {
            once = mode;
            atomic_store(&countdown, (long)n);
            const enum apg_status status = whole_way(settings, grow, &err);
            atomic_store(&countdown, -1);
            assert_true(atomic_exchange(&failed, false));
            if (status != APG_ENOMEM || !strstr(err.text, "out of memory"))
                fail_msg("allocation %zu: status %d: '%s'", n, (int)status, err.text);
            tried++;
        }
    assert_true(tried > 100);
    print_message("%zu allocations, %zu failures\n", n_allocations, tried);
}

#define COMMON                                                                                               \
    "multi=tags", "bucket=price", "threads=1", "epochs=2", "holdout=0.2", "batch-size=32", "embedding-dim=4"

static void residual(void **state)
{
    (void)state;
    all_fail((const char *const[]){COMMON, "hidden=8,4", "rank=2", "weight=w", "cross=user,tags",
                 "cross=price,user", NULL},
        false);
}

static void overparam_by_group(void **state)
{
    (void)state;
    all_fail((const char *const[]){COMMON, "drop=w", "backbone=dnn", "hidden=8", "batch-norm=yes",
                 "form=overparam", "rank=2", "overparam=4", "condition=group:user", NULL},
        false);
}

static void tuned(void **state)
{
    (void)state;
    all_fail((const char *const[]){COMMON, "drop=w", "hidden=4", "layer=dense", "tune=3", "dropout=0",
                 "lr=1e-3", "embedding-lr=4e-3", NULL},
        false);
}

static void online(void **state)
{
    (void)state;
    all_fail((const char *const[]){"multi=tags", "drop=w", "threads=1", "online=yes", "batch-size=16",
                 "embedding-dim=4", "hidden=4", NULL},
        false);
}

/* New users, and new pairs of them. */
static void grown(void **state)
{
    (void)state;
    static const char *const first[] = {COMMON, "drop=w", "hidden=4", "layer=dense", "cross=user,tags", NULL},
                             *const next[] = {"threads=1", "epochs=1", "holdout=0.2", "batch-size=32",
                                 "min-count=1", NULL};
    const struct apg_input log = {-1, log_path};
    const struct apg_train_options options = {.settings = first};
    struct apg *a;
    assert_int_equal(apg_train(&a, &log, 1, &options, NULL), 0);
    assert_int_equal(apg_save(a, from_path, NULL), 0);
    apg_close(a);
    assert_int_equal(put_log(open(log_path, O_WRONLY | O_TRUNC | O_CLOEXEC), 9), 0);
    all_fail(next, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(residual), cmocka_unit_test(overparam_by_group),
        cmocka_unit_test(tuned), cmocka_unit_test(online), cmocka_unit_test(grown)};
    return cmocka_run_group_tests(tests, make_log, remove_model);
}
