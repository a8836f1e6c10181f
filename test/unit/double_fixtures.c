/* SPDX-License-Identifier: MIT
 *
 * The layer and DeepFM against numbers computed elsewhere (PyTorch autograd, float64): values, gradients,
 * three steps of Adam. The files are in the folder FIXTURES, ../shared/fixtures by default; its README.txt
 * has the format.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "lib/gemm.h"
#include "lib/optim.h"

static const double TOLERANCE = 1e-9;

struct tensor {
    char kind[16], name[80];
    size_t rows, cols, n;
    double *v;
};

struct fixture {
    char bias[16], mode[16], variant[16];
    size_t n;
    struct tensor tensor[160];
};

static void fixture_read(struct fixture *f, const char *path)
{
    char word[16], key[64], value[128];
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    memset(f, 0, sizeof *f);
    while (fscanf(in, "%15s", word) == 1) {
        if (strcmp(word, "config") == 0) {
            assert_int_equal(fscanf(in, "%63s %127s", key, value), 2);
            char *to = strcmp(key, "bias") == 0      ? f->bias
                       : strcmp(key, "mode") == 0    ? f->mode
                       : strcmp(key, "variant") == 0 ? f->variant
                                                     : NULL;
            if (to)
                (void)snprintf(to, sizeof f->bias, "%.15s", value);
            continue;
        }
        assert_string_equal(word, "tensor");
        assert_true(f->n < sizeof f->tensor / sizeof f->tensor[0]);
        struct tensor *t = &f->tensor[f->n++];
        size_t dims, d[2] = {1, 1};
        assert_int_equal(fscanf(in, "%15s %79s %zu", t->kind, t->name, &dims), 3);
        assert_true(dims <= 2);
        for (size_t i = 0; i < dims; i++)
            assert_int_equal(fscanf(in, "%zu", &d[2 - dims + i]), 1);
        t->rows = d[0], t->cols = d[1], t->n = d[0] * d[1];
        assert_non_null(t->v = calloc(t->n, sizeof *t->v));
        for (size_t i = 0; i < t->n; i++)
            assert_int_equal(fscanf(in, "%lf", &t->v[i]), 1);
    }
    (void)fclose(in);
}

static void fixture_release(struct fixture *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->tensor[i].v);
}

static const struct tensor *get(const struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->tensor[i].name, name) == 0)
            return &f->tensor[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

static void same(const char *name, size_t i, double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= TOLERANCE * (1 + fabs(theirs))))
        fail_msg("%s[%zu] is %.15g, should be %.15g", name, i, ours, theirs);
}

static void all_same(const struct tensor *t, const double *ours)
{
    for (size_t i = 0; i < t->n; i++)
        same(t->name, i, ours[i], t->v[i]);
}

/* Where a fixture's weight lies: number j of the tensor is number at(j) of our param. */
struct place {
    const struct apg_param *param;
    size_t offset;
    bool transposed; /* torch keeps a linear map (out, in) */
};

static size_t at(const struct place *p, const struct tensor *t, size_t j)
{
    return p->offset + (p->transposed ? j % t->cols * t->rows + j / t->cols : j);
}

/* Of the generator's linear maps the last is the layer's own, LAYER.hypernet; one before is
 * LAYER.generator.0. */
static struct place place_of(const struct apg_graph *g, const char *layer, const char *name, bool hidden)
{
    struct place p = {0};
    char ours[160];
    const char *last = hidden ? "hypernet.mlp.2." : "hypernet.mlp.0.";
    if (strncmp(name, last, strlen(last)) == 0) {
        (void)snprintf(ours, sizeof ours, "%s.hypernet.%s", layer, name + strlen(last));
    } else if (strncmp(name, "hypernet.mlp.0.", 15) == 0) {
        (void)snprintf(ours, sizeof ours, "%s.generator.0.%s", layer, name + 15);
        p.transposed = strcmp(name + 15, "weight") == 0;
    } else {
        (void)snprintf(ours, sizeof ours, "%s.%s", layer, name);
    }
    if (!(p.param = apg_graph_find(g, ours)))
        fail_msg("%s: no param %s", name, ours);
    return p;
}

/* ---- one layer ---- */

struct given {
    struct apg_graph *g;
    const struct tensor *dy;
};

/* The fixture's loss is sum(y dy). */
static void give(void *arg, size_t i)
{
    const struct given *given = arg;
    if (i == 0)
        memcpy(given->g->slot[0].dx[given->g->logit], given->dy->v, given->dy->n * sizeof *given->dy->v);
}

static void test_layer(void **state)
{
    struct fixture f;
    struct apg_graph g = {0};
    struct apg_pool *pool = NULL;
    fixture_read(&f, *state);
    const struct tensor *x = get(&f, "x"), *y = get(&f, "y");
    bool self = strcmp(f.mode, "self") == 0, hidden = strstr(*state, "-h8") != NULL,
         v5 = strcmp(f.variant, "v5") == 0;
    const struct tensor *z = self ? x : get(&f, "z");
    enum apg_bias bias = strcmp(f.bias, "static") == 0 ? APG_BIAS_STATIC
                         : strcmp(f.bias, "none") == 0 ? APG_BIAS_NONE
                                                       : APG_BIAS_GENERATED;
    int at_x = apg_graph_value(&g, x->cols), at_z = self ? at_x : apg_graph_value(&g, z->cols),
        condition = at_z;
    if (hidden)
        condition = apg_op_relu(
            &g, apg_op_dense(&g, at_z, get(&f, "hypernet.mlp.0.weight")->rows, "layer.generator.0"), 0);
    size_t K = get(&f, v5 ? "U_r" : "U")->cols, P = v5 ? get(&f, "U_r")->rows : 0;
    g.logit =
        apg_op_apg(&g, at_x, condition, y->cols, K, P, bias, "layer"); /* so that backward keeps its d */
    assert_int_equal(apg_graph_finish(&g, x->rows, true, NULL), APG_OK);
    assert_int_equal(apg_pool_new(&pool, 1, NULL), APG_OK);

    size_t weights = 0, numbers = 0;
    for (size_t i = 0; i < f.n; i++) {
        const struct tensor *t = &f.tensor[i];
        if (strcmp(t->kind, "weight") != 0)
            continue;
        struct place p = place_of(&g, "layer", t->name, hidden);
        assert_int_equal(p.param->rows * p.param->cols, t->n);
        for (size_t j = 0; j < t->n; j++)
            p.param->w[at(&p, t, j)] = t->v[j];
        weights++, numbers += t->n;
    }
    size_t ours = 0, our_numbers = 0;
    for (size_t i = 0; i < g.n_params; i++)
        if (!g.param[i].derived)
            ours++, our_numbers += g.param[i].rows * g.param[i].cols;
    assert_int_equal(weights, ours);
    assert_int_equal(numbers, our_numbers);

    struct apg_slot *s = &g.slot[0];
    s->rows = x->rows;
    memcpy(s->x[at_x], x->v, x->n * sizeof *x->v);
    memcpy(s->x[at_z], z->v, z->n * sizeof *z->v);
    apg_graph_prepare(&g);
    apg_graph_forward(&g, s);
    all_same(y, s->x[g.logit]);
    struct given given = {&g, get(&f, "dy")};
    apg_graph_train(&g, pool, give, &given); /* the other slots have no rows, and gradients of 0 */
    all_same(y, s->x[g.logit]);
    if (v5) {
        all_same(get(&f, "U"), apg_graph_find(&g, "layer.U")->w);
        all_same(get(&f, "V"), apg_graph_find(&g, "layer.V")->w);
    }
    for (size_t i = 0; i < f.n; i++) {
        const struct tensor *t = &f.tensor[i];
        if (strcmp(t->kind, "grad") != 0)
            continue;
        if (strcmp(t->name, "grad.x") == 0 || strcmp(t->name, "grad.z") == 0) {
            all_same(t, s->dx[t->name[5] == 'x' ? at_x : at_z]);
            continue;
        }
        struct place p = place_of(&g, "layer", t->name + 5, hidden);
        for (size_t j = 0; j < t->n; j++)
            same(t->name, j, s->grad[p.param->at + at(&p, t, j)], t->v[j]);
    }
    apg_pool_free(pool);
    apg_graph_release(&g);
    fixture_release(&f);
}

/* ---- DeepFM ---- */

enum { USERS = 5, ITEMS = 6, BATCH = 3 };

static struct place deepfm_place(const struct apg_graph *g, const char *name)
{
    static const struct {
        const char *theirs, *ours;
        size_t row;
    } table[] = {{"emb_user", "embedding", 0}, {"emb_item", "embedding", USERS},
        {"emb_price", "embedding", USERS + ITEMS + 1}, {"lr_user", "linear", 0}, {"lr_item", "linear", USERS},
        {"lr_price", "linear", USERS + ITEMS + 1}, {"out_weight", "out.weight", 0},
        {"out_bias", "out.bias", 0}, {"lr_bias", "out.bias", 0}};
    if (strncmp(name, "apg.", 4) == 0) {
        const char layer[] = {'h', 'i', 'd', 'd', 'e', 'n', '.', name[4], '\0'};
        return place_of(g, layer, name + 6, false);
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(name, table[i].theirs) == 0) {
            const struct apg_param *p = apg_graph_find(g, table[i].ours);
            assert_non_null(p);
            return (struct place){.param = p, .offset = table[i].row * p->cols};
        }
    fail_msg("%s: no param of ours", name);
    return (struct place){0};
}

/* Ours has one bias where the fixture has two, lr_bias and out_bias, with one gradient: their sum moves twice
 * as far. */
static bool is_bias(const char *name)
{
    return strcmp(name, "lr_bias") == 0 || strcmp(name, "out_bias") == 0;
}

static void test_deepfm(void **state)
{
    struct fixture f;
    struct apg_field field[] = {{.kind = APG_CATEGORICAL, .rows = USERS, .first = 0},
        {.kind = APG_CATEGORICAL, .rows = ITEMS, .first = USERS},
        {.kind = APG_NUMERIC, .rows = 2, .first = USERS + ITEMS}};
    struct apg_schema schema = {.n_fields = 3, .field = field, .rows = USERS + ITEMS + 2};
    struct apg_arch arch = {.layer = APG_LAYER_APG, .E = 2, .n_hidden = 2, .hidden = {5, 4}, .K = 3};
    struct apg_model *m = NULL;
    struct apg_optim *o = NULL;
    struct apg_pool *pool = NULL;
    uint32_t words[BATCH][4];
    const uint32_t *row[BATCH];
    double logit[BATCH];

    fixture_read(&f, *state);
    for (size_t i = 0; i < BATCH; i++) {
        const uint32_t w[] = {apg_float_word((float)get(&f, "label")->v[i]), (uint32_t)get(&f, "user")->v[i],
            (uint32_t)get(&f, "item")->v[i], apg_float_word((float)get(&f, "price")->v[i])};
        memcpy(words[i], w, sizeof w);
        row[i] = words[i];
    }
    while (apg_backbones[arch.backbone].name && strcmp(apg_backbones[arch.backbone].name, "deepfm") != 0)
        arch.backbone++;
    assert_non_null(apg_backbones[arch.backbone].name);
    arch.P = strcmp(f.variant, "v5") == 0 ? get(&f, "apg.0.U_r")->rows : 0;
    arch.bias = strcmp(f.bias, "static") == 0 ? APG_BIAS_STATIC : APG_BIAS_GENERATED;
    if (strcmp(f.mode, "group") == 0) {
        arch.n_condition = 2;
        arch.condition[0] = 0, arch.condition[1] = 1;
    }
    assert_int_equal(apg_pool_new(&pool, 1, NULL), APG_OK);
    assert_int_equal(apg_model_new(&m, &schema, &arch, BATCH, true, NULL), APG_OK);
    assert_int_equal(apg_optim_new(&o, m, NULL), APG_OK);
    struct apg_graph *g = &m->graph;
    for (size_t i = 0; i < f.n; i++) {
        const struct tensor *t = &f.tensor[i];
        if (strcmp(t->kind, "weight") != 0)
            continue;
        struct place p = deepfm_place(g, t->name);
        for (size_t j = 0; j < t->n; j++)
            p.param->w[at(&p, t, j)] += t->v[j]; /* added: the two biases */
    }
    apg_graph_prepare(g);
    assert_int_equal(apg_model_logits(m, row, BATCH, pool, logit, NULL), APG_OK);
    all_same(get(&f, "logit"), logit);

    const struct apg_optim_options options = {.lr = 0.01};
    apg_real *bias = apg_graph_find(g, "out.bias")->w;
    for (unsigned step = 1; step <= 3; step++) {
        char name[32];
        double loss, before = *bias;
        assert_int_equal(apg_optim_step(o, &options, row, BATCH, step, pool, &loss, NULL), APG_OK);
        *bias += *bias - before;
        (void)snprintf(name, sizeof name, "adam%u.loss_before", step);
        same(name, 0, loss / BATCH, get(&f, name)->v[0]);
        for (size_t i = 0; i < f.n; i++) {
            const struct tensor *t = &f.tensor[i];
            bool grad = step == 1 && strcmp(t->kind, "grad") == 0;
            size_t prefix = grad ? strlen("grad.") : strlen("adamS.");
            (void)snprintf(name, sizeof name, "adam%u.", step);
            if (!grad && (strncmp(t->name, name, prefix) != 0 || strstr(t->name, "loss_before")))
                continue;
            struct place p = deepfm_place(g, t->name + prefix);
            if (grad && p.param->table)
                continue; /* not kept after a step */
            for (size_t j = 0; j < t->n; j++) {
                size_t k = at(&p, t, j);
                double theirs = t->v[j];
                if (!grad && is_bias(t->name + prefix)) {
                    (void)snprintf(name, sizeof name, "adam%u.lr_bias", step);
                    theirs = get(&f, name)->v[0];
                    (void)snprintf(name, sizeof name, "adam%u.out_bias", step);
                    theirs += get(&f, name)->v[0];
                }
                same(t->name, j, grad ? g->slot[0].grad[p.param->at + k] : p.param->w[k], theirs);
            }
        }
    }
    apg_optim_free(o);
    apg_model_free(m);
    apg_pool_free(pool);
    fixture_release(&f);
}

/* Of the default folder: what this tree may not ship is skipped. One that was asked for must hold some. */
static void test_absent(void **state)
{
    const char *folder = *state;
    if (folder)
        fail_msg("%s: no fixtures there", folder);
    skip();
}

/* One test for each file of a layer or model that there is here. */
int main(void)
{
    enum { MAX = 256 };
    static const struct {
        const char *pattern;
        CMUnitTestFunction test;
    } sorts[] = {{"layer-v[45]-*-self*.txt", test_layer}, {"layer-v[45]-*-group*.txt", test_layer},
        {"deepfm-v[45]-*-self.txt", test_deepfm}, {"deepfm-v[45]-*-group.txt", test_deepfm}};
    static struct CMUnitTest tests[MAX];
    char *folder = getenv("FIXTURES");
    glob_t found = {0};
    size_t n = 0;
    folder = folder && *folder ? folder : NULL;
    apg_gemm_init();
    for (size_t i = 0; i < sizeof sorts / sizeof sorts[0]; i++) {
        char pattern[4096];
        (void)snprintf(
            pattern, sizeof pattern, "%s/%s", folder ? folder : "../shared/fixtures", sorts[i].pattern);
        (void)glob(pattern, i ? GLOB_APPEND : 0, NULL, &found);
        for (; n < found.gl_pathc && n < MAX; n++)
            tests[n].test_func = sorts[i].test;
    }
    for (size_t i = 0; i < n; i++) { /* only now do the paths stay where they are */
        tests[i].name = strrchr(found.gl_pathv[i], '/') + 1;
        tests[i].initial_state = found.gl_pathv[i];
    }
    if (n == 0)
        tests[n++] =
            (struct CMUnitTest){.name = "fixtures", .test_func = test_absent, .initial_state = folder};
    int failed = _cmocka_run_group_tests("fixtures", tests, n, NULL, NULL);
    globfree(&found);
    return failed;
}
