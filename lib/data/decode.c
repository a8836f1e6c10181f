/* SPDX-License-Identifier: MIT */
#include "data/decode.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/csvread.h"

/* The line being written. Out of memory shows in `failed`. */
struct line {
    char **buf;
    size_t *n, *cap;
    char delimiter;
    bool quotes, failed;
};

static void put(struct line *l, const char *text, size_t len)
{
    if (!apg_grow(l->buf, l->cap, *l->n + 2 * len + 3, 1))
        l->failed = true;
    else
        *l->n += apg_csv_write(*l->buf + *l->n, text, len, l->delimiter, l->quotes);
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
        put_multi(l, f, row + apg_row_head(s) + (word >> 16), word & 0xffff);
    } else if (f->kind == APG_CATEGORICAL) {
        const char *token = f->hash_bits ? (len = 0, "") : apg_vocab_token(&f->vocab, word, &len);
        put(l, token, len);
    } else if (f->kind == APG_NUMERIC && word != APG_MISSING) {
        double raw = (double)apg_word_float(word) * f->deviation + f->mean;
        put_number(l, 6, copysign(expm1(fabs(raw)), raw));
    } else if (f->part && f->kind == APG_BUCKET && word > 0) {
        put_number(l, 9, f->part == APG_TIME_HOUR ? word - 1 : word);
    } else if (f->kind == APG_BUCKET && word > 0) {
        float x = f->n_edges == 0 ? 0 : word == 1 ? nextafterf(f->edge[0], -INFINITY) : f->edge[word - 2];
        put_number(l, 9, (double)x);
    }
}

enum apg_status apg_decode_row(const struct apg_schema *s, const uint32_t *row, char **buf, size_t *n,
    size_t *cap, struct apg_error *err)
{
    struct line l = {buf, n, cap, s->delimiter, !s->no_quotes, false};
    if (row[0] != APG_MISSING)
        put(&l, apg_word_float(row[0]) > 0 ? "1" : "0", 1);
    for (size_t i = 0; i < s->n_fields; i++) {
        put_delimiter(&l);
        put_value(&l, s, row, i);
    }
    if (s->weight) {
        put_delimiter(&l);
        if (row[apg_row_weight_at(s)] != APG_MISSING)
            put_number(&l, 9, (double)apg_row_weight(s, row));
    }
    return l.failed ? apg_fail_memory(err) : APG_OK;
}

enum apg_status apg_decode_header(
    const struct apg_schema *s, char **buf, size_t *n, size_t *cap, struct apg_error *err)
{
    struct line l = {buf, n, cap, s->delimiter, !s->no_quotes, false};
    put(&l, s->label, strlen(s->label));
    for (size_t i = 0; i < s->n_fields; i++) {
        put_delimiter(&l);
        put(&l, s->field[i].name, strlen(s->field[i].name));
    }
    if (s->weight) {
        put_delimiter(&l);
        put(&l, s->weight, strlen(s->weight));
    }
    return l.failed ? apg_fail_memory(err) : APG_OK;
}
