/* SPDX-License-Identifier: MIT
 *
 * sheet.h - the records of a CSV chunk by column: numbers and ids instead of text, on the way to
 * rows.
 *
 * With a finished schema, apg_sheet_encode goes the whole way from a chunk to rows. While a schema
 * is being made (ingest.h), the steps are taken apart, because adding to a vocabulary is not
 * thread-safe:
 *
 *   apg_sheet_read   a chunk to a sheet: sheets of several chunks are read in parallel
 *   apg_sheet_add    one column's tokens to ids, new ones added: columns in parallel, sheets in order
 *   apg_sheet_rows   a sheet to rows: sheets in parallel again
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
#include "data/schema.h"

struct apg_sheet_column {
    size_t n;               /* how many values: one per row, or any number of a multi column */
    uint32_t *value;        /* (n) words as in a row: an id, or a float's bits */
    uint64_t *hash;         /* (n) of the tokens; only with a vocabulary */
    struct apg_cell *token; /* (n) places of the tokens in the chunk's text; only with a vocabulary */
    uint32_t *first;        /* (rows + 1) multi: row r has the values first[r] .. first[r + 1] */
    size_t cap_value, cap_hash, cap_token, cap_first;
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
/* Starts zeroed. */
struct apg_sheet {
    bool skip;               /* set by its owner: go on behind a bad record */
    struct apg_bad_list bad; /* of the last chunk */
    size_t rows, n_columns;
    uint32_t *label;                 /* (rows) words as in a row */
    uint32_t *weight;                /* (rows) likewise, of a schema with weights */
    struct apg_sheet_column *column; /* (n_fields) */
    size_t cap_label, cap_weight, cap_column;
    float log1p_of[APG_SHEET_COUNTS]; /* log1p of the counts met so far, 0 for the others */
    bool *is_bad;                     /* private: (records) */
    size_t cap_is_bad;
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

/* ---- the steps of it ---- */

/* Fill the sheet, but for the values of columns with a vocabulary, of which it gets tokens and
 * hashes. RAW: the schema is not finished, so a numeric value is sign(x) log1p|x| before it is
 * standardized (see apg_field_numeric) and a bucket's is x itself, both as floats. */
enum apg_status apg_sheet_read(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, struct apg_csv_chunk *chunk, bool raw,
    struct apg_error *err);
/* The values of column COLUMN, which is that of field F: the ids of its tokens. Tokens that are
 * new are added to the field's vocabulary. False: out of memory. */
bool apg_sheet_add(
    struct apg_sheet *sheet, struct apg_field *f, size_t column, const struct apg_csv_chunk *chunk);
/* The rows of a sheet, which replace those of OUT. */
enum apg_status apg_sheet_rows(
    const struct apg_sheet *sheet, const struct apg_schema *s, struct apg_block *out, struct apg_error *err);

#endif
