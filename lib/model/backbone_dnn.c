/* SPDX-License-Identifier: MIT
 *
 * The deep tower alone, over the embeddings.
 */
#include "model/backbone.h"

int apg_backbone_dnn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    return apg_backbone_deep(g, a, x, x);
}
