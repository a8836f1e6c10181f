/* SPDX-License-Identifier: MIT
 *
 * unknown.h - how many of the tokens that are scored the model has not learned, by column: a log that
 * drifts away from that of the training shows here first.
 *
 * Counted are the tokens of columns with a vocabulary. Rows are counted a part at a time (unknown_count, which
 * any thread may call) and added up in order (unknown_add).
 */
#ifndef APG_UNKNOWN_H
#define APG_UNKNOWN_H
#include "common/opt.h"
#include "data/schema.h"

struct unknown_limit {
    const char *column; /* bytes of it: n_column; NULL: of each column that no other limit is of */
    size_t n_column;
    double share;
};

struct unknown {
    const struct apg_schema *schema; /* borrowed */
    struct apg_list limits; /* --max-unknown, as given: X or COLUMN=X each, X a share or a percentage */
    size_t n_single, n_multi;
    size_t *single, *multi; /* the fields that are counted: of one token a row, and of any number */
    uint64_t rows;
    uint64_t *count; /* (2 n_fields) of each field its tokens, then those of them that are unknown */
    double *limit;   /* (n_fields) the largest share that is allowed; NaN: any */
};

/* Refuse limits that are none: OPT_GO, or EXIT_USAGE after a message. */
int unknown_check_limits(const struct unknown *u, const struct opt_command *command);
/* SCHEMA must outlive U. APG_EUSAGE: a limit is of a column that has no vocabulary. APG_ENOMEM. */
enum apg_status unknown_init(struct unknown *u, const struct apg_schema *schema, struct apg_error *err);
void unknown_release(struct unknown *u); /* of a zeroed one, or after a failure: allowed */

/* COUNT (2 n_fields), in the order of u->count: replaced by those of the first ROWS rows of BLOCK. */
void unknown_count(const struct unknown *u, const struct apg_block *block, size_t rows, uint64_t *count);
void unknown_add(struct unknown *u, size_t rows, const uint64_t *count);

/* One line on standard error with the columns of which the share is notable, the worst first; nothing where
 * there are none. */
void unknown_tell(const struct unknown *u);
/* APG_EINPUT, with the column that is farthest above its limit: a limit is exceeded. */
enum apg_status unknown_check(const struct unknown *u, struct apg_error *err);

#endif
