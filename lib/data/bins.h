/* SPDX-License-Identifier: MIT
 *
 * bins.h - where the numbers of a column are cut into bins. A number's bin is how many edges are not above
 * it. Edges are in ascending order, each greater than the lowest of the values: nothing lies below that.
 */
#ifndef APG_BINS_H
#define APG_BINS_H
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Put VALUE (n), without NaN, into ascending order. APG_ENOMEM. */
enum apg_status apg_bins_sort(float *value, size_t n, struct apg_error *err);

/* Cut the sorted VALUE (n) at BINS - 1 quantiles. Equal edges become one. *edge (n_edges) is freed with
 * free(). APG_ENOMEM. */
enum apg_status apg_bins_quantiles(
    float **edge, uint32_t *n_edges, const float *value, size_t n, size_t bins, struct apg_error *err);

/* The same with a bin for each spike, and with about equal shares in between. A SPIKE is a value that comes
 * APG_SPIKE_LEAST times or more, and at least once in APG_SPIKE_ROWS: a capital gain of 15,024 says more
 * than those beside it. Test AUC of adult: .910 without bins; with 16 bins .928, or .922 when a spike has to
 * come 50 times (apg train --valid valid.csv -o m.apg train.csv; apg evaluate -m m.apg test.csv). Values
 * that come as often as their neighbours in a large log are no spikes, and need no weights of their own. */
enum { APG_SPIKE_LEAST = 5, APG_SPIKE_ROWS = 2048 };
enum apg_status apg_bins_spikes(
    float **edge, uint32_t *n_edges, const float *value, size_t n, size_t bins, struct apg_error *err);

#endif
