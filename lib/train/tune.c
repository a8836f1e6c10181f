/* SPDX-License-Identifier: MIT */
#include "train/tune.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"
#include "data/cross.h"
#include "train/screen.h"
#include "train/work.h"

/* ---- the axes ---- */

enum { VALUES_MAX = 8 };

/* To add an axis, add a row: a setting and the values to try, in ascending order (no before yes). */
static const struct axis {
    const char *setting;
    const char *value[VALUES_MAX];
} axes[] = {
    {"embedding-prior", {"0", "10", "100", "300", "1000", "3000"}},
    {"dropout", {"0", "0.2", "0.5"}},
    {"lr", {"1e-4", "3e-4", "1e-3", "3e-3"}},
    {"embedding-lr", {"1e-3", "4e-3", "1.2e-2"}},
};
enum { AXES = sizeof axes / sizeof *axes };

/* Where adaptive layers are to be tried, the static model leaves so many trainings of an adaptive one, with
 * its own epochs, for them: one for those that apg train has by itself, half a one or more for the choice of what
 * else they could adapt to, and one for that model. Of a small budget it leaves this share. */
static const double ADAPTIVE_TRAININGS = 2.5, ADAPTIVE_SHARE = .5;

/* ---- candidates ---- */

/* Settings beside those given, each "NAME=VALUE". */
enum {
    CROSSES_MAX = 4,
    RECIPE_MAX = AXES + CROSSES_MAX + 4,
    VALUE_MAX_BYTES = 400,
    TEXT_MAX_BYTES = VALUE_MAX_BYTES + 64
};
struct recipe {
    size_t n;
    char text[RECIPE_MAX][TEXT_MAX_BYTES];
};
/* All of them as options: a quote in a value becomes four bytes. */
enum { OPTIONS_MAX_BYTES = RECIPE_MAX * (4 * TEXT_MAX_BYTES + APG_OPTION_BYTES) };

/* Beside the validation rows, up to FURTHER_MAX parts of the training rows, drawn anew, are held out in turn
 * where it is not yet clear which of two candidates is better. A part has at most HELD_PERCENT of the rows. */
enum { FURTHER_MAX = 2, PARTS_MAX = 1 + FURTHER_MAX, HELD_PERCENT = 20 };

/* A recipe and what came of it. */
struct candidate {
    struct recipe recipe;
    struct apg_watch watch;     /* of the training that validates on the validation rows */
    double work;                /* of that one */
    bool cut;                   /* work was left for so few epochs that it ended before its validation did */
    double *loss[PARTS_MAX];    /* of each row of each part, calibrated, weighted; NULL: not trained */
    uint64_t rows[PARTS_MAX];   /* of each part */
    struct apg_schema *crossed; /* the schema with the recipe's crosses, for its model; NULL: it has none */
    double gain, error;         /* by how much its loss is below the best one's; NaN: it diverged */
    uint64_t judged;            /* over so many rows */
};

static void release(struct candidate *c)
{
    for (size_t i = 0; i < PARTS_MAX; i++)
        free(c->loss[i]);
    memset(c->loss, 0, sizeof c->loss);
    if (c->crossed)
        apg_schema_uncross(c->crossed);
    free(c->crossed);
    c->crossed = NULL;
}

struct tune {
    const char *const *given;
    const struct apg_schema *schema;
    const struct apg_dataset *train, *valid;
    struct apg_pool *pool;
    const struct apg_tune_told *told;
    struct apg_tuned *tuned;
    struct apg_fit_rows rows;
    double left, unit;  /* work: that may still be done; of a training of the model that was asked for */
    double budget;      /* work */
    double ratio;       /* of a row's work in an adaptive model to that in the best one; 0: none is tried */
    bool crosses_given; /* the schema has them */
    bool further;       /* rows may be held out at random */
    struct candidate best;
    struct apg_model *model; /* the best */
};

static bool is_of(const char *text, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && text[length] == '=';
}

/* NAME is VALUE from here on. */
static void put(struct recipe *r, const char *name, const char *value)
{
    size_t i = 0;
    while (i < r->n && !is_of(r->text[i], name))
        i++;
    r->n += i == r->n;
    (void)snprintf(r->text[i], TEXT_MAX_BYTES, "%s=%s", name, value);
}

/* The settings that recipe R makes of those given, as apg_train settles them. They borrow R's text; the
 * caller releases them. */
static enum apg_status settle(
    const struct tune *t, const struct recipe *r, struct apg_train_settings *s, struct apg_error *err)
{
    apg_train_settings_init(s);
    enum apg_status status = apg_train_settings_set(s, t->given, err);
    for (size_t i = 0; !status && i < r->n; i++)
        status = apg_train_settings_set(s, (const char *const[]){r->text[i], NULL}, err);
    if (status || (status = apg_arch_settle(&s->arch, &s->given, err)) ||
        (status = apg_arch_columns(&s->arch, t->schema, err)))
        return status;
    apg_fit_settle(&s->fit, &s->given, t->valid, &s->arch.arch, t->train->rows);
    s->fit.stop = t->told->stop;
    s->fit.stop_arg = t->told->arg;
    return APG_OK;
}

/* The recipe as options, OUT (OPTIONS_MAX_BYTES), as a shell takes them. */
static void options_text(const struct recipe *r, char *out)
{
    out[0] = '\0';
    for (size_t i = 0; i < r->n; i++) {
        char name[TEXT_MAX_BYTES];
        const size_t length = strcspn(r->text[i], "=");
        (void)snprintf(name, sizeof name, "%.*s", (int)length, r->text[i]);
        out += sprintf(out, "%s", i ? " " : "");
        out = apg_setting_option(out, name, r->text[i] + length + 1);
    }
}

/* The recipe's settings, and NULL behind them, in one piece of memory; NULL: out of memory. */
static char **settings_of(const struct recipe *r)
{
    char **setting = malloc((r->n + 1) * sizeof *setting + sizeof r->text);
    for (size_t i = 0; setting && i < r->n; i++)
        setting[i] = strcpy((char *)(setting + r->n + 1) + i * TEXT_MAX_BYTES, r->text[i]);
    if (setting)
        setting[r->n] = NULL;
    return setting;
}

/* Whether C's first training came to an end. */
static bool converged(const struct candidate *c)
{
    return c->loss[0];
}

/* The schema that the model of C reads rows by, which is made for a recipe of crosses. NULL: *status says
 * why. */
static const struct apg_schema *schema_of(const struct tune *t, struct candidate *c,
    const struct apg_cross_options *crosses, enum apg_status *status, struct apg_error *err)
{
    if (t->crosses_given || !crosses->columns.n)
        return t->schema;
    if (c->crossed)
        return c->crossed;
    if (!(c->crossed = apg_alloc(1, sizeof *c->crossed))) {
        *status = apg_fail_memory(err);
        return NULL;
    }
    *c->crossed = *t->schema;
    *status = apg_cross_make(c->crossed, t->train, crosses, t->pool, err);
    return *status ? NULL : c->crossed;
}

/* Put the calibrated losses of the rows that OPTIONS validate on, by M, into part PART of C. */
static enum apg_status measure(struct tune *t, struct candidate *c, size_t part, struct apg_model *m,
    const struct apg_fit_options *options, struct apg_error *err)
{
    struct apg_fit_rows rows;
    enum apg_status status = apg_fit_rows_init(&rows, t->train, part ? NULL : t->valid, options, err);
    double *loss = status ? NULL : apg_alloc((size_t)rows.n_valid, sizeof *loss);
    if (!status && !loss)
        status = apg_fail_memory(err);
    if (!status)
        status = apg_fit_logits(m, &rows, t->pool, loss, err);
    double weight = 0;
    for (uint64_t i = 0; !status && i < rows.n_valid; i++)
        weight += (double)apg_fit_valid_weight(&rows, i) / (double)rows.n_valid;
    for (uint64_t i = 0; !status && i < rows.n_valid; i++)
        loss[i] = (double)apg_fit_valid_weight(&rows, i) / weight *
                  apg_metrics_logit_loss(
                      loss[i] - log(m->calibration.rate), apg_word_float(apg_fit_valid_row(&rows, i)[0]) > 0);
    c->rows[part] = rows.n_valid;
    apg_fit_rows_release(&rows);
    if (status)
        free(loss);
    else
        c->loss[part] = loss;
    return status;
}

/* Train candidate C to its end, or as long as it does WORK at most. PART 0 validates on the validation
 * rows, and *out is the model, which may be NULL. Another part holds out some of the training rows, drawn
 * by the part. Of a candidate that diverges, or is cut in a part above 0, C has no losses of the part. Of the
 * first candidate there is a model also where it is stopped. */
static enum apg_status train(struct tune *t, struct candidate *c, size_t part, double work,
    struct apg_model **out, struct apg_error *err)
{
    struct apg_train_settings s;
    struct apg_model *m = NULL;
    struct apg_watch watch;
    apg_watch_init(&watch, t->told->fit, t->told->arg);
    if (out)
        *out = NULL;
    enum apg_status status = settle(t, &c->recipe, &s, err);
    const struct apg_schema *schema = status ? NULL : schema_of(t, c, &s.cross, &status, err);
    if (status || (status = apg_model_new(&m, schema, &s.arch.arch, s.fit.batch_size, true, err)))
        goto done;
    s.fit.seed += part;
    if (part && t->valid) {
        const double share = (double)t->valid->rows / (double)t->train->rows;
        s.fit.holdout = fmin(share, HELD_PERCENT / 100.);
    }
    apg_model_init_weights(m, s.fit.seed, s.arch.embedding_std, s.arch.init == APG_INIT_ANCHOR);
    apg_model_init_bias(m, apg_dataset_positives(t->train), t->train->rows);
    const struct apg_cost cost = apg_complexity_graph(&m->graph);
    const double row = apg_work_row(schema, &m->arch, &cost, s.fit.batch_size);
    const double epochs = floor(work / (row * apg_work_fit(&t->rows, (double)t->rows.n_train, 1)));
    const size_t wanted = s.fit.epochs;
    if (epochs < (double)wanted)
        s.fit.epochs = epochs < 1 ? 1 : (size_t)epochs;
    status = apg_fit(m, t->train, part ? NULL : t->valid, &s.fit, t->pool, apg_watch_progress, &watch, err);
    const double done = row * apg_work_fit(&t->rows, watch.rows, (double)watch.epochs);
    const bool cut = s.fit.epochs < wanted && !status && watch.epochs == s.fit.epochs;
    t->left -= done;
    t->tuned->tried++;
    if (!status && !(part && cut))
        status = measure(t, c, part, m, &s.fit, err);
    else if (status == APG_ERANGE && t->model) {
        watch.best.valid_auc = watch.best.calibrated_loss = NAN;
        status = APG_OK;
    }
    if (part) {
        if (status == APG_EINPUT) /* all rows of the part have the weight 0: it cannot judge */
            status = APG_OK;
        goto done;
    }
    c->watch = watch, c->work = done, c->cut = cut;
    if (cut) {
        char text[32];
        (void)snprintf(text, sizeof text, "%zu", s.fit.epochs);
        put(&c->recipe, "epochs", text);
    }
    if (!status || (status == APG_ESTOPPED && !t->model && watch.best.better)) {
        *out = m;
        m = NULL;
    }
done:
    apg_train_settings_release(&s);
    apg_model_free(m);
    return status;
}

/* Fill in by how much C is better than the best, over the parts that both were trained for. */
static void compare(const struct tune *t, struct candidate *c)
{
    double sum = 0, squares = 0;
    c->judged = 0;
    for (size_t p = 0; p < PARTS_MAX && c->loss[p] && t->best.loss[p]; p++) {
        for (uint64_t i = 0; i < c->rows[p]; i++) {
            const double d = t->best.loss[p][i] - c->loss[p][i];
            sum += d;
            squares += d * d;
        }
        c->judged += c->rows[p];
    }
    const double n = (double)c->judged, mean = sum / n;
    c->gain = converged(c) ? mean : NAN;
    c->error = sqrt(fmax(squares / n - mean * mean, 0) / n);
}

/* Work that may be done before adaptive layers have their turn. */
static double spare(const struct tune *t)
{
    return t->left - fmin(ADAPTIVE_TRAININGS * t->ratio * t->best.work, ADAPTIVE_SHARE * t->budget);
}

/* Train candidate C. *better: it is better than the best by more than its error. Where the validation rows leave
 * that open, both are trained for further parts: few rows are lucky for one of many candidates. *out: its
 * model. */
static enum apg_status judge(
    struct tune *t, struct candidate *c, struct apg_model **out, bool *better, struct apg_error *err)
{
    enum apg_status status = train(t, c, 0, spare(t), out, err);
    if (status)
        return status;
    compare(t, c);
    for (size_t p = 1; p < PARTS_MAX && t->further && c->gain > -c->error && c->gain < 2 * c->error; p++) {
        if (spare(t) < (t->best.loss[p] ? 0 : t->best.work) + c->work)
            break;
        if (!t->best.loss[p] && (status = train(t, &t->best, p, spare(t), NULL, err)))
            return status;
        if ((status = train(t, c, p, spare(t), NULL, err)))
            return status;
        compare(t, c);
    }
    *better = c->gain > c->error;
    return APG_OK;
}

static void tell(const struct tune *t, const struct candidate *c, bool best)
{
    char options[OPTIONS_MAX_BYTES];
    options_text(&c->recipe, options);
    const struct apg_progress *p = &c->watch.best;
    const struct apg_trial trial = {.options = options,
        .best_epoch = p->epoch,
        .epochs = c->watch.epochs,
        .auc = p->valid_auc,
        .loss = p->calibrated_loss,
        .gain = c->gain,
        .error = c->error,
        .judged = c->judged,
        .work = (t->budget - t->left) / t->unit,
        .best = best,
        .cut = c->cut};
    if (t->told->trial)
        t->told->trial(t->told->arg, &trial);
}

/* C, whose model is *M, takes the place of the best. */
static void take(struct tune *t, struct candidate *c, struct apg_model **m)
{
    apg_model_free(t->model);
    t->model = *m;
    *m = NULL;
    release(&t->best);
    t->best = *c;
    memset(c->loss, 0, sizeof c->loss);
    c->crossed = NULL;
}

/* ---- one axis after the other ---- */

static double number(const char *value)
{
    return strcmp(value, "yes") == 0 ? 1 : strcmp(value, "no") == 0 ? 0 : strtod(value, NULL);
}

/* The number that the best candidate has for SETTING, which may be a default. */
static enum apg_status number_of_best(
    const struct tune *t, const char *setting, double *out, struct apg_error *err)
{
    struct apg_train_settings s;
    enum apg_status status = settle(t, &t->best.recipe, &s, err);
    if (!status)
        *out = apg_train_settings_number(&s, setting);
    apg_train_settings_release(&s);
    return status;
}

/* The value to try next, where the best is AT: the nearest above or below it that was not TRIED. -1: none. */
static int next_value(const struct axis *a, double at, const bool *tried)
{
    int above = -1, below = -1;
    for (int i = 0; i < VALUES_MAX && a->value[i]; i++) {
        const double x = number(a->value[i]);
        if (x > at && above < 0)
            above = i;
        if (x < at)
            below = i;
    }
    return above >= 0 && !tried[above] ? above : below >= 0 && !tried[below] ? below : -1;
}

/* Walk along axis A while candidates are better and there is work for as many epochs as the best took. */
static enum apg_status walk(struct tune *t, const struct axis *a, struct apg_error *err)
{
    bool tried[VALUES_MAX] = {false};
    double at;
    enum apg_status status = number_of_best(t, a->setting, &at, err);
    while (!status) {
        const int next = next_value(a, at, tried);
        if (next < 0)
            break;
        if (spare(t) < t->best.work) {
            t->tuned->left_out++;
            break;
        }
        struct candidate c = {.recipe = t->best.recipe};
        struct apg_model *m = NULL;
        put(&c.recipe, a->setting, a->value[next]);
        tried[next] = true;
        bool better = false;
        status = judge(t, &c, &m, &better, err);
        if (!status)
            tell(t, &c, better);
        if (better) {
            for (int i = 0; i < VALUES_MAX && a->value[i]; i++) /* where it came from was tried */
                tried[i] = tried[i] || number(a->value[i]) == at;
            at = number(a->value[next]);
            take(t, &c, &m);
        }
        apg_model_free(m);
        release(&c);
    }
    return status;
}

/* ---- crosses ---- */

/* The most rows that pairs of columns are screened by; and how many of the crosses that are tried may
 * fail. */
enum { SCREEN_ROWS = 200000, CROSS_FAILURES = 2 };

/* What the best model misses of the rows that it is trained on, by pairs of columns: *pair (n), freed with
 * free(). */
static enum apg_status screen(struct tune *t, struct apg_screened **pair, size_t *n, struct apg_error *err)
{
    const size_t rows = t->rows.n_train < SCREEN_ROWS ? (size_t)t->rows.n_train : SCREEN_ROWS;
    const uint64_t all = t->rows.n_train;
    const uint32_t **row = apg_alloc(rows, sizeof *row);
    double *logit = apg_alloc(rows, sizeof *logit);
    struct apg_fit_rows some = {.valid = t->train, .held = apg_alloc(rows, sizeof *some.held)};
    enum apg_status status = row && logit && some.held ? APG_OK : apg_fail_memory(err);
    *pair = NULL, *n = 0;
    /* From all of the log, as evenly as can be. */
    for (uint64_t r = 0, i = 0, held = 0; !status && i < all; r++)
        if (!apg_fit_is_held(&t->rows, r, &held) && ++i * rows / all > some.n_valid)
            some.held[some.n_valid++] = r;
    if (!status)
        status = apg_fit_logits(t->model, &some, t->pool, logit, err);
    for (size_t i = 0; !status && i < rows; i++) {
        row[i] = apg_fit_valid_row(&some, i);
        logit[i] -= log(t->model->calibration.rate);
    }
    if (!status)
        status = apg_screen_pairs(pair, n, t->schema, row, logit, rows, t->pool, err);
    free(row);
    free(logit);
    free(some.held);
    return status;
}

/* Add the cross of P to recipe R. False: the names are too long for it, or R is full. */
static bool add_cross(struct recipe *r, const struct apg_schema *s, const struct apg_screened *p)
{
    const char *a = s->field[p->a].name, *b = s->field[p->b].name;
    if (r->n == RECIPE_MAX || 2 * (strlen(a) + strlen(b)) + 7 > VALUE_MAX_BYTES)
        return false;
    char *text = r->text[r->n++];
    text += sprintf(text, "cross=");
    text = apg_list_put(text, a);
    *text++ = ',';
    apg_list_put(text, b);
    return true;
}

/* Try the pairs of columns of most promise as crosses, each beside those that were better. */
static enum apg_status cross(struct tune *t, struct apg_error *err)
{
    struct apg_screened *pair;
    size_t n, taken = 0, failed = 0;
    enum apg_status status = screen(t, &pair, &n, err);
    for (size_t i = 0; !status && i < n && taken < CROSSES_MAX && failed < CROSS_FAILURES; i++) {
        struct candidate c = {.recipe = t->best.recipe};
        struct apg_model *m = NULL;
        bool better = false;
        if (!add_cross(&c.recipe, t->schema, &pair[i]))
            continue;
        if (spare(t) < t->best.work) {
            t->tuned->left_out++;
            break;
        }
        status = judge(t, &c, &m, &better, err);
        if (!status)
            tell(t, &c, better);
        if (better)
            take(t, &c, &m);
        *(better ? &taken : &failed) += 1;
        apg_model_free(m);
        release(&c);
    }
    free(pair);
    return status;
}

/* ---- adaptive layers ---- */

/* Write what try T adapts to into recipe R: self, where the columns' names are too long. ARCH has the
 * ranks by layer, of which those above 0 become T's. */
static void put_try(
    struct recipe *r, const struct apg_choose_try *t, const struct apg_schema *s, const struct apg_arch *arch)
{
    char text[VALUE_MAX_BYTES];
    if (t->n && apg_choose_condition(text, sizeof text, t, s))
        put(r, "condition", text);
    size_t used = 0;
    bool other = false;
    for (size_t l = 0; l < arch->n_hidden && used < sizeof text; l++) {
        const size_t rank = arch->K[l] ? t->rank : 0;
        other = other || rank != arch->K[l];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", l ? "," : "", rank);
    }
    if (t->rank && other)
        put(r, "rank", text);
}

/* Is the model M of the candidate, chosen from many, surely better than the best? */
static enum apg_status test(struct tune *t, struct apg_model *m, size_t tried, struct apg_error *err)
{
    struct apg_choose_report report = {.tried = tried, .difference = NAN, .low = NAN, .high = NAN};
    double *fixed = apg_alloc((size_t)t->rows.n_valid, sizeof *fixed);
    double *adaptive = apg_alloc((size_t)t->rows.n_valid, sizeof *adaptive);
    enum apg_status status = fixed && adaptive ? APG_OK : apg_fail_memory(err);
    if (!status && !(status = apg_fit_logits(t->model, &t->rows, t->pool, fixed, err)) &&
        !(status = apg_fit_logits(m, &t->rows, t->pool, adaptive, err)))
        status = apg_choose_test(&report, &t->rows, fixed, adaptive, t->pool, err);
    t->tuned->adaptive = report.better;
    t->tuned->difference = report.difference;
    t->tuned->low = report.low;
    t->tuned->high = report.high;
    free(fixed);
    free(adaptive);
    return status;
}

/* The recipe of the best, with the layers that apg train has by itself. */
static struct recipe usual_layers(const struct tune *t)
{
    struct recipe r = {.n = 0};
    for (size_t i = 0; i < t->best.recipe.n; i++)
        if (!is_of(t->best.recipe.text[i], "layer"))
            memcpy(r.text[r.n++], t->best.recipe.text[i], TEXT_MAX_BYTES);
    return r;
}

static bool equal(const struct recipe *a, const struct recipe *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->text[i], b->text[i]) != 0)
            return false;
    return a->n == b->n;
}

/* The static model's settings are found: these, with the usual layers. They are not chosen from many, and are what
 * is had without --tune, so that any lower loss counts. */
static enum apg_status try_usual_layers(struct tune *t, struct apg_error *err)
{
    struct candidate c = {.recipe = usual_layers(t)};
    struct apg_model *m = NULL;
    if (t->left < t->ratio * t->best.work) {
        t->tuned->left_out++;
        return APG_OK;
    }
    const enum apg_status status = train(t, &c, 0, t->left, &m, err);
    if (!status) {
        compare(t, &c);
        t->tuned->usual = c.gain > 0;
        tell(t, &c, t->tuned->usual);
    }
    if (t->tuned->usual) {
        take(t, &c, &m);
        t->ratio = 1;
    }
    apg_model_free(m);
    release(&c);
    return status;
}

/* What could layers adapt to, and is that better? */
static enum apg_status adapt(struct tune *t, struct apg_error *err)
{
    const struct recipe usual = usual_layers(t);
    struct candidate c = {.recipe = usual};
    struct recipe automatic = usual;
    struct apg_train_settings s;
    struct apg_choose_report report;
    struct apg_model *m = NULL;
    const struct apg_choose_told told = {.stage = t->told->round, .arg = t->told->arg};
    put(&automatic, "condition", "auto");
    enum apg_status status = settle(t, &automatic, &s, err);
    if (status)
        goto done;
    const double last = t->ratio * t->best.work;
    /* As much for the choice of what to adapt to as for the training of the model that does. */
    const struct apg_choose_options options = {
        .budget = fmin(t->left - last, last), .embedding_std = s.arch.embedding_std};
    if (options.budget < last / 4) {
        t->tuned->left_out++;
        goto done;
    }
    const struct apg_schema *schema = schema_of(t, &t->best, &s.cross, &status, err);
    if (status || (status = apg_choose_pick(t->best.watch.best.epoch, &report, schema, &s.arch.arch, t->train,
                       t->valid, &s.fit, &options, t->pool, &told, err)))
        goto done;
    t->left -= report.work;
    put_try(&c.recipe, &report.best, t->schema, &s.arch.arch);
    if (equal(&c.recipe, &usual)) /* which has been tried */
        goto done;
    if ((status = train(t, &c, 0, t->left, &m, err)))
        goto done;
    t->tuned->adaptive_tried = true;
    compare(t, &c);
    if (converged(&c) && (status = test(t, m, report.tried, err)))
        goto done;
    tell(t, &c, t->tuned->adaptive);
    if (t->tuned->adaptive)
        take(t, &c, &m);
done:
    apg_train_settings_release(&s);
    apg_model_free(m);
    release(&c);
    return status;
}

/* ---- all of it ---- */

/* *open: the static model may stand for what is GIVEN. Not if that says what layers adapt to, or how. */
static enum apg_status is_open(const char *const *given, bool *open, struct apg_error *err)
{
    struct apg_train_settings s;
    apg_train_settings_init(&s);
    enum apg_status status = apg_train_settings_set(&s, given, err);
    *open = !status && !apg_given_has(&s.given, "layer");
    if (*open)
        status = apg_train_settings_set(&s, (const char *const[]){"layer=dense", NULL}, err);
    apg_train_settings_release(&s);
    *open = *open && !status;
    return status == APG_ESETTING ? APG_OK : status;
}

static enum apg_status search(struct tune *t, const struct apg_given *given, bool open, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < AXES; i++)
        if (!apg_given_has(given, axes[i].setting))
            status = walk(t, &axes[i], err);
    if (!status && !t->crosses_given)
        status = cross(t, err);
    if (!status && open)
        status = try_usual_layers(t, err);
    if (!status && open)
        status = adapt(t, err);
    return status;
}

enum apg_status apg_tune(struct apg_model **out, struct apg_tuned *tuned, char **text, char ***found,
    struct apg_progress *kept, const char *const *given, double budget, struct apg_schema *schema,
    const struct apg_dataset *rows, const struct apg_dataset *valid, struct apg_pool *pool,
    const struct apg_tune_told *told, struct apg_error *err)
{
    struct tune t = {given, schema, rows, valid, pool, told, tuned, .left = INFINITY};
    bool open;
    struct apg_train_settings s;
    *tuned = (struct apg_tuned){.difference = NAN, .low = NAN, .high = NAN};
    enum apg_status status = settle(&t, &(struct recipe){.n = 0}, &s, err);
    if (status || (status = is_open(given, &open, err)) ||
        (status = apg_fit_rows_init(&t.rows, rows, valid, &s.fit, err)))
        goto done;
    if (!t.rows.n_valid) {
        status = apg_fail(err, APG_EUSAGE, "without validation rows there is nothing to tune by");
        goto done;
    }
    t.crosses_given = s.cross.columns.n > 0;
    struct candidate first = {.recipe = {.n = 0}};
    struct apg_model *m = NULL;
    if (open)
        put(&first.recipe, "layer", "dense");
    status = train(&t, &first, 0, INFINITY, &m, err);
    if (!m)
        goto done;
    const struct apg_cost cost_first = apg_complexity_graph(&m->graph);
    take(&t, &first, &m);
    if (!status) {
        struct apg_cost cost;
        if ((status = apg_complexity_arch(&cost, &s.arch.arch, &t.model->graph, err)))
            goto done;
        const double ratio = apg_work_row(schema, &s.arch.arch, &cost, s.fit.batch_size) /
                             apg_work_row(schema, &s.arch.arch, &cost_first, s.fit.batch_size);
        t.ratio = open ? ratio : 0;
        t.unit = first.work * ratio;
        t.budget = budget * t.unit;
        t.left = t.budget - first.work;
        t.further = !(s.fit.holdout_last > 0); /* else rows are in the order of time */
        tell(&t, &t.best, true);
        status = search(&t, &s.given, open, err);
        if (status && status != APG_ESTOPPED)
            goto done;
        if (!(*text = malloc(OPTIONS_MAX_BYTES))) {
            status = apg_fail_memory(err);
            goto done;
        }
        options_text(&t.best.recipe, *text);
        tuned->options = *text;
        tuned->work = (t.budget - t.left) / t.unit;
    }
    if (!*text) { /* the first candidate, stopped: so many epochs give it again */
        char epochs[32];
        (void)snprintf(epochs, sizeof epochs, "%zu", t.best.watch.best.epoch);
        put(&t.best.recipe, "epochs", epochs);
    }
    if (!(*found = settings_of(&t.best.recipe))) {
        status = apg_fail_memory(err);
        goto done;
    }
    *kept = t.best.watch.best;
    if (t.best.crossed) { /* they move to the schema that the model keeps */
        schema->n_crosses = t.best.crossed->n_crosses;
        schema->cross = t.best.crossed->cross;
        schema->rows = t.best.crossed->rows;
        t.best.crossed->n_crosses = 0;
        t.best.crossed->cross = NULL;
        t.model->schema = schema;
    }
    *out = t.model;
    t.model = NULL;
done:
    apg_train_settings_release(&s);
    apg_model_free(t.model);
    release(&t.best);
    apg_fit_rows_release(&t.rows);
    return status;
}
