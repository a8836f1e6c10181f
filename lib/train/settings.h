/* SPDX-License-Identifier: MIT
 *
 * settings.h - all settings of a training, put together from the tables of the modules that use them:
 * columns, model, fit, choose, tune. `apg train` has them as options; apg_train takes the same as "NAME=VALUE".
 */
#ifndef APG_SETTINGS_H
#define APG_SETTINGS_H
#include "base/setting.h"
#include "data/columns.h"
#include "data/cross.h"
#include "data/rejects.h"
#include "model/arch_members.h"
#include "train/choose.h"
#include "train/fit.h"

struct apg_train_settings {
    struct apg_columns columns;
    struct apg_rejects rejects;
    struct apg_cross_options cross;
    struct apg_arch_settings arch;
    struct apg_fit_options fit;
    struct apg_choose_options choose;
    double tune;            /* budget of a search (tune.h); NaN: none */
    bool online;            /* one pass in the order of the rows (online.h) */
    bool grow;              /* a model that training goes on from gets the tokens that it does not know */
    bool force;             /* also a model that is worse than none */
    double require_auc;     /* a model of a lower validation AUC is none; NaN: any will do */
    const char *state;      /* folder that gets what a training needs to go on; NULL: none */
    const char *from_state; /* folder of the state that --from's model was left with; or NULL */
    bool resume;            /* it goes on from what is there */
    double state_every;     /* seconds between two states; NaN: see state.h */
    size_t threads;         /* 0: one for each processor */
    struct apg_given given; /* the settings that apg_train_settings_set was told */
    struct apg_kept *kept;  /* memory of lists */
};
extern const struct apg_setting apg_choose_settings[], apg_tune_settings[], apg_force_settings[],
    apg_require_settings[], apg_grow_settings[], apg_online_settings[], apg_state_settings[],
    apg_threads_settings[];

/* The defaults; nothing is given. */
void apg_train_settings_init(struct apg_train_settings *s);
void apg_train_settings_release(struct apg_train_settings *s);
/* Take the settings TEXT, each "NAME=VALUE", ended by NULL; S borrows the text. APG_ESETTING: a setting is
 * unknown, does not take the value, or belongs to another backbone or layer than the model has. */
enum apg_status apg_train_settings_set(
    struct apg_train_settings *s, const char *const *text, struct apg_error *err);
/* The value of setting NAME, of one number or a flag; NaN: it is none. */
double apg_train_settings_number(const struct apg_train_settings *s, const char *name);

#endif
