/* SPDX-License-Identifier: MIT
 *
 * collapse.h - a trained model made smaller for serving, step by step. Each step makes a new model that
 * predicts the same, but for rounding; the schema is M's, so M must outlive what is made. *out is NULL when
 * there is nothing to do.
 */
#ifndef APG_COLLAPSE_H
#define APG_COLLAPSE_H
#include "model/model.h"

/* What is formed of other weights is kept instead of them: U_l U_r, V_l V_r; of star W o W_d. */
enum apg_status apg_collapse_factors(
    struct apg_model **out, const struct apg_model *m, struct apg_error *err);
/* Batch normalization goes into the weights and the bias before it, which a layer without bias is given; of a
 * generated bias or last factor, into its generator. Not partitioned normalization: it has statistics of each
 * domain, and stands before the first layer too. */
enum apg_status apg_collapse_norm(struct apg_model **out, const struct apg_model *m, struct apg_error *err);
/* Embedding tables in half precision, those of M itself; M was made by one of these. */
enum apg_status apg_collapse_halve(struct apg_model *m, struct apg_error *err);

#endif
