/* SPDX-License-Identifier: MIT
 *
 * advice.h - what about a model its user should know before it is trained for hours.
 */
#ifndef APG_ADVICE_H
#define APG_ADVICE_H
#include "model/model.h"

/* Call TELL with a line of text for each thing: a generated bias that is a dense layer in disguise, the
 * memory of weights that are generated, and of those that each domain has, for batches of BATCH rows. */
void apg_advise(
    const struct apg_model *m, size_t batch, void (*tell)(void *arg, const char *text), void *arg);

#endif
