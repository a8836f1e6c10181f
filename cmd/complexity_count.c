/* SPDX-License-Identifier: MIT */
#include "complexity_count.h"
#include <string.h>

const struct complexity_paper complexity_paper[COMPLEXITY_PAPER_ROWS] = {
    {APG_FORM_DENSE, 12.91, 13.04},
    {APG_FORM_FULL, 419.11, 1462.78},
    {APG_FORM_DECOMPOSED, 3.22, 11.23},
    {APG_FORM_SHARED, 0.44, 7.99},
};
const struct complexity_movielens complexity_movielens[COMPLEXITY_MOVIELENS_ROWS] = {
    {"STAR", 3784}, {"MMoE", 123}, {"APG", 0.24}};

/* Numbers of MMoE (Ma et al., KDD 2018): y_k = h_k(f_k(x)), f_k(x) = sum_i softmax(x W_k)_i f_i(x). Each of
 * the experts f_i is the MLP; each domain k has a gate W_k (N, experts) and a tower h_k of one unit. */
uint64_t complexity_mmoe(const struct complexity *c, size_t domains)
{
    return c->experts * c->cost[APG_FORM_DENSE].numbers +
           (uint64_t)domains * (c->mlp.item[0] * c->experts + c->mlp.item[c->mlp.n - 1]);
}

/* STAR keeps the weights of each domain beside those of all. */
uint64_t complexity_star(const struct complexity *c, size_t domains)
{
    return c->cost[APG_FORM_DENSE].numbers * (1 + (uint64_t)domains);
}

/* Multiply-adds that predict ROWS instances. A training step takes three times as many, because the
 * backward pass has two products of the size of each forward one. */
static double multiply_adds(const struct complexity *c, int form, size_t rows)
{
    return apg_cost_per_instance(&c->cost[form], rows) * (double)rows;
}

struct complexity_figures complexity_figures(const struct complexity *c, int form)
{
    const struct apg_measured *m = &c->measure.form[form];
    const double macs = multiply_adds(c, form, m->rows), peak = c->measure.peak;
    const bool trained = form != APG_FORM_COLLAPSED;
    return (struct complexity_figures){macs, trained ? m->step : 0, m->predict,
        trained ? 3 * macs / m->step_least / peak : 0, macs / m->predict_least / peak};
}

static enum apg_status count_formulas(struct complexity *c, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (int f = 0; f < APG_FORM_COUNT; f++)
        for (size_t l = 0; !status && l + 1 < c->mlp.n; l++) {
            c->shape.x = c->mlp.item[0];
            c->shape.n = c->mlp.item[l];
            c->shape.m = c->mlp.item[l + 1];
            status = apg_layer_cost(&c->cost[f], (enum apg_form)f, &c->shape, err);
        }
    return status;
}

/* The model as it is, and the same with hidden layers of all other forms that its description allows. */
static enum apg_status count_model(struct complexity *c, struct apg_error *err)
{
    const struct apg_model *m = c->model;
    enum apg_status status = APG_OK;
    c->form = apg_complexity_form(&m->arch);
    for (int f = 0; !status && f < APG_FORM_COUNT; f++)
        status = apg_complexity_if(&c->cost[f], &m->arch, &m->graph, (enum apg_form)f, err);
    return status;
}

enum apg_status complexity_count(struct complexity *c, struct apg_error *err)
{
    return c->model ? count_model(c, err) : count_formulas(c, err);
}

enum apg_status complexity_measure(struct complexity *c, struct apg_error *err)
{
    struct apg_pool *pool = NULL;
    enum apg_status status = apg_pool_new(&pool, (unsigned)c->threads, err);
    for (int f = 0; f < APG_FORM_COUNT; f++)
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
