/* SPDX-License-Identifier: MIT
 *
 * encode: cells to words and back, and the text of every error.
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
#include "data/cell.h"
#include "data/decode.h"
#include "data/sheet.h"
#include "base/rng.h"
#include "log.h"

static bool number(const char *s, double *x)
{
    return apg_cell_number(s, strlen(s), x);
}

static void numbers(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "-0", "7", "+7", "-12.50", ".5", "5.", "1e3", "1E-3", "1e+3",
        "0.1", "123456789012345", "1234567890123456789012345", "0.000000000000000000000000001",
        "1.7976931348623157e308", "4.9e-324", "1e-400", "9007199254740993", "0.30000000000000004"};
    static const char *const bad[] = {"", " ", "-", ".", "e5", "1e", "1e+", "1e400", "-1e999", "inf", "nan",
        "0x10", "1,5", "1 2", "12a", "--1", "1.2.3", "infinity", "1d5"};
    double x;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!number(good[i], &x) || x != strtod(good[i], NULL))
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (number(bad[i], &x))
            fail_msg("'%s' taken for %g", bad[i], x);
    assert_true(number(" \t42 ", &x) && x == 42);
}

static void random_numbers_are_those_of_strtod(void **state)
{
    (void)state;
    struct apg_rng rng;
    apg_rng_init(&rng, 3, 0);
    for (int i = 0; i < 200000; i++) {
        char s[64];
        uint64_t digits = apg_rng_u64(&rng) >> apg_rng_below(&rng, 64);
        int n = snprintf(s, sizeof s, "%llu", (unsigned long long)digits),
            point = (int)apg_rng_below(&rng, 24);
        if (point < n) {
            memmove(s + point + 1, s + point, (size_t)(n - point) + 1);
            s[point] = '.';
        }
        double x;
        if (!number(s, &x) || x != strtod(s, NULL))
            fail_msg("%s", s);
    }
}

static void labels(void **state)
{
    (void)state;
    static const char *const ones[] = {"1", "1.0", "true", "TRUE", "+1", " 1", "1e0"},
                             *const zeros[] = {"0", "-1", "0.000", "False", "-1.0", "-0"},
                             *const bad[] = {"", "2", "0.5", "yes", "tru", "-2", "nan"};
    float y;
    for (size_t i = 0; i < 7; i++)
        assert_true(apg_cell_label(ones[i], strlen(ones[i]), NULL, &y) && y == 1);
    for (size_t i = 0; i < 6; i++)
        assert_true(apg_cell_label(zeros[i], strlen(zeros[i]), NULL, &y) && y == 0);
    for (size_t i = 0; i < 7; i++)
        assert_false(apg_cell_label(bad[i], strlen(bad[i]), NULL, &y));
}

/* A schema of each kind: user (2 tokens), tags (a, b, ""), price, age in 4 buckets. */
static char *multi[] = {"tags"}, *numeric[] = {"price"}, *bucket[] = {"age"}, *categorical[] = {"user"};
static const char *const training = "label,user,tags,price,age\n"
                                    "0,u1,a|b,1,10\n"
                                    "1,u2,,2.5,20\n"
                                    "1,u1,b,,30\n"
                                    "0,u1,a|a,-4,\n"
                                    "0,u2,b,1e3,40\n";

static struct apg_columns columns(void)
{
    struct apg_columns c;
    apg_columns_default(&c);
    c.multi.item = multi;
    c.numeric.item = numeric;
    c.bucket.item = bucket;
    c.categorical.item = categorical;
    c.multi.n = c.numeric.n = c.bucket.n = c.categorical.n = 1;
    c.buckets = 4;
    return c;
}

static void make(struct log_made *m)
{
    struct apg_columns c = columns();
    if (log_ingest(m, &training, 1, &c, 1))
        fail_msg("%s", m->err.text);
}

struct encoded {
    struct apg_block block;
    struct apg_error err;
};

static enum apg_status encode(
    const struct apg_schema *s, const char *text, bool need_label, struct encoded *out)
{
    struct apg_csv *csv = log_open(text);
    struct apg_csv_chunk chunk = {0};
    struct apg_binding binding = {0};
    struct apg_sheet sheet = {0};
    *out = (struct encoded){0};
    enum apg_status status = apg_csv_header(csv, &chunk, &out->err);
    if (!status)
        status = apg_binding_init(&binding, s, csv, &chunk, need_label, &out->err);
    if (!status && !(status = apg_csv_next(csv, &chunk, &out->err)) &&
        !(status = apg_csv_parse(csv, &chunk, false, &out->err)))
        status = apg_sheet_encode(&sheet, s, &binding, csv, &chunk, &out->block, &out->err);
    apg_binding_release(&binding);
    apg_sheet_release(&sheet);
    apg_csv_chunk_release(&chunk);
    apg_csv_free(csv);
    return status;
}

static void words_of_each_kind(void **state)
{
    (void)state;
    struct log_made m;
    make(&m);
    const struct apg_schema *s = m.schema;
    assert_int_equal(s->n_fields, 4);
    assert_int_equal(s->field[0].rows, 3);
    assert_int_equal(s->field[1].rows, 4);
    assert_int_equal(s->field[2].rows, 2);
    assert_int_equal(s->field[3].n_edges, 3); /* 20, 30, 40: nothing is less than 10 */
    assert_int_equal(s->field[3].rows, 5);
    assert_int_equal(s->field[3].first, 3 + 4 + 2);
    assert_int_equal(s->rows, 14);

    /* Other order of columns, one more, unknown tokens, no label. */
    struct encoded e;
    assert_int_equal(encode(s,
                         "age,extra,price,tags,user\n"
                         "29.9,x,,b|zz|a,u2\n"
                         "-5,x,1,,nobody\n"
                         ",x,0,b,u1\n"
                         "1e30,x,-3,\"\",\n",
                         false, &e),
        APG_OK);
    assert_int_equal(e.block.rows, 4);
    const uint32_t *row = apg_block_row(&e.block, 0);
    assert_int_equal(row[0], APG_MISSING);
    assert_int_equal(row[1], 2);
    assert_int_equal(row[2], 3);           /* three, from the start of the tail */
    assert_int_equal(row[3], APG_MISSING); /* price */
    assert_int_equal(row[4], 2);           /* 20 <= 29.9 < 30 */
    assert_int_equal(row[5], 2);           /* b, unknown, a */
    assert_int_equal(row[6], 0);
    assert_int_equal(row[7], 1);
    row = apg_block_row(&e.block, 1);
    assert_int_equal(row[1], 0);
    assert_int_equal(row[2], 1);
    assert_int_equal(row[4], 1);
    assert_int_equal(row[5], 3); /* the empty cell was seen in training */
    const struct apg_field *price = &s->field[2];
    assert_true(
        apg_word_float(row[3]) == (float)(((double)(float)log1p(1) - price->mean) / price->deviation));
    row = apg_block_row(&e.block, 2);
    assert_int_equal(row[4], 0);
    row = apg_block_row(&e.block, 3);
    assert_int_equal(row[1], 0); /* but no empty user was */
    assert_int_equal(row[4], 4);
    assert_true(
        apg_word_float(row[3]) == (float)(((double)(float)-log1p(3) - price->mean) / price->deviation));
    apg_block_release(&e.block);
    log_release(&m);
}

static void what_was_ingested_is_what_encoding_gives(void **state)
{
    (void)state;
    struct log_made m;
    struct encoded e;
    make(&m);
    assert_int_equal(encode(m.schema, training, true, &e), APG_OK);
    assert_int_equal(e.block.rows, m.rows->rows);
    assert_memory_equal(e.block.words, m.rows->block[0].words, e.block.start[e.block.rows] * 4);
    apg_block_release(&e.block);
    log_release(&m);
}

static void refuse(const struct apg_schema *s, const char *text, const char *message)
{
    struct encoded e;
    assert_int_equal(encode(s, text, true, &e), APG_EINPUT);
    assert_string_equal(e.err.text, message);
    apg_block_release(&e.block);
}

static void errors_name_the_place(void **state)
{
    (void)state;
    struct log_made m;
    make(&m);
    const struct apg_schema *s = m.schema;
    refuse(s, "label,user,tags,price,age\n1,a,b,1,2\n1,\"a\n\",b,1,2\n\n1,a,b,1\n",
        "log:6: 4 columns where the header has 5");
    refuse(s, "label,user,tags,price,age\n1,a,b,abc,2\n", "log:2: price: not a number: 'abc'");
    refuse(s, "label,user,tags,price,age\n1,a,b,1,2\n2,a,b,1,x\n", "log:3: label: neither 0 nor 1: '2'");
    /* The first row that is bad, not the first column. */
    refuse(s, "label,user,tags,price,age\n1,a,b,1,x\n2,a,b,y,1\n", "log:2: age: not a number: 'x'");
    refuse(s, "label,user,tags,age\n",
        "log:1: no column 'price', which is an input of the model; there are: label, user, tags, age");
    refuse(
        s, "user,tags,price,age\n", "log:1: no column 'label', the label; there are: user, tags, price, age");
    refuse(s, "label,user,tags,price,price,age\n", "log:1: two columns are named 'price'");
    refuse(s, "", "log: empty: not even a header");
    char *many = malloc(1 << 18);
    assert_non_null(many);
    size_t n = (size_t)sprintf(many, "label,user,tags,price,age\n1,u1,");
    memset(many + n, '|', 65535);
    strcpy(many + n + 65535, ",1,1\n");
    refuse(s, many, "log:2: tags: a row of over 65535 values");
    free(many);
    log_release(&m);
}

static void weights(void **state)
{
    (void)state;
    struct log_made m;
    struct encoded e;
    float w;
    static const char *const bad[] = {"", " ", "-1", "-1e-9", "nan", "inf", "-inf", "1e39", "x", "1,", "0x1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (apg_cell_weight(bad[i], strlen(bad[i]), &w))
            fail_msg("'%s' is %g", bad[i], (double)w);
    static const struct {
        const char *text;
        float value;
    } good[] = {{"0", 0}, {"-0", 0}, {"1", 1}, {" 2.5 ", 2.5f}, {"1e-50", 0}, {"3e38", 3e38f}, {"+.5", .5f}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(apg_cell_weight(good[i].text, strlen(good[i].text), &w));
        assert_true(w == good[i].value && !signbit(w));
    }

    make(&m);
    assert_true(apg_schema_set_weight(m.schema, "w"));
    const char *text = "w,label,user,tags,price,age\n2,1,u1,a|b,1,2\n0,0,u2,b,1,3\n";
    assert_int_equal(encode(m.schema, text, true, &e), APG_OK);
    const uint32_t *row = apg_block_row(&e.block, 0);
    assert_int_equal(row[2], 2); /* two tags, from the start of the tail, which the weight stands before */
    assert_true(apg_word_float(row[5]) == 2 && apg_row_weight(m.schema, row) == 2);
    assert_int_equal(row[6], 1);
    assert_int_equal(row[7], 2);
    assert_true(apg_row_weight(m.schema, apg_block_row(&e.block, 1)) == 0);
    apg_block_release(&e.block);
    refuse(m.schema, "w,label,user,tags,price,age\n2,1,u1,a,1,2\n-2,1,u1,a,1,2\n",
        "log:3: w: not a weight (a number from 0 on): '-2'");
    refuse(m.schema, "w,label,user,tags,price,age\n2,1,u1,a,1,2\n,1,u1,a,1,2\n",
        "log:3: w: no weight: the cell is empty");
    refuse(m.schema, "w,w,label,user,tags,price,age\n", "log:1: two columns are named 'w'");
    /* To be scored, a row needs none, whatever the cell has. It counts 1. */
    assert_int_equal(encode(m.schema, "w,user,tags,price,age\n-2,u1,a,1,2\n", false, &e), APG_OK);
    row = apg_block_row(&e.block, 0);
    assert_true(row[5] == APG_MISSING && apg_row_weight(m.schema, row) == 1);
    apg_block_release(&e.block);
    assert_int_equal(encode(m.schema, "user,tags,price,age,label\nu1,a,1,2,1\n", true, &e), APG_OK);
    assert_true(apg_block_row(&e.block, 0)[5] == APG_MISSING);
    apg_block_release(&e.block);
    log_release(&m);
}

static void decoding(void **state)
{
    (void)state;
    struct log_made m;
    make(&m);
    char *text = NULL;
    size_t n = 0, cap = 0;
    assert_int_equal(apg_decode_header(m.schema, &text, &n, &cap, NULL), APG_OK);
    for (uint64_t i = 0; i < m.rows->rows; i++) {
        text[n++] = '\n';
        assert_int_equal(apg_decode_row(m.schema, apg_dataset_row(m.rows, i), &text, &n, &cap, NULL), APG_OK);
    }
    text[n] = '\0';
    assert_string_equal(text, "label,user,tags,price,age\n"
                              "0,u1,a|b,1,19.9999981\n" /* a number in the bucket */
                              "1,u2,,2.5,20\n"
                              "1,u1,b,,30\n"
                              "0,u1,a|a,-4,\n"
                              "0,u2,b,1000,40");
    struct encoded e;
    assert_int_equal(encode(m.schema, text, true, &e), APG_OK);
    const struct apg_block *b = &m.rows->block[0];
    for (uint32_t r = 0; r < b->rows; r++) {
        const uint32_t *x = apg_block_row(&e.block, r), *y = apg_block_row(b, r);
        assert_int_equal(e.block.start[r], b->start[r]);
        for (uint32_t i = 0; i < b->start[r + 1] - b->start[r]; i++)
            if (i == 3 && y[3] != APG_MISSING) /* to 6 digits */
                assert_true(fabsf(apg_word_float(x[3]) - apg_word_float(y[3])) < 1e-5f);
            else
                assert_int_equal(x[i], y[i]);
    }
    apg_block_release(&e.block);
    free(text);
    log_release(&m);
}

static void hashing(void **state)
{
    (void)state;
    const char *log = "y,a,b\n1,x,p|q\n0,z,x\n";
    struct apg_columns c;
    struct log_made m;
    static char *b[] = {"b"};
    apg_columns_default(&c);
    c.hash_bits = 10;
    c.multi.item = b;
    c.multi.n = 1;
    assert_int_equal(log_ingest(&m, &log, 1, &c, 1), APG_OK);
    assert_int_equal(m.schema->field[0].rows, 1024);
    assert_int_equal(m.schema->rows, 2048);
    assert_int_equal(m.schema->field[0].vocab.n, 0);
    const uint32_t *one = apg_dataset_row(m.rows, 0), *two = apg_dataset_row(m.rows, 1);
    assert_int_equal(one[1], apg_vocab_hash("x", 1) & 1023);
    assert_int_equal(two[3], apg_vocab_hash("x", 1) & 1023);
    assert_int_equal(one[4], apg_vocab_hash("q", 1) & 1023);
    log_release(&m);
}

/* Token I: of 0 to 17 bytes, so that one is empty and some are too long to be kept. */
static size_t token(char *out, size_t i)
{
    return i == 3 ? 0 : (size_t)sprintf(out, "%0*zu", (int)(i % 18), i);
}

/* Ids of more tokens than are kept, in a multi column and in one that is none, some of them unknown. */
static void tokens_that_come_again(void **state)
{
    (void)state;
    enum { ROWS = 3000, TOKENS = 2500, MOST = 40 };
    struct apg_columns c = columns();
    c.numeric.n = c.bucket.n = 0;
    char *text = malloc(ROWS * 3 * MOST), *p = text + sprintf(text, "label,user,tags\n");
    assert_non_null(text);
    for (size_t i = 0; i < ROWS; i++) {
        p += sprintf(p, "%zu,", i % 2);
        p += token(p, i % TOKENS);
        *p++ = ',';
        p += token(p, i * i % TOKENS);
        *p++ = '|';
        p += token(p, i % 7);
        *p++ = '\n';
    }
    *p = '\0';
    struct log_made m;
    const char *const whole = text;
    if (log_ingest(&m, &whole, 1, &c, 2))
        fail_msg("%s", m.err.text);
    const struct apg_vocab *user = &m.schema->field[0].vocab, *tags = &m.schema->field[1].vocab;
    assert_int_equal(user->n, 1 + TOKENS);

    p = text + sprintf(text, "label,user,tags\n");
    for (size_t i = 0; i < ROWS; i++) {
        p += sprintf(p, "0,");
        p += token(p, i * 7 % (TOKENS + 100));
        *p++ = ',';
        p += token(p, i % 5);
        *p++ = '\n';
    }
    *p = '\0';
    struct encoded e;
    assert_int_equal(encode(m.schema, text, true, &e), APG_OK);
    assert_int_equal(e.block.rows, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        char s[MOST];
        const uint32_t *row = apg_block_row(&e.block, i), *train = apg_dataset_row(m.rows, i);
        size_t n = token(s, i * 7 % (TOKENS + 100));
        assert_int_equal(row[1], apg_vocab_find(user, s, n, apg_vocab_hash(s, n)));
        assert_int_equal(row[1] == 0, i * 7 % (TOKENS + 100) >= TOKENS);
        n = token(s, i % 5);
        assert_int_equal(row[3], apg_vocab_find(tags, s, n, apg_vocab_hash(s, n)));
        assert_int_equal(train[1], 1 + i % TOKENS);
        n = token(s, i * i % TOKENS);
        assert_int_equal(train[3], apg_vocab_find(tags, s, n, apg_vocab_hash(s, n)));
        assert_int_not_equal(train[3], 0);
    }
    apg_block_release(&e.block);
    log_release(&m);
    free(text);
}

static void schema_hash_tells_apart(void **state)
{
    (void)state;
    struct log_made a, b;
    make(&a);
    make(&b);
    uint64_t h = apg_schema_hash(a.schema);
    assert_true(h == apg_schema_hash(b.schema));
    b.schema->field[2].mean += 1e-9;
    assert_true(h != apg_schema_hash(b.schema));
    b.schema->field[2].mean = a.schema->field[2].mean;
    b.schema->field[3].edge[0]++;
    assert_true(h != apg_schema_hash(b.schema));
    b.schema->field[3].edge[0]--;
    b.schema->field[0].vocab.text[0]++;
    assert_true(h != apg_schema_hash(b.schema));
    log_release(&a);
    log_release(&b);
}

static void edges_that_are_not_above(void **state)
{
    (void)state;
    float edge[70];
    struct apg_field f = {.edge = edge};
    for (uint32_t i = 0; i < 70; i++)
        edge[i] = (float)(2 * i);
    for (f.n_edges = 0; f.n_edges <= 70; f.n_edges++) {
        assert_int_equal(apg_field_bucket(&f, NAN), 1);
        assert_int_equal(apg_field_bucket(&f, -INFINITY), 1);
        assert_int_equal(apg_field_bucket(&f, INFINITY), 1 + f.n_edges);
        for (int x = -1; x < 142; x++) {
            const uint32_t below = x < 0 ? 0 : (uint32_t)x / 2 + 1;
            assert_int_equal(apg_field_bucket(&f, (float)x), 1 + (below < f.n_edges ? below : f.n_edges));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(random_numbers_are_those_of_strtod),
        cmocka_unit_test(labels),
        cmocka_unit_test(words_of_each_kind),
        cmocka_unit_test(what_was_ingested_is_what_encoding_gives),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(weights),
        cmocka_unit_test(decoding),
        cmocka_unit_test(hashing),
        cmocka_unit_test(tokens_that_come_again),
        cmocka_unit_test(schema_hash_tells_apart),
        cmocka_unit_test(edges_that_are_not_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
