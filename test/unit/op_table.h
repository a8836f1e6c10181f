/* SPDX-License-Identifier: MIT
 *
 * The operators, a row each: how one is added to a graph, over made-up values of the smallest sizes that are
 * interesting. double_gradients.c compares their gradients with differences, double_pieces.c many rows at
 * once with each row by itself, test_cost.c what they say they cost with the products that they make. A type
 * of op that a model has and no row here fails double_gradients.c.
 */
#ifndef OP_TABLE_H
#define OP_TABLE_H
#include <stdlib.h>
#include <string.h>
#include "model/model.h"
#include "nn/ops.h"

enum { OP_ROW_IN = 4 };

struct op_row {
    const char *name;
    int (*add)(struct apg_graph *g, const int *x); /* returns the value that the op writes */
    size_t width[OP_ROW_IN];                       /* of the values x[] that it reads; ends with 0 */
    bool joined; /* In training, what becomes of a row depends on its place and the rows beside it. */
};

static int weight(struct apg_graph *g, size_t rows, size_t cols)
{
    return apg_graph_param(g, APG_START_XAVIER, rows, cols, "W");
}

static int add_embed(struct apg_graph *g, const int *x)
{
    (void)x;
    return apg_op_embed(g, 2, APG_START_EMBEDDING, "embedding");
}
static int add_embed_fields(struct apg_graph *g, const int *x)
{
    (void)x;
    return apg_op_embed_fields(g, (const size_t[]){2, 0}, 2, 3, "embedding");
}
static int add_select(struct apg_graph *g, const int *x)
{
    return apg_op_select(g, x[0], (const size_t[]){2, 0}, 2, 2, false);
}
static int add_select_stopped(struct apg_graph *g, const int *x)
{
    return apg_op_select(g, x[0], (const size_t[]){1}, 1, 2, true);
}

static int add_dense(struct apg_graph *g, const int *x)
{
    return apg_op_dense(g, x[0], 2, "layer");
}
static int add_linear(struct apg_graph *g, const int *x)
{
    return apg_op_linear(g, x[0], weight(g, 3, 2), -1);
}
static int add_linear_add(struct apg_graph *g, const int *x)
{
    return apg_op_linear_add(g, x[0], weight(g, 3, 2), x[1]);
}
static int add_linear_stopped(struct apg_graph *g, const int *x)
{
    return apg_op_linear_stopped(g, x[0], weight(g, 3, 2), x[1]);
}
static int add_bias(struct apg_graph *g, const int *x)
{
    return apg_op_bias(g, x[0], weight(g, 1, 3));
}
static int add_factor(struct apg_graph *g, const int *x)
{
    return apg_op_linear(g, x[0], apg_op_factor(g, 3, 4, 2, "layer", "U"), -1);
}
static int add_relu(struct apg_graph *g, const int *x)
{
    return apg_op_relu(g, x[0], 0);
}
static int add_dropout(struct apg_graph *g, const int *x)
{
    return apg_op_relu(g, x[0], 0.3);
}
static int add_sum(struct apg_graph *g, const int *x)
{
    return apg_op_sum(g, x, 2);
}
static int add_concat(struct apg_graph *g, const int *x)
{
    return apg_op_concat(g, x, 2);
}

static int add_norm(struct apg_graph *g, const int *x)
{
    return apg_op_norm(g, x[0], "layer");
}

static int add_fm(struct apg_graph *g, const int *x)
{
    return apg_op_fm(g, x[0], 2);
}
static int add_inner(struct apg_graph *g, const int *x)
{
    return apg_op_inner(g, x[0], 2);
}
static int add_bilinear_all(struct apg_graph *g, const int *x)
{
    return apg_op_bilinear(g, x, 2, 2, APG_BILINEAR_ALL, "bilinear");
}
static int add_bilinear_each(struct apg_graph *g, const int *x)
{
    return apg_op_bilinear(g, x, 2, 2, APG_BILINEAR_EACH, "bilinear");
}
static int add_bilinear_interaction(struct apg_graph *g, const int *x)
{
    return apg_op_bilinear(g, x, 2, 2, APG_BILINEAR_INTERACTION, "bilinear");
}
static int add_field_mean(struct apg_graph *g, const int *x)
{
    return apg_op_field_mean(g, x[0], 2);
}
static int add_field_scale(struct apg_graph *g, const int *x)
{
    return apg_op_field_scale(g, x[0], x[1], 2);
}
static int add_cross(struct apg_graph *g, const int *x)
{
    return apg_op_cross(g, x[0], x[1], x[2]);
}
static int add_self_attention(struct apg_graph *g, const int *x)
{
    return apg_op_self_attention(g, x[0], 4, 2, false, "attention");
}
static int add_scaled_attention(struct apg_graph *g, const int *x)
{
    return apg_op_self_attention(g, x[0], 4, 2, true, "attention");
}
static int add_cin(struct apg_graph *g, const int *x)
{
    return apg_op_cin(g, x[0], x[1], 2, 3, "cin");
}
static int add_transpose(struct apg_graph *g, const int *x)
{
    return apg_op_transpose(g, x[0], 2);
}
static int add_sum_pieces(struct apg_graph *g, const int *x)
{
    return apg_op_sum_pieces(g, x[0], 2);
}

static int add_generated(struct apg_graph *g, const int *x)
{
    return apg_op_generated(g, x[0], x[1], 4, 0, NULL, "W");
}
static int add_generated_lowrank(struct apg_graph *g, const int *x)
{
    return apg_op_generated(g, x[0], x[1], 4, 2, &(const struct apg_base){.scale = 1}, "USV");
}
static int add_generated_bias(struct apg_graph *g, const int *x)
{
    return apg_op_generated_bias(g, x[0], 3, "b");
}
static int add_gate(struct apg_graph *g, const int *x)
{
    return apg_op_gate(g, x[0], x[1]);
}
static int add_condition_attention(struct apg_graph *g, const int *x)
{
    return apg_op_condition_attention(g, x, 3, "layer");
}
static int add_mix(struct apg_graph *g, const int *x)
{
    return apg_op_mix(g, x, 2, x[2], 0);
}
static int add_mean(struct apg_graph *g, const int *x)
{
    return apg_op_mix(g, x, 2, -1, 0.5);
}

static int add_group_by_domain(struct apg_graph *g, const int *x)
{
    struct apg_domains d;
    return apg_op_group_by_domain(g, x[0], 0, &d);
}
static int add_ungroup(struct apg_graph *g, const int *x)
{
    struct apg_domains d;
    return apg_op_ungroup(g, apg_op_group_by_domain(g, x[0], 0, &d), &d);
}
static int add_star(struct apg_graph *g, const int *x)
{
    struct apg_domains d;
    int h = apg_op_group_by_domain(g, x[0], 0, &d);
    return apg_op_ungroup(g, apg_op_star(g, h, &d, 2, false, "layer"), &d);
}
static int add_partition(struct apg_graph *g, const int *x)
{
    struct apg_domains d;
    return apg_op_partition(g, apg_op_group_by_domain(g, x[0], 0, &d), &d, 2, "layer");
}

static const struct op_row op_table[] = {
    {"embed", add_embed, {0}, false},
    {"embed, of chosen fields", add_embed_fields, {0}, false},
    {"select", add_select, {6}, false},
    {"select, stopped", add_select_stopped, {6}, false},
    {"dense", add_dense, {3}, false},
    {"linear, without a bias", add_linear, {3}, false},
    {"linear, added", add_linear_add, {3, 2}, false},
    {"linear, stopped", add_linear_stopped, {3, 2}, false},
    {"bias", add_bias, {3}, false},
    {"factor", add_factor, {3}, false},
    {"relu", add_relu, {5}, false},
    {"dropout", add_dropout, {5}, true},
    {"sum", add_sum, {3, 2}, false},
    {"concat", add_concat, {3, 2}, false},
    {"norm", add_norm, {3}, true},
    {"fm", add_fm, {6}, false},
    {"inner", add_inner, {6}, false},
    {"bilinear, one matrix", add_bilinear_all, {6, 6}, false},
    {"bilinear, one for each field", add_bilinear_each, {6, 6}, false},
    {"bilinear, one for each pair", add_bilinear_interaction, {6, 6}, false},
    {"field mean", add_field_mean, {6}, false},
    {"field scale", add_field_scale, {6, 3}, false},
    {"cross", add_cross, {3, 3, 3}, false},
    {"self-attention", add_self_attention, {12}, false},
    {"self-attention, scaled", add_scaled_attention, {12}, false},
    {"cin", add_cin, {4, 6}, false},
    {"transpose", add_transpose, {6}, false},
    {"sum of pieces", add_sum_pieces, {6}, false},
    {"generated", add_generated, {3, 2}, false},
    {"generated, of low rank", add_generated_lowrank, {3, 2}, false},
    {"generated bias", add_generated_bias, {2}, false},
    {"gate", add_gate, {3, 3}, false},
    {"condition attention", add_condition_attention, {2, 2, 2}, false},
    {"mix", add_mix, {3, 3, 2}, false},
    {"mean", add_mean, {3, 3}, false},
    {"group by domain", add_group_by_domain, {3}, true},
    {"ungroup", add_ungroup, {3}, false},
    {"star", add_star, {3}, false},
    {"partition", add_partition, {3}, true},
};
enum { N_OP_ROWS = sizeof op_table / sizeof *op_table };

/* A graph of one row's ops, over the fields of schema S, and the numbers of the values that it reads. It is
 * in a model, so that apg_model_set_batch can give it rows. */
struct op_graph {
    struct apg_model m;
    int x[OP_ROW_IN], n;
    apg_real *made[OP_ROW_IN]; /* (rows, width) each */
};

/* ROWS are all that it may read, MAX_ROWS those of a slot. False: out of memory. */
static inline bool op_graph_init(struct op_graph *o, const struct op_row *row, const struct apg_schema *s,
    size_t rows, size_t max_rows, bool train, struct apg_rng *rng)
{
    *o = (struct op_graph){.m = {.schema = s, .max_rows = rows}};
    struct apg_graph *g = &o->m.graph;
    g->train = train;
    for (size_t f = 0; f < s->n_fields; f++)
        apg_graph_field(g, s->field[f].rows);
    for (; o->n < OP_ROW_IN && row->width[o->n]; o->n++) {
        const size_t numbers = rows * row->width[o->n];
        o->x[o->n] = apg_graph_value(g, row->width[o->n]);
        if (!(o->made[o->n] = calloc(numbers, sizeof **o->made)))
            return false;
        for (size_t i = 0; i < numbers; i++)
            o->made[o->n][i] = (apg_real)apg_rng_normal(rng);
    }
    g->logit = row->add(g, o->x);
    if (apg_graph_finish(g, max_rows, train, NULL))
        return false;
    for (size_t p = 0; p < g->n_params; p++)
        for (size_t i = 0; i < g->param[p].rows * g->param[p].cols; i++)
            g->param[p].w[i] = (apg_real)(0.4 * apg_rng_normal(rng));
    return true;
}

/* Gives the rows of a slot the made numbers from row FROM on: before each pass, as ops work in place. */
static inline void op_graph_set(struct op_graph *o, size_t slot, size_t from)
{
    const struct apg_graph *g = &o->m.graph;
    for (int k = 0; k < o->n; k++) {
        const size_t width = g->width[o->x[k]];
        memcpy(g->slot[slot].x[o->x[k]], o->made[k] + from * width,
            g->slot[slot].rows * width * sizeof(apg_real));
    }
}

static inline void op_graph_release(struct op_graph *o)
{
    for (int k = 0; k < o->n; k++)
        free(o->made[k]);
    apg_graph_release(&o->m.graph);
}

#endif
