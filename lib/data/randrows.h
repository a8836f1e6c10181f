/* SPDX-License-Identifier: MIT
 *
 * randrows.h - rows of random ids, numbers and labels: to hold two models against each other, or to time one.
 */
#ifndef APG_RANDROWS_H
#define APG_RANDROWS_H
#include <stddef.h>
#include <stdint.h>
#include "data/schema.h"

struct apg_randrows {
    size_t n;
    uint32_t *word;
    const uint32_t **row; /* (n): as from apg_dataset_row */
};

/* N rows of S: ids uniform over a field's, the out-of-vocabulary one among them, one for each cell; numbers
 * normal; labels 0 or 1. One SEED gives the same rows. */
enum apg_status apg_randrows_init(
    struct apg_randrows *r, const struct apg_schema *s, size_t n, uint64_t seed, struct apg_error *err);
void apg_randrows_release(struct apg_randrows *r); /* of a zeroed one: allowed */

#endif
