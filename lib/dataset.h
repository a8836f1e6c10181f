/* SPDX-License-Identifier: MIT
 *
 * dataset.h - rows to train on: encoded once, then read in any order for many epochs.
 *
 * They come from CSV (apg_ingest: read, parsed in parallel, provisional ids by first appearance, spooled as blocks;
 * then the vocabulary is fixed and the ids rewritten in place) or from a feature file (blocks mapped as they stand).
 * The spool lies in memory up to a limit, then in an unlinked temporary file that is mapped.
 */
#ifndef APG_DATASET_H
#define APG_DATASET_H
#include "pool.h"
#include "schema.h"

struct apg_dataset {
    uint64_t rows, positives;
    size_t n_blocks, cap_blocks;
    struct apg_block *block;
    void *spool; /* private: temporary file or mapping */
};
void apg_dataset_free(struct apg_dataset *d);
/* Row I (0 <= i < rows); valid as long as the data set. Thread-safe. */
static inline const uint32_t *apg_dataset_row(const struct apg_dataset *d, uint64_t i)
{
    return apg_block_row(&d->block[i / APG_BLOCK_ROWS], i % APG_BLOCK_ROWS);
}

/* How columns are to be read. Names are matched exactly; a name that is no column is refused. */
struct apg_columns {
    char delimiter;
    char separator;           /* of multi cells, '|' */
    bool header;              /* the first record holds the names; else NAMES does */
    const char *label;        /* NULL: the first of label, click, clicked, y, target, is_click, ... that is a column */
    char **names;             /* with header = false; NULL: c1, c2, ... */
    char **categorical, **numeric, **bucket, **multi, **drop; /* forced; each a list of its n_ names */
    size_t n_names, n_categorical, n_numeric, n_bucket, n_multi, n_drop;
    uint32_t min_count;       /* >= 1 */
    unsigned hash_bits;       /* 0: vocabulary */
    uint32_t buckets;         /* quantiles of a bucket column */
    bool infer;               /* infer kinds of columns not named (else they are categorical) */
    size_t memory;            /* bytes of spool kept in memory */
    const char *temp_dir;     /* NULL: $TMPDIR or /tmp */
};
void apg_columns_default(struct apg_columns *c);

/* Called from the reading thread now and then with the rows read so far; NULL for none. */
typedef void apg_progress(void *arg, uint64_t rows);

/* Read all inputs (CSV, same header each) to their ends and make schema and rows. *explain (unless NULL) gets the flags
 * that would force the kinds that were inferred: "--categorical user_id,item_id --numeric price --drop id"; freed with free(). */
enum apg_status apg_ingest(struct apg_schema **schema, struct apg_dataset **rows, char **explain, struct apg_csv *const *inputs,
    size_t n_inputs, const struct apg_columns *c, struct apg_pool *pool, apg_progress *progress, void *arg, struct apg_error *err);

/* The same with a finished schema (a validation file): labels needed. */
enum apg_status apg_ingest_with(const struct apg_schema *schema, struct apg_dataset **rows, struct apg_csv *const *inputs,
    size_t n_inputs, const struct apg_columns *c, struct apg_pool *pool, apg_progress *progress, void *arg, struct apg_error *err);

#endif
