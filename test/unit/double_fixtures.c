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
#include "base/setting.h"
#include "nn/gemm.h"
#include "train/optim.h"

static double tolerance; /* 1e-9; with attention 1e-7 */

struct tensor {
    char kind[16], name[80];
    size_t rows, cols, n;
    double *v;
};

struct fixture {
    char bias[32], mode[32], variant[32], K[32], conditions[32], hidden[1024], fields[1024],
        condition_fields[1024];
    size_t n;
    struct tensor tensor[1024];
};

static void fixture_read(struct fixture *f, const char *path)
{
    char word[16], key[64], value[1024];
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    memset(f, 0, sizeof *f);
    while (fscanf(in, "%15s", word) == 1) {
        if (strcmp(word, "config") == 0) {
            assert_int_equal(fscanf(in, "%63s %1023s", key, value), 2);
            const struct {
                const char *key;
                char *to;
                size_t size;
            } known[] = {{"bias", f->bias, sizeof f->bias}, {"mode", f->mode, sizeof f->mode},
                {"variant", f->variant, sizeof f->variant}, {"K", f->K, sizeof f->K},
                {"conditions", f->conditions, sizeof f->conditions}, {"hidden", f->hidden, sizeof f->hidden},
                {"fields", f->fields, sizeof f->fields},
                {"condition_fields", f->condition_fields, sizeof f->condition_fields}};
            for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
                if (strcmp(key, known[i].key) == 0)
                    (void)snprintf(known[i].to, known[i].size, "%.*s", (int)known[i].size - 1, value);
            continue;
        }
        assert_string_equal(word, "tensor");
        assert_true(f->n < sizeof f->tensor / sizeof f->tensor[0]);
        struct tensor *t = &f->tensor[f->n++];
        size_t dims, d[3] = {1, 1, 1};
        assert_int_equal(fscanf(in, "%15s %79s %zu", t->kind, t->name, &dims), 3);
        assert_true(dims <= 3);
        for (size_t i = 0; i < dims; i++)
            assert_int_equal(fscanf(in, "%zu", &d[3 - dims + i]), 1);
        t->rows = d[0] * d[1], t->cols = d[2], t->n = d[0] * d[1] * d[2];
        if (dims == 3)
            t->rows = d[0], t->cols = d[1] * d[2];
        assert_non_null(t->v = calloc(t->n, sizeof *t->v));
        for (size_t i = 0; i < t->n; i++)
            assert_int_equal(fscanf(in, "%lf", &t->v[i]), 1);
    }
    (void)fclose(in);
    tolerance = strstr(f->mode, "att") ? 1e-7 : 1e-9;
}

static void fixture_release(struct fixture *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->tensor[i].v);
}

static const struct tensor *find(const struct fixture *f, const char *fmt, ...) APG_PRINTF(2, 3);
static const struct tensor *find(const struct fixture *f, const char *fmt, ...)
{
    char name[128];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->tensor[i].name, name) == 0)
            return &f->tensor[i];
    return NULL;
}

static const struct tensor *get(const struct fixture *f, const char *name)
{
    const struct tensor *t = find(f, "%s", name);
    if (!t)
        fail_msg("no tensor %s", name);
    return t;
}

static void same(const char *name, size_t i, double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= tolerance * (1 + fabs(theirs))))
        fail_msg("%s[%zu] is %.15g, should be %.15g", name, i, ours, theirs);
}

static void all_same(const struct tensor *t, const double *ours)
{
    for (size_t i = 0; i < t->n; i++)
        same(t->name, i, ours[i], t->v[i]);
}

/* Where number J of a fixture's weight lies; no param: we have none, a constant in all scores of a softmax.
 */
struct place {
    const struct apg_param *param;
    size_t at;
};

static const struct apg_param *param_of(const struct apg_graph *g, const char *fmt, ...) APG_PRINTF(2, 3);
static const struct apg_param *param_of(const struct apg_graph *g, const char *fmt, ...)
{
    char name[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    const struct apg_param *p = apg_graph_find(g, name);
    if (!p)
        fail_msg("no param %s", name);
    return p;
}

/* What the generator named OWN puts out: parts in this order, those that the model has, one after another in
 * the fixture; each is a map of its own in ours. Theirs are (out, in), ours (in, out). */
static struct place generated_place(
    const struct apg_graph *g, const char *own, const char *sort, size_t out, size_t in)
{
    static const char *const part[] = {"b", "W", "USV", "U", "S", "V"};
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        char name[160];
        (void)snprintf(name, sizeof name, "%s.%s.%s", own, part[i], sort);
        const struct apg_param *p = apg_graph_find(g, name);
        if (p && out < p->cols)
            return (struct place){p, in * p->cols + out};
        out -= p ? p->cols : 0;
    }
    fail_msg("%s.%s: no param for output %zu", own, sort, out);
    return (struct place){0};
}

/* LAYER's weight NAME of T's shape. LAST: which mlp.LAST. of a generator is its last map. */
static struct place place_of(const struct apg_graph *g, const char *layer, const char *name, int last,
    const struct tensor *t, size_t j)
{
    char own[96];
    const char *mlp = strstr(name, "mlp.");
    if (strcmp(name, "att.bias") == 0)
        return (struct place){0};
    if (strcmp(name, "att.weight") == 0)
        return (struct place){param_of(g, "%s.attention.weight", layer), j};
    if (!mlp)
        return (struct place){param_of(g, "%s.%s", layer, name), j};
    bool weight = strcmp(strrchr(name, '.'), ".weight") == 0;
    size_t out = weight ? j / t->cols : j, in = weight ? j % t->cols : 0;
    if (strncmp(name, "hypernets.", 10) == 0)
        (void)snprintf(own, sizeof own, "%s.%.*s", layer, (int)(mlp - 1 - (name + 10)), name + 10);
    else
        (void)snprintf(own, sizeof own, "%s", layer);
    if (atoi(mlp + 4) == last)
        return generated_place(g, own, weight ? "weight" : "bias", out, in);
    const struct apg_param *p =
        param_of(g, "%s.generator.%d.%s", own, atoi(mlp + 4) / 2, weight ? "weight" : "bias");
    return (struct place){p, in * p->cols + out};
}

/* Of the generators of LAYER ("" or "apg.0."): the number of the last map, and the widths before it. */
static int generator_of(const struct fixture *f, const char *layer, struct apg_arch *a)
{
    int last = 0;
    const char *many = find(f, "%shypernets.0.mlp.0.weight", layer) ? "s.0" : "";
    for (; find(f, "%shypernet%s.mlp.%d.weight", layer, many, last + 2); last += 2)
        a->generator[a->n_generator++] = find(f, "%shypernet%s.mlp.%d.weight", layer, many, last)->rows;
    return last;
}

/* The words of the format for what we call so. */
static void read_arch(const struct fixture *f, struct apg_arch *a)
{
    static const char *const aggregate[] = {
        "input-concat", "input-mean", "input-att", "output-mean", "output-sum", "output-att"};
    a->layer = apg_layer_find("apg");
    assert_int_equal(f->variant[0], 'v');
    a->form = (enum apg_form)(f->variant[1] - '1');
    assert_true(a->form <= APG_FORM_OVERPARAM);
    assert_true((a->bias = (enum apg_bias)apg_names_find(APG_BIASES, f->bias)) <= APG_BIAS_NONE);
    a->mode = strcmp(f->mode, "self") == 0    ? APG_CONDITION_SELF
              : strcmp(f->mode, "group") == 0 ? APG_CONDITION_GROUP
                                              : APG_CONDITION_MIX;
    for (int i = 0; a->mode == APG_CONDITION_MIX && strcmp(f->mode + 4, aggregate[i]) != 0;)
        assert_true((a->aggregate = (enum apg_aggregate)++ i) <= APG_AGGREGATE_OUTPUT_ATTENTION);
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
    struct apg_arch a = {0};
    read_arch(&f, &a);
    bool self = a.mode == APG_CONDITION_SELF, v5 = a.form == APG_FORM_OVERPARAM;
    int last = generator_of(&f, "", &a);
    const struct tensor *z = self ? x : get(&f, "z");
    int at_x = apg_graph_value(&g, x->cols), at_z = self ? at_x : apg_graph_value(&g, z->cols);
    a.n_condition = a.mode == APG_CONDITION_MIX ? (size_t)strtoul(f.conditions, NULL, 10) : !self;
    a.E = self ? 0 : z->cols / a.n_condition;
    for (size_t i = 0; i < a.n_condition; i++)
        a.condition[i] = i;
    a.hidden[0] = y->cols;
    a.K[0] = (size_t)strtoul(f.K, NULL, 10);
    a.P[0] = v5 ? get(&f, "U_r")->rows : 0;
    struct apg_tower tower = {.g = &g,
        .arch = &a,
        .x = at_z,
        .source = -1,
        .group = -1,
        .one = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}};
    g.logit = apg_layer_apg(&tower, at_x, 0, "layer");
    assert_int_equal(apg_graph_finish(&g, x->rows, true, NULL), APG_OK);
    assert_int_equal(apg_pool_new(&pool, 1, NULL), APG_OK);

    size_t numbers = 0;
    for (size_t i = 0; i < f.n; i++) {
        const struct tensor *t = &f.tensor[i];
        for (size_t j = 0; strcmp(t->kind, "weight") == 0 && j < t->n; j++) {
            struct place p = place_of(&g, "layer", t->name, last, t, j);
            if (p.param)
                p.param->w[p.at] = t->v[j], numbers++;
        }
    }
    size_t our_numbers = 0;
    for (size_t i = 0; i < g.n_params; i++)
        our_numbers += g.param[i].derived ? 0 : g.param[i].rows * g.param[i].cols;
    assert_int_equal(numbers, our_numbers);

    struct apg_slot *s = &g.slot[0];
    s->rows = x->rows;
    memcpy(s->x[at_x], x->v, x->n * sizeof *x->v);
    memcpy(s->x[at_z], z->v, z->n * sizeof *z->v);
    apg_graph_prepare(&g);
    apg_graph_forward(&g, s);
    all_same(y, s->x[g.logit]);
    struct given given = {&g, get(&f, "dy")};
    assert_int_equal(apg_graph_train(&g, pool, give, &given, NULL),
        APG_OK); /* the other slots have no rows, and gradients of 0 */
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
        for (size_t j = 0; j < t->n; j++) {
            struct place p = place_of(&g, "layer", t->name + 5, last, t, j);
            same(t->name, j, p.param ? s->grad[p.param->at + p.at] : 0, t->v[j]);
        }
    }
    apg_pool_free(pool);
    apg_graph_release(&g);
    fixture_release(&f);
}

/* ---- DeepFM ---- */

/* The fields of a DeepFM, "user:5,item:6,price:numeric". A number's vector is row 1 of its field. */
enum { FIELDS_MAX = 16, ROWS_MAX = 64 };
struct fields {
    size_t n;
    char name[FIELDS_MAX][32];
    struct apg_field field[FIELDS_MAX];
    struct apg_schema schema;
};

static void read_fields(const struct fixture *f, struct fields *to)
{
    *to = (struct fields){0};
    for (const char *at = f->fields; *at; at += strcspn(at, ","), at += *at == ',') {
        char sort[32];
        assert_true(to->n < FIELDS_MAX);
        assert_int_equal(sscanf(at, "%31[^:]:%31[^,]", to->name[to->n], sort), 2);
        struct apg_field *field = &to->field[to->n++];
        bool numeric = strcmp(sort, "numeric") == 0;
        *field = (struct apg_field){.kind = numeric ? APG_NUMERIC : APG_CATEGORICAL,
            .rows = numeric ? 2 : (uint32_t)strtoul(sort, NULL, 10),
            .first = (uint32_t)to->schema.rows};
        to->schema.rows += field->rows;
    }
    to->schema.n_fields = to->n, to->schema.field = to->field;
}

static size_t field_of(const struct fields *fields, const char *name, size_t n)
{
    for (size_t i = 0; i < fields->n; i++)
        if (strlen(fields->name[i]) == n && memcmp(fields->name[i], name, n) == 0)
            return i;
    fail_msg("no field %.*s", (int)n, name);
    return 0;
}

static struct place deepfm_place(const struct apg_graph *g, const struct fields *fields, const char *name,
    int last, const struct tensor *t, size_t j)
{
    if (strncmp(name, "apg.", 4) == 0) {
        char layer[64];
        const char *rest = strchr(name + 4, '.');
        (void)snprintf(layer, sizeof layer, "hidden.%.*s", (int)(rest - name - 4), name + 4);
        return place_of(g, layer, rest + 1, last, t, j);
    }
    if (strcmp(name, "out_weight") == 0)
        return (struct place){param_of(g, "out.weight"), j};
    if (strcmp(name, "out_bias") == 0 || strcmp(name, "lr_bias") == 0)
        return (struct place){param_of(g, "out.bias"), j};
    bool linear = strncmp(name, "lr_", 3) == 0;
    const struct apg_param *p = param_of(g, linear ? "linear" : "embedding");
    const char *column = strchr(name, '_') + 1;
    const struct apg_field *field = &fields->field[field_of(fields, column, strlen(column))];
    return (struct place){p, (field->first + (field->kind == APG_NUMERIC)) * p->cols + j};
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
    struct fields fields;
    struct apg_arch arch = {0};
    struct apg_model *m = NULL;
    struct apg_optim *o = NULL;
    struct apg_pool *pool = NULL;
    uint32_t words[ROWS_MAX][1 + FIELDS_MAX];
    const uint32_t *row[ROWS_MAX];
    double logit[ROWS_MAX];
    char name[64];

    fixture_read(&f, *state);
    read_fields(&f, &fields);
    size_t rows = get(&f, "label")->n;
    assert_true(rows <= ROWS_MAX);
    for (size_t i = 0; i < rows; i++) {
        words[i][0] = apg_float_word((float)get(&f, "label")->v[i]);
        for (size_t k = 0; k < fields.n; k++) {
            double v = get(&f, fields.name[k])->v[i];
            words[i][1 + k] = fields.field[k].kind == APG_NUMERIC ? apg_float_word((float)v) : (uint32_t)v;
        }
        row[i] = words[i];
    }
    while (strcmp(apg_backbones[arch.backbone].name, "deepfm") != 0)
        arch.backbone++;
    read_arch(&f, &arch);
    int last = generator_of(&f, "apg.0.", &arch);
    for (const char *at = f.condition_fields; arch.mode != APG_CONDITION_SELF && *at;
         at += strcspn(at, ","), at += *at == ',')
        arch.condition[arch.n_condition++] = field_of(&fields, at, strcspn(at, ","));
    for (char *at = f.hidden; *at; at += *at == ',', arch.n_hidden++) {
        size_t l = arch.n_hidden;
        arch.hidden[l] = strtoul(at, &at, 10);
        arch.K[l] = (size_t)strtoul(f.K, NULL, 10);
        (void)snprintf(name, sizeof name, "apg.%zu.U_r", l);
        arch.P[l] = arch.form == APG_FORM_OVERPARAM ? get(&f, name)->rows : 0;
    }
    (void)snprintf(name, sizeof name, "emb_%s", fields.name[0]);
    arch.E = get(&f, name)->cols;
    assert_int_equal(apg_pool_new(&pool, 1, NULL), APG_OK);
    assert_int_equal(
        apg_model_new(&m, &fields.schema, &arch, APG_SLOTS * APG_SLOT_ROWS_MIN, true, NULL), APG_OK);
    assert_int_equal(apg_optim_new(&o, m, false, NULL), APG_OK);
    struct apg_graph *g = &m->graph;
    for (size_t i = 0; i < f.n; i++) {
        const struct tensor *t = &f.tensor[i];
        for (size_t j = 0; strcmp(t->kind, "weight") == 0 && j < t->n; j++) {
            struct place p = deepfm_place(g, &fields, t->name, last, t, j);
            if (p.param)
                p.param->w[p.at] += t->v[j]; /* added: the two biases */
        }
    }
    apg_graph_prepare(g);
    assert_int_equal(apg_model_logits(m, row, rows, pool, logit, NULL), APG_OK);
    all_same(get(&f, "logit"), logit);

    const struct apg_optim_options options = {.lr = 0.01, .embedding_lr = 0.01};
    apg_real *bias = apg_graph_find(g, "out.bias")->w;
    for (unsigned step = 1; step <= 3; step++) {
        double loss, before = *bias;
        assert_int_equal(apg_optim_step(o, &options, row, rows, step, pool, &loss, NULL), APG_OK);
        *bias += *bias - before;
        (void)snprintf(name, sizeof name, "adam%u.loss_before", step);
        same(name, 0, loss / (double)rows, get(&f, name)->v[0]);
        for (size_t i = 0; i < f.n; i++) {
            const struct tensor *t = &f.tensor[i];
            bool grad = step == 1 && strcmp(t->kind, "grad") == 0;
            size_t prefix = grad ? strlen("grad.") : strlen("adamS.");
            (void)snprintf(name, sizeof name, "adam%u.", step);
            if (!grad && (strncmp(t->name, name, prefix) != 0 || strstr(t->name, "loss_before")))
                continue;
            for (size_t j = 0; j < t->n; j++) {
                struct place p = deepfm_place(g, &fields, t->name + prefix, last, t, j);
                double theirs = t->v[j];
                if (!p.param) { /* no gradient, so it stays what it was */
                    same(t->name, j, grad ? 0 : get(&f, t->name + prefix)->v[j], theirs);
                    continue;
                }
                if (grad && p.param->table)
                    continue; /* not kept after a step */
                if (!grad && is_bias(t->name + prefix)) {
                    (void)snprintf(name, sizeof name, "adam%u.lr_bias", step);
                    theirs = get(&f, name)->v[0];
                    (void)snprintf(name, sizeof name, "adam%u.out_bias", step);
                    theirs += get(&f, name)->v[0];
                }
                same(t->name, j, grad ? g->slot[0].grad[p.param->at + p.at] : p.param->w[p.at], theirs);
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
    enum { MAX = 4096 };
    static const struct {
        const char *pattern;
        CMUnitTestFunction test;
    } sorts[] = {{"layer-*.txt", test_layer}, {"deepfm-*.txt", test_deepfm}};
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
