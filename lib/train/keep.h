/* SPDX-License-Identifier: MIT
 *
 * keep.h - weights put aside while training goes on: those of the best epoch so far. They are read once, at
 * the end, so what is large waits in a temporary file and takes no memory.
 */
#ifndef APG_KEEP_H
#define APG_KEEP_H
#include "nn/graph.h"

struct apg_keep;
/* For the weights of G, which must outlive it. Up to MEMORY bytes stay in memory; more go to a file in
 * TEMP_DIR (NULL: $TMPDIR or /tmp; borrowed), which is made by the first apg_keep_put. *out is freed with
 * apg_keep_free. */
enum apg_status apg_keep_new(struct apg_keep **out, const struct apg_graph *g, size_t memory,
    const char *temp_dir, struct apg_error *err);
void apg_keep_free(struct apg_keep *k); /* NULL is allowed */
/* Put G's weights aside, in place of those that were. APG_EIO: the file cannot be written. */
enum apg_status apg_keep_put(struct apg_keep *k, struct apg_error *err);
/* Give G the weights that were put aside. The caller must form derived params anew. */
enum apg_status apg_keep_take(const struct apg_keep *k, struct apg_error *err);
/* For a state: what was put aside, all weights one param after another. A file is mapped for that. */
enum apg_status apg_keep_weights(struct apg_keep *k, const apg_real **weights, struct apg_error *err);

#endif
