/* SPDX-License-Identifier: MIT
 *
 * train_page.h - the course of a training as a page of HTML (common/page.h), for `apg train --report`.
 */
#ifndef APG_TRAIN_PAGE_H
#define APG_TRAIN_PAGE_H
#include "apg.h"

struct train_page_epoch {
    size_t pass, epoch; /* --condition auto makes several passes */
    double loss, valid_loss, valid_auc;
    bool better;
};
struct train_page_trial {
    double loss, auc, work;
    bool best;
};
struct train_page {
    const char *path; /* NULL: no page is wanted */
    size_t passes, n, cap, n_trials, cap_trials;
    struct train_page_epoch *epoch; /* (n) */
    struct train_page_trial *trial; /* (n_trials) of --tune */
    uint64_t rows;
    size_t embedding_numbers, other_numbers;
    bool failed; /* out of memory */
};

/* Keep what the page says of the event. */
void train_page_add(struct train_page *p, const struct apg_event *e);
/* Write the page of MODEL, trained on the N files LOG. */
enum apg_status train_page_write(struct train_page *p, const struct apg *model, const struct apg_input *log,
    size_t n, struct apg_error *err);
void train_page_release(struct train_page *p); /* of a zeroed one: allowed */

#endif
