/* SPDX-License-Identifier: MIT
 *
 * Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016, the wide part without crossed
 * columns.
 */
#include "model/backbone.h"

int apg_backbone_wdl(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int tower = apg_backbone_deep(g, a, x, x), first = apg_backbone_first_order(g);
    return apg_op_sum(g, (int[]){tower, first}, 2);
}
