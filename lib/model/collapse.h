/* SPDX-License-Identifier: MIT
 *
 * collapse.h - makes a trained model smaller for serving, step by step (apg_collapse of apg.h). Products of
 * weights replace their factors: U_l U_r, V_l V_r, and W o W_d of star. Batch normalization is folded into
 * the weights and the bias before it; a layer without a bias gets one. Where the bias or the last factor is
 * generated, it is folded into the generator. Partitioned normalization stays: it has statistics for each
 * domain, and stands before the first layer too.
 */
#ifndef APG_COLLAPSE_H
#define APG_COLLAPSE_H
#include "model/model.h"

/* Take the steps, the last one only if HALVE, and replace *m by what they make. APG_ERANGE: on random rows,
 * a step's model predicts otherwise than the model before it, by more than rounding. */
enum apg_status apg_collapse_model(
    struct apg_model **m, bool halve, struct apg_collapsed report[APG_COLLAPSE_STEPS], struct apg_error *err);

/* The first step alone: *out is a new model that predicts as M does, whose schema it borrows. */
enum apg_status apg_collapse_factors(
    struct apg_model **out, const struct apg_model *m, struct apg_error *err);

#endif
