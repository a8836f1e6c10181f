/* SPDX-License-Identifier: MIT
 *
 * Every gradient of every operator, backbone, layer, condition and bias against central differences, in
 * double. The loss is sum_i c_i y_i with c_i made up: backward is linear in d y, so nothing is lost. A new
 * row of op_table.h or of apg_backbones is tested without a change here.
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
#include "op_table.h"

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

static double coefficient(size_t slot, size_t r, size_t j)
{
    return 0.3 + (double)slot - 1.7 * (double)r + 0.37 * (double)j * (1 + (double)(r + j % 2));
}

static struct op_graph *alone; /* whose values are made up: a row of op_table.h; NULL: a model is tested */

/* A loss that is linear in what the graph puts out. */
static void slot_loss(void *arg, size_t i)
{
    struct apg_graph *g = arg;
    const size_t width = g->width[g->logit];
    for (size_t k = 0; k < g->slot[i].rows * width; k++)
        g->slot[i].dx[g->logit][k] = coefficient(i, k / width, k % width);
}

static double sum_of_slots(const struct apg_graph *g)
{
    const size_t width = g->width[g->logit];
    double sum = 0;
    for (size_t i = 0; i < APG_SLOTS; i++)
        for (size_t k = 0; k < g->slot[i].rows * width; k++)
            sum += coefficient(i, k / width, k % width) * g->slot[i].x[g->logit][k];
    return sum;
}

/* An operator that is alone may have written over what it reads. */
static void make_values(void)
{
    for (size_t i = 0; alone && i < APG_SLOTS; i++)
        op_graph_set(alone, i, ROWS * i / APG_SLOTS);
}

/* The loss by what apg_graph_train does on its way forward. Differences need no gradient, which is three
 * quarters of a step's time. */
static double loss(struct apg_graph *g)
{
    make_values();
    apg_graph_prepare(g);
    for (size_t o = 0; o < g->n_ops; o++) {
        for (size_t i = 0; i < APG_SLOTS; i++)
            if (g->slot[i].rows && g->op[o].type->forward)
                g->op[o].type->forward(g, &g->op[o], &g->slot[i]);
        if (g->op[o].type->forward_join)
            g->op[o].type->forward_join(g, &g->op[o]);
    }
    return sum_of_slots(g);
}

/* The loss, and all gradients. */
static double step(struct apg_graph *g)
{
    make_values();
    assert_int_equal(apg_graph_train(g, pool, slot_loss, g, NULL), APG_OK);
    return sum_of_slots(g);
}

/* GRAD (rows, cols) of params, one after another. Tables: d of the embed ops' values, by row. */
static double gradients(struct apg_graph *g, double **grad)
{
    const double sum = step(g);
    for (size_t p = 0; p < g->n_params; p++) {
        const struct apg_param *param = &g->param[p];
        assert_non_null(grad[p] = calloc(param->rows * param->cols, sizeof **grad));
        struct apg_domain_rows d;
        for (apg_domain_start(g, &d); param->by_run && apg_domain_next(g, param->runs, &d);)
            for (size_t i = 0; i < APG_SLOTS; i++)
                for (size_t j = 0; d.run[i].to > d.run[i].from && j < param->cols; j++)
                    grad[p][d.domain * param->cols + j] +=
                        g->slot[i].dx[param->grad][d.k[i] * g->width[param->grad] + param->grad_at + j];
        if (!param->table && !param->by_run && !param->state)
            memcpy(grad[p], apg_dw(g, g->slot[0].grad, (int)p), param->rows * param->cols * sizeof **grad);
    }
    for (size_t o = 0; o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        struct apg_embedding at;
        for (size_t f = 0; op->type->embedding && f < FIELDS; f++)
            for (size_t i = 0; op->type->embedding(g->field, op, f, &at) && i < APG_SLOTS; i++) {
                const struct apg_slot *s = &g->slot[i];
                for (size_t bag = f; bag < s->rows * FIELDS; bag += FIELDS)
                    for (uint32_t k = s->bags.first[bag]; k < s->bags.first[bag + 1]; k++)
                        for (size_t e = 0; e < at.E; e++)
                            grad[op->param[0]][(s->bags.id[k] - fields[f].first + at.row) * at.E + e] +=
                                (double)s->bags.weight[k] *
                                s->dx[op->out][bag / FIELDS * g->width[op->out] + at.column + e];
            }
    }
    return sum;
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

/* Whether GRAD is the slope of the loss in *AT, which is left in *SLOPE. A relu that turns on in between, or
 * a bend, yields to a smaller step, as far as rounding lets it; rounding of large values that cancel yields to a
 * larger one; a wrong gradient yields to none. */
static bool is_slope(struct apg_graph *g, apg_real *at, double grad, double rounding, double *slope)
{
    static const double steps[] = {1e-5, 1e-6, 1e-7, 1e-8, 1e-4}, allowed[] = {1e-7, 1e-7, 1e-6, 1e-5, 1e-7};
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        *slope = difference(g, at, steps[k]);
        if (fabs(grad - *slope) <= allowed[k] * (1 + fabs(*slope)) + rounding / steps[k])
            return true;
    }
    return false;
}

static const struct apg_op_type *tested[2 * N_OP_ROWS]; /* the types of op_table.h */
static size_t n_tested;

static bool is_tested(const struct apg_op_type *type)
{
    size_t i = 0;
    while (i < n_tested && tested[i] != type)
        i++;
    return i < n_tested;
}

enum { PARAMS_MAX = 64 };

/* The name of a param whose gradient is 0 throughout, so not tested; NULL: there is none. CONSTANT: biases of
 * hidden layers have none, as normalization takes a constant out again. WHAT: for a message */
static const char *untested_param(struct apg_graph *g, bool constant, const char *what)
{
    static char name[sizeof((struct apg_param *)0)->name];
    bool dead = false;
    double *grad[PARAMS_MAX] = {0};
    assert_true(g->n_params <= PARAMS_MAX);
    const double at = gradients(g, grad), rounding = 1e-16 * fabs(at);
    assert_true(loss(g) == at);
    for (size_t p = 0; p < g->n_params; p++) {
        const struct apg_param *param = &g->param[p];
        double largest = 0, slope;
        for (size_t j = 0; !param->derived && !param->state && j < param->rows * param->cols; j++) {
            if (!is_slope(g, &param->w[j], grad[p][j], rounding, &slope))
                fail_msg(
                    "%s: d %s[%zu] is %.12g, by differences %.12g", what, param->name, j, grad[p][j], slope);
            largest = fmax(largest, fabs(slope));
        }
        bool none = constant && strstr(param->name, "hidden") && strstr(param->name, "bias");
        if (!param->derived && !param->state && !none && !(largest > 0))
            dead = true, memcpy(name, param->name, sizeof name);
        free(grad[p]);
    }
    return dead ? name : NULL;
}

static const char *untested(const struct apg_arch *arch, uint64_t seed)
{
    struct apg_model *m = NULL;
    struct apg_error err;
    struct apg_rng rng;
    char what[256];
    apg_rng_init(&rng, seed, 2);
    if (apg_model_new(&m, &schema, arch, APG_SLOTS * APG_SLOT_ROWS_MIN, true, &err) ||
        apg_model_set_batch(m, row, ROWS, pool, &err))
        fail_msg("%s", err.text);
    struct apg_graph *g = &m->graph;
    for (size_t i = 0; i < APG_SLOTS; i++)
        g->slot[i].key = 77 + i;
    for (size_t o = 0; o < g->n_ops; o++) {
        g->op[o].stopped = 0; /* differences know of no stop */
        if (!is_tested(g->op[o].type))
            fail_msg("the op \"%s\" has no row in op_table.h", g->op[o].type->name);
    }
    for (size_t p = 0; p < g->n_params; p++)
        for (size_t j = 0; j < g->param[p].rows * g->param[p].cols; j++)
            g->param[p].w[j] = 0.4 * apg_rng_normal(&rng);
    (void)snprintf(what, sizeof what,
        "%s, layer %s, form %d, bias %d, P %zu, condition %d, aggregate %d, own %d, %zu generator layers, "
        "dropout %g",
        apg_backbones[arch->backbone].name, apg_layers[arch->layer].name, (int)arch->form, (int)arch->bias,
        arch->P[0], (int)arch->mode, (int)arch->aggregate, arch->own_embedding, arch->n_generator,
        arch->dropout);
    const char *name = untested_param(g, arch->batch_norm, what);
    apg_model_free(m);
    return name;
}

/* What a stopped op reads gets no gradient. */
static void check_stops(const struct op_graph *o, const struct apg_op *op, const char *what)
{
    const struct apg_graph *g = &o->m.graph;
    for (int k = 0; k < op->n_in; k++)
        for (size_t i = 0; op->stopped >> k & 1 && i < APG_SLOTS; i++)
            for (size_t j = 0; j < g->slot[i].rows * g->width[op->in[k]]; j++)
                if (fabs(g->slot[i].dx[op->in[k]][j]) > 0)
                    fail_msg("%s: a gradient passes the stop", what);
}

/* The params of an operator, and the values that it reads. */
static void test_operator(void **state)
{
    const struct op_row *r = *state;
    struct op_graph o;
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 3);
    assert_true(op_graph_init(&o, r, &schema, ROWS, (ROWS + APG_SLOTS - 1) / APG_SLOTS, true, &rng));
    struct apg_graph *g = &o.m.graph;
    assert_int_equal(apg_model_set_batch(&o.m, row, ROWS, pool, NULL), APG_OK);
    for (size_t i = 0; i < APG_SLOTS; i++)
        g->slot[i].key = 77 + i;
    alone = &o;
    step(g);
    for (size_t i = 0; i < g->n_ops; i++) {
        check_stops(&o, &g->op[i], r->name);
        g->op[i].stopped = 0;
        if (!is_tested(g->op[i].type)) {
            assert_true(n_tested < sizeof tested / sizeof *tested);
            tested[n_tested++] = g->op[i].type;
        }
    }
    const char *dead = untested_param(g, false, r->name);
    if (dead)
        fail_msg("%s: all of %s's gradient is 0: nothing was tested", r->name, dead);
    double rounding = 1e-16 * fabs(step(g)), slope;
    for (int k = 0; k < o.n; k++) {
        const size_t width = g->width[o.x[k]];
        double *grad = calloc(ROWS * width, sizeof *grad), largest = 0;
        assert_non_null(grad);
        for (size_t i = 0; i < APG_SLOTS; i++)
            memcpy(grad + ROWS * i / APG_SLOTS * width, g->slot[i].dx[o.x[k]],
                g->slot[i].rows * width * sizeof *grad);
        for (size_t j = 0; j < ROWS * width; j++) {
            if (!is_slope(g, &o.made[k][j], grad[j], rounding, &slope))
                fail_msg("%s: d of value %d, [%zu], is %.12g, by differences %.12g", r->name, k, j, grad[j],
                    slope);
            largest = fmax(largest, fabs(slope));
        }
        assert_true(largest > 0);
        free(grad);
    }
    alone = NULL;
    op_graph_release(&o);
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
        if (apg_layers[arch.layer].generated)
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
    enum { MAX = 128 };
    static struct CMUnitTest tests[MAX];
    static int index[MAX];
    size_t n = 0;
    make_rows();
    if (apg_pool_new(&pool, 1, NULL))
        return 1;
    for (size_t i = 0; i < N_OP_ROWS; i++) /* before the backbones, which are checked to have no other ops */
        tests[n++] = (struct CMUnitTest){.name = op_table[i].name,
            .test_func = test_operator,
            .initial_state = (void *)(uintptr_t)&op_table[i]};
    for (int i = 0; n < MAX && apg_backbones[i].name; i++) {
        index[i] = i;
        tests[n++] = (struct CMUnitTest){
            .name = apg_backbones[i].name, .test_func = test_backbone, .initial_state = &index[i]};
    }
    int failed = _cmocka_run_group_tests("gradients", tests, n, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
