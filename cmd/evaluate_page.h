/* SPDX-License-Identifier: MIT
 *
 * evaluate_page.h - what apg evaluate --report writes: a page of HTML (common/page.h) about one set of scores.
 */
#ifndef APG_EVALUATE_PAGE_H
#define APG_EVALUATE_PAGE_H
#include <stdio.h>
#include "base/list.h"
#include "serve/explain.h"
#include "stats/metrics.h"

struct evaluate_page {
    const char *label, *score;   /* names of columns */
    const char *weight;          /* or NULL */
    const char *model;           /* its file; NULL: scores were read */
    const struct apg_list *file; /* that were read; of none, standard input */
    const struct apg_metrics_report *report;
    const struct apg_metrics *metrics; /* after the report: its rows are sorted */
    const struct apg_list *group;      /* columns */
    /* The name of group ID, freed with free(); NULL: out of memory. */
    char *(*group_name)(const void *arg, uint32_t id);
    const void *arg;
    /* of a model: */
    const struct apg_schema *schema;
    const struct apg_importance *importance; /* (fields); NULL: none */
    size_t repeats;
    uint64_t sample; /* rows that it is of */
};

/* Write the page to F. A failed write is left to output_commit. */
enum apg_status evaluate_page(FILE *f, const struct evaluate_page *e, struct apg_error *err);

#endif
