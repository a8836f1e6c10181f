/* SPDX-License-Identifier: MIT
 *
 * arch_args.h - the options that say what a model is, and what does not go together:
 *
 *     struct arch_args a = ARCH_ARGS;
 *     const struct opt table[] = { OPTS_ARCH(a), ..., OPT_END };
 *     ... opt_parse ...
 *     if ((r = arch_args_read(&command, &a)) != OPT_GO) return r;
 *     ... rows are read, and with them a schema ...
 *     if ((r = arch_args_columns(&command, &a, schema)) != OPT_GO) return r;
 */
#ifndef APG_ARCH_ARGS_H
#define APG_ARCH_ARGS_H
#include "model/backbone.h"
#include "model/layer.h"
#include "data/schema.h"
#include "common/opt.h"

struct arch_args {
    struct apg_arch arch;
    bool automatic; /* --condition auto */
    int form, bias, aggregate, own, stopped, init;
    struct opt_sizes hidden, generator, rank, cin, overparam;
    const char *condition, *domain;
    double embedding_std;
    char backbones[256], layers[256]; /* choices of the two */
};
#define ARCH_ARGS                                                                                            \
    {                                                                                                        \
        .arch = {.backbone = 1,                                                                              \
            .layer = 1,                                                                                      \
            .E = 16,                                                                                         \
            .heads = 2,                                                                                      \
            .n_attention = 2,                                                                                \
            .n_cross = 3,                                                                                    \
            .bilinear = 1,                                                                                   \
            .partition_rows = 16},                                                                           \
        .form = APG_FORM_RESIDUAL, .init = 1, .hidden = {3, {256, 128, 64}}, .rank = {1, {16}},              \
        .cin = {2, {16, 16}}, .overparam = {1, {128}}, .condition = "self", .embedding_std = 1e-2            \
    }

#define OPTS_ARCH(a)                                                                                         \
    OPT_CHOICE(0, "backbone", &(a).arch.backbone,                                                            \
        arch_args_choices((a).backbones, sizeof(a).backbones, apg_backbones, sizeof *apg_backbones),         \
        "what stands beside the deep tower"),                                                                \
        OPT_SIZE(                                                                                            \
            0, "heads", &(a).arch.heads, 1, 4096, "N", "heads of self-attention, of --backbone autoint"),    \
        OPT_SIZE(0, "attention-layers", &(a).arch.n_attention, 1, APG_LAYERS_MAX, "N",                       \
            "layers of self-attention, of --backbone autoint"),                                              \
        OPT_SIZES(0, "cin", &(a).cin, 1, 4096, "M,...",                                                      \
            "maps of each layer of the interaction network, of --backbone xdeepfm"),                         \
        OPT_SIZE(0, "cross-layers", &(a).arch.n_cross, 1, APG_LAYERS_MAX, "N",                               \
            "cross layers, of --backbone dcn"),                                                              \
        OPT_SIZE(0, "cross-rank", &(a).arch.cross_rank, 0, 4096, "R", "rank of their matrices; 0: full"),    \
        OPT_CHOICE(0, "bilinear", &(a).arch.bilinear, APG_BILINEARS,                                         \
            "matrices of --backbone fibinet: one for all pairs, each field or each interaction"),            \
        OPT_CHOICE(0, "layer", &(a).arch.layer,                                                              \
            arch_args_choices((a).layers, sizeof(a).layers, apg_layers, sizeof *apg_layers),                 \
            "hidden layers: static, or adapted to each row"),                                                \
        OPT_STRING(                                                                                          \
            0, "domain", &(a).domain, "COL", "the column whose tokens are the domains of --layer star"),     \
        OPT_SIZE(0, "partition-rows", &(a).arch.partition_rows, 0, 1048576, "N",                             \
            "normalize the rows of each domain by themselves, of --layer star, where a batch has N; 0: do "  \
            "not"),                                                                                          \
        OPT_CHOICE(0, "form", &(a).form,                                                                     \
            APG_FORMS "|v1=full|v2=lowrank|v3=decomposed|v4=shared|v5=overparam",                            \
            "form of the generated layer"),                                                                  \
        OPT_STRING(0, "condition", &(a).condition, "CONDITION",                                              \
            "what weights are generated from: self, group:COL[,COL...] or mix:COL,COL[,...]; or auto: "      \
            "choose"),                                                                                       \
        OPT_CHOICE(                                                                                          \
            0, "aggregate", &(a).aggregate, APG_AGGREGATES, "how the conditions of a mix become one"),       \
        OPT_CHOICE(0, "condition-embedding", &(a).own, "shared|own",                                         \
            "the condition's embeddings: the model's, or a table of their own"),                             \
        OPT_CHOICE(0, "condition-gradient", &(a).stopped, "through|stopped",                                 \
            "does the generator train the condition's embeddings"),                                          \
        OPT_SIZES(0, "rank", &(a).rank, 0, 4096, "K,...",                                                    \
            "rank of the generated matrices by layer, the last for those that follow; 0: that layer is "     \
            "dense; of --form residual: 32,0"),                                                              \
        OPT_SIZES(0, "overparam", &(a).overparam, 0, 65536, "P,...",                                         \
            "over-parameterization width by layer, likewise; of --form overparam, and of residual if "       \
            "given"),                                                                                        \
        OPT_SIZES(0, "generator-hidden", &(a).generator, 1, 65536, "N,...",                                  \
            "hidden layers of the generator; none: linear; of the gates of --layer ppnet: 64"),              \
        OPT_SIZE(0, "generator-rank", &(a).arch.generator_rank, 0, 65536, "R",                               \
            "rank of the generator's last map, where its input is wider; 0: full; of --form residual: 64"),  \
        OPT_CHOICE(0, "bias", &(a).bias, APG_BIASES, "bias of a generated layer"),                           \
        OPT_CHOICE(0, "init", &(a).init, "anchor|paper",                                                     \
            "start at S = I + G(z) with G near zero, or at plain Xavier"),                                   \
        OPT_SIZE(0, "embedding-dim", &(a).arch.E, 1, 4096, "E", "numbers of an embedding"),                  \
        OPT_REAL(                                                                                            \
            0, "embedding-std", &(a).embedding_std, 0, 10, "X", "deviation that embeddings start with"),     \
        OPT_SIZES(0, "hidden", &(a).hidden, 1, 65536, "M,...", "widths of the hidden layers"),               \
        OPT_FLAG(0, "batch-norm", &(a).arch.batch_norm, "batch normalization after each hidden layer"),      \
        OPT_REAL(0, "dropout", &(a).arch.dropout, 0, 0.99, "X",                                              \
            "share of hidden activations dropped in training")

/* "a|b|c" of a table whose rows begin with a name. */
const char *arch_args_choices(char *out, size_t size, const void *table, size_t row);
/* Fill a->arch, but for what is a column. OPT_GO, or EXIT_USAGE after a message; also of the next. */
int arch_args_read(const struct opt_command *command, struct arch_args *a);
/* Its columns. */
int arch_args_columns(const struct opt_command *command, struct arch_args *a, const struct apg_schema *s);

#endif
