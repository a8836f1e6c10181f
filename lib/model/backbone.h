/* SPDX-License-Identifier: MIT
 *
 * backbone.h - the shapes of models: what stands beside the deep tower. A new backbone NAME is a file backbone_NAME.c
 * with one function, and a word in the list below.
 */
#ifndef APG_BACKBONE_H
#define APG_BACKBONE_H
#include "model/arch.h"
#include "model/layer.h"
#include "nn/graph.h"
#include "nn/ops.h"

#define APG_BACKBONE_LIST(X) X(dnn) X(deepfm) X(wdl) X(pnn) X(autoint) X(xdeepfm) X(dcn) X(fibinet) X(difm)

/* A backbone adds its ops to G. X (B, F E) is the value of the embeddings. Returns the value of the logit (B, 1). */
typedef int apg_backbone_function(struct apg_graph *g, const struct apg_arch *a, int x);

#define APG_BACKBONE_PROTOTYPE(name) apg_backbone_function apg_backbone_##name;
APG_BACKBONE_LIST(APG_BACKBONE_PROTOTYPE)

struct apg_backbone {
    const char *name;
    apg_backbone_function *build;
};
extern const struct apg_backbone apg_backbones[]; /* in the list's order; ends with a row without name */

/* The names with a bar between, "dnn|deepfm|...": the choices of --backbone. */
#define APG_BACKBONE_WORD(name) "|" #name
#define APG_BACKBONES (&APG_BACKBONE_LIST(APG_BACKBONE_WORD)[1])

/* Put a whole model together over the fields that G has, and set g->logit: (B, members), the logit of each. Members
 * share nothing but the rows. */
void apg_backbone_build(struct apg_graph *g, const struct apg_arch *a);
/* OUT (APG_NAME_BYTES): what member I calls the param NAME of a model alone. The first calls it so too, others
 * "member.I.NAME". Returns OUT. */
const char *apg_member_name(char *out, size_t i, const char *name);

/* ---- parts that several have ---- */

/* (B, 1): the deep tower over INPUT, behind it a static layer of one unit. X: the embeddings. */
int apg_backbone_deep(struct apg_graph *g, const struct apg_arch *a, int x, int input);
/* (B, F): the first-order term, a number for each id. */
int apg_backbone_first_order(struct apg_graph *g);
/* (B, 1): X times the param NAME, a weight for each of its numbers; without a bias, which the tower has. */
int apg_backbone_weighted(struct apg_graph *g, int x, const char *name);

#endif
