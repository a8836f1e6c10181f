/* SPDX-License-Identifier: MIT
 *
 * metrics.h - how good scores are: AUC, GAUC, log loss, normalized entropy, calibration.
 *
 * Two collectors of (score, label):
 *   struct apg_metrics          exact, by group and by decile. It keeps 16 bytes a row. For evaluation and
 *                               validation
 *   struct apg_metrics_running  fixed memory (2 MiB), with the AUC within a bound that it states. For
 *                               predicting over endless input
 *
 * A row counts as much as its WEIGHT says, a finite float from 0 on: figures of rows with whole weights are
 * those of as many copies of each row. Parts (bins, deciles) are cut by rows all the same.
 *
 * A score is a probability in [0, 1], or a logit, which is any finite number. It is never NaN: the
 * caller refuses that. What is not defined is NAN: an AUC when labels are of one class only, the
 * calibration when there is no positive, and anything of no rows, or of rows whose weights are all 0.
 * One thread at a time uses a collector.
 */
#ifndef APG_METRICS_H
#define APG_METRICS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum { APG_METRICS_PARTS = 10 }; /* deciles of groups, and bins of scores */

/* Log loss of one row, in nats. A probability is first moved into [1e-15, 1 - 1e-15], so that a
 * score that is certain and wrong costs 34.5, not infinity. A logit needs no such care: the loss
 * of z is log(1 + e^z) - z y. */
double apg_metrics_loss(double probability, bool label);
double apg_metrics_logit_loss(double logit, bool label);
double apg_metrics_sigmoid(double logit);

/* Sums over rows, for the figures that do not need the rows in order. */
struct apg_metrics_sums {
    uint64_t rows, positives;
    double weight, positive_weight; /* sums of weights: of all rows, of those with the label 1 */
    double loss, score;             /* weighted sums of log loss and of probabilities */
};
struct apg_metrics_means {
    double log_loss;
    double normalized_entropy; /* log loss / entropy of the share of positives: below 1 beats any constant */
    double mean_score, mean_label;
    double calibration; /* mean_score / mean_label: 1 is right, above is too optimistic */
};
struct apg_metrics_means apg_metrics_means(const struct apg_metrics_sums *s);

/* ---- exact ---- */

struct apg_metrics_row { /* 16 bytes */
    uint64_t key;        /* the score, as an integer in the same order: apg_metrics_key */
    uint32_t group;
    uint32_t label : 1, weight : 31; /* the bits of a float that is not negative: its sign is not kept */
};

struct apg_metrics {
    bool logit; /* scores are logits */
    struct apg_metrics_sums sums;
    uint32_t groups; /* highest group id + 1 */
    size_t cap;
    struct apg_metrics_row *row;
};
void apg_metrics_init(struct apg_metrics *m, bool logit);
void apg_metrics_release(struct apg_metrics *m);
/* Forget the rows but keep the memory, so that a second round allocates nothing. */
void apg_metrics_reset(struct apg_metrics *m);

/* Add a row. GROUP is a small integer, 0 when there are no groups: a report needs 64 bytes for
 * each number up to the highest. More than 2^32 - 1 rows are refused (APG_ERANGE). */
enum apg_status apg_metrics_add(
    struct apg_metrics *m, double score, bool label, float weight, uint32_t group, struct apg_error *err);

/* The rows of a part of the score's range. There are ten parts of equally many rows, except that
 * equal scores are in one part. */
struct apg_metrics_bin {
    uint64_t rows, positives;
    double weight;    /* of all its rows; the means below are weighted */
    double low, high; /* the lowest and the highest score in it, as probabilities */
    double mean_score, mean_label;
};

/* The rows of some groups. GAUC is the mean of the AUC of each group, weighted by its rows, or
 * by their weights; a group with labels of one class has no AUC and is left out of it. */
struct apg_metrics_slice {
    uint64_t groups, rows, positives;
    uint64_t mixed_groups, mixed_rows; /* groups with labels of both classes, and their rows */
    uint64_t fewest, most;             /* rows of the smallest group, and of the largest */
    double mixed_weight;               /* of the rows of mixed groups */
    double auc;                        /* of all rows of the slice together */
    double gauc;
};

struct apg_metrics_report {
    uint64_t rows, positives;
    double weight, positive_weight;
    double auc; /* exact, ties averaged */
    struct apg_metrics_means means;
    size_t n_bins; /* <= 10; from the lowest scores to the highest */
    struct apg_metrics_bin bin[APG_METRICS_PARTS];
    struct apg_metrics_slice all;
    size_t n_deciles; /* <= 10; equally many groups in each, from the smallest groups to the largest */
    struct apg_metrics_slice decile[APG_METRICS_PARTS];
};

/* The figures of the rows so far. It sorts the rows in place; more may be added afterwards. */
enum apg_status apg_metrics_report(
    struct apg_metrics *m, struct apg_metrics_report *out, struct apg_error *err);

/* Parts of the report, for others that walk over rows in the order of their scores (compare.c).
 * Equal scores, and only those, have equal keys. After the sort keys ascend; rows of one key are
 * in any order. */
uint64_t apg_metrics_key(double score);
void apg_metrics_sort(struct apg_metrics_row *row, size_t n);

/* An AUC, fed with rows from the lowest score up. It starts zeroed. Sums of whole weights are exact up to
 * 2^53, and of up to 130 million rows that count 1 no sum is larger, so that the AUC is exact but for the last
 * division. */
struct apg_metrics_tally {
    uint64_t key;    /* the present score */
    double below[2]; /* weight of the rows with a lower score, by label */
    double tied[2];  /* of those with the present score, by label */
    double twice;    /* 2 * pairs of a positive and a negative below it, + pairs that tie; a pair of rows
                      * counts as much as the product of their weights */
};
/* No further row has the present score. */
void apg_metrics_tally_level(struct apg_metrics_tally *t);
/* Add a row, whose key is not below that of the row before. */
static inline void apg_metrics_tally_add(
    struct apg_metrics_tally *t, uint64_t key, uint32_t label, double weight)
{
    if (key != t->key)
        apg_metrics_tally_level(t);
    t->key = key;
    t->tied[label] += weight;
}
/* The AUC. To be called once, when all rows are in. */
double apg_metrics_tally_auc(struct apg_metrics_tally *t);

/* Cut groups into at most ten parts of equally many groups, in the order of how many rows they
 * have, ROWS (groups); groups of equally many rows are in the order of their numbers. decile
 * (groups) gets the part of each group that has rows, *n_deciles how many parts there are. */
enum apg_status apg_metrics_deciles(
    const uint32_t *rows, uint32_t groups, uint32_t *decile, size_t *n_deciles, struct apg_error *err);

/* ---- in fixed memory ---- */

struct apg_metrics_running {
    struct apg_metrics_sums sums;
    double (*bin)[2]; /* weight of the rows by logit and label */
};
enum apg_status apg_metrics_running_init(struct apg_metrics_running *r, struct apg_error *err);
void apg_metrics_running_release(struct apg_metrics_running *r);
void apg_metrics_running_add(struct apg_metrics_running *r, double logit, bool label, float weight);
/* The AUC of the rows so far. The exact one differs from it by at most *BOUND (NULL is allowed).
 * Bins are 1/4096 of a logit wide. */
double apg_metrics_running_auc(const struct apg_metrics_running *r, double *bound);

#endif
