/* SPDX-License-Identifier: MIT
 *
 * safetensors.h - a container of named tensors, everything checked. Knows nothing of models.
 *
 *   8 bytes  header length, little-endian
 *   JSON     {"__metadata__": {"format": "apg", "version": "1", "checksum": "xxh3:HEX", KEY: TEXT...},
 *             NAME: {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ...} padded with spaces
 *   data     tensors in the order they were added, each 64-byte aligned in the file; where the one before
 *            does not end so, a tensor "pad.N" of bytes fills the gap: the format allows no holes
 *
 * The checksum is XXH3-64 over the whole file with the checksum's own 16 digits written as zeros. Opened by
 * mapping: a tensor is used where it lies. Written front to back, so to a pipe too. Little-endian machines
 * only. docs/files.md has the layout for others.
 */
#ifndef APG_SAFETENSORS_H
#define APG_SAFETENSORS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum apg_dtype { APG_F32, APG_F64, APG_F16, APG_U8, APG_U32, APG_U64, APG_DTYPES };
extern const char *const apg_dtype_name[APG_DTYPES]; /* safetensors': F32, F64, F16, U8, U32, U64 */
extern const size_t apg_dtype_size[APG_DTYPES];      /* bytes */

struct apg_tensor_view {
    const char *name;
    enum apg_dtype dtype;
    size_t n_dims, dim[4];
    const void *data; /* borrowed */
};

struct apg_tensors; /* a container: being made, or opened */
enum apg_status apg_tensors_new(struct apg_tensors **out, struct apg_error *err);
void apg_tensors_free(struct apg_tensors *t); /* unmaps; NULL is allowed */

/* Metadata and tensors to be written. Text must be UTF-8; a name or key given again is refused (a key:
 * replaced). The data stays the caller's until written; name and text are copied. */
enum apg_status apg_tensors_set(
    struct apg_tensors *t, const char *key, const char *text, struct apg_error *err);
enum apg_status apg_tensors_add(
    struct apg_tensors *t, const struct apg_tensor_view *v, struct apg_error *err);
enum apg_status apg_tensors_write(const struct apg_tensors *t, struct apg_sink sink, struct apg_error *err);

/* Open FD (mapped if a regular file at its start, else read whole). HEADSTART: bytes already read from
 * FD, copied. VERIFY: check the checksum too (reads everything); header, sizes and offsets always are.
 * Errors name the file and say truncated, altered, not a model, or newer than this apg. FD stays the
 * caller's and may be closed. */
enum apg_status apg_tensors_open(struct apg_tensors **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, bool verify, struct apg_error *err);
/* The same for a container that lies in memory, 8-byte aligned: BYTES stays the caller's and must
 * outlive it. */
enum apg_status apg_tensors_open_memory(struct apg_tensors **out, const void *bytes, size_t n,
    const char *name, bool verify, struct apg_error *err);

/* Padding is not among the tensors. */
const char *apg_tensors_get(const struct apg_tensors *t, const char *key); /* NULL: none */
const struct apg_tensor_view *apg_tensors_find(
    const struct apg_tensors *t, const char *name); /* NULL: none */
size_t apg_tensors_count(const struct apg_tensors *t);
const struct apg_tensor_view *apg_tensors_at(const struct apg_tensors *t, size_t i);
uint64_t apg_tensors_bytes(
    const struct apg_tensors *t); /* of the whole file; a multiple of 64 when we wrote it */
const char *apg_tensors_name(const struct apg_tensors *t); /* of the file, as opened, for messages */

#endif
