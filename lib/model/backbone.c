/* SPDX-License-Identifier: MIT */
#include "model/backbone.h"
#include <stdio.h>

#define ROW(name) {#name, apg_backbone_##name},
const struct apg_backbone apg_backbones[] = {APG_BACKBONE_LIST(ROW){0, 0}};

static int build_member(struct apg_graph *g, const struct apg_arch *a)
{
    const int x = apg_op_embed(g, a->E, APG_START_EMBEDDING, "embedding"),
              logit = apg_backbones[a->backbone].build(g, a, x);
    return apg_layers[a->layer].logit ? apg_op_sum(g, (int[]){logit, apg_layers[a->layer].logit(g, x)}, 2)
                                      : logit;
}

void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a)
{
    static_assert((int)APG_MEMBERS_MAX <= (int)APG_OP_IN, "a concat takes the logits of all members");
    int logit[APG_MEMBERS_MAX];
    size_t n = 0;
    do {
        (void)apg_member_name(g->prefix, n, "");
        logit[n++] = build_member(g, a);
    } while (n < a->members);
    g->prefix[0] = '\0';
    g->logit = n > 1 ? apg_op_concat(g, logit, (int)n) : logit[0];
}

const char *apg_member_name(char *out, size_t i, const char *name)
{
    if (i)
        (void)snprintf(out, APG_NAME_BYTES, "member.%zu.%s", i, name);
    else
        (void)snprintf(out, APG_NAME_BYTES, "%s", name);
    return out;
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
