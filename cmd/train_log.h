/* SPDX-License-Identifier: MIT
 *
 * train_log.h - the events of a training (apg.h) as lines of JSON, for `apg train --log`. man/apg-train.1 says what
 * each line has.
 */
#ifndef APG_TRAIN_LOG_H
#define APG_TRAIN_LOG_H
#include <stdio.h>
#include "apg.h"
#include "train_progress.h"

struct train_log {
    FILE *f;          /* NULL: there is no log, or it could not be written any more */
    const char *path; /* for messages */
    double started_s; /* seconds of the clock */
    bool searches;    /* --tune or --condition auto */
    struct train_mark mark;
    struct apg_progress best; /* the best epoch so far; .better: there is one */
    struct apg_progress last; /* the last epoch so far */
};

/* Begin the log at PATH, from which an old log is gone; "-" is standard output. APG_EUSAGE: another file is there, or
 * the name is one of a compressed file. ONLINE: marks are told. */
enum apg_status train_log_open(struct train_log *l, const char *path, const char *from, uint64_t seed,
    bool online, struct apg_error *err);
/* A line for the event, which is on its way when this returns. A failed write is a warning, and ends the log. Of a
 * log that is not open nothing happens; so with the next one. */
void train_log(struct train_log *l, const struct apg_event *e);
/* The last line: the model is WRITTEN to that file, or WRITTEN is NULL because of ERROR. STOPPED: a signal ended
 * training. Closes the log. */
void train_log_end(struct train_log *l, const char *written, bool stopped, const char *error);

#endif
