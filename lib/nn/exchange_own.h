/* SPDX-License-Identifier: MIT
 *
 * exchange_own.h - for exchange.c (rows of tables) and exchange_slots.c (what slots make): what a rank knows of the
 * others, and the room that messages need.
 */
#ifndef APG_EXCHANGE_OWN_H
#define APG_EXCHANGE_OWN_H
#include "base/comm.h"
#include "nn/distinct.h"
#include "nn/graph.h"

enum { NODES_MAX = 20 }; /* subtrees that make any range of slots: APG_SLOTS_MAX is 2^10 */

/* An aligned subtree: SIZE slots, a power of two, from SLOT on. */
struct node {
    size_t slot, size;
};

/* That a rank needs the row ID. Its slots have it TIMES; bit t of NODES: the subtree t of that rank has it. */
struct ask {
    uint32_t id, times, nodes;
};

/* Asks, sorted by the other rank, then by field. An ask has a row of numbers on its way to who asked, and for each
 * of its nodes a row of gradients on its way back; in all tables that have the field, one after another. */
struct asks {
    struct ask *ask;
    size_t *row_at, *gradient_at; /* by ask, and one more: where its numbers are in ROWS and GRADIENTS */
    size_t *from;                 /* by rank and field, F + 1 of each rank: its first ask */
    apg_real *rows, *gradients;
    size_t cap_ask, cap_row_at, cap_gradient_at, cap_rows, cap_gradients;
};

struct apg_exchange {
    size_t rank, ranks;
    struct node (*node)[NODES_MAX]; /* by rank: what its slots are as subtrees */
    size_t *n_nodes;                /* by rank */
    size_t *width;                  /* by field: the numbers of a row in all tables */
    size_t *offset;                 /* by field and op: where in them those of the op's table are */
    struct apg_distinct *mine;      /* by field: rows that this rank's slots have */
    struct apg_distinct *asked;     /* by field: rows held here that the slots of any rank have */
    struct asks out, in;            /* by this rank of others; by others of this one */
    uint32_t **place;               /* by field, and row of MINE: its ask */
    size_t *cap_place;              /* by field */
    size_t *cap_read;               /* by param: numbers that there is room for in read */
    apg_real **runs;                /* by value: sums by domain, in the order of domains */
    size_t *cap_runs;
    apg_real *dense_out, *dense_in;
    size_t cap_dense_out, cap_dense_in;
    struct apg_comm_piece *piece;   /* (ranks) */
    uint64_t *count_out, *count_in; /* (ranks) */
};

#endif
