/* SPDX-License-Identifier: MIT
 *
 * complexity.h - what each form of a generated layer costs, by closed formula, and what a model costs, summed
 * over its ops. Letters as in layer_apg.c.
 *
 *   form        generation                            forward          numbers kept
 *   dense       -                                     NM               NM
 *   full        NMD                                   NM               NMD
 *   lowrank     (NK + KM + K^2) D + NK^2 + NKM        NM               (NK + KM + K^2) D
 *   decomposed  (NK + KM + K^2) D                     NK + K^2 + KM    (NK + KM + K^2) D
 *   shared      K^2 D                                 NK + K^2 + KM    K^2 D + NK + KM
 *   overparam   K^2 D; NPK + KPM per batch            NK + K^2 + KM    K^2 D + NP + PK + KP + PM
 *   collapsed   as shared
 *   residual    K^2 D                                 NM + NK + K^2 + KM   NM + K^2 D + NK + KM
 *   star        NM per domain in a batch              NM               NM (1 + domains)
 *   ppnet       (D + X) H + HN                        NM               NM + (D + X) H + HN
 *
 * A cost (graph.h) is in multiply-adds of the forward pass. Generation is all that makes the matrices x is
 * multiplied by, so also the product U S V of lowrank and W_shared o W_domain of star. Not counted: biases,
 * of layer or generator, activations, the backward pass. Pure functions: any thread.
 */
#ifndef APG_COMPLEXITY_H
#define APG_COMPLEXITY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "model/backbone.h"
#include "base/error.h"
#include "nn/graph.h"

enum apg_complexity_form {
    APG_COMPLEXITY_DENSE,
    APG_COMPLEXITY_FULL,       /* v1 */
    APG_COMPLEXITY_LOWRANK,    /* v2 */
    APG_COMPLEXITY_DECOMPOSED, /* v3 */
    APG_COMPLEXITY_SHARED,     /* v4 */
    APG_COMPLEXITY_OVERPARAM,  /* v5 in training */
    APG_COMPLEXITY_COLLAPSED,  /* v5 afterwards */
    APG_COMPLEXITY_RESIDUAL,
    APG_COMPLEXITY_STAR,
    APG_COMPLEXITY_PPNET,
    APG_COMPLEXITY_FORMS
};

/* The largest of each number of a shape, and the most layers whose costs may be added into one: below these
 * no sum leaves 64 bits. */
enum {
    APG_COMPLEXITY_WIDTH_MAX = 65536,
    APG_COMPLEXITY_DOMAINS_MAX = 1 << 24,
    APG_COMPLEXITY_LAYERS_MAX = 64
};

struct apg_complexity_shape {
    size_t n, m;    /* widths of input and output */
    size_t d, k, p; /* widths of condition, rank, over-parameterization */
    size_t x, h;    /* of ppnet: widths of the embeddings and of a gate's hidden layer */
    size_t domains; /* of star */
    size_t batch;   /* instances in a batch */
};

/* "v4", or "" for what has no number; "shared". Constant strings. */
const char *apg_complexity_version(enum apg_complexity_form form);
const char *apg_complexity_name(enum apg_complexity_form form);

/* Add the cost of one layer to *COST. Star's batch is one that meets as many domains as it can: min(batch,
 * domains). APG_ERANGE when a number of the shape is 0 or above its limit. */
enum apg_status apg_complexity_add(struct apg_cost *cost, enum apg_complexity_form form,
    const struct apg_complexity_shape *shape, struct apg_error *err);

/* The cost of op O of a graph. What only makes a condition is part of a generator: generation, not forward.
 */
struct apg_cost apg_complexity_op(const struct apg_graph *g, size_t o);
/* Of all ops. */
struct apg_cost apg_complexity_graph(const struct apg_graph *g);
/* Turn ARCH, which says what FORM needs (ranks, condition, domain), into one whose hidden layers are of FORM.
 * False: it does not say the width of overparam. */
bool apg_complexity_as(struct apg_arch *arch, enum apg_complexity_form form);
/* Of a model of ARCH over the fields that graph OF has: its graph is put together, without weights. */
enum apg_status apg_complexity_arch(
    struct apg_cost *cost, const struct apg_arch *arch, const struct apg_graph *of, struct apg_error *err);

/* Multiply-adds per instance in a batch of BATCH > 0: generate + forward + batch / BATCH. */
double apg_complexity_total(const struct apg_cost *cost, size_t batch);

#endif
