/* SPDX-License-Identifier: MIT
 *
 * backbone.h - the shapes of models: a table of functions that put ops together. A new backbone is a function
 * and a row.
 */
#ifndef APG_BACKBONE_H
#define APG_BACKBONE_H
#include "graph.h"
#include "ops.h"

enum { APG_LAYERS_MAX = 16, APG_CONDITION_MAX = 16 };
enum apg_layer { APG_LAYER_DENSE, APG_LAYER_APG };

/* What a model is, apart from its columns. Saved with it. */
struct apg_arch {
    int backbone; /* in apg_backbones */
    enum apg_layer layer;
    size_t E; /* embedding dimension */
    size_t n_hidden, hidden[APG_LAYERS_MAX];
    size_t K, P; /* P = 0: the shared form, v4 */
    enum apg_bias bias;
    size_t n_generator, generator[APG_LAYERS_MAX];    /* hidden layers of the generator */
    size_t n_condition, condition[APG_CONDITION_MAX]; /* fields; none: self-wise */
    bool batch_norm;                                  /* after each hidden layer, before its activation */
    double dropout;
};

struct apg_backbone {
    const char *name;
    int (*build)(
        struct apg_graph *g, const struct apg_arch *a, size_t T); /* T rows of the table; returns the logit */
};
extern const struct apg_backbone apg_backbones[]; /* ends with a row without name */

#endif
