/* SPDX-License-Identifier: MIT
 *
 * model.h - a model: a graph of operators and the schema that encodes rows for it. It is saved as a
 * container of tensors (docs/files.md).
 */
#ifndef APG_MODEL_H
#define APG_MODEL_H
#include "model/backbone.h"
#include "nn/graph.h"
#include "stats/calibrate.h"
#include "base/pool.h"
#include "data/safetensors.h"
#include "data/schemafile.h"
#include "data/schema.h"

struct apg_model {
    struct apg_arch arch;
    const struct apg_schema *schema; /* borrowed, or owned by a loaded model */
    struct apg_graph graph;
    size_t max_rows;          /* the largest batch */
    struct apg_tensors *file; /* of a loaded model, whose weights lie in it; else NULL */
    struct apg_schema *own_schema;
    struct apg_calibration calibration; /* of the members' mean logit, to that of the model */
    char *made; /* what made it, a JSON object (docs/files.md); NULL: nobody said. For `apg inspect` only */
};

/* Make a model whose weights are zero. MAX_ROWS: the largest batch. TRAIN: it has gradients too. *out
 * borrows SCHEMA and is freed with apg_model_free. */
enum apg_status apg_model_new(struct apg_model **out, const struct apg_schema *schema,
    const struct apg_arch *arch, size_t max_rows, bool train, struct apg_error *err);
void apg_model_free(struct apg_model *m); /* NULL is allowed */

/* Draw starting weights by SEED and each param's name: a residual layer, whose generator is zero, starts as
 * the very model that dense layers do. Dense layers, U and V are Xavier-normal, embeddings normal with
 * EMBEDDING_STD. With ANCHOR, S = I + G(z) with G near zero; else G is Xavier-normal, as in the paper. */
void apg_model_init_weights(struct apg_model *m, uint64_t seed, double embedding_std, bool anchor);

/* Let the bias of the logit be that of rows of which POSITIVES of ROWS are positive, so that a model which
 * knows nothing yet predicts their share. A model that starts at .5 spends its first epoch on that. (Of rows
 * with weights, POSITIVES is as of apg_dataset_positives.) */
void apg_model_init_bias(struct apg_model *m, double positives, uint64_t rows);

/* Copy the weights of FROM to M, which has the same schema, or one with more ids behind those of each field and
 * cross. Params that only M has keep their start, and so do the rows of ids that only M has.
 * *taken (NULL is allowed): how many trained numbers were copied. Messages call FROM by NAME. APG_EUSAGE: a
 * param of FROM has no place in M, or another shape there. */
enum apg_status apg_model_copy_weights(struct apg_model *m, const struct apg_model *from, const char *name,
    size_t *taken, struct apg_error *err);

/* The same for what is kept of each row of a param, as its moments are: OF (q->rows, cols), of param Q of FROM, goes
 * to the rows' places in TO (p->rows, cols), of param P of M. False: they have none. */
bool apg_model_copy_rows(const struct apg_model *m, const struct apg_param *p, apg_real *to,
    const struct apg_model *from, const struct apg_param *q, const apg_real *of, size_t cols);

/* Put ROW[0 .. n) (as from apg_dataset_row) into the graph's slots. n <= max_rows. */
enum apg_status apg_model_set_batch(
    struct apg_model *m, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err);
/* LOGIT (n): of rows ROW[0 .. n). They are the same for any number of threads and any cut into calls. */
enum apg_status apg_model_logits(struct apg_model *m, const uint32_t *const *row, size_t n,
    struct apg_pool *pool, double *logit, struct apg_error *err);
/* The same in the calling thread, with SLOT alone: n <= max_rows / APG_SLOTS. Different threads may use
 * different slots at the same time. */
enum apg_status apg_model_slot_logits(struct apg_model *m, size_t slot, const uint32_t *const *row, size_t n,
    double *logit, struct apg_error *err);

enum apg_status apg_model_save(const struct apg_model *m, struct apg_sink sink, struct apg_error *err);
/* Make the model that the open container T holds. Its weights stay where they lie and must not be written.
 * T is taken over, also on failure. */
enum apg_status apg_model_from(
    struct apg_model **out, struct apg_tensors *t, size_t max_rows, struct apg_error *err);
/* The same from the file open at FD, by apg_tensors_open. FD may be closed afterwards. */
enum apg_status apg_model_load(
    struct apg_model **out, int fd, const char *name, size_t max_rows, bool verify, struct apg_error *err);

/* What messages call M: the name that its file was opened by, or "the model". */
const char *apg_model_name(const struct apg_model *m);
/* TO borrows FROM's schema. Now it takes it over, and the file that the schema lies in. After this, FROM
 * can only be freed. */
void apg_model_inherit(struct apg_model *to, struct apg_model *from);

/* How many models stand side by side in M; the mean of their logits is M's. */
static inline size_t apg_model_members(const struct apg_model *m)
{
    return m->graph.width[m->graph.logit];
}

/* Trained numbers in embedding tables, and outside of them. */
void apg_model_count(const struct apg_model *m, size_t *tables, size_t *other);

#endif
