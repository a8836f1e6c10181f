/* SPDX-License-Identifier: MIT
 *
 * distinct.h - the table rows of a field that the slots of a batch have, each once, and the gradients of their
 * embeddings. A LEAF is a row in a slot: its gradient is added up in the order of the slot's rows. Leaves of a
 * row are added up in a tree over slots (tree.h). So the sum of a row is the same wherever its slots are worked
 * on. One thread works on a field at a time; different threads may work on different fields.
 */
#ifndef APG_DISTINCT_H
#define APG_DISTINCT_H
#include "nn/graph.h"

struct apg_distinct_row {
    uint32_t id, times;         /* how many ids of the slots it is; in a bag it may be more than once */
    uint32_t first, last, slot; /* leaves; the slot of the last */
};
struct apg_distinct_leaf {
    uint32_t row;        /* the row's index */
    uint32_t slot, next; /* next: the same row's leaf in a later slot; of the last: itself */
};
/* Zeroed at first. */
struct apg_distinct {
    uint32_t n, n_leaves, n_ids;
    struct apg_distinct_row *row;   /* (n), in the order in which they come */
    struct apg_distinct_leaf *leaf; /* (n_leaves), in the order in which they come */
    uint32_t *leaf_of;              /* (n_ids): of each id of the slots, by slot and row */
    apg_real *sum;                  /* (n_leaves, E): after apg_distinct_sum */
    struct apg_distinct_place *map;
    size_t cap_row, cap_leaf, cap_leaf_of, cap_sum, n_map;
};

/* Start without rows. False: out of memory. */
bool apg_distinct_start(struct apg_distinct *d);
/* ID comes TIMES in SLOT, which is not before those of earlier calls. False: out of memory. */
bool apg_distinct_add(struct apg_distinct *d, uint32_t id, uint32_t slot, uint32_t times, uint32_t *leaf);
/* Find the rows of FIELD in the slots of G that are worked on here. False: out of memory. */
bool apg_distinct_find(struct apg_distinct *d, const struct apg_graph *g, size_t field);
/* Add up d of the embeddings AT, which are a part of the value of OP, into d->sum. After apg_distinct_find of the
 * same FIELD. False: out of memory. */
bool apg_distinct_sum(struct apg_distinct *d, const struct apg_graph *g, const struct apg_op *op,
    size_t field, const struct apg_embedding *at);
/* (E): the gradient of row K, after apg_distinct_sum with E. To be called once for a row: it overwrites leaves. */
apg_real *apg_distinct_total(struct apg_distinct *d, size_t k, size_t E);
void apg_distinct_release(struct apg_distinct *d);

#endif
