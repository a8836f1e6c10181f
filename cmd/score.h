/* SPDX-License-Identifier: MIT
 *
 * score.h - the rows of CSV and feature files with a model's logits, as they arrive:
 *
 *     struct score s = {0};
 *     if ((status = score_open(&s, model_path, threads, &err))) ...
 *     if ((status = score_begin(&s, &input, &columns, need_label, &err))) ...      for each input
 *     while (!status && !(status = score_next(&s, spans, &err)) && s.n)
 *         ... s.row[i], s.logit[i], i < s.n ...
 *     score_close(&s);
 */
#ifndef APG_SCORE_H
#define APG_SCORE_H
#include "../lib/encode.h"
#include "../lib/model.h"
#include "input.h"

enum { SCORE_BATCH = 4096, SCORE_TEXT = 32 };

struct score {
    struct apg_model *model;
    struct apg_pool *pool;
    /* the input at hand; of CSV also: */
    struct input *in;
    struct apg_csv_chunk header, chunk;
    struct apg_binding binding;
    /* rows at hand: rows at .. at + n of the block, records of the chunk likewise */
    size_t at, n;
    const uint32_t *row[SCORE_BATCH]; /* as in schema.h */
    double logit[SCORE_BATCH];
    uint64_t before; /* rows of the input before them */
    struct apg_sheet sheet;
    struct apg_block block;
};

/* THREADS as for apg_pool_new. */
enum apg_status score_open(struct score *s, const char *model_path, size_t threads, struct apg_error *err);
void score_close(struct score *s); /* of a zeroed one, or after a failure: allowed */

/* Go on to input IN, which must stay open: CSV with the columns that the model reads, by the delimiter it was
 * opened with and the header that COLUMNS tells of, or features encoded as by the model. NEED_LABEL: refuse
 * CSV without the label's column; rows of features may still have none. */
enum apg_status score_begin(struct score *s, struct input *in, const struct apg_columns *columns,
    bool need_label, struct apg_error *err);
/* The next rows, as soon as there are some; s->n = 0: none are left. SPANS as for apg_csv_parse. */
enum apg_status score_next(struct score *s, bool spans, struct apg_error *err);

/* Put the place of row I of those at hand before the text of *err; returns err->status. */
enum apg_status score_fail_at(const struct score *s, size_t i, struct apg_error *err);

/* A score as predict writes it: the probability, or the logit, to 9 digits. Returns the length. */
size_t score_text(char out[SCORE_TEXT], double logit, bool as_logit);

#endif
