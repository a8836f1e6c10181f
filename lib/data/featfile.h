/* SPDX-License-Identifier: MIT
 *
 * featfile.h - the binary feature file (.apgf): a schema and encoded rows. Layout: docs/files.md.
 *
 * A head of 64 bytes (magic, version, sizes, schema hash), a safetensors container with the schema, blocks
 * of rows (length, XXH3, words), an end record (rows, blocks, XXH3). It is written front to back and can be
 * read from a pipe; from a regular file it is mapped and its blocks are used in place. No end record: the
 * file was cut short. A block's checksum and every word of it are checked before its first use, so that a
 * model may trust its ids.
 */
#ifndef APG_FEATFILE_H
#define APG_FEATFILE_H
#include "data/dataset.h"
#include "base/pool.h"
#include "data/safetensors.h"
#include "data/schema.h"

#define APG_FEAT_MAGIC "apgfeat\n" /* 8 bytes */

struct apg_feat_writer;
enum apg_status apg_feat_create(
    struct apg_feat_writer **out, const struct apg_schema *s, struct apg_sink sink, struct apg_error *err);
/* Rows are re-cut into blocks of APG_BLOCK_ROWS. */
enum apg_status apg_feat_write(struct apg_feat_writer *w, const struct apg_block *b, struct apg_error *err);
/* Last block and end record. */
enum apg_status apg_feat_finish(struct apg_feat_writer *w, struct apg_error *err);
void apg_feat_writer_free(struct apg_feat_writer *w);

struct apg_feat_reader;
/* FD: a regular file is mapped; anything else is read. HEADSTART: bytes already read from FD. NAME is
 * kept by pointer. The schema is the reader's. FD stays the caller's and must stay open. */
enum apg_status apg_feat_open(struct apg_feat_reader **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, struct apg_error *err);
const struct apg_schema *apg_feat_schema(const struct apg_feat_reader *r);
/* The next block, in file order, borrowed into B until the next call (what B owned is released); b->rows
 * = 0 after the end record. */
enum apg_status apg_feat_next(struct apg_feat_reader *r, struct apg_block *b, struct apg_error *err);
/* All blocks, from the first, as a data set (checked in parallel): used where they lie when the file is
 * mapped, else kept as apg_dataset_new says with MEMORY and TEMP_DIR. Takes the reader over, also on
 * failure. *schema borrows from *rows: apg_schema_free(*schema) before apg_dataset_free(*rows). */
enum apg_status apg_feat_dataset(struct apg_feat_reader *r, struct apg_schema **schema,
    struct apg_dataset **rows, size_t memory, const char *temp_dir, struct apg_pool *pool,
    struct apg_error *err);
void apg_feat_reader_free(struct apg_feat_reader *r);

#endif
