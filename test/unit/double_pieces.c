/* SPDX-License-Identifier: MIT
 *
 * Ops that cut a slot into pieces of rows: the results and the gradient of many rows are those of each row by
 * itself, added up, for every operator, backbone and layer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "model/model.h"
#include "nn/ops.h"
#include "op_table.h"

/* Of a slot: more than two pieces of 8 lanes, and of the interaction network's products. */
enum { ROWS = 19, FIELDS = 4 };

static struct apg_field fields[FIELDS] = {
    {.kind = APG_CATEGORICAL, .rows = 7, .first = 0},
    {.kind = APG_NUMERIC, .rows = 2, .first = 7},
    {.kind = APG_CATEGORICAL, .rows = 5, .first = 9},
    {.kind = APG_BUCKET, .rows = 4, .first = 14},
};
static const struct apg_schema schema = {.n_fields = FIELDS, .field = fields, .rows = 18};
static struct apg_pool *pool;

static double coefficient(size_t r, size_t j)
{
    return 0.3 - 0.17 * (double)r + 0.23 * (double)j;
}

/* Slot 0's first row is row FIRST of all; the loss is linear in what the graph puts out. */
static size_t first;
static void slot_loss(void *arg, size_t i)
{
    struct apg_graph *g = arg;
    const size_t width = g->width[g->logit];
    for (size_t k = 0; i == 0 && k < g->slot[i].rows * width; k++)
        g->slot[i].dx[g->logit][k] = coefficient(first + k / width, k % width);
}

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) < tolerance * (1 + fabs(b));
}

/* N rows from FROM on, all in slot 0, with the values of O, where it is not NULL. A prediction gives what
 * training does. */
static void pass(struct apg_model *m, struct op_graph *o, const uint32_t *const *row, size_t from, size_t n)
{
    struct apg_graph *g = &m->graph;
    const size_t numbers = n * g->width[g->logit];
    double logit[ROWS], *y = calloc(numbers, sizeof *y);
    assert_non_null(y);
    for (size_t i = 1; i < g->n_slots; i++)
        g->slot[i].rows = 0;
    assert_int_equal(apg_model_slot_logits(m, 0, row + from, n, logit, NULL), APG_OK);
    if (o) { /* again, now with its values */
        op_graph_set(o, 0, from);
        apg_graph_prepare(g);
        apg_graph_forward(g, &g->slot[0]);
        memcpy(y, g->slot[0].x[g->logit], numbers * sizeof *y);
        op_graph_set(o, 0, from);
    } else {
        memcpy(y, logit, numbers * sizeof *y);
    }
    first = from;
    assert_int_equal(apg_graph_train(g, pool, slot_loss, g, NULL), APG_OK);
    for (size_t k = 0; k < numbers; k++)
        assert_true(near(y[k], g->slot[0].x[g->logit][k], 1e-12));
    free(y);
}

/* Fields' ids, and numbers, of row I. */
static void make_row(uint32_t i, uint32_t *to)
{
    const uint32_t w[] = {0, i % 7, apg_float_word(0.3f * (float)i - 2), i * 3 % 5, i % 4};
    for (size_t f = 0; f < 1 + FIELDS; f++)
        to[f] = w[f];
}

/* An operator: its result, and the gradients of its params and of the values that it reads. */
static void operators_take_many_rows_as_rows_added_up(void **state)
{
    (void)state;
    uint32_t words[ROWS][1 + FIELDS];
    const uint32_t *row[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        make_row(i, words[i]), row[i] = words[i];
    for (size_t r = 0; r < N_OP_ROWS; r++) {
        struct op_graph o;
        struct apg_rng rng;
        apg_rng_init(&rng, 1, 2);
        if (op_table[r].joined)
            continue;
        assert_true(op_graph_init(&o, &op_table[r], &schema, ROWS, ROWS, true, &rng));
        struct apg_graph *g = &o.m.graph;
        const struct apg_slot *s = &g->slot[0];
        const size_t out = g->width[g->logit];
        pass(&o.m, &o, row, 0, ROWS);
        apg_real *all = calloc(g->n_flat + 1, sizeof *all), *sum = calloc(g->n_flat + 1, sizeof *sum),
                 *y = calloc(ROWS * out, sizeof *y), *dx[OP_ROW_IN] = {0};
        assert_true(all && sum && y);
        memcpy(all, s->grad, g->n_flat * sizeof *all);
        memcpy(y, s->x[g->logit], ROWS * out * sizeof *y);
        for (int k = 0; k < o.n; k++) {
            assert_non_null(dx[k] = calloc(ROWS * g->width[o.x[k]], sizeof **dx));
            memcpy(dx[k], s->dx[o.x[k]], ROWS * g->width[o.x[k]] * sizeof **dx);
        }
        for (size_t i = 0; i < ROWS; i++) {
            pass(&o.m, &o, row, i, 1);
            for (size_t j = 0; j < out; j++)
                if (!near(s->x[g->logit][j], y[i * out + j], 1e-12))
                    fail_msg("%s: row %zu is another by itself", op_table[r].name, i);
            for (size_t j = 0; j < g->n_flat; j++)
                sum[j] += s->grad[j];
            for (int k = 0; k < o.n; k++)
                for (size_t j = 0, n = g->width[o.x[k]]; j < n; j++)
                    if (!near(s->dx[o.x[k]][j], dx[k][i * n + j], 1e-12))
                        fail_msg("%s: d of row %zu is another by itself", op_table[r].name, i);
        }
        double largest = 0;
        for (size_t j = 0; j < g->n_flat; j++) {
            if (!near(all[j], sum[j], 1e-11))
                fail_msg("%s: d of params is not the sum over rows", op_table[r].name);
            largest = fmax(largest, fabs(sum[j]));
        }
        assert_true(largest > 1e-3 || !g->n_flat);
        for (int k = 0; k < o.n; k++)
            free(dx[k]);
        free(all);
        free(sum);
        free(y);
        op_graph_release(&o);
    }
}

static void check(const struct apg_arch *arch)
{
    uint32_t words[ROWS][1 + FIELDS];
    const uint32_t *row[ROWS];
    struct apg_model *m = NULL;
    double logit[ROWS];
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 2);
    for (uint32_t i = 0; i < ROWS; i++)
        make_row(i, words[i]), row[i] = words[i];
    assert_int_equal(apg_model_new(&m, &schema, arch, ROWS * APG_SLOTS, true, NULL), APG_OK);
    struct apg_graph *g = &m->graph;
    for (size_t p = 0; p < g->n_params; p++)
        for (size_t j = 0; j < g->param[p].rows * g->param[p].cols; j++)
            g->param[p].w[j] = 0.3 * apg_rng_normal(&rng);

    pass(m, NULL, row, 0, ROWS);
    apg_real *all = calloc(g->n_flat, sizeof *all), *sum = calloc(g->n_flat, sizeof *sum);
    size_t width = g->width[g->op[0].out]; /* of the embeddings */
    apg_real *dx = calloc(ROWS * width, sizeof *dx);
    assert_true(all && sum && dx);
    for (size_t j = 0; j < g->n_flat; j++)
        all[j] = g->slot[0].grad[j];
    for (size_t j = 0; j < ROWS * width; j++)
        dx[j] = g->slot[0].dx[g->op[0].out][j];
    for (size_t r = 0; r < ROWS; r++)
        logit[r] = g->slot[0].x[g->logit][r];

    for (size_t r = 0; r < ROWS; r++) {
        pass(m, NULL, row, r, 1);
        assert_true(fabs(g->slot[0].x[g->logit][0] - logit[r]) < 1e-12 * (1 + fabs(logit[r])));
        for (size_t j = 0; j < g->n_flat; j++)
            sum[j] += g->slot[0].grad[j];
        for (size_t j = 0; j < width; j++) {
            double d = g->slot[0].dx[g->op[0].out][j];
            assert_true(fabs(dx[r * width + j] - d) < 1e-12 * (1 + fabs(d)));
        }
    }
    double largest = 0;
    for (size_t j = 0; j < g->n_flat; j++) {
        assert_true(fabs(all[j] - sum[j]) < 1e-11 * (1 + fabs(sum[j])));
        largest = fmax(largest, fabs(sum[j]));
    }
    assert_true(largest > 1e-3);
    free(all);
    free(sum);
    free(dx);
    apg_model_free(m);
}

static void many_rows_are_rows_added_up(void **state)
{
    (void)state;
    struct apg_arch arch = {.E = 8,
        .n_hidden = 1,
        .hidden = {5},
        .K = {3},
        .form = APG_FORM_SHARED,
        .n_condition = 1,
        .heads = 2,
        .n_attention = 2,
        .n_cin = 2,
        .cin = {900, 3}, /* 28,800 numbers a row */
        .n_cross = 2};
    for (arch.backbone = 0; apg_backbones[arch.backbone].name; arch.backbone++)
        for (arch.layer = 0; apg_layers[arch.layer].name; arch.layer++)
            check(&arch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_take_many_rows_as_rows_added_up),
        cmocka_unit_test(many_rows_are_rows_added_up)};
    if (apg_pool_new(&pool, 1, NULL))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
