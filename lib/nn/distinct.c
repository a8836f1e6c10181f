/* SPDX-License-Identifier: MIT */
#include "nn/distinct.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "nn/tree.h"

/* A place of the hash table, which is linear probing by id. It is as large as the rows of a batch need, not as the
 * vocabulary: of a small field it stays in the cache. */
struct apg_distinct_place {
    uint32_t id, at; /* at: 1 + the index of the row; 0: the place is free */
};

enum { PLACES_LEAST = 16 };

static struct apg_distinct_place *place_of(const struct apg_distinct *d, uint32_t id)
{
    size_t i = (id * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (d->n_map - 1);
    while (d->map[i].at && d->map[i].id != id)
        i = (i + 1) & (d->n_map - 1);
    return &d->map[i];
}

/* Twice the places; at least twice as many as there are rows. */
static bool grow_map(struct apg_distinct *d)
{
    const size_t n = d->n_map ? 2 * d->n_map : PLACES_LEAST;
    struct apg_distinct_place *map = apg_alloc(n, sizeof *map);
    if (!map)
        return false;
    free(d->map);
    d->map = map;
    d->n_map = n;
    for (uint32_t k = 0; k < d->n; k++)
        *place_of(d, d->row[k].id) = (struct apg_distinct_place){d->row[k].id, k + 1};
    return true;
}

bool apg_distinct_start(struct apg_distinct *d)
{
    d->n = d->n_leaves = d->n_ids = 0;
    if (!d->map && !grow_map(d))
        return false;
    memset(d->map, 0, d->n_map * sizeof *d->map);
    return true;
}

bool apg_distinct_add(struct apg_distinct *d, uint32_t id, uint32_t slot, uint32_t times, uint32_t *leaf)
{
    struct apg_distinct_place *p = place_of(d, id);
    if (p->at) {
        struct apg_distinct_row *row = &d->row[p->at - 1];
        row->times += times;
        if (row->slot == slot) {
            *leaf = row->last;
            return true;
        }
    }
    if (!apg_grow(&d->leaf, &d->cap_leaf, (size_t)d->n_leaves + 1, sizeof *d->leaf))
        return false;
    *leaf = d->n_leaves++;
    d->leaf[*leaf] = (struct apg_distinct_leaf){p->at ? p->at - 1 : d->n, slot, *leaf};
    if (p->at) {
        struct apg_distinct_row *row = &d->row[p->at - 1];
        d->leaf[row->last].next = *leaf;
        row->last = *leaf, row->slot = slot;
        return true;
    }
    if (!apg_grow(&d->row, &d->cap_row, (size_t)d->n + 1, sizeof *d->row))
        return false;
    d->row[d->n++] = (struct apg_distinct_row){id, times, *leaf, *leaf, slot};
    *p = (struct apg_distinct_place){id, d->n};
    return 2 * (size_t)d->n <= d->n_map || grow_map(d);
}

bool apg_distinct_find(struct apg_distinct *d, const struct apg_graph *g, size_t field)
{
    if (!apg_distinct_start(d))
        return false;
    for (size_t i = g->slot_from; i < g->slot_to; i++) {
        const struct apg_bags *b = &g->slot[i].bags;
        for (size_t r = 0; r < g->slot[i].rows; r++) {
            const uint32_t from = b->first[r * g->F + field], to = b->first[r * g->F + field + 1];
            if (!apg_grow(&d->leaf_of, &d->cap_leaf_of, (size_t)d->n_ids + (to - from), sizeof *d->leaf_of))
                return false;
            for (uint32_t k = from; k < to; k++)
                if (!apg_distinct_add(d, b->id[k], (uint32_t)i, 1, &d->leaf_of[d->n_ids++]))
                    return false;
        }
    }
    return true;
}

bool apg_distinct_sum(struct apg_distinct *d, const struct apg_graph *g, const struct apg_op *op,
    size_t field, const struct apg_embedding *at)
{
    const size_t E = at->E, width = g->width[op->out];
    uint32_t begun = 0, id = 0; /* leaves that have a sum; ids that have been added */
    if (!apg_grow(&d->sum, &d->cap_sum, d->n_leaves * E, sizeof *d->sum))
        return false;
    for (size_t i = g->slot_from; i < g->slot_to; i++) {
        const struct apg_slot *s = &g->slot[i];
        for (size_t r = 0; r < s->rows; r++) {
            const apg_real *de = s->dx[op->out] + r * width + at->column;
            for (uint32_t k = s->bags.first[r * g->F + field]; k < s->bags.first[r * g->F + field + 1]; k++) {
                const uint32_t leaf = d->leaf_of[id++];
                apg_real *sum = d->sum + leaf * E;
                if (leaf == begun) { /* leaves begin in the order of their numbers */
                    memset(sum, 0, E * sizeof *sum);
                    begun++;
                }
                apg_kernel_add(sum, de, (apg_real)s->bags.weight[k], E);
            }
        }
    }
    return true;
}

apg_real *apg_distinct_total(struct apg_distinct *d, size_t k, size_t E)
{
    struct apg_tree_part part[APG_SLOTS_MAX];
    size_t n = 0;
    for (uint32_t leaf = d->row[k].first;; leaf = d->leaf[leaf].next) {
        part[n++] = (struct apg_tree_part){d->leaf[leaf].slot, d->sum + leaf * E};
        if (leaf == d->row[k].last)
            return apg_tree_sum(part, n, E);
    }
}

void apg_distinct_release(struct apg_distinct *d)
{
    free(d->row);
    free(d->leaf);
    free(d->leaf_of);
    free(d->sum);
    free(d->map);
    *d = (struct apg_distinct){0};
}
