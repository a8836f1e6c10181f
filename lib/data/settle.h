/* SPDX-License-Identifier: MIT
 *
 * settle.h - what of a schema only all rows together show: means and deviations of numbers, the edges of their bins,
 * the newest of the times, and which tokens are rare. The rows are then written in its terms, and each field gets
 * its rows of the joint table.
 *
 * The result does not depend on the threads of the pool.
 */
#ifndef APG_SETTLE_H
#define APG_SETTLE_H
#include "base/error.h"
#include "base/pool.h"
#include "data/columns.h"
#include "data/dataset.h"
#include "data/schema.h"

/* S has the tokens of all rows; numbers of D are still as squashed (sheet.h). APG_ENOMEM, APG_ERANGE: more than 2^32
 * values. */
enum apg_status apg_settle(struct apg_schema *s, struct apg_dataset *d, const struct apg_columns *c,
    struct apg_pool *pool, struct apg_error *err);
/* The same of a schema that was settled before, with HAD (n_fields) tokens of each field, which stay. Only new
 * tokens that are rarer than MIN_COUNT go. */
enum apg_status apg_settle_growth(struct apg_schema *s, struct apg_dataset *d, const uint32_t *had,
    uint32_t min_count, struct apg_pool *pool, struct apg_error *err);

#endif
