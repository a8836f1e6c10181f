/* SPDX-License-Identifier: MIT
 *
 * plot.h - a drawing in SVG, made by gnuplot, which draws it; here is what goes in and what comes out:
 *
 *     struct plot p;
 *     if ((status = plot_begin(&p, 440, 330, &err))) ...
 *     fprintf(p.script, "set ylabel '%s'\n", plot_label(&p, name));
 *     fprintf(p.script, "$d << EOD\n...EOD\nplot $d with lines " PLOT_FIRST "\n");
 *     status = plot_end(&p, &svg, &err);
 *
 * Lines and letters have the colour of the text around them (currentColor), so that one drawing does for light and
 * dark. Curves have colours that stand out from both. A text of the user's never gets into a script: plot_label
 * gives a token that stands for it, and the text is put in afterwards, escaped.
 */
#ifndef APG_PLOT_H
#define APG_PLOT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/error.h"

#define PLOT_FIRST "lc rgb '#2f7fd0' lw 2"
#define PLOT_SECOND "lc rgb '#d9730d' lw 2"
#define PLOT_FAINT "lc rgb '#808080' lw 1"

enum { PLOT_LABELS = 64, PLOT_LABEL_BYTES = 160 };
struct plot {
    FILE *script; /* gnuplot's commands, after those that set the terminal and the axes */
    char *text;
    size_t n_text, n_labels;
    char label[PLOT_LABELS][PLOT_LABEL_BYTES], token[PLOT_LABELS][8];
    int width, height;
};

/* Is there a gnuplot? If not, the error says what to install. */
enum apg_status plot_check(struct apg_error *err);
/* WIDTH, HEIGHT: of the drawing, in units of which a letter has 14. */
enum apg_status plot_begin(struct plot *p, int width, int height, struct apg_error *err);
/* What stands for TEXT in the script: it may be in single or double quotes there. A text is cut to LETTERS
 * letters; for how wide it gets the script must make room (set lmargin). Of more than PLOT_LABELS the rest
 * are empty. */
const char *plot_label(struct plot *p, const char *text, size_t letters);
/* How far apart the marks of an axis are, at most MOST of them over RANGE, above 0: a round number. */
double plot_step(double range, int most);
/* Run gnuplot. *svg, <svg>...</svg> with an unlike ID for each drawing of a page, is freed with free(); *svg is
 * NULL after a failure. P is released. STANDALONE: the drawing is a file of its own, with its own light and dark. */
enum apg_status plot_end(
    struct plot *p, char **svg, const char *title, int id, bool standalone, struct apg_error *err);

#endif
