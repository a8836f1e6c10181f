/* SPDX-License-Identifier: MIT
 *
 * Backbones against numbers from elsewhere: each test/fixtures/NAME.json has a model's description, its weights by name,
 * rows, and their logits as NAME.py computes them in numpy from the paper's equations. A fixture is tested by being there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/arch_members.h"
#include "model/model.h"

enum { FIELDS_MAX = 16, ROWS_MAX = 64 };

/* The default description with the fixture's members in it, and no ranks. */
static void read_arch(const json_t *fixture, const struct apg_schema *schema, struct apg_arch *arch)
{
    struct apg_arch_settings defaults;
    apg_arch_default(&defaults);
    char *text = apg_arch_text(&defaults.arch);
    json_t *j = json_loads(text, 0, NULL), *zeros = json_array();
    free(text);
    assert_int_equal(json_object_update(j, json_object_get(fixture, "settings")), 0);
    for (size_t l = 0; l < json_array_size(json_object_get(j, "hidden")); l++)
        json_array_append_new(zeros, json_integer(0));
    json_object_set(j, "rank", zeros);
    json_object_set_new(j, "overparam", zeros);
    text = json_dumps(j, 0);
    if (!apg_arch_parse(arch, text, schema))
        fail_msg("not a description: %s", text);
    free(text);
    json_decref(j);
}

static void set_weights(struct apg_model *m, const json_t *weights)
{
    for (size_t i = 0; i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
        const json_t *w = json_object_get(weights, p->name);
        if (json_array_size(w) != p->rows * p->cols)
            fail_msg("%s is %zu x %zu, the fixture has %zu numbers", p->name, p->rows, p->cols,
                json_array_size(w));
        for (size_t k = 0; k < p->rows * p->cols; k++)
            p->w[k] = json_real_value(json_array_get(w, k));
    }
    assert_int_equal(m->graph.n_params, json_object_size(weights));
}

static void test_fixture(void **state)
{
    struct apg_field field[FIELDS_MAX] = {0};
    struct apg_schema schema = {.field = field};
    uint32_t words[ROWS_MAX][1 + FIELDS_MAX] = {{0}};
    const uint32_t *row[ROWS_MAX];
    double logit[ROWS_MAX];
    struct apg_model *m = NULL;
    struct apg_pool *pool = NULL;
    struct apg_arch arch;
    struct apg_error err;
    json_t *fixture = json_load_file(*state, 0, NULL);
    const json_t *fields = json_object_get(fixture, "fields"), *rows = json_object_get(fixture, "rows");
    const size_t n = json_array_size(rows);
    schema.n_fields = json_array_size(fields);
    assert_true(schema.n_fields > 0 && schema.n_fields <= FIELDS_MAX && n > 0 && n <= ROWS_MAX);
    for (size_t f = 0; f < schema.n_fields; f++) {
        field[f] = (struct apg_field){.kind = APG_CATEGORICAL,
            .rows = (uint32_t)json_integer_value(json_array_get(fields, f)),
            .first = schema.rows};
        schema.rows += field[f].rows;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t f = 0; f < schema.n_fields; f++)
            words[i][1 + f] = (uint32_t)json_integer_value(json_array_get(json_array_get(rows, i), f));
        row[i] = words[i];
    }
    read_arch(fixture, &schema, &arch);
    if (apg_model_new(&m, &schema, &arch, ROWS_MAX, false, &err) || apg_pool_new(&pool, 1, &err))
        fail_msg("%s", err.text);
    set_weights(m, json_object_get(fixture, "weights"));
    apg_graph_prepare(&m->graph);
    assert_int_equal(apg_model_logits(m, row, n, pool, logit, NULL), APG_OK);
    for (size_t i = 0; i < n; i++) {
        const double want = json_real_value(json_array_get(json_object_get(fixture, "logits"), i));
        if (!(fabs(logit[i] - want) <= 1e-9 * (1 + fabs(want))))
            fail_msg("%s: row %zu: %.17g, in numpy %.17g", (const char *)*state, i, logit[i], want);
    }
    apg_pool_free(pool);
    apg_model_free(m);
    json_decref(fixture);
}

int main(void)
{
    glob_t found;
    if (glob("test/fixtures/*.json", 0, NULL, &found) != 0) {
        fprintf(stderr, "no test/fixtures/*.json: run from the root of the tree\n");
        return 1;
    }
    struct CMUnitTest *tests = calloc(found.gl_pathc, sizeof *tests);
    for (size_t i = 0; tests && i < found.gl_pathc; i++)
        tests[i] = (struct CMUnitTest){
            .name = found.gl_pathv[i], .test_func = test_fixture, .initial_state = found.gl_pathv[i]};
    int failed = tests ? _cmocka_run_group_tests("backbones", tests, found.gl_pathc, NULL, NULL) : 1;
    free(tests);
    globfree(&found);
    return failed;
}
