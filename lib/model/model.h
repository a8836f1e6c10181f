/* SPDX-License-Identifier: MIT
 *
 * model.h - a graph with its encoder: where rows meet tensors. Saved as a container of tensors
 * (docs/files.md).
 */
#ifndef APG_MODEL_H
#define APG_MODEL_H
#include "model/backbone.h"
#include "nn/graph.h"
#include "base/pool.h"
#include "data/safetensors.h"
#include "data/schemafile.h"
#include "data/schema.h"

struct apg_model {
    struct apg_arch arch;
    const struct apg_schema *schema; /* borrowed, or owned by a loaded model */
    struct apg_graph graph;
    size_t max_rows;          /* of a call of apg_model_logits */
    struct apg_tensors *file; /* of a loaded model */
    struct apg_schema *own_schema;
};

/* Weights are zero. MAX_ROWS: the largest batch. */
enum apg_status apg_model_new(struct apg_model **out, const struct apg_schema *schema,
    const struct apg_arch *arch, size_t max_rows, bool train, struct apg_error *err);
void apg_model_free(struct apg_model *m); /* NULL is allowed */

/* Starting weights, drawn by SEED and a param's name: a residual layer, whose generator is zero, starts as
 * the very model that dense layers do. Dense layers, U and V Xavier-normal, embeddings normal with
 * EMBEDDING_STD. ANCHOR: S = I
 * + G(z) with G near zero, else the paper's plain Xavier generator. */
void apg_model_init_weights(struct apg_model *m, uint64_t seed, double embedding_std, bool anchor);

/* Start where FROM, of the same schema, has got to: its weights, all of which must have their place in M.
 * What M has beyond them keeps its start; *taken (NULL is allowed): how many of the trained numbers are not
 * new. NAME: of FROM, in messages. APG_EUSAGE. */
enum apg_status apg_model_copy_weights(struct apg_model *m, const struct apg_model *from, const char *name,
    size_t *taken, struct apg_error *err);

/* Put ROW[0 .. n) (as from apg_dataset_row) into the graph's slots. n <= max_rows. */
enum apg_status apg_model_set_batch(
    struct apg_model *m, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err);
/* Logits of n rows. The same for any number of threads and any cut into calls. */
enum apg_status apg_model_logits(struct apg_model *m, const uint32_t *const *row, size_t n,
    struct apg_pool *pool, double *logit, struct apg_error *err);
/* The same by the caller's thread and SLOT alone: n <= max_rows / APG_SLOTS. Thread-safe for different slots.
 */
enum apg_status apg_model_slot_logits(struct apg_model *m, size_t slot, const uint32_t *const *row, size_t n,
    double *logit, struct apg_error *err);

enum apg_status apg_model_save(const struct apg_model *m, struct apg_sink sink, struct apg_error *err);
/* The model that the open container T is, whose weights are used where they lie and must not be written;
 * T is taken over, also on failure. */
enum apg_status apg_model_from(
    struct apg_model **out, struct apg_tensors *t, size_t max_rows, struct apg_error *err);
/* The same of a file, by apg_tensors_open. FD may be closed afterwards. */
enum apg_status apg_model_load(
    struct apg_model **out, int fd, const char *name, size_t max_rows, bool verify, struct apg_error *err);

/* What messages call M: the name that its file was opened by, or "the model". */
const char *apg_model_name(const struct apg_model *m);
/* TO, which borrows FROM's schema, owns it from now on, and the file that it lies in. FROM can still be
 * freed. */
void apg_model_inherit(struct apg_model *to, struct apg_model *from);

/* Trained numbers in embedding tables, and outside of them. */
void apg_model_count(const struct apg_model *m, size_t *tables, size_t *other);

#endif
