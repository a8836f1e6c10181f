/* SPDX-License-Identifier: MIT
 *
 * score.h - the rows of CSV and feature files with a model's logits, as they arrive:
 *
 *     struct score s = {0};
 *     const struct score_user user = {.make = ..., .take = ..., .arg = ...};
 *     if ((status = score_open(&s, model_path, threads, &err))) ...
 *     if ((status = score_begin(&s, &input, &columns, need_label, &err))) ...      for each input
 *     ... s.header, s.binding ...
 *     if ((status = score_run(&s, &user, &err))) ...
 *     score_close(&s);
 *
 * Rows come in parts, each what the input had at once. A part is read, then parsed, encoded, predicted and
 * made ready by one thread while others do the same with the next ones; they are taken in input order. A
 * part waits only for those before it, never for input behind it.
 */
#ifndef APG_SCORE_H
#define APG_SCORE_H
#include "data/encode.h"
#include "model/model.h"
#include "common/input.h"

enum { SCORE_TEXT = 32 };

struct score_part {
    size_t rows;
    struct apg_block block;     /* row i is apg_block_row(&block, i) */
    double *logit;              /* (rows) */
    struct apg_csv_chunk chunk; /* of CSV: record i is row i */
    uint64_t before;            /* of features: rows of the input before this part */
    char *text;                 /* the user's; n_text = 0 to begin with */
    size_t n_text, cap_text;
    /* score.c's: */
    size_t cap_logit;
    bool done;
    enum apg_status status;
    struct apg_error err;
};

struct score_user {
    bool spans; /* as for apg_csv_parse */
    /* MAKE: what can be done with a part apart from the others, by several threads; may be absent.
     * TAKE: the parts one at a time, in order. A failure ends the run, parts before it have been taken. */
    enum apg_status (*make)(void *arg, struct score_part *p, struct apg_error *err);
    enum apg_status (*take)(void *arg, struct score_part *p, struct apg_error *err);
    void *arg;
};

struct score {
    struct apg_model *model;
    struct apg_pool *pool;
    /* the input at hand; of CSV also: */
    struct input *in;
    struct apg_csv_chunk header;
    struct apg_binding binding;
    /* score.c's: */
    struct apg_block block; /* of features: the one being cut into parts, from row AT on */
    size_t at;
    uint64_t before;
    size_t n_workers, n_parts;
    struct apg_sheet *sheet; /* (n_workers) */
    struct score_part *part; /* (n_parts) */
};

/* THREADS as for apg_pool_new. */
enum apg_status score_open(struct score *s, const char *model_path, size_t threads, struct apg_error *err);
void score_close(struct score *s); /* of a zeroed one, or after a failure: allowed */

/* Go on to input IN, which must stay open: CSV with the columns that the model reads, by the delimiter it was
 * opened with and the header that COLUMNS tells of, or features encoded as by the model. NEED_LABEL: refuse
 * CSV without the label's column; rows of features may still have none. */
enum apg_status score_begin(struct score *s, struct input *in, const struct apg_columns *columns,
    bool need_label, struct apg_error *err);
/* All its rows, to its end. */
enum apg_status score_run(struct score *s, const struct score_user *user, struct apg_error *err);

/* Put the place of row I of a part before the text of *err; returns err->status. */
enum apg_status score_fail_at(
    const struct score *s, const struct score_part *p, size_t i, struct apg_error *err);

/* A score as predict writes it: the probability, or the logit, to 9 digits. Returns the length. */
size_t score_text(char out[SCORE_TEXT], double logit, bool as_logit);

#endif
