/* SPDX-License-Identifier: MIT
 *
 * featfile and schemafile: every kind of column written and read back, from file and pipe; cut at every
 * length, changed in every byte, and blocks that are whole but say what cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <xxhash.h>
#include "base/io.h"
#include "data/featfile.h"
#include "data/schemafile.h"
#include "bytes.h"
#include "log.h"

static const char *const small = "label,user,tags,price,age,hash\n"
                                 "0,u1,a|b,1,10,x\n"
                                 "1,u2,,2.5,20,y\n"
                                 "1,u1,b,,30,\n"
                                 "0,\"u,3\",a|a,-4,,z\n";

static void make_with(struct log_made *m, const char *text, const char *weight)
{
    static char *multi[] = {"tags"}, *numeric[] = {"price"}, *bucket[] = {"age"};
    struct apg_columns c;
    apg_columns_default(&c);
    c.multi.item = multi;
    c.numeric.item = numeric;
    c.bucket.item = bucket;
    c.multi.n = c.numeric.n = c.bucket.n = 1;
    c.buckets = 4;
    c.infer = false;
    c.weight = weight;
    if (log_ingest(m, &text, 1, &c, 2))
        fail_msg("%s", m->err.text);
}

static void make(struct log_made *m, const char *text)
{
    make_with(m, text, NULL);
}

/* Blocks of PIECE rows are re-cut by the writer. */
static void write_rows(struct bytes *out, const struct log_made *m, size_t piece)
{
    struct apg_feat_writer *w;
    struct apg_block part = {0};
    struct apg_error err;
    *out = (struct bytes){0};
    assert_int_equal(apg_feat_create(&w, m->schema, bytes_sink(out), &err), APG_OK);
    for (size_t k = 0; k < m->rows->n_blocks; k++) {
        const struct apg_block *b = &m->rows->block[k];
        for (size_t at = 0; at < b->rows; at += part.rows) {
            part.rows = 0;
            assert_int_equal(
                apg_block_append(&part, b, at, at + piece < b->rows ? at + piece : b->rows, &err), APG_OK);
            assert_int_equal(apg_feat_write(w, &part, &err), APG_OK);
        }
    }
    assert_int_equal(apg_feat_finish(w, &err), APG_OK);
    apg_block_release(&part);
    apg_feat_writer_free(w);
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

/* The data set of the file or pipe FD. */
static enum apg_status read_dataset(
    int fd, size_t memory, struct apg_schema **s, struct apg_dataset **d, struct apg_error *err)
{
    struct apg_feat_reader *r;
    struct apg_pool *pool;
    enum apg_status status = apg_pool_new(&pool, 2, err);
    if (!status && !(status = apg_feat_open(&r, fd, "f", NULL, 0, err)))
        status = apg_feat_dataset(r, s, d, memory, NULL, pool, err);
    apg_pool_free(pool);
    return status;
}

static void round_trip(const struct log_made *m, size_t piece)
{
    struct bytes b;
    struct apg_schema *s;
    struct apg_dataset *d;
    struct apg_error err;
    write_rows(&b, m, piece);
    assert_int_equal(b.n % 64, 0);
    int fd = bytes_file(b.p, b.n);
    if (read_dataset(fd, 0, &s, &d, &err))
        fail_msg("%s", err.text);
    close(fd);
    assert_true(apg_schema_hash(s) == apg_schema_hash(m->schema));
    assert_string_equal(s->label, m->schema->label);
    assert_int_equal(s->rows, m->schema->rows);
    same_rows(d, m->rows);
    assert_int_equal((uintptr_t)d->block[0].words % 64, 0);
    apg_schema_free(s);
    apg_dataset_free(d);

    const size_t memory[] = {0, SIZE_MAX}; /* a pipe's rows are kept: in a temporary file, in memory */
    for (size_t i = 0; i < 2; i++) {
        struct bytes_pipe pipe;
        fd = bytes_pipe_open(&pipe, b.p, b.n);
        if (read_dataset(fd, memory[i], &s, &d, &err))
            fail_msg("%s", err.text);
        bytes_pipe_close(&pipe);
        assert_true(apg_schema_hash(s) == apg_schema_hash(m->schema));
        same_rows(d, m->rows);
        apg_schema_free(s);
        apg_dataset_free(d);
    }
    free(b.p);
}

static void written_and_read(void **state)
{
    (void)state;
    struct log_made m;
    make(&m, small);
    assert_int_equal(m.schema->field[0].vocab.n, 4);
    round_trip(&m, 1);
    round_trip(&m, 100);
    log_release(&m);

    /* Several blocks. */
    char *text = malloc(60000 * 40);
    assert_non_null(text);
    size_t n = (size_t)sprintf(text, "label,user,tags,price,age,hash\n");
    for (unsigned i = 0; i < 60000; i++)
        n += (size_t)sprintf(text + n, "%u,%u,t%u|t%u,%u,%u,%x\n", i % 3 == 0, i * 7919 % 5003, i % 31,
            i % 17, i % 1000, i % 90, i % 4096);
    make(&m, text);
    free(text);
    assert_int_equal(m.rows->n_blocks, 8);
    round_trip(&m, 8192);
    round_trip(&m, 5000);
    log_release(&m);
}

static void schema_of_each_kind(void **state)
{
    (void)state;
    struct log_made m;
    struct apg_tensors *t, *opened;
    struct apg_error err;
    struct bytes b = {0};
    struct apg_schema *s;
    make(&m, small);
    m.schema->field[2].mean = 1.0 / 3; /* to the last bit */
    m.schema->delimiter = '\t';
    m.schema->min_count = 3;
    assert_int_equal(apg_tensors_new(&t, &err), APG_OK);
    assert_int_equal(apg_schema_save(m.schema, t, &err), APG_OK);
    assert_int_equal(apg_tensors_write(t, bytes_sink(&b), &err), APG_OK);
    apg_tensors_free(t);
    assert_int_equal(apg_tensors_open_memory(&opened, b.p, b.n, "f", true, &err), APG_OK);
    assert_int_equal(apg_schema_load(&s, opened, &err), APG_OK);
    assert_true(apg_schema_hash(s) == apg_schema_hash(m.schema));
    assert_int_equal(s->delimiter, '\t');
    assert_int_equal(s->min_count, 3);
    assert_true(s->field[2].mean == 1.0 / 3);
    assert_int_equal(s->field[1].separator, '|');
    assert_int_equal(apg_vocab_find(&s->field[0].vocab, "u,3", 3, apg_vocab_hash("u,3", 3)), 3);
    for (size_t i = 0; i < s->n_fields; i++)
        assert_int_equal(s->field[i].first, m.schema->field[i].first);
    apg_schema_free(s);
    apg_tensors_free(opened);
    free(b.p);
    log_release(&m);
}

/* All rows by apg_feat_next. */
static enum apg_status read_on(const void *p, size_t n, struct apg_error *err)
{
    struct apg_feat_reader *r;
    struct apg_block b = {0};
    int fd = bytes_file(p, n);
    enum apg_status status = apg_feat_open(&r, fd, "f", NULL, 0, err);
    if (!status) {
        while (!(status = apg_feat_next(r, &b, err)) && b.rows)
            ;
        apg_feat_reader_free(r);
    }
    close(fd);
    return status;
}

static void cut_at_every_length(void **state)
{
    (void)state;
    struct log_made m;
    struct bytes b;
    struct apg_error err;
    make(&m, small);
    write_rows(&b, &m, 100);
    for (size_t n = 0; n < b.n; n++) {
        assert_int_equal(read_on(b.p, n, &err), APG_EFORMAT);
        if (strncmp(err.text, "f: truncated: no end record after ", 34) != 0)
            fail_msg("cut to %zu: %s", n, err.text);
        struct apg_schema *s;
        struct apg_dataset *d;
        struct bytes_pipe pipe;
        int fd = n % 16 ? bytes_file(b.p, n) : bytes_pipe_open(&pipe, b.p, n);
        assert_int_equal(read_dataset(fd, SIZE_MAX, &s, &d, &err), APG_EFORMAT);
        assert_non_null(strstr(err.text, "truncated"));
        if (n % 16)
            close(fd);
        else
            bytes_pipe_close(&pipe);
    }
    assert_int_equal(read_on(b.p, b.n - 64, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: truncated: no end record after 4 rows");
    assert_true(bytes_write(&b, "x", 1));
    assert_int_equal(read_on(b.p, b.n, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: altered: there is more behind its end record");
    free(b.p);
    log_release(&m);
}

static void changed_in_every_byte(void **state)
{
    (void)state;
    struct log_made m;
    struct bytes b;
    struct apg_error err;
    make(&m, small);
    write_rows(&b, &m, 100);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] = (char)(b.p[i] ^ 1 << i % 8);
        if (read_on(b.p, b.n, &err) != APG_EFORMAT)
            fail_msg("byte %zu", i);
        b.p[i] = (char)(b.p[i] ^ 1 << i % 8);
    }
    assert_int_equal(read_on(b.p, b.n, &err), APG_OK);
    /* The payload of the only block lies before the end record. */
    b.p[b.n - 65]++;
    assert_int_equal(read_on(b.p, b.n, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: block 0: checksum does not match");
    free(b.p);
    log_release(&m);
}

/* Where word I of row 2 of the small log's block is: head, container, head of the block, five starts padded.
 */
static uint32_t *word_of(struct bytes *b, size_t i)
{
    uint64_t container;
    memcpy(&container, b->p + 16, 8);
    char *block = b->p + 64 + container;
    uint32_t start;
    memcpy(&start, block + 64 + 2 * sizeof start, sizeof start);
    return (uint32_t *)(block + 64 + 64) + start + i;
}

/* Set the checksums so that only what the block says is wrong. */
static void seal(struct bytes *b)
{
    uint64_t container, sum;
    memcpy(&container, b->p + 16, 8);
    char *block = b->p + 64 + container, *end = b->p + b->n - 64;
    sum = XXH3_64bits(block + 64, (size_t)(end - block) - 64);
    memcpy(block + 48, &sum, 8);
    uint64_t chained = XXH3_64bits_withSeed(&sum, 8, 0);
    sum = XXH3_64bits(block, 56);
    memcpy(block + 56, &sum, 8);
    memcpy(end + 48, &chained, 8);
    sum = XXH3_64bits(end, 56);
    memcpy(end + 56, &sum, 8);
}

static void rows_that_cannot_be(void **state)
{
    (void)state;
    struct log_made m;
    struct bytes b;
    struct apg_error err;
    make(&m, small);
    write_rows(&b, &m, 100);
    const struct {
        size_t word;
        uint32_t bad, good;
    } as[] = {
        {0, 0x40000000, APG_MISSING}, /* label 2 */
        {0, 0x7fc00001, 0},           /* another NaN */
        {1, 4, 3},                    /* an id of four */
        {1, UINT32_MAX, 0},           /* */
        {2, 2, 1},                    /* two values where one is */
        {2, 1 << 16 | 1, 1 << 16},    /* begins behind the row */
        {2, UINT32_MAX, 0},           /* */
        {3, 0x7f800000, 0x7f7fffff},  /* infinity */
        {3, 0xffc00000, APG_MISSING}, /* another NaN */
        {4, 4, 3},                    /* a bucket of four */
        {6, 4, 3},                    /* an id in the tail */
    };
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        uint32_t *word = word_of(&b, as[i].word), was = *word;
        *word = as[i].bad;
        seal(&b);
        assert_int_equal(read_on(b.p, b.n, &err), APG_EFORMAT);
        assert_string_equal(err.text, "f: block 0: a row of it cannot be");
        *word = as[i].good;
        seal(&b);
        if (read_on(b.p, b.n, &err))
            fail_msg("case %zu: %s", i, err.text);
        *word = was;
    }
    free(b.p);
    log_release(&m);
}

/* A weight is the word behind those of the fields, and such a file is of version 2. */
static void weights(void **state)
{
    (void)state;
    struct log_made m, plain;
    struct bytes b;
    struct apg_error err;
    make(&plain, small);
    make_with(&m,
        "label,user,tags,price,age,w\n0,u1,a|b,1,10,1\n1,u2,,2.5,20,0\n1,u1,b,,30,2.5\n0,u3,a|a,-4,,1e9\n",
        "w");
    assert_int_equal(m.schema->n_fields, 4);
    assert_string_equal(m.schema->weight, "w");
    assert_int_equal(apg_row_head(m.schema), 6);
    assert_int_equal(m.rows->weight_at, 5);
    const float want[] = {1, 0, 2.5f, 1e9f};
    for (size_t i = 0; i < 4; i++)
        assert_true(apg_dataset_weight(m.rows, i) == want[i]);
    assert_true(apg_dataset_positives(m.rows) == 2.5 / ((1e9 + 3.5) / 4));
    assert_true(apg_dataset_positives(plain.rows) == 2 && apg_dataset_weight(plain.rows, 0) == 1);
    assert_false(apg_schema_same(m.schema, plain.schema));
    round_trip(&m, 1);
    write_rows(&b, &plain, 100);
    assert_int_equal(b.p[8], 1);
    free(b.p);
    write_rows(&b, &m, 100);
    assert_int_equal(b.p[8], 2);
    const uint32_t bad[] = {
        0xbf800000 /* -1 */, 0x80000000 /* -0 */, 0x7f800000 /* infinity */, 0x7fc00001, 0xffc00000};
    const uint32_t good[] = {0, 0x3f800000, 0x7f7fffff, APG_MISSING};
    uint32_t *word = word_of(&b, 5);
    assert_true(apg_word_float(*word) == 2.5f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        *word = bad[i];
        seal(&b);
        assert_int_equal(read_on(b.p, b.n, &err), APG_EFORMAT);
        assert_string_equal(err.text, "f: block 0: a row of it cannot be");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        *word = good[i];
        seal(&b);
        assert_int_equal(read_on(b.p, b.n, &err), APG_OK);
    }
    /* The hash knows whether there are weights, but not what their column is called. */
    const uint64_t hash = apg_schema_hash(m.schema);
    assert_true(apg_schema_set_weight(m.schema, "other"));
    assert_true(apg_schema_hash(m.schema) == hash);
    assert_true(apg_schema_set_weight(m.schema, ""));
    assert_true(apg_schema_hash(m.schema) != hash && !m.schema->weight);
    free(b.p);
    log_release(&m);
    log_release(&plain);
}

/* A file that was written to after it was opened is noticed; one that was not is not. */
static void changed_later(void **state)
{
    (void)state;
    struct log_made m;
    struct bytes b;
    struct apg_error err;
    struct apg_feat_reader *r;
    struct apg_schema *s;
    struct apg_dataset *d;
    make(&m, small);
    write_rows(&b, &m, 100);
    int fd = bytes_file(b.p, b.n);
    const struct timespec tick = {.tv_nsec = 20000000}; /* the kernel's clock of files goes by 4 ms */
    assert_int_equal(nanosleep(&tick, NULL), 0);
    assert_int_equal(apg_feat_open(&r, fd, "f", NULL, 0, &err), APG_OK);
    assert_int_equal(apg_feat_check(r, &err), APG_OK);
    assert_int_equal(read_dataset(fd, 0, &s, &d, &err), APG_OK);
    assert_int_equal(apg_dataset_check(d, &err), APG_OK);
    assert_null(apg_map_changed());
    assert_int_equal(pwrite(fd, "a", 1, 0), 1); /* the byte that is there */
    assert_int_equal(apg_feat_check(r, &err), APG_EIO);
    assert_string_equal(err.text, "f: changed while it was read");
    assert_int_equal(apg_dataset_check(d, &err), APG_EIO);
    assert_string_equal(apg_map_changed(), "f");
    apg_feat_reader_free(r);
    apg_schema_free(s);
    apg_dataset_free(d);
    assert_null(apg_map_changed());
    assert_int_equal(apg_dataset_check(m.rows, &err), APG_OK); /* it lies in memory */
    close(fd);
    free(b.p);
    log_release(&m);
}

static void others(void **state)
{
    (void)state;
    struct log_made m;
    struct bytes b;
    struct apg_error err;
    struct apg_schema *s;
    struct apg_dataset *d;
    char csv[128] = "label,x\n1,2\n";
    assert_int_equal(read_on(csv, sizeof csv, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: not a feature file");

    make(&m, small);
    write_rows(&b, &m, 100);
    const uint32_t newer = 3;
    uint64_t sum;
    memcpy(b.p + 8, &newer, 4);
    sum = XXH3_64bits(b.p, 56);
    memcpy(b.p + 56, &sum, 8);
    assert_int_equal(read_on(b.p, b.n, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: written by a newer apg: format version 3, this one reads 2");
    free(b.p);

    /* No rows: a whole file, which is nothing to train on. */
    struct apg_feat_writer *w;
    b = (struct bytes){0};
    assert_int_equal(apg_feat_create(&w, m.schema, bytes_sink(&b), &err), APG_OK);
    assert_int_equal(apg_feat_finish(w, &err), APG_OK);
    apg_feat_writer_free(w);
    assert_int_equal(read_on(b.p, b.n, &err), APG_OK);
    int fd = bytes_file(b.p, b.n);
    assert_int_equal(read_dataset(fd, 0, &s, &d, &err), APG_EINPUT);
    assert_string_equal(err.text, "f: no data rows");
    close(fd);
    free(b.p);
    log_release(&m);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_and_read),
        cmocka_unit_test(schema_of_each_kind),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(changed_in_every_byte),
        cmocka_unit_test(rows_that_cannot_be),
        cmocka_unit_test(weights),
        cmocka_unit_test(changed_later),
        cmocka_unit_test(others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
