/* SPDX-License-Identifier: MIT
 *
 * csvread.h - CSV as chunks of whole records. The only user of libcsv.
 *
 *   serial:    apg_csv_next() reads bytes and cuts them at a record end (quotes counted)
 *   parallel:  apg_csv_parse() turns one chunk into cells; chunks do not depend on each other
 *
 * A chunk is up to about CHUNK bytes, or less when the input runs dry (a pipe with nothing more in it), so
 * that a row is passed on as soon as it has arrived whole. Records: RFC 4180, any one-byte delimiter, LF or
 * CRLF (a CR alone ends a record too), quoted cells with embedded newlines and doubled quotes, a UTF-8 byte
 * order mark skipped, blank lines skipped (they are not rows). White space is kept. A quote inside an
 * unquoted cell is an ordinary character, and so is what follows the closing quote of a quoted one. A cell
 * may not hold a NUL byte. The last record needs no newline. A quoted cell still open at the end of input
 * is an error that names its line, and so is a record of over 16 MiB.
 */
#ifndef APG_CSVREAD_H
#define APG_CSVREAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct apg_csv; /* an open input */

struct apg_csv_format {
    char delimiter; /* 0: ','; not a quote or a line end */
    size_t chunk;   /* bytes; 0: 256 KiB */
};

struct apg_cell {
    uint32_t at, len; /* in chunk->text */
};

/* Reused between calls; zero-initialise. One chunk is used by one thread at a time. */
struct apg_csv_chunk {
    char *bytes; /* the records as they came */
    size_t n_bytes, cap_bytes;
    uint64_t line; /* of the first byte, counted from 1 */
    /* after apg_csv_parse: */
    char *text; /* cells, unquoted, one after another, each followed by a NUL */
    size_t cap_text;
    struct apg_cell *cell; /* record r, cell c: cell[first[r] + c], c < first[r + 1] - first[r] */
    size_t cap_cell;
    uint32_t *first; /* (records + 1) */
    size_t cap_first;
    uint32_t *record;  /* (records + 1): where each record starts in bytes; only when spans were asked for */
    size_t cap_record; /* record r takes the blank lines after it along */
    size_t records;
    void *parser; /* libcsv's, kept for reuse */
};
/* Frees what C holds and zeroes it. */
void apg_csv_chunk_release(struct apg_csv_chunk *c);

/* FD stays the caller's. NAME is for messages, kept by pointer. HEADSTART: bytes already read from FD
 * (sniffing a magic), n_headstart of them, copied. */
enum apg_status apg_csv_open(struct apg_csv **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, const struct apg_csv_format *format, struct apg_error *err);
void apg_csv_free(struct apg_csv *c);
const char *apg_csv_name(const struct apg_csv *c);

/* The first record, as a chunk of one record, parsed (the header). Call before apg_csv_next, or not at all.
 * An empty input gives records = 0. */
enum apg_status apg_csv_header(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err);

/* *at: the column of the parsed HEADER that is named NAME, or SIZE_MAX when none is. Two of that name are
 * refused. */
enum apg_status apg_csv_find(const struct apg_csv *c, const struct apg_csv_chunk *header, const char *name,
    size_t *at, struct apg_error *err);

/* The record that apg_csv_header returned was no header: apg_csv_next begins with it. */
void apg_csv_unread_header(struct apg_csv *c);

/* From now on apg_csv_next waits for full chunks: where they end then depends on the bytes alone, not on
 * how they came. */
void apg_csv_wait(struct apg_csv *c);

/* The next whole records: out->n_bytes = 0 at the end of input. Blocks until at least one record is
 * there; does not wait for more when the input runs dry. A chunk of blank lines has records = 0 when
 * parsed. */
enum apg_status apg_csv_next(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err);

/* Cells of a chunk. SPANS: also fill out->record, for callers that pass rows on as they came. Thread-safe for
 * different chunks. */
enum apg_status apg_csv_parse(
    const struct apg_csv *c, struct apg_csv_chunk *chunk, bool spans, struct apg_error *err);

/* The line on which record R of a parsed chunk starts, counted from 1; found by scanning, for messages
 * only. */
uint64_t apg_csv_line(const struct apg_csv *c, const struct apg_csv_chunk *chunk, size_t r);

/* Write a cell so that it reads back the same: quoted where it must be. Returns bytes, at most 2 * len +
 * 2. */
size_t apg_csv_quote(char *out, const char *cell, size_t len, char delimiter);

#endif
