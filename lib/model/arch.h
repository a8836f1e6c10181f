/* SPDX-License-Identifier: MIT
 *
 * arch.h - the description of a model, apart from its columns. arch_members.h has a row for each member:
 * its name in a model file, its option, its range.
 */
#ifndef APG_ARCH_H
#define APG_ARCH_H
#include <stdbool.h>
#include <stddef.h>
#include "apg.h"

enum { APG_LAYERS_MAX = 16, APG_CONDITION_MAX = 16, APG_MEMBERS_MAX = 16 };

/* The names of an enum's values, in its order. */
#define APG_FORMS                                                                                            \
    "full|lowrank|decomposed|shared|overparam|residual" /* the generated ones of enum apg_form */

#define APG_BIASES "static|generated|none"
enum apg_bias { APG_BIAS_STATIC, APG_BIAS_GENERATED, APG_BIAS_NONE };

#define APG_CONDITIONS "self|group|mix"
enum apg_condition { APG_CONDITION_SELF, APG_CONDITION_GROUP, APG_CONDITION_MIX };

#define APG_AGGREGATES "input-concat|input-mean|input-attention|output-mean|output-sum|output-attention"
enum apg_aggregate {
    APG_AGGREGATE_INPUT_CONCAT,
    APG_AGGREGATE_INPUT_MEAN,
    APG_AGGREGATE_INPUT_ATTENTION,
    APG_AGGREGATE_OUTPUT_MEAN, /* from here on a generator for each condition */
    APG_AGGREGATE_OUTPUT_SUM,
    APG_AGGREGATE_OUTPUT_ATTENTION,
};

/* Whose matrix a bilinear product of two fields has: enum apg_bilinear (ops.h). */
#define APG_BILINEARS "all|each|interaction"

struct apg_arch {
    int backbone, layer; /* rows of apg_backbones, apg_layers */
    size_t members;      /* models of this description side by side, whose logits are averaged; 0 is as 1 */
    size_t E;            /* embedding dimension */
    size_t n_hidden, hidden[APG_LAYERS_MAX];
    bool batch_norm; /* after each hidden layer, before its activation */
    double dropout;
    bool collapsed; /* by apg_collapse_factors: products of weights became weights, which cannot be trained */
    /* of some backbones */
    size_t heads, n_attention;         /* of autoint: heads and layers of self-attention; heads divide E */
    size_t n_cin, cin[APG_LAYERS_MAX]; /* of xdeepfm: maps of each layer */
    size_t n_cross, cross_rank;        /* of dcn: cross layers; rank of their matrices, 0: full */
    int bilinear;                      /* of fibinet: in APG_BILINEARS */
    /* of generated layers */
    enum apg_form form;
    size_t K[APG_LAYERS_MAX]; /* rank, by layer; 0: the layer is dense. The form full has no rank */
    size_t P[APG_LAYERS_MAX]; /* over-parameterization width, by layer; 0: U and V are trained themselves */
    enum apg_bias bias;
    size_t n_generator, generator[APG_LAYERS_MAX]; /* hidden layers of the generator */
    size_t generator_rank; /* R of its last map, where that is less than D; 0: the map is one matrix */
    enum apg_condition mode;
    enum apg_aggregate aggregate;                     /* of mix */
    size_t n_condition, condition[APG_CONDITION_MAX]; /* fields, of group and mix */
    bool own_embedding, stop_gradient;                /* of the condition */
    /* of star */
    size_t domain;         /* field, categorical or bucket */
    size_t partition_rows; /* least rows of a domain in a batch to be normalized by themselves; 0: never */
};

#endif
