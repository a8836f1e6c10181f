/* SPDX-License-Identifier: MIT
 *
 * Conditions: where z_i comes from. The embeddings of the condition's columns are the model's, or those of
 * a table of their own.
 */
#include "model/layer.h"

/* Returns a value whose pieces PIECE[] (n_condition) are the embeddings of the condition's columns. */
static int source(struct apg_tower *t, size_t *piece)
{
    const struct apg_arch *a = t->arch;
    if (t->source < 0)
        t->source = a->own_embedding
                        ? apg_op_embed_fields(t->g, a->condition, a->n_condition, a->E, "condition")
                        : t->x;
    for (size_t c = 0; c < a->n_condition; c++)
        piece[c] = a->own_embedding ? c : a->condition[c];
    return t->source;
}

static int group(struct apg_tower *t)
{
    size_t piece[APG_CONDITION_MAX];
    if (t->group < 0) {
        int from = source(t, piece);
        t->group = apg_op_select(t->g, from, piece, t->arch->n_condition, t->arch->E, t->arch->stop_gradient);
    }
    return t->group;
}

static struct apg_conditions mix(struct apg_tower *t, const char *name)
{
    const enum apg_aggregate aggregate = t->arch->aggregate;
    const int n = (int)t->arch->n_condition;
    struct apg_conditions c = {.n = n, .attention = -1};
    size_t piece[APG_CONDITION_MAX];
    int from = source(t, piece);
    for (int i = 0; i < n; i++) {
        if (t->one[i] < 0)
            t->one[i] = apg_op_select(t->g, from, &piece[i], 1, t->arch->E, t->arch->stop_gradient);
        c.z[i] = t->one[i];
    }
    if (aggregate == APG_AGGREGATE_INPUT_ATTENTION || aggregate == APG_AGGREGATE_OUTPUT_ATTENTION)
        c.attention = apg_op_condition_attention(t->g, c.z, n, name);
    if (aggregate >= APG_AGGREGATE_OUTPUT_MEAN)
        return c;
    return (struct apg_conditions){
        .n = 1, .z = {apg_op_mix(t->g, c.z, n, c.attention, 1 / (double)n)}, .attention = -1};
}

struct apg_conditions apg_layer_condition(struct apg_tower *t, int h, const char *name)
{
    const struct apg_arch *a = t->arch;
    if (a->mode == APG_CONDITION_MIX && a->aggregate != APG_AGGREGATE_INPUT_CONCAT)
        return mix(t, name);
    return (struct apg_conditions){
        .n = 1, .z = {a->mode == APG_CONDITION_SELF ? h : group(t)}, .attention = -1};
}
