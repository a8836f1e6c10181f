/* SPDX-License-Identifier: MIT
 *
 * grouping.h - numbers for groups of rows, such as those of one user.
 *
 * Rows are in one group when their tokens are the same. A token is put together from parts: the
 * cells of a row in some columns, or what a model knows of them.
 */
#ifndef APG_GROUPING_H
#define APG_GROUPING_H
#include "data/vocab.h"

struct grouping {
    struct apg_vocab vocab;
    char *token; /* of the row at hand, so far */
    size_t n_token, cap_token;
};
enum apg_status grouping_init(struct grouping *g, struct apg_error *err);
void grouping_release(struct grouping *g); /* of a zeroed one: allowed */
/* Append N bytes to the token of the row at hand; false when out of memory. */
bool grouping_put(struct grouping *g, const void *part, size_t n);
/* The group of the token, which is then empty again. The first group is 1, a new one the next
 * number. */
enum apg_status grouping_end(struct grouping *g, uint32_t *group, struct apg_error *err);

#endif
