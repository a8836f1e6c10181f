/* SPDX-License-Identifier: MIT
 *
 * stream.h - the logits of rows of CSV or features, as the rows arrive, by several threads:
 *
 *     struct apg_stream s = {0};
 *     const struct apg_stream_user user = {.make = ..., .take = ..., .arg = ...};
 *     if ((status = apg_stream_open(&s, model, pool, &err))) ...
 *     if ((status = apg_stream_begin(&s, &source, &columns, need_label, &err))) ...      for each source
 *     ... s.header, s.binding ...
 *     if ((status = apg_stream_run(&s, &user, &err))) ...
 *     apg_stream_close(&s);
 *
 * Rows come in parts: a part is what the source had at once. One thread reads a part, parses and
 * encodes it, predicts its rows and makes it ready, while other threads do the same with the parts
 * after it. Parts are taken in the order of the input. A part waits only for the parts before it,
 * never for input behind it. A bad row, or a logit that is not finite, is an error with its place
 * (APG_EINPUT), after the rows before it have been taken; or, as s.rejects says, it is left out.
 */
#ifndef APG_STREAM_H
#define APG_STREAM_H
#include "base/pool.h"
#include "data/columns.h"
#include "data/rejects.h"
#include "data/source.h"
#include "model/model.h"

enum { APG_STREAM_ROWS = APG_SLOTS * 256 }; /* the rows at once that its model must be loaded for, at least */

struct apg_stream_part {
    size_t rows;
    struct apg_block block;     /* row i is apg_block_row(&block, i) */
    double *logit;              /* (rows) */
    struct apg_csv_chunk chunk; /* of CSV: its records are the rows and the bad ones */
    struct apg_bad_list bad;    /* records that are no rows; none when reading stops at the first */
    size_t slot;                /* of the model, which `make` may use meanwhile; without s.rejects alone */
    uint64_t before;            /* of features: rows of the source before this part, bad ones too */
    char *text;                 /* for the user, who grows it; n_text is 0 when `make` is called */
    size_t n_text, cap_text;
    uint64_t *count; /* likewise, for what is counted of the rows */
    size_t cap_count;
    /* private */
    size_t cap_logit;
    bool done;
    enum apg_status status;
    struct apg_error err;
};

struct apg_stream_user {
    bool spans; /* as for apg_csv_parse */
    /* MAKE is what can be done with a part apart from the others. Several threads call it at once;
     * NULL: none. A part may be made twice. TAKE gets the parts one at a time, in order, from any
     * thread. A failure of either ends the run, when the parts before it have been taken. */
    enum apg_status (*make)(void *arg, struct apg_stream_part *p, struct apg_error *err);
    enum apg_status (*take)(void *arg, struct apg_stream_part *p, struct apg_error *err);
    void *arg;
};

struct apg_stream {
    struct apg_model *model;     /* borrowed */
    struct apg_pool *pool;       /* borrowed */
    struct apg_rejects *rejects; /* borrowed; NULL: stop at the first bad row */
    struct apg_source *source;   /* borrowed: the one at hand */
    struct apg_csv_chunk header; /* of CSV: its header, parsed */
    struct apg_binding binding;  /* of CSV */
    /* private */
    struct apg_block block; /* of features: the one being cut into parts, from row AT on */
    size_t at;
    uint64_t before;
    bool need_label;
    size_t n_workers, n_parts;
    struct apg_sheet *sheet;      /* (n_workers) */
    struct apg_stream_part *part; /* (n_parts) */
};

/* MODEL and POOL must outlive S and are used by nobody else during a run. APG_ENOMEM. */
enum apg_status apg_stream_open(
    struct apg_stream *s, struct apg_model *model, struct apg_pool *pool, struct apg_error *err);
void apg_stream_close(struct apg_stream *s); /* of a zeroed one, or after a failure: allowed */

/* Go on to SOURCE, which must stay open. CSV must have the columns that the model reads; COLUMNS
 * says whether it has a header, or its names. Features must be encoded as the model encodes.
 * NEED_LABEL: a row without a label is a bad one, and CSV without the label's column is refused. Bad
 * rows can be collected of CSV only. */
enum apg_status apg_stream_begin(struct apg_stream *s, struct apg_source *source,
    const struct apg_columns *columns, bool need_label, struct apg_error *err);
/* Score all rows of the source, to its end. Returns when every part is taken, or one has failed. */
enum apg_status apg_stream_run(
    struct apg_stream *s, const struct apg_stream_user *user, struct apg_error *err);

/* The source is done with and may be closed. apg_stream_begin and apg_stream_close do this too. */
void apg_stream_end(struct apg_stream *s);

/* Put the place of row I of a part ("log.csv:7") before the text of *err; returns err->status. */
enum apg_status apg_stream_fail_at(
    const struct apg_stream *s, const struct apg_stream_part *p, size_t i, struct apg_error *err);

#endif
