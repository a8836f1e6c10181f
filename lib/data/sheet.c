/* SPDX-License-Identifier: MIT */
#include "data/sheet.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/cell.h"
#include "data/label.h"
#include "data/time.h"

enum { ROW_IDS_MAX = 65535 }; /* of a row's multi cells together: see schema.h */

/* sign(x) log1p|x|: linear near 0, a logarithm for what spreads over powers of ten. */
static float squash(double x)
{
    return (float)copysign(log1p(fabs(x)), x);
}

/* The same, but the result for a count is kept: most numbers of a log are small and whole. */
static float squash_count(struct apg_sheet *sheet, double x)
{
    if (!(x >= 0 && x < APG_SHEET_COUNTS))
        return squash(x);
    size_t n = (size_t)x;
    if ((double)n != x)
        return squash(x);
    if (n && sheet->log1p_of[n] == 0)
        sheet->log1p_of[n] = squash(x);
    return sheet->log1p_of[n];
}

/* The nearest float that is finite. */
static float to_float(double x)
{
    return (float)(x > (double)FLT_MAX ? (double)FLT_MAX : x < -(double)FLT_MAX ? -(double)FLT_MAX : x);
}

/* ---- reading ---- */

/* A pass over a chunk, column by column. When it is to end at a bad record, that is to be the first
 * of all. A column that fails at record r sets `rows` to r, and the columns after it stop there.
 * When bad records are skipped, they are marked, and are taken out of the columns at the end. */
struct pass {
    struct apg_sheet *sheet;
    const struct apg_binding *b;
    const struct apg_csv_chunk *chunk;
    const struct apg_list *missing, *positive;
    bool raw;
    size_t rows; /* records to read */
    bool no_memory;
};

static const struct apg_cell *cell_at(const struct pass *p, size_t row, size_t cell)
{
    return &p->chunk->cell[p->chunk->first[row] + cell];
}

/* The cell of field I: empty when its text says that it is missing. */
static struct apg_cell value_at(const struct pass *p, size_t row, size_t i)
{
    struct apg_cell cell = *cell_at(p, row, p->b->cell[i]);
    if (p->missing->n && apg_list_has(p->missing, p->chunk->text + cell.at))
        cell.len = 0;
    return cell;
}

/* Record R is bad. What was found first of a record counts. */
static void mark(struct pass *p, size_t r, enum apg_bad_kind kind, size_t at)
{
    struct apg_sheet *sheet = p->sheet;
    struct apg_bad_list *list = &sheet->bad;
    if (!sheet->skip) {
        p->rows = r;
        list->n = 0;
    } else if (!list->n) {
        if (!apg_grow(&sheet->is_bad, &sheet->cap_is_bad, p->rows, sizeof *sheet->is_bad)) {
            p->no_memory = true;
            return;
        }
        memset(sheet->is_bad, false, p->rows * sizeof *sheet->is_bad);
    } else if (sheet->is_bad[r]) {
        return;
    }
    if (!apg_grow(&list->item, &list->cap, list->n + 1, sizeof *list->item)) {
        p->no_memory = true;
        return;
    }
    if (sheet->skip)
        sheet->is_bad[r] = true;
    list->item[list->n++] = (struct apg_bad){.record = (uint32_t)r, .kind = kind, .at = (uint32_t)at};
}

static void read_labels(struct pass *p, uint32_t *label)
{
    for (size_t r = 0; r < p->rows; r++) {
        float y;
        label[r] = APG_MISSING;
        if (p->b->label == SIZE_MAX)
            continue;
        const struct apg_cell *cell = cell_at(p, r, p->b->label);
        if (apg_cell_label(p->chunk->text + cell->at, cell->len, p->positive, &y))
            label[r] = apg_float_word(y);
        else if (p->b->need_label)
            mark(p, r, APG_BAD_LABEL, 0);
    }
}

static void read_weights(struct pass *p, uint32_t *weight)
{
    for (size_t r = 0; r < p->rows; r++) {
        float w;
        weight[r] = APG_MISSING;
        if (p->b->weight == SIZE_MAX)
            continue;
        const struct apg_cell *cell = cell_at(p, r, p->b->weight);
        if (apg_cell_weight(p->chunk->text + cell->at, cell->len, &w))
            weight[r] = apg_float_word(w);
        else if (p->b->need_label)
            mark(p, r, APG_BAD_WEIGHT, 0);
    }
}

static void read_numbers(struct pass *p, const struct apg_field *f, size_t i)
{
    uint32_t *value = p->sheet->column[i].value;
    bool bucket = f->kind == APG_BUCKET, raw = p->raw;
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell cell = value_at(p, r, i);
        double x;
        if (cell.len == 0)
            value[r] = bucket && !raw ? 0 : APG_MISSING;
        else if (!apg_cell_number(p->chunk->text + cell.at, cell.len, &x))
            mark(p, r, APG_BAD_NUMBER, i);
        else if (raw)
            value[r] = apg_float_word(bucket ? to_float(x) : squash_count(p->sheet, x));
        else
            value[r] =
                bucket ? apg_field_bucket(f, to_float(x)) : apg_field_numeric(f, squash_count(p->sheet, x));
    }
}

static void read_times(struct pass *p, const struct apg_field *f, size_t i)
{
    uint32_t *value = p->sheet->column[i].value;
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell cell = value_at(p, r, i);
        struct apg_time t;
        if (cell.len == 0)
            value[r] = f->part == APG_TIME_AGE || p->raw ? APG_MISSING : 0;
        else if (!apg_time_read(&t, p->chunk->text + cell.at, cell.len, f->hours))
            mark(p, r, APG_BAD_TIME, i);
        else if (f->part == APG_TIME_AGE)
            value[r] = p->raw ? apg_float_word((float)t.days)
                              : apg_field_numeric(f, apg_field_age(f, (float)t.days));
        else {
            const float x = (float)(f->part == APG_TIME_HOUR ? t.hour : t.weekday);
            value[r] = p->raw ? apg_float_word(x) : apg_field_bucket(f, x);
        }
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
        const struct apg_cell cell = value_at(p, r, i);
        put_token(&p->sheet->column[i], f, r, p->chunk->text, cell.at, cell.len);
    }
}

static bool read_multi(struct pass *p, const struct apg_field *f, size_t i)
{
    struct apg_sheet_column *c = &p->sheet->column[i];
    size_t n = 0;
    if (!apg_grow(&c->first, &c->cap_first, p->rows + 1, sizeof *c->first))
        return false;
    for (size_t r = 0; r < p->rows; r++) {
        const struct apg_cell cell = value_at(p, r, i);
        uint32_t at = cell.at, end = cell.at + cell.len;
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

/* The ids of a row's multi cells must fit into its tail together. */
static void check_tails(struct pass *p, const struct apg_schema *s)
{
    for (size_t r = 0; r < p->rows; r++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_fields; i++)
            if (s->field[i].kind == APG_MULTI &&
                (n += p->sheet->column[i].first[r + 1] - p->sheet->column[i].first[r]) > ROW_IDS_MAX) {
                mark(p, r, APG_BAD_LONG, i);
                break;
            }
    }
}

enum apg_status apg_sheet_fail(const struct apg_bad *bad, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, const struct apg_csv_chunk *chunk, uint64_t line,
    bool raw, struct apg_error *err)
{
    const char *file = apg_csv_name(csv), *text = "", *column = "";
    const unsigned long long at = line;
    if (bad->kind == APG_BAD_NUMBER || bad->kind == APG_BAD_TIME || bad->kind == APG_BAD_LONG) {
        column = apg_field_column(&s->field[bad->at]);
        text = chunk->text + chunk->cell[chunk->first[bad->record] + b->cell[bad->at]].at;
    } else if (bad->kind == APG_BAD_LABEL) {
        text = chunk->text + chunk->cell[chunk->first[bad->record] + b->label].at;
    } else if (bad->kind == APG_BAD_WEIGHT) {
        text = chunk->text + chunk->cell[chunk->first[bad->record] + b->weight].at;
    }
    switch (bad->kind) {
    case APG_BAD_TEXT:
        return apg_csv_fail(csv, chunk, bad->record, err);
    case APG_BAD_COLUMNS:
        return apg_fail(
            err, APG_EINPUT, "%s:%llu: %u columns where the header has %zu", file, at, bad->at, b->columns);
    case APG_BAD_LABEL: {
        char advice[512] = "";
        if (raw && !s->positive.n)
            apg_label_advise_values(advice, sizeof advice, chunk, b->columns, b->label);
        return apg_fail(
            err, APG_EINPUT, "%s:%llu: %s: neither 0 nor 1: '%.64s'%s", file, at, s->label, text, advice);
    }
    case APG_BAD_WEIGHT:
        if (!*text)
            return apg_fail(
                err, APG_EINPUT, "%s:%llu: %s: no weight: the cell is empty", file, at, s->weight);
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: not a weight (a number from 0 on): '%.64s'", file, at,
            s->weight, text);
    case APG_BAD_NUMBER:
        if (raw) /* the kind may have been inferred, from rows before this one */
            return apg_fail(err, APG_EINPUT,
                "%s:%llu: %s: not a number: '%.64s' (--categorical %s: not numbers but tokens)", file, at,
                column, text, column);
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: not a number: '%.64s'", file, at, column, text);
    case APG_BAD_TIME:
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: not a time: '%.64s'", file, at, column, text);
    case APG_BAD_LOGIT:
        return apg_fail(
            err, APG_EINPUT, "%s:%llu: the model's logit is not finite: %g", file, at, bad->logit);
    default:
        return apg_fail(
            err, APG_EINPUT, "%s:%llu: %s: a row of over %d values", file, at, column, ROW_IDS_MAX);
    }
}

/* Mark the records without the right cells. Where reading goes on, they get empty ones, so that the
 * columns need not ask. */
static void check_records(struct pass *p, struct apg_csv_chunk *chunk)
{
    const size_t columns = p->b->columns, cells = chunk->first[chunk->records];
    for (size_t r = p->rows; r-- > 0;) /* so that the first stays when reading is to end there */
        if ((chunk->broken || chunk->nul) && apg_csv_is_bad(chunk, r))
            mark(p, r, APG_BAD_TEXT, 0);
        else if (chunk->first[r + 1] - chunk->first[r] != columns)
            mark(p, r, APG_BAD_COLUMNS, chunk->first[r + 1] - chunk->first[r]);
    if (!p->sheet->skip || !p->sheet->bad.n || p->no_memory)
        return;
    if (!apg_grow(&chunk->cell, &chunk->cap_cell, cells + columns, sizeof *chunk->cell) ||
        !apg_grow(&chunk->text, &chunk->cap_text, 1, 1)) {
        p->no_memory = true;
        return;
    }
    if (chunk->broken)
        chunk->text[0] = '\0';
    memset(chunk->cell + cells, 0, columns * sizeof *chunk->cell);
    for (size_t i = 0; i < p->sheet->bad.n; i++)
        chunk->first[p->sheet->bad.item[i].record] = (uint32_t)cells;
}

static int by_record(const void *a, const void *b)
{
    const uint32_t x = ((const struct apg_bad *)a)->record, y = ((const struct apg_bad *)b)->record;
    return (x > y) - (x < y);
}

/* Take the values of bad records out of a multi column; the others close up. */
static void close_up_multi(const struct pass *p, const struct apg_field *f, struct apg_sheet_column *c)
{
    size_t n = 0, rows = 0;
    for (size_t r = 0; r < p->rows; r++) {
        const size_t from = c->first[r], count = c->first[r + 1] - from;
        if (p->sheet->is_bad[r])
            continue;
        c->first[rows++] = (uint32_t)n;
        memmove(c->value + n, c->value + from, count * sizeof *c->value);
        if (apg_field_has_vocab(f)) {
            memmove(c->hash + n, c->hash + from, count * sizeof *c->hash);
            memmove(c->token + n, c->token + from, count * sizeof *c->token);
        }
        n += count;
    }
    c->first[rows] = (uint32_t)n;
    c->n = n;
}

/* The sheet without its bad records. */
static void close_up(struct pass *p, const struct apg_schema *s)
{
    struct apg_sheet *sheet = p->sheet;
    size_t rows = 0;
    for (size_t r = 0; r < p->rows; r++) {
        if (sheet->is_bad[r])
            continue;
        if (s->weight)
            sheet->weight[rows] = sheet->weight[r];
        sheet->label[rows++] = sheet->label[r];
    }
    for (size_t i = 0; i < s->n_fields; i++) {
        struct apg_sheet_column *c = &sheet->column[i];
        const bool vocab = apg_field_has_vocab(&s->field[i]);
        if (s->field[i].kind == APG_MULTI) {
            close_up_multi(p, &s->field[i], c);
            continue;
        }
        c->n = 0;
        for (size_t r = 0; r < p->rows; r++) {
            if (sheet->is_bad[r])
                continue;
            c->value[c->n] = c->value[r];
            if (vocab) {
                c->hash[c->n] = c->hash[r];
                c->token[c->n] = c->token[r];
            }
            c->n++;
        }
    }
    p->rows = rows;
    qsort(sheet->bad.item, sheet->bad.n, sizeof *sheet->bad.item, by_record);
}

enum apg_status apg_sheet_read(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk, bool raw,
    struct apg_error *err)
{
    struct pass p = {.sheet = sheet,
        .b = b,
        .chunk = chunk,
        .missing = &s->missing,
        .positive = &s->positive,
        .raw = raw,
        .rows = chunk->records};
    size_t had = sheet->cap_column;
    sheet->bad.n = 0;
    if (!apg_grow(&sheet->label, &sheet->cap_label, p.rows, sizeof *sheet->label) ||
        (s->weight && !apg_grow(&sheet->weight, &sheet->cap_weight, p.rows, sizeof *sheet->weight)) ||
        !apg_grow(&sheet->column, &sheet->cap_column, s->n_fields, sizeof *sheet->column))
        return apg_fail_memory(err);
    if (sheet->cap_column > had)
        memset(sheet->column + had, 0, (sheet->cap_column - had) * sizeof *sheet->column);
    sheet->n_columns = s->n_fields;
    check_records(&p, chunk);
    if (p.no_memory)
        return apg_fail_memory(err);
    read_labels(&p, sheet->label);
    if (s->weight)
        read_weights(&p, sheet->weight);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        struct apg_sheet_column *c = &sheet->column[i];
        if (!grow_tokens(c, f, c->n = p.rows))
            return apg_fail_memory(err);
        if (f->part)
            read_times(&p, f, i);
        else if (f->kind == APG_NUMERIC || f->kind == APG_BUCKET)
            read_numbers(&p, f, i);
        else if (f->kind == APG_CATEGORICAL)
            read_tokens(&p, f, i);
        else if (!read_multi(&p, f, i))
            return apg_fail_memory(err);
    }
    check_tails(&p, s);
    if (p.no_memory)
        return apg_fail_memory(err);
    if (sheet->skip && sheet->bad.n)
        close_up(&p, s);
    sheet->rows = p.rows;
    if (sheet->skip || !sheet->bad.n)
        return APG_OK;
    return apg_sheet_fail(
        &sheet->bad.item[0], s, b, csv, chunk, apg_csv_line(csv, chunk, sheet->rows), raw, err);
}

/* ---- ids ---- */

static void find_ids(
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

/* ---- rows ---- */

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
        if (s->weight)
            row[apg_row_weight_at(s)] = sheet->weight[r];
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
    free(sheet->weight);
    free(sheet->is_bad);
    free(sheet->bad.item);
    *sheet = (struct apg_sheet){0};
}

enum apg_status apg_sheet_encode(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk,
    struct apg_block *out, struct apg_error *err)
{
    out->rows = 0;
    enum apg_status status = apg_sheet_read(sheet, s, b, csv, chunk, false, err);
    if (status && status != APG_EINPUT)
        return status;
    for (size_t i = 0; i < s->n_fields; i++)
        if (apg_field_has_vocab(&s->field[i]))
            find_ids(sheet, &s->field[i], i, chunk);
    const enum apg_status rows = apg_sheet_rows(sheet, s, out, err);
    return rows ? rows : status;
}
