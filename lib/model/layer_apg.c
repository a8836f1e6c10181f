/* SPDX-License-Identifier: MIT
 *
 * The APG layer: the weights of a hidden layer are generated for every instance i from its condition z_i.
 *
 * Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through Rate Prediction", NeurIPS 2022,
 * arXiv 2203.16218. Rows are instances here (the paper writes columns, y = U S V x):
 *
 *     x (B, N)   z (B, D)   y (B, M)   U (N, K)   S_i (K, K)   V (K, M)   W_i (N, M)   W (N, M)   b (1, M)
 *
 *     v1  full        y_i = x_i W_i                       W_i = G(z_i)
 *     v2  lowrank     y_i = x_i (U_i S_i V_i)             U_i, S_i, V_i = G(z_i), their product formed
 *     v3  decomposed  y_i = ((x_i U_i) S_i) V_i           the same, never formed
 *     v4  shared      y_i = ((x_i U) S_i) V               S_i = G(z_i); U and V are everybody's
 *     v5  overparam   as v4, with U = U_l U_r (N, P)(P, K), V = V_l V_r (K, P)(P, M), formed once a batch
 *         residual    y_i = x_i W + ((x_i U) S_i) V       S_i starts at 0: can only add to the static layer
 *
 * then + b, which is static, or generated from z_i too, or absent. No non-linearity stands between U, S and
 * V, or the factors could not be merged. G is a linear map, or one behind hidden layers; of rank R it is
 * (z A) H with A (D, R), so that a wide z costs D R and not D K^2. With several
 * conditions, each with a generator G_c of its own, y_i = sum_c a_c y_i^c; as y is linear in what is
 * generated, v4 and v5 add up the K numbers (x_i U) S_i^c before V, and V is applied once.
 */
#include <stdio.h>
#include "model/layer.h"

/* Add what FORM generates from one condition z over x, such as ((x_i U_i) S_i) V_i. Where U is shared, x is
 * already x U. */
static int chain(
    struct apg_graph *g, enum apg_form form, int x, int z, size_t M, size_t K, double scale, const char *name)
{
    const struct apg_base near = {.scale = scale}, factor = {.scale = 1},
                          S = {.identity = true, .scale = scale};
    char u[64], s[64], v[64], w[64];
    (void)snprintf(u, sizeof u, "%s.U", name);
    (void)snprintf(s, sizeof s, "%s.S", name);
    (void)snprintf(v, sizeof v, "%s.V", name);
    (void)snprintf(w, sizeof w, "%s.%s", name, form == APG_FORM_FULL ? "W" : "USV");
    switch (form) {
    case APG_FORM_FULL:
        return apg_op_generated(g, x, z, M, 0, &near, w);
    case APG_FORM_LOWRANK:
        return apg_op_generated(g, x, z, M, K, &near, w);
    case APG_FORM_DECOMPOSED:
        x = apg_op_generated(g, x, z, K, 0, &factor, u);
        x = apg_op_generated(g, x, z, K, 0, &S, s);
        return apg_op_generated(g, x, z, M, 0, &factor, v);
    case APG_FORM_SHARED:
    case APG_FORM_OVERPARAM:
        return apg_op_generated(g, x, z, K, 0, &S, s);
    case APG_FORM_RESIDUAL:
        return apg_op_generated(g, x, z, K, 0, NULL, s);
    default: /* no generated layer */
        return x;
    }
}

/* Add the hidden layers of a generator over z, and A of its last map: all but what makes the weights. */
static int generator(struct apg_graph *g, const struct apg_arch *a, int z, const char *name)
{
    for (size_t i = 0; i < a->n_generator; i++) {
        char hidden[80];
        (void)snprintf(hidden, sizeof hidden, "%s.generator.%zu", name, i);
        z = apg_op_relu(g, apg_op_dense(g, z, a->generator[i], hidden), 0);
    }
    const size_t D = apg_graph_width(g, z), R = a->generator_rank;
    if (R && R < D)
        z = apg_op_linear(g, z, apg_graph_param(g, APG_START_XAVIER, D, R, "%s.generator.A", name), -1);
    return z;
}

/* sum_c a_c x_c */
static int aggregate(
    struct apg_graph *g, const struct apg_arch *a, const struct apg_conditions *c, const int *x)
{
    return c->n == 1 ? x[0]
                     : apg_op_mix(g, x, c->n, c->attention,
                           a->aggregate == APG_AGGREGATE_OUTPUT_SUM ? 1 : 1 / (double)c->n);
}

int apg_layer_apg(struct apg_tower *t, int x, size_t l, const char *name)
{
    struct apg_graph *g = t->g;
    const struct apg_arch *a = t->arch;
    size_t N = apg_graph_width(g, x), M = a->hidden[l], K = a->K[l], P = a->P[l];
    if (K == 0 && a->form != APG_FORM_FULL)
        return apg_op_dense(g, x, M, name);
    K = K < N ? K : N;
    K = K < M ? K : M;
    const bool shared = a->form >= APG_FORM_SHARED, residual = a->form == APG_FORM_RESIDUAL;
    const struct apg_conditions c = apg_layer_condition(t, x, name);
    const double scale = c.n > 1 && a->aggregate == APG_AGGREGATE_OUTPUT_SUM ? 1 / (double)c.n : 1;
    int y, made[APG_CONDITION_MAX], bias[APG_CONDITION_MAX];
    int xu = shared ? apg_op_linear(g, x, apg_op_factor(g, N, P, K, name, "U"), -1) : x;
    for (int i = 0; i < c.n; i++) {
        char own[48], b[64];
        (void)snprintf(own, sizeof own, c.n > 1 ? "%s.%d" : "%s", name, i);
        (void)snprintf(b, sizeof b, "%s.b", own);
        int z = generator(g, a, c.z[i], own);
        made[i] = chain(g, a->form, xu, z, M, K, scale, own);
        if (a->bias == APG_BIAS_GENERATED)
            bias[i] = apg_op_generated_bias(g, z, M, b);
    }
    y = aggregate(g, a, &c, made);
    int b = a->bias == APG_BIAS_STATIC ? apg_graph_param(g, APG_START_ZERO, 1, M, "%s.bias", name) : -1;
    int V = shared ? apg_op_factor(g, K, P, M, name, "V") : -1;
    if (residual) {
        int W = apg_graph_param(g, APG_START_XAVIER, N, M, "%s.weight", name);
        y = apg_op_linear_add(g, y, V, apg_op_linear(g, x, W, b));
    } else if (shared) {
        y = apg_op_linear(g, y, V, b);
    } else if (b >= 0) {
        y = apg_op_bias(g, y, b);
    }
    if (a->bias == APG_BIAS_GENERATED)
        y = apg_op_mix(g, (int[]){y, aggregate(g, a, &c, bias)}, 2, -1, 1);
    return y;
}
