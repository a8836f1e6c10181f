/* SPDX-License-Identifier: MIT */
#include "backbone.h"

/* The deep tower over INPUT and its static one-unit layer; X: the embeddings. */
static int deep(struct apg_graph *g, const struct apg_arch *a, int x, int input)
{
    return apg_op_dense(g, apg_tower(g, a, x, input), 1, "out");
}

/* The first-order term: a number for each id. */
static int first_order(struct apg_graph *g)
{
    return apg_op_embed(g, 1, APG_START_ZERO, "linear");
}

static int dnn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    return deep(g, a, x, x);
}

/* Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017:
 * logit = first-order term + FM + deep tower, over the same embeddings. */
static int deepfm(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int tower = deep(g, a, x, x), fm = apg_op_fm(g, x, a->E), first = first_order(g);
    return apg_op_sum(g, (int[]){tower, fm, first}, 3);
}

/* Cheng et al., "Wide & Deep Learning for Recommender Systems", DLRS 2016, the wide part without crossed
 * columns. */
static int wdl(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int tower = deep(g, a, x, x), first = first_order(g);
    return apg_op_sum(g, (int[]){tower, first}, 2);
}

/* Qu et al., "Product-based Neural Networks for User Response Prediction", ICDM 2016: the tower reads the
 * embeddings and the inner products of their pairs. */
static int pnn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    return deep(g, a, x, apg_op_concat(g, (int[]){x, apg_op_inner(g, x, a->E)}, 2));
}

const struct apg_backbone apg_backbones[] = {
    {"dnn", dnn},
    {"deepfm", deepfm},
    {"wdl", wdl},
    {"pnn", pnn},
    {0, 0},
};

void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a)
{
    int x = apg_op_embed(g, a->E, APG_START_EMBEDDING, "embedding");
    g->logit = apg_backbones[a->backbone].build(g, a, x);
}
