/* SPDX-License-Identifier: MIT
 *
 * modelfile.h - a safetensors container: named tensors, a JSON header, everything checked. Knows nothing of models.
 *
 *   8 bytes  header length, little-endian
 *   JSON     {"__metadata__": {"format": "apg", "version": "1", "checksum": "xxh3:...", KEY: TEXT...},
 *             NAME: {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ...} padded with spaces
 *   data     tensors, each 64-byte aligned in the file
 * The checksum is XXH3-64 (hex) over the data part and over the header with the checksum's digits written as zeros.
 * Opened by mapping: a tensor is used where it lies. Written front to back (the header is known before the data), so to a pipe too.
 */
#ifndef APG_MODELFILE_H
#define APG_MODELFILE_H
#include <stdint.h>
#include "error.h"
#include "featfile.h" /* struct apg_sink */
#include "schema.h"

enum apg_dtype { APG_F32, APG_F64, APG_F16, APG_U8, APG_U32, APG_U64 }; /* safetensors: F32, F64, F16, U8, U32, U64 */

struct apg_tensor_view {
    const char *name;
    enum apg_dtype dtype;
    size_t n_dims, dim[4];
    const void *data; /* borrowed */
};

struct apg_tensors; /* a container: being made, or opened */
enum apg_status apg_tensors_new(struct apg_tensors **out, struct apg_error *err);
void apg_tensors_free(struct apg_tensors *t); /* unmaps */
/* Metadata (text) and tensors to be written; data stays the caller's until written, name and text are copied. */
enum apg_status apg_tensors_set(struct apg_tensors *t, const char *key, const char *text, struct apg_error *err);
enum apg_status apg_tensors_add(struct apg_tensors *t, const struct apg_tensor_view *v, struct apg_error *err);
enum apg_status apg_tensors_write(const struct apg_tensors *t, struct apg_sink sink, struct apg_error *err);
/* Open FD (mapped if a regular file, else read whole). VERIFY: check the checksum (reads everything); sizes, offsets and
 * the header are always checked. Errors name the file and say truncated, altered, not a model, or newer than this apg. */
enum apg_status apg_tensors_open(struct apg_tensors **out, int fd, const char *name, bool verify, struct apg_error *err);
const char *apg_tensors_get(const struct apg_tensors *t, const char *key);                   /* NULL: none */
const struct apg_tensor_view *apg_tensors_find(const struct apg_tensors *t, const char *name); /* NULL: none */
size_t apg_tensors_count(const struct apg_tensors *t);
const struct apg_tensor_view *apg_tensors_at(const struct apg_tensors *t, size_t i);
uint64_t apg_tensors_bytes(const struct apg_tensors *t); /* of the whole file */

/* A schema in a container: key "schema" (JSON: label, delimiter, fields with kind and numbers), tensors "vocab.NAME.text" (U8),
 * "vocab.NAME.at" (U64), "vocab.NAME.slot" (U64), "edges.NAME" (F32). Loaded vocabularies borrow from the mapping:
 * T must outlive the schema. */
enum apg_status apg_schema_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err);
enum apg_status apg_schema_load(struct apg_schema **out, const struct apg_tensors *t, struct apg_error *err);

#endif
