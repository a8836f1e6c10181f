/* SPDX-License-Identifier: MIT
 *
 * encode.h - from the cells of a CSV chunk to rows of numbers, with the columns of a schema, and back.
 *
 *   apg_schema_bind      once per input: which column feeds which field
 *   apg_schema_encode    a chunk to rows, with a finished schema: apg_sheet_read, _find and _rows
 *   apg_schema_decode    a row to CSV
 *
 * A SHEET holds a chunk by column, between cells and rows. Ingest adds to vocabularies where encoding only
 * looks up: sheets of several chunks are read in parallel, then added to column by column, in parallel too.
 */
#ifndef APG_ENCODE_H
#define APG_ENCODE_H
#include "data/csvread.h"
#include "data/schema.h"

struct apg_sheet;

/* A decimal number, finite, blanks around it allowed: [+-] digits [. digits] [e digits]. No hex, inf or
 * nan. */
bool apg_cell_number(const char *text, size_t len, double *x);
/* A label: 0 or 1 (as a decimal), -1 for 0, true or false in any case. */
bool apg_cell_label(const char *text, size_t len, float *y);

/* Which cell of a record feeds which field, found by the header's names. */
struct apg_binding {
    size_t columns; /* cells a record must have */
    size_t label;   /* cell of the label, or SIZE_MAX */
    size_t *cell;   /* (n_fields) */
    char **column;  /* (columns) names, for messages */
};
/* HEADER: a parsed chunk of one record. A field's column that is missing is refused by name; extra
 * columns are ignored; a name given twice is refused if a field needs it. NEED_LABEL: refuse when the
 * label column is missing. */
enum apg_status apg_schema_bind(const struct apg_schema *s, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, bool need_label, struct apg_binding *out, struct apg_error *err);
void apg_binding_release(struct apg_binding *b);

/* Encode all records of a parsed chunk into OUT (replaced). SCRATCH is memory that calls reuse.
 * Thread-safe for different chunks, scratches and OUTs. Errors name file, line and column, of the first
 * bad record. */
enum apg_status apg_schema_encode(const struct apg_schema *s, const struct apg_binding *b,
    const struct apg_csv *csv, const struct apg_csv_chunk *chunk, struct apg_sheet *scratch,
    struct apg_block *out, struct apg_error *err);

/* One row back as CSV text (no newline), label first: tokens as far as the vocabulary knows them. An id
 * out of vocabulary, or hashed, is written as an empty cell; a number to 6 digits; a bucket as a number
 * that falls into it. Appended to *buf; *n, *cap as for apg_grow. */
enum apg_status apg_schema_decode(const struct apg_schema *s, const uint32_t *row, char **buf, size_t *n,
    size_t *cap, struct apg_error *err);
/* The header that goes with it: label and field names. */
enum apg_status apg_schema_decode_header(
    const struct apg_schema *s, char **buf, size_t *n, size_t *cap, struct apg_error *err);

/* ---- sheets ---- */

struct apg_sheet_column {
    size_t n;               /* values: one per row, or any number of a multi column */
    uint32_t *value;        /* (n) words as in a row: an id, or a float */
    uint64_t *hash;         /* (n) of tokens, where there is a vocabulary */
    struct apg_cell *token; /* (n) likewise, in the chunk's text */
    uint32_t *first;        /* (rows + 1) multi: row r has values first[r] .. first[r + 1] */
    size_t cap_value, cap_hash, cap_token, cap_first;
};
enum { APG_COUNTS = 1024 };
/* Zero-initialise. */
struct apg_sheet {
    size_t rows, n_columns;
    uint32_t *label;                 /* (rows) words */
    struct apg_sheet_column *column; /* (n_fields) */
    size_t cap_label, cap_column;
    float count[APG_COUNTS]; /* log1p of those met so far, else 0 */
};
/* All but the values of columns with a vocabulary. RAW: numbers before training is known: numeric as
 * sign(x) log1p|x|, bucket as x, both float. A numeric word is (float)(((double)raw - mean) / deviation)
 * in either way to it. */
enum apg_status apg_sheet_read(struct apg_sheet *sheet, const struct apg_schema *s,
    const struct apg_binding *b, const struct apg_csv *csv, const struct apg_csv_chunk *chunk, bool raw,
    struct apg_error *err);
/* Values of field F, which has a vocabulary, looked up; unknown is 0. */
void apg_sheet_find(
    struct apg_sheet *sheet, const struct apg_field *f, size_t column, const struct apg_csv_chunk *chunk);
/* Values of field F, tokens that are new added; false: out of memory. */
bool apg_sheet_add(
    struct apg_sheet *sheet, struct apg_field *f, size_t column, const struct apg_csv_chunk *chunk);
/* To rows: OUT is replaced. */
enum apg_status apg_sheet_rows(
    const struct apg_sheet *sheet, const struct apg_schema *s, struct apg_block *out, struct apg_error *err);
void apg_sheet_release(struct apg_sheet *sheet);

/* The id of bucket field F for X. */
uint32_t apg_bucket_of(const struct apg_field *f, float x);
static inline uint32_t apg_numeric_word(const struct apg_field *f, float raw)
{
    return raw == raw ? apg_float_word((float)(((double)raw - f->mean) / f->deviation)) : APG_MISSING;
}

#endif
