/* SPDX-License-Identifier: MIT
 *
 * csvread.h - CSV as chunks of whole records. The only user of libcsv.
 *
 *   serial:    apg_csv_next reads bytes and cuts them at the end of a record, with regard to quotes
 *   parallel:  apg_csv_parse turns a chunk into cells; chunks do not depend on each other
 *
 * A chunk has about as many bytes as struct apg_csv_format says, or fewer when the input runs dry
 * (a pipe with nothing more in it), so that a row is passed on as soon as it has arrived whole.
 * Records: RFC 4180, any one-byte delimiter, LF or CRLF (a CR alone ends a record too), quoted
 * cells with embedded newlines and doubled quotes, a UTF-8 byte order mark skipped, blank lines
 * skipped (they are not rows). White space is kept. A quote inside an unquoted cell is an ordinary
 * character. The last record needs no newline.
 *
 * A record is bad when something other than a delimiter or a line end stands behind the closing
 * quote of a cell (the record then ends at the next line end), when a cell holds a NUL byte, or with
 * a tab as the delimiter when a quoted cell does not end on its line. (Few logs with tabs have quotes
 * that enclose cells. Two quotes that are text would make one record of the lines between them.) A
 * bad record is passed on and can be asked for (apg_csv_is_bad). A quoted cell still open at the
 * end of input is an error that names its line, and so is a record of over 16 MiB: nobody can say
 * where the next record starts. Records before an error are passed on.
 */
#ifndef APG_CSVREAD_H
#define APG_CSVREAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/near.h"
#include "data/lookup.h"

struct apg_csv; /* an open input */

struct apg_csv_format {
    char delimiter; /* 0: found by the first records (delimiter.h); not a quote or a line end */
    bool no_quotes; /* a quote is text as any other, so that a delimiter or a line end always ends a cell */
    size_t chunk;   /* bytes to read before a chunk is cut; 0: 256 KiB */
    const struct apg_opener *opener; /* of a file that is let go; NULL: it is read as it is */
};

enum { APG_CSV_SPARE_BYTES = 64 }; /* that may be read behind a chunk's text */

struct apg_cell {
    uint32_t at, len; /* bytes: where it starts in the chunk's text, and how long it is */
};

/* Whole records. It starts zeroed and is reused between calls. One thread at a time uses a
 * chunk. */
struct apg_csv_chunk {
    char *bytes; /* the records as they came */
    size_t n_bytes, cap_bytes;
    uint64_t line; /* the line of the first byte, counted from 1 */
    /* after apg_csv_parse: */
    char *text; /* cells, unquoted, one after another, each followed by a NUL; then spare bytes */
    size_t cap_text;
    struct apg_cell *cell; /* record r, cell c: cell[first[r] + c], c < first[r + 1] - first[r] */
    size_t cap_cell;
    uint32_t *first; /* (records + 1): each record's first cell */
    size_t cap_first;
    uint32_t *record;  /* (records + 1): each record's first byte; only when spans were asked for */
    size_t cap_record; /* the span of a record includes the blank lines after it */
    size_t records;
    bool broken;  /* the chunk is one record, without cells, with text behind a closing quote at byte FAULT */
    bool nul;     /* some record holds a NUL byte */
    size_t fault; /* bytes */
    void *parser; /* that of libcsv, kept for reuse; NULL as long as no cell was quoted */
};
/* Frees what C holds and zeroes it. */
void apg_csv_chunk_release(struct apg_csv_chunk *c);

/* Reads nothing yet. FD stays the caller's and must stay open. NAME is for messages and is kept by
 * pointer. HEADSTART holds the N_HEADSTART bytes that were read from FD to tell what it is; they
 * are copied. *out is freed with apg_csv_free. A delimiter that is a quote or a line end is
 * refused (APG_EUSAGE). One thread at a time uses a struct apg_csv, but for calls that take it as
 * const. */
enum apg_status apg_csv_open(struct apg_csv **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, const struct apg_csv_format *format, struct apg_error *err);
void apg_csv_free(struct apg_csv *c); /* NULL is allowed */
const char *apg_csv_name(const struct apg_csv *c);
/* What stands between cells; 0 as long as nothing has been read that tells. */
char apg_csv_delimiter(const struct apg_csv *c);

/* The caller may close the descriptor: the file is opened again by its name when it is read on, at
 * the place where reading has come to, and closed at its end, so that many inputs can wait for
 * their turn. What an opener gives that is no regular file is read from its start. False, and nothing
 * has changed: it is no regular file. To be called before anything is read. */
bool apg_csv_let_go(struct apg_csv *c);

/* The first record, which is the header, as a parsed chunk of one record. To be called before
 * apg_csv_next, or not at all. An empty input gives records = 0. A bad record is passed on. */
enum apg_status apg_csv_header(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err);

/* The names of its columns, for looking up many; false: out of memory. */
bool apg_csv_lookup(const struct apg_csv_chunk *header, struct apg_lookup *x);
/* *at: the column of the parsed HEADER that is named NAME, or SIZE_MAX when none is. Two of that
 * name are refused. */
enum apg_status apg_csv_find(const struct apg_csv *c, const struct apg_csv_chunk *header, const char *name,
    size_t *at, struct apg_error *err);

/* The same, where it is an error that none is, with the near name. */
enum apg_status apg_csv_need(const struct apg_csv *c, const struct apg_csv_chunk *header, const char *name,
    size_t *at, struct apg_error *err);
/* Try each column's name: which is near to one that there is not? */
void apg_csv_near(const struct apg_csv_chunk *header, struct apg_near *near);

/* The header as it came, without blank lines before it and its line end. */
const char *apg_csv_header_text(const struct apg_csv_chunk *header, size_t *n_bytes);
/* What one stream is made of has the same columns in all inputs: the first call keeps the names of
 * HEADER, and those that follow refuse other names, because WHAT would mix them (APG_EINPUT). NAMES
 * starts zeroed; names->text is freed with free(). */
struct apg_csv_names {
    char *text;
    size_t n_bytes;
};
enum apg_status apg_csv_same_names(struct apg_csv_names *names, const struct apg_csv *c,
    const struct apg_csv_chunk *header, const char *what, struct apg_error *err);

/* The record that apg_csv_header returned was no header: apg_csv_next begins with it. */
void apg_csv_unread_header(struct apg_csv *c);

/* From now on apg_csv_next waits for full chunks. Where they end then depends on the bytes alone,
 * not on when they arrive. */
void apg_csv_wait(struct apg_csv *c);

/* The next whole records, not parsed yet. What is compressed is refused (packed.h). It blocks until at least one record is there, and does
 * not wait for more when the input runs dry. At the end of input out->n_bytes is 0. A chunk of
 * blank lines only has bytes, but no records when parsed. Fails when reading does (APG_EIO), and
 * on a quote that is never closed or a record that is too long (APG_EINPUT). A broken record is a
 * chunk of its own. */
enum apg_status apg_csv_next(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err);

/* Find the cells of a chunk. SPANS: fill chunk->record too, for callers that pass records on as
 * they came. Thread-safe for different chunks. */
enum apg_status apg_csv_parse(
    const struct apg_csv *c, struct apg_csv_chunk *chunk, bool spans, struct apg_error *err);

/* Is record R of a parsed chunk bad? */
bool apg_csv_is_bad(const struct apg_csv_chunk *chunk, size_t r);
/* Say so, with the line (APG_EINPUT). */
enum apg_status apg_csv_fail(
    const struct apg_csv *c, const struct apg_csv_chunk *chunk, size_t r, struct apg_error *err);

/* A place in a parsed chunk: zeroed it is before the first record. */
struct apg_csv_place {
    size_t next;       /* the record that comes behind it */
    size_t start, end; /* bytes of the record that was gone to, its line end included */
    uint64_t line;     /* on which that record starts, counted from 1 */
};
/* Go on to record R >= place->next. It goes byte by byte, so it is for messages. */
void apg_csv_go(
    const struct apg_csv *c, const struct apg_csv_chunk *chunk, struct apg_csv_place *place, size_t r);
/* The line on which record R of a parsed chunk starts, counted from 1. It scans the chunk from its
 * start, so it is for a single message. */
uint64_t apg_csv_line(const struct apg_csv *c, const struct apg_csv_chunk *chunk, size_t r);

/* Write a cell of LEN bytes so that it reads back the same: in quotes where it must be, if QUOTES
 * enclose cells. Returns the bytes written to OUT, at most 2 * LEN + 2; there is no NUL. */
size_t apg_csv_write(char *out, const char *cell, size_t len, char delimiter, bool quotes);

#endif
