/* SPDX-License-Identifier: MIT */
#include "model/backbone.h"

#define ROW(name) {#name, apg_backbone_##name},
const struct apg_backbone apg_backbones[] = {APG_BACKBONE_LIST(ROW){0, 0}};

void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a)
{
    int x = apg_op_embed(g, a->E, APG_START_EMBEDDING, "embedding");
    g->logit = apg_backbones[a->backbone].build(g, a, x);
    if (apg_layers[a->layer].logit)
        g->logit = apg_op_sum(g, (int[]){g->logit, apg_layers[a->layer].logit(g, x)}, 2);
}

/* ---- parts ---- */

int apg_backbone_deep(struct apg_graph *g, const struct apg_arch *a, int x, int input)
{
    return apg_op_dense(g, apg_tower(g, a, x, input), 1, "out");
}

int apg_backbone_first_order(struct apg_graph *g)
{
    return apg_op_embed(g, 1, APG_START_ZERO, "linear");
}

int apg_backbone_weighted(struct apg_graph *g, int x, const char *name)
{
    const int w = apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, x), 1, "%s", name);
    return apg_op_linear(g, x, w, -1);
}
