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

enum {
    ROW_IDS_MAX = 65535,  /* of a row's multi cells together: see schema.h */
    RECENT_ROWS = 64,     /* for fewer it is not worth while to keep tokens */
    STRIP_ROWS = 64,      /* see struct pass */
    SEARCHES = 1024,      /* that wait, to be made together */
    TRANSPOSED_ROWS = 16, /* whose words are in the first cache while columns become rows */
};
#define INLINE static inline __attribute__((always_inline))

/* sign(x) log1p|x|: linear near 0, a logarithm for what spreads over powers of ten. -0 is 0. */
static float squash(double x)
{
    return x == 0 ? 0 : (float)copysign(log1p(fabs(x)), x);
}

/* The same of a count: most numbers of a log are small and whole. */
static float squash_count(struct apg_sheet *sheet, uint32_t n)
{
    if (n >= APG_SHEET_COUNTS)
        return squash(n);
    if (n && sheet->log1p_of[n] == 0)
        sheet->log1p_of[n] = squash(n);
    return sheet->log1p_of[n];
}

/* The number of up to 8 digits that a cell is, and nothing else. All bytes at once: digits one by one
 * took a tenth of the time from CSV to rows. 8 bytes are read, however short the cell is. */
INLINE bool is_count(const char *text, size_t len, uint32_t *n)
{
    const uint64_t zeros = UINT64_C(0x3030303030303030);
    uint64_t x;
    if (len - 1 >= 8)
        return false;
    memcpy(&x, text, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    /* The first digit is the lowest byte: the cell is moved to the end, behind zeros. */
    x = (x << (64 - 8 * len)) | (zeros >> 1 >> (8 * len - 1));
    const uint64_t digit = x ^ zeros;
    if ((digit | (digit + UINT64_C(0x0606060606060606))) & UINT64_C(0xf0f0f0f0f0f0f0f0))
        return false;
    uint64_t v = digit * 10 + (digit >> 8); /* pairs, in the even bytes */
    v = ((v & UINT64_C(0x000000ff000000ff)) * (100 + (UINT64_C(1000000) << 32)) +
            ((v >> 16) & UINT64_C(0x000000ff000000ff)) * (1 + (UINT64_C(10000) << 32))) >>
        32;
    *n = (uint32_t)v;
    return true;
}

/* The nearest float that is finite. */
static float to_float(double x)
{
    return (float)(x > (double)FLT_MAX ? (double)FLT_MAX : x < -(double)FLT_MAX ? -(double)FLT_MAX : x);
}

/* ---- reading ---- */

/* A pass over a chunk, a strip of rows at a time, whose cells are in the first cache while it goes over
 * them column by column. When it is to end at a bad record, that is to be the first of all. A column that
 * fails at record r sets `rows` and `to` to r, and the columns after it stop there. When bad records are
 * skipped, they are marked, and are taken out of the columns at the end. */
struct pass {
    struct apg_sheet *sheet;
    const struct apg_binding *b;
    const struct apg_csv_chunk *chunk;
    const struct apg_list *missing, *positive;
    bool raw;
    struct apg_new_tokens *new; /* (n_fields) or NULL */
    size_t rows;                /* records to read */
    size_t from, to;            /* the strip at hand */
    bool no_memory;
};

INLINE const struct apg_cell *cell_at(const struct pass *p, size_t row, size_t cell)
{
    return &p->chunk->cell[p->chunk->first[row] + cell];
}

/* The cell of field I: empty when its text says that it is missing. */
INLINE struct apg_cell value_at(const struct pass *p, size_t row, size_t i)
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
        p->rows = p->to = r;
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
    for (size_t r = p->from; r < p->to; r++) {
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
    for (size_t r = p->from; r < p->to; r++) {
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
    for (size_t r = p->from; r < p->to; r++) {
        const struct apg_cell cell = value_at(p, r, i);
        const char *text = p->chunk->text + cell.at;
        uint32_t count;
        double x;
        float t;
        if (cell.len == 0) {
            value[r] = bucket && !raw ? 0 : APG_MISSING;
            continue;
        }
        if (is_count(text, cell.len, &count)) {
            t = bucket ? (float)count : squash_count(p->sheet, count);
        } else if (apg_cell_number(text, cell.len, &x)) {
            t = bucket ? to_float(x) : squash(x);
        } else {
            mark(p, r, APG_BAD_NUMBER, i);
            continue;
        }
        value[r] = raw ? apg_float_word(t) : bucket ? apg_field_bucket(f, t) : apg_field_numeric(f, t);
    }
}

static void read_times(struct pass *p, const struct apg_field *f, size_t i)
{
    uint32_t *value = p->sheet->column[i].value;
    for (size_t r = p->from; r < p->to; r++) {
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

/* Value I of column C is TOKEN, which is value NTH of row R of field F: here, or when it is looked up. No
 * branch depends on whether it is found, because that is often a coin's toss. */
INLINE void put_token(struct pass *p, const struct apg_field *f, size_t field, size_t i, size_t r, size_t nth,
    struct apg_cell token)
{
    const char *text = p->chunk->text + token.at;
    struct apg_sheet_column *c = &p->sheet->column[field];
    struct apg_new_tokens *miss = &p->sheet->miss;
    if (f->hash_bits) {
        c->value[i] = (uint32_t)(apg_vocab_hash(text, token.len) & ((UINT64_C(1) << f->hash_bits) - 1));
        return;
    }
    bool found = false;
    if (c->recent.bits && token.len <= APG_RECENT_BYTES) {
        const struct apg_recent_token key = apg_recent_key(text, token.len),
                                      *at = apg_recent_at(&c->recent, key);
        found = apg_recent_is(at, key);
        c->value[i] = at->id;
    }
    struct apg_new_token *to = &miss->item[miss->n];
    to->row = (uint32_t)r;
    to->nth = (uint32_t)nth;
    to->token = token;
    to->field = (uint32_t)field;
    miss->n += !found;
}

/* Room for N values of column I, and for as many tokens to be looked up. */
static bool grow_tokens(struct pass *p, size_t i, size_t n)
{
    struct apg_sheet_column *c = &p->sheet->column[i];
    struct apg_new_tokens *miss = &p->sheet->miss;
    return apg_grow(&c->value, &c->cap_value, c->n + n, sizeof *c->value) &&
           apg_grow(&miss->item, &miss->cap, miss->n + n, sizeof *miss->item);
}

static bool read_tokens(struct pass *p, const struct apg_field *f, size_t i)
{
    if (!grow_tokens(p, i, p->to - p->from))
        return false;
    for (size_t r = p->from; r < p->to; r++)
        put_token(p, f, i, r, r, 0, value_at(p, r, i));
    return true;
}

static bool read_multi(struct pass *p, const struct apg_field *f, size_t i)
{
    struct apg_sheet_column *c = &p->sheet->column[i];
    for (size_t r = p->from; r < p->to; r++) {
        const struct apg_cell cell = value_at(p, r, i);
        uint32_t at = cell.at, end = cell.at + cell.len;
        c->first[r] = (uint32_t)c->n;
        for (;;) {
            const char *separator = at < end ? memchr(p->chunk->text + at, f->separator, end - at) : NULL;
            uint32_t stop = separator ? (uint32_t)(separator - p->chunk->text) : end;
            if ((c->n == c->cap_value || p->sheet->miss.n == p->sheet->miss.cap) && !grow_tokens(p, i, 1))
                return false;
            put_token(p, f, i, c->n, r, c->n - c->first[r], (struct apg_cell){at, stop - at});
            c->n++;
            if (!separator)
                break;
            at = stop + 1;
        }
        c->first[r + 1] = (uint32_t)c->n;
    }
    return true;
}

/* Look up what was not found at once, of all columns. False: out of memory. */
static bool find_ids(struct pass *p, const struct apg_schema *s)
{
    enum { AHEAD = 16 }; /* how many searches before a search each of its reads is fetched */
    struct apg_new_tokens *miss = &p->sheet->miss;
    struct apg_new_token *item = miss->item;
    const char *text = p->chunk->text;
    for (size_t k = 0; k < miss->n; k++)
        item[k].hash = apg_vocab_hash(text + item[k].token.at, item[k].token.len);
    for (size_t k = 0; k < miss->n + 3 * AHEAD; k++) {
        if (k < miss->n)
            apg_vocab_fetch_slot(&s->field[item[k].field].vocab, item[k].hash);
        if (k >= AHEAD && k - AHEAD < miss->n)
            apg_vocab_fetch_place(&s->field[item[k - AHEAD].field].vocab, item[k - AHEAD].hash);
        if (k >= 2 * AHEAD && k - 2 * AHEAD < miss->n)
            apg_vocab_fetch_text(&s->field[item[k - 2 * AHEAD].field].vocab, item[k - 2 * AHEAD].hash);
        if (k < 3 * AHEAD)
            continue;
        const struct apg_new_token *t = &item[k - 3 * AHEAD];
        const struct apg_field *f = &s->field[t->field];
        struct apg_sheet_column *c = &p->sheet->column[t->field];
        const uint32_t id = apg_vocab_find(&f->vocab, text + t->token.at, t->token.len, t->hash);
        c->value[f->kind == APG_MULTI ? c->first[t->row] + t->nth : t->row] = id;
        if (!id && p->new) {
            struct apg_new_tokens *new = &p->new[t->field];
            if (!apg_grow(&new->item, &new->cap, new->n + 1, sizeof *new->item))
                return false;
            new->item[new->n++] = *t;
        }
        if (id && c->recent.bits && t->token.len <= APG_RECENT_BYTES) {
            const struct apg_recent_token key = apg_recent_key(text + t->token.at, t->token.len);
            *apg_recent_at(&c->recent, key) = (struct apg_recent_token){key.low, key.high, id};
        }
    }
    miss->n = 0;
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
        !apg_grow(&chunk->text, &chunk->cap_text, APG_CSV_SPARE_BYTES, 1)) {
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
static void close_up_multi(const struct pass *p, struct apg_sheet_column *c)
{
    size_t n = 0, rows = 0;
    for (size_t r = 0; r < p->rows; r++) {
        const size_t from = c->first[r], count = c->first[r + 1] - from;
        if (p->sheet->is_bad[r])
            continue;
        c->first[rows++] = (uint32_t)n;
        memmove(c->value + n, c->value + from, count * sizeof *c->value);
        n += count;
    }
    c->first[rows] = (uint32_t)n;
    c->n = n;
}

/* Take them out of a list of new tokens, too. */
static void close_up_new(const struct pass *p, struct apg_new_tokens *new)
{
    size_t n = 0, row = 0; /* ROW: of the rows that stay */
    for (size_t r = 0, k = 0; r < p->rows; row += !p->sheet->is_bad[r++])
        for (; k < new->n &&new->item[k].row == r; k++)
            if (!p->sheet->is_bad[r]) {
                new->item[n] = new->item[k];
                new->item[n++].row = (uint32_t)row;
            }
    new->n = n;
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
        if (p->new)
            close_up_new(p, &p->new[i]);
        if (s->field[i].kind == APG_MULTI) {
            close_up_multi(p, c);
            continue;
        }
        c->n = 0;
        for (size_t r = 0; r < p->rows; r++)
            if (!sheet->is_bad[r])
                c->value[c->n++] = c->value[r];
    }
    p->rows = rows;
    qsort(sheet->bad.item, sheet->bad.n, sizeof *sheet->bad.item, by_record);
}

/* Fill the sheet. */
static enum apg_status read_sheet(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk, bool raw,
    struct apg_new_tokens *new, struct apg_error *err)
{
    struct pass p = {.sheet = sheet,
        .b = b,
        .chunk = chunk,
        .missing = &s->missing,
        .positive = &s->positive,
        .raw = raw,
        .new = new,
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
    sheet->miss.n = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        struct apg_sheet_column *c = &sheet->column[i];
        const bool vocab = apg_field_has_vocab(f), multi = f->kind == APG_MULTI;
        c->n = 0;
        if (new)
            new[i].n = 0;
        if (!apg_grow(&c->value, &c->cap_value, p.rows, sizeof *c->value) ||
            (multi && !apg_grow(&c->first, &c->cap_first, p.rows + 1, sizeof *c->first)) ||
            (vocab && p.rows >= RECENT_ROWS && !apg_recent_fit(&c->recent, &f->vocab)))
            return apg_fail_memory(err);
        if (multi)
            c->first[0] = 0;
    }
    for (; p.from < p.rows; p.from += STRIP_ROWS) {
        p.to = p.rows - p.from < STRIP_ROWS ? p.rows : p.from + STRIP_ROWS;
        read_labels(&p, sheet->label);
        if (s->weight)
            read_weights(&p, sheet->weight);
        for (size_t i = 0; i < s->n_fields; i++) {
            const struct apg_field *f = &s->field[i];
            if (f->part)
                read_times(&p, f, i);
            else if (f->kind == APG_NUMERIC || f->kind == APG_BUCKET)
                read_numbers(&p, f, i);
            else if (!(f->kind == APG_MULTI ? read_multi(&p, f, i) : read_tokens(&p, f, i)))
                return apg_fail_memory(err);
        }
        if ((sheet->miss.n >= SEARCHES || p.from + STRIP_ROWS >= p.rows) && !find_ids(&p, s))
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

/* ---- rows ---- */

/* The words of rows [from, to) that all rows have. A few rows at a time, because a pass over all columns for
 * each row took four times as long. */
static void put_heads(
    const struct apg_sheet *sheet, const struct apg_schema *s, struct apg_block *out, size_t from, size_t to)
{
    uint32_t *row[TRANSPOSED_ROWS];
    const size_t n = to - from, weight = apg_row_weight_at(s);
    for (size_t r = 0; r < n; r++) {
        row[r] = out->words + out->start[from + r];
        row[r][0] = sheet->label[from + r];
        if (weight)
            row[r][weight] = sheet->weight[from + r];
    }
    for (size_t i = 0; i < s->n_fields; i++) {
        const uint32_t *value = sheet->column[i].value;
        for (size_t r = 0; s->field[i].kind != APG_MULTI && r < n; r++)
            row[r][1 + i] = value[from + r];
    }
}

/* The values of multi columns, and where they stand. */
static void put_tail(const struct apg_sheet *sheet, const struct apg_schema *s, size_t r, uint32_t *row)
{
    uint32_t *const tails = row + apg_row_head(s), *tail = tails;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_sheet_column *c = &sheet->column[i];
        if (s->field[i].kind != APG_MULTI)
            continue;
        const uint32_t count = c->first[r + 1] - c->first[r];
        row[1 + i] = (uint32_t)(tail - tails) << 16 | count;
        memcpy(tail, c->value + c->first[r], count * sizeof *tail);
        tail += count;
    }
}

/* The rows of a sheet, which replace those of OUT. */
static enum apg_status put_rows(
    const struct apg_sheet *sheet, const struct apg_schema *s, struct apg_block *out, struct apg_error *err)
{
    size_t head = apg_row_head(s), total = 0, n_multi = 0, bytes;
    bool fits = apg_mul(sheet->rows, head, &total);
    for (size_t i = 0; i < s->n_fields; i++)
        if (s->field[i].kind == APG_MULTI)
            total += sheet->column[i].n, n_multi++;
    if (!fits || total > UINT32_MAX || !apg_mul(total, sizeof *out->words, &bytes))
        return apg_fail(err, APG_ERANGE, "too many columns");
    if (!apg_grow(&out->start, &out->cap_start, sheet->rows + 1, sizeof *out->start) ||
        !apg_grow(&out->words, &out->cap_words, total, sizeof *out->words))
        return apg_fail_memory(err);
    for (size_t r = 0; r <= sheet->rows; r++)
        out->start[r] = (uint32_t)(r * head);
    for (size_t i = 0; n_multi && i < s->n_fields; i++)
        for (size_t r = 0; s->field[i].kind == APG_MULTI && r <= sheet->rows; r++)
            out->start[r] += sheet->column[i].first[r];
    for (size_t r = 0; n_multi && r < sheet->rows; r++)
        put_tail(sheet, s, r, out->words + out->start[r]);
    for (size_t from = 0, to; from < sheet->rows; from = to) {
        to = sheet->rows - from < TRANSPOSED_ROWS ? sheet->rows : from + TRANSPOSED_ROWS;
        put_heads(sheet, s, out, from, to);
    }
    out->rows = (uint32_t)sheet->rows;
    return APG_OK;
}

void apg_sheet_release(struct apg_sheet *sheet)
{
    for (size_t i = 0; i < sheet->cap_column; i++) {
        free(sheet->column[i].value);
        free(sheet->column[i].first);
        apg_recent_release(&sheet->column[i].recent);
    }
    free(sheet->column);
    free(sheet->label);
    free(sheet->weight);
    free(sheet->is_bad);
    free(sheet->bad.item);
    free(sheet->miss.item);
    *sheet = (struct apg_sheet){0};
}

enum apg_status apg_sheet_grow(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk, bool raw,
    struct apg_new_tokens *new, struct apg_block *out, struct apg_error *err)
{
    out->rows = 0;
    enum apg_status status = read_sheet(sheet, s, b, csv, chunk, raw, new, err);
    if (status && status != APG_EINPUT)
        return status;
    const enum apg_status rows = put_rows(sheet, s, out, err);
    return rows ? rows : status;
}

enum apg_status apg_sheet_encode(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk,
    struct apg_block *out, struct apg_error *err)
{
    return apg_sheet_grow(sheet, s, b, csv, chunk, false, NULL, out, err);
}

bool apg_sheet_add(struct apg_schema *s, size_t f, const struct apg_new_tokens *new,
    const struct apg_csv_chunk *chunk, struct apg_block *out)
{
    struct apg_field *field = &s->field[f];
    const size_t head = apg_row_head(s);
    for (size_t k = 0; k < new->n; k++) {
        const struct apg_new_token *t = &new->item[k];
        uint32_t *row = out->words + out->start[t->row], *word = &row[1 + f];
        if (field->kind == APG_MULTI)
            word = row + head + (*word >> 16) + t->nth;
        if (!(*word = apg_vocab_add(&field->vocab, chunk->text + t->token.at, t->token.len, t->hash)))
            return false;
    }
    return true;
}
