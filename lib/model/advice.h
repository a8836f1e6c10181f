/* SPDX-License-Identifier: MIT
 *
 * advice.h - what a user should know about a model before training it for hours.
 */
#ifndef APG_ADVICE_H
#define APG_ADVICE_H
#include "model/model.h"

/* Call TELL with a line of text for each of these that M has: a generated bias that is a dense layer in
 * disguise, with RANKS a rank that is wider than its layer, and the memory that generated weights and weights
 * of domains take, for batches of BATCH rows. */
void apg_advise(const struct apg_model *m, size_t batch, bool ranks,
    void (*tell)(void *arg, const char *text), void *arg);

#endif
