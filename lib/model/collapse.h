/* SPDX-License-Identifier: MIT
 *
 * collapse.h - a trained model made smaller for serving, step by step (apg_collapse of apg.h). What is formed
 * of other weights is kept instead of them: U_l U_r, V_l V_r, of star W o W_d. Batch normalization goes into
 * the weights and the bias before it, which a layer without bias is given; of a generated bias or last
 * factor, into its generator. Not partitioned normalization: it has statistics of each domain, and stands
 * before the first layer too.
 */
#ifndef APG_COLLAPSE_H
#define APG_COLLAPSE_H
#include "model/model.h"

/* Do the steps to *m, which is replaced by what they make; the last one only if HALVE. What a step makes must
 * predict the same as what was before, but for rounding, on random rows; else APG_ERANGE. */
enum apg_status apg_collapse_model(
    struct apg_model **m, bool halve, struct apg_collapsed report[APG_COLLAPSE_STEPS], struct apg_error *err);

/* The first step alone: *out is a new model that predicts as M does, whose schema it borrows. */
enum apg_status apg_collapse_factors(
    struct apg_model **out, const struct apg_model *m, struct apg_error *err);

#endif
