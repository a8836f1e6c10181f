/* SPDX-License-Identifier: MIT */
#include "evaluate_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/schema.h"
#include "common/page.h"
#include "common/plot.h"

enum {
    WIDTH = 400,
    HEIGHT = 310,
    ROC_POINTS = 400,
    COLUMNS_SHOWN = 16,
    ROWS_HIGH = 10,
    ROW_HEIGHT = 20,
    GROUPS_SHOWN = 20,
    LABEL_LETTERS = 18
};

/* End a plot and put it on the page. */
static enum apg_status put_plot(
    FILE *f, struct plot *p, int id, const char *title, const char *below, struct apg_error *err)
{
    char *svg;
    const enum apg_status status = plot_end(p, &svg, title, id, false, err);
    if (!status)
        page_plot(f, title, svg, below);
    free(svg);
    return status;
}

static double weight_of(const struct apg_metrics_row *r)
{
    return (double)apg_word_float(r->weight);
}

/* Points of the curve, from the highest score down: as many as can be seen. */
static enum apg_status roc(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    const struct apg_metrics_report *r = e->report;
    const double all[2] = {r->weight - r->positive_weight, r->positive_weight};
    double sum[2] = {0}, told[2] = {0};
    struct plot p;
    enum apg_status status = plot_begin(&p, WIDTH, HEIGHT, err);
    if (status)
        return status;
    fputs("set xrange [0:1]\nset yrange [0:1]\nset xtics 0.2\nset ytics 0.2\n"
          "set xlabel 'share of negatives above the score' tc rgb '#010101'\n"
          "set ylabel 'share of positives above it' tc rgb '#010101'\n$d << EOD\n0 0\n",
        p.script);
    for (size_t i = (size_t)r->rows; i-- > 0;) {
        const struct apg_metrics_row *row = &e->metrics->row[i];
        sum[row->label] += weight_of(row);
        if (i && e->metrics->row[i - 1].key == row->key)
            continue;
        const double step = (sum[0] - told[0]) / all[0] + (sum[1] - told[1]) / all[1];
        if (i && step < 1. / ROC_POINTS)
            continue;
        fprintf(p.script, "%.6f %.6f\n", sum[0] / all[0], sum[1] / all[1]);
        told[0] = sum[0], told[1] = sum[1];
    }
    fputs("EOD\nplot x with lines " PLOT_FAINT " dt 2, $d with lines " PLOT_FIRST "\n", p.script);
    return put_plot(f, &p, 1, "ROC",
        "The area under the curve is the AUC. The dashed line is that of scores drawn at random.", err);
}

static enum apg_status calibration(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    const struct apg_metrics_report *r = e->report;
    double most = 0;
    struct plot p;
    enum apg_status status = plot_begin(&p, WIDTH, HEIGHT, err);
    if (status)
        return status;
    for (size_t i = 0; i < r->n_bins; i++)
        most = fmax(most, fmax(r->bin[i].mean_score, r->bin[i].mean_label));
    most = most > 0 ? fmin(1, 1.1 * most) : 1;
    fprintf(p.script,
        "set xrange [0:%.6g]\nset yrange [0:%.6g]\nset xtics %.6g\nset ytics %.6g\n"
        "set xlabel 'mean score' tc rgb '#010101'\nset ylabel 'mean label' tc rgb '#010101'\n$d << EOD\n",
        most, most, plot_step(most, 5), plot_step(most, 5));
    for (size_t i = 0; i < r->n_bins; i++) {
        const struct apg_metrics_bin *b = &r->bin[i];
        const double error = b->rows ? 1.96 * sqrt(b->mean_label * (1 - b->mean_label) / (double)b->rows) : 0;
        if (b->weight > 0)
            fprintf(p.script, "%.9g %.9g %.9g %.9g\n", b->mean_score, b->mean_label,
                fmax(0, b->mean_label - error), fmin(1, b->mean_label + error));
    }
    fputs("EOD\nplot x with lines " PLOT_FAINT " dt 2, $d using 1:2:3:4 with yerrorbars " PLOT_FIRST
          " pt 7 ps 0.7\n",
        p.script);
    return put_plot(f, &p, 2, "Calibration",
        e->weight
            ? "Ten parts of the rows, by score. On the dashed line scores are right. Bars are of as many rows "
              "of weight 1, 95 %."
            : "Ten parts of the rows, by score. On the dashed line scores are right. Bars are what chance "
              "does, 95 %.",
        err);
}

static enum apg_status activity(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    const struct apg_metrics_report *r = e->report;
    struct plot p;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < r->n_deciles; i++) { /* fmin and fmax pass NaN over */
        low = fmin(low, fmin(r->decile[i].auc, r->decile[i].gauc));
        high = fmax(high, fmax(r->decile[i].auc, r->decile[i].gauc));
    }
    if (low > high)
        return APG_OK;
    enum apg_status status = plot_begin(&p, WIDTH, HEIGHT, err);
    if (status)
        return status;
    fprintf(p.script, "set xrange [0.5:%zu.5]\nset xtics rotate by -40 (", r->n_deciles);
    for (size_t i = 0; i < r->n_deciles; i++) {
        const struct apg_metrics_slice *s = &r->decile[i];
        fprintf(p.script, "%s'%llu", i ? ", " : "", (unsigned long long)s->fewest);
        if (s->most > s->fewest)
            fprintf(p.script, "–%llu", (unsigned long long)s->most);
        fprintf(p.script, "' %zu", i + 1);
    }
    low -= (high - low) / 10 + 1e-3, high += (high - low) / 10 + 1e-3;
    fprintf(p.script,
        ")\nset xlabel 'rows of a group' tc rgb '#010101'\nset ylabel 'AUC' tc rgb '#010101'\n"
        "set key outside top center horizontal tc rgb '#010101'\nset yrange [%.6f:%.6f]\nset ytics %.6g\n$d << EOD\n",
        fmax(0, low), fmin(1, high), plot_step(high - low, 6));
    for (size_t i = 0; i < r->n_deciles; i++)
        fprintf(p.script, "%zu %f %f\n", i + 1, r->decile[i].auc, r->decile[i].gauc);
    fputs("EOD\nplot $d using 1:2 with linespoints " PLOT_FIRST " pt 7 ps 0.6 title 'AUC', "
          "$d using 1:3 with linespoints " PLOT_SECOND " pt 5 ps 0.6 title 'GAUC'\n",
        p.script);
    return put_plot(f, &p, 3, "AUC by activity of the group",
        "Groups in ten parts of as many groups, from few rows to many. GAUC is the mean of the groups' own AUC.",
        err);
}

static enum apg_status importance(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    struct plot p;
    char below[256];
    const size_t n = e->schema->n_fields < COLUMNS_SHOWN ? e->schema->n_fields : COLUMNS_SHOWN;
    const bool by_loss = isnan(e->importance[0].auc.mean);
    double low = 0, high = 0;
    size_t letters = 4;
    enum apg_status status =
        plot_begin(&p, WIDTH, n > ROWS_HIGH ? HEIGHT + ROW_HEIGHT * (int)(n - ROWS_HIGH) : HEIGHT, err);
    if (status)
        return status;
    fprintf(p.script, "set yrange [%zu.6:0.4]\nset xlabel '%s' tc rgb '#010101'\nset ytics (", n,
        by_loss ? "log loss rises by" : "AUC falls by");
    for (size_t i = 0; i < n; i++) {
        const char *name = e->schema->field[e->importance[i].field].name;
        fprintf(p.script, "%s'%s' %zu", i ? ", " : "", plot_label(&p, name, LABEL_LETTERS), i + 1);
        letters = strlen(name) > letters ? strlen(name) : letters;
    }
    fputs(")\n$d << EOD\n", p.script);
    for (size_t i = 0; i < n; i++) {
        const struct apg_spread *x = by_loss ? &e->importance[i].loss : &e->importance[i].auc;
        const double error = isnan(x->deviation) ? 0 : x->deviation;
        fprintf(p.script, "%.9g %zu %.9g\n", x->mean, i + 1, error);
        low = fmin(low, x->mean - error), high = fmax(high, x->mean + error);
    }
    high = high > low ? high : low + 1e-3;
    const double step = plot_step(high - low, 4);
    fprintf(p.script,
        "EOD\nset lmargin %zu\nset xrange [%.9g:%.9g]\nset xtics %.9g\n"
        "set arrow from 0, graph 0 to 0, graph 1 nohead " PLOT_FAINT
        "\nplot $d using 1:2:3 with xerrorbars " PLOT_FIRST " pt 7 ps 0.8\n",
        (letters < LABEL_LETTERS ? letters : LABEL_LETTERS) + 2, low, high + (high - low) / 20, step);
    (void)snprintf(below, sizeof below,
        "How much worse the scores of %llu rows are when the column's cells are shuffled among them, %zu times; bars are "
        "the standard deviation. Of correlated columns each is understated.",
        (unsigned long long)e->sample, e->repeats);
    return put_plot(f, &p, 4, "Importance of columns", below, err);
}

/* ---- the largest groups ---- */

struct size {
    uint32_t id;
    uint64_t rows;
};

static int larger(const void *a, const void *b)
{
    const struct size *x = a, *y = b;
    return x->rows != y->rows ? x->rows < y->rows ? 1 : -1 : x->id < y->id ? -1 : x->id > y->id;
}

/* What is summed of a group's rows. */
struct sums {
    struct apg_metrics_tally tally;
    double weight, positive;
};

static enum apg_status groups(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    const size_t n = e->metrics->groups, rows = (size_t)e->report->rows;
    struct size *size = apg_alloc(n, sizeof *size);
    uint32_t *place = apg_alloc(n, sizeof *place); /* among the largest, from 1; 0: it is not */
    struct sums sum[GROUPS_SHOWN] = {0};
    enum apg_status status = size && place ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < n; i++)
        size[i].id = (uint32_t)i;
    for (size_t i = 0; !status && i < rows; i++)
        size[e->metrics->row[i].group].rows++;
    if (!status)
        qsort(size, n, sizeof *size, larger);
    size_t shown = 0;
    while (!status && shown < n && shown < GROUPS_SHOWN && size[shown].rows) {
        place[size[shown].id] = (uint32_t)shown + 1;
        shown++;
    }
    for (size_t i = 0; !status && i < rows; i++) {
        const struct apg_metrics_row *r = &e->metrics->row[i];
        if (!place[r->group])
            continue;
        struct sums *s = &sum[place[r->group] - 1];
        const double weight = weight_of(r);
        apg_metrics_tally_add(&s->tally, r->key, r->label, weight);
        s->weight += weight;
        s->positive += r->label ? weight : 0;
    }
    if (!status)
        page_table_begin(f, "The largest groups", "group|rows|mean label|AUC");
    for (size_t i = 0; !status && i < shown; i++) {
        char *name = e->group_name(e->arg, size[i].id);
        if (!name) {
            status = apg_fail_memory(err);
            break;
        }
        page_row_begin(f, name);
        page_cell(f, (double)size[i].rows, 0);
        page_cell(f, sum[i].weight > 0 ? sum[i].positive / sum[i].weight : NAN, 4);
        page_cell(f, apg_metrics_tally_auc(&sum[i].tally), 4);
        page_row_end(f);
        free(name);
    }
    if (!status)
        page_table_end(f, "A group with labels of one sort has no AUC.");
    free(size);
    free(place);
    return status;
}

/* ---- the page ---- */

/* Append S to TEXT, which has room for SIZE bytes. */
static void add(char *text, size_t size, const char *s)
{
    const size_t n = strlen(text);
    (void)snprintf(text + n, size - n, "%s", s);
}

/* What was judged, in one line. */
static void subject(char *out, size_t size, const struct evaluate_page *e)
{
    *out = '\0';
    for (size_t i = 0; i < e->file->n && i < 4; i++) {
        add(out, size, i ? ", " : "");
        add(out, size, e->file->item[i]);
    }
    if (e->file->n > 4)
        add(out, size, " and others");
    add(out, size, e->file->n ? ": '" : "standard input: '");
    add(out, size, e->label);
    add(out, size, "' scored by ");
    add(out, size, e->model ? e->model : "'");
    add(out, size, e->model ? "" : e->score);
    add(out, size, e->model ? "" : "'");
    if (e->weight) {
        add(out, size, ", weighted by '");
        add(out, size, e->weight);
        add(out, size, "'");
    }
    for (size_t i = 0; i < e->group->n; i++) {
        add(out, size, i ? ", " : "; groups by ");
        add(out, size, e->group->item[i]);
    }
}

enum apg_status evaluate_page(FILE *f, const struct evaluate_page *e, struct apg_error *err)
{
    const struct apg_metrics_report *r = e->report;
    char below[4096];
    subject(below, sizeof below, e);
    page_begin(f, "apg evaluate", below);
    page_figures_begin(f);
    page_figure(f, "AUC", r->auc, 5);
    if (e->group->n)
        page_figure(f, "GAUC", r->all.gauc, 5);
    page_figure(f, "log loss", r->means.log_loss, 5);
    page_figure(f, "normalized entropy", r->means.normalized_entropy, 4);
    page_figure(f, "calibration", r->means.calibration, 4);
    page_figure(f, "mean score", r->means.mean_score, 5);
    page_figure(f, "mean label", r->means.mean_label, 5);
    page_figure(f, "rows", (double)r->rows, 0);
    page_figure(f, "positive", (double)r->positives, 0);
    if (e->group->n)
        page_figure(f, "groups", (double)r->all.groups, 0);
    page_figures_end(f);
    page_plots_begin(f);
    enum apg_status status = isnan(r->auc) ? APG_OK : roc(f, e, err);
    if (!status)
        status = calibration(f, e, err);
    if (!status && e->group->n)
        status = activity(f, e, err);
    if (!status && e->importance)
        status = importance(f, e, err);
    page_plots_end(f);
    if (!status && e->group->n)
        status = groups(f, e, err);
    page_table_begin(f, "By score", "rows from|to|rows|mean score|mean label|calibration");
    for (size_t i = 0; i < r->n_bins; i++) {
        const struct apg_metrics_bin *b = &r->bin[i];
        char low[32];
        (void)snprintf(low, sizeof low, "%.6f", b->low);
        page_row_begin(f, low);
        page_cell(f, b->high, 6);
        page_cell(f, (double)b->rows, 0);
        page_cell(f, b->mean_score, 6);
        page_cell(f, b->mean_label, 6);
        page_cell(f, b->mean_label > 0 ? b->mean_score / b->mean_label : NAN, 4);
        page_row_end(f);
    }
    page_table_end(f, "Ten parts of the rows, from low scores to high.");
    page_end(f);
    return status;
}
