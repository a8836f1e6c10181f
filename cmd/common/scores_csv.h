/* SPDX-License-Identifier: MIT
 *
 * scores_csv.h - scores in CSV: how one is written, and rows that have a label and scores, read
 * one at a time by the commands that judge scores:
 *
 *     struct scores s = {0};
 *     status = scores_begin(&s, &want, source.csv, &err);
 *     while (!status && !(status = scores_next(&s, &err)) && s.row)
 *         ... s.label, s.score[i], s.group ...
 *     scores_end(&s);
 */
#ifndef APG_SCORES_CSV_H
#define APG_SCORES_CSV_H
#include "data/columns.h"
#include "common/grouping.h"

enum { SCORES_MAX = 2 };
struct scores_want {
    struct apg_columns columns;    /* columns.label NULL: the label is found by the usual names;
                                    * columns.weight: NULL or "": all rows count 1 */
    size_t n_scores;               /* 1 or 2 */
    const char *score[SCORES_MAX]; /* NULL: found by the usual names, else the last column */
    struct apg_list group;         /* columns; their cells, each with a NUL behind it, are the token */
    bool logit;                    /* scores are any numbers, not probabilities */
};

struct scores {
    const struct scores_want *want;
    struct grouping *groups; /* set it, where there are group columns, before scores_begin */
    const char *label_name, *score_name[SCORES_MAX]; /* as found; until scores_end */
    const char *weight_name;                         /* NULL: rows have none */
    /* the row at hand */
    bool row; /* is there one? */
    /* There is, but it is a bad one, as it came in RECORD; the next call goes on behind it. */
    bool bad;
    const char *record;
    size_t record_bytes;
    uint64_t n_rows; /* it is the n-th */
    bool label;
    double score[SCORES_MAX];
    float weight;
    uint32_t group; /* as of grouping_end; 0 without group columns */
    /* the file: its columns, and which of them are what */
    struct apg_csv *csv;
    struct apg_csv_chunk header;
    size_t columns, at_label, at_weight, at_score[SCORES_MAX], *at_group;
    bool by_place; /* the scores are the last column, since none has a usual name */
    /* private */
    struct apg_csv_chunk chunk;
    size_t next;
    struct apg_csv_place place; /* in the chunk, of the last bad row */
};

/* Go on to CSV, which must stay open, and find its columns. */
enum apg_status scores_begin(
    struct scores *s, const struct scores_want *want, struct apg_csv *csv, struct apg_error *err);
/* The next row; s->row is false after the last. A bad row is an error that names file, line and
 * column. */
enum apg_status scores_next(struct scores *s, struct apg_error *err);
/* *at: the column named NAME, which must be there. */
enum apg_status scores_find(const struct scores *s, const char *name, size_t *at, struct apg_error *err);
/* A cell of the row at hand, with a NUL behind it. */
const char *scores_cell(const struct scores *s, size_t column, size_t *len);
/* The line on which the row at hand starts. For messages only, because it is found by scanning. */
uint64_t scores_line(const struct scores *s);
void scores_end(struct scores *s); /* of a zeroed one, or after a failure: allowed */

/* A score as apg predict writes it: the probability, or AS_LOGIT the logit, to 9 digits, with a
 * NUL behind it. Returns the length. */
enum { SCORES_TEXT = 32 };
size_t scores_text(char out[SCORES_TEXT], double logit, bool as_logit);

#endif
