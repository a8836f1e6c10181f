/* SPDX-License-Identifier: MIT */
#include "backbone.h"
#include <stdio.h>

static int embed(struct apg_graph *g, const struct apg_arch *a, size_t T)
{
    return apg_op_embed(g, apg_graph_param(g, APG_START_EMBEDDING, T, a->E, "embedding"), a->E);
}

/* The condition of a layer whose input is H: the group's embeddings, or H itself. X: the embeddings. */
static int condition(struct apg_graph *g, const struct apg_arch *a, int x, int h)
{
    return a->n_condition ? apg_op_select(g, x, a->condition, a->n_condition, a->E) : h;
}

/* Hidden layers over INPUT, and the static one-unit layer. X: the embeddings, for conditions. */
static int tower(struct apg_graph *g, const struct apg_arch *a, int x, int input)
{
    int h = input, group = -1;
    for (size_t i = 0; i < a->n_hidden; i++) {
        char name[32];
        size_t N = g->width[h], M = a->hidden[i], K = a->K;
        (void)snprintf(name, sizeof name, "hidden.%zu", i);
        if (a->layer == APG_LAYER_DENSE) {
            h = apg_op_dense(g, h, M, name);
        } else {
            K = K < N ? K : N;
            K = K < M ? K : M;
            int z = group < 0 ? condition(g, a, x, h) : group;
            if (a->n_condition)
                group = z; /* one for all layers */
            for (size_t j = 0; j < a->n_generator; j++) {
                char hidden[64];
                (void)snprintf(hidden, sizeof hidden, "%s.generator.%zu", name, j);
                z = apg_op_relu(g, apg_op_dense(g, z, a->generator[j], hidden), 0);
            }
            h = apg_op_apg(g, h, z, M, K, a->P, a->bias, name);
        }
        h = apg_op_relu(g, a->batch_norm ? apg_op_norm(g, h, name) : h, a->dropout);
    }
    return apg_op_dense(g, h, 1, "out");
}

static int dnn(struct apg_graph *g, const struct apg_arch *a, size_t T)
{
    int x = embed(g, a, T);
    return tower(g, a, x, x);
}

/* Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017:
 * logit = first-order term + FM + deep tower, over the same embeddings. */
static int deepfm(struct apg_graph *g, const struct apg_arch *a, size_t T)
{
    int x = embed(g, a, T);
    int first = apg_op_embed(g, apg_graph_param(g, APG_START_ZERO, T, 1, "linear"), 1);
    int fm = apg_op_fm(g, x, a->E);
    return apg_op_sum(g, (int[]){tower(g, a, x, x), fm, first}, 3);
}

const struct apg_backbone apg_backbones[] = {
    {"dnn", dnn},
    {"deepfm", deepfm},
    {0, 0},
};
