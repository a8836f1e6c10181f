/* SPDX-License-Identifier: MIT
 *
 * rejects.h - bad rows, and what becomes of them: reading stops at the first, or goes on without
 * them.
 *
 *     struct apg_rejects x = {.on_error = APG_ON_ERROR_SKIP, .max_errors = "1%"};
 *     if ((status = apg_rejects_check(&x, &err))) ...
 *     ... for each input: apg_rejects_begin, and for each chunk: apg_rejects_chunk ...
 *     status = apg_rejects_end(&x, &err);
 *     apg_rejects_release(&x);
 *
 * What happens depends on the rows alone, not on how they came or on threads: calls are made in the
 * order of the input, by one thread at a time.
 */
#ifndef APG_REJECTS_H
#define APG_REJECTS_H
#include "base/setting.h"
#include "data/csvread.h"
#include "data/sheet.h"

enum apg_on_error {
    APG_ON_ERROR_STOP,
    APG_ON_ERROR_SKIP,
    APG_ON_ERROR_EMPTY /* as SKIP, but predict writes an empty line for the row */
};

/* Starts zeroed, which is to stop at the first bad row. */
struct apg_rejects {
    int on_error;
    const char *max_errors;      /* "N" or "X%" of the rows, borrowed; NULL: any number */
    const struct apg_sink *rows; /* gets the header, and bad rows as they came; or NULL */
    /* Told are the first bad rows, and at the end (LAST) how many there were; may be NULL. */
    void (*tell)(void *arg, bool last, const char *text);
    void *arg;
    uint64_t seen, bad; /* rows so far, and how many of them are bad */
    /* private */
    uint64_t most;
    double percent; /* of seen; negative: there is no such bound */
    struct apg_csv_names names;
};

/* The settings of a struct apg_rejects: for those who make rows, and for predict. */
extern const struct apg_setting apg_rejects_settings[], apg_rejects_predict_settings[];

/* Are bad rows left out? */
static inline bool apg_rejects_skip(const struct apg_rejects *x)
{
    return x && x->on_error != APG_ON_ERROR_STOP;
}
/* Understand x->max_errors. APG_ESETTING. */
enum apg_status apg_rejects_check(struct apg_rejects *x, struct apg_error *err);
/* Go on to an input with this HEADER, NULL where it has none. All inputs have the same columns when
 * bad rows are collected; else APG_EINPUT. */
enum apg_status apg_rejects_begin(struct apg_rejects *x, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, struct apg_error *err);
/* The last row seen is bad: because of WHY, and its N bytes are those at RECORD (NULL: it has none).
 * APG_EINPUT: it is one too many; *why then says so. Other failures are those of writing. */
enum apg_status apg_rejects_row(
    struct apg_rejects *x, struct apg_error *why, const char *record, size_t n_bytes);
/* A chunk with LIST as its bad records. The rest as of apg_sheet_fail. *taken: how many records were
 * gone through: all, or those before the one that was too many. */
enum apg_status apg_rejects_chunk(struct apg_rejects *x, const struct apg_bad_list *list,
    const struct apg_schema *s, const struct apg_binding *b, const struct apg_csv *csv,
    const struct apg_csv_chunk *chunk, bool raw, size_t *taken, struct apg_error *err);
/* Behind the last row. APG_EINPUT: there were more bad rows than x->max_errors allows. */
enum apg_status apg_rejects_end(struct apg_rejects *x, struct apg_error *err);
void apg_rejects_release(struct apg_rejects *x);

#endif
