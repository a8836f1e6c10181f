/* SPDX-License-Identifier: MIT
 *
 * work.h - what trainings cost and came to, for those that choose between several. Work is counted, not
 * timed, so that a choice does not depend on the machine: multiply-adds and embedding numbers of the forward
 * pass of a row, three times where it is trained on. Pure functions: any thread. */
#ifndef APG_WORK_H
#define APG_WORK_H
#include "model/complexity.h"
#include "train/fit.h"

/* Work of one row's forward pass through a model of ARCH and COST over the fields of S. */
double apg_work_row(
    const struct apg_schema *s, const struct apg_arch *arch, const struct apg_cost *cost, size_t batch_size);
/* How many forward passes of a row cost as much as to train on ROWS rows and to validate PASSES times. */
double apg_work_fit(const struct apg_fit_rows *r, double rows, double passes);

/* What a training did; it hands its progress on to NEXT, which may be NULL. */
struct apg_watch {
    apg_fit_progress *next;
    void *arg; /* of NEXT */
    size_t epochs;
    double rows;              /* trained on, over all epochs */
    struct apg_progress best; /* the best epoch; its AUC and losses are NaN where there was none */
};
void apg_watch_init(struct apg_watch *w, apg_fit_progress *next, void *arg);
/* The progress function that fills in the apg_watch WATCH. */
void apg_watch_progress(void *watch, const struct apg_progress *p);

#endif
