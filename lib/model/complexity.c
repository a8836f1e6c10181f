/* SPDX-License-Identifier: MIT */
#include "model/complexity.h"
#include <string.h>
#include "base/setting.h"
#include "model/layer.h"

/* LAYER: the name of the row of apg_layers that has the form. */
static const struct {
    const char *version, *name, *layer;
} forms[APG_FORM_COUNT] = {
    [APG_FORM_FULL] = {"v1", "full", "apg"},
    [APG_FORM_LOWRANK] = {"v2", "lowrank", "apg"},
    [APG_FORM_DECOMPOSED] = {"v3", "decomposed", "apg"},
    [APG_FORM_SHARED] = {"v4", "shared", "apg"},
    [APG_FORM_OVERPARAM] = {"v5", "overparam", "apg"},
    [APG_FORM_RESIDUAL] = {"", "residual", "apg"},
    [APG_FORM_DENSE] = {"", "dense", "dense"},
    [APG_FORM_COLLAPSED] = {"v5", "collapsed", "apg"},
    [APG_FORM_STAR] = {"", "star", "star"},
    [APG_FORM_PPNET] = {"", "ppnet", "ppnet"},
};

const enum apg_form apg_complexity_order[APG_FORM_COUNT] = {APG_FORM_DENSE, APG_FORM_FULL, APG_FORM_LOWRANK,
    APG_FORM_DECOMPOSED, APG_FORM_SHARED, APG_FORM_OVERPARAM, APG_FORM_COLLAPSED, APG_FORM_RESIDUAL,
    APG_FORM_STAR, APG_FORM_PPNET};

const char *apg_form_version(enum apg_form form)
{
    return forms[form].version;
}

const char *apg_form_name(enum apg_form form)
{
    return forms[form].name;
}

static enum apg_status check(const struct apg_layer_shape *s, struct apg_error *err)
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

enum apg_status apg_layer_cost(
    struct apg_cost *cost, enum apg_form form, const struct apg_layer_shape *shape, struct apg_error *err)
{
    enum apg_status status = check(shape, err);
    if (status)
        return status;
    const uint64_t n = shape->n, m = shape->m, d = shape->d, k = shape->k, p = shape->p;
    const uint64_t x = shape->x, h = shape->h, domains = shape->domains, batch = shape->batch;
    const uint64_t s = k * k, u_v = n * k + k * m; /* numbers of S, of U and V */
    struct apg_cost c = {0};
    switch (form) {
    case APG_FORM_DENSE:
        c.forward = n * m;
        c.numbers = n * m;
        break;
    case APG_FORM_FULL:
        c.generated = n * m;
        c.generate = n * m * d;
        c.forward = n * m;
        c.numbers = n * m * d;
        break;
    case APG_FORM_LOWRANK:
        c.generated = u_v + s;
        c.generate = (u_v + s) * d + n * k * k + n * k * m;
        c.forward = n * m;
        c.numbers = (u_v + s) * d;
        break;
    case APG_FORM_DECOMPOSED:
        c.generated = u_v + s;
        c.generate = (u_v + s) * d;
        c.forward = u_v + s;
        c.numbers = (u_v + s) * d;
        break;
    case APG_FORM_SHARED:
    case APG_FORM_COLLAPSED:
        c.generated = s;
        c.generate = s * d;
        c.forward = u_v + s;
        c.numbers = s * d + u_v;
        break;
    case APG_FORM_OVERPARAM:
        c.generated = s;
        c.generate = s * d;
        c.forward = u_v + s;
        c.batch = n * p * k + k * p * m;
        c.numbers = s * d + n * p + p * k + k * p + p * m;
        break;
    case APG_FORM_RESIDUAL:
        c.generated = s;
        c.generate = s * d;
        c.forward = n * m + u_v + s;
        c.numbers = s * d + n * m + u_v;
        break;
    case APG_FORM_STAR:
        c.forward = n * m;
        c.batch = n * m * (batch < domains ? batch : domains);
        c.numbers = n * m * (1 + domains);
        break;
    case APG_FORM_PPNET:
        c.generated = n;
        c.generate = (d + x) * h + h * n;
        c.forward = n * m;
        c.numbers = n * m + (d + x) * h + h * n;
        break;
    case APG_FORM_COUNT:
        break;
    }
    add(cost, &c);
    return APG_OK;
}

double apg_cost_per_instance(const struct apg_cost *cost, size_t batch)
{
    return (double)cost->generate + (double)cost->forward + (double)cost->batch / (double)batch;
}

/* Is op O part of a generator: is its value read, directly or through other ops, only as a condition? */
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

void apg_complexity_row(const struct apg_graph *g, size_t o, struct apg_op_cost *row)
{
    const struct apg_op *op = &g->op[o];
    const struct apg_widths w = apg_graph_widths(g, op);
    *row = (struct apg_op_cost){.op = op->type->name,
        .N = w.N,
        .M = w.M,
        .D = w.D,
        .K = w.K,
        .P = w.P,
        .cost = apg_complexity_op(g, o)};
    if (op->param[0] >= 0) {
        memcpy(row->layer, g->param[op->param[0]].name, sizeof row->layer);
        char *dot = strrchr(row->layer, '.');
        if (dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".scale") == 0))
            *dot = 0;
    }
}

/* ---- a model by the form of its hidden layers ---- */

enum apg_form apg_complexity_form(const struct apg_arch *arch)
{
    const char *layer = apg_layers[arch->layer].name;
    if (apg_layers[arch->layer].generated)
        return arch->collapsed && arch->form == APG_FORM_SHARED ? APG_FORM_COLLAPSED : arch->form;
    int form = APG_FORM_DENSE;
    while (strcmp(forms[form].layer, layer) != 0)
        form++;
    return (enum apg_form)form;
}

bool apg_complexity_as(struct apg_arch *arch, enum apg_form form)
{
    bool factors = false;
    for (size_t l = 0; l < arch->n_hidden; l++)
        factors = factors || arch->P[l];
    if (form == APG_FORM_OVERPARAM && !factors)
        return false;
    arch->layer = apg_layer_find(forms[form].layer);
    arch->form = form == APG_FORM_COLLAPSED  ? APG_FORM_SHARED
                 : form <= APG_FORM_RESIDUAL ? form
                                             : APG_FORM_FULL;
    if (form != APG_FORM_OVERPARAM)
        memset(arch->P, 0, sizeof arch->P);
    return true;
}

enum apg_status apg_complexity_if(struct apg_cost *cost, const struct apg_arch *arch,
    const struct apg_graph *g, enum apg_form form, struct apg_error *err)
{
    const enum apg_form is = apg_complexity_form(arch);
    struct apg_arch as = *arch;
    *cost = (struct apg_cost){0};
    if (form == is) {
        *cost = apg_complexity_graph(g);
        return APG_OK;
    }
    const bool generated = apg_layers[arch->layer].generated;
    bool had =
        form == APG_FORM_DENSE || (generated && apg_layers[apg_layer_find(forms[form].layer)].generated);
    if (form == APG_FORM_COLLAPSED)
        had = had && is == APG_FORM_OVERPARAM;
    return had && apg_complexity_as(&as, form) ? apg_complexity_arch(cost, &as, g, err) : APG_OK;
}
