/* SPDX-License-Identifier: MIT
 *
 * Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems",
 * KDD 2018: logit = first-order term + CIN + deep tower.
 */
#include "model/backbone.h"
#include <stdio.h>

int apg_backbone_xdeepfm(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int x0 = apg_op_transpose(g, x, g->F), h = x0, pooled[APG_LAYERS_MAX];
    for (size_t l = 0; l < a->n_cin; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cin.%zu", l);
        h = apg_op_cin(g, h, x0, a->E, a->cin[l], name);
        pooled[l] = apg_op_sum_pieces(g, h, a->E);
    }
    int cin = apg_backbone_weighted(g, apg_op_concat(g, pooled, (int)a->n_cin), "cin.out.weight");
    int tower = apg_backbone_deep(g, a, x, x), first = apg_backbone_first_order(g);
    return apg_op_sum(g, (int[]){tower, cin, first}, 3);
}
