/* SPDX-License-Identifier: MIT
 *
 * What ops say they cost, held against the closed formulas, the numbers a model trains, and the products that
 * its ops ask for: the functions of gemm.h, all of them, are replaced here by ones that count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "model/collapse.h"
#include "model/complexity.h"
#include "nn/gemm.h"
#include "model/model.h"
#include "fields.h"
#include "op_table.h"

static uint64_t counted;

void apg_gemm_init(void)
{
}

void apg_gemm(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b, struct apg_matrix from,
    apg_real *c, size_t ldc)
{
    (void)a, (void)b, (void)from, (void)c, (void)ldc;
    counted += m * n * k;
}

void apg_gemm_rows(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b,
    struct apg_matrix from, apg_real *c, size_t ldc)
{
    apg_gemm(m, n, k, a, b, from, c, ldc);
}

static void same(const struct apg_cost *a, const struct apg_cost *b)
{
    assert_int_equal(a->generate, b->generate);
    assert_int_equal(a->forward, b->forward);
    assert_int_equal(a->batch, b->batch);
    assert_int_equal(a->numbers, b->numbers);
    assert_int_equal(a->biases, b->biases);
    assert_int_equal(a->tables, b->tables);
    assert_int_equal(a->generated, b->generated);
}

/* One layer in a graph of its own, for each form. */
static void layers_cost_what_the_formulas_say(void **state)
{
    (void)state;
    static const enum apg_form form[] = {APG_FORM_FULL, APG_FORM_LOWRANK, APG_FORM_DECOMPOSED,
        APG_FORM_SHARED, APG_FORM_OVERPARAM, APG_FORM_RESIDUAL, APG_FORM_DENSE};
    const struct apg_layer_shape s = {
        .n = 5, .m = 7, .d = 3, .k = 2, .p = 4, .x = 1, .h = 1, .domains = 1, .batch = 1};
    for (size_t f = 0; f < sizeof form / sizeof form[0]; f++)
        for (int bias = APG_BIAS_STATIC; bias <= APG_BIAS_NONE; bias++) {
            struct apg_graph g = {0};
            int x = apg_graph_value(&g, s.n), z = apg_graph_value(&g, s.d);
            const struct apg_arch arch = {.form = (enum apg_form)f,
                .mode = APG_CONDITION_GROUP,
                .E = s.d,
                .n_condition = 1,
                .hidden = {s.m},
                .K = {s.k},
                .bias = (enum apg_bias)bias,
                .P = {form[f] == APG_FORM_OVERPARAM ? s.p : 0}};
            struct apg_tower t = {.g = &g, .arch = &arch, .group = z};
            if (form[f] == APG_FORM_DENSE)
                apg_op_dense(&g, x, s.m, "layer");
            else
                apg_layer_apg(&t, x, 0, "layer");
            assert_false(g.failed);

            struct apg_cost want = {0}, got = apg_complexity_graph(&g);
            assert_int_equal(apg_layer_cost(&want, form[f], &s, NULL), APG_OK);
            want.biases =
                form[f] == APG_FORM_DENSE ? s.m : want.generated + (bias == APG_BIAS_NONE ? 0 : s.m);
            if (form[f] != APG_FORM_DENSE && bias == APG_BIAS_GENERATED) { /* the formulas know of none */
                want.generate += s.m * s.d;
                want.numbers += s.m * s.d;
                want.generated += s.m;
            }
            same(&got, &want);
            apg_graph_release(&g);
        }
}

static void ppnet_costs_what_the_formula_says(void **state)
{
    (void)state;
    const struct apg_layer_shape s = {
        .n = 5, .m = 7, .d = 3, .k = 1, .p = 1, .x = 6, .h = 4, .domains = 1, .batch = 1};
    struct apg_graph g = {0};
    int h = apg_graph_value(&g, s.n), z = apg_graph_value(&g, s.d), x = apg_graph_value(&g, s.x);
    const struct apg_arch arch = {.mode = APG_CONDITION_GROUP,
        .E = s.d,
        .n_condition = 1,
        .hidden = {s.m},
        .n_generator = 1,
        .generator = {s.h}};
    struct apg_tower t = {.g = &g, .arch = &arch, .x = x, .group = z};
    apg_layer_ppnet(&t, h, 0, "layer");
    assert_false(g.failed);
    struct apg_cost want = {0}, got = apg_complexity_graph(&g);
    assert_int_equal(apg_layer_cost(&want, APG_FORM_PPNET, &s, NULL), APG_OK);
    want.biases = s.h + s.n + s.m;
    same(&got, &want);
    apg_graph_release(&g);
}

static struct apg_pool *pool;
static size_t embedding_dim; /* of the ops on fields that are counted */

/* What ops multiply without gemm.h, by their definition and the widths of the values that they read and
 * write: x_i W_i, attention, embeddings, products of fields, FM. */
static uint64_t by_loops(const struct apg_graph *g)
{
    uint64_t n = 0;
    for (size_t o = 0; o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        const char *name = op->type->name;
        const size_t first = op->n_in ? g->width[op->in[0]] : 0,
                     last = g->width[op->in[op->n_in - !!op->n_in]];
        const size_t y = op->out < 0 ? 0 : g->width[op->out];
        if (strcmp(name, "generated") == 0)
            n += first * y;
        if (strcmp(name, "attention") == 0)
            n += (size_t)op->n_in * first;
        if (strcmp(name, "mix") == 0 && op->n_in > 2) /* of two conditions, and their weights */
            n += (size_t)(op->n_in - 1) * y;
        if (strcmp(name, "embed") == 0 || strcmp(name, "cross") == 0)
            n += y;
        if (strcmp(name, "inner") == 0)
            n += y * embedding_dim;
        if (strcmp(name, "self-attention") == 0)
            n += 2 * first / embedding_dim * first;
        if (strcmp(name, "cin") == 0)
            n += first * last / embedding_dim;
        if (strcmp(name, "fm") == 0)
            n += first;
    }
    return n;
}

static uint64_t prepared_by_loops(const struct apg_graph *g)
{
    uint64_t n = 0;
    for (size_t o = 0; o < g->n_ops; o++)
        if (strcmp(g->op[o].type->name, "star") == 0)
            n += fields[0].rows * g->width[g->op[o].in[0]] * g->width[g->op[o].out];
    return n;
}

/* One row goes through model M. */
static void count(struct apg_model *m, const struct apg_cost *cost)
{
    const uint32_t words[] = {apg_float_word(0), 1, apg_float_word(1), 1, 2, 3}, *row = words;
    struct apg_graph *g = &m->graph;
    size_t tables, other;
    apg_model_count(m, &tables, &other);
    assert_int_equal(cost->tables, tables);
    assert_int_equal(cost->numbers + cost->biases, other);

    counted = 0;
    apg_graph_prepare(g);
    assert_int_equal(cost->batch, counted + prepared_by_loops(g));
    assert_int_equal(apg_model_set_batch(m, &row, 1, pool, NULL), APG_OK);
    counted = 0;
    for (size_t i = 0; i < APG_SLOTS; i++)
        apg_graph_forward(g, &g->slot[i]);
    assert_int_equal(cost->generate + cost->forward, counted + by_loops(g));
}

static void operators_cost_what_they_train_and_multiply(void **state)
{
    (void)state;
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 3);
    for (size_t r = 0; r < N_OP_ROWS; r++) {
        struct op_graph o;
        embedding_dim = strstr(op_table[r].name, "self-attention") ? 4 : 2;
        assert_true(op_graph_init(&o, &op_table[r], &schema, 1, 1, false, &rng));
        const struct apg_cost cost = apg_complexity_graph(&o.m.graph);
        count(&o.m, &cost);
        op_graph_release(&o);
    }
}

static void check(const struct apg_arch *arch)
{
    struct apg_model *m = NULL, *collapsed = NULL;
    size_t tables, other;
    assert_int_equal(apg_model_new(&m, &schema, arch, APG_SLOTS, false, NULL), APG_OK);
    struct apg_graph *g = &m->graph;
    struct apg_cost cost = apg_complexity_graph(g), built = {0};

    embedding_dim = arch->E;
    count(m, &cost);
    assert_true(counted > 0);

    /* The generator's hidden layers generate: what is left of forward is that of a model without them. */
    struct apg_arch plain = *arch;
    plain.n_generator = 0;
    assert_int_equal(apg_complexity_arch(&built, arch, g, NULL), APG_OK);
    same(&built, &cost);
    assert_int_equal(apg_complexity_arch(&built, &plain, g, NULL), APG_OK);
    assert_int_equal(built.forward, cost.forward);

    /* Collapsing takes the batch's part away, and no more multiply-adds than that. */
    assert_int_equal(apg_collapse_factors(&collapsed, m, NULL), APG_OK);
    built = apg_complexity_graph(&collapsed->graph);
    assert_int_equal(built.batch, 0);
    assert_int_equal(built.generate, cost.generate);
    assert_int_equal(built.forward, cost.forward);
    apg_model_count(collapsed, &tables, &other);
    assert_int_equal(built.numbers + built.biases, other);
    apg_model_free(collapsed);
    apg_model_free(m);
}

static void models_cost_what_they_train_and_multiply(void **state)
{
    (void)state;
    struct apg_arch arch = {.E = 2,
        .n_hidden = 3,
        .hidden = {9, 6, 4},
        .K = {3, 0, 2},
        .generator = {6, 5},
        .heads = 1,
        .n_attention = 2,
        .n_cin = 2,
        .cin = {3, 5},
        .n_cross = 2,
        .n_condition = 2,
        .condition = {2, 0}};
    for (arch.backbone = 0; apg_backbones[arch.backbone].name; arch.backbone++)
        for (arch.layer = 0; apg_layers[arch.layer].name; arch.layer++)
            for (int form = APG_FORM_FULL; form <= APG_FORM_RESIDUAL; form++)
                for (unsigned i = 0; i < 27; i++) {
                    arch.form = (enum apg_form)form;
                    arch.bias = (enum apg_bias)(i % 3);
                    arch.mode = (enum apg_condition)(i / 3 % 3);
                    arch.aggregate = (enum apg_aggregate)((i + (unsigned)form) % 6);
                    arch.n_generator = i / 9 % 3;
                    arch.batch_norm = i % 2;
                    arch.bilinear = (int)i % 3;
                    arch.cross_rank = i % 4;
                    arch.partition_rows = i / 2 % 2 ? 2 : 0;
                    arch.P[0] = arch.P[2] = form >= APG_FORM_OVERPARAM ? 4 : 0;
                    check(&arch);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_cost_what_the_formulas_say),
        cmocka_unit_test(ppnet_costs_what_the_formula_says),
        cmocka_unit_test(operators_cost_what_they_train_and_multiply),
        cmocka_unit_test(models_cost_what_they_train_and_multiply),
    };
    if (apg_pool_new(&pool, 1, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
