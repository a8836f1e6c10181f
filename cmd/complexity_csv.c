/* SPDX-License-Identifier: MIT
 *
 * apg complexity --csv
 */
#include "complexity_count.h"

static void csv_cost(FILE *f, const struct apg_cost *k, size_t batch)
{
    fprintf(f, "%llu,%llu,%llu,%.17g,%llu,%llu", (unsigned long long)k->generate,
        (unsigned long long)k->forward, (unsigned long long)k->batch, apg_cost_per_instance(k, batch),
        (unsigned long long)k->numbers, (unsigned long long)k->generated);
}

static const char csv_measured_head[] =
    ",rows,step_seconds,step_bytes,step_peak,predict_seconds,predict_bytes,predict_peak";

/* FORM < 0: of no form. */
static void csv_measured(FILE *f, const struct complexity *c, int form)
{
    const struct apg_measured *m = form < 0 ? NULL : &c->measure.form[form];
    if (!c->measured)
        return;
    if (!m || !m->rows) {
        fputs(",,,,,,,", f);
        return;
    }
    const struct complexity_figures a = complexity_figures(c, form);
    fprintf(f, ",%zu", m->rows);
    if (a.step > 0)
        fprintf(f, ",%.6g,%llu,%.4g", a.step, (unsigned long long)m->step_bytes, a.step_peak);
    else
        fputs(",,,", f);
    fprintf(f, ",%.6g,%llu,%.4g", a.predict, (unsigned long long)m->predict_bytes, a.predict_peak);
}

static void csv_width(FILE *f, size_t width)
{
    if (width)
        fprintf(f, "%zu", width);
    putc(',', f);
}

static void csv_row(FILE *f, const struct complexity *c, const struct apg_op_cost *r, int form)
{
    fprintf(f, "%s,%s,", r->layer, r->op);
    const size_t width[] = {r->N, r->M, r->D, r->K, r->P};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        csv_width(f, width[i]);
    csv_cost(f, &r->cost, c->shape.batch);
    fprintf(f, ",%llu,%llu", (unsigned long long)r->cost.biases, (unsigned long long)r->cost.tables);
    csv_measured(f, c, form);
    putc('\n', f);
}

static void csv_total(FILE *f, const struct complexity *c, enum apg_form form)
{
    const struct apg_op_cost r = {.layer = "total", .op = apg_form_name(form), .cost = c->cost[form]};
    csv_row(f, c, &r, (int)form);
}

static void csv_model(FILE *f, const struct complexity *c)
{
    fprintf(f,
        "layer,op,N,M,D,K,P,generation,forward,batch_generation,per_instance,numbers,generated,biases,"
        "tables%s\n",
        c->measured ? csv_measured_head : "");
    for (size_t o = 0; o < c->model->graph.n_ops; o++) {
        struct apg_op_cost r;
        apg_complexity_row(&c->model->graph, o, &r);
        csv_row(f, c, &r, -1);
    }
    csv_total(f, c, c->form);
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        if (c->cost[form].forward && form != c->form)
            csv_total(f, c, form);
    }
}

void complexity_csv(FILE *f, const struct complexity *c)
{
    if (c->model) {
        csv_model(f, c);
        return;
    }
    fprintf(f, "form,version,generation,forward,batch_generation,per_instance,numbers,generated%s\n",
        c->measured ? csv_measured_head : "");
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        fprintf(f, "%s,%s,", apg_form_name(form), apg_form_version(form));
        csv_cost(f, &c->cost[form], c->shape.batch);
        csv_measured(f, c, (int)form);
        putc('\n', f);
    }
}
