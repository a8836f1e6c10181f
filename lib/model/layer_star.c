/* SPDX-License-Identifier: MIT
 *
 * STAR: Sheng et al., "One Model to Serve All: Star Topology Adaptive Recommender for Multi-Domain CTR
 * Prediction", CIKM 2021, arXiv 2101.11427. Rows go through the tower in the order of their domains.
 * op_star.c has the layer, op_partition.c the normalization.
 */
#include "model/layer.h"

enum { AUXILIARY_WIDTH = 32 }; /* width of the auxiliary network's hidden layer */

int apg_layer_star(struct apg_tower *t, int h, size_t l, const char *name)
{
    return apg_op_star(t->g, h, &t->domains, t->arch->hidden[l], t->arch->collapsed, name);
}

int apg_layer_star_norm(struct apg_tower *t, int h, const char *name)
{
    size_t least = t->arch->partition_rows;
    return least ? apg_op_partition(t->g, h, &t->domains, least, name) : apg_op_norm(t->g, h, name);
}

int apg_layer_star_enter(struct apg_tower *t, int h)
{
    h = apg_op_group_by_domain(t->g, h, t->arch->domain, &t->domains);
    return t->arch->partition_rows ? apg_layer_star_norm(t, h, "input") : h;
}

int apg_layer_star_leave(struct apg_tower *t, int h)
{
    return apg_op_ungroup(t->g, h, &t->domains);
}

int apg_layer_star_logit(struct apg_graph *g, int x)
{
    int h = apg_op_relu(g, apg_op_dense(g, x, AUXILIARY_WIDTH, "auxiliary.0"), 0);
    return apg_op_dense(g, h, 1, "auxiliary.1");
}
