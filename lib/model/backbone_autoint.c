/* SPDX-License-Identifier: MIT
 *
 * Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", CIKM
 * 2019, with a tower beside it (AutoInt+).
 */
#include "model/backbone.h"
#include <stdio.h>

int apg_backbone_autoint(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int h = x;
    for (size_t l = 0; l < a->n_attention; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "attention.%zu", l);
        h = apg_op_relu(g, apg_op_self_attention(g, h, a->E, a->heads, false, name), 0);
    }
    int attended = apg_backbone_weighted(g, h, "attention.out.weight");
    return apg_op_sum(g, (int[]){apg_backbone_deep(g, a, x, x), attended}, 2);
}
