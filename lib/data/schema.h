/* SPDX-License-Identifier: MIT
 *
 * schema.h - what the columns of a log mean, and how a row of text becomes a row of numbers. The encoder of
 * a model.
 *
 * A FIELD is a column that the model reads. Each has rows in the embedding table:
 *   categorical  one id per row; id 0 is out of vocabulary (also what was seen fewer than --min-count times)
 *   multi        any number of ids per cell ("Action|Comedy"), ids as above; the model takes the mean
 *   bucket       a number cut at training quantiles: id 0 missing, ids 1..edges+1
 *   numeric      a value v = (sign(x) log1p|x| - mean) / deviation of the training rows; 2 table rows:
 *                row 0 is the vector of a missing value, row 1 the vector that v scales
 * An empty cell is the token "" of a categorical or multi column, and "missing" for a number. Types belong
 * to columns, never to cells: a cell of a numeric or bucket column that is no finite number is an error
 * with its place.
 *
 * A ROW is 32-bit words: [label] [field 0] .. [field F-1] [ids of multi cells]
 *   label        float: 0 or 1; NaN: absent (predicting). Words hold a float's bits where a float is meant
 *   categorical, bucket: the id. numeric: v as float, NaN: missing
 *   multi        begin << 16 | count: place in the row's tail, so at most 65,535 ids in a row's tail
 */
#ifndef APG_SCHEMA_H
#define APG_SCHEMA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "data/vocab.h"

enum apg_kind { APG_CATEGORICAL, APG_MULTI, APG_NUMERIC, APG_BUCKET, APG_KINDS };
extern const char *const apg_kind_name[APG_KINDS]; /* "categorical", ...: as in --categorical */

struct apg_field {
    char *name;
    enum apg_kind kind;
    uint32_t rows;      /* in the embedding table */
    uint32_t first;     /* of those: where they start in the joint table of all fields */
    unsigned hash_bits; /* categorical and multi without a vocabulary: id = hash mod 2^bits; else 0 */
    char separator;     /* of a multi cell: '|' */
    struct apg_vocab vocab;
    double mean, deviation; /* numeric */
    uint32_t n_edges;       /* bucket */
    float *edge;            /* (n_edges) ascending; id = 1 + number of edges <= x */
};

struct apg_schema {
    char *label; /* the label column's name */
    char delimiter;
    size_t n_fields;
    struct apg_field *field;
    uint32_t rows;      /* of the joint table: the sum of field rows */
    uint32_t min_count; /* how the vocabulary was cut; for inspect */
};

void apg_schema_free(struct apg_schema *s);
/* What S borrows from a file that is mapped becomes its own, so that it may outlive the file. */
enum apg_status apg_schema_own(struct apg_schema *s, struct apg_error *err);
static inline bool apg_field_has_vocab(const struct apg_field *f)
{
    return f->kind <= APG_MULTI && !f->hash_bits;
}
/* Has every row exactly one id of it? */
static inline bool apg_field_is_domain(const struct apg_field *f)
{
    return f->kind == APG_CATEGORICAL || f->kind == APG_BUCKET;
}
/* Words of a row before its tail. */
static inline size_t apg_row_head(const struct apg_schema *s)
{
    return 1 + s->n_fields;
}
/* The field named NAME, or SIZE_MAX. */
size_t apg_schema_find(const struct apg_schema *s, const char *name);
/* XXH3 over everything that decides what a row's words mean: two schemas with one hash encode alike. */
uint64_t apg_schema_hash(const struct apg_schema *s);

/* ---- rows ---- */

/* The one NaN that rows hold: a label that is absent, a number that is missing. */
#define APG_MISSING UINT32_C(0x7fc00000)

enum { APG_BLOCK_ROWS = 8192 }; /* every block of a data set but the last holds this many */

/* Rows, one after another. words and start may be borrowed from a mapping (cap_* = 0). */
struct apg_block {
    uint32_t rows;
    uint32_t *start; /* (rows + 1): where each row starts, in words */
    uint32_t *words;
    size_t cap_start, cap_words;
};
/* Frees what is owned, and zeroes. */
void apg_block_release(struct apg_block *b);
/* Append rows [from, to) of SRC to DST, which owns its memory. A block has at most 2^32 - 1 words
 * (APG_ERANGE). */
enum apg_status apg_block_append(
    struct apg_block *dst, const struct apg_block *src, size_t from, size_t to, struct apg_error *err);
/* Rows with the label 1. */
uint64_t apg_block_positives(const struct apg_block *b);
static inline const uint32_t *apg_block_row(const struct apg_block *b, size_t i)
{
    return b->words + b->start[i];
}
static inline float apg_word_float(uint32_t w)
{
    union {
        uint32_t u;
        float f;
    } x = {w};
    return x.f;
}
static inline uint32_t apg_float_word(float f)
{
    union {
        float f;
        uint32_t u;
    } x = {f};
    return x.u;
}

/* The word of numeric field F for a cell x, given RAW = sign(x) log1p|x|; for an empty cell RAW is NaN. */
static inline uint32_t apg_field_numeric(const struct apg_field *f, float raw)
{
    return raw == raw ? apg_float_word((float)(((double)raw - f->mean) / f->deviation)) : APG_MISSING;
}
/* The id that bucket field F gives to X. */
uint32_t apg_field_bucket(const struct apg_field *f, float x);

#endif
