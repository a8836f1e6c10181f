/* SPDX-License-Identifier: MIT
 *
 * explain.h - what a model's columns do: for a log, how much worse its scores are when the cells of a column are
 * shuffled among the rows (permutation importance); for a row, how its logit changes when a column is unknown.
 *
 * Rows are words as of an encoder (data/schema.h). Results are the same for any number of threads.
 */
#ifndef APG_EXPLAIN_H
#define APG_EXPLAIN_H
#include "base/pool.h"
#include "base/rng.h"
#include "model/model.h"

/* ---- rows to look at ---- */

/* Copies of rows: of more than MOST, that many, each with the same chance. */
struct apg_sample {
    size_t most, n, cap;
    uint64_t seen;
    struct apg_rng rng;
    uint32_t **row; /* (n) */
};
/* MOST 0: all rows. */
void apg_sample_init(struct apg_sample *s, size_t most, uint64_t seed);
void apg_sample_release(struct apg_sample *s); /* of a zeroed one: allowed */
/* Offer ROW, of SCHEMA. APG_ENOMEM. */
enum apg_status apg_sample_add(
    struct apg_sample *s, const struct apg_schema *schema, const uint32_t *row, struct apg_error *err);

/* ---- a log ---- */

/* A figure over the repeats: its mean and standard deviation. NAN: undefined, the deviation of one. */
struct apg_spread {
    double mean, deviation;
};
struct apg_importance {
    size_t field;
    struct apg_spread auc;  /* by how much the AUC falls */
    struct apg_spread loss; /* by how much the log loss rises */
};
struct apg_explain_plan {
    size_t repeats; /* at least 1: each shuffles anew */
    uint64_t seed;
    bool weighted; /* rows count by their weights; else each counts 1 */
};
/* OUT (fields of the model): the largest fall of the AUC first; where that is undefined, the largest rise of the
 * loss. *auc, *log_loss: of the rows as they are. The rows, at least one, have labels. Works with POOL and every
 * slot of M. */
enum apg_status apg_explain_columns(struct apg_importance *out, double *auc, double *log_loss,
    struct apg_model *m, const struct apg_sample *rows, const struct apg_explain_plan *plan,
    struct apg_pool *pool, struct apg_error *err);

/* ---- a row ---- */

/* CHANGE (rows x fields): the logit of row i with field f unknown, less LOGIT[i]. What is unknown: a token that
 * training did not see, for a list one such token, for a number an empty cell. By SLOT of M alone, so that
 * several threads may do it at once. */
enum apg_status apg_explain_rows(struct apg_model *m, size_t slot, const struct apg_block *block, size_t rows,
    const double *logit, double *change, struct apg_error *err);

#endif
