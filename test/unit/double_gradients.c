/* SPDX-License-Identifier: MIT
 *
 * Every gradient of every backbone, layer, condition and bias against central differences, in double. The
 * loss is sum_i c_i logit_i with c_i made up: backward is linear in d logit, so nothing is lost. A new row of
 * apg_backbones is tested without a change here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/model.h"
#include "nn/ops.h"
#include "fields.h"

enum { ROWS = 10, TAIL = 3 };

static uint32_t words[ROWS][1 + FIELDS + TAIL];
static const uint32_t *row[ROWS];
static struct apg_pool *pool;

/* Cells of 0 to 3 ids, one of them twice; numbers of both signs, and missing. */
static void make_rows(void)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint32_t w[] = {apg_float_word(0), i % 3,
            i % 4 == 1 ? APG_MISSING : apg_float_word(0.75f * (float)i - 3),
            i % 4 ? i % 2 << 16 | (i % 4 < 3 ? i % 4 : 2) : 3, i * 7 % 4, i % 5, (i + 2) % 5, i % 5};
        memcpy(words[i], w, sizeof w);
        row[i] = words[i];
    }
}

static double coefficient(size_t slot, size_t r)
{
    return 0.3 + (double)slot - 1.7 * (double)r;
}

/* A loss that is linear in the logits. */
static void slot_loss(void *arg, size_t i)
{
    struct apg_graph *g = arg;
    for (size_t r = 0; r < g->slot[i].rows; r++)
        g->slot[i].dx[g->logit][r] = coefficient(i, r);
}

static double sum_of_slots(const struct apg_graph *g)
{
    double sum = 0;
    for (size_t i = 0; i < APG_SLOTS; i++)
        for (size_t r = 0; r < g->slot[i].rows; r++)
            sum += coefficient(i, r) * g->slot[i].x[g->logit][r];
    return sum;
}

/* The loss by what apg_graph_train does on its way forward. Differences need no gradient, which is three
 * quarters of a step's time. */
static double loss(struct apg_graph *g)
{
    apg_graph_prepare(g);
    for (size_t o = 0; o < g->n_ops; o++) {
        for (size_t i = 0; i < APG_SLOTS; i++)
            if (g->slot[i].rows)
                g->op[o].type->forward(g, &g->op[o], &g->slot[i]);
        if (g->op[o].type->forward_join)
            g->op[o].type->forward_join(g, &g->op[o]);
    }
    return sum_of_slots(g);
}

/* GRAD (rows, cols) of params, one after another. Tables: d of the embed ops' values, by row. */
static double gradients(struct apg_graph *g, double **grad)
{
    apg_graph_train(g, pool, slot_loss, g);
    const double at = sum_of_slots(g);
    for (size_t p = 0; p < g->n_params; p++) {
        const struct apg_param *param = &g->param[p];
        assert_non_null(grad[p] = calloc(param->rows * param->cols, sizeof **grad));
        for (struct apg_domain_rows d = {0}; param->by_run && apg_domain_next(g, param->runs, &d);)
            for (size_t i = 0; i < APG_SLOTS; i++)
                for (size_t j = 0; d.run[i].to > d.run[i].from && j < param->cols; j++)
                    grad[p][d.domain * param->cols + j] +=
                        g->slot[i].dx[param->grad][d.k[i] * g->width[param->grad] + param->grad_at + j];
        if (!param->table && !param->by_run && !param->state)
            memcpy(grad[p], apg_dw(g, g->slot[0].grad, (int)p), param->rows * param->cols * sizeof **grad);
    }
    for (size_t o = 0; o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        if (op->param[0] < 0 || !g->param[op->param[0]].table)
            continue;
        for (size_t i = 0; i < APG_SLOTS; i++) {
            const struct apg_slot *s = &g->slot[i];
            for (size_t bag = 0; bag < s->rows * FIELDS; bag++) {
                size_t place, below, above;
                if (!apg_op_embed_place(g, op, bag % FIELDS, &place, &below, &above))
                    continue;
                for (uint32_t k = s->bags.first[bag]; k < s->bags.first[bag + 1]; k++)
                    for (size_t e = 0; e < op->E; e++)
                        grad[op->param[0]][(s->bags.id[k] - below + above) * op->E + e] +=
                            (double)s->bags.weight[k] *
                            s->dx[op->out][(bag / FIELDS * op->F + place) * op->E + e];
            }
        }
    }
    return at;
}

static double difference(struct apg_graph *g, apg_real *at, double step)
{
    double w = *at, more, less;
    *at = w + step;
    more = loss(g);
    *at = w - step;
    less = loss(g);
    *at = w;
    return (more - less) / (2 * step);
}

/* The name of a param whose gradient is 0 throughout, so not tested; NULL: there is none. */
static const char *untested(const struct apg_arch *arch, uint64_t seed)
{
    static char name[sizeof((struct apg_param *)0)->name];
    bool dead = false;
    struct apg_model *m = NULL;
    struct apg_error err;
    double *grad[64] = {0};
    struct apg_rng rng;
    apg_rng_init(&rng, seed, 2);
    if (apg_model_new(&m, &schema, arch, ROWS, true, &err) || apg_model_fill(m, row, ROWS, pool, &err))
        fail_msg("%s", err.text);
    struct apg_graph *g = &m->graph;
    assert_true(g->n_params <= 64);
    for (size_t i = 0; i < APG_SLOTS; i++) {
        g->slot[i].key = 77 + i;
    }
    for (size_t o = 0; o < g->n_ops; o++) /* differences know of no stop */
        g->op[o].stop = false;
    for (size_t p = 0; p < g->n_params; p++)
        for (size_t j = 0; j < g->param[p].rows * g->param[p].cols; j++)
            g->param[p].w[j] = 0.4 * apg_rng_normal(&rng);
    const double at = gradients(g, grad), rounding = 1e-16 * fabs(at);
    assert_true(loss(g) == at);
    for (size_t p = 0; p < g->n_params; p++) {
        const struct apg_param *param = &g->param[p];
        double largest = 0;
        for (size_t j = 0; !param->derived && !param->state && j < param->rows * param->cols; j++) {
            /* A relu that turns on in between, or a bend, yields to a smaller step, as far as rounding lets
             * it; a wrong gradient yields to none. */
            static const double step[] = {1e-5, 1e-6, 1e-7, 1e-8}, allowed[] = {1e-7, 1e-7, 1e-6, 1e-5};
            double slope = 0, size = 0, tolerance = 0;
            for (size_t k = 0; k < sizeof step / sizeof *step; k++) {
                slope = difference(g, &param->w[j], step[k]), size = fabs(slope);
                tolerance = allowed[k] * (1 + size) + rounding / step[k];
                if (fabs(grad[p][j] - slope) <= tolerance)
                    break;
            }
            largest = size > largest ? size : largest;
            if (!(fabs(grad[p][j] - slope) <= tolerance))
                fail_msg("%s, layer %s, form %d, bias %d, P %zu, condition %d, aggregate %d, own %d, %zu "
                         "generator "
                         "layers, dropout %g: d %s[%zu] is %.12g, by differences %.12g",
                    apg_backbones[arch->backbone].name, apg_layers[arch->layer].name, (int)arch->form,
                    (int)arch->bias, arch->P[0], (int)arch->mode, (int)arch->aggregate, arch->own_embedding,
                    arch->n_generator, arch->dropout, param->name, j, grad[p][j], slope);
        }
        /* Normalization takes a constant out again, so a bias before it has no gradient. */
        bool constant = arch->batch_norm && strstr(param->name, "hidden") && strstr(param->name, "bias");
        if (!param->derived && !param->state && !constant && !(largest > 0))
            dead = true, memcpy(name, param->name, sizeof name);
        free(grad[p]);
    }
    apg_model_free(m);
    return dead ? name : NULL;
}

/* A layer of few units may be 0 for all rows; of other weights it is not. */
static void check(const struct apg_arch *arch)
{
    const char *name = NULL;
    for (uint64_t seed = 1; seed <= 8 && (name = untested(arch, seed));)
        seed++;
    if (name)
        fail_msg("%s: all of its gradient is 0: nothing was tested", name);
}

/* The forms of the generated layer, over each condition. */
static void check_forms(struct apg_arch arch)
{
    for (int form = APG_FORM_FULL; form <= APG_FORM_RESIDUAL; form++)
        for (int mode = APG_CONDITION_SELF; mode <= APG_CONDITION_MIX; mode++)
            for (int aggregate = APG_AGGREGATE_INPUT_CONCAT; aggregate <= APG_AGGREGATE_OUTPUT_ATTENTION;
                 aggregate++) {
                if (mode != APG_CONDITION_MIX && aggregate > APG_AGGREGATE_INPUT_CONCAT)
                    break;
                arch.form = (enum apg_form)form, arch.mode = (enum apg_condition)mode;
                arch.aggregate = (enum apg_aggregate)aggregate;
                /* Not a product of all: each of these meets each form, or each condition. */
                unsigned turn = (unsigned)(form + mode + aggregate);
                arch.bias = (enum apg_bias)(turn % 3);
                arch.n_generator = turn / 3 % 2;
                arch.dropout = arch.n_generator ? 0.2 : 0; /* the same units are dropped in every pass */
                arch.P[0] = form == APG_FORM_OVERPARAM || (form == APG_FORM_RESIDUAL && turn % 2) ? 4 : 0;
                arch.P[1] = arch.P[0] ? 5 : 0;
                arch.own_embedding = mode != APG_CONDITION_SELF && turn % 4 == 1;
                check(&arch);
            }
}

static void test_backbone(void **state)
{
    struct apg_arch arch = {.backbone = *(const int *)*state,
        .E = 2,
        .n_hidden = 2,
        .hidden = {5, 4},
        .K = {3, 2},
        .generator = {6},
        .heads = 2,
        .n_attention = 2,
        .n_cin = 2,
        .cin = {3, 2},
        .n_cross = 2,
        .n_condition = 2,
        .condition = {2, 0}};
    for (; apg_layers[arch.layer].name; arch.layer++) {
        arch.form = APG_FORM_SHARED, arch.mode = APG_CONDITION_GROUP;
        arch.n_generator = 0;
        arch.batch_norm = true, arch.partition_rows = 0;
        check(&arch);
        arch.batch_norm = false, arch.partition_rows = 2;
        arch.n_generator = 1;
        if (strcmp(apg_layers[arch.layer].name, "apg") == 0)
            check_forms(arch);
        else
            check(&arch);
    }
    arch.layer = 0, arch.E = 4; /* heads of more than one number */
    check(&arch);
    arch.E = 2;
    for (arch.bilinear = 1; arch.bilinear <= APG_BILINEAR_INTERACTION; arch.bilinear++) {
        arch.cross_rank = (size_t)arch.bilinear;
        check(&arch);
    }
}

int main(void)
{
    enum { MAX = 64 };
    struct CMUnitTest tests[MAX];
    int index[MAX];
    size_t n = 0;
    make_rows();
    if (apg_pool_new(&pool, 1, NULL))
        return 1;
    for (; n < MAX && apg_backbones[n].name; n++) {
        index[n] = (int)n;
        tests[n] = (struct CMUnitTest){
            .name = apg_backbones[n].name, .test_func = test_backbone, .initial_state = &index[n]};
    }
    int failed = _cmocka_run_group_tests("gradients", tests, n, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
