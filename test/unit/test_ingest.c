/* SPDX-License-Identifier: MIT
 *
 * ingest and dataset: a log of several groups and blocks comes out the same for any number of threads, from
 * memory and from the temporary file, and says what the log said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/decode.h"
#include "base/rng.h"
#include "log.h"

/* 7 MB, 25 blocks; a quoted newline now and then. As text in memory it is one group of chunks. */
enum { ROWS = 200000 };

static char *big;

static int make_big(void **state)
{
    (void)state;
    big = malloc((size_t)ROWS * 96);
    if (!big)
        return -1;
    struct apg_rng rng;
    apg_rng_init(&rng, 9, 0);
    size_t n = (size_t)sprintf(big, "label,user,token,price,tags,n\n");
    for (unsigned r = 0; r < ROWS; r++) {
        unsigned user = (unsigned)(exp(apg_rng_uniform(&rng) * 11));
        n += (size_t)sprintf(big + n, "%u,%u,tok-%08x,", (unsigned)apg_rng_below(&rng, 4) == 0, user,
            user * 2654435761u % 5000);
        if (r % 7)
            n += (size_t)sprintf(big + n, "%.2f", exp(apg_rng_normal(&rng)));
        n += (size_t)sprintf(big + n, ",");
        for (unsigned k = (unsigned)apg_rng_below(&rng, 4); k; k--)
            n += (size_t)sprintf(big + n, "a%u%s", (unsigned)apg_rng_below(&rng, 30), k > 1 ? "|" : "");
        n += (size_t)sprintf(
            big + n, r % 1000 == 500 ? ",\"%u\nend\"\n" : ",%u\n", (unsigned)apg_rng_below(&rng, 100));
    }
    return 0;
}

static int free_big(void **state)
{
    (void)state;
    free(big);
    return 0;
}

static char *tags[] = {"tags"}, *price[] = {"price"};

static struct apg_columns columns(void)
{
    struct apg_columns c;
    apg_columns_default(&c);
    c.multi.item = tags;
    c.multi.n = 1;
    return c;
}

static void same_rows(const struct apg_dataset *a, const struct apg_dataset *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->positives, b->positives);
    assert_int_equal(a->n_blocks, b->n_blocks);
    for (size_t i = 0; i < a->n_blocks; i++) {
        const struct apg_block *x = &a->block[i], *y = &b->block[i];
        assert_int_equal(x->rows, y->rows);
        assert_memory_equal(x->start, y->start, (x->rows + 1) * sizeof *x->start);
        assert_memory_equal(x->words, y->words, x->start[x->rows] * sizeof *x->words);
    }
}

static void ingest(struct log_made *m, const char *text, const struct apg_columns *c, unsigned threads)
{
    if (log_ingest(m, &text, 1, c, threads))
        fail_msg("%s", m->err.text);
}

static void same_for_any_threads_and_memory(void **state)
{
    (void)state;
    const struct {
        unsigned threads, min_count;
        size_t memory;
    } as[] = {
        {1, 1, SIZE_MAX}, {2, 1, SIZE_MAX}, {3, 1, 0}, {1, 1, 1 << 20}, {1, 3, SIZE_MAX}, {2, 3, 3 << 20}};
    struct log_made m[2] = {0}, x;
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        struct apg_columns c = columns();
        c.bucket.item = price;
        c.bucket.n = 1;
        c.min_count = as[i].min_count;
        c.memory = as[i].memory;
        struct log_made *first = &m[as[i].min_count > 1];
        ingest(first->schema ? &x : first, big, &c, as[i].threads);
        if (as[i].threads == 1 && as[i].memory == SIZE_MAX)
            continue;
        assert_true(apg_schema_hash(x.schema) == apg_schema_hash(first->schema));
        assert_string_equal(x.explain, first->explain);
        same_rows(x.rows, first->rows);
        log_release(&x);
    }
    assert_int_equal(m[0].rows->rows, ROWS);
    assert_int_equal(m[0].rows->n_blocks, (ROWS + APG_BLOCK_ROWS - 1) / APG_BLOCK_ROWS);
    assert_true(m[1].schema->rows < m[0].schema->rows);
    log_release(&m[0]);
    log_release(&m[1]);
}

/* All columns kept as tokens, decoding gives the log back to the byte. */
static void says_what_the_log_said(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    struct log_made m;
    c.infer = false;
    ingest(&m, big, &c, 2);
    char *text = NULL;
    size_t n = 0, cap = 0;
    assert_int_equal(apg_decode_header(m.schema, &text, &n, &cap, NULL), APG_OK);
    text[n++] = '\n';
    for (uint64_t i = 0; i < m.rows->rows; i++) {
        assert_int_equal(apg_decode_row(m.schema, apg_dataset_row(m.rows, i), &text, &n, &cap, NULL), APG_OK);
        text[n++] = '\n';
    }
    assert_int_equal(n, strlen(big));
    assert_memory_equal(text, big, n);
    free(text);
    log_release(&m);
}

static void min_count_keeps_the_frequent(void **state)
{
    (void)state;
    const char *log = "label,u,t\n1,a,x|y\n0,b,y\n0,c,x|x\n1,b,z\n0,a,y\n";
    static char *t[] = {"t"};
    struct apg_columns c;
    struct log_made m;
    size_t len;
    apg_columns_default(&c);
    c.multi.item = t;
    c.multi.n = 1;
    c.min_count = 2;
    ingest(&m, log, &c, 1);
    const struct apg_field *u = &m.schema->field[0], *tag = &m.schema->field[1];
    assert_int_equal(u->rows, 3);   /* a, b */
    assert_int_equal(tag->rows, 3); /* x, y */
    assert_memory_equal(apg_vocab_token(&u->vocab, 2, &len), "b", 1);
    assert_memory_equal(apg_vocab_token(&tag->vocab, 1, &len), "x", 1);
    const uint32_t want[5][4] = {{1, 2, 1, 2}, {2, 1, 2}, {0, 2, 1, 1}, {2, 1, 0}, {1, 1, 2}};
    for (unsigned i = 0; i < 5; i++) {
        const uint32_t *row = apg_dataset_row(m.rows, i);
        assert_int_equal(row[1], want[i][0]);
        assert_int_equal(row[2], want[i][1]); /* from 0, that many */
        assert_memory_equal(row + 3, want[i] + 2, want[i][1] * 4);
    }
    log_release(&m);
}

static void numbers_are_standardized(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    struct log_made m;
    ingest(&m, big, &c, 2);
    size_t f = apg_schema_find(m.schema, "price");
    assert_int_equal(m.schema->field[f].kind, APG_NUMERIC);
    double n = 0, sum = 0, squares = 0;
    for (uint64_t i = 0; i < m.rows->rows; i++) {
        uint32_t word = apg_dataset_row(m.rows, i)[1 + f];
        assert_true((word == APG_MISSING) == (i % 7 == 0));
        if (word == APG_MISSING)
            continue;
        double v = (double)apg_word_float(word);
        n++;
        sum += v;
        squares += v * v;
    }
    assert_true(fabs(sum / n) < 1e-6);
    assert_true(fabs(squares / n - 1) < 1e-6);
    log_release(&m);
}

static void alike_numbers_are_not_divided_by_zero(void **state)
{
    (void)state;
    const char *log = "label,x,u\n1,3.25,a\n0,3.25,b\n0,,a\n1,3.25,b\n";
    static char *x[] = {"x"};
    struct apg_columns c;
    struct log_made m;
    apg_columns_default(&c);
    c.numeric.item = x;
    c.numeric.n = 1;
    ingest(&m, log, &c, 1);
    assert_true(m.schema->field[0].deviation == 1);
    assert_true(fabsf(apg_word_float(apg_dataset_row(m.rows, 0)[1])) < 1e-6f);
    assert_int_equal(apg_dataset_row(m.rows, 2)[1], APG_MISSING);
    log_release(&m);
}

static void buckets_hold_equal_shares(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    struct log_made m;
    c.bucket.item = price;
    c.bucket.n = 1;
    c.buckets = 8;
    ingest(&m, big, &c, 2);
    size_t f = apg_schema_find(m.schema, "price");
    const struct apg_field *field = &m.schema->field[f];
    assert_int_equal(field->n_edges, 7);
    assert_int_equal(field->rows, 9);
    uint64_t count[9] = {0}, filled = ROWS - (ROWS + 6) / 7;
    for (uint64_t i = 0; i < m.rows->rows; i++)
        count[apg_dataset_row(m.rows, i)[1 + f]]++;
    assert_int_equal(count[0], (ROWS + 6) / 7);
    for (unsigned k = 1; k < 9; k++) /* two decimals: ties of some hundred */
        assert_true(fabs((double)count[k] - (double)filled / 8) < 2000);
    log_release(&m);

    /* Few values: an edge for each but the least. */
    const char *log = "label,x\n1,5\n0,5\n0,7\n1,5\n0,6\n";
    static char *x[] = {"x"};
    c = columns();
    c.multi.n = 0;
    c.bucket.item = x;
    c.bucket.n = 1;
    c.buckets = 100;
    ingest(&m, log, &c, 1);
    assert_int_equal(m.schema->field[0].n_edges, 2);
    assert_true(m.schema->field[0].edge[0] == 6 && m.schema->field[0].edge[1] == 7);
    assert_int_equal(apg_dataset_row(m.rows, 2)[1], 3);
    log_release(&m);
}

/* A spike has a bin to itself, wherever it stands; what lies between has equal shares; a word's bin is that of
 * its number. */
static void numbers_have_bins(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    static char *x[] = {"x"};
    static const struct {
        int value;
        unsigned times;
    } cell[] = {{1, 1}, {2, 1}, {3, 9}, {4, 1}, {5, 4}, {6, 4}, {7, 1}, {900, 5}};
    static const uint32_t bin[] = {0, 0, 1, 2, 2, 3, 3, 4};
    char log[1024] = "label,x\n";
    struct log_made m;
    for (size_t i = 0; i < sizeof cell / sizeof *cell; i++)
        for (unsigned k = 0; k < cell[i].times; k++)
            (void)snprintf(log + strlen(log), sizeof log - strlen(log), "%u,%d\n", k % 2, cell[i].value);
    c.multi.n = 0;
    c.numeric = (struct apg_list){1, x};
    c.numeric_bins = 26;
    ingest(&m, log, &c, 2);
    const struct apg_field *field = &m.schema->field[0];
    assert_int_equal(field->n_edges, 4);
    assert_int_equal(field->rows, 7);
    uint64_t row = 0;
    for (size_t i = 0; i < sizeof cell / sizeof *cell; row += cell[i++].times)
        assert_int_equal(
            apg_field_bucket(field, apg_word_float(apg_dataset_row(m.rows, row)[1])), 1 + bin[i]);
    log_release(&m);
    c.numeric_bins = 0;
    ingest(&m, log, &c, 2);
    assert_int_equal(m.schema->field[0].rows, 2);
    log_release(&m);
}

static void several_inputs(void **state)
{
    (void)state;
    const char *logs[] = {
        "label,a,b\n", "b,label,a\ny,1,x\n", "label,b,a\n0,y2,x2\n", "a,extra,label,b\nx,,1,y2\n"};
    struct apg_columns c;
    struct log_made m;
    apg_columns_default(&c);
    if (log_ingest(&m, logs, 4, &c, 2))
        fail_msg("%s", m.err.text);
    assert_int_equal(m.rows->rows, 3);
    assert_int_equal(m.rows->positives, 2);
    const uint32_t want[3][2] = {{1, 1}, {2, 2}, {1, 2}};
    for (unsigned i = 0; i < 3; i++)
        assert_memory_equal(apg_dataset_row(m.rows, i) + 1, want[i], sizeof want[i]);
    log_release(&m);

    const char *other[] = {logs[1], "label,a\n1,x\n"};
    assert_int_equal(log_ingest(&m, other, 2, &c, 2), APG_EINPUT);
    assert_string_equal(
        m.err.text, "log:1: no column 'b', which is an input of the model; there are: label, a");
    assert_null(m.schema);
    log_release(&m);
}

static enum apg_status collect(void *arg, const struct apg_block *b, struct apg_error *err)
{
    struct apg_dataset *d = arg;
    const uint64_t before = d->rows;
    const enum apg_status status = apg_dataset_append(d, b, err);
    assert_true(d->rows > before);
    return status;
}

static void with_a_finished_schema(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    struct log_made m;
    struct apg_error err;
    struct apg_pool *pool;
    ingest(&m, big, &c, 2);
    assert_int_equal(apg_pool_new(&pool, 2, NULL), APG_OK);
    struct apg_csv *csv = log_open(big);
    struct apg_dataset *d;
    if (apg_ingest_with(m.schema, &d, &csv, 1, &c, NULL, pool, &err))
        fail_msg("%s", err.text);
    assert_int_equal(d->rows, ROWS);
    same_rows(d, m.rows);
    apg_dataset_free(d);
    apg_csv_free(csv);

    csv = log_open(big);
    assert_int_equal(apg_dataset_new(&d, 0, NULL, &err), APG_OK);
    if (apg_ingest_stream(m.schema, &csv, 1, &c, NULL, true, pool, collect, d, &err) ||
        apg_dataset_finish(d, &err))
        fail_msg("%s", err.text);
    same_rows(d, m.rows);
    apg_dataset_free(d);
    apg_csv_free(csv);

    /* Rows before a bad one are passed on. */
    csv = log_open("label,user,token,price,tags,n\n1,1,t,1,,1\n1,1,t,x,,1\n");
    assert_int_equal(apg_dataset_new(&d, 0, NULL, &err), APG_OK);
    assert_int_equal(
        apg_ingest_stream(m.schema, &csv, 1, &c, NULL, true, pool, collect, d, &err), APG_EINPUT);
    assert_string_equal(err.text, "log:3: price: not a number: 'x'");
    apg_dataset_free(d);
    apg_csv_free(csv);
    apg_pool_free(pool);
    log_release(&m);
}

static void errors_far_behind(void **state)
{
    (void)state;
    struct apg_columns c = columns();
    struct log_made m;
    size_t n = strlen(big);
    char message[128], *end = big + n;
    unsigned long lines = ROWS + 1 + ROWS / 1000;

    strcpy(end, "1,1,t,x,,1\n");
    (void)snprintf(message, sizeof message,
        "log:%lu: price: not a number: 'x' (--categorical price: not numbers but tokens)", lines + 1);
    for (unsigned threads = 1; threads < 3; threads++) {
        const char *text = big;
        assert_int_equal(log_ingest(&m, &text, 1, &c, threads), APG_EINPUT);
        assert_string_equal(m.err.text, message);
        assert_non_null(m.explain);
        log_release(&m);
    }
    strcpy(end, "1,1,t,1,,1\n1,\"1,t,1,,1\n");
    (void)snprintf(message, sizeof message, "log:%lu: a quote is opened here and never closed", lines + 2);
    const char *text = big;
    assert_int_equal(log_ingest(&m, &text, 1, &c, 2), APG_EINPUT);
    assert_string_equal(m.err.text, message);
    log_release(&m);

    *end = '\0';
    c.memory = 0;
    c.temp_dir = "/nonexistent";
    assert_int_equal(log_ingest(&m, &text, 1, &c, 2), APG_EIO);
    assert_string_equal(m.err.text,
        "a temporary file in /nonexistent (--temp-dir names another place): No such file or directory");
    log_release(&m);
}

/* A file, whose chunks are cut as they are read: some ten groups of 16. */
static void groups_of_chunks(void **state)
{
    (void)state;
    enum { BYTES = 160000, CHUNK_BYTES = 1000 };
    const char saved = big[BYTES];
    struct log_made whole;
    struct apg_columns c = columns();
    FILE *f = tmpfile();
    assert_non_null(f);
    big[BYTES] = '\0';
    *strrchr(big, '\n') = '\0'; /* the last row has no line end */
    ingest(&whole, big, &c, 1);
    assert_true(whole.rows->rows > 4000);
    assert_true(fputs(big, f) >= 0 && fflush(f) == 0);
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct apg_csv *csv;
        struct apg_pool *pool;
        struct log_made m = {0};
        assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
        assert_int_equal(apg_csv_open(&csv, fileno(f), "log", NULL, 0,
                             &(struct apg_csv_format){.chunk = CHUNK_BYTES}, NULL),
            APG_OK);
        assert_int_equal(apg_pool_new(&pool, threads, NULL), APG_OK);
        if (apg_ingest(&m.schema, &m.rows, &m.explain, &csv, 1, &c, NULL, pool, &m.err))
            fail_msg("%s", m.err.text);
        assert_true(apg_schema_hash(m.schema) == apg_schema_hash(whole.schema));
        same_rows(m.rows, whole.rows);
        log_release(&m);
        apg_csv_free(csv);
        apg_pool_free(pool);
    }
    log_release(&whole);
    (void)fclose(f);
    big[strlen(big)] = '\n';
    big[BYTES] = saved;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_for_any_threads_and_memory),
        cmocka_unit_test(says_what_the_log_said),
        cmocka_unit_test(min_count_keeps_the_frequent),
        cmocka_unit_test(numbers_are_standardized),
        cmocka_unit_test(alike_numbers_are_not_divided_by_zero),
        cmocka_unit_test(buckets_hold_equal_shares),
        cmocka_unit_test(numbers_have_bins),
        cmocka_unit_test(several_inputs),
        cmocka_unit_test(with_a_finished_schema),
        cmocka_unit_test(errors_far_behind),
        cmocka_unit_test(groups_of_chunks),
    };
    return cmocka_run_group_tests(tests, make_big, free_big);
}
