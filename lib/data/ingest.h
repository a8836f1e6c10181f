/* SPDX-License-Identifier: MIT
 *
 * ingest.h - from CSV to encoded rows: read by one thread, parsed and encoded by all, passed on in order.
 *
 * Training data goes through twice: first with ids by first appearance and numbers as they are, while
 * vocabularies grow and quantiles and means are not known; when the input ends, the schema is fixed and the
 * rows are rewritten in place. What comes out depends on the input's bytes alone, not on threads or on how
 * the bytes arrived.
 */
#ifndef APG_INGEST_H
#define APG_INGEST_H
#include "data/columns.h"
#include "data/dataset.h"
#include "base/pool.h"

/* Read all inputs (CSV, same columns in any order) to their ends and make schema and rows. *explain
 * (unless NULL) as in columns.h, set also when a later row is refused. The inputs wait for full chunks
 * from then on. */
enum apg_status apg_ingest(struct apg_schema **schema, struct apg_dataset **rows, char **explain,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_pool *pool,
    struct apg_error *err);

/* The same with a finished schema (a validation file): labels needed. */
enum apg_status apg_ingest_with(const struct apg_schema *schema, struct apg_dataset **rows,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_pool *pool,
    struct apg_error *err);

/* The same without keeping the rows: FN is called with blocks of any size, in input order, by the
 * calling thread. Its failure ends it all. */
typedef enum apg_status apg_ingest_block(void *arg, const struct apg_block *b, struct apg_error *err);
enum apg_status apg_ingest_stream(const struct apg_schema *schema, struct apg_csv *const *inputs,
    size_t n_inputs, const struct apg_columns *c, bool need_label, struct apg_pool *pool,
    apg_ingest_block *fn, void *arg, struct apg_error *err);

#endif
