/* SPDX-License-Identifier: MIT
 *
 * apg complexity --json
 */
#include "complexity_count.h"
#include "common/report.h"

static json_t *json_paper(void)
{
    json_t *forms = json_object(), *methods = json_object();
    int bad = 0;
    for (size_t i = 0; i < COMPLEXITY_PAPER_ROWS; i++)
        bad |= json_object_set_new(forms, apg_form_name(complexity_paper[i].form),
            json_pack(
                "{s:f, s:f}", "mb", complexity_paper[i].mb, "epoch_seconds", complexity_paper[i].seconds));
    for (size_t i = 0; i < COMPLEXITY_MOVIELENS_ROWS; i++)
        bad |= json_object_set_new(
            methods, complexity_movielens[i].method, json_real(complexity_movielens[i].mb));
    return apg_json_whole(json_pack("{s:o, s:o}", "forms", forms, "movielens_mb", methods), bad);
}

static json_t *json_cost(const struct complexity *c, const struct apg_cost *k)
{
    json_t *j = json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}", "generation", (json_int_t)k->generate, "forward",
        (json_int_t)k->forward, "batch_generation", (json_int_t)k->batch, "per_instance",
        apg_cost_per_instance(k, c->shape.batch), "numbers", (json_int_t)k->numbers, "generated",
        (json_int_t)k->generated);
    int bad = 0;
    if (c->model)
        bad |= json_object_set_new(j, "biases", json_integer((json_int_t)k->biases)) |
               json_object_set_new(j, "tables", json_integer((json_int_t)k->tables));
    return apg_json_whole(j, bad);
}

static json_t *json_measured(const struct complexity *c, enum apg_form form)
{
    const struct apg_measured *m = &c->measure.form[form];
    const struct complexity_figures a = complexity_figures(c, (int)form);
    if (!m->rows)
        return json_null();
    json_t *step = a.step > 0
                       ? json_pack("{s:f, s:I, s:f, s:f}", "seconds", a.step, "bytes",
                             (json_int_t)m->step_bytes, "multiply_adds", 3 * a.macs, "of_peak", a.step_peak)
                       : json_null();
    return json_pack("{s:I, s:I, s:o, s:{s:f, s:I, s:f, s:f}}", "rows", (json_int_t)m->rows, "rounds",
        (json_int_t)m->rounds, "step", step, "prediction", "seconds", a.predict, "bytes",
        (json_int_t)m->predict_bytes, "multiply_adds", a.macs, "of_peak", a.predict_peak);
}

static json_t *json_domains(const struct complexity *c)
{
    json_t *rows = json_array();
    int bad = 0;
    for (size_t i = 0; i < c->domains.n; i++)
        bad |= json_array_append_new(
            rows, json_pack("{s:I, s:I, s:I, s:I}", "domains", (json_int_t)c->domains.item[i], "star",
                      (json_int_t)complexity_star(c, c->domains.item[i]), "mmoe",
                      (json_int_t)complexity_mmoe(c, c->domains.item[i]), "apg",
                      (json_int_t)c->cost[APG_FORM_SHARED].numbers));
    return apg_json_whole(rows, bad);
}

/* OF with the members of J, which it takes. */
static json_t *json_with(json_t *of, json_t *j)
{
    int bad = json_object_update(of, j);
    json_decref(j);
    return apg_json_whole(of, bad);
}

static json_t *json_width(size_t width)
{
    return width ? json_integer((json_int_t)width) : json_null();
}

static json_t *json_ops(const struct complexity *c)
{
    json_t *ops = json_array();
    int bad = 0;
    for (size_t o = 0; o < c->model->graph.n_ops; o++) {
        struct apg_op_cost r;
        apg_complexity_row(&c->model->graph, o, &r);
        json_t *j = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "layer", r.layer, "op", r.op, "N",
            json_width(r.N), "M", json_width(r.M), "D", json_width(r.D), "K", json_width(r.K), "P",
            json_width(r.P));
        bad |= json_array_append_new(ops, json_with(j, json_cost(c, &r.cost)));
    }
    return apg_json_whole(ops, bad);
}

static json_t *json_shape(const struct complexity *c)
{
    json_t *mlp = json_array();
    int bad = 0;
    for (size_t i = 0; i < c->mlp.n; i++)
        bad |= json_array_append_new(mlp, json_integer((json_int_t)c->mlp.item[i]));
    json_t *root = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "mlp", mlp, "condition_dim",
        (json_int_t)c->shape.d, "rank", (json_int_t)c->shape.k, "overparam", (json_int_t)c->shape.p,
        "gate_hidden", (json_int_t)c->shape.h, "domains", (json_int_t)c->shape.domains);
    if (c->paper)
        bad |= json_object_set_new(root, "paper", json_paper());
    if (c->compare)
        bad |= json_object_set_new(root, "experts", json_integer((json_int_t)c->experts)) |
               json_object_set_new(root, "kept", json_domains(c));
    return apg_json_whole(root, bad);
}

enum apg_status complexity_json(FILE *f, const struct complexity *c, struct apg_error *err)
{
    json_t *forms = json_array();
    int bad = 0;
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        if (!c->cost[form].forward)
            continue;
        json_t *j =
            json_with(json_pack("{s:s, s:s}", "form", apg_form_name(form), "version", apg_form_version(form)),
                json_cost(c, &c->cost[form]));
        if (c->measured)
            bad |= json_object_set_new(j, "measured", json_measured(c, form));
        bad |= json_array_append_new(forms, j);
    }
    json_t *root = c->model ? json_pack("{s:s, s:s, s:o, s:o}", "backbone",
                                  apg_backbones[c->model->arch.backbone].name, "form", apg_form_name(c->form),
                                  "ops", json_ops(c), "total", json_cost(c, &c->cost[c->form]))
                            : json_shape(c);
    bad |= json_object_set_new(root, "batch_size", json_integer((json_int_t)c->shape.batch));
    bad |= json_object_set_new(root, "forms", forms);
    if (c->measured)
        bad |= json_object_set_new(root, "threads", json_integer((json_int_t)c->threads)) |
               json_object_set_new(root, "peak", json_real(c->measure.peak));
    root = apg_json_whole(root, bad);
    return root ? report_json(f, root, 0, err) : apg_fail_memory(err); /* names of columns are UTF-8 */
}
