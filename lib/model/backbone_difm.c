/* SPDX-License-Identifier: MIT
 *
 * Lu, Yu, Chang, Wang, Li and Yuan, "A Dual Input-aware Factorization Machine for CTR Prediction", IJCAI 2020: an FM whose
 * weights w_f and vectors v_f of the F fields are each multiplied by a number m_f that depends on the whole row,
 *
 *     m = relu(attention(x) + x W_r) P_vec + tower(x) P_bit        (B, F): vector-wise and bit-wise
 *     logit = w_0 + sum_f m_f w_f + sum_{f < g} (m_f v_f) . (m_g v_g)
 *
 * with one layer of multi-head self-attention, whose scores are divided by the root of a head's width. P_vec and P_bit
 * have no bias. The tower is the bit-wise part, so its hidden layers are those that --layer says.
 */
#include "model/backbone.h"

/* A matrix (width of X, F). */
static int factor(struct apg_graph *g, int x, const char *name)
{
    return apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, x), g->F, "%s.weight", name);
}

int apg_backbone_difm(struct apg_graph *g, const struct apg_arch *a, int x)
{
    const int attended = apg_op_relu(g, apg_op_self_attention(g, x, a->E, a->heads, true, "attention"), 0);
    const int tower = apg_tower(g, a, x, x);
    int m = apg_op_linear(g, attended, factor(g, attended, "vector"), -1);
    m = apg_op_linear_add(g, tower, factor(g, tower, "bit"), m);
    const int first = apg_op_field_scale(g, apg_backbone_first_order(g), m, 1);
    const int fm = apg_op_fm(g, apg_op_field_scale(g, x, m, a->E), a->E);
    const int w0 = apg_graph_param(g, APG_START_ZERO, 1, 1, "bias");
    return apg_op_bias(g, apg_op_sum(g, (int[]){first, fm}, 2), w0);
}
