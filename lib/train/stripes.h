/* SPDX-License-Identifier: MIT
 *
 * stripes.h - the order in which an epoch takes rows. The log is dealt out in chunks of neighbouring rows to stripes:
 * as many as a batch has slots. Slot s of each batch has rows of stripe s, so a rank, which works on some slots, reads
 * their chunks and no others. Within a stripe rows are shuffled anew for each epoch. A rank holds the order of its own
 * stripes, 4 bytes a row, so the rows of all ranks together may be more than 2^32.
 *
 * One thread makes and shuffles them.
 */
#ifndef APG_STRIPES_H
#define APG_STRIPES_H
#include "base/error.h"
#include "base/pool.h"
#include "data/dataset.h"

/* Short logs have chunks of one row, so that a batch is drawn from all of the log however that is sorted. */
enum { APG_STRIPE_CHUNK_MAX = 1024 };

struct apg_stripe {
    uint64_t rows; /* that are taken in an epoch */
    uint32_t *
        order; /* (rows): which, counted through its chunks, of CHUNK rows each. NULL: another rank has them */
    size_t n_chunks, cap_chunks;
    uint64_t *first; /* (n_chunks) row of the log */
};

struct apg_stripes {
    size_t batch; /* rows of a step; the last may have fewer */
    size_t n;     /* slots */
    size_t chunk; /* rows, a power of two */
    struct apg_stripe *stripe;
};

/* Cut a log of which ROWS rows are taken: all, or the first, but for the N_HELD rows HELD, which are in ascending
 * order. A batch of BATCH rows has N slots, of which those from FROM up to TO are worked on here. APG_ERANGE: a stripe
 * has more than 2^32 - 1 rows. *S is released also after a failure. */
enum apg_status apg_stripes_init(struct apg_stripes *s, uint64_t rows, const uint64_t *held, uint64_t n_held,
    size_t batch, size_t n, size_t from, size_t to, struct apg_error *err);
void apg_stripes_release(struct apg_stripes *s); /* a zeroed one is allowed */
/* Shuffle on for EPOCH. The order depends on SEED and all epochs that it was shuffled for. */
void apg_stripes_shuffle(struct apg_stripes *s, uint64_t seed, uint64_t epoch, struct apg_pool *pool);
/* The N rows of D that are the batch at row AT of the epoch, a multiple of the rows of a batch: ROW (n), in the order
 * of slots. Those of other ranks' slots are NULL. */
void apg_stripes_take(
    const struct apg_stripes *s, const struct apg_dataset *d, uint64_t at, size_t n, const uint32_t **row);

/* How many rows of a batch of N slot S of SLOTS has. */
static inline size_t apg_stripes_share(size_t n, size_t s, size_t slots)
{
    return n * (s + 1) / slots - n * s / slots;
}

#endif
