/* SPDX-License-Identifier: MIT
 *
 * Huang et al., "FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for Click-Through
 * Rate Prediction", RecSys 2019: fields weighted by squeeze and excitation; the tower reads bilinear
 * products of pairs, of the fields as they are and weighted.
 */
#include "model/backbone.h"

int apg_backbone_fibinet(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int z = apg_op_field_mean(g, x, a->E);
    z = apg_op_relu(g, apg_op_dense(g, z, g->F < 6 ? 1 : g->F / 3, "squeeze.0"), 0);
    z = apg_op_relu(g, apg_op_dense(g, z, g->F, "squeeze.1"), 0);
    int both[] = {x, apg_op_field_scale(g, x, z, a->E)};
    int pairs = apg_op_bilinear(g, both, 2, a->E, (enum apg_bilinear)a->bilinear, "bilinear");
    int tower = apg_backbone_deep(g, a, x, pairs), first = apg_backbone_first_order(g);
    return apg_op_sum(g, (int[]){tower, first}, 2);
}
