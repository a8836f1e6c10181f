/* SPDX-License-Identifier: MIT */
#include "train_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "serve/handle.h"
#include "common/output.h"
#include "common/page.h"
#include "common/plot.h"

enum { WIDTH = 400, HEIGHT = 310 };

void train_page_release(struct train_page *p)
{
    free(p->epoch);
    free(p->trial);
    *p = (struct train_page){0};
}

void train_page_add(struct train_page *p, const struct apg_event *e)
{
    const struct apg_progress *x = e->progress;
    if (!p->path || p->failed)
        return;
    if (e->kind == APG_EVENT_PASS)
        p->passes++;
    if (e->kind == APG_EVENT_MODEL) {
        p->rows = e->rows;
        p->embedding_numbers = e->embedding_numbers;
        p->other_numbers = e->other_numbers;
    }
    if ((e->kind == APG_EVENT_EPOCH || (e->kind == APG_EVENT_RESUMED && x->epoch_done)) &&
        !(p->failed = !apg_grow(&p->epoch, &p->cap, p->n + 1, sizeof *p->epoch)))
        p->epoch[p->n++] = (struct train_page_epoch){p->passes, x->epoch, x->epoch ? x->loss : NAN,
            x->has_valid ? x->valid_loss : NAN, x->has_valid ? x->valid_auc : NAN, x->better};
    if (e->kind == APG_EVENT_TRIAL &&
        !(p->failed = !apg_grow(&p->trial, &p->cap_trials, p->n_trials + 1, sizeof *p->trial)))
        p->trial[p->n_trials++] =
            (struct train_page_trial){e->trial->loss, e->trial->auc, e->trial->work, e->trial->best};
}

/* Numbers of a curve: those of epochs, or of candidates. */
enum curve { LOSS, VALID_LOSS, VALID_AUC, TRIAL_LOSS, TRIAL_AUC };

static size_t count(const struct train_page *p, enum curve c)
{
    return c < TRIAL_LOSS ? p->n : p->n_trials;
}

static double value(const struct train_page *p, enum curve c, size_t i)
{
    const double x = c == LOSS         ? p->epoch[i].loss
                     : c == VALID_LOSS ? p->epoch[i].valid_loss
                     : c == VALID_AUC  ? p->epoch[i].valid_auc
                     : c == TRIAL_LOSS ? p->trial[i].loss
                                       : p->trial[i].auc;
    return isfinite(x) ? x : NAN;
}

static bool is_known(const struct train_page *p, enum curve c)
{
    for (size_t i = 0; i < count(p, c); i++)
        if (!isnan(value(p, c, i)))
            return true;
    return false;
}

/* Is point I the best of its pass, or of the candidates? */
static bool is_best(const struct train_page *p, enum curve c, size_t i)
{
    const bool better = c < TRIAL_LOSS ? p->epoch[i].better : p->trial[i].best;
    for (size_t k = i + 1; better && k < count(p, c); k++)
        if (c < TRIAL_LOSS ? p->epoch[k].pass == p->epoch[i].pass && p->epoch[k].better : p->trial[k].best)
            return false;
    return better;
}

/* The points of a curve as block $c<number>, and the best of them as $b<number>. */
static void put_points(FILE *f, const struct train_page *p, enum curve c)
{
    for (int best = 0; best < 2; best++) {
        fprintf(f, "$%c%d << EOD\n", best ? 'b' : 'c', (int)c);
        for (size_t i = 0; i < count(p, c); i++) {
            if (best && !is_best(p, c, i))
                continue;
            if (c < TRIAL_LOSS && i && !best && p->epoch[i].pass != p->epoch[i - 1].pass)
                fputc('\n', f); /* a line of its own for each pass */
            fprintf(f, "%zu %.9g\n", c < TRIAL_LOSS ? p->epoch[i].epoch : i + 1, value(p, c, i));
        }
        fputs("EOD\n", f);
    }
}

/* A plot of the curves FIRST and, unless it is the same, SECOND, those that are known. */
static enum apg_status put_plot(FILE *f, const struct train_page *p, int id, const char *title,
    const char *below, enum curve first, const char *first_name, enum curve second, const char *second_name,
    struct apg_error *err)
{
    const enum curve c[2] = {first, second};
    const char *name[2] = {first_name, second_name};
    static const char *const colour[2] = {PLOT_FIRST, PLOT_SECOND};
    const bool trials = first >= TRIAL_LOSS;
    struct plot plot;
    char *svg, between[] = "plot ";
    size_t least = 1, most = 1;
    int marked = -1;
    for (size_t i = 0; i < count(p, first); i++) {
        const size_t x = trials ? i + 1 : p->epoch[i].epoch;
        least = x < least ? x : least;
        most = x > most ? x : most;
    }
    if (!is_known(p, first) && !is_known(p, second))
        return APG_OK;
    enum apg_status status = plot_begin(&plot, WIDTH, HEIGHT, err);
    if (status)
        return status;
    FILE *s = plot.script;
    const double step = plot_step((double)(most - least + 1), 8);
    fprintf(s,
        "set xrange [%g:%g]\nset xtics %g\nset xlabel '%s' tc rgb '#010101'\n"
        "set key outside top center horizontal tc rgb '#010101'\nset offsets 0, 0, graph 0.05, graph 0.05\n",
        (double)least - 0.25, (double)most + 0.25, step < 1 ? 1 : step, trials ? "candidate" : "epoch");
    for (int i = 0; i < 2; i++)
        if (i == 0 || second != first)
            put_points(s, p, c[i]);
    for (int i = 0; i < 2; i++) {
        if ((i && second == first) || !is_known(p, c[i]))
            continue;
        fprintf(s, "%s$c%d using 1:2 with linespoints %s pt 7 ps 0.5 title '%s'", between, (int)c[i],
            colour[i], name[i]);
        strcpy(between, ", ");
        if (c[i] != LOSS)
            marked = (int)c[i];
    }
    if (marked >= 0)
        fprintf(s, ", $b%d using 1:2 with points lc rgb '#2e9d62' lw 2 pt 6 ps 1.6 title 'best'", marked);
    putc('\n', s);
    if (!(status = plot_end(&plot, &svg, title, id, false, err)))
        page_plot(f, title, svg, below);
    free(svg);
    return status;
}

/* The figures of what was made: MADE, as in a model file. */
static void put_figures(FILE *f, const struct train_page *p, const json_t *made)
{
    const json_t *valid = json_object_get(made, "validation");
    const json_t *auc = json_object_get(valid, "auc"), *loss = json_object_get(valid, "log_loss");
    page_figures_begin(f);
    if (valid) {
        page_figure(f, "validation AUC", json_is_number(auc) ? json_number_value(auc) : NAN, 5);
        page_figure(f, "validation log loss", json_is_number(loss) ? json_number_value(loss) : NAN, 5);
    }
    page_figure(f, "epoch that is kept", json_number_value(json_object_get(made, "epoch")), 0);
    page_figure(f, "rows", json_number_value(json_object_get(made, "rows")), 0);
    if (valid)
        page_figure(f, "rows that validate", json_number_value(json_object_get(valid, "rows")), 0);
    if (p->rows) {
        page_figure(f, "numbers in embeddings", (double)p->embedding_numbers, 0);
        page_figure(f, "numbers outside", (double)p->other_numbers, 0);
    }
    page_figures_end(f);
}

static enum apg_status put_plots(FILE *f, const struct train_page *p, struct apg_error *err)
{
    const bool several = p->n && p->epoch[p->n - 1].pass > p->epoch[0].pass;
    const char *lines = several ? "A line for each pass of --condition auto." : "Lower is better.";
    page_plots_begin(f);
    enum apg_status status =
        put_plot(f, p, 1, "Log loss", lines, LOSS, "training", VALID_LOSS, "validation", err);
    if (!status)
        status = put_plot(f, p, 2, "Validation AUC", several ? lines : "Higher is better.", VALID_AUC, "AUC",
            VALID_AUC, "", err);
    if (!status)
        status = put_plot(f, p, 3, "Candidates of --tune: log loss",
            "Of validation, calibrated. Lower is better; further rows help to judge which is the best.",
            TRIAL_LOSS, "log loss", TRIAL_LOSS, "", err);
    if (!status)
        status = put_plot(f, p, 4, "Candidates of --tune: AUC", "Of validation. Higher is better.", TRIAL_AUC,
            "AUC", TRIAL_AUC, "", err);
    page_plots_end(f);
    return status;
}

enum apg_status train_page_write(struct train_page *p, const struct apg *model, const struct apg_input *log,
    size_t n, struct apg_error *err)
{
    struct output out = {0};
    char *page = NULL, below[4096] = "";
    size_t bytes, at = 0;
    for (size_t i = 0; i < n && i < 4 && at < sizeof below; i++)
        at += (size_t)snprintf(below + at, sizeof below - at, "%s%s", i ? ", " : "", log[i].name);
    if (n > 4 && at < sizeof below)
        (void)snprintf(below + at, sizeof below - at, " and others");
    json_t *made = apg_json_parse(model->model->made);
    FILE *f = p->failed || !made ? NULL : open_memstream(&page, &bytes);
    enum apg_status status = f ? APG_OK : apg_fail_memory(err);
    if (f) {
        page_begin(f, "apg train", below);
        put_figures(f, p, made);
        status = put_plots(f, p, err);
        page_end(f);
    }
    if (f && fclose(f) && !status)
        status = apg_fail_memory(err);
    if (!status && !(status = output_open(&out, p->path, false, err))) {
        fputs(page, out.f);
        status = output_commit(&out, err);
    }
    if (status)
        output_abandon(&out);
    free(page);
    json_decref(made);
    return status;
}
