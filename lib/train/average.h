/* SPDX-License-Identifier: MIT
 *
 * average.h - a running mean of a model's weights while it is trained, which scores better than the weights
 * of any one step (Polyak & Juditsky, 1992; over the later steps only, "polynomial-decay averaging": Shamir
 * & Zhang, ICML 2013, arXiv 1212.1824). The n-th weights added count for (g + 1) / (n + g), g = 1 / SHARE -
 * 1: the mean is over about the last SHARE of all that were added, however many come. */
#ifndef APG_AVERAGE_H
#define APG_AVERAGE_H
#include "nn/graph.h"

struct apg_average;
/* An average of G's weights, which takes as much memory as these. G must outlive it. *out is freed with
 * apg_average_free. */
enum apg_status apg_average_new(struct apg_average **out, struct apg_graph *g, struct apg_error *err);
void apg_average_free(struct apg_average *a); /* NULL is allowed */
/* Add G's weights to the mean; 0 < SHARE <= 1. The bytes are the same for any number of threads. */
void apg_average_add(struct apg_average *a, double share, struct apg_pool *pool);
/* Exchange the mean and G's weights; a second call undoes it. The caller must form derived params anew. */
void apg_average_swap(struct apg_average *a, struct apg_pool *pool);
/* For a state: how many weights were added so far, and the mean of param I, which is not derived: (rows, cols). */
uint64_t *apg_average_added(struct apg_average *a);
apg_real *apg_average_mean(const struct apg_average *a, size_t i);

#endif
