/* SPDX-License-Identifier: MIT
 *
 * settings.h - all that a user can say of a training, put together from the tables of those who use it:
 * columns, model, passes. `apg train` shows the tables as its options; apg_train takes the same as
 * "NAME=VALUE".
 */
#ifndef APG_SETTINGS_H
#define APG_SETTINGS_H
#include "base/setting.h"
#include "data/columns.h"
#include "model/arch_members.h"
#include "train/choose.h"
#include "train/fit.h"

struct apg_train_settings {
    struct apg_columns columns;
    struct apg_arch_settings arch;
    struct apg_fit_options fit;
    struct apg_choose_options choose;
    size_t threads; /* 0: one for each processor */
    struct apg_given given;
    struct apg_kept *kept;
};
extern const struct apg_setting apg_choose_settings[], apg_threads_settings[];

/* The defaults; nothing is given. */
void apg_train_settings_init(struct apg_train_settings *s);
void apg_train_settings_release(struct apg_train_settings *s);
/* TEXT: "NAME=VALUE", ended by NULL; borrowed. APG_ESETTING: there is no such setting, it does not take the
 * value, or it is of a backbone or layer that the model has not. */
enum apg_status apg_train_settings_set(
    struct apg_train_settings *s, const char *const *text, struct apg_error *err);

#endif
