/* SPDX-License-Identifier: MIT
 *
 * randrows.h - rows of random ids, numbers and labels: to hold two models against each other, or
 * to time one.
 */
#ifndef APG_RANDROWS_H
#define APG_RANDROWS_H
#include <stddef.h>
#include <stdint.h>
#include "data/schema.h"

struct apg_randrows {
    size_t n;
    uint32_t *word;       /* the words of all rows */
    const uint32_t **row; /* (n): each row, as apg_dataset_row gives it */
};

/* N rows of S. A cell has one id, uniform over those of its field, out of vocabulary included.
 * Numbers are normal, labels 0 or 1, weights 1. One SEED gives the same rows. Freed with
 * apg_randrows_release. */
enum apg_status apg_randrows_init(
    struct apg_randrows *r, const struct apg_schema *s, size_t n, uint64_t seed, struct apg_error *err);
void apg_randrows_release(struct apg_randrows *r); /* a zeroed one is allowed */

#endif
