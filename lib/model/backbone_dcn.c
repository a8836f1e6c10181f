/* SPDX-License-Identifier: MIT
 *
 * Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
 * Systems", WWW 2021, the parallel one: the last layer reads the cross network and the tower.
 */
#include "model/backbone.h"
#include <stdio.h>

/* x W + b, W (N, N) or, with R > 0, the product of U (N, R) and V (R, N). */
static int square(struct apg_graph *g, int x, size_t R, const char *name)
{
    size_t N = apg_graph_width(g, x);
    if (!R)
        return apg_op_dense(g, x, N, name);
    int U = apg_graph_param(g, APG_START_XAVIER, N, R, "%s.U", name);
    int V = apg_graph_param(g, APG_START_XAVIER, R, N, "%s.V", name);
    int b = apg_graph_param(g, APG_START_ZERO, 1, N, "%s.bias", name);
    return apg_op_linear(g, apg_op_linear(g, x, U, -1), V, b);
}

int apg_backbone_dcn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int cross = x;
    for (size_t l = 0; l < a->n_cross; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cross.%zu", l);
        cross = apg_op_cross(g, x, square(g, cross, a->cross_rank, name), cross);
    }
    return apg_op_dense(g, apg_op_concat(g, (int[]){cross, apg_tower(g, a, x, x)}, 2), 1, "out");
}
