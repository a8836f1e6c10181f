/* SPDX-License-Identifier: MIT */
#include "model/complexity.h"
#include <string.h>

static const struct {
    const char *version, *name;
} forms[APG_COMPLEXITY_FORMS] = {
    [APG_COMPLEXITY_DENSE] = {"", "dense"},
    [APG_COMPLEXITY_FULL] = {"v1", "full"},
    [APG_COMPLEXITY_LOWRANK] = {"v2", "lowrank"},
    [APG_COMPLEXITY_DECOMPOSED] = {"v3", "decomposed"},
    [APG_COMPLEXITY_SHARED] = {"v4", "shared"},
    [APG_COMPLEXITY_OVERPARAM] = {"v5", "overparam"},
    [APG_COMPLEXITY_COLLAPSED] = {"v5", "collapsed"},
    [APG_COMPLEXITY_RESIDUAL] = {"", "residual"},
    [APG_COMPLEXITY_STAR] = {"", "star"},
    [APG_COMPLEXITY_PPNET] = {"", "ppnet"},
};

const char *apg_complexity_version(enum apg_complexity_form form)
{
    return forms[form].version;
}

const char *apg_complexity_name(enum apg_complexity_form form)
{
    return forms[form].name;
}

static enum apg_status check(const struct apg_complexity_shape *s, struct apg_error *err)
{
    const struct {
        const char *name;
        size_t value, max;
    } of[] = {
        {"N", s->n, APG_COMPLEXITY_WIDTH_MAX},
        {"M", s->m, APG_COMPLEXITY_WIDTH_MAX},
        {"D", s->d, APG_COMPLEXITY_WIDTH_MAX},
        {"K", s->k, APG_COMPLEXITY_WIDTH_MAX},
        {"P", s->p, APG_COMPLEXITY_WIDTH_MAX},
        {"X", s->x, APG_COMPLEXITY_WIDTH_MAX},
        {"H", s->h, APG_COMPLEXITY_WIDTH_MAX},
        {"domains", s->domains, APG_COMPLEXITY_DOMAINS_MAX},
        {"batch", s->batch, SIZE_MAX},
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        if (of[i].value < 1 || of[i].value > of[i].max)
            return apg_fail(
                err, APG_ERANGE, "%s is from 1 to %zu, not %zu", of[i].name, of[i].max, of[i].value);
    return APG_OK;
}

static void add(struct apg_cost *to, const struct apg_cost *c)
{
    to->generate += c->generate;
    to->forward += c->forward;
    to->batch += c->batch;
    to->numbers += c->numbers;
    to->biases += c->biases;
    to->tables += c->tables;
    to->generated += c->generated;
}

enum apg_status apg_complexity_add(struct apg_cost *cost, enum apg_complexity_form form,
    const struct apg_complexity_shape *shape, struct apg_error *err)
{
    enum apg_status status = check(shape, err);
    if (status)
        return status;
    const uint64_t n = shape->n, m = shape->m, d = shape->d, k = shape->k, p = shape->p;
    const uint64_t x = shape->x, h = shape->h, domains = shape->domains, batch = shape->batch;
    const uint64_t s = k * k, u_v = n * k + k * m; /* numbers of S, of U and V */
    struct apg_cost c = {0};
    switch (form) {
    case APG_COMPLEXITY_DENSE:
        c.forward = n * m;
        c.numbers = n * m;
        break;
    case APG_COMPLEXITY_FULL:
        c.generated = n * m;
        c.generate = n * m * d;
        c.forward = n * m;
        c.numbers = n * m * d;
        break;
    case APG_COMPLEXITY_LOWRANK:
        c.generated = u_v + s;
        c.generate = (u_v + s) * d + n * k * k + n * k * m;
        c.forward = n * m;
        c.numbers = (u_v + s) * d;
        break;
    case APG_COMPLEXITY_DECOMPOSED:
        c.generated = u_v + s;
        c.generate = (u_v + s) * d;
        c.forward = u_v + s;
        c.numbers = (u_v + s) * d;
        break;
    case APG_COMPLEXITY_SHARED:
    case APG_COMPLEXITY_COLLAPSED:
        c.generated = s;
        c.generate = s * d;
        c.forward = u_v + s;
        c.numbers = s * d + u_v;
        break;
    case APG_COMPLEXITY_OVERPARAM:
        c.generated = s;
        c.generate = s * d;
        c.forward = u_v + s;
        c.batch = n * p * k + k * p * m;
        c.numbers = s * d + n * p + p * k + k * p + p * m;
        break;
    case APG_COMPLEXITY_RESIDUAL:
        c.generated = s;
        c.generate = s * d;
        c.forward = n * m + u_v + s;
        c.numbers = s * d + n * m + u_v;
        break;
    case APG_COMPLEXITY_STAR:
        c.forward = n * m;
        c.batch = n * m * (batch < domains ? batch : domains);
        c.numbers = n * m * (1 + domains);
        break;
    case APG_COMPLEXITY_PPNET:
        c.generated = n;
        c.generate = (d + x) * h + h * n;
        c.forward = n * m;
        c.numbers = n * m + (d + x) * h + h * n;
        break;
    case APG_COMPLEXITY_FORMS:
        break;
    }
    add(cost, &c);
    return APG_OK;
}

/* Whether all that is made of op O's value is a condition. */
static bool is_generator(const struct apg_graph *g, size_t o)
{
    bool read = false;
    for (size_t r = o + 1; r < g->n_ops; r++)
        for (int i = 0; i < g->op[r].n_in; i++)
            if (g->op[r].in[i] == g->op[o].out) {
                if (i != g->op[r].condition && !is_generator(g, r))
                    return false;
                read = true;
            }
    return read;
}

struct apg_cost apg_complexity_op(const struct apg_graph *g, size_t o)
{
    struct apg_cost c = {0};
    if (g->op[o].type->cost)
        g->op[o].type->cost(g, &g->op[o], &c);
    if (c.forward && is_generator(g, o)) {
        c.generate += c.forward;
        c.forward = 0;
    }
    return c;
}

struct apg_cost apg_complexity_graph(const struct apg_graph *g)
{
    struct apg_cost sum = {0};
    for (size_t o = 0; o < g->n_ops; o++) {
        struct apg_cost c = apg_complexity_op(g, o);
        add(&sum, &c);
    }
    return sum;
}

enum apg_status apg_complexity_arch(
    struct apg_cost *cost, const struct apg_arch *arch, const struct apg_graph *of, struct apg_error *err)
{
    struct apg_graph g = {0};
    for (size_t f = 0; f < of->F; f++)
        apg_graph_field(&g, of->field[f].rows);
    apg_backbone_build(&g, arch);
    enum apg_status status = g.failed ? apg_fail_memory(err) : APG_OK;
    if (!status)
        *cost = apg_complexity_graph(&g);
    apg_graph_release(&g);
    return status;
}

/* What the hidden layers of a form are called: a row of apg_layers, and its form. */
static const struct {
    const char *layer;
    enum apg_form form;
} as[APG_COMPLEXITY_FORMS] = {
    [APG_COMPLEXITY_DENSE] = {"dense", 0},
    [APG_COMPLEXITY_FULL] = {"apg", APG_FORM_FULL},
    [APG_COMPLEXITY_LOWRANK] = {"apg", APG_FORM_LOWRANK},
    [APG_COMPLEXITY_DECOMPOSED] = {"apg", APG_FORM_DECOMPOSED},
    [APG_COMPLEXITY_SHARED] = {"apg", APG_FORM_SHARED},
    [APG_COMPLEXITY_OVERPARAM] = {"apg", APG_FORM_OVERPARAM},
    [APG_COMPLEXITY_COLLAPSED] = {"apg", APG_FORM_SHARED},
    [APG_COMPLEXITY_RESIDUAL] = {"apg", APG_FORM_RESIDUAL},
    [APG_COMPLEXITY_STAR] = {"star", 0},
    [APG_COMPLEXITY_PPNET] = {"ppnet", 0},
};

bool apg_complexity_as(struct apg_arch *arch, enum apg_complexity_form form)
{
    bool factors = false;
    for (size_t l = 0; l < arch->n_hidden; l++)
        factors = factors || arch->P[l];
    if (form == APG_COMPLEXITY_OVERPARAM && !factors)
        return false;
    arch->layer = apg_layer_find(as[form].layer);
    arch->form = as[form].form;
    if (form != APG_COMPLEXITY_OVERPARAM)
        memset(arch->P, 0, sizeof arch->P);
    return true;
}

double apg_complexity_total(const struct apg_cost *cost, size_t batch)
{
    return (double)cost->generate + (double)cost->forward + (double)cost->batch / (double)batch;
}
