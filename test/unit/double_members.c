/* SPDX-License-Identifier: MIT
 *
 * A model of several members, in double: steps train each as they train it alone, its score is the mean of theirs,
 * and so is the loss.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "train/optim.h"
#include "fields.h"

enum { ROWS = 10, TAIL = 2, MEMBERS = 3, STEPS = 3 };

static uint32_t words[ROWS][1 + FIELDS + TAIL];
static const uint32_t *row[ROWS];
static struct apg_pool *pool;

static void make_rows(void)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint32_t w[1 + FIELDS + TAIL] = {apg_float_word((float)(i % 3 == 0)), i % 3,
            i % 4 == 1 ? APG_MISSING : apg_float_word(0.75f * (float)i - 3), 2, i * 7 % 4, i % 5,
            (i + 2) % 5};
        memcpy(words[i], w, sizeof w);
        row[i] = words[i];
    }
}

static struct apg_optim *make(struct apg_model **m, const struct apg_arch *arch)
{
    struct apg_optim *o;
    assert_int_equal(apg_model_new(m, &schema, arch, APG_SLOTS * APG_SLOT_ROWS_MIN, true, NULL), APG_OK);
    assert_int_equal(apg_optim_new(&o, *m, false, NULL), APG_OK);
    apg_model_init_weights(*m, 5, 0.5, false);
    apg_model_init_bias(*m, 3, ROWS);
    return o;
}

/* The sum of the losses of all steps. */
static double train(struct apg_optim *o)
{
    const struct apg_optim_options options = {.lr = 0.05,
        .embedding_lr = 0.2,
        .embedding_l2 = 0.01,
        .generator_l2 = 0.1,
        .embedding_prior = 2,
        .mean_weight = 1};
    double loss = 0, sum = 0;
    assert_int_equal(apg_optim_count(o, row, ROWS, pool, NULL), APG_OK);
    for (uint64_t step = 0; step < STEPS; step++, sum += loss)
        assert_int_equal(apg_optim_step(o, &options, row, ROWS, step, pool, &loss, NULL), APG_OK);
    return sum;
}

/* What member I of ALL has for param P of a model alone. */
static const apg_real *weights_of(const struct apg_model *all, size_t i, const struct apg_param *p)
{
    char name[APG_NAME_BYTES];
    const struct apg_param *q = apg_graph_find(&all->graph, apg_member_name(name, i, p->name));
    if (!q || q->rows != p->rows || q->cols != p->cols)
        fail_msg("%s: is not there, or of another shape", name);
    return q->w;
}

static void logits(struct apg_model *m, double *logit)
{
    m->calibration = (struct apg_calibration){1.5, -0.25, 1};
    apg_graph_prepare(&m->graph);
    assert_int_equal(apg_model_logits(m, row, ROWS, pool, logit, NULL), APG_OK);
}

static void check(struct apg_arch arch)
{
    struct apg_model *all, *one[MEMBERS];
    struct apg_optim *of_all, *of_one[MEMBERS];
    double got[ROWS], logit[MEMBERS][ROWS], loss = 0, apart = 0;
    size_t params = 0;
    arch.members = MEMBERS;
    of_all = make(&all, &arch);
    arch.members = 1;
    for (size_t i = 0; i < MEMBERS; i++) {
        of_one[i] = make(&one[i], &arch);
        params += one[i]->graph.n_params;
        for (size_t k = 0; k < one[i]->graph.n_params; k++) {
            const struct apg_param *p = &one[i]->graph.param[k];
            const apg_real *w = weights_of(all, i, p);
            if (!i) /* starts as a model alone does */
                assert_memory_equal(p->w, w, p->rows * p->cols * sizeof *w);
            memcpy(p->w, w, p->rows * p->cols * sizeof *w);
        }
        loss += train(of_one[i]) / MEMBERS;
        logits(one[i], logit[i]);
    }
    assert_int_equal(all->graph.n_params, params);
    assert_true(fabs(train(of_all) - loss) < 1e-12 * loss);
    logits(all, got);
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t k = 0; k < one[i]->graph.n_params; k++) {
            const struct apg_param *p = &one[i]->graph.param[k];
            const apg_real *w = weights_of(all, i, p);
            for (size_t j = 0; j < p->rows * p->cols; j++)
                if (!(fabs(w[j] - p->w[j]) <= 1e-12 * (1 + fabs(p->w[j]))))
                    fail_msg("%s, layer %s: member %zu: %s[%zu] is %.17g, alone %.17g",
                        apg_backbones[arch.backbone].name, apg_layers[arch.layer].name, i, p->name, j, w[j],
                        p->w[j]);
        }
    for (size_t r = 0; r < ROWS; r++) {
        const double mean = (logit[0][r] + logit[1][r] + logit[2][r]) / MEMBERS;
        assert_true(fabs(got[r] - mean) < 1e-12 * (1 + fabs(mean)));
        apart = fmax(apart, fabs(logit[0][r] - logit[1][r]));
        apart = fmax(apart, fabs(logit[0][r] - logit[2][r]));
    }
    assert_true(apart > 1e-3); /* or all members are the same */
    apg_optim_free(of_all);
    apg_model_free(all);
    for (size_t i = 0; i < MEMBERS; i++) {
        apg_optim_free(of_one[i]);
        apg_model_free(one[i]);
    }
}

static void every_backbone_and_layer(void **state)
{
    (void)state;
    struct apg_arch arch = {.E = 2,
        .n_hidden = 2,
        .hidden = {5, 4},
        .K = {3, 2},
        .P = {4, 0},
        .generator_rank = 3,
        .form = APG_FORM_RESIDUAL,
        .heads = 2,
        .n_attention = 1,
        .n_cin = 1,
        .cin = {3},
        .n_cross = 1,
        .mode = APG_CONDITION_GROUP,
        .n_condition = 2,
        .condition = {2, 0},
        .own_embedding = true,
        .partition_rows = 2};
    for (; apg_backbones[arch.backbone].name; arch.backbone++)
        for (arch.layer = 0; apg_layers[arch.layer].name; arch.layer++) {
            arch.batch_norm = (arch.backbone + arch.layer) % 2;
            check(arch);
        }
}

int main(void)
{
    make_rows();
    if (apg_pool_new(&pool, 2, NULL))
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_backbone_and_layer)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apg_pool_free(pool);
    return failed;
}
