/* SPDX-License-Identifier: MIT
 *
 * apg complexity --plot: what the forms cost against rank and width.
 */
#include <math.h>
#include "common/plot.h"
#include "complexity_count.h"

enum { WIDTH = 560, HEIGHT = 800, RANK_MOST = 256, WIDTH_LEAST = 16, WIDTH_MOST = 4096 };

/* The forms that are drawn, each in a colour that stands out from light and dark. */
static const struct {
    enum apg_form form;
    const char *colour;
} curve[] = {
    {APG_FORM_FULL, "#d1495b"},
    {APG_FORM_LOWRANK, "#8b5fc7"},
    {APG_FORM_DECOMPOSED, "#d9730d"},
    {APG_FORM_RESIDUAL, "#2e9d62"},
    {APG_FORM_DENSE, "#808080"},
    {APG_FORM_SHARED, "#2f7fd0"},
};
enum { CURVES = sizeof curve / sizeof *curve };

/* Multiply-adds per instance of the MLP of N widths with rank K; NaN: they cannot be told. */
static double cost(const struct complexity *c, enum apg_form form, const size_t *width, size_t n, size_t k)
{
    struct apg_layer_shape shape = c->shape;
    struct apg_cost sum = {0};
    struct apg_error unread;
    for (size_t l = 0; l + 1 < n; l++) {
        const size_t least = width[l] < width[l + 1] ? width[l] : width[l + 1];
        shape.x = width[0], shape.n = width[l], shape.m = width[l + 1];
        shape.k = k < least ? k : least;
        if (apg_layer_cost(&sum, form, &shape, &unread))
            return NAN;
    }
    return apg_cost_per_instance(&sum, c->shape.batch);
}

/* A panel: the curves over what stands in block $NAME, in columns from the second on. */
static void put_curves(FILE *f, const char *name, bool key)
{
    fprintf(f, "set key %s\nplot ", key ? "outside top center horizontal tc rgb '#010101'" : "off");
    for (size_t i = 0; i < CURVES; i++)
        fprintf(f, "%s$%s using 1:%zu with linespoints lc rgb '%s' lw 2 pt 7 ps 0.4 title '%s%s%s'",
            i ? ", " : "", name, i + 2, curve[i].colour, apg_form_version(curve[i].form),
            *apg_form_version(curve[i].form) ? " " : "", apg_form_name(curve[i].form));
    putc('\n', f);
}

enum apg_status complexity_plot(char **svg, const struct complexity *c, struct apg_error *err)
{
    struct plot p;
    enum apg_status status = plot_begin(&p, WIDTH, HEIGHT, err);
    if (status)
        return status;
    FILE *f = p.script;
    fputs("$rank << EOD\n", f);
    for (size_t k = 1; k <= RANK_MOST; k *= 2) {
        fprintf(f, "%zu", k);
        for (size_t i = 0; i < CURVES; i++)
            fprintf(f, " %.9g", cost(c, curve[i].form, c->mlp.item, c->mlp.n, k));
        putc('\n', f);
    }
    fputs("EOD\n$width << EOD\n", f);
    for (size_t w = WIDTH_LEAST; w <= WIDTH_MOST; w *= 2) {
        fprintf(f, "%zu", w);
        for (size_t i = 0; i < CURVES; i++)
            fprintf(f, " %.9g", cost(c, curve[i].form, (const size_t[]){w, w}, 2, c->shape.k));
        putc('\n', f);
    }
    fputs("EOD\nset multiplot layout 2,1\nset logscale xy\nset lmargin 10\nset xtics (", f);
    for (size_t k = 1; k <= RANK_MOST; k *= 2)
        fprintf(f, "%s'%zu' %zu", k > 1 ? ", " : "", k, k);
    fprintf(f,
        ")\nset xrange [1:%d]\nset ytics format '%%.0e'\nset ylabel 'multiply-adds per instance' tc rgb '#010101'\n"
        "set xlabel 'rank K, of an MLP of ",
        RANK_MOST);
    for (size_t i = 0; i < c->mlp.n; i++)
        fprintf(f, "%s%zu", i ? " > " : "", c->mlp.item[i]);
    fputs("' tc rgb '#010101'\n", f);
    put_curves(f, "rank", true);
    fprintf(f, "set xlabel 'width of a layer, N = M, of rank %zu' tc rgb '#010101'\nset xtics (", c->shape.k);
    for (size_t w = WIDTH_LEAST; w <= WIDTH_MOST; w *= 2)
        fprintf(f, "%s'%zu' %zu", w > WIDTH_LEAST ? ", " : "", w, w);
    fprintf(f, ")\nset xrange [%d:%d]\n", WIDTH_LEAST, WIDTH_MOST);
    put_curves(f, "width", false);
    fputs("unset multiplot\n", f);
    return plot_end(
        &p, svg, "apg complexity: multiply-adds per instance against rank and width", 1, true, err);
}
