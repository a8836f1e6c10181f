/* SPDX-License-Identifier: MIT
 *
 * train_progress.h - what apg train says on standard error while it works.
 */
#ifndef APG_TRAIN_PROGRESS_H
#define APG_TRAIN_PROGRESS_H
#include "apg.h"

struct train_progress {
    const char *from; /* the model that training goes on from, or NULL */
    bool terminal;
    double started_s, told_s; /* by the clock: this epoch, and the last line within it */
    double recent;            /* sum of losses since that line, of n_recent batches */
    uint64_t n_recent, steps;
    uint64_t next_step; /* the next line is due there; it doubles, as Vowpal Wabbit's users know it */
};

void train_progress(struct train_progress *t, const struct apg_event *event);

#endif
