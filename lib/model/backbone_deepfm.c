/* SPDX-License-Identifier: MIT
 *
 * Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017: logit
 * = first-order term + FM + deep tower, over the same embeddings.
 */
#include "model/backbone.h"

int apg_backbone_deepfm(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int tower = apg_backbone_deep(g, a, x, x), fm = apg_op_fm(g, x, a->E),
        first = apg_backbone_first_order(g);
    return apg_op_sum(g, (int[]){tower, fm, first}, 3);
}
