/* SPDX-License-Identifier: MIT
 *
 * pairing.h - two files of scores, read side by side: are their rows at hand the same? They are
 * when the labels agree, and the cells of every column that both files have, or of the columns that
 * the user named as the key.
 */
#ifndef APG_PAIRING_H
#define APG_PAIRING_H
#include "common/scores_csv.h"

struct pairing {
    const struct scores *a, *b; /* borrowed */
    size_t n, *at_a, *at_b;     /* (n) cells of a record that must agree */
    bool key;                   /* the user named them */
};

/* After scores_begin of both. KEY: names of columns that both must have; when empty, all columns of
 * one name that are neither the labels nor the scores compared. A name that stands twice in a file
 * is passed over. End it with pairing_release, also after a failure. */
enum apg_status pairing_init(struct pairing *p, const struct scores *a, const struct scores *b,
    const struct apg_list *key, struct apg_error *err);
/* After scores_next of both. Refuses rows that are not the same, and a file that ends before the
 * other. */
enum apg_status pairing_check(const struct pairing *p, struct apg_error *err);
void pairing_release(struct pairing *p); /* a zeroed one is allowed */

#endif
