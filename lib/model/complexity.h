/* SPDX-License-Identifier: MIT
 *
 * complexity.h - what each form of a generated layer costs, by closed formula, and what a model costs,
 * summed over its ops. Letters as in layer_apg.c.
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
 * A cost (apg.h) is in multiply-adds of the forward pass. Generation is all that makes the matrices x is
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

/* The largest width, number of domains and number of layers whose costs apg_layer_cost may add up: up to
 * these, no sum overflows 64 bits. */
enum {
    APG_COMPLEXITY_WIDTH_MAX = 65536,
    APG_COMPLEXITY_DOMAINS_MAX = 1 << 24,
    APG_COMPLEXITY_LAYERS_MAX = 64
};

/* All forms in the order in which tables show them: from dense over v1 to v5, then the others. */
extern const enum apg_form apg_complexity_order[APG_FORM_COUNT];

/* The cost of op O of a graph. An op that only makes a condition is part of a generator, so its
 * multiply-adds count as generation and not as forward. */
struct apg_cost apg_complexity_op(const struct apg_graph *g, size_t o);
/* The cost of all ops of a graph. */
struct apg_cost apg_complexity_graph(const struct apg_graph *g);
/* Fills *row for op O of a graph. */
void apg_complexity_row(const struct apg_graph *g, size_t o, struct apg_op_cost *row);

/* The form of ARCH's hidden layers. */
enum apg_form apg_complexity_form(const struct apg_arch *arch);
/* Turn ARCH, which has what FORM needs (ranks, condition, domain), into one whose hidden layers are of
 * FORM. False: it lacks the inner widths of overparam. */
bool apg_complexity_as(struct apg_arch *arch, enum apg_form form);
/* The cost of a model of ARCH over the fields that graph OF has, whose graph is put together without
 * weights. */
enum apg_status apg_complexity_arch(
    struct apg_cost *cost, const struct apg_arch *arch, const struct apg_graph *of, struct apg_error *err);
/* The cost that a model of ARCH, whose graph is G, would have if its hidden layers were of FORM. *cost is
 * zero where ARCH cannot have that form. */
enum apg_status apg_complexity_if(struct apg_cost *cost, const struct apg_arch *arch,
    const struct apg_graph *g, enum apg_form form, struct apg_error *err);

#endif
