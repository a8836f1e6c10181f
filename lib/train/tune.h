/* SPDX-License-Identifier: MIT
 *
 * tune.h - which settings of training suit these logs?
 *
 * The search walks along one axis after the other, a setting each, from the best so far. Each candidate is a
 * whole training, from the same start over the same rows in the same order, until its validation stops
 * getting better: a strong L2 learns slowly, and a little work for each would favour a weak one. It is judged
 * by the log loss of the validation rows after calibration, and is better by more than the standard error.
 * Where these rows are too few to tell, parts of the training rows are held out in turn, from both
 * candidates, and all of these rows judge.
 *
 * Then crosses are tried of the pairs of columns that hold what the best model misses (screen.h), two
 * failures at most.
 *
 * The static model is tuned, at about half the work of an adaptive one. Then the layers that apg train has by
 * itself take its place if their loss is lower. Then apg_choose_pick says what else layers could adapt to; and that
 * model, with the same settings, is kept if DeLong's test says that it is better.
 *
 * A candidate is a list of settings as a user gives them, and is trained as apg_train trains them. So what is
 * found can be given, and gives the same model. */
#ifndef APG_TUNE_H
#define APG_TUNE_H
#include "train/settings.h"

struct apg_tune_told {
    apg_fit_progress *fit;   /* of each training */
    bool (*stop)(void *arg); /* as of apg_fit_options; may be NULL */
    void (*trial)(void *arg, const struct apg_trial *trial);
    void (*round)(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *tries, size_t n);
    void *arg;
};

/* Tune the settings that GIVEN, ended by NULL (NULL is allowed), leaves open, within BUDGET trainings of the
 * model that it asks for. Where it says what layers adapt to, or how, that very model is tuned. APG_EUSAGE:
 * there are no validation rows. APG_ERANGE: the first training diverged. APG_ESTOPPED: TOLD's stop ended it,
 * and *out is the best candidate that ended; or what was best of the first one, and *text is NULL; or NULL,
 * if there was no such thing yet. *out is freed with apg_model_free,
 * *text, the options that were found, and *found, the same as settings "NAME=VALUE" that end in NULL, with
 * free(). Crosses that were found are SCHEMA's then. At most three models are in memory at a time. The result
 * is the same for any number of threads. */
enum apg_status apg_tune(struct apg_model **out, struct apg_tuned *tuned, char **text, char ***found,
    struct apg_progress *kept, const char *const *given, double budget, struct apg_schema *schema,
    const struct apg_dataset *train, const struct apg_dataset *valid, struct apg_pool *pool,
    const struct apg_tune_told *told, struct apg_error *err);

#endif
