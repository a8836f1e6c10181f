/* SPDX-License-Identifier: MIT */
#include "data/encode.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/mem.h"

enum { TAIL_MAX = 65535 };

/* ---- cells ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void trim(const char **text, size_t *len)
{
    while (*len && (**text == ' ' || **text == '\t'))
        (*text)++, (*len)--;
    while (*len && ((*text)[*len - 1] == ' ' || (*text)[*len - 1] == '\t'))
        (*len)--;
}

/* Up to 15 digits and a power of ten of up to 22 are both exact in a double, so one multiplication or
 * division rounds once: what strtod gives, at a tenth of its time. */
static const double power[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
    1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool apg_cell_number(const char *text, size_t len, double *x)
{
    trim(&text, &len);
    const char *p = text, *end = text + len;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    uint64_t digits = 0;
    size_t n_digits = 0, after_point = 0;
    for (; p < end && is_digit(*p); p++, n_digits++)
        digits = digits * 10 + (uint64_t)(*p - '0');
    if (p < end && *p == '.')
        for (p++; p < end && is_digit(*p); p++, n_digits++, after_point++)
            digits = digits * 10 + (uint64_t)(*p - '0');
    if (n_digits == 0)
        return false;
    if (p == end && n_digits <= 15) {
        double v = (double)digits / power[after_point];
        *x = minus ? -v : v;
        return true;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+'))
            p++;
        if (p == end)
            return false;
        while (p < end && is_digit(*p))
            p++;
    }
    char *stop;
    *x = strtod(text, &stop); /* a NUL or a blank follows the cell */
    return p == end && stop == end && isfinite(*x);
}

bool apg_cell_label(const char *text, size_t len, float *y)
{
    if (len == 1 && (*text == '0' || *text == '1')) {
        *y = (float)(*text - '0');
        return true;
    }
    trim(&text, &len);
    double x;
    if (len == 4 && strncasecmp(text, "true", 4) == 0)
        x = 1;
    else if (len == 5 && strncasecmp(text, "false", 5) == 0)
        x = 0;
    else if (!apg_cell_number(text, len, &x) || (x != 0 && x != 1 && x != -1))
        return false;
    *y = x == 1 ? 1 : 0;
    return true;
}

/* sign(x) log1p|x|: linear near 0, a logarithm for what spreads over powers of ten. */
static float squash(double x)
{
    return (float)copysign(log1p(fabs(x)), x);
}

/* The same, remembered for counts: most numbers of a log are small and whole. */
static float squash_count(struct apg_sheet *sheet, double x)
{
    if (!(x >= 0 && x < APG_COUNTS))
        return squash(x);
    size_t n = (size_t)x;
    if ((double)n != x)
        return squash(x);
    if (n && sheet->count[n] == 0)
        sheet->count[n] = squash(x);
    return sheet->count[n];
}

static float to_float(double x)
{
    return (float)(x > (double)FLT_MAX ? (double)FLT_MAX : x < -(double)FLT_MAX ? -(double)FLT_MAX : x);
}

uint32_t apg_bucket_of(const struct apg_field *f, float x)
{
    uint32_t low = 0, high = f->n_edges; /* edges below low are <= x, edges from high on are > x */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->edge[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return 1 + low;
}

/* ---- binding ---- */

static enum apg_status missing_column(const struct apg_binding *b, const char *file, uint64_t line,
    const char *what, const char *name, struct apg_error *err)
{
    char has[512] = "";
    size_t n = 0;
    for (size_t i = 0; i < b->columns && n < sizeof has; i++)
        n += (size_t)snprintf(has + n, sizeof has - n, "%s%s", i ? ", " : "", b->column[i]);
    return apg_fail(err, APG_EINPUT, "%s:%llu: no column '%s', %s; there are: %s%s", file,
        (unsigned long long)line, name, what, has, n < sizeof has ? "" : "...");
}

enum apg_status apg_schema_bind(const struct apg_schema *s, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, bool need_label, struct apg_binding *out, struct apg_error *err)
{
    const char *file = apg_csv_name(csv);
    enum apg_status status = APG_OK;
    *out = (struct apg_binding){.label = SIZE_MAX};
    if (!header->records)
        return apg_fail(err, APG_EINPUT, "%s: empty: not even a header", file);
    size_t n = header->first[1];
    out->column = apg_alloc(n, sizeof *out->column);
    out->cell = apg_alloc(s->n_fields, sizeof *out->cell);
    if (!out->column || !out->cell)
        goto no_memory;
    for (; out->columns < n; out->columns++)
        if (!(out->column[out->columns] = strdup(header->text + header->cell[out->columns].at)))
            goto no_memory;
    for (size_t f = 0; !status && f < s->n_fields; f++) {
        const char *name = s->field[f].name;
        status = apg_csv_find(csv, header, name, &out->cell[f], err);
        if (!status && out->cell[f] == SIZE_MAX)
            status = missing_column(out, file, header->line, "which is an input of the model", name, err);
    }
    if (!status)
        status = apg_csv_find(csv, header, s->label, &out->label, err);
    if (!status && need_label && out->label == SIZE_MAX)
        status = missing_column(out, file, header->line, "the label", s->label, err);
    if (status)
        apg_binding_release(out);
    return status;
no_memory:
    apg_binding_release(out);
    return apg_fail_memory(err);
}

void apg_binding_release(struct apg_binding *b)
{
    for (size_t i = 0; b->column && i < b->columns; i++)
        free(b->column[i]);
    free(b->column);
    free(b->cell);
    *b = (struct apg_binding){.label = SIZE_MAX};
}

/* ---- sheets: reading ---- */

/* A pass over a chunk, column by column. The first bad record is to be reported, whatever its column: a
 * column that fails at record r makes the later ones stop there (rows = r). */
enum bad { NONE, RAGGED, LABEL, NUMBER, LONG };

struct pass {
    struct apg_sheet *sheet;
    const struct apg_binding *b;
    const struct apg_csv_chunk *chunk;
    bool raw;
    size_t rows;
    enum bad bad;
    size_t bad_field;
};

static const struct apg_cell *cell_at(const struct pass *p, size_t row, size_t cell)
{
    return &p->chunk->cell[p->chunk->first[row] + cell];
}

static void stop_at(struct pass *p, size_t row, enum bad bad, size_t field)
{
    p->rows = row;
    p->bad = bad;
    p->bad_field = field;
}

static void read_labels(struct pass *p, uint32_t *label)
{
    for (size_t r = 0; r < p->rows; r++) {
        float y;
        label[r] = APG_MISSING;
        if (p->b->label == SIZE_MAX)
            continue;
        const struct apg_cell *cell = cell_at(p, r, p->b->label);
        if (!apg_cell_label(p->chunk->text + cell->at, cell->len, &y))
            stop_at(p, r, LABEL, 0);
        else
            label[r] = apg_float_word(y);
    }
}

static void read_numbers(struct pass *p, const struct apg_field *f, size_t i)
{
    uint32_t *value = p->sheet->column[i].value;
    bool bucket = f->kind == APG_BUCKET, raw = p->raw;
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell *cell = cell_at(p, r, p->b->cell[i]);
        double x;
        if (cell->len == 0)
            value[r] = bucket && !raw ? 0 : APG_MISSING;
        else if (!apg_cell_number(p->chunk->text + cell->at, cell->len, &x))
            stop_at(p, r, NUMBER, i);
        else if (raw)
            value[r] = apg_float_word(bucket ? to_float(x) : squash_count(p->sheet, x));
        else
            value[r] =
                bucket ? apg_bucket_of(f, to_float(x)) : apg_numeric_word(f, squash_count(p->sheet, x));
    }
}

static void put_token(struct apg_sheet_column *c, const struct apg_field *f, size_t i, const char *text,
    uint32_t at, size_t len)
{
    uint64_t hash = apg_vocab_hash(text + at, len);
    if (f->hash_bits) {
        c->value[i] = (uint32_t)(hash & ((UINT64_C(1) << f->hash_bits) - 1));
    } else {
        c->hash[i] = hash;
        c->token[i] = (struct apg_cell){at, (uint32_t)len};
    }
}

static bool grow_tokens(struct apg_sheet_column *c, const struct apg_field *f, size_t n)
{
    return apg_grow(&c->value, &c->cap_value, n, sizeof *c->value) &&
           (!apg_field_has_vocab(f) || (apg_grow(&c->hash, &c->cap_hash, n, sizeof *c->hash) &&
                                           apg_grow(&c->token, &c->cap_token, n, sizeof *c->token)));
}

static void read_tokens(struct pass *p, const struct apg_field *f, size_t i)
{
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell *cell = cell_at(p, r, p->b->cell[i]);
        put_token(&p->sheet->column[i], f, r, p->chunk->text, cell->at, cell->len);
    }
}

static bool read_multi(struct pass *p, const struct apg_field *f, size_t i)
{
    struct apg_sheet_column *c = &p->sheet->column[i];
    size_t n = 0;
    if (!apg_grow(&c->first, &c->cap_first, p->rows + 1, sizeof *c->first))
        return false;
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell *cell = cell_at(p, r, p->b->cell[i]);
        uint32_t at = cell->at, end = cell->at + cell->len;
        c->first[r] = (uint32_t)n;
        for (;;) {
            const char *separator = at < end ? memchr(p->chunk->text + at, f->separator, end - at) : NULL;
            uint32_t stop = separator ? (uint32_t)(separator - p->chunk->text) : end;
            if (n == c->cap_value && !grow_tokens(c, f, n + 1))
                return false;
            put_token(c, f, n++, p->chunk->text, at, stop - at);
            if (!separator)
                break;
            at = stop + 1;
        }
    }
    c->first[p->rows] = (uint32_t)n;
    c->n = n;
    return true;
}

/* A row's multi cells together must fit its tail. */
static void check_tails(struct pass *p, const struct apg_schema *s)
{
    for (size_t r = 0; r < p->rows; r++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_fields; i++)
            if (s->field[i].kind == APG_MULTI &&
                (n += p->sheet->column[i].first[r + 1] - p->sheet->column[i].first[r]) > TAIL_MAX) {
                stop_at(p, r, LONG, i);
                break;
            }
    }
}

static enum apg_status report(
    const struct pass *p, const struct apg_schema *s, const struct apg_csv *csv, struct apg_error *err)
{
    const struct apg_csv_chunk *chunk = p->chunk;
    const char *file = apg_csv_name(csv), *text;
    unsigned long long line = apg_csv_line(csv, chunk, p->rows);
    const char *column = p->bad == RAGGED                 ? ""
                         : s->n_fields && p->bad != LABEL ? s->field[p->bad_field].name
                                                          : s->label;
    switch (p->bad) {
    case RAGGED:
        return apg_fail(err, APG_EINPUT, "%s:%llu: %zu columns where the header has %zu", file, line,
            (size_t)(chunk->first[p->rows + 1] - chunk->first[p->rows]), p->b->columns);
    case LABEL:
        text = chunk->text + cell_at(p, p->rows, p->b->label)->at;
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: neither 0 nor 1: '%.64s'", file, line, column, text);
    case NUMBER:
        text = chunk->text + cell_at(p, p->rows, p->b->cell[p->bad_field])->at;
        if (p->raw) /* the kind may have been inferred, from rows before this one */
            return apg_fail(err, APG_EINPUT,
                "%s:%llu: %s: not a number: '%.64s' (--categorical %s: not numbers but tokens)", file, line,
                column, text, column);
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: not a number: '%.64s'", file, line, column, text);
    default:
        return apg_fail(
            err, APG_EINPUT, "%s:%llu: %s: a row of over %d values", file, line, column, TAIL_MAX);
    }
}

enum apg_status apg_sheet_read(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, const struct apg_csv_chunk *chunk, bool raw,
    struct apg_error *err)
{
    struct pass p = {.sheet = sheet, .b = b, .chunk = chunk, .raw = raw, .rows = chunk->records};
    size_t had = sheet->cap_column;
    if (!apg_grow(&sheet->label, &sheet->cap_label, p.rows, sizeof *sheet->label) ||
        !apg_grow(&sheet->column, &sheet->cap_column, s->n_fields, sizeof *sheet->column))
        return apg_fail_memory(err);
    if (sheet->cap_column > had)
        memset(sheet->column + had, 0, (sheet->cap_column - had) * sizeof *sheet->column);
    sheet->n_columns = s->n_fields;
    for (size_t r = 0; r < p.rows; r++)
        if (chunk->first[r + 1] - chunk->first[r] != b->columns)
            stop_at(&p, r, RAGGED, 0);
    read_labels(&p, sheet->label);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        struct apg_sheet_column *c = &sheet->column[i];
        if (!grow_tokens(c, f, c->n = p.rows))
            return apg_fail_memory(err);
        if (f->kind == APG_NUMERIC || f->kind == APG_BUCKET)
            read_numbers(&p, f, i);
        else if (f->kind == APG_CATEGORICAL)
            read_tokens(&p, f, i);
        else if (!read_multi(&p, f, i))
            return apg_fail_memory(err);
    }
    check_tails(&p, s);
    sheet->rows = p.rows;
    return p.bad ? report(&p, s, csv, err) : APG_OK;
}

/* ---- sheets: ids ---- */

void apg_sheet_find(
    struct apg_sheet *sheet, const struct apg_field *f, size_t column, const struct apg_csv_chunk *chunk)
{
    struct apg_sheet_column *c = &sheet->column[column];
    for (size_t i = 0; i < c->n; i++) {
        apg_vocab_prefetch(&f->vocab, c->hash, i, c->n);
        c->value[i] = apg_vocab_find(&f->vocab, chunk->text + c->token[i].at, c->token[i].len, c->hash[i]);
    }
}

bool apg_sheet_add(
    struct apg_sheet *sheet, struct apg_field *f, size_t column, const struct apg_csv_chunk *chunk)
{
    struct apg_sheet_column *c = &sheet->column[column];
    for (size_t i = 0; i < c->n; i++) {
        apg_vocab_prefetch(&f->vocab, c->hash, i, c->n);
        c->value[i] = apg_vocab_add(&f->vocab, chunk->text + c->token[i].at, c->token[i].len, c->hash[i]);
        if (!c->value[i])
            return false;
    }
    return true;
}

/* ---- sheets: rows ---- */

enum apg_status apg_sheet_rows(
    const struct apg_sheet *sheet, const struct apg_schema *s, struct apg_block *out, struct apg_error *err)
{
    size_t head = apg_row_head(s), n = 0, total = 0, bytes;
    bool fits = apg_mul(sheet->rows, head, &total);
    for (size_t i = 0; i < s->n_fields; i++)
        if (s->field[i].kind == APG_MULTI)
            total += sheet->column[i].n;
    if (!fits || total > UINT32_MAX || !apg_mul(total, sizeof *out->words, &bytes))
        return apg_fail(err, APG_ERANGE, "too many columns");
    if (!apg_grow(&out->start, &out->cap_start, sheet->rows + 1, sizeof *out->start) ||
        !apg_grow(&out->words, &out->cap_words, total, sizeof *out->words))
        return apg_fail_memory(err);
    for (size_t r = 0; r < sheet->rows; r++) {
        uint32_t *row = out->words + n, *tail = row + head;
        out->start[r] = (uint32_t)n;
        row[0] = sheet->label[r];
        for (size_t i = 0; i < s->n_fields; i++) {
            const struct apg_sheet_column *c = &sheet->column[i];
            if (s->field[i].kind != APG_MULTI) {
                row[1 + i] = c->value[r];
                continue;
            }
            uint32_t count = c->first[r + 1] - c->first[r];
            row[1 + i] = (uint32_t)(tail - (row + head)) << 16 | count;
            memcpy(tail, c->value + c->first[r], count * sizeof *tail);
            tail += count;
        }
        n = (size_t)(tail - out->words);
    }
    out->start[sheet->rows] = (uint32_t)n;
    out->rows = (uint32_t)sheet->rows;
    return APG_OK;
}

void apg_sheet_release(struct apg_sheet *sheet)
{
    for (size_t i = 0; i < sheet->cap_column; i++) {
        free(sheet->column[i].value);
        free(sheet->column[i].hash);
        free(sheet->column[i].token);
        free(sheet->column[i].first);
    }
    free(sheet->column);
    free(sheet->label);
    *sheet = (struct apg_sheet){0};
}

enum apg_status apg_schema_encode(const struct apg_schema *s, const struct apg_binding *b,
    const struct apg_csv *csv, const struct apg_csv_chunk *chunk, struct apg_sheet *scratch,
    struct apg_block *out, struct apg_error *err)
{
    out->rows = 0;
    enum apg_status status = apg_sheet_read(scratch, s, b, csv, chunk, false, err);
    for (size_t i = 0; !status && i < s->n_fields; i++)
        if (apg_field_has_vocab(&s->field[i]))
            apg_sheet_find(scratch, &s->field[i], i, chunk);
    return status ? status : apg_sheet_rows(scratch, s, out, err);
}

/* ---- decoding ---- */

struct line {
    char **buf;
    size_t *n, *cap;
    char delimiter;
    bool failed;
};

static void put(struct line *l, const char *text, size_t len)
{
    if (!apg_grow(l->buf, l->cap, *l->n + 2 * len + 3, 1))
        l->failed = true;
    else
        *l->n += apg_csv_quote(*l->buf + *l->n, text, len, l->delimiter);
}

static void put_delimiter(struct line *l)
{
    if (!apg_grow(l->buf, l->cap, *l->n + 1, 1))
        l->failed = true;
    else
        (*l->buf)[(*l->n)++] = l->delimiter;
}

static void put_number(struct line *l, int digits, double x)
{
    char text[64];
    put(l, text, (size_t)snprintf(text, sizeof text, "%.*g", digits, x));
}

/* A cell of several tokens is quoted as a whole, so it is put together first. */
static void put_multi(struct line *l, const struct apg_field *f, const uint32_t *id, size_t count)
{
    char *cell = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = 0;
        const char *token = f->hash_bits ? "" : apg_vocab_token(&f->vocab, id[i], &len);
        if (!apg_grow(&cell, &cap, n + len + 1, 1)) {
            l->failed = true;
            break;
        }
        if (i)
            cell[n++] = f->separator;
        if (len)
            memcpy(cell + n, token, len);
        n += len;
    }
    put(l, cell, n);
    free(cell);
}

static void put_value(struct line *l, const struct apg_schema *s, const uint32_t *row, size_t i)
{
    const struct apg_field *f = &s->field[i];
    uint32_t word = row[1 + i];
    size_t len;
    if (f->kind == APG_MULTI) {
        put_multi(l, f, row + apg_row_head(s) + (word >> 16), word & TAIL_MAX);
    } else if (f->kind == APG_CATEGORICAL) {
        const char *token = f->hash_bits ? (len = 0, "") : apg_vocab_token(&f->vocab, word, &len);
        put(l, token, len);
    } else if (f->kind == APG_NUMERIC && word != APG_MISSING) {
        double raw = (double)apg_word_float(word) * f->deviation + f->mean;
        put_number(l, 6, copysign(expm1(fabs(raw)), raw));
    } else if (f->kind == APG_BUCKET && word > 0) {
        float x = f->n_edges == 0 ? 0 : word == 1 ? nextafterf(f->edge[0], -INFINITY) : f->edge[word - 2];
        put_number(l, 9, (double)x);
    }
}

enum apg_status apg_schema_decode(const struct apg_schema *s, const uint32_t *row, char **buf, size_t *n,
    size_t *cap, struct apg_error *err)
{
    struct line l = {buf, n, cap, s->delimiter, false};
    if (row[0] != APG_MISSING)
        put(&l, apg_word_float(row[0]) > 0 ? "1" : "0", 1);
    for (size_t i = 0; i < s->n_fields; i++) {
        put_delimiter(&l);
        put_value(&l, s, row, i);
    }
    return l.failed ? apg_fail_memory(err) : APG_OK;
}

enum apg_status apg_schema_decode_header(
    const struct apg_schema *s, char **buf, size_t *n, size_t *cap, struct apg_error *err)
{
    struct line l = {buf, n, cap, s->delimiter, false};
    put(&l, s->label, strlen(s->label));
    for (size_t i = 0; i < s->n_fields; i++) {
        put_delimiter(&l);
        put(&l, s->field[i].name, strlen(s->field[i].name));
    }
    return l.failed ? apg_fail_memory(err) : APG_OK;
}
