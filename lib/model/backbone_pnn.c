/* SPDX-License-Identifier: MIT
 *
 * Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016: the tower reads the
 * embeddings and the inner products of their pairs.
 */
#include "model/backbone.h"

int apg_backbone_pnn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    return apg_backbone_deep(g, a, x, apg_op_concat(g, (int[]){x, apg_op_inner(g, x, a->E)}, 2));
}
