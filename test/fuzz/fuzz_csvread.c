/* SPDX-License-Identifier: MIT
 *
 * Any bytes as CSV: cut into small chunks they must give the cells that libcsv finds in the whole.
 * The first byte is the size of a chunk, the second the delimiter.
 */
#include <csv.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "data/csvread.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each cell as its length and bytes, each record with a mark behind it. */
struct text {
    char *s;
    size_t n, cap;
};

static void put(struct text *t, const void *s, size_t n)
{
    if (!apg_grow(&t->s, &t->cap, t->n + n + 1, 1))
        abort();
    memcpy(t->s + t->n, s, n);
    t->n += n;
}

static void on_cell(void *cell, size_t n, void *t)
{
    put(t, &n, sizeof n);
    put(t, cell, n);
}

static void on_record(int c, void *t)
{
    const size_t mark = SIZE_MAX;
    (void)c;
    put(t, &mark, sizeof mark);
}

static int never(unsigned char c)
{
    (void)c;
    return 0;
}

static void plain(struct text *t, const uint8_t *data, size_t size, char delimiter)
{
    struct csv_parser p;
    csv_init(&p, CSV_APPEND_NULL);
    csv_set_space_func(&p, never);
    csv_set_delim(&p, (unsigned char)delimiter);
    if (csv_parse(&p, data, size, on_cell, on_record, t) != size)
        abort();
    csv_fini(&p, on_cell, on_record, t);
    csv_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int nothing = -1;
    if (nothing < 0)
        nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (size < 2)
        return 0;
    const struct apg_csv_format format = {.chunk = data[0] + 1u, .delimiter = data[1] ? (char)data[1] : ','};
    struct apg_csv *csv;
    struct apg_csv_chunk c = {0};
    struct text got = {0}, want = {0};
    data += 2;
    size -= 2;
    if (apg_csv_open(&csv, nothing, "fuzz", data, size, &format, NULL))
        return 0;
    enum apg_status status;
    bool bad = false; /* some record was: libcsv reads on otherwise */
    while (!(status = apg_csv_next(csv, &c, NULL)) && c.n_bytes &&
           !(status = apg_csv_parse(csv, &c, true, NULL))) {
        bad = bad || c.broken;
        for (size_t r = 0; !bad && r < c.records; r++) {
            if (c.record[r] >= c.record[r + 1] || apg_csv_line(csv, &c, r) < c.line)
                abort();
            for (size_t i = c.first[r]; i < c.first[r + 1]; i++)
                on_cell(c.text + c.cell[i].at, c.cell[i].len, &got);
            on_record(0, &got);
        }
    }
    bool mark = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    plain(&want, data + (mark ? 3 : 0), size - (mark ? 3 : 0), format.delimiter);
    /* A failure comes after all that is right before it. */
    if (got.n > want.n || (!status && !bad && got.n != want.n) ||
        (got.n && memcmp(got.s, want.s, got.n) != 0))
        abort();
    apg_csv_chunk_release(&c);
    apg_csv_free(csv);
    free(got.s);
    free(want.s);
    return 0;
}
