/* SPDX-License-Identifier: MIT
 *
 * layer.h - the hidden layers of a deep tower: static, or adapted to each row. A new kind is a function and
 * a row of apg_layers.
 */
#ifndef APG_LAYER_H
#define APG_LAYER_H
#include "model/arch.h"
#include "nn/graph.h"
#include "nn/ops.h"

/* A tower that is being built, and what its layers may read besides their input. */
struct apg_tower {
    struct apg_graph *g;
    const struct apg_arch *arch;
    int x;                      /* (B, F E): the embeddings */
    int source;                 /* the condition's embeddings are pieces of this value; -1: not yet made */
    int group;                  /* (B, n E): all of them side by side; -1: not yet made */
    int one[APG_CONDITION_MAX]; /* (B, E): each by itself; -1: not yet made */
    struct apg_domains domains; /* of star: the tower's rows are in this order */
};

struct apg_layer {
    const char *name;
    bool generated;   /* A generator makes its weights from a condition, by a form and of a rank. */
    bool gated;       /* Gates made from a group of columns scale its input. */
    bool has_domains; /* It has weights for each domain, an id of a field. */
    /* Add hidden layer L over H (B, N). Returns its value (B, hidden[L]), before normalization and
     * activation. NAME is the prefix of its params' names. */
    int (*add)(struct apg_tower *t, int h, size_t l, const char *name);
    /* Each of these may be NULL: */
    int (*enter)(struct apg_tower *t, int h);                  /* tower's input to what layers read */
    int (*norm)(struct apg_tower *t, int h, const char *name); /* in place of batch normalization */
    int (*leave)(struct apg_tower *t, int h);                  /* last layer's value to the tower's */
    int (*logit)(struct apg_graph *g, int x);                  /* (B, 1), added to the model's logit */
};
extern const struct apg_layer apg_layers[]; /* ends with a row without name */
#define APG_LAYERS "dense|apg|star|ppnet"   /* their names, in order */
int apg_layer_find(const char *name);       /* its index; -1: there is none of this name */

/* Add all hidden layers over INPUT; X: the embeddings. Returns the value of the last layer. */
int apg_tower(struct apg_graph *g, const struct apg_arch *a, int x, int input);

/* What a layer is generated from: N values z[] with a generator for each, whose results are mixed by
 * ATTENTION (B, N) or, where that is -1, in equal parts. layer_condition.c */
struct apg_conditions {
    int n, z[APG_CONDITION_MAX], attention;
};
/* The conditions of a layer over H. NAME is the prefix of its params' names. */
struct apg_conditions apg_layer_condition(struct apg_tower *t, int h, const char *name);

/* layer_star.c */
int apg_layer_star(struct apg_tower *t, int h, size_t l, const char *name);
int apg_layer_star_enter(struct apg_tower *t, int h);
int apg_layer_star_norm(struct apg_tower *t, int h, const char *name);
int apg_layer_star_leave(struct apg_tower *t, int h);
int apg_layer_star_logit(struct apg_graph *g, int x);

/* layer_ppnet.c */
int apg_layer_ppnet(struct apg_tower *t, int h, size_t l, const char *name);

/* layer_apg.c */
int apg_layer_apg(struct apg_tower *t, int h, size_t l, const char *name);

#endif
