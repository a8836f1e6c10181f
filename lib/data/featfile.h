/* SPDX-License-Identifier: MIT
 *
 * featfile.h - the binary feature file (.apgf): a schema and encoded rows. Layout: docs/files.md.
 *
 * A head of 64 bytes (magic, version, sizes, schema hash), a safetensors container with the
 * schema, blocks of rows (length, XXH3, words), an end record (rows, blocks, XXH3). It is written
 * front to back and can be read from a pipe; from a regular file it is mapped and its blocks are
 * used in place. A file without an end record was cut short and is refused. A block's checksum and
 * every word of it are checked before its first use, so that a model may trust its ids. A damaged
 * file is APG_EFORMAT.
 *
 * One thread at a time uses a writer or a reader.
 */
#ifndef APG_FEATFILE_H
#define APG_FEATFILE_H
#include "data/dataset.h"
#include "base/pool.h"
#include "data/safetensors.h"
#include "data/schema.h"

#define APG_FEAT_MAGIC "apgfeat\n" /* 8 bytes */

/* Writes the head and S to SINK, whose arg and name must live until the writer is freed. S need
 * not. *out is freed with apg_feat_writer_free. */
struct apg_feat_writer;
enum apg_status apg_feat_create(
    struct apg_feat_writer **out, const struct apg_schema *s, struct apg_sink sink, struct apg_error *err);
/* Write the rows of B. They are cut anew, into blocks of APG_BLOCK_ROWS. */
enum apg_status apg_feat_write(struct apg_feat_writer *w, const struct apg_block *b, struct apg_error *err);
/* Write the last block and the end record. */
enum apg_status apg_feat_finish(struct apg_feat_writer *w, struct apg_error *err);
void apg_feat_writer_free(struct apg_feat_writer *w); /* NULL is allowed */

struct apg_feat_reader;
/* FD is mapped when it is a regular file, else read. It stays the caller's and must stay open.
 * HEADSTART holds the N_HEADSTART bytes (64 at most) that were read from FD to tell what it is.
 * NAME is for messages and is kept by pointer. *out is freed with apg_feat_reader_free, its schema
 * with it. */
enum apg_status apg_feat_open(struct apg_feat_reader **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, struct apg_error *err);
const struct apg_schema *apg_feat_schema(const struct apg_feat_reader *r);
/* The next block in the order of the file. B borrows it until the next call; what B owned before
 * is released. After the last block b->rows is 0. */
enum apg_status apg_feat_next(struct apg_feat_reader *r, struct apg_block *b, struct apg_error *err);
/* All blocks as a data set; none may have been read before. POOL checks them in parallel. They are
 * used where they lie when the file is mapped, else kept as apg_dataset_new says of MEMORY and
 * TEMP_DIR. Takes the reader over, also on failure. *schema borrows from *rows:
 * apg_schema_free(*schema) comes before apg_dataset_free(*rows). */
enum apg_status apg_feat_dataset(struct apg_feat_reader *r, struct apg_schema **schema,
    struct apg_dataset **rows, size_t memory, const char *temp_dir, struct apg_pool *pool,
    struct apg_error *err);
/* APG_EIO: the file was changed since it was opened, so what was read of it is worth nothing. */
enum apg_status apg_feat_check(const struct apg_feat_reader *r, struct apg_error *err);
void apg_feat_reader_free(struct apg_feat_reader *r); /* NULL is allowed */

#endif
