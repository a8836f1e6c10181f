/* SPDX-License-Identifier: MIT
 *
 * origin.h - what a state was made of: settings, logs, encoder, and the model that training went on from. A training
 * goes on from a state of its own only, else it would end in other bytes than one that was never interrupted.
 * So do ranks: they train one model, and each has its own copy of the log.
 */
#ifndef APG_ORIGIN_H
#define APG_ORIGIN_H
#include "data/dataset.h"
#include "train/settings.h"
#include "train/state.h"

/* Let the states that S will write say what they are made of. Where S has found one, compare. APG_ESETTING: it was
 * made with another setting, which the text names; APG_EUSAGE: of another log, or another model. VALID, FROM and
 * FROM_STATE may be NULL. Settings of SETTINGS are settled. Those that change no weight are free: threads, memory, --epochs. */
enum apg_status apg_origin_check(struct apg_state *s, const struct apg_train_settings *settings,
    const struct apg_schema *schema, const struct apg_dataset *rows, const struct apg_dataset *valid,
    const struct apg_model *from, const struct apg_state *from_state, struct apg_error *err);

/* Collective: APG_EUSAGE where the ranks' SETTINGS ("NAME=VALUE", ended by NULL, or NULL), their FROM or their versions
 * of apg differ, but for settings of the machine: threads, memory, temp-dir. */
enum apg_status apg_origin_same_options(
    const char *const *settings, const struct apg_model *from, struct apg_error *err);
/* Collective: APG_EUSAGE where their rows or encoders differ. VALID may be NULL. */
enum apg_status apg_origin_same_rows(const struct apg_schema *schema, const struct apg_dataset *rows,
    const struct apg_dataset *valid, struct apg_error *err);

#endif
