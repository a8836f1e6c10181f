/* SPDX-License-Identifier: MIT
 *
 * online.h - one pass over the rows in their order. A batch is scored, by the weights as they are, and then
 * learned; so each row judges a model that has not seen it, nor any row behind it (progressive validation: Blum,
 * Kalai & Langford, COLT 1999). */
#ifndef APG_ONLINE_H
#define APG_ONLINE_H
#include "train/fit.h"

/* The rows of a step, where nobody says how many. One pass learns by its steps. Progressive AUC with 16, 64 and 1024
 * rows: ml-100k in the order of time .723, .703, .672, adult .902, .903, .861, avazu-9k .669, .667, .629, criteo-10k
 * .733, .725, .701. 16 rows take two to five times the time of 64. */
enum { APG_ONLINE_BATCH_ROWS = 64 };

/* Train M so. FRESH: it has weights that nothing trained; its bias becomes that of the first batch when that has been
 * scored. Of O are used: optim, generator_l2, batch_size, calibrate, negative_rate, seed, stop, state. PROGRESS is told of
 * each step, with the means of the scores so far, and at the end of an epoch whose validation these are, and whose
 * logits have the calibration that M came with. M is calibrated on the scores of the later half of the rows.
 * APG_ESTOPPED: M is what it had become; PROGRESS is told of an end if a row was learned. M was made for training with
 * max_rows >= batch_size. */
enum apg_status apg_fit_online(struct apg_model *m, const struct apg_dataset *rows,
    const struct apg_fit_options *o, bool fresh, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err);

#endif
