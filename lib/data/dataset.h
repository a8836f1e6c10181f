/* SPDX-License-Identifier: MIT
 *
 * dataset.h - rows to train on: encoded once, then read in any order for many epochs.
 *
 * They come from CSV (ingest.h) or from a feature file, whose blocks are mapped as they stand (featfile.h).
 * Rows lie in memory up to a limit, then in an unlinked temporary file that is mapped when all are there.
 */
#ifndef APG_DATASET_H
#define APG_DATASET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "data/schema.h"

struct apg_dataset {
    uint64_t rows, positives;
    size_t n_blocks, cap_blocks;
    struct apg_block *block;
    struct apg_spool *spool; /* private: temporary file or mapping */
};
void apg_dataset_free(struct apg_dataset *d); /* NULL is allowed */
/* Row I (0 <= i < rows); valid as long as the data set. Thread-safe. */
static inline const uint32_t *apg_dataset_row(const struct apg_dataset *d, uint64_t i)
{
    return apg_block_row(&d->block[i / APG_BLOCK_ROWS], i % APG_BLOCK_ROWS);
}

/* ---- making one ---- */

/* MEMORY: bytes of rows to keep in memory; what is more goes to a temporary file in TEMP_DIR (NULL:
 * $TMPDIR or /tmp). */
enum apg_status apg_dataset_new(
    struct apg_dataset **out, size_t memory, const char *temp_dir, struct apg_error *err);
/* Rows are re-cut into blocks of APG_BLOCK_ROWS. */
enum apg_status apg_dataset_append(struct apg_dataset *d, const struct apg_block *b, struct apg_error *err);
/* The last block, and the mapping. Blocks may be read, and written in place, only after this. */
enum apg_status apg_dataset_finish(struct apg_dataset *d, struct apg_error *err);
/* Take BLOCKS, an array the data set frees, as they are: whole ones before the last, their words and
 * start borrowed. */
enum apg_status apg_dataset_borrow(struct apg_dataset **out, struct apg_block *blocks, size_t n_blocks,
    uint64_t positives, struct apg_error *err);
/* RELEASE(ARG) is called when the data set is freed: it frees what blocks are borrowed from, or a schema
 * needs. */
void apg_dataset_keep(struct apg_dataset *d, void (*release)(void *arg), void *arg);

#endif
