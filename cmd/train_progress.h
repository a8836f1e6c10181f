/* SPDX-License-Identifier: MIT
 *
 * train_progress.h - shows the events of a training (apg.h) on standard error.
 */
#ifndef APG_TRAIN_PROGRESS_H
#define APG_TRAIN_PROGRESS_H
#include "apg.h"

struct train_progress {
    const char *from; /* the model that training goes on from, or NULL */
    bool terminal;
    double started_s, told_s; /* when this epoch started, and its last line was shown; seconds of the clock */
    double recent;            /* sum of the losses of the n_recent batches since that line */
    uint64_t n_recent, steps;
    uint64_t next_step; /* shown at the latest; doubles after each line, as in Vowpal Wabbit */
};

void train_progress(struct train_progress *t, const struct apg_event *event);

#endif
