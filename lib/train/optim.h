/* SPDX-License-Identifier: MIT
 *
 * optim.h - one training step: Adam (Kingma & Ba, ICLR 2015; eps outside the root, bias-corrected) or
 * Adagrad (Duchi et al., 2011). Dense params are updated whole. Of an embedding table only the rows of the
 * batch are: the moments of the others rest ("lazy"). Each distinct row's gradient is added up first
 * (distinct.h), then the row is touched once. A row of E numbers may share one sum of squares, in place of
 * 2 E moments: row-wise Adagrad, as in Naumov et al., DLRM, 2019, arXiv 1906.00091. */
#ifndef APG_OPTIM_H
#define APG_OPTIM_H
#include "model/model.h"

struct apg_optim;
struct apg_optim_options {
    bool adagrad;
    double lr, embedding_lr; /* learning rates: embedding_lr of the embeddings, lr of all other weights */
    /* l2 / 2 |w|^2 is added to the mean loss of a batch, over the embedding rows that it touches, and over
     * the generators' weights. */
    double embedding_l2, generator_l2;
    /* embedding_prior / 2 |w|^2 is added to the sum of the losses of all training rows, once for each
     * embedding row, whatever how often it comes: the log density of a normal prior with this precision,
     * which few rows cannot outweigh and many can. A linear part's has a hundredth, a bin's ten times. To
     * be used after apg_optim_count. */
    double embedding_prior;
    /* Where rows have weights: the mean of all rows to train on. A row's loss counts weight / mean_weight
     * times, so that a batch of heavier rows moves the model by more. */
    double mean_weight;
};
/* ROW_WISE: embeddings are updated by row-wise Adagrad; else as the options of a step say of all weights. */
enum apg_status apg_optim_new(
    struct apg_optim **out, struct apg_model *m, bool row_wise, struct apg_error *err);
/* The bytes that it takes for a model of G. */
uint64_t apg_optim_bytes(const struct apg_graph *g, bool row_wise);
void apg_optim_free(struct apg_optim *o); /* NULL is allowed */
/* For a state: its steps so far, and the moments of param I, (rows, *cols), first or SECOND; *cols is 0 where it
 * has none. */
uint64_t *apg_optim_steps(struct apg_optim *o);
apg_real *apg_optim_moment(const struct apg_optim *o, size_t i, bool second, size_t *cols);
/* Count the embedding rows of ROW[0 .. n), n as in a step. To be called with all rows of an epoch before
 * the first step. */
enum apg_status apg_optim_count(
    struct apg_optim *o, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err);
/* Forward, backward and update on ROW[0 .. n), n > 0. KEY seeds dropout in this step. *loss: the sum of the
 * rows' log losses before the update, weighted likewise. The bytes are the same for any number of threads. */
enum apg_status apg_optim_step(struct apg_optim *o, const struct apg_optim_options *options,
    const uint32_t *const *row, size_t n, uint64_t key, struct apg_pool *pool, double *loss,
    struct apg_error *err);

#endif
