/* SPDX-License-Identifier: MIT
 *
 * A weighted loss and its gradient, in double: against its definition, against central differences, and against
 * rows that are there several times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "stats/metrics.h"
#include "train/optim.h"
#include "fields.h"

enum { ROWS = 12, HEAD = 1 + FIELDS + 1, WORDS = HEAD + 1, TIMES_MAX = 3 };

static char weight_name[] = "w";
static struct apg_schema weighted = {.weight = weight_name, .n_fields = FIELDS, .field = fields, .rows = 14};
static uint32_t words[ROWS][WORDS];
static const uint32_t *row[ROWS * TIMES_MAX];
static struct apg_pool *pool;

/* Weights of 0 to 3, or all ONE. Lists have a token each, behind the weight. Returns the mean weight. */
static double make_rows(bool one)
{
    double sum = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        const float w = one ? 1 : (float)(i * 5 % 4);
        const uint32_t made[WORDS] = {apg_float_word((float)(i % 3 == 0)), i % 3,
            apg_float_word(0.25f * (float)i - 1), 1, i * 7 % 4, apg_float_word(w), i % 5};
        memcpy(words[i], made, sizeof made);
        row[i] = words[i];
        sum += (double)w;
    }
    return sum / ROWS;
}

static struct apg_model *make_model(struct apg_optim **o)
{
    struct apg_arch arch = {.E = 3, .n_hidden = 2, .hidden = {5, 4}, .layer = apg_layer_find("dense")};
    struct apg_model *m;
    assert_int_equal(apg_model_new(&m, &weighted, &arch, ROWS * TIMES_MAX, true, NULL), APG_OK);
    apg_model_init_weights(m, 3, 0.5, false);
    assert_int_equal(apg_optim_new(o, m, false, NULL), APG_OK);
    return m;
}

/* A step that moves nothing. Returns the mean loss. */
static double step(struct apg_optim *o, size_t n, double mean_weight)
{
    const struct apg_optim_options still = {.mean_weight = mean_weight};
    double loss;
    assert_int_equal(apg_optim_step(o, &still, row, n, 1, pool, &loss, NULL), APG_OK);
    return loss / (double)n;
}

/* Of all weights but the tables, whose gradients are not kept after a step. *N: how many. Freed with free(). */
static double *gradient(const struct apg_model *m, size_t *n)
{
    const struct apg_graph *g = &m->graph;
    size_t all = 0;
    for (size_t p = 0; p < g->n_params; p++)
        all += g->param[p].rows * g->param[p].cols;
    double *out = calloc(all, sizeof *out);
    assert_non_null(out);
    *n = 0;
    for (size_t p = 0; p < g->n_params; p++)
        for (size_t i = 0; !g->param[p].table && i < g->param[p].rows * g->param[p].cols; i++)
            out[(*n)++] = g->slot[0].grad[g->param[p].at + i];
    return out;
}

static void loss_and_gradient(void **state)
{
    (void)state;
    struct apg_optim *o;
    struct apg_model *m = make_model(&o);
    const double mean = make_rows(false);
    double logit[ROWS], want = 0, weights = 0;
    apg_graph_prepare(&m->graph);
    assert_int_equal(apg_model_logits(m, row, ROWS, pool, logit, NULL), APG_OK);
    for (size_t i = 0; i < ROWS; i++) {
        const double w = (double)apg_row_weight(&weighted, row[i]);
        want += w * apg_metrics_logit_loss(logit[i], apg_word_float(row[i][0]) > 0);
        weights += w;
    }
    assert_true(fabs(step(o, ROWS, mean) - want / weights) < 1e-14); /* all training rows are in the batch */
    /* A batch that is twice as heavy as the mean moves the model twice as far. */
    assert_true(fabs(step(o, ROWS, mean / 2) - 2 * want / weights) < 1e-14);

    size_t n, at = 0;
    (void)step(o, ROWS, mean);
    double *slope = gradient(m, &n), largest = 0;
    for (size_t p = 0; p < m->graph.n_params; p++) {
        const struct apg_param *param = &m->graph.param[p];
        for (size_t i = 0; !param->table && i < param->rows * param->cols; i++, at++) {
            const apg_real was = param->w[i];
            const double reach = 1e-5;
            param->w[i] = was + reach;
            const double more = step(o, ROWS, mean);
            param->w[i] = was - reach;
            const double less = step(o, ROWS, mean);
            param->w[i] = was;
            if (!(fabs((more - less) / (2 * reach) - slope[at]) < 1e-9))
                fail_msg("%s %zu: %g, not %g", param->name, i, slope[at], (more - less) / (2 * reach));
            largest = fmax(largest, fabs(slope[at]));
        }
    }
    assert_int_equal(at, n);
    assert_true(largest > 1e-2);
    free(slope);
    apg_optim_free(o);
    apg_model_free(m);
}

static void a_weight_is_as_many_rows(void **state)
{
    (void)state;
    struct apg_optim *o;
    struct apg_model *m = make_model(&o);
    size_t n = 0, numbers, same;
    const double mean = make_rows(false), loss = step(o, ROWS, mean);
    double *once = gradient(m, &numbers);
    (void)make_rows(false);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t k = 0; k < i * 5 % 4; k++)
            row[n++] = words[i];
    for (size_t i = 0; i < ROWS; i++)
        words[i][HEAD - 1] = apg_float_word(1);
    assert_true(n > ROWS);
    assert_true(fabs(step(o, n, 1) - loss) < 1e-14);
    double *copies = gradient(m, &same);
    assert_int_equal(same, numbers);
    for (size_t i = 0; i < numbers; i++)
        assert_true(fabs(once[i] - copies[i]) < 1e-14);
    free(once);
    free(copies);

    /* Equal weights are none, to the last bit. */
    const double mean_one = make_rows(true), one = step(o, ROWS, mean_one);
    once = gradient(m, &numbers);
    for (size_t i = 0; i < ROWS; i++)
        words[i][HEAD - 1] = apg_float_word(.1f);
    assert_true(step(o, ROWS, (double).1f) == one);
    copies = gradient(m, &numbers);
    assert_memory_equal(once, copies, numbers * sizeof *once);
    free(once);
    free(copies);
    apg_optim_free(o);
    apg_model_free(m);
}

int main(void)
{
    if (apg_pool_new(&pool, 2, NULL))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient),
        cmocka_unit_test(a_weight_is_as_many_rows),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
