/* SPDX-License-Identifier: MIT */
#include "model/layer.h"
#include <stdio.h>
#include <string.h>

static int dense(struct apg_tower *t, int h, size_t l, const char *name)
{
    return apg_op_dense(t->g, h, t->arch->hidden[l], name);
}

const struct apg_layer apg_layers[] = {
    {.name = "dense", .add = dense},
    {.name = "apg", .generated = true, .add = apg_layer_apg},
    {.name = "star",
        .has_domains = true,
        .add = apg_layer_star,
        .enter = apg_layer_star_enter,
        .norm = apg_layer_star_norm,
        .leave = apg_layer_star_leave,
        .logit = apg_layer_star_logit},
    {.name = "ppnet", .gated = true, .add = apg_layer_ppnet},
    {.name = 0},
};

int apg_layer_find(const char *name)
{
    for (int i = 0; apg_layers[i].name; i++)
        if (strcmp(apg_layers[i].name, name) == 0)
            return i;
    return -1;
}

int apg_tower(struct apg_graph *g, const struct apg_arch *a, int x, int input)
{
    struct apg_tower t = {.g = g, .arch = a, .x = x, .source = -1, .group = -1};
    for (size_t i = 0; i < APG_CONDITION_MAX; i++)
        t.one[i] = -1;
    const struct apg_layer *layer = &apg_layers[a->layer];
    int h = layer->enter ? layer->enter(&t, input) : input;
    for (size_t l = 0; l < a->n_hidden; l++) {
        char name[32];
        (void)snprintf(name, sizeof name, "hidden.%zu", l);
        h = layer->add(&t, h, l, name);
        if (a->batch_norm)
            h = layer->norm ? layer->norm(&t, h, name) : apg_op_norm(g, h, name);
        h = apg_op_relu(g, h, a->dropout);
    }
    return layer->leave ? layer->leave(&t, h) : h;
}
