/* SPDX-License-Identifier: MIT
 *
 * train_progress.h - shows the events of a training (apg.h) on standard error.
 */
#ifndef APG_TRAIN_PROGRESS_H
#define APG_TRAIN_PROGRESS_H
#include <stdbool.h>
#include "apg.h"

/* --online is told of at 1,000, 2,000, 4,000 ... rows, and at its end. */
struct train_mark {
    bool online;
    uint64_t next_rows, rows; /* of the next mark and the last, at least and as it was; 0: none yet */
    double loss;              /* mean loss of these rows */
};

/* Is P at a mark, which M then has as its last? *since: the mean loss of the rows since the one before. */
bool train_mark(struct train_mark *m, const struct apg_progress *p, double *since);

struct train_progress {
    const char *from; /* the model that training goes on from, or NULL */
    struct train_mark mark;
    double started_s; /* when this epoch started; seconds of the clock */
    /* Of the live line, which stands at the end of a terminal and is rewritten in place: */
    bool live, tuning;
    size_t shown;         /* its columns; 0: it is not there */
    size_t epoch, trials; /* of the last step; candidates of --tune that ended */
    uint64_t rows;        /* of the last step */
    uint64_t first_rows;  /* of the first step of this epoch, after which the speed is measured */
    double first_s, told_s, trained_s,
        validate_s; /* clock at: that step, the last rewriting, the epoch's last step;
                                                    * how long the last validation took */
    double auc;     /* of the last validation; NaN: none */
};

/* Standard error gets a live line where it is a terminal that can rewrite one. */
void train_progress_init(struct train_progress *t, const char *from, bool online);
void train_progress(struct train_progress *t, const struct apg_event *event);
/* Take the live line away, so that a message may be written. */
void train_progress_erase(struct train_progress *t);

#endif
