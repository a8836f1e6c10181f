/* SPDX-License-Identifier: MIT */
#include "train/settings.h"
#include <math.h>
#include <string.h>
#include "base/near.h"

const struct apg_setting apg_choose_settings[] = {
    {APG_SETTING_REAL, 0, "auto-budget", .at = offsetof(struct apg_choose_options, budget), .least = 1,
        .most = 1000, .arg = "X", .of = "condition", .of_names = "auto", .rare = true,
        .help = "work that --condition auto may do after it has trained the static model, in multiples "
                "of that model's work"},
    {.kind = APG_SETTING_END},
};

/* A budget of less would end before there was anything to choose from. */
enum { TUNE_BUDGET_MIN = 2 };
const struct apg_setting apg_tune_settings[] = {
    {APG_SETTING_REAL, 0, "tune", .least = TUNE_BUDGET_MIN, .most = 10000, .arg = "BUDGET", .alone = "10",
        .help = "search for the options of training that validate best, and for what layers should adapt "
                "to, with the work of about BUDGET trainings; without a number, 10; options that are "
                "given stay as they are"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_force_settings[] = {
    {APG_SETTING_FLAG, 0, "force", .rare = true,
        .help = "also write a model that is surely worse than predicting the mean label"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_online_settings[] = {
    {APG_SETTING_FLAG, 0, "online", .rare = true,
        .help =
            "one pass over the rows in their order, each scored before it is learned; its validation is these "
            "scores"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_grow_settings[] = {
    {APG_SETTING_FLAG, 0, "grow", .rare = true,
        .help = "--from's model learns tokens that it does not know, with an embedding for each"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_require_settings[] = {
    {APG_SETTING_REAL, 0, "require-auc", .least = 0, .most = 1, .arg = "X", .rare = true,
        .help = "fail, and write no model, where the validation AUC of the best one is below X"},
    {.kind = APG_SETTING_END},
};

#define AT(m) .at = offsetof(struct apg_train_settings, m)
const struct apg_setting apg_state_settings[] = {
    {APG_SETTING_STRING, 0, "state", AT(state), .arg = "DIR", .rare = true,
        .help = "write to folder DIR, now and then, what training needs to go on after it was killed"},
    {APG_SETTING_STRING, 0, "from-state", AT(from_state), .arg = "DIR", .rare = true,
        .help = "also go on from the optimizer's moments, in the --state that --from's model was left with"},
    {APG_SETTING_FLAG, 0, "resume", AT(resume), .rare = true,
        .help = "go on from the state in --state's folder; where there is none, start"},
    {APG_SETTING_REAL, 0, "state-every", AT(state_every), .least = 0, .most = 1e6, .arg = "SECONDS",
        .rare = true,
        .help = "time between two states; by default 60 seconds, or 20 times what writing one takes"},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_threads_settings[] = {
    {APG_SETTING_SIZE, 0, "threads", .least = 0, .most = 1024, .arg = "N",
        .help = "threads; 0: one for each processor"},
    {.kind = APG_SETTING_END},
};

static const struct {
    const struct apg_setting *rows;
    size_t at; /* offset in bytes of the struct whose members they are */
} tables[] = {
    {apg_columns_format, offsetof(struct apg_train_settings, columns)},
    {apg_columns_kinds, offsetof(struct apg_train_settings, columns)},
    {apg_cross_settings, offsetof(struct apg_train_settings, cross)},
    {apg_rejects_settings, offsetof(struct apg_train_settings, rejects)},
    {apg_columns_spool, offsetof(struct apg_train_settings, columns)},
    {apg_arch_members, offsetof(struct apg_train_settings, arch)},
    {apg_fit_rows_settings, offsetof(struct apg_train_settings, fit)},
    {apg_fit_settings, offsetof(struct apg_train_settings, fit)},
    {apg_choose_settings, offsetof(struct apg_train_settings, choose)},
    {apg_tune_settings, offsetof(struct apg_train_settings, tune)},
    {apg_force_settings, offsetof(struct apg_train_settings, force)},
    {apg_online_settings, offsetof(struct apg_train_settings, online)},
    {apg_grow_settings, offsetof(struct apg_train_settings, grow)},
    {apg_require_settings, offsetof(struct apg_train_settings, require_auc)},
    {apg_state_settings, 0},
    {apg_threads_settings, offsetof(struct apg_train_settings, threads)},
};
enum { TABLES = sizeof tables / sizeof *tables }; /* how many there are */

void apg_train_settings_init(struct apg_train_settings *s)
{
    *s = (struct apg_train_settings){
        .choose = {.budget = 4}, .tune = NAN, .require_auc = NAN, .state_every = NAN, .grow = true};
    apg_columns_default(&s->columns);
    apg_cross_default(&s->cross);
    apg_arch_default(&s->arch);
    apg_fit_default(&s->fit);
}

void apg_train_settings_release(struct apg_train_settings *s)
{
    apg_kept_free(s->kept);
    s->kept = NULL;
}

/* The row of setting NAME, and in *base the struct that it is of; NULL: there is none. */
static const struct apg_setting *find(struct apg_train_settings *s, const char *name, void **base)
{
    for (size_t t = 0; t < TABLES; t++) {
        const struct apg_setting *row = apg_setting_find(tables[t].rows, name);
        if (row) {
            *base = (char *)s + tables[t].at;
            return row;
        }
    }
    return NULL;
}

static enum apg_status no_setting(const char *text, struct apg_error *err)
{
    struct apg_near near = apg_near_to(text, strcspn(text, "="));
    for (size_t t = 0; strchr(text, '=') && t < TABLES; t++)
        for (const struct apg_setting *row = tables[t].rows; row->kind != APG_SETTING_END; row++)
            if (row->name)
                apg_near_try(&near, row->name, strlen(row->name));
    return apg_fail(err, APG_ESETTING, "no setting '%s': NAME=VALUE, as 'apg train --help-all' has them%s",
        text, apg_near_hint(&near));
}

static enum apg_status set(struct apg_train_settings *s, const char *text, struct apg_error *err)
{
    char name[64];
    void *base;
    const size_t n = strcspn(text, "=");
    const struct apg_setting *row = NULL;
    if (n < sizeof name && text[n]) {
        memcpy(name, text, n);
        name[n] = '\0';
        row = find(s, name, &base);
    }
    if (!row)
        return no_setting(text, err);
    const enum apg_status status = apg_setting_parse(row, base, text + n + 1, &s->kept, err);
    if (status)
        return status;
    apg_given_add(&s->given, row->name);
    return APG_OK;
}

/* A setting that would do nothing is refused: its user means something else. */
static enum apg_status check_of(struct apg_train_settings *s, struct apg_error *err)
{
    for (size_t i = 0; i < s->given.n; i++) {
        void *base = NULL;
        char is[64], names[128];
        const struct apg_setting *row = find(s, s->given.name[i], &base);
        const struct apg_setting *of = row && row->of ? find(s, row->of, &base) : NULL;
        if (!of)
            continue;
        apg_setting_text(is, sizeof is, of, base);
        apg_names_list(names, sizeof names, row->of_names, "|");
        if (apg_names_find(row->of_names, is) < 0)
            return apg_fail(
                err, APG_ESETTING, "--%s is of --%s %s, not of %s", row->name, row->of, names, is);
    }
    return APG_OK;
}

enum apg_status apg_train_settings_set(
    struct apg_train_settings *s, const char *const *text, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && text && text[i]; i++)
        status = set(s, text[i], err);
    s->fit.temp_dir = s->columns.temp_dir;
    return status ? status : check_of(s, err);
}

double apg_train_settings_number(const struct apg_train_settings *s, const char *name)
{
    void *base = NULL;
    const struct apg_setting *row = find((struct apg_train_settings *)(uintptr_t)s, name, &base);
    const void *at = row ? (const char *)base + row->at : NULL;
    return !row                            ? NAN
           : row->kind == APG_SETTING_REAL ? *(const double *)at
           : row->kind == APG_SETTING_SIZE ? (double)*(const size_t *)at
           : row->kind == APG_SETTING_FLAG ? *(const bool *)at
                                           : NAN;
}
