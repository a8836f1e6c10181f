/* SPDX-License-Identifier: MIT
 *
 * lookup.h - where each of many names stands, found by halving. A wide log has 100,000 columns:
 * apg encode spent most of 80 s in looking for each from the first on.
 */
#ifndef APG_LOOKUP_H
#define APG_LOOKUP_H
#include <stdbool.h>
#include <stddef.h>

struct apg_lookup {
    struct apg_name {
        const char *text; /* borrowed */
        size_t at;
    } * name; /* (n) after apg_lookup_sort by text, and of one text by place */
    size_t n;
};

/* Room for N names. False: out of memory. The caller sets name[i], then sorts. */
bool apg_lookup_init(struct apg_lookup *x, size_t n);
void apg_lookup_sort(struct apg_lookup *x);
/* How many names are TEXT. *at: the place of the first, or SIZE_MAX. */
size_t apg_lookup_find(const struct apg_lookup *x, const char *text, size_t *at);
/* A name that stands twice, or NULL. */
const char *apg_lookup_twice(const struct apg_lookup *x);
void apg_lookup_release(struct apg_lookup *x); /* a zeroed one is allowed */

#endif
