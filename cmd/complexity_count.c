/* SPDX-License-Identifier: MIT */
#include "complexity_count.h"
#include <string.h>

const struct paper costs_paper[N_PAPER] = {
    {APG_COMPLEXITY_DENSE, 12.91, 13.04},
    {APG_COMPLEXITY_FULL, 419.11, 1462.78},
    {APG_COMPLEXITY_DECOMPOSED, 3.22, 11.23},
    {APG_COMPLEXITY_SHARED, 0.44, 7.99},
};
const struct paper_movielens costs_movielens[N_MOVIELENS] = {{"STAR", 3784}, {"MMoE", 123}, {"APG", 0.24}};
const char *const costs_width[N_WIDTHS] = {"N", "M", "D", "K", "P"};

/* Numbers of MMoE (Ma et al., KDD 2018): y_k = h_k(f_k(x)), f_k(x) = sum_i softmax(x W_k)_i f_i(x). Each of
 * the experts f_i is the MLP; each domain k has a gate W_k (N, experts) and a tower h_k of one unit. */
uint64_t costs_mmoe(const struct costs *c, size_t domains)
{
    return c->experts * c->cost[APG_COMPLEXITY_DENSE].numbers +
           (uint64_t)domains * (c->mlp.item[0] * c->experts + c->mlp.item[c->mlp.n - 1]);
}

/* A table of weights for each domain beside one for all. */
uint64_t costs_star(const struct costs *c, size_t domains)
{
    return c->cost[APG_COMPLEXITY_DENSE].numbers * (1 + (uint64_t)domains);
}

/* Multiply-adds of a prediction of ROWS instances; a training step takes three times as many: backwards, a
 * product has two of its size. */
static double multiply_adds(const struct costs *c, int form, size_t rows)
{
    return apg_complexity_total(&c->cost[form], rows) * (double)rows;
}

struct figures costs_figures(const struct costs *c, int form)
{
    const struct apg_measured *m = &c->measure.form[form];
    const double macs = multiply_adds(c, form, m->rows), peak = c->measure.peak;
    const bool trained = form != APG_COMPLEXITY_COLLAPSED;
    return (struct figures){macs, trained ? m->step : 0, m->predict,
        trained ? 3 * macs / m->step_least / peak : 0, macs / m->predict_least / peak};
}

static enum apg_status count_formulas(struct costs *c, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (int f = 0; f < APG_COMPLEXITY_FORMS; f++)
        for (size_t l = 0; !status && l + 1 < c->mlp.n; l++) {
            c->shape.x = c->mlp.item[0];
            c->shape.n = c->mlp.item[l];
            c->shape.m = c->mlp.item[l + 1];
            status = apg_complexity_add(&c->cost[f], (enum apg_complexity_form)f, &c->shape, err);
        }
    return status;
}

/* What the model is. */
static enum apg_complexity_form form_of(const struct apg_model *m)
{
    static const enum apg_complexity_form of[] = {
        [APG_FORM_FULL] = APG_COMPLEXITY_FULL,
        [APG_FORM_LOWRANK] = APG_COMPLEXITY_LOWRANK,
        [APG_FORM_DECOMPOSED] = APG_COMPLEXITY_DECOMPOSED,
        [APG_FORM_SHARED] = APG_COMPLEXITY_SHARED,
        [APG_FORM_OVERPARAM] = APG_COMPLEXITY_OVERPARAM,
        [APG_FORM_RESIDUAL] = APG_COMPLEXITY_RESIDUAL,
    };
    const char *layer = apg_layers[m->arch.layer].name;
    return strcmp(layer, "star") == 0                             ? APG_COMPLEXITY_STAR
           : strcmp(layer, "ppnet") == 0                          ? APG_COMPLEXITY_PPNET
           : strcmp(layer, "apg") != 0                            ? APG_COMPLEXITY_DENSE
           : m->arch.collapsed && m->arch.form == APG_FORM_SHARED ? APG_COMPLEXITY_COLLAPSED
                                                                  : of[m->arch.form];
}

/* The model as it is, and the same with hidden layers of all other forms that its description allows. */
static enum apg_status count_model(struct costs *c, struct apg_error *err)
{
    const struct apg_model *m = c->model;
    enum apg_status status = APG_OK;
    c->form = form_of(m);
    const bool generated = strcmp(apg_layers[m->arch.layer].name, "apg") == 0;
    for (int f = 0; !status && f < APG_COMPLEXITY_FORMS; f++) {
        struct apg_arch arch = m->arch;
        bool had =
            f == APG_COMPLEXITY_DENSE || f == (int)c->form || (generated && f <= APG_COMPLEXITY_RESIDUAL);
        if (f == APG_COMPLEXITY_COLLAPSED && c->form != APG_COMPLEXITY_COLLAPSED)
            had = had && arch.form == APG_FORM_OVERPARAM;
        if (had && apg_complexity_as(&arch, (enum apg_complexity_form)f))
            status = apg_complexity_arch(&c->cost[f], &arch, &m->graph, err);
    }
    c->cost[c->form] = apg_complexity_graph(&m->graph);
    return status;
}

enum apg_status costs_count(struct costs *c, struct apg_error *err)
{
    return c->model ? count_model(c, err) : count_formulas(c, err);
}

struct row costs_op(const struct apg_graph *g, size_t o)
{
    const struct apg_op *op = &g->op[o];
    const struct apg_widths w = apg_graph_widths(g, op);
    struct row r = {
        .op = op->type->name, .width = {w.N, w.M, w.D, w.K, w.P}, .cost = apg_complexity_op(g, o)};
    if (op->param[0] >= 0) {
        memcpy(r.layer, g->param[op->param[0]].name, sizeof r.layer);
        char *dot = strrchr(r.layer, '.');
        if (dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".scale") == 0))
            *dot = 0;
    }
    return r;
}

struct row costs_total(const struct costs *c, enum apg_complexity_form form)
{
    return (struct row){.layer = "total", .op = apg_complexity_name(form), .cost = c->cost[form]};
}

enum apg_status costs_measure(struct costs *c, struct apg_error *err)
{
    struct apg_pool *pool = NULL;
    enum apg_status status = apg_pool_new(&pool, (unsigned)c->threads, err);
    for (int f = 0; f < APG_COMPLEXITY_FORMS; f++)
        c->options.form[f] = c->cost[f].forward > 0;
    if (!status)
        c->threads = apg_pool_threads(pool);
    if (!status && c->model)
        status = apg_measure_model(&c->measure, c->model, c->shape.batch, &c->options, pool, err);
    else if (!status)
        status = apg_measure_mlp(&c->measure, c->mlp.item, c->mlp.n, &c->shape, &c->options, pool, err);
    apg_pool_free(pool);
    return status;
}
