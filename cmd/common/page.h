/* SPDX-License-Identifier: MIT
 *
 * page.h - a page of HTML that stands alone: no script, and nothing from elsewhere. It is light or dark as the
 * reader's system is, and reads on narrow and on wide screens. It is well-formed XML too.
 */
#ifndef APG_PAGE_H
#define APG_PAGE_H
#include <stdbool.h>
#include <stdio.h>
#include "base/error.h"
#include "common/opt.h"

/* Refuse a PATH (NULL: none) of option NAME that is standard output, or OUTPUT (or NULL): OPT_GO, or EXIT_USAGE
 * after a message. */
int page_check_path(
    const char *name, const char *path, const char *output, const struct opt_command *command);

/* Write TEXT so that it stands for itself; what is neither text nor UTF-8 is '?'. */
void page_text(FILE *f, const char *text);
void page_begin(FILE *f, const char *title, const char *below); /* BELOW: a line under the title */
void page_end(FILE *f);

/* Figures, one beside the other: page_figures_begin, page_figure..., page_figures_end. A figure that is NaN is "undefined". */
void page_figures_begin(FILE *f);
void page_figure(FILE *f, const char *name, double x, int places);
void page_figures_end(FILE *f);
/* Drawings likewise; SVG is put in as it is. */
void page_plots_begin(FILE *f);
void page_plot(FILE *f, const char *title, const char *svg, const char *below);
void page_plots_end(FILE *f);
/* A table: its heading, then rows of cells. HEAD: names with '|' between. The first column is text, the others
 * are numbers. */
void page_table_begin(FILE *f, const char *title, const char *head);
void page_row_begin(FILE *f, const char *first);
void page_cell(FILE *f, double x, int places);
void page_row_end(FILE *f);
void page_table_end(FILE *f, const char *below);

#endif
