/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a log whose columns are inferred: what is encoded must be in range, and the schema must come back from
 * its container as it was. A log that is read whole is one without bad rows, and leaving bad rows out must not change
 * it. The first bytes say how the log is read.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "data/decode.h"
#include "data/ingest.h"
#include "data/schemafile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    char *p;
    size_t n, cap;
};

static bool put(void *arg, const void *p, size_t n)
{
    struct bytes *b = arg;
    if (!apg_grow(&b->p, &b->cap, b->n + n, 1))
        abort();
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

static void check_saved(const struct apg_schema *s)
{
    struct apg_tensors *t, *opened;
    struct apg_schema *back;
    struct bytes b = {0};
    if (apg_tensors_new(&t, NULL))
        abort();
    /* A name that is not UTF-8 cannot be saved. */
    if (!apg_schema_save(s, t, NULL) && !apg_tensors_write(t, (struct apg_sink){put, &b, "fuzz"}, NULL)) {
        if (apg_tensors_open_memory(&opened, b.p, b.n, "fuzz", true, NULL) ||
            apg_schema_load(&back, opened, NULL) || !apg_schema_same(s, back))
            abort();
        apg_schema_free(back);
        apg_tensors_free(opened);
    }
    apg_tensors_free(t);
    free(b.p);
}

static void check_rows(const struct apg_schema *s, const struct apg_dataset *d)
{
    char *text = NULL;
    size_t cap = 0;
    for (uint64_t i = 0; i < d->rows; i++) {
        const uint32_t *row = apg_dataset_row(d, i);
        size_t n = 0;
        for (size_t f = 0; f < s->n_fields; f++) {
            const uint32_t word = row[1 + f];
            if (s->field[f].kind == APG_NUMERIC ? word != APG_MISSING && !isfinite(apg_word_float(word))
                                                : s->field[f].kind != APG_MULTI && word >= s->field[f].rows)
                abort();
        }
        if (apg_decode_row(s, row, &text, &n, &cap, NULL))
            abort();
    }
    free(text);
}

/* Read the log at FD from its start; false: it is refused. */
static bool read_log(int fd, const struct apg_columns *c, const struct apg_csv_format *format,
    struct apg_rejects *rejects, struct apg_pool *pool, uint64_t *rows)
{
    struct apg_csv *csv;
    struct apg_schema *s = NULL;
    struct apg_dataset *d = NULL;
    char *explain = NULL;
    bool read = false;
    if (lseek(fd, 0, SEEK_SET) != 0)
        abort();
    if (apg_csv_open(&csv, fd, "fuzz", NULL, 0, format, NULL) == APG_OK) {
        read = apg_ingest(&s, &d, &explain, &csv, 1, c, rejects, pool, NULL) == APG_OK;
        if (read) {
            check_rows(s, d);
            check_saved(s);
            *rows = d->rows;
        }
        apg_csv_free(csv);
    }
    free(explain);
    apg_schema_free(s);
    apg_dataset_free(d);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct apg_pool *pool;
    static char *names[] = {"a", "b", "c1", "c2"}, a[] = "a", c1[] = "c1";
    if ((!pool && apg_pool_new(&pool, 1, NULL)) || size < 3)
        return 0;
    struct apg_columns c;
    apg_columns_default(&c);
    c.header = !(data[0] & 1);
    c.label = data[0] & 2 ? c.header ? a : c1 : NULL;
    c.multi = (struct apg_list){data[0] & 4 ? 1 : 0, names + 1};
    c.separator = data[0] & 4 ? (char)data[1] : c.separator;
    c.bucket = (struct apg_list){data[0] & 8 ? 1 : 0, names + 3};
    c.buckets = 2 + data[1] % 40;
    c.hash_bits = data[0] & 16 ? 1 + data[1] % 12 : 0;
    c.min_count = data[0] & 32 ? 1 + data[1] % 4 : 1;
    c.numeric = (struct apg_list){data[0] & 64 ? 1 : 0, names + 2};
    c.infer = !(data[0] & 128);
    c.delimiter = data[1] & 128 ? '\t' : ',';
    struct apg_csv_format format = apg_columns_cut(&c);
    format.chunk = 1 + data[2];
    if (apg_columns_check(&c, NULL))
        return 0;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 3, size - 3) != (ssize_t)(size - 3))
        abort();
    uint64_t rows = 0;
    struct bytes rejected = {0};
    const struct apg_sink sink = {put, &rejected, "fuzz"};
    struct apg_rejects skip = {.on_error = APG_ON_ERROR_SKIP, .rows = data[1] & 64 ? &sink : NULL};
    if (apg_rejects_check(&skip, NULL))
        abort();
    const bool whole = read_log(fd, &c, &format, NULL, pool, &rows);
    const uint64_t all = rows;
    const bool part = read_log(fd, &c, &format, &skip, pool, &rows);
    if (whole ? !part || rows != all || skip.bad : part && !skip.bad)
        abort();
    if (part && skip.seen != skip.bad + rows)
        abort();
    apg_rejects_release(&skip);
    free(rejected.p);
    close(fd);
    return 0;
}
