/* SPDX-License-Identifier: MIT
 *
 * sheet.h - the records of a CSV chunk by column: numbers and ids instead of text, on the way to
 * rows.
 *
 * With a finished schema, apg_sheet_encode goes from a chunk to rows. While a schema is being made
 * (ingest.h), adding to a vocabulary is a step of its own, because it is not thread-safe:
 *
 *   apg_sheet_grow   a chunk to rows, in which tokens that are new have no ids yet: chunks in parallel
 *   apg_sheet_add    one column's new tokens get ids: columns in parallel, chunks in order
 *
 * A bad record is one that makes no row. By default a sheet ends before the first, which is the
 * error. With `skip` bad records are left out of it and listed.
 *
 * A sheet is memory that calls reuse. One thread at a time uses a sheet; different sheets are
 * independent.
 */
#ifndef APG_SHEET_H
#define APG_SHEET_H
#include "data/binding.h"
#include "data/csvread.h"
#include "data/recent.h"
#include "data/schema.h"

struct apg_sheet_column {
    size_t n;        /* how many values: one per row, or any number of a multi column */
    uint32_t *value; /* (n) words as in a row: an id, or a float's bits */
    uint32_t *first; /* (rows + 1) multi: row r has the values first[r] .. first[r + 1] */
    size_t cap_value, cap_first;
    struct apg_recent recent; /* of a vocabulary */
};
/* Tokens that a vocabulary does not know, in the order of their rows. */
struct apg_new_tokens {
    struct apg_new_token {
        uint32_t row, nth;     /* of the rows made; of the values of its cell */
        struct apg_cell token; /* in the chunk's text */
        uint64_t hash;
        uint32_t field;
    } * item;
    size_t n, cap;
};
/* What is wrong with a record. */
enum apg_bad_kind {
    APG_BAD_TEXT,    /* see apg_csv_is_bad */
    APG_BAD_COLUMNS, /* not as many cells as the header */
    APG_BAD_LABEL,
    APG_BAD_WEIGHT,
    APG_BAD_NUMBER, /* a cell of a number's column is none */
    APG_BAD_TIME,   /* likewise of a column of times */
    APG_BAD_LONG,   /* its multi cells have too many tokens */
    APG_BAD_LOGIT,  /* it makes a row, but the model's logit of it is not finite */
};
struct apg_bad {
    uint32_t record; /* of the chunk */
    enum apg_bad_kind kind;
    uint32_t at;  /* COLUMNS: how many cells it has; NUMBER, TIME, LONG: the field */
    double logit; /* LOGIT */
};
/* Records that are left out, in their order. */
struct apg_bad_list {
    struct apg_bad *item;
    size_t n, cap;
};

enum { APG_SHEET_COUNTS = 1024 };
/* Starts zeroed. It is for one schema, to which tokens may be added. */
struct apg_sheet {
    bool skip;               /* set by its owner: go on behind a bad record */
    struct apg_bad_list bad; /* of the last chunk */
    size_t rows, n_columns;
    uint32_t *label;                 /* (rows) words as in a row */
    uint32_t *weight;                /* (rows) likewise, of a schema with weights */
    struct apg_sheet_column *column; /* (n_fields) */
    size_t cap_label, cap_weight, cap_column;
    float log1p_of[APG_SHEET_COUNTS]; /* log1p of the counts met so far, 0 for the others */
    /* private: */
    bool *is_bad; /* (records) */
    size_t cap_is_bad;
    struct apg_new_tokens miss; /* of all columns: tokens that are to be looked up */
};
void apg_sheet_release(struct apg_sheet *sheet);

/* All records of a parsed chunk to rows of S, which replace those of OUT. Without sheet->skip errors
 * name the file, the line and the column of the first bad record (APG_EINPUT); OUT then has the
 * records before it. Cells of a bad record of too few or many are not those that CHUNK had. */
enum apg_status apg_sheet_encode(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk,
    struct apg_block *out, struct apg_error *err);

/* The error of a record that is BAD, on LINE. Returns APG_EINPUT. RAW as for apg_sheet_read. */
enum apg_status apg_sheet_fail(const struct apg_bad *bad, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, const struct apg_csv_chunk *chunk, uint64_t line,
    bool raw, struct apg_error *err);

/* ---- the same while the schema is being made ---- */

/* NEW (n_fields) gets what each field's vocabulary does not know; words of ROWS for these are 0. RAW:
 * numbers are not known either, so a numeric value is sign(x) log1p|x| before it is standardized (see
 * apg_field_numeric) and a bucket's is x itself, both as floats. */
enum apg_status apg_sheet_grow(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk, bool raw,
    struct apg_new_tokens *new, struct apg_block *out, struct apg_error *err);
/* The tokens NEW of field F get ids, those that are new to its vocabulary too, and rows of OUT get
 * these. False: out of memory. */
bool apg_sheet_add(struct apg_schema *s, size_t f, const struct apg_new_tokens *new,
    const struct apg_csv_chunk *chunk, struct apg_block *out);

#endif
