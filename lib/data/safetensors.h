/* SPDX-License-Identifier: MIT
 *
 * safetensors.h - a container of named tensors. Everything in it is checked. It knows nothing of
 * models.
 *
 *   8 bytes  header length, little-endian
 *   JSON     {"__metadata__": {"format": "apg", "version": "1", "checksum": "xxh3:HEX", KEY: TEXT...},
 *             NAME: {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ...} padded with spaces
 *   data     tensors in the order they were added, each 64-byte aligned in the file; where the one before
 *            does not end so, a tensor "pad.N" of bytes fills the gap: the format allows no holes
 *
 * The checksum is XXH3-64 over the whole file with the checksum's own 16 digits written as zeros.
 * A file is opened by mapping it, and a tensor is used where it lies. It is written front to back,
 * so a pipe will do. Only little-endian machines are served. docs/files.md has the layout for
 * other programs.
 *
 * One thread at a time makes a container; any number may read an opened one.
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
    /* To write what does not lie in memory as a whole: where DATA is NULL, PART(ARG, at, n) gives the n bytes from
     * AT on, valid until the next call; NULL: it has failed. It is called twice for all of them, in order, for
     * PART_BYTES at a time, the last for fewer. */
    const void *(*part)(void *arg, size_t at, size_t n);
    void *arg;
    size_t part_bytes;
};

struct apg_tensors; /* a container: being made, or opened */
enum apg_status apg_tensors_new(struct apg_tensors **out, struct apg_error *err);
void apg_tensors_free(struct apg_tensors *t); /* unmaps; NULL is allowed */

/* Metadata and tensors to be written. Keys, names and texts are copied and must be UTF-8
 * (APG_EINPUT). A key that is set again gets the new text; a name that is taken is refused
 * (APG_EUSAGE). The data of V stays the caller's and must live until it is written. */
enum apg_status apg_tensors_set(
    struct apg_tensors *t, const char *key, const char *text, struct apg_error *err);
enum apg_status apg_tensors_add(
    struct apg_tensors *t, const struct apg_tensor_view *v, struct apg_error *err);
enum apg_status apg_tensors_write(const struct apg_tensors *t, struct apg_sink sink, struct apg_error *err);

/* Open what FD holds. A regular file is mapped when all that was read from it is HEADSTART,
 * N_HEADSTART bytes from its start, which are copied; else it is read whole. VERIFY: compare the
 * checksum too, which reads everything; header, sizes and offsets are always checked. Errors
 * (APG_EFORMAT) name the file and say that it is truncated, altered, not a model, or newer than
 * this apg. FD stays the caller's and may be closed. *out is freed with apg_tensors_free. */
enum apg_status apg_tensors_open(struct apg_tensors **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, bool verify, struct apg_error *err);
/* The same for a container of N bytes in memory, aligned to 8 bytes. BYTES stays the caller's and
 * must outlive it. */
enum apg_status apg_tensors_open_memory(struct apg_tensors **out, const void *bytes, size_t n,
    const char *name, bool verify, struct apg_error *err);

/* The text of KEY in the metadata, or NULL. */
const char *apg_tensors_get(const struct apg_tensors *t, const char *key);
/* The tensor of that name, or NULL. What is returned here lives as long as T. */
const struct apg_tensor_view *apg_tensors_find(const struct apg_tensors *t, const char *name);
/* Is every number of V, a tensor of floats that T holds, finite? Of a container that was verified this
 * costs next to nothing for F32, because it was looked at when the bytes were in the cache. */
bool apg_tensors_is_finite(const struct apg_tensors *t, const struct apg_tensor_view *v);
/* How many tensors there are, padding left out, and the one at place I of them. */
size_t apg_tensors_count(const struct apg_tensors *t);
const struct apg_tensor_view *apg_tensors_at(const struct apg_tensors *t, size_t i);
/* Bytes of the whole file: a multiple of 64 when apg wrote it. */
uint64_t apg_tensors_bytes(const struct apg_tensors *t);
/* APG_EIO: the file was changed since it was opened, so what was read of it is worth nothing. */
enum apg_status apg_tensors_check(const struct apg_tensors *t, struct apg_error *err);
/* The name with which it was opened, for messages. */
const char *apg_tensors_name(const struct apg_tensors *t);

#endif
