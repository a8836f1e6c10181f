/* SPDX-License-Identifier: MIT
 *
 * backbone.h - the shapes of models: a table of functions that put ops together. A new backbone is a
 * function and a row.
 */
#ifndef APG_BACKBONE_H
#define APG_BACKBONE_H
#include "model/arch.h"
#include "nn/graph.h"
#include "model/layer.h"

struct apg_backbone {
    const char *name;
    int (*build)(struct apg_graph *g, const struct apg_arch *a, int x); /* x: embeddings; returns the logit */
};
extern const struct apg_backbone apg_backbones[];                      /* ends with a row without name */
#define APG_BACKBONES "dnn|deepfm|wdl|pnn|autoint|xdeepfm|dcn|fibinet" /* their names, in order */

/* Put a whole model together over the fields that G has, and set g->logit. */
void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a);

#endif
