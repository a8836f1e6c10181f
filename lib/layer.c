/* SPDX-License-Identifier: MIT */
#include "layer.h"
#include <stdio.h>

static int dense(struct apg_tower *t, int h, size_t l, const char *name)
{
    return apg_op_dense(t->g, h, t->arch->hidden[l], name);
}

const struct apg_layer apg_layers[] = {
    {"dense", dense},
    {"apg", apg_layer_apg},
    {0, 0},
};

int apg_tower(struct apg_graph *g, const struct apg_arch *a, int x, int input)
{
    struct apg_tower t = {.g = g, .arch = a, .x = x, .source = -1, .group = -1};
    for (size_t i = 0; i < APG_CONDITION_MAX; i++)
        t.one[i] = -1;
    int h = input;
    for (size_t l = 0; l < a->n_hidden; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "hidden.%zu", l);
        h = apg_layers[a->layer].add(&t, h, l, name);
        h = apg_op_relu(g, a->batch_norm ? apg_op_norm(g, h, name) : h, a->dropout);
    }
    return h;
}
