/* SPDX-License-Identifier: MIT
 *
 * decode.h - an encoded row as a line of CSV again, as far as a schema knows what its words came
 * from.
 *
 * Both functions append to *buf, which is freed with free(); *n bytes of it are used and *cap are
 * allocated, as for apg_grow. They write no newline. They fail only when out of memory.
 * Thread-safe for different buffers.
 */
#ifndef APG_DECODE_H
#define APG_DECODE_H
#include <stddef.h>
#include <stdint.h>
#include "data/schema.h"

/* The cells of ROW, the label first, the weight last if S has one.
 * Tokens are those of the vocabulary: an id that is out of
 * vocabulary, or hashed, becomes an empty cell. A numeric value has 6 digits. A bucket becomes a
 * number that falls into it. */
enum apg_status apg_decode_row(const struct apg_schema *s, const uint32_t *row, char **buf, size_t *n,
    size_t *cap, struct apg_error *err);
/* The header that goes with these rows: the names of label, fields and weight. */
enum apg_status apg_decode_header(
    const struct apg_schema *s, char **buf, size_t *n, size_t *cap, struct apg_error *err);

#endif
