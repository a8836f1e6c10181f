/* SPDX-License-Identifier: MIT
 *
 * apg complexity: tables for people.
 */
#include <string.h>
#include "complexity_count.h"

/* Bytes of a number: the weight, and with Adam's two moments. What the paper's MB hold is a guess: with the
 * moments its static MLP is 2 % above the count, without them three times as large. */
enum { NUMBER_BYTES = 4, TRAINED_NUMBER_BYTES = 12 };

static double megabytes(uint64_t numbers, int bytes)
{
    return (double)numbers * bytes / 1e6;
}

static double per_million(double seconds, size_t rows)
{
    return seconds / (double)rows * 1e6;
}

/* One figure and what it is to dense's, or dashes. */
static void report_relative(FILE *f, double value, double dense, int width)
{
    if (value > 0)
        fprintf(f, "%*.4g%9.3f", width, value, value / dense);
    else
        fprintf(f, "%*s%9s", width, "-", "-");
}

static void report_measured(FILE *f, const struct complexity *c)
{
    fprintf(f,
        "\nmeasured: %zu threads, batches of %zu; products of large matrices alone make %.3g G "
        "multiply-adds a second, the peak\n\n",
        c->threads, c->shape.batch, c->measure.peak / 1e9);
    fprintf(f, "%-14s%13s%50s%44s\n%-14s%7s%7s%13s%10s%9s%9s%10s%13s%10s%9s%9s%9s\n", "", "measured",
        "training step (x 3)", "prediction", "form", "rows", "rounds", "M mult-adds", "ms", "of dense",
        "of peak", "MB", "M mult-adds", "ms", "of dense", "of peak", "MB");
    const struct complexity_figures dense = complexity_figures(c, APG_FORM_DENSE);
    const double per_row = 1e3 / (double)c->measure.form[APG_FORM_DENSE].rows;
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        const struct apg_measured *m = &c->measure.form[form];
        const struct complexity_figures a = complexity_figures(c, (int)form);
        const double scale = (double)m->rows * per_row; /* to dense's, in ms, for as many rows */
        if (!m->step_bytes)
            continue;
        fprintf(f, "%-3s%-11s", apg_form_version(form), apg_form_name(form));
        if (!m->rows) {
            fprintf(f, " not measured: %.4g MB are more than --memory allows\n", megabytes(m->step_bytes, 1));
            continue;
        }
        fprintf(f, "%7zu%7zu", m->rows, m->rounds);
        if (a.step > 0)
            fprintf(f, "%13.5g", 3e-6 * a.macs);
        else
            fprintf(f, "%13s", "-");
        report_relative(f, 1e3 * a.step, scale * dense.step, 10);
        if (a.step > 0)
            fprintf(f, "%8.1f%%%10.4g", 100 * a.step_peak, megabytes(m->step_bytes, 1));
        else
            fprintf(f, "%9s%10s", "-", "-");
        fprintf(f, "%13.5g", 1e-6 * a.macs);
        report_relative(f, 1e3 * a.predict, scale * dense.predict, 10);
        fprintf(f, "%8.1f%%%9.4g\n", 100 * a.predict_peak, megabytes(m->predict_bytes, 1));
    }
    fputs("\nof dense: time for as many rows. MB: weights, gradients, moments and values of a batch.\n", f);
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        if (c->measure.form[form].rows && c->measure.form[form].rows < c->shape.batch)
            fprintf(f,
                "%s is slow, so %zu rows were measured instead of %zu: --seconds %.3g is all the time there "
                "was.\n",
                apg_form_name(form), c->measure.form[form].rows, c->shape.batch, c->options.seconds);
    }
}

/* The paper's table, as it comes out here. */
static void report_reproduced(FILE *f, const struct complexity *c)
{
    const double dense_mb = megabytes(c->cost[APG_FORM_DENSE].numbers, TRAINED_NUMBER_BYTES);
    const struct apg_measured *dense = &c->measure.form[APG_FORM_DENSE];
    fprintf(f,
        "\nthe paper's table, here and in the paper; its epoch is of unknown rows, ours is of a "
        "million\n%-14s"
        "%44s%44s\n%-14s%12s%10s%12s%10s%12s%10s%12s%10s\n",
        "", "here", "the paper", "form", "s", "change", "MB", "change", "s", "change", "MB", "change");
    for (size_t i = 0; i < COMPLEXITY_PAPER_ROWS; i++) {
        const struct complexity_paper *p = &complexity_paper[i];
        const struct apg_measured *m = &c->measure.form[p->form];
        const double mb = megabytes(c->cost[p->form].numbers, TRAINED_NUMBER_BYTES);
        if (!m->rows || !dense->rows)
            continue;
        const double s = per_million(m->step, m->rows);
        fprintf(f, "%-3s%-11s%12.4g%+9.1f%%%12.4g%+9.1f%%%12.2f%+9.1f%%%12.2f%+9.1f%%\n",
            apg_form_version(p->form), apg_form_name(p->form), s,
            100 * (s / per_million(dense->step, dense->rows) - 1), mb, 100 * (mb / dense_mb - 1), p->seconds,
            100 * (p->seconds / complexity_paper[0].seconds - 1), p->mb,
            100 * (p->mb / complexity_paper[0].mb - 1));
    }
}

static void report_domains(FILE *f, const struct complexity *c)
{
    const double apg = megabytes(c->cost[APG_FORM_SHARED].numbers, NUMBER_BYTES);
    fprintf(f,
        "\nnumbers kept for users or domains of their own, MB; MMoE of %zu experts\n%14s%14s%14s%14s\n",
        c->experts, "domains", "star", "mmoe", "apg, v4");
    for (size_t i = 0; i < c->domains.n; i++)
        fprintf(f, "%14zu%14.5g%14.5g%14.5g\n", c->domains.item[i],
            megabytes(complexity_star(c, c->domains.item[i]), NUMBER_BYTES),
            megabytes(complexity_mmoe(c, c->domains.item[i]), NUMBER_BYTES), apg);
}

static void report_paper(FILE *f, const struct complexity *c)
{
    fputs("\nthe paper's figures for this MLP, and the count at 12 bytes a number (weight, two moments of "
          "Adam)\n",
        f);
    fprintf(f, "%-14s%14s%12s%12s%14s\n", "form", "s per epoch", "MB", "counted", "difference");
    for (size_t i = 0; i < COMPLEXITY_PAPER_ROWS; i++) {
        const struct complexity_paper *p = &complexity_paper[i];
        double mb = megabytes(c->cost[p->form].numbers, TRAINED_NUMBER_BYTES);
        fprintf(f, "%-3s%-11s%14.2f%12.2f%12.2f%+12.1f %%\n", apg_form_version(p->form),
            apg_form_name(p->form), p->seconds, p->mb, mb, 100 * (mb / p->mb - 1));
    }
    fputs("12 bytes, D and K are guesses: D 32 fits v1, K 8 then v4, but v3 needs K 2 (-11 %); no pair fits "
          "all.\n",
        f);
    fputs("\nthe paper's parameters per user or item on MovieLens, in MB (not counted here):", f);
    for (size_t i = 0; i < COMPLEXITY_MOVIELENS_ROWS; i++)
        fprintf(f, "%s %s %.6g", i ? "," : "", complexity_movielens[i].method, complexity_movielens[i].mb);
    putc('\n', f);
}

static void report_row(FILE *f, int layer_width, const struct apg_op_cost *r)
{
    const struct apg_cost *k = &r->cost;
    const uint64_t v[] = {r->N, r->M, r->D, r->K, r->P, k->generate, k->forward, k->batch, k->numbers,
        k->biases, k->tables, k->generated};
    const int width[] = {6, 6, 6, 6, 6, 11, 10, 12, 10, 8, 11, 12};
    fprintf(f, "%-*s %-9s", layer_width, *r->layer ? r->layer : "-", r->op);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        if (v[i])
            fprintf(f, "%*llu", width[i], (unsigned long long)v[i]);
        else
            fprintf(f, "%*s", width[i], "-");
    putc('\n', f);
}

static void text_ops(FILE *f, const struct complexity *c)
{
    const struct apg_graph *g = &c->model->graph;
    int wide = 5;
    struct apg_op_cost r;
    for (size_t o = 0; o < g->n_ops; o++) {
        apg_complexity_row(g, o, &r);
        wide = (int)strlen(r.layer) > wide ? (int)strlen(r.layer) : wide;
    }
    fprintf(f, "%s of %zu columns, hidden layers %s, batches of %zu: multiply-adds and numbers\n\n",
        apg_backbones[c->model->arch.backbone].name, c->model->schema->n_fields, apg_form_name(c->form),
        c->shape.batch);
    fprintf(f, "%*s%21s%12s%29s%12s\n", wide + 40, "", "per instance", "per batch", "numbers kept",
        "numbers per");
    fprintf(f, "%-*s %-9s%6s%6s%6s%6s%6s%11s%10s%12s%10s%8s%11s%12s\n", wide, "layer", "op", "N", "M", "D",
        "K", "P", "generation", "forward", "generation", "numbers", "biases", "tables", "instance");
    for (size_t o = 0; o < g->n_ops; o++) {
        apg_complexity_row(g, o, &r);
        report_row(f, wide, &r);
    }
    r = (struct apg_op_cost){.layer = "total", .op = apg_form_name(c->form), .cost = c->cost[c->form]};
    report_row(f, wide, &r);
}

void complexity_text(FILE *f, const struct complexity *c)
{
    const struct apg_cost *dense = &c->cost[APG_FORM_DENSE];
    if (c->model) {
        text_ops(f, c);
        if (c->form == APG_FORM_DENSE && !c->measured)
            return;
        fputs("\nthe same model by the form of its hidden layers; embedding tables and biases not counted\n",
            f);
    } else {
        fputs(c->paper ? "the paper's MLP" : c->mlp.n > 2 ? "MLP" : "layer", f);
        for (size_t i = 0; i < c->mlp.n; i++)
            fprintf(f, "%s%zu", i ? " > " : " ", c->mlp.item[i]);
        fprintf(f, "; D %zu, K %zu, P %zu, H %zu, %zu domains, batches of %zu\n", c->shape.d, c->shape.k,
            c->shape.p, c->shape.h, c->shape.domains, c->shape.batch);
    }
    fprintf(f, "\n%-14s%42s%16s%32s\n%-14s%14s%14s%14s%16s%12s%10s%10s\n", "", "multiply-adds per instance",
        "per batch", "numbers kept", "form", "generation", "forward", "of dense", "generation", "numbers",
        "MB", "of dense");
    for (int i = 0; i < APG_FORM_COUNT; i++) {
        const enum apg_form form = apg_complexity_order[i];
        const struct apg_cost *k = &c->cost[form];
        if (!k->forward)
            continue;
        fprintf(f, "%-3s%-11s%14llu%14llu%14.3g%16llu%12llu%10.2f%10.3g\n", apg_form_version(form),
            apg_form_name(form), (unsigned long long)k->generate, (unsigned long long)k->forward,
            apg_cost_per_instance(k, c->shape.batch) / (double)dense->forward, (unsigned long long)k->batch,
            (unsigned long long)k->numbers, megabytes(k->numbers, NUMBER_BYTES),
            (double)k->numbers / (double)dense->numbers);
    }
    if (c->paper)
        report_paper(f, c);
    if (c->compare)
        report_domains(f, c);
    if (c->measured)
        report_measured(f, c);
    if (c->paper && c->measured)
        report_reproduced(f, c);
}
