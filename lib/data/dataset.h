/* SPDX-License-Identifier: MIT
 *
 * dataset.h - rows to train on: encoded once, then read in any order for many epochs.
 *
 * Rows come from CSV (ingest.h) or from a feature file, whose blocks are mapped as they stand
 * (featfile.h). They are kept in memory up to a limit. What is more goes to an unlinked temporary
 * file, which is mapped when all rows are there.
 *
 * One thread makes a data set; when it is finished, any number may read it.
 */
#ifndef APG_DATASET_H
#define APG_DATASET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "data/schema.h"

/* Where rows begin that were joined to others: in all rows, and in all blocks. */
struct apg_dataset_part {
    uint64_t row;
    size_t block;
};

struct apg_dataset {
    uint64_t rows, positives;
    size_t weight_at; /* as of apg_row_weight_at; set by who makes the data set, to be read here */
    size_t n_blocks, cap_blocks;
    struct apg_block *block; /* each of APG_BLOCK_ROWS rows, but the last one of all and that before a part */
    size_t n_parts, cap_parts;
    struct apg_dataset_part *part; /* behind the first rows */
    struct apg_spool *spool;       /* private: temporary file or mapping */
};
void apg_dataset_free(struct apg_dataset *d); /* NULL is allowed */
/* apg_dataset_row, where there are parts. */
const uint32_t *apg_dataset_row_of_part(const struct apg_dataset *d, uint64_t i);
/* The words of row I, 0 <= i < rows. They are valid as long as the data set. Thread-safe. */
static inline const uint32_t *apg_dataset_row(const struct apg_dataset *d, uint64_t i)
{
    return d->n_parts ? apg_dataset_row_of_part(d, i)
                      : apg_block_row(&d->block[i / APG_BLOCK_ROWS], i % APG_BLOCK_ROWS);
}

/* What row I counts for: 1 where rows have no weights. */
static inline float apg_dataset_weight(const struct apg_dataset *d, uint64_t i)
{
    return d->weight_at ? apg_word_float(apg_dataset_row(d, i)[d->weight_at]) : 1;
}
/* How many rows have the label 1, where a row of mean weight is one. Without weights, the positives. */
double apg_dataset_positives(const struct apg_dataset *d);

/* The bytes of D's rows in memory: not of those in a file. */
size_t apg_dataset_bytes(const struct apg_dataset *d);

/* ---- making one ---- */

/* MEMORY is how many bytes of rows are kept in memory; what is more goes to a temporary file in
 * TEMP_DIR (NULL: $TMPDIR or /tmp). *out is freed with apg_dataset_free. */
enum apg_status apg_dataset_new(
    struct apg_dataset **out, size_t memory, const char *temp_dir, struct apg_error *err);
/* Append the rows of B, which is copied. They are cut anew, into blocks of APG_BLOCK_ROWS. Fails
 * when the temporary file cannot be written (APG_EIO). */
enum apg_status apg_dataset_append(struct apg_dataset *d, const struct apg_block *b, struct apg_error *err);
/* Close the last block and map the temporary file. Blocks may be read, and written in place, only
 * after this. */
enum apg_status apg_dataset_finish(struct apg_dataset *d, struct apg_error *err);
/* A data set of N_BLOCKS blocks as they are. On success it frees the array BLOCKS, but not the
 * words and starts, which are borrowed. All blocks but the last have APG_BLOCK_ROWS rows. */
enum apg_status apg_dataset_borrow(struct apg_dataset **out, struct apg_block *blocks, size_t n_blocks,
    uint64_t positives, struct apg_error *err);
/* Append the rows of MORE where they lie. D takes MORE over, also on failure. No other rows can be appended later. */
enum apg_status apg_dataset_join(struct apg_dataset *d, struct apg_dataset *more, struct apg_error *err);
/* Call RELEASE(ARG) when the data set is freed. It frees what the blocks, or a schema, borrow
 * from. apg_dataset_check calls CHECK(ARG). */
void apg_dataset_keep(struct apg_dataset *d, void (*release)(void *arg),
    enum apg_status (*check)(const void *arg, struct apg_error *err), void *arg);
/* APG_EIO when the file that the rows lie in has been changed by others: what was read of it is
 * worth nothing. */
enum apg_status apg_dataset_check(const struct apg_dataset *d, struct apg_error *err);

#endif
