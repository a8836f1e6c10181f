/* SPDX-License-Identifier: MIT
 *
 * calibrate.h - a slope and an offset that turn a model's logits into probabilities:
 *
 *     p = sigmoid(slope * logit + offset + log(rate))
 *
 * Platt, "Probabilistic Outputs for Support Vector Machines", 1999; fitted by Newton's method (Lin, Lin
 * and Weng, 2007). The order of scores, and with it the AUC, stays as it is.
 */
#ifndef APG_CALIBRATE_H
#define APG_CALIBRATE_H
#include <stdbool.h>
#include <stdint.h>

struct apg_calibration {
    double slope, offset; /* of a logit; 1 and 0 change nothing */
    double rate; /* negatives were sampled with this probability: log(rate) is added; 1: all were kept */
};
static inline bool apg_calibration_is_none(const struct apg_calibration *c)
{
    return c->slope == 1 && c->offset == 0 && c->rate == 1;
}

/* Rows of each label, of a weight above 0, that a fit takes at least; and the largest logit that a slope may
 * make. Logits that ask for more differ by their last bits only: such a model got a slope of 138,000. */
enum { APG_CALIBRATE_ROWS = 50, APG_CALIBRATE_LOGIT = 1000 };

/* Fit the slope and the offset of *c to N logits, their labels, and the rows' weights (NULL: all count
 * alike), of rows that the model did not learn. Weights count by their ratio to their mean. *before and
 * *after: the mean log loss without it and with it. False, and *c changes nothing: there are not enough rows
 * of each label, the slope is out of range, or the loss does not become lower. */
bool apg_calibrate(struct apg_calibration *c, const double *logit, const bool *label, const float *weight,
    uint64_t n, double *before, double *after);

#endif
