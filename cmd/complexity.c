/* SPDX-License-Identifier: MIT
 *
 * apg complexity: the table of what each form of layer costs, for a layer or an MLP, and without a shape for
 * the MLP of the paper (arXiv 2203.16218), beside the paper's own figures; or what a model costs, op by op.
 * lib/complexity.h counts, lib/measure.h measures.
 */
#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include "../lib/complexity.h"
#include "../lib/measure.h"
#include "../lib/model.h"
#include "cmd.h"

struct complexity {
    struct opt_sizes mlp;
    struct apg_complexity_shape shape;
    bool paper;                                 /* the MLP is the paper's */
    struct apg_model *model;                    /* or NULL */
    enum apg_complexity_form form;              /* of its hidden layers */
    struct apg_cost cost[APG_COMPLEXITY_FORMS]; /* no forward: the model cannot be had in this form */
    struct opt_sizes domains;                   /* the first is the shape's */
    size_t experts;
    bool compare; /* what the numbers of the domains take */
    bool measured;
    struct apg_measure_options options;
    size_t threads;
    struct apg_measure measure;
};

/* The paper's table for its MLP; */
static const struct paper {
    enum apg_complexity_form form;
    double mb, seconds; /* of the MLP part; per training epoch */
} paper[] = {
    {APG_COMPLEXITY_DENSE, 12.91, 13.04},
    {APG_COMPLEXITY_FULL, 419.11, 1462.78},
    {APG_COMPLEXITY_DECOMPOSED, 3.22, 11.23},
    {APG_COMPLEXITY_SHARED, 0.44, 7.99},
};
enum { N_PAPER = sizeof paper / sizeof paper[0] };

/* And its comparison on MovieLens, of parameters per user or per item. */
static const struct {
    const char *method;
    double mb;
} movielens[] = {{"STAR", 3784}, {"MMoE", 123}, {"APG", 0.24}};
enum { N_MOVIELENS = sizeof movielens / sizeof movielens[0] };

/* Bytes of a number: the weight, and with Adam's two moments. What the paper's MB hold is a guess: with the
 * moments its static MLP is 2 % above the count, without them three times as large. */
enum { BYTES = 4, BYTES_TRAINING = 12 };

static double megabytes(uint64_t numbers, int bytes)
{
    return (double)numbers * bytes / 1e6;
}

/* Numbers of MMoE (Ma et al., KDD 2018): y_k = h_k(f_k(x)), f_k(x) = sum_i softmax(x W_k)_i f_i(x). Each of
 * the experts f_i is the MLP; each domain k has a gate W_k (N, experts) and a tower h_k of one unit. */
static uint64_t mmoe_numbers(const struct complexity *c, size_t domains)
{
    return c->experts * c->cost[APG_COMPLEXITY_DENSE].numbers +
           (uint64_t)domains * (c->mlp.item[0] * c->experts + c->mlp.item[c->mlp.n - 1]);
}

/* A table of weights for each domain beside one for all. */
static uint64_t star_numbers(const struct complexity *c, size_t domains)
{
    return c->cost[APG_COMPLEXITY_DENSE].numbers * (1 + (uint64_t)domains);
}

/* Multiply-adds of a prediction of ROWS instances; a training step takes three times as many: backwards, a
 * product has two of its size. */
static double multiply_adds(const struct complexity *c, int form, size_t rows)
{
    return apg_complexity_total(&c->cost[form], rows) * (double)rows;
}

struct figures {                    /* of a form that was measured */
    double macs;                    /* of a prediction */
    double step, predict;           /* seconds; step 0: not trained */
    double step_peak, predict_peak; /* shares of the peak */
};

static struct figures figures_of(const struct complexity *c, int form)
{
    const struct apg_measured *m = &c->measure.form[form];
    const double macs = multiply_adds(c, form, m->rows), peak = c->measure.peak;
    const bool trained = form != APG_COMPLEXITY_COLLAPSED;
    return (struct figures){macs, trained ? m->step : 0, m->predict,
        trained ? 3 * macs / m->step_least / peak : 0, macs / m->predict_least / peak};
}

static double per_million(double seconds, size_t rows)
{
    return seconds / (double)rows * 1e6;
}

static enum apg_status count_formulas(struct complexity *c, struct apg_error *err)
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
static enum apg_status count_model(struct complexity *c, struct apg_error *err)
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

/* A line of a model's table: an op, or all of them. */
enum { N_WIDTHS = 5 };
static const char *const width_name[N_WIDTHS] = {"N", "M", "D", "K", "P"};
struct row {
    char layer[sizeof((struct apg_param *)0)->name]; /* "hidden.0.S" of the param hidden.0.S.weight; "": no
                                                        param */
    const char *op;
    size_t width[N_WIDTHS]; /* 0: the op has none. N is the sum over its inputs, without the condition */
    struct apg_cost cost;
};

static struct row op_row(const struct apg_graph *g, size_t o)
{
    const struct apg_op *op = &g->op[o];
    struct row r = {
        .op = op->type->name, .width = {0, op->M, op->D, op->K, op->P}, .cost = apg_complexity_op(g, o)};
    for (int i = 0; i < op->n_in; i++)
        r.width[0] += op->D && i == op->n_in - 1 ? 0 : g->width[op->in[i]];
    if (op->param[0] >= 0) {
        memcpy(r.layer, g->param[op->param[0]].name, sizeof r.layer);
        char *dot = strrchr(r.layer, '.');
        if (dot && (strcmp(dot, ".weight") == 0 || strcmp(dot, ".scale") == 0))
            *dot = 0;
    }
    return r;
}

static struct row total_row(const struct complexity *c, enum apg_complexity_form form)
{
    return (struct row){.layer = "total", .op = apg_complexity_name(form), .cost = c->cost[form]};
}

static enum apg_status measure(struct complexity *c, struct apg_error *err)
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

/* ---- the report ---- */

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
    const struct figures dense = figures_of(c, APG_COMPLEXITY_DENSE);
    const double per_row = 1e3 / (double)c->measure.form[APG_COMPLEXITY_DENSE].rows;
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        const struct apg_measured *m = &c->measure.form[i];
        const struct figures a = figures_of(c, i);
        const double scale = (double)m->rows * per_row; /* to dense's, in ms, for as many rows */
        if (!m->step_bytes)
            continue;
        fprintf(f, "%-3s%-11s", apg_complexity_version((enum apg_complexity_form)i),
            apg_complexity_name((enum apg_complexity_form)i));
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
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++)
        if (c->measure.form[i].rows && c->measure.form[i].rows < c->shape.batch)
            fprintf(f,
                "%s is slow, so %zu rows were measured instead of %zu: --seconds %.3g is all the time there "
                "was.\n",
                apg_complexity_name((enum apg_complexity_form)i), c->measure.form[i].rows, c->shape.batch,
                c->options.seconds);
}

/* The paper's table, as it comes out here. */
static void report_reproduced(FILE *f, const struct complexity *c)
{
    const double dense_mb = megabytes(c->cost[APG_COMPLEXITY_DENSE].numbers, BYTES_TRAINING);
    const struct apg_measured *dense = &c->measure.form[APG_COMPLEXITY_DENSE];
    fprintf(f,
        "\nthe paper's table, here and in the paper; its epoch is of unknown rows, ours is of a "
        "million\n%-14s"
        "%44s%44s\n%-14s%12s%10s%12s%10s%12s%10s%12s%10s\n",
        "", "here", "the paper", "form", "s", "change", "MB", "change", "s", "change", "MB", "change");
    for (size_t i = 0; i < N_PAPER; i++) {
        const struct paper *p = &paper[i];
        const struct apg_measured *m = &c->measure.form[p->form];
        const double mb = megabytes(c->cost[p->form].numbers, BYTES_TRAINING);
        if (!m->rows || !dense->rows)
            continue;
        const double s = per_million(m->step, m->rows);
        fprintf(f, "%-3s%-11s%12.4g%+9.1f%%%12.4g%+9.1f%%%12.2f%+9.1f%%%12.2f%+9.1f%%\n",
            apg_complexity_version(p->form), apg_complexity_name(p->form), s,
            100 * (s / per_million(dense->step, dense->rows) - 1), mb, 100 * (mb / dense_mb - 1), p->seconds,
            100 * (p->seconds / paper[0].seconds - 1), p->mb, 100 * (p->mb / paper[0].mb - 1));
    }
}

static void report_domains(FILE *f, const struct complexity *c)
{
    const double apg = megabytes(c->cost[APG_COMPLEXITY_SHARED].numbers, BYTES);
    fprintf(f,
        "\nnumbers kept for users or domains of their own, MB; MMoE of %zu experts\n%14s%14s%14s%14s\n",
        c->experts, "domains", "star", "mmoe", "apg, v4");
    for (size_t i = 0; i < c->domains.n; i++)
        fprintf(f, "%14zu%14.5g%14.5g%14.5g\n", c->domains.item[i],
            megabytes(star_numbers(c, c->domains.item[i]), BYTES),
            megabytes(mmoe_numbers(c, c->domains.item[i]), BYTES), apg);
}

static void report_paper(FILE *f, const struct complexity *c)
{
    fputs("\nthe paper's figures for this MLP, and the count at 12 bytes a number (weight, two moments of "
          "Adam)\n",
        f);
    fprintf(f, "%-14s%14s%12s%12s%14s\n", "form", "s per epoch", "MB", "counted", "difference");
    for (size_t i = 0; i < N_PAPER; i++) {
        const struct paper *p = &paper[i];
        double mb = megabytes(c->cost[p->form].numbers, BYTES_TRAINING);
        fprintf(f, "%-3s%-11s%14.2f%12.2f%12.2f%+12.1f %%\n", apg_complexity_version(p->form),
            apg_complexity_name(p->form), p->seconds, p->mb, mb, 100 * (mb / p->mb - 1));
    }
    fputs("12 bytes, D and K are guesses: D 32 fits v1, K 8 then v4, but v3 needs K 2 (-11 %); no pair fits "
          "all.\n",
        f);
    fputs("\nthe paper's parameters per user or item on MovieLens, in MB (not counted here):", f);
    for (size_t i = 0; i < N_MOVIELENS; i++)
        fprintf(f, "%s %s %.6g", i ? "," : "", movielens[i].method, movielens[i].mb);
    putc('\n', f);
}

static void report_row(FILE *f, int layer_width, const struct row *r)
{
    const struct apg_cost *k = &r->cost;
    const uint64_t v[] = {r->width[0], r->width[1], r->width[2], r->width[3], r->width[4], k->generate,
        k->forward, k->batch, k->numbers, k->biases, k->tables, k->generated};
    const int width[] = {6, 6, 6, 6, 6, 11, 10, 12, 10, 8, 11, 12};
    fprintf(f, "%-*s %-9s", layer_width, *r->layer ? r->layer : "-", r->op);
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
        if (v[i])
            fprintf(f, "%*llu", width[i], (unsigned long long)v[i]);
        else
            fprintf(f, "%*s", width[i], "-");
    putc('\n', f);
}

static void report_ops(FILE *f, const struct complexity *c)
{
    const struct apg_graph *g = &c->model->graph;
    int wide = 5;
    struct row r;
    for (size_t o = 0; o < g->n_ops; o++) {
        r = op_row(g, o);
        wide = (int)strlen(r.layer) > wide ? (int)strlen(r.layer) : wide;
    }
    fprintf(f, "%s of %zu columns, hidden layers %s, batches of %zu: multiply-adds and numbers\n\n",
        apg_backbones[c->model->arch.backbone].name, c->model->schema->n_fields, apg_complexity_name(c->form),
        c->shape.batch);
    fprintf(f, "%*s%21s%12s%29s%12s\n", wide + 40, "", "per instance", "per batch", "numbers kept",
        "numbers per");
    fprintf(f, "%-*s %-9s%6s%6s%6s%6s%6s%11s%10s%12s%10s%8s%11s%12s\n", wide, "layer", "op", "N", "M", "D",
        "K", "P", "generation", "forward", "generation", "numbers", "biases", "tables", "instance");
    for (size_t o = 0; o < g->n_ops; o++) {
        r = op_row(g, o);
        report_row(f, wide, &r);
    }
    r = total_row(c, c->form);
    report_row(f, wide, &r);
}

static void report_text(FILE *f, const struct complexity *c)
{
    const struct apg_cost *dense = &c->cost[APG_COMPLEXITY_DENSE];
    if (c->model) {
        report_ops(f, c);
        if (c->form == APG_COMPLEXITY_DENSE && !c->measured)
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
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        const struct apg_cost *k = &c->cost[i];
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        if (!k->forward)
            continue;
        fprintf(f, "%-3s%-11s%14llu%14llu%14.3g%16llu%12llu%10.2f%10.3g\n", apg_complexity_version(form),
            apg_complexity_name(form), (unsigned long long)k->generate, (unsigned long long)k->forward,
            apg_complexity_total(k, c->shape.batch) / (double)dense->forward, (unsigned long long)k->batch,
            (unsigned long long)k->numbers, megabytes(k->numbers, BYTES),
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

static void csv_cost(FILE *f, const struct apg_cost *k, size_t batch)
{
    fprintf(f, "%llu,%llu,%llu,%.17g,%llu,%llu", (unsigned long long)k->generate,
        (unsigned long long)k->forward, (unsigned long long)k->batch, apg_complexity_total(k, batch),
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
    const struct figures a = figures_of(c, form);
    fprintf(f, ",%zu", m->rows);
    if (a.step > 0)
        fprintf(f, ",%.6g,%llu,%.4g", a.step, (unsigned long long)m->step_bytes, a.step_peak);
    else
        fputs(",,,", f);
    fprintf(f, ",%.6g,%llu,%.4g", a.predict, (unsigned long long)m->predict_bytes, a.predict_peak);
}

static void csv_row(FILE *f, const struct complexity *c, const struct row *r, int form)
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

static void report_csv_model(FILE *f, const struct complexity *c)
{
    fprintf(f,
        "layer,op,N,M,D,K,P,generation,forward,batch_generation,per_instance,numbers,generated,biases,"
        "tables%s\n",
        c->measured ? csv_measured_head : "");
    struct row r;
    for (size_t o = 0; o < c->model->graph.n_ops; o++) {
        r = op_row(&c->model->graph, o);
        csv_row(f, c, &r, -1);
    }
    r = total_row(c, c->form);
    csv_row(f, c, &r, (int)c->form);
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        r = total_row(c, (enum apg_complexity_form)i);
        if (r.cost.forward && i != (int)c->form)
            csv_row(f, c, &r, i);
    }
}

static void report_csv(FILE *f, const struct complexity *c)
{
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

/* A NULL is passed on by jansson's functions, so running out of memory shows at the end. */
static json_t *json_paper(void)
{
    json_t *forms = json_object(), *methods = json_object();
    int bad = 0;
    for (size_t i = 0; i < N_PAPER; i++)
        bad |= json_object_set_new(forms, apg_complexity_name(paper[i].form),
            json_pack("{s:f, s:f}", "mb", paper[i].mb, "epoch_seconds", paper[i].seconds));
    for (size_t i = 0; i < N_MOVIELENS; i++)
        bad |= json_object_set_new(methods, movielens[i].method, json_real(movielens[i].mb));
    json_t *root = json_pack("{s:o, s:o}", "forms", forms, "movielens_mb", methods);
    if (!bad)
        return root;
    json_decref(root);
    return NULL;
}

static json_t *json_cost(const struct complexity *c, const struct apg_cost *k)
{
    json_t *j = json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}", "generation", (json_int_t)k->generate, "forward",
        (json_int_t)k->forward, "batch_generation", (json_int_t)k->batch, "per_instance",
        apg_complexity_total(k, c->shape.batch), "numbers", (json_int_t)k->numbers, "generated",
        (json_int_t)k->generated);
    if (c->model && (json_object_set_new(j, "biases", json_integer((json_int_t)k->biases)) ||
                        json_object_set_new(j, "tables", json_integer((json_int_t)k->tables)))) {
        json_decref(j);
        return NULL;
    }
    return j;
}

static json_t *json_measured(const struct complexity *c, int form)
{
    const struct apg_measured *m = &c->measure.form[form];
    const struct figures a = figures_of(c, form);
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
                      (json_int_t)star_numbers(c, c->domains.item[i]), "mmoe",
                      (json_int_t)mmoe_numbers(c, c->domains.item[i]), "apg",
                      (json_int_t)c->cost[APG_COMPLEXITY_SHARED].numbers));
    if (!bad)
        return rows;
    json_decref(rows);
    return NULL;
}

/* OF with the members of J, which it takes. */
static json_t *json_with(json_t *of, json_t *j)
{
    int bad = json_object_update(of, j);
    json_decref(j);
    if (!bad)
        return of;
    json_decref(of);
    return NULL;
}

static json_t *json_ops(const struct complexity *c)
{
    json_t *ops = json_array();
    int bad = 0;
    for (size_t o = 0; o < c->model->graph.n_ops; o++) {
        struct row r = op_row(&c->model->graph, o);
        json_t *j = json_pack("{s:s, s:s}", "layer", r.layer, "op", r.op);
        for (int i = 0; i < N_WIDTHS; i++)
            bad |= json_object_set_new(
                j, width_name[i], r.width[i] ? json_integer((json_int_t)r.width[i]) : json_null());
        bad |= json_array_append_new(ops, json_with(j, json_cost(c, &r.cost)));
    }
    if (!bad)
        return ops;
    json_decref(ops);
    return NULL;
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
    if (!bad)
        return root;
    json_decref(root);
    return NULL;
}

static enum apg_status report_json(FILE *f, const struct complexity *c, struct apg_error *err)
{
    json_t *forms = json_array();
    int bad = 0;
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        if (!c->cost[i].forward)
            continue;
        json_t *j = json_with(json_pack("{s:s, s:s}", "form", apg_complexity_name(form), "version",
                                  apg_complexity_version(form)),
            json_cost(c, &c->cost[i]));
        if (c->measured)
            bad |= json_object_set_new(j, "measured", json_measured(c, i));
        bad |= json_array_append_new(forms, j);
    }
    json_t *root =
        c->model ? json_pack("{s:s, s:s, s:o, s:o}", "backbone", apg_backbones[c->model->arch.backbone].name,
                       "form", apg_complexity_name(c->form), "ops", json_ops(c), "total",
                       json_cost(c, &c->cost[c->form]))
                 : json_shape(c);
    bad |= json_object_set_new(root, "batch_size", json_integer((json_int_t)c->shape.batch));
    bad |= json_object_set_new(root, "forms", forms);
    if (c->measured)
        bad |= json_object_set_new(root, "threads", json_integer((json_int_t)c->threads)) |
               json_object_set_new(root, "peak", json_real(c->measure.peak));
    enum apg_status status = APG_OK;
    if (bad)
        status = apg_fail_memory(err);
    else if (!json_dumpf(root, f, JSON_INDENT(2)))
        putc('\n', f);
    json_decref(root);
    return status;
}

int cmd_complexity(int argc, char **argv)
{
    struct complexity c = {
        .mlp = {4, {393, 1024, 512, 256}},
        .shape = {.d = 32, .k = 8, .p = 32, .h = 64, .batch = 1024},
        .domains = {1, {10}},
        .experts = 8,
        .options = {.seconds = 30, .memory = (size_t)4 << 30},
    };
    bool csv = false, json = false;
    const char *out_path = NULL, *model_path = NULL, *name;
    const double width = APG_COMPLEXITY_WIDTH_MAX;
    const struct opt table[] = {
        OPT_STRING('m', "model", &model_path, "FILE", "count what a model costs, op by op"),
        OPT_HEADING("Shape, without a model"),
        OPT_SIZES(
            0, "mlp", &c.mlp, 1, width, "N,...", "widths of a layer, N,M, or of an MLP, its input first"),
        OPT_SIZE(0, "condition-dim", &c.shape.d, 1, width, "D", "width of the condition"),
        OPT_SIZE(0, "rank", &c.shape.k, 1, width, "K", "rank of the generated matrices"),
        OPT_SIZE(0, "overparam", &c.shape.p, 1, width, "P", "inner width of U and V in training"),
        OPT_SIZE(0, "gate-hidden", &c.shape.h, 1, width, "H", "width of the hidden layer of PPNet's gates"),
        OPT_SIZES(0, "domains", &c.domains, 1, APG_COMPLEXITY_DOMAINS_MAX, "N,...",
            "domains of STAR; given, STAR, MMoE and APG are compared for each number"),
        OPT_SIZE(0, "experts", &c.experts, 1, 4096, "N", "experts of MMoE in that comparison"),
        OPT_HEADING("Measuring"),
        OPT_FLAG(0, "measure", &c.measured, "measure seconds and bytes of each form too"),
        OPT_REAL(0, "seconds", &c.options.seconds, 0.01, 1e6, "S",
            "time to measure in, about; slow forms get fewer rows"),
        OPT_BYTES(0, "memory", &c.options.memory, 0, "forms that take more are not measured"),
        OPT_SIZE(0, "threads", &c.threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_HEADING("Output"),
        OPT_SIZE(0, "batch-size", &c.shape.batch, 1, 1e9, "B", "instances that share what is done per batch"),
        OPT_FLAG(0, "csv", &csv, "write CSV instead of tables"),
        OPT_FLAG(0, "json", &json, "write JSON instead of tables"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_END,
    };
    const struct opt_command command = {"complexity", "[OPTION]...",
        "Count the multiply-adds and numbers of each form of layer, of the paper's MLP if not told "
        "otherwise; or "
        "of a model.",
        table,
        "    apg complexity\n"
        "    apg complexity --mlp 1024,512 --rank 16 --json\n"
        "    apg complexity -m model.apg\n"};
    int exit_code = opt_parse(&argc, &argv, &command);
    if (exit_code != OPT_GO)
        return exit_code;
    if (argc > 0)
        return opt_usage(&command, "a model is given with --model: '%s' is one word too many", argv[0]);
    if (csv && json)
        return opt_usage(&command, "--csv and --json exclude each other");
    if (c.mlp.n < 2)
        return opt_usage(&command, "--mlp takes at least two widths");
    if (c.domains.n < 1)
        return opt_usage(&command, "--domains takes at least one number");
    static const char *const shape[] = {
        "mlp", "condition-dim", "rank", "overparam", "gate-hidden", "domains", "experts"};
    for (size_t i = 0; model_path && i < sizeof shape / sizeof shape[0]; i++)
        if (opt_given(shape[i]))
            return opt_usage(&command, "--%s is of a shape, and --model has its own", shape[i]);
    static const char *const measuring[] = {"seconds", "memory", "threads"};
    for (size_t i = 0; !c.measured && i < sizeof measuring / sizeof measuring[0]; i++)
        if (opt_given(measuring[i]))
            return opt_usage(&command, "--%s is of --measure", measuring[i]);
    c.paper = !model_path && !opt_given("mlp");
    c.compare = !model_path && (opt_given("domains") || (c.paper && c.measured));
    c.shape.domains = c.domains.item[0];

    struct apg_error err;
    struct cmd_out out = {0};
    enum apg_status status = APG_EIO;
    int fd = model_path ? cmd_in_open(model_path, &name, &err) : -1;
    if (model_path && (fd < 0 || (status = apg_model_load(&c.model, fd, name, 1, true, &err))))
        goto done;
    if ((status = c.model ? count_model(&c, &err) : count_formulas(&c, &err)) ||
        (c.measured && (status = measure(&c, &err))) || (status = cmd_out_open(&out, out_path, false, &err)))
        goto done;
    if (json)
        status = report_json(out.f, &c, &err);
    else
        (!csv ? report_text : c.model ? report_csv_model : report_csv)(out.f, &c);
    if (!status)
        status = cmd_out_commit(&out, &err);
done:
    if (status)
        cmd_out_abandon(&out);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    apg_model_free(c.model);
    return status ? cmd_fail(&err) : EXIT_OK;
}
