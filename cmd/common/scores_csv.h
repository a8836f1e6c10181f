/* SPDX-License-Identifier: MIT
 *
 * scored.h - rows of CSV that have a label and scores, one at a time, for the commands that judge scores:
 *
 *     struct scored s = {0};
 *     status = scored_begin(&s, &want, input.csv, &err);
 *     while (!status && !(status = scored_next(&s, &err)) && s.row)
 *         ... s.label, s.score[i], s.group ...
 *     scored_end(&s);
 */
#ifndef APG_SCORED_H
#define APG_SCORED_H
#include "data/vocab.h"
#include "common/input.h"

/* ---- groups of rows ---- */

/* Rows are in one group when their tokens are the same: parts put one after another. Starts zeroed, but for
 * the vocabulary, which grouping_init makes. */
struct grouping {
    struct apg_vocab vocab;
    char *token;
    size_t n_token, cap_token;
};
enum apg_status grouping_init(struct grouping *g, struct apg_error *err);
void grouping_release(struct grouping *g);
/* A part of the token of a row's group; false when out of memory. */
bool grouping_put(struct grouping *g, const void *part, size_t n);
/* The group whose token was put together before: 1 for the first one seen, and so on. */
enum apg_status grouping_end(struct grouping *g, uint32_t *group, struct apg_error *err);

/* ---- rows ---- */

enum { SCORED_MAX = 2 };
struct scored_want {
    const char *label;             /* a column's name; NULL: found by the usual names */
    size_t n_scores;               /* 1 or 2 */
    const char *score[SCORED_MAX]; /* likewise, and without a usual name the last column */
    struct opt_list group;         /* columns; their cells, each with a NUL behind it, are the token */
    bool logit;                    /* scores are any numbers, not probabilities */
    struct apg_columns columns;
};

struct scored {
    const struct scored_want *want;
    struct grouping *groups; /* set it, where there are group columns, before scored_begin */
    const char *label_name, *score_name[SCORED_MAX]; /* as found; until scored_end */
    /* the row at hand */
    bool row; /* is there one? */
    bool label;
    double score[SCORED_MAX];
    uint32_t group; /* 0 without groups */
    /* private */
    struct apg_csv *csv;
    struct apg_csv_chunk chunk;
    size_t next, columns, at_label, at_score[SCORED_MAX], *at_group;
    char **name; /* (columns) */
};

/* Go on to CSV, which must stay open, and find its columns. */
enum apg_status scored_begin(
    struct scored *s, const struct scored_want *want, struct apg_csv *csv, struct apg_error *err);
/* The next row; s->row is false after the last. A bad one is an error that names file, line and column. */
enum apg_status scored_next(struct scored *s, struct apg_error *err);
/* The line on which the row at hand starts. For messages only. */
uint64_t scored_line(const struct scored *s);
void scored_end(struct scored *s); /* of a zeroed one, or after a failure: allowed */

#endif
