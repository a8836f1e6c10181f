/* SPDX-License-Identifier: MIT
 *
 * apg_train (apg.h): logs to a model. Rows are read once, encoded as they arrive; then passes run over the
 * encoded rows.
 */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/rng.h"
#include "data/away.h"
#include "data/ingest.h"
#include "data/source.h"
#include "model/advice.h"
#include "serve/handle.h"
#include "train/online.h"
#include "train/origin.h"
#include "train/record.h"
#include "train/screen.h"
#include "train/tune.h"

/* What the parts of a training share. */
struct training {
    const struct apg_train_options *options;
    struct apg_train_settings settings;
    struct apg_pool *pool;
    struct apg_schema *schema;        /* own, or that of FROM */
    struct apg_dataset *rows, *valid; /* valid: NULL, or rows to validate on */
    struct apg_away away;             /* vocabularies, while passes run */
    struct apg_model *from, *model;   /* from: NULL, or what training goes on from */
    struct apg_progress kept;         /* of the epoch whose weights are kept; zeroed before there is one */
    struct apg_state *state, *from_state; /* or NULL */
    char **found;                         /* settings that --tune found, ended by NULL; or NULL */
    bool stopped;                         /* the caller asked for an end */
    bool no_memory;                       /* to record how the model was made, during training */
};

/* ---- what is told ---- */

static void tell(const struct training *t, struct apg_event event)
{
    if (t->options->tell)
        t->options->tell(t->options->arg, &event);
}

static void tell_warning(const struct training *t, const char *text)
{
    tell(t, (struct apg_event){.kind = APG_EVENT_WARNING, .text = text});
}

static void tell_unwritten(void *training, const char *text)
{
    tell_warning(training, text);
}

static void tell_advice(void *training, const char *text)
{
    tell(training, (struct apg_event){.kind = APG_EVENT_ADVICE, .text = text});
}

static void tell_reject(void *training, bool last, const char *text)
{
    tell(training, (struct apg_event){.kind = last ? APG_EVENT_WARNING : APG_EVENT_BAD_ROW, .text = text});
}

static void tell_pass(const struct training *t)
{
    tell(t, (struct apg_event){.kind = APG_EVENT_PASS});
}

/* Let the model say how it was made. */
static enum apg_status record(const struct training *t, struct apg_error *err)
{
    const struct apg_fit_options *o = &t->settings.fit;
    char epochs[32];
    /* So many epochs give the model again, of --condition auto the static one. --tune says so itself. */
    const bool early = t->stopped && !t->settings.online && t->kept.epoch && !t->found,
               fixed = early && apg_arch_is_automatic(&t->settings.arch);
    const char *const ended[] = {epochs, fixed ? "layer=dense" : NULL, NULL};
    (void)snprintf(epochs, sizeof epochs, "epochs=%zu", t->kept.epoch);
    const struct apg_record r = {.settings = t->options->settings,
        .found = early ? ended : (const char *const *)t->found,
        .fixed = fixed,
        .from = t->from,
        .from_state = t->from_state,
        .seed = o->seed,
        .rows = t->rows->rows,
        .given = t->valid,
        .online = t->settings.online,
        .valid_rows = t->settings.online ? t->kept.rows
                      : t->valid         ? t->valid->rows
                                         : apg_fit_held(o, t->rows->rows),
        .last = o->holdout_last > 0,
        .kept = t->kept};
    return apg_record_make(t->model, &r, err);
}

static void tell_progress(void *arg, const struct apg_progress *p)
{
    struct training *t = arg;
    struct apg_error unread;
    const struct apg now = {.model = t->model};
    if (p->epoch_done && p->better) {
        t->kept = *p;
        if (t->model && !p->past && record(t, &unread)) /* it may be written now */
            t->no_memory = true;
    }
    tell(t, (struct apg_event){.kind = p->past         ? APG_EVENT_RESUMED
                                       : p->epoch_done ? APG_EVENT_EPOCH
                                                       : APG_EVENT_STEP,
                .text = p->past ? apg_state_dir(t->state) : NULL,
                .progress = p,
                .model = t->model ? &now : NULL});
}

/* Of the trainings of --tune each step is told, and no epoch: they are told as candidates. */
static void tell_step(void *arg, const struct apg_progress *p)
{
    if (!p->epoch_done)
        tell(arg, (struct apg_event){.kind = APG_EVENT_STEP, .progress = p});
}

static bool stop(void *training)
{
    const struct training *t = training;
    return t->options->stop && t->options->stop(t->options->arg);
}

static void tell_model(const struct training *t, size_t taken)
{
    const struct apg now = {.model = t->model};
    struct apg_event e = {.kind = APG_EVENT_MODEL,
        .model = &now,
        .rows = t->rows->rows,
        .weight = t->schema->weight,
        .held = t->options->valid ? 0 : apg_fit_held(&t->settings.fit, t->rows->rows),
        .held_last = t->settings.fit.holdout_last > 0,
        .fields = t->schema->n_fields + t->schema->n_crosses,
        .taken_numbers = taken,
        .members = apg_model_members(t->model)};
    apg_model_count(t->model, &e.embedding_numbers, &e.other_numbers);
    e.memory = apg_fit_bytes(t->model, &t->settings.fit, t->rows->rows, t->valid ? t->valid->rows : e.held) +
               apg_dataset_bytes(t->rows) + (t->valid ? apg_dataset_bytes(t->valid) : 0) +
               apg_schema_bytes(t->schema);
    tell(t, e);
}

static void tell_calibrated(const struct training *t)
{
    const struct apg_calibration *c = &t->model->calibration;
    char text[128];
    if (apg_calibration_is_none(c))
        return;
    const double offset = c->offset + log(c->rate);
    const int n = snprintf(text, sizeof text, "calibrated: logit * %.3g %c %.3g", c->slope,
        offset < 0 ? '-' : '+', fabs(offset));
    if (t->kept.has_valid && !t->settings.online)
        (void)snprintf(text + n, sizeof text - (size_t)n, "; validation log loss %.5f, before %.5f",
            t->kept.calibrated_loss, t->kept.valid_loss);
    tell(t, (struct apg_event){.kind = APG_EVENT_CALIBRATED, .text = text});
}

/* What the course of validation says of the options. Of --condition auto there are several courses. */
static void tell_course(const struct training *t)
{
    const struct apg_progress *p = &t->kept;
    const size_t epochs = t->settings.fit.epochs;
    const char *text =
        !p->has_valid || epochs == 1 || t->settings.online ? NULL
        : p->epoch == 0
            ? "no epoch was better than the model that training went on from: a lower --lr may help"
        : p->epoch == epochs ? "validation was still getting better at the last epoch: more --epochs may help"
        : p->epoch == 1
            ? "validation was best after the first epoch: --embedding-prior, --dropout or a lower --lr may help"
            : NULL;
    if (text)
        tell(t, (struct apg_event){.kind = APG_EVENT_ADVICE, .text = text});
}

/* A model that is surely worse than a constant is none. One that is no better is warned of. */
static enum apg_status judge(const struct training *t, struct apg_error *err)
{
    char text[256];
    const struct apg_train_settings *s = &t->settings;
    const double asked = apg_given_has(&s->given, "holdout-last") ? s->fit.holdout_last
                         : apg_given_has(&s->given, "holdout")    ? s->fit.holdout
                                                                  : 0;
    if (!t->valid && asked > 0 && apg_fit_held(&s->fit, t->rows->rows) == 0)
        tell_warning(t, "that share of so few rows is less than a row: nothing validates the model");
    if (isnan(t->kept.valid_ratio))
        tell_warning(t, "the validation rows have one label only: they cannot judge a model");
    if (!(t->kept.valid_ratio >= 1))
        return APG_OK;
    (void)snprintf(text, sizeof text,
        "the kept weights are %s predicting the mean label: their log loss on the validation rows, "
        "uncalibrated, is %.4g times that; try another --lr%s",
        t->kept.useless ? "worse than" : "no better than", t->kept.valid_ratio,
        s->online ? "" : ", more --epochs or --stop-on logloss");
    if (t->kept.useless && !t->settings.force)
        return apg_fail(err, APG_ERANGE, "%s; --force writes the model all the same", text);
    tell_warning(t, text);
    return APG_OK;
}

/* --require-auc: a job that must not serve a bad model. */
static enum apg_status require(const struct training *t, struct apg_error *err)
{
    const double auc = t->kept.valid_auc, least = t->settings.require_auc;
    if (isnan(least) || auc >= least)
        return APG_OK;
    return isnan(auc)
               ? apg_fail(err, APG_ERANGE, "--require-auc %g: the validation AUC is not defined", least)
               : apg_fail(err, APG_ERANGE, "--require-auc %g: the validation AUC of the best model is %.5f",
                     least, auc);
}

static struct apg_candidate candidate(const struct training *t, const struct apg_choose_try *c)
{
    struct apg_candidate out = {.rank = c->rank, .share = c->share, .auc = c->auc, .loss = c->loss};
    (void)apg_choose_condition(out.condition, sizeof out.condition, c, t->schema);
    return out;
}

static void tell_stage(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *tries, size_t n)
{
    static const enum apg_event_kind kind[] = {[APG_CHOOSE_STATIC] = APG_EVENT_CANDIDATES,
        [APG_CHOOSE_ROUND] = APG_EVENT_ROUND,
        [APG_CHOOSE_FINAL] = APG_EVENT_FINAL,
        [APG_CHOOSE_AGAIN] = APG_EVENT_AGAIN};
    const struct training *t = arg;
    struct apg_candidate *c = tries ? apg_alloc(n, sizeof *c) : NULL; /* without memory nothing is told */
    for (size_t i = 0; c && i < n; i++)
        c[i] = candidate(t, &tries[i]);
    if (c || !tries)
        tell(t, (struct apg_event){.kind = kind[stage], .candidates = c, .n_candidates = n});
    free(c);
    if (stage == APG_CHOOSE_STATIC || stage == APG_CHOOSE_FINAL)
        tell_pass(t);
}

static void tell_choice(const struct training *t, const struct apg_choose_report *r)
{
    const struct apg_choice choice = {.best = candidate(t, &r->best),
        .tried = r->tried,
        .left_out = r->left_out,
        .better = r->better,
        .cut = r->cut,
        .difference = r->difference,
        .low = r->low,
        .high = r->high,
        .work = r->work};
    tell(t, (struct apg_event){.kind = APG_EVENT_CHOICE, .choice = &choice});
}

static void tell_trial(void *arg, const struct apg_trial *trial)
{
    tell(arg, (struct apg_event){.kind = APG_EVENT_TRIAL, .trial = trial});
}

static void tell_round(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *tries, size_t n)
{
    if (stage == APG_CHOOSE_ROUND)
        tell_stage(arg, stage, tries, n);
}

/* ---- rows ---- */

/* Read a feature file, behind what *ROWS has already: several are one log, in their order. */
static enum apg_status read_features(
    struct training *t, struct apg_source *in, struct apg_dataset **rows, struct apg_error *err)
{
    struct apg_schema *s = NULL;
    struct apg_dataset *d = NULL;
    enum apg_status status = apg_feat_dataset(
        in->feat, &s, &d, t->settings.columns.memory, t->settings.columns.temp_dir, t->pool, err);
    in->feat = NULL;
    const char *weight = t->settings.columns.weight;
    if (!status && weight && strcmp(weight, s->weight ? s->weight : "") != 0)
        status = apg_fail(err, APG_EUSAGE,
            "%s: --weight '%s': a feature file has the weights it was encoded with", in->name, weight);
    if (!status && t->schema && !apg_schema_reads(t->schema, s))
        status = apg_fail(err, APG_EUSAGE, "%s: encoded otherwise than %s (apg encode --encoder)", in->name,
            rows != &t->rows ? "the training rows"
            : t->from        ? apg_model_name(t->from)
                             : "the first of the feature files");
    for (uint64_t i = 0; !status && i < d->rows; i++) {
        const uint32_t *row = apg_dataset_row(d, i);
        const char *lacks = row[0] == APG_MISSING                              ? "label"
                            : d->weight_at && row[d->weight_at] == APG_MISSING ? "weight"
                                                                               : NULL;
        if (lacks)
            status =
                apg_fail(err, APG_EINPUT, "%s: row %llu: no %s", in->name, (unsigned long long)i + 1, lacks);
    }
    if (t->schema)
        apg_schema_free(s);
    else
        t->schema = s; /* it borrows from d */
    if (!*rows)
        *rows = d;
    else if (!status)
        status = apg_dataset_join(*rows, d, err);
    else
        apg_dataset_free(d);
    return status;
}

/* Tell how many tokens each column has beside the HAD (n_fields, and n_crosses behind them) that it had. */
static enum apg_status tell_growth(const struct training *t, const uint32_t *had, struct apg_error *err)
{
    enum { TEXT_BYTES = 64 }; /* of a column, beside its names */
    const struct apg_schema *s = t->schema;
    size_t room = TEXT_BYTES, n = 0;
    for (size_t f = 0; f < s->n_fields; f++)
        room += strlen(s->field[f].name) + TEXT_BYTES;
    for (size_t i = 0; i < s->n_crosses; i++)
        room += strlen(s->field[s->cross[i].a].name) + strlen(s->field[s->cross[i].b].name) + TEXT_BYTES;
    char *text = apg_alloc(room, 1);
    if (!text)
        return apg_fail_memory(err);
    for (size_t f = 0; f < s->n_fields; f++)
        if (s->field[f].vocab.n > had[f])
            n += (size_t)snprintf(text + n, room - n, "%s%u of %s",
                n ? ", " : "new tokens: ", s->field[f].vocab.n - had[f], s->field[f].name);
    for (size_t i = 0; i < s->n_crosses; i++) {
        const struct apg_cross *c = &s->cross[i];
        if (c->vocab.n > had[s->n_fields + i])
            n += (size_t)snprintf(text + n, room - n, "%s%u of %s with %s",
                n ? ", " : "new tokens: ", c->vocab.n - had[s->n_fields + i], s->field[c->a].name,
                s->field[c->b].name);
    }
    (void)snprintf(text + n, room - n, n ? "\n" : "no new tokens\n");
    tell(t, (struct apg_event){.kind = APG_EVENT_INFERRED, .text = text});
    free(text);
    return APG_OK;
}

/* Read CSV logs whose tokens the schema, that of FROM, is to know from then on. */
static enum apg_status read_and_grow(
    struct training *t, struct apg_csv *const *csv, size_t n, struct apg_error *err)
{
    struct apg_train_settings *s = &t->settings;
    struct apg_schema *schema = t->schema;
    uint32_t *had = apg_alloc(schema->n_fields + schema->n_crosses, sizeof *had);
    if (!had)
        return apg_fail_memory(err);
    for (size_t f = 0; f < schema->n_fields; f++)
        had[f] = schema->field[f].vocab.n;
    for (size_t i = 0; i < schema->n_crosses; i++)
        had[schema->n_fields + i] = schema->cross[i].vocab.n;
    if (apg_given_has(&s->given, "min-count"))
        schema->min_count = (uint32_t)s->columns.min_count;
    else
        s->columns.min_count = schema->min_count;
    enum apg_status status =
        apg_ingest_grow(schema, &t->rows, csv, n, &s->columns, &s->rejects, t->pool, err);
    if (!status)
        status = apg_cross_grow(schema, t->rows, s->cross.min_count, t->pool, err);
    if (!status)
        status = tell_growth(t, had, err);
    free(had);
    return status;
}

/* Read CSV logs; this makes the schema if there is none yet. */
static enum apg_status read_csv(struct training *t, struct apg_csv *const *csv, size_t n,
    struct apg_dataset **rows, struct apg_error *err)
{
    const struct apg_columns *c = &t->settings.columns;
    char *explain = NULL;
    if (t->from && t->settings.grow && rows == &t->rows)
        return read_and_grow(t, csv, n, err);
    if (t->schema)
        return apg_ingest_with(t->schema, rows, csv, n, c, &t->settings.rejects, t->pool, err);
    enum apg_status status =
        apg_ingest(&t->schema, rows, &explain, csv, n, c, &t->settings.rejects, t->pool, err);
    if (explain)
        tell(t, (struct apg_event){.kind = APG_EVENT_INFERRED, .text = explain});
    free(explain);
    return status;
}

/* The logs of a call. Each is opened here, if it is not open yet, and told for what it is. */
struct logs {
    size_t n, n_csv, n_features;
    struct apg_source *source; /* (n) */
    struct apg_csv **csv;      /* (n_csv) */
    bool *opened;              /* (n): its descriptor is to be closed here */
};

static enum apg_status open_logs(struct logs *l, const struct apg_input *input, size_t n,
    const struct apg_columns *c, const struct apg_opener *opener, struct apg_error *err)
{
    struct apg_csv_format format = apg_columns_cut(c);
    format.opener = opener;
    l->source = apg_alloc(n, sizeof *l->source);
    l->csv = apg_alloc(n, sizeof *l->csv);
    l->opened = apg_alloc(n, sizeof *l->opened);
    if (!l->source || !l->csv || !l->opened)
        return apg_fail_memory(err);
    for (; l->n < n; l->n++) {
        struct apg_source *s = &l->source[l->n];
        const struct apg_input *in = &input[l->n];
        const int fd = in->fd < 0 ? open(in->name, O_RDONLY | O_CLOEXEC) : in->fd;
        if (fd < 0)
            return apg_fail_errno(err, "%s", in->name);
        l->opened[l->n] = in->fd < 0;
        enum apg_status status = apg_source_open(s, fd, in->name, &format, err);
        if (status) {
            l->n++; /* it has a descriptor */
            return status;
        }
        if (s->csv && in->fd < 0 && apg_csv_let_go(s->csv)) {
            (void)close(fd);
            l->opened[l->n] = false;
        }
        if (s->csv)
            l->csv[l->n_csv++] = s->csv;
        else
            l->n_features++;
    }
    return APG_OK;
}

static void close_logs(struct logs *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const int fd = l->source[i].fd;
        apg_source_release(&l->source[i]);
        if (l->opened[i])
            (void)close(fd);
    }
    free(l->source);
    free(l->csv);
    free(l->opened);
}

/* Read all inputs into one data set. */
static enum apg_status read_rows(struct training *t, const struct apg_input *input, size_t n,
    struct apg_dataset **rows, struct apg_error *err)
{
    struct logs logs = {0};
    enum apg_status status = open_logs(&logs, input, n, &t->settings.columns, t->options->opener, err);
    if (!status && !logs.n_features)
        status = read_csv(t, logs.csv, logs.n, rows, err);
    else if (!status && logs.n_csv)
        status =
            apg_fail(err, APG_EUSAGE, "%s: feature files and CSV do not go together", logs.source[0].name);
    else if (!status && t->settings.rejects.rows)
        status = apg_fail(err, APG_EUSAGE, "%s: --rejects needs CSV", logs.source[0].name);
    for (size_t i = 0; !status && logs.n_features && i < logs.n; i++)
        status = read_features(t, &logs.source[i], rows, err);
    if (!status && logs.n_features && t->from && t->settings.grow && rows == &t->rows)
        tell_advice(t,
            "rows that are encoded already have no tokens: those that --from's model does not know stay unknown");
    close_logs(&logs);
    return status;
}

/* ---- the model ---- */

/* Refuse settings that do not go together. With FROM the columns' kinds are those of its encoder, so
 * settings of them are refused too. */
static enum apg_status check_options(struct training *t, struct apg_error *err)
{
    const struct apg_train_settings *s = &t->settings;
    const bool automatic = apg_arch_is_automatic(&s->arch);
    const bool unjudged = !s->online && !t->options->valid && s->fit.holdout <= 0 && s->fit.holdout_last <= 0;
    const char *wrong = NULL;
    if (t->options->valid && apg_given_has(&s->given, "holdout"))
        wrong = "--holdout is for training without --valid";
    else if (t->options->valid && apg_given_has(&s->given, "holdout-last"))
        wrong = "--holdout-last is for training without --valid";
    else if (apg_given_has(&s->given, "holdout") && apg_given_has(&s->given, "holdout-last"))
        wrong = "--holdout draws rows at random, --holdout-last takes the last: not both";
    else if (s->tune > 0 && automatic)
        wrong = "--tune chooses the condition too: not with --condition auto";
    else if (s->tune > 0 && unjudged)
        wrong = "--tune chooses by validation rows: not with --holdout 0";
    else if (s->tune > 0 && t->from)
        wrong = "--tune starts with models of its own: not with --from";
    else if (automatic && unjudged)
        wrong = "--condition auto chooses by validation rows: not with --holdout 0";
    else if (!isnan(s->require_auc) && unjudged)
        wrong = "--require-auc is of validation rows: not with --holdout 0";
    else if (s->state && (automatic || s->tune > 0))
        wrong = automatic ? "--state is of one training: not with --condition auto"
                          : "--state is of one training: not with --tune";
    else if (s->from_state && !t->from)
        wrong = "--from-state is of the model that training goes on from: give it by --from";
    else if (s->from_state && s->state && strcmp(s->from_state, s->state) == 0)
        wrong = "--from-state and --state: give the new state a folder of its own";
    else if (!s->state && (s->resume || apg_given_has(&s->given, "state-every")))
        wrong = s->resume ? "--resume goes on from a --state: give its folder"
                          : "--state-every is of a --state: give its folder";
    else if (automatic && t->from)
        wrong = "--condition auto starts with a static model of its own: not with --from";
    if (wrong)
        return apg_fail(err, APG_ESETTING, "%s", wrong);
    static const char *const of_epochs[] = {"holdout", "holdout-last", "epochs", "patience", "stop-on",
        "lr-decay", "average", "tune", "auto-budget"};
    for (size_t i = 0; s->online && i < sizeof of_epochs / sizeof *of_epochs; i++)
        if (apg_given_has(&s->given, of_epochs[i]))
            return apg_fail(
                err, APG_ESETTING, "--%s is of passes with a validation: not with --online", of_epochs[i]);
    if (s->online && (t->options->valid || automatic))
        return apg_fail(err, APG_ESETTING, "%s is of passes with a validation: not with --online",
            automatic ? "--condition auto" : "--valid");
    if (!t->from && !s->grow)
        return apg_fail(
            err, APG_ESETTING, "--no-grow is for --from: a new model knows all tokens of its rows");
    for (size_t i = 0; t->from && i < s->given.n; i++) {
        const char *name = s->given.name[i];
        const bool of_growth = strcmp(name, "min-count") == 0 || strcmp(name, "cross-min-count") == 0;
        if ((apg_setting_find(apg_columns_kinds, name) || apg_setting_find(apg_cross_settings, name)) &&
            strcmp(name, "weight") != 0 && !(of_growth && s->grow))
            return apg_fail(err, APG_ESETTING, "--%s: rows are read as --from's model reads them", name);
    }
    if (t->from && t->from->arch.collapsed)
        return apg_fail(
            err, APG_EUSAGE, "%s: collapsed: it can be served, not trained", apg_model_name(t->from));
    return APG_OK;
}

/* The architecture is FROM's where no setting of the model was given, else what the settings say. */
static enum apg_status find_arch(struct training *t, struct apg_error *err)
{
    struct apg_train_settings *s = &t->settings;
    bool told = !t->from;
    for (size_t i = 0; i < s->given.n; i++)
        told = told || apg_setting_find(apg_arch_members, s->given.name[i]);
    if (told)
        return apg_arch_columns(&s->arch, t->schema, err);
    s->arch.arch = t->from->arch;
    return APG_OK;
}

/* The rows that columns are judged by alone: so many of a few columns, and fewer of many; and the AUC above
 * which a column gives the label away. */
enum { LEAK_ROWS = 1 << 16, LEAK_ROWS_LEAST = 1 << 11, LEAK_CELLS = 1 << 22 };
static const double LEAK_AUC = .999;

static void tell_leak(const struct training *t, const char *name, double auc)
{
    enum { NAME_BYTES = 128 };
    char text[1024], list[2 * NAME_BYTES + 3], drop[4 * sizeof list + sizeof "drop" + APG_OPTION_BYTES];
    const bool fits = strlen(name) <= NAME_BYTES;
    if (fits) {
        apg_list_put(list, name);
        apg_setting_option(drop, "drop", list);
    }
    (void)snprintf(text, sizeof text,
        "%.*s alone tells the label (AUC %.4f on rows that it was not learned from): is it known beforehand? "
        "else %.512s",
        NAME_BYTES, name, auc, fits ? drop : "--drop it");
    tell_warning(t, text);
}

/* Warn of columns that are known only with the label, as the time of a purchase is: a model of them is of no
 * use. 39 columns and 65,536 rows take 0.15 s of one processor. */
static enum apg_status find_leaks(const struct training *t, struct apg_error *err)
{
    const uint64_t few = LEAK_CELLS / t->schema->n_fields,
                   most = few < LEAK_ROWS_LEAST ? LEAK_ROWS_LEAST
                          : few > LEAK_ROWS     ? LEAK_ROWS
                                                : few,
                   step = (t->rows->rows + most - 1) / most;
    const size_t n = (size_t)(t->rows->rows / step);
    const uint32_t **row = apg_alloc(n, sizeof *row);
    uint32_t *order = apg_alloc(n, sizeof *order);
    double *auc = apg_alloc(t->schema->n_fields, sizeof *auc);
    enum apg_status status = row && order && auc ? APG_OK : apg_fail_memory(err);
    if (!status) { /* of a log in which labels take turns, either half of the rows would have one */
        struct apg_rng rng;
        apg_rng_init(&rng, 1, 0);
        for (size_t i = 0; i < n; i++)
            order[i] = (uint32_t)i;
        apg_rng_shuffle(&rng, order, n);
        for (size_t i = 0; i < n; i++)
            row[i] = apg_dataset_row(t->rows, order[i] * step);
        status = apg_screen_columns(auc, t->schema, row, n, t->pool, err);
    }
    for (size_t f = 0; !status && f < t->schema->n_fields; f++)
        if (auc[f] > LEAK_AUC)
            tell_leak(t, apg_field_column(&t->schema->field[f]), auc[f]);
    free(order);
    free(row);
    free(auc);
    return status;
}

static enum apg_status make_model(struct training *t, struct apg_error *err)
{
    const struct apg_train_settings *s = &t->settings;
    size_t taken = 0;
    enum apg_status status = apg_model_new(&t->model, t->schema, &s->arch.arch, s->fit.batch_size, true, err);
    if (status)
        return status;
    apg_model_init_weights(t->model, s->fit.seed, s->arch.embedding_std, s->arch.init == APG_INIT_ANCHOR);
    if (!s->online) /* which does not know the labels yet */
        apg_model_init_bias(t->model, apg_dataset_positives(t->rows), t->rows->rows);
    apg_advise(t->model, s->fit.batch_size, apg_given_has(&s->given, "rank"), tell_advice, t);
    if (t->from)
        t->model->calibration = t->from->calibration; /* for where no validation rows give another */
    if (t->from)
        status = apg_model_copy_weights(t->model, t->from, apg_model_name(t->from), &taken, err);
    if (!status)
        tell_model(t, taken);
    return status;
}

static enum apg_status tune(struct training *t, struct apg_error *err)
{
    const struct apg_tune_told told = {tell_step, stop, tell_trial, tell_round, t};
    struct apg_tuned tuned = {0};
    char *text = NULL;
    tell(t, (struct apg_event){.kind = APG_EVENT_TUNE});
    enum apg_status status = apg_tune(&t->model, &tuned, &text, &t->found, &t->kept, t->options->settings,
        t->settings.tune, t->schema, t->rows, t->valid, t->pool, &told, err);
    if (text)
        tell(t, (struct apg_event){.kind = APG_EVENT_TUNED, .tuned = &tuned});
    free(text);
    return status;
}

static enum apg_status fit(struct training *t, struct apg_error *err)
{
    struct apg_train_settings *s = &t->settings;
    /* A row less the mean of itself is 0: the tower would learn nothing. */
    if (s->arch.arch.batch_norm && s->fit.batch_size == 1)
        return apg_fail(err, APG_ESETTING, "--batch-size 1: --batch-norm needs 2 rows in a batch or more");
    if (s->tune > 0)
        return tune(t, err);
    if (!apg_arch_is_automatic(&s->arch)) {
        enum apg_status status = make_model(t, err);
        if (status)
            return status;
        tell_pass(t);
        if (s->online)
            return apg_fit_online(t->model, t->rows, &s->fit, !t->from, t->pool, tell_progress, t, err);
        return apg_fit(t->model, t->rows, t->valid, &s->fit, t->pool, tell_progress, t, err);
    }
    const struct apg_choose_told told = {tell_progress, tell_stage, t};
    struct apg_choose_report report;
    struct apg_model *chosen = NULL;
    s->choose.embedding_std = s->arch.embedding_std;
    s->choose.rank_given = apg_given_has(&s->given, "rank");
    enum apg_status status = apg_choose(&chosen, &report, t->schema, &s->arch.arch, t->rows, t->valid,
        &s->fit, &s->choose, t->pool, &told, err);
    t->model = chosen;
    t->kept = report.kept;
    if (!status)
        tell_choice(t, &report);
    return status;
}

/* Hand the model over to *out, with the schema that it reads rows by, which may lie in a feature file. */
static enum apg_status hand_over(struct training *t, struct apg **out, struct apg_error *err)
{
    struct apg_model *m = t->model;
    enum apg_status status = apg_away_back(&t->away, t->schema, err);
    if (!status && !t->from)
        status = apg_schema_own(t->schema, err);
    if (status || (status = apg_dataset_check(t->rows, err)) ||
        (t->valid && (status = apg_dataset_check(t->valid, err))))
        return status;
    if (t->from)
        apg_model_inherit(m, t->from);
    else
        m->own_schema = t->schema;
    t->model = NULL;
    t->schema = NULL;
    return apg_handle_new(out, m, err);
}

/* Vocabularies stay in memory up to this size. Of 4 M rows with 3.6 M tokens they have 138 MB, and writing and
 * reading them takes less than a hundredth of an epoch. */
enum { VOCAB_MEMORY_BYTES = 64 << 20 };

static enum apg_status train(
    struct training *t, const struct apg_input *logs, size_t n_logs, struct apg_error *err)
{
    struct apg_train_settings *s = &t->settings;
    enum apg_status status;
    if ((status = apg_train_settings_set(s, t->options->settings, err)) ||
        (status = apg_columns_check(&s->columns, err)) || (status = apg_rejects_check(&s->rejects, err)) ||
        (status = apg_arch_settle(&s->arch, &s->given, err)) || (status = check_options(t, err)))
        return status;
    if (t->options->rejects && !apg_rejects_skip(&s->rejects))
        return apg_fail(err, APG_ESETTING, "--rejects is for rows that --on-error leaves out");
    if ((status = apg_origin_same_options(t->options->settings, t->from, err)))
        return status;
    s->rejects.rows = t->options->rejects;
    s->rejects.tell = tell_reject;
    s->rejects.arg = t;
    if (s->online) {
        s->fit.holdout = 0;
        s->fit.average = 0;
        if (!apg_given_has(&s->given, "batch-size"))
            s->fit.batch_size = APG_ONLINE_BATCH_ROWS;
    }
    if (t->from) {
        t->schema = t->from->own_schema;
        if (s->columns.weight && (status = apg_columns_weigh(t->schema, s->columns.weight, err)))
            return status;
        s->fit.validate_start = true;
        if (!apg_given_has(&s->given, "negative-rate"))
            s->fit.negative_rate = t->from->calibration.rate;
        apg_columns_cut_as(&s->columns, &s->given, t->schema);
    }
    if (s->state &&
        (status = apg_state_open(&t->state, s->state, s->resume, s->state_every, tell_unwritten, t, err)))
        return status;
    if (s->from_state && (status = apg_state_read(&t->from_state, s->from_state, err)))
        return status;
    if ((status = apg_pool_new(&t->pool, (unsigned)s->threads, err)) ||
        (status = read_rows(t, logs, n_logs, &t->rows, err)))
        return status;
    apg_columns_cut_as(&s->columns, &s->given, t->schema);
    if ((t->options->valid && (status = read_rows(t, t->options->valid, 1, &t->valid, err))) ||
        (status = apg_rejects_end(&s->rejects, err)) || (status = find_leaks(t, err)) ||
        (s->cross.columns.n && (status = apg_cross_make(t->schema, t->rows, &s->cross, t->pool, err))) ||
        (status = find_arch(t, err)))
        return status;
    apg_fit_settle(&s->fit, &s->given, t->valid, &s->arch.arch, t->rows->rows);
    if ((status = apg_origin_same_rows(t->schema, t->rows, t->valid, err)))
        return status;
    if (t->state &&
        (status = apg_origin_check(t->state, s, t->schema, t->rows, t->valid, t->from, t->from_state, err)))
        return status;
    apg_away_put(&t->away, t->schema, VOCAB_MEMORY_BYTES, s->columns.temp_dir);
    apg_mem_trim(); /* what reading has freed */
    s->fit.state = t->state;
    s->fit.from_state = t->from_state;
    s->fit.from = t->from;
    s->fit.stop = stop;
    s->fit.stop_arg = t;
    status = fit(t, err);
    t->stopped = status == APG_ESTOPPED && t->kept.better;
    if ((status && !t->stopped) || (status = judge(t, err)) || (status = require(t, err)))
        return status;
    if (t->stopped)
        tell(t, (struct apg_event){.kind = APG_EVENT_STOPPED, .progress = &t->kept});
    else
        tell_course(t);
    tell_calibrated(t);
    return t->no_memory ? apg_fail_memory(err) : record(t, err);
}

enum apg_status apg_train(struct apg **out, const struct apg_input *logs, size_t n_logs,
    const struct apg_train_options *options, struct apg_error *err)
{
    static const struct apg_train_options none = {0};
    struct training t = {.options = options ? options : &none};
    if (t.options->from) {
        t.from = t.options->from->model;
        t.options->from->model = NULL;
        apg_close(t.options->from);
    }
    apg_train_settings_init(&t.settings);
    enum apg_status status = train(&t, logs, n_logs, err);
    if (!status)
        status = hand_over(&t, out, err);
    apg_model_free(t.model);
    apg_dataset_free(t.valid);
    if (!t.from)
        apg_schema_free(t.schema);
    apg_model_free(t.from);
    apg_away_release(&t.away);
    apg_dataset_free(t.rows);
    apg_pool_free(t.pool);
    apg_state_free(t.state);
    apg_state_free(t.from_state);
    free(t.found);
    apg_rejects_release(&t.settings.rejects);
    apg_train_settings_release(&t.settings);
    return status;
}
