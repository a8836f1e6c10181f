/* SPDX-License-Identifier: MIT
 *
 * ingest.h - from CSV to encoded rows: read by one thread, parsed and encoded by all, passed on in
 * order.
 *
 * Training rows are encoded twice. While the input is read, vocabularies grow, and quantiles and
 * means are not known: tokens get ids by first appearance, and numbers stay as they are. When the
 * input ends, the schema is fixed and the rows are rewritten in place. What comes out depends on
 * the input's bytes alone, not on threads or on when the bytes arrived.
 *
 * INPUTS are CSV with the same columns in any order, read to their ends one after the other. They
 * wait for full chunks from then on (apg_csv_wait). A bad row or a missing column is APG_EINPUT,
 * and the error names file, line and column; so is no row at all, but for apg_ingest_stream. REJECTS
 * may say that bad rows are left out; NULL: they are not. What comes out then is what comes of the
 * same input without them. One thread calls, POOL works.
 */
#ifndef APG_INGEST_H
#define APG_INGEST_H
#include "data/columns.h"
#include "data/dataset.h"
#include "data/rejects.h"
#include "base/pool.h"

/* Make a schema and the rows. *schema is freed with apg_schema_free, *rows with apg_dataset_free;
 * both are NULL after a failure. *explain (unless NULL) is as in columns.h; it is set also when a
 * later row is refused. */
enum apg_status apg_ingest(struct apg_schema **schema, struct apg_dataset **rows, char **explain,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err);

/* The rows alone, with a finished schema, as for a validation file. Rows need labels. */
enum apg_status apg_ingest_with(const struct apg_schema *schema, struct apg_dataset **rows,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err);

/* The same, but tokens of ROWS that S does not know, and that come at least c->min_count times, get ids behind
 * those that it has, which stay. S owns its vocabularies then, and its crosses are as they were: rows of
 * the joint table are those of its fields alone, until apg_cross_grow. After a failure S can only be freed. */
enum apg_status apg_ingest_grow(struct apg_schema *s, struct apg_dataset **rows,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err);

/* apg_ingest_with without keeping the rows: FN is called by one thread at a time, any of POOL, with
 * blocks of any size, in the order of the input. When it fails, reading ends and its status is
 * returned. */
typedef enum apg_status apg_ingest_block(void *arg, const struct apg_block *b, struct apg_error *err);
enum apg_status apg_ingest_stream(const struct apg_schema *schema, struct apg_csv *const *inputs,
    size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects, bool need_label,
    struct apg_pool *pool, apg_ingest_block *fn, void *arg, struct apg_error *err);

#endif
