/* SPDX-License-Identifier: MIT
 *
 * csvread: each way a record can be split over reads and chunks, and random text against libcsv alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <csv.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/csvread.h"
#include "base/mem.h"
#include "base/rng.h"

/* Cells with '|' between and records with '/' behind: "a|b/c|d/". */
struct text {
    char *s;
    size_t n, cap;
};

static void put(struct text *t, const char *s, size_t n)
{
    assert_true(apg_grow(&t->s, &t->cap, t->n + n + 1, 1));
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = '\0';
}

static void put_chunk(struct text *t, const struct apg_csv_chunk *c)
{
    for (size_t r = 0; r < c->records; r++) {
        for (uint32_t i = c->first[r]; i < c->first[r + 1]; i++) {
            if (i > c->first[r])
                put(t, "|", 1);
            put(t, c->text + c->cell[i].at, c->cell[i].len);
            assert_int_equal(c->text[c->cell[i].at + c->cell[i].len], '\0');
        }
        put(t, "/", 1);
    }
}

/* What libcsv alone makes of it. */
static void plain_cell(void *cell, size_t n, void *arg)
{
    struct text *t = arg;
    if (t->n && t->s[t->n - 1] == '\x01')
        t->s[t->n - 1] = '|';
    put(t, cell, n);
    put(t, "\x01", 1);
}

static void plain_record(int c, void *arg)
{
    (void)c;
    struct text *t = arg;
    t->s[t->n - 1] = '/';
}

static int never(unsigned char c)
{
    (void)c;
    return 0;
}

static void plain(struct text *t, const char *s, size_t n, char delimiter)
{
    struct csv_parser p;
    csv_init(&p, CSV_APPEND_NULL);
    csv_set_space_func(&p, never);
    csv_set_delim(&p, (unsigned char)delimiter);
    assert_int_equal(csv_parse(&p, s, n, plain_cell, plain_record, t), n);
    csv_fini(&p, plain_cell, plain_record, t);
    csv_free(&p);
}

/* A writer of a pipe, a few bytes at a time. */
struct writer {
    int fd;
    const char *s;
    size_t n, piece;
};

static void *write_pieces(void *arg)
{
    struct writer *w = arg;
    for (size_t at = 0; at < w->n;) {
        size_t n = w->n - at < w->piece ? w->n - at : w->piece;
        ssize_t done = write(w->fd, w->s + at, n);
        if (done < 0)
            break; /* the reader gave up */
        at += (size_t)done;
    }
    close(w->fd);
    return NULL;
}

struct input {
    int fd[2];
    pthread_t thread;
    struct writer writer;
    struct apg_csv *csv;
    struct apg_error err;
};

static void input_start(struct input *in, const struct apg_csv_format *format)
{
    assert_int_equal(pipe(in->fd), 0);
    in->writer.fd = in->fd[1];
    assert_int_equal(pthread_create(&in->thread, NULL, write_pieces, &in->writer), 0);
    assert_int_equal(apg_csv_open(&in->csv, in->fd[0], "log", NULL, 0, format, &in->err), APG_OK);
}

static void input_open(struct input *in, const char *s, size_t n, size_t piece, char delimiter, size_t chunk)
{
    in->writer = (struct writer){.s = s, .n = n, .piece = piece};
    input_start(in, &(struct apg_csv_format){.delimiter = delimiter, .chunk = chunk});
}

static void input_close(struct input *in)
{
    close(in->fd[0]);
    pthread_join(in->thread, NULL);
    apg_csv_free(in->csv);
}

/* All records of S, read PIECE bytes at a time in chunks of CHUNK bytes; with each chunk's lines and spans
 * checked. */
static enum apg_status read_all(struct text *t, const char *s, size_t n, size_t piece, char delimiter,
    size_t chunk, struct apg_error *err)
{
    struct input in;
    struct apg_csv_chunk c = {0};
    uint64_t line = 1;
    enum apg_status status;
    input_open(&in, s, n, piece, delimiter, chunk);
    while (!(status = apg_csv_next(in.csv, &c, &in.err)) && c.n_bytes) {
        assert_int_equal(c.line, line);
        for (size_t i = 0; i < c.n_bytes; i++) /* LF, CR LF and CR end a line */
            line +=
                c.bytes[i] == '\n' || (c.bytes[i] == '\r' && (i + 1 == c.n_bytes || c.bytes[i + 1] != '\n'));
        if ((status = apg_csv_parse(in.csv, &c, true, &in.err)))
            break;
        for (size_t r = 0; !status && r < c.records; r++)
            if (apg_csv_is_bad(&c, r))
                status = apg_csv_fail(in.csv, &c, r, &in.err);
        if (status)
            break;
        put_chunk(t, &c);
        for (size_t r = 0; r < c.records; r++) {
            struct text a = {0}, b = {0};
            struct apg_csv_chunk one = c;
            one.records = 1;
            one.first += r;
            put_chunk(&a, &one);
            plain(&b, c.bytes + c.record[r], c.record[r + 1] - c.record[r], delimiter);
            assert_string_equal(a.s, b.s);
            free(a.s);
            free(b.s);
        }
    }
    if (err)
        *err = in.err;
    apg_csv_chunk_release(&c);
    input_close(&in);
    return status;
}

static void expect(const char *s, char delimiter, const char *want)
{
    const size_t pieces[] = {1, 2, 3, 7, 1000}, chunks[] = {1, 5, 64, 0};
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 4; j++) {
            struct text t = {0};
            assert_int_equal(read_all(&t, s, strlen(s), pieces[i], delimiter, chunks[j], NULL), APG_OK);
            assert_string_equal(t.s ? t.s : "", want);
            free(t.s);
        }
}

static void records_and_cells(void **state)
{
    (void)state;
    expect("", ',', "");
    expect("a,b\nc,d\n", ',', "a|b/c|d/");
    expect("a,b\nc,d", ',', "a|b/c|d/");
    expect("a,\n,\n", ',', "a|/|/");
    expect("a,", ',', "a|/");
    expect("a,b\r\nc,d\r\n", ',', "a|b/c|d/");
    expect("a,b\rc,d\r", ',', "a|b/c|d/");
    expect("\n\r\n\na\n\n\r\nb\n\n", ',', "a/b/");
    expect("\r\n\r\n", ',', "");
    expect("a\tb c\n d\t\n", '\t', "a|b c/ d|/");
    expect(" a , b \n", ',', " a | b /");
    expect("a:b,c d;e\n", ',', "a:b|c d;e/");
    expect("a\tb,c\t\n", ',', "a\tb|c\t/");
    expect("1\x01"
           "2\n",
        '\x01', "1|2/");
}

static void quotes(void **state)
{
    (void)state;
    expect("\"a\"\n", ',', "a/");
    expect("\"\"\n", ',', "/");
    expect("\"a,b\",c\n", ',', "a,b|c/");
    expect("\"a\nb\r\nc\",d\n", ',', "a\nb\r\nc|d/");
    expect("\"a\"\"b\",\"\"\"\"\n", ',', "a\"b|\"/");
    expect("\"a\nb\"", ',', "a\nb/");
    expect("\"a\"\r\nb\r\n", ',', "a/b/");
    expect("\"a\"\rb\r", ',', "a/b/");
    expect("a\"b,c\"\nd\n", ',', "a\"b|c\"/d/"); /* no quoting: the cell has begun */
    expect(" \"a\",b\n", ',', " \"a\"|b/");
}

/* Quotes are text: a delimiter and a line end count between them, and none is ever open. */
static void no_quotes(void **state)
{
    (void)state;
    const char *s = "\"a\"b,c\"\n\"d,e\n\"\",\"f\"\r\ng,\"";
    for (size_t chunk = 1; chunk < 30; chunk++) {
        const struct apg_csv_format format = {.delimiter = ',', .no_quotes = true, .chunk = chunk};
        struct input in = {.writer = {.s = s, .n = strlen(s), .piece = 3}};
        struct apg_csv_chunk c = {0};
        struct text t = {0};
        uint64_t line = 0;
        input_start(&in, &format);
        while (apg_csv_next(in.csv, &c, &in.err) == APG_OK && c.n_bytes) {
            assert_int_equal(apg_csv_parse(in.csv, &c, false, &in.err), APG_OK);
            put_chunk(&t, &c);
            for (size_t r = 0; r < c.records; r++)
                assert_int_equal(apg_csv_line(in.csv, &c, r), ++line);
        }
        assert_string_equal(t.s, "\"a\"b|c\"/\"d|e/\"\"|\"f\"/g|\"/");
        free(t.s);
        apg_csv_chunk_release(&c);
        input_close(&in);
    }
}

static void byte_order_mark(void **state)
{
    (void)state;
    expect("\xef\xbb\xbf"
           "a,b\nc,d\n",
        ',', "a|b/c|d/");
    expect("\xef\xbb\xbf"
           "\"a\",b\n",
        ',', "a|b/");
    expect("\xef\xbb\xbf", ',', "");
    expect("\xef\xbb", ',', "\xef\xbb/");
    expect("\xef,a\n", ',', "\xef|a/");
    expect("a\n\xef\xbb\xbf"
           "b\n",
        ',',
        "a/\xef\xbb\xbf"
        "b/");
}

static void random_text_agrees_with_libcsv(void **state)
{
    (void)state;
    static const char letters[] = "ab,,\"\"\"\n\n\r ";
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 0);
    size_t open = 0, behind = 0, whole = 0;
    for (int i = 0; i < 6000; i++) {
        char s[64];
        size_t n = apg_rng_below(&rng, sizeof s);
        for (size_t k = 0; k < n; k++)
            s[k] = letters[apg_rng_below(&rng, sizeof letters - 1)];
        struct text got = {0}, want = {0};
        struct apg_error err;
        enum apg_status status =
            read_all(&got, s, n, 1 + apg_rng_below(&rng, 9), ',', 1 + apg_rng_below(&rng, 40), &err);
        plain(&want, s, n, ',');
        if (status) {
            assert_int_equal(status, APG_EINPUT);
            const bool never_closed = strstr(err.text, "never closed");
            assert_true(never_closed || strstr(err.text, "text behind a closing quote"));
            /* What came before the faulty record is right all the same. */
            assert_true(got.n <= want.n && memcmp(got.s ? got.s : "", want.s, got.n) == 0);
            *(never_closed ? &open : &behind) += 1;
        } else {
            assert_string_equal(got.s ? got.s : "", want.s ? want.s : "");
            whole++;
        }
        free(got.s);
        free(want.s);
    }
    assert_true(open > 100 && behind > 100 && whole > 1000);
}

/* Behind a bad record reading goes on, and its bytes and line can be had. */
static void behind_bad_records(void **state)
{
    (void)state;
    static const char log[] = "a,b\n1,\"2\"x,\"3\n4,\"\"5\r\n6,\0\n\n7,8\n\"9\"\"\",\"0\"\"\n1\"2";
    static const char *const bytes[] = {
        "a,b\n", "1,\"2\"x,\"3\n", "4,\"\"5", "6,", "7,8\n", "\"9\"\"\",\"0\"\"\n1\"2"};
    static const uint64_t line[] = {1, 2, 3, 4, 6, 7}, fault[] = {0, 2, 3, 4, 0, 8};
    for (size_t piece = 1; piece < 40; piece++)
        for (size_t chunk = 1; chunk < 40; chunk += 3) {
            struct input in;
            struct apg_csv_chunk c = {0};
            size_t n = 0, all = 0;
            input_open(&in, log, sizeof log - 1, piece, ',', chunk);
            while (!apg_csv_next(in.csv, &c, &in.err) && c.n_bytes) {
                struct apg_csv_place place = {0};
                assert_int_equal(apg_csv_parse(in.csv, &c, false, &in.err), APG_OK);
                all += c.n_bytes;
                for (size_t r = 0; r < c.records; r++, n++) {
                    char text[128];
                    apg_csv_go(in.csv, &c, &place, r);
                    assert_int_equal(place.line, line[n]);
                    assert_memory_equal(c.bytes + place.start, bytes[n], strlen(bytes[n]));
                    assert_int_equal(apg_csv_is_bad(&c, r), fault[n] > 0);
                    if (!fault[n])
                        continue;
                    assert_int_equal(apg_csv_fail(in.csv, &c, r, &in.err), APG_EINPUT);
                    snprintf(
                        text, sizeof text, "log:%d: %s", (int)fault[n], n == 3 ? "a NUL" : "text behind");
                    assert_memory_equal(in.err.text, text, strlen(text));
                }
            }
            assert_int_equal(n, 6);
            assert_in_range(
                all, sizeof log - 2, sizeof log - 1); /* the LF of a CR LF that was cut apart is dropped */
            apg_csv_chunk_release(&c);
            input_close(&in);
        }
}

static void fails(const char *s, size_t n, const char *message)
{
    struct text t = {0};
    struct apg_error err;
    assert_int_equal(read_all(&t, s, n, 4096, ',', 0, &err), APG_EINPUT);
    assert_string_equal(err.text, message);
    free(t.s);
}

static void refused(void **state)
{
    (void)state;
    fails("a\nb\n\"c\nd\n", 9, "log:3: a quote is opened here and never closed");
    fails("a\n\n\"c\n\nd\0\",e\n", 13, "log:5: a NUL byte: this is not text");
    char message[128];
    const struct {
        const char *text;
        int line;
    } closed[] = {
        {"\"a\"b,c\",d\n", 1}, {"a\nb\n\"c\" \n", 3}, {"a\rb\r\"c\" \r", 3}, {"a\n\n\"c\nd\"e\n", 4}};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        snprintf(message, sizeof message,
            "log:%d: text behind a closing quote (--no-quotes reads quotes as text)", closed[i].line);
        fails(closed[i].text, strlen(closed[i].text), message);
    }
    size_t n = 17 << 20;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, 'x', n);
    memcpy(big, "a\nb\n\"", 5);
    fails(big, n, "log:3: a record of over 16 MiB: is a quote not closed?");
    free(big);

    struct apg_csv *csv;
    struct apg_error err;
    assert_int_equal(
        apg_csv_open(&csv, 0, "log", NULL, 0, &(struct apg_csv_format){.delimiter = '"'}, &err), APG_EUSAGE);
    assert_int_equal(
        apg_csv_open(&csv, -1, "log", NULL, 0, &(struct apg_csv_format){.delimiter = ','}, &err), APG_OK);
    struct apg_csv_chunk c = {0};
    assert_int_equal(apg_csv_next(csv, &c, &err), APG_EIO);
    assert_string_equal(err.text, "log: Bad file descriptor");
    apg_csv_chunk_release(&c);
    apg_csv_free(csv);
}

static void header_then_rows(void **state)
{
    (void)state;
    for (size_t chunk = 1; chunk < 40; chunk++)
        for (int unread = 0; unread < 2; unread++) {
            const char *s = "\xef\xbb\xbf\n\n\"x\ny\",z\n1,2\n\n3,4";
            struct input in;
            struct apg_csv_chunk c = {0};
            struct text t = {0};
            input_open(&in, s, strlen(s), 2, ',', chunk);
            assert_int_equal(apg_csv_header(in.csv, &c, &in.err), APG_OK);
            assert_int_equal(c.records, 1);
            assert_int_equal(c.line, 3);
            put_chunk(&t, &c);
            uint64_t line[3];
            size_t n = 0;
            if (unread)
                apg_csv_unread_header(in.csv);
            while (apg_csv_next(in.csv, &c, &in.err) == APG_OK && c.n_bytes) {
                assert_int_equal(apg_csv_parse(in.csv, &c, false, &in.err), APG_OK);
                put_chunk(&t, &c);
                for (size_t r = 0; r < c.records; r++)
                    line[n++] = apg_csv_line(in.csv, &c, r);
            }
            assert_string_equal(t.s, unread ? "x\ny|z/x\ny|z/1|2/3|4/" : "x\ny|z/1|2/3|4/");
            assert_int_equal(n, unread ? 3 : 2);
            assert_int_equal(line[n - 2], 5);
            assert_int_equal(line[n - 1], 7);
            free(t.s);
            apg_csv_chunk_release(&c);
            input_close(&in);
        }
    struct input in;
    struct apg_csv_chunk c = {0};
    input_open(&in, "\n\n", 2, 1, ',', 0);
    assert_int_equal(apg_csv_header(in.csv, &c, &in.err), APG_OK);
    assert_int_equal(c.records, 0);
    apg_csv_chunk_release(&c);
    input_close(&in);
}

/* A row is handed over when it is there whole, though the writer has not closed and the chunk is not full. */
static void rows_as_they_arrive(void **state)
{
    (void)state;
    int fd[2];
    struct apg_csv *csv;
    struct apg_csv_chunk c = {0};
    struct apg_error err;
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(
        apg_csv_open(&csv, fd[0], "log", "a,b\n1", 5, &(struct apg_csv_format){.delimiter = ','}, &err),
        APG_OK);
    assert_int_equal(write(fd[1], ",2\n3", 4), 4);
    assert_int_equal(apg_csv_header(csv, &c, &err), APG_OK);
    assert_int_equal(apg_csv_next(csv, &c, &err), APG_OK);
    assert_int_equal(c.n_bytes, 4);
    assert_memory_equal(c.bytes, "1,2\n", 4);
    assert_int_equal(write(fd[1], ",4\n", 3), 3);
    assert_int_equal(apg_csv_next(csv, &c, &err), APG_OK);
    assert_int_equal(c.n_bytes, 4);
    assert_memory_equal(c.bytes, "3,4\n", 4);

    /* Told to wait, it fills the chunk: both rows come together. */
    apg_csv_wait(csv);
    struct writer w = {fd[1], "5,6\n7,8\n", 8, 1};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_pieces, &w), 0);
    assert_int_equal(apg_csv_next(csv, &c, &err), APG_OK);
    assert_int_equal(c.n_bytes, 8);
    assert_int_equal(apg_csv_next(csv, &c, &err), APG_OK);
    assert_int_equal(c.n_bytes, 0);
    pthread_join(thread, NULL);
    close(fd[0]);
    apg_csv_chunk_release(&c);
    apg_csv_free(csv);
}

static void quoting_reads_back(void **state)
{
    (void)state;
    const char *cells[] = {
        "", "plain", "with space ", "a,b", "a\"b", "\"", "a\nb", "a\rb", "tab\tbed", ",,\"\"\n"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        char line[64] = "x,";
        size_t len = strlen(cells[i]), n = apg_csv_write(line + 2, cells[i], len, ',', true);
        assert_true(n <= 2 * len + 2);
        struct text got = {0}, want = {0};
        assert_int_equal(read_all(&got, line, n + 2, 3, ',', 0, NULL), APG_OK);
        put(&want, "x|", 2);
        put(&want, cells[i], len);
        put(&want, "/", 1);
        assert_string_equal(got.s, want.s);
        free(got.s);
        free(want.s);
    }
    char out[8];
    assert_int_equal(apg_csv_write(out, "a\tb", 3, '\t', true), 5);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_cells),
        cmocka_unit_test(quotes),
        cmocka_unit_test(no_quotes),
        cmocka_unit_test(byte_order_mark),
        cmocka_unit_test(random_text_agrees_with_libcsv),
        cmocka_unit_test(behind_bad_records),
        cmocka_unit_test(refused),
        cmocka_unit_test(header_then_rows),
        cmocka_unit_test(rows_as_they_arrive),
        cmocka_unit_test(quoting_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
