/* SPDX-License-Identifier: MIT */
#include "model/backbone.h"
#include <stdio.h>

/* Add the deep tower over INPUT and a static layer of one unit above it; X: the embeddings. */
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

/* Add a weighted sum of the numbers of X, without a bias: the tower has one. */
static int weighted(struct apg_graph *g, int x, const char *name)
{
    return apg_op_linear(
        g, x, apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, x), 1, "%s", name), -1);
}

/* Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", CIKM
 * 2019, with a tower beside it (AutoInt+). */
static int autoint(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int h = x;
    for (size_t l = 0; l < a->n_attention; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "attention.%zu", l);
        h = apg_op_relu(g, apg_op_self_attention(g, h, a->E, a->heads, name), 0);
    }
    int attended = weighted(g, h, "attention.out.weight");
    return apg_op_sum(g, (int[]){deep(g, a, x, x), attended}, 2);
}

/* Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems", KDD
 * 2018: logit = first-order term + CIN + deep tower. */
static int xdeepfm(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int x0 = apg_op_turn(g, x, g->F), h = x0, pooled[APG_LAYERS_MAX];
    for (size_t l = 0; l < a->n_cin; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cin.%zu", l);
        h = apg_op_cin(g, h, x0, a->E, a->cin[l], name);
        pooled[l] = apg_op_pool(g, h, a->E);
    }
    int cin = weighted(g, apg_op_concat(g, pooled, (int)a->n_cin), "cin.out.weight");
    int tower = deep(g, a, x, x), first = first_order(g);
    return apg_op_sum(g, (int[]){tower, cin, first}, 3);
}

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

/* Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
 * Systems", WWW 2021, the parallel one: the last layer reads the cross network and the tower. */
static int dcn(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int cross = x;
    for (size_t l = 0; l < a->n_cross; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "cross.%zu", l);
        cross = apg_op_cross(g, x, square(g, cross, a->cross_rank, name), cross);
    }
    return apg_op_dense(g, apg_op_concat(g, (int[]){cross, apg_tower(g, a, x, x)}, 2), 1, "out");
}

/* Huang et al., "FiBiNET: Combining Feature Importance and Bilinear Feature Interaction for Click-Through
 * Rate Prediction", RecSys 2019: fields weighted by squeeze and excitation; the tower reads bilinear
 * products of pairs, of the fields as they are and weighted. */
static int fibinet(struct apg_graph *g, const struct apg_arch *a, int x)
{
    int z = apg_op_field_mean(g, x, a->E);
    z = apg_op_relu(g, apg_op_dense(g, z, g->F < 6 ? 1 : g->F / 3, "squeeze.0"), 0);
    z = apg_op_relu(g, apg_op_dense(g, z, g->F, "squeeze.1"), 0);
    int both[] = {x, apg_op_field_scale(g, x, z, a->E)};
    int pairs = apg_op_bilinear(g, both, 2, a->E, (enum apg_bilinear)a->bilinear, "bilinear");
    int tower = deep(g, a, x, pairs), first = first_order(g);
    return apg_op_sum(g, (int[]){tower, first}, 2);
}

const struct apg_backbone apg_backbones[] = {
    {"dnn", dnn},
    {"deepfm", deepfm},
    {"wdl", wdl},
    {"pnn", pnn},
    {"autoint", autoint},
    {"xdeepfm", xdeepfm},
    {"dcn", dcn},
    {"fibinet", fibinet},
    {0, 0},
};

void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a)
{
    int x = apg_op_embed(g, a->E, APG_START_EMBEDDING, "embedding");
    g->logit = apg_backbones[a->backbone].build(g, a, x);
    if (apg_layers[a->layer].logit)
        g->logit = apg_op_sum(g, (int[]){g->logit, apg_layers[a->layer].logit(g, x)}, 2);
}
