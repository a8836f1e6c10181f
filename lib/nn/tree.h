/* SPDX-License-Identifier: MIT
 *
 * tree.h - sums whose order of additions is fixed by where the parts stand, whoever made them.
 *
 * The slots of a batch are the leaves of a binary tree. Two neighbours are added first, then two such sums, and so
 * on. A part that is not there, as a slot that has no row of a token, is left out, so that the rest is as it is: a
 * sum of one part is this part. A part may be the sum of an aligned subtree: part and whole are then added as if
 * its leaves were there.
 */
#ifndef APG_TREE_H
#define APG_TREE_H
#include <stddef.h>
#include "nn/kernel.h"

struct apg_tree_part {
    size_t slot; /* the first of its subtree */
    apg_real *v; /* (n): the numbers; it is overwritten where other parts are added to it */
};

/* The sum of the N_PARTS > 0 parts of SIZE numbers each, whose slots ascend; it is where the first part is. */
static inline apg_real *apg_tree_sum(const struct apg_tree_part *part, size_t n_parts, size_t size)
{
    if (n_parts == 1)
        return part->v;
    /* The two halves of the smallest subtree that has all of them differ in this bit of the slot. */
    const size_t differ = part->slot ^ part[n_parts - 1].slot;
    const size_t half = (size_t)1 << (63 - __builtin_clzll((unsigned long long)differ));
    size_t left = 1;
    while (!(part[left].slot & half))
        left++;
    apg_real *sum = apg_tree_sum(part, left, size);
    apg_kernel_add(sum, apg_tree_sum(part + left, n_parts - left, size), 1, size);
    return sum;
}

#endif
