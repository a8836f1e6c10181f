/* SPDX-License-Identifier: MIT
 *
 * apg complexity --csv
 */
#include "complexity_count.h"

static void csv_cost(FILE *f, const struct apg_cost *k, size_t batch)
{
    fprintf(f, "%llu,%llu,%llu,%.17g,%llu,%llu", (unsigned long long)k->generate,
        (unsigned long long)k->forward, (unsigned long long)k->batch, apg_complexity_total(k, batch),
        (unsigned long long)k->numbers, (unsigned long long)k->generated);
}

static const char csv_measured_head[] =
    ",rows,step_seconds,step_bytes,step_peak,predict_seconds,predict_bytes,predict_peak";

/* FORM < 0: of no form. */
static void csv_measured(FILE *f, const struct costs *c, int form)
{
    const struct apg_measured *m = form < 0 ? NULL : &c->measure.form[form];
    if (!c->measured)
        return;
    if (!m || !m->rows) {
        fputs(",,,,,,,", f);
        return;
    }
    const struct figures a = costs_figures(c, form);
    fprintf(f, ",%zu", m->rows);
    if (a.step > 0)
        fprintf(f, ",%.6g,%llu,%.4g", a.step, (unsigned long long)m->step_bytes, a.step_peak);
    else
        fputs(",,,", f);
    fprintf(f, ",%.6g,%llu,%.4g", a.predict, (unsigned long long)m->predict_bytes, a.predict_peak);
}

static void csv_row(FILE *f, const struct costs *c, const struct row *r, int form)
{
    fprintf(f, "%s,%s,", r->layer, r->op);
    for (int i = 0; i < N_WIDTHS; i++)
        if (r->width[i])
            fprintf(f, "%zu,", r->width[i]);
        else
            putc(',', f);
    csv_cost(f, &r->cost, c->shape.batch);
    fprintf(f, ",%llu,%llu", (unsigned long long)r->cost.biases, (unsigned long long)r->cost.tables);
    csv_measured(f, c, form);
    putc('\n', f);
}

static void csv_model(FILE *f, const struct costs *c)
{
    fprintf(f,
        "layer,op,N,M,D,K,P,generation,forward,batch_generation,per_instance,numbers,generated,biases,"
        "tables%s\n",
        c->measured ? csv_measured_head : "");
    struct row r;
    for (size_t o = 0; o < c->model->graph.n_ops; o++) {
        r = costs_op(&c->model->graph, o);
        csv_row(f, c, &r, -1);
    }
    r = costs_total(c, c->form);
    csv_row(f, c, &r, (int)c->form);
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        r = costs_total(c, (enum apg_complexity_form)i);
        if (r.cost.forward && i != (int)c->form)
            csv_row(f, c, &r, i);
    }
}

void costs_csv(FILE *f, const struct costs *c)
{
    if (c->model) {
        csv_model(f, c);
        return;
    }
    fprintf(f, "form,version,generation,forward,batch_generation,per_instance,numbers,generated%s\n",
        c->measured ? csv_measured_head : "");
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        fprintf(f, "%s,%s,", apg_complexity_name(form), apg_complexity_version(form));
        csv_cost(f, &c->cost[i], c->shape.batch);
        csv_measured(f, c, i);
        putc('\n', f);
    }
}
