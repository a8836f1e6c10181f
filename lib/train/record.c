/* SPDX-License-Identifier: MIT */
#include "train/record.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* The tables of what a record has: what is of the columns the schema has, and the others change no weight. */
static const struct apg_setting *const tables[] = {apg_cross_settings, apg_arch_members,
    apg_fit_rows_settings, apg_grow_settings, apg_online_settings, apg_choose_settings, apg_fit_settings};
enum { TABLES = sizeof tables / sizeof *tables };

/* The same, with where each is in S. */
static bool put_all(json_t *object, const struct apg_train_settings *s, const struct apg_given *given)
{
    return apg_setting_put(object, apg_cross_settings, given, &s->cross, NULL) &&
           apg_setting_put(object, apg_arch_members, given, &s->arch, NULL) &&
           apg_setting_put(object, apg_fit_rows_settings, given, &s->fit, NULL) &&
           apg_setting_put(object, apg_grow_settings, given, &s->grow, NULL) &&
           apg_setting_put(object, apg_online_settings, given, &s->online, NULL) &&
           apg_setting_put(object, apg_choose_settings, given, &s->choose, NULL) &&
           apg_setting_put(object, apg_fit_settings, given, &s->fit, NULL);
}

/* All names that put_all may put. */
static void name_all(struct apg_given *g)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const struct apg_setting *row = tables[t]; row->kind != APG_SETTING_END; row++)
            if (row->name)
                apg_given_add(g, row->name);
}

/* Is TEXT, "NAME=VALUE", of setting NAME? */
static bool is_of(const char *text, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && text[n] == '=';
}

/* Is TEXT of layers that adapt alone? */
static bool is_of_adapting(const char *text)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const struct apg_setting *row = tables[t]; row->kind != APG_SETTING_END; row++)
            if (row->name && row->of && strcmp(row->of, "backbone") != 0 && is_of(text, row->name))
                return true;
    return false;
}

/* *out: S as TEXT settles it, all of it; *given: what of it was given. *out is NULL where the settings do not
 * go together. */
static enum apg_status settle(json_t **out, struct apg_train_settings *s, const char *const *text,
    const struct apg_record *r, struct apg_error *err)
{
    struct apg_given all = {0};
    name_all(&all);
    *out = NULL;
    apg_train_settings_init(s);
    enum apg_status status = apg_train_settings_set(s, text, err);
    if (!status)
        status = apg_arch_settle(&s->arch, &s->given, err);
    if (status)
        return status == APG_ESETTING ? APG_OK : status;
    s->arch.n_rank = s->arch.n_overparam = s->arch.arch.n_hidden; /* it has given each layer its number */
    apg_fit_settle(&s->fit, &s->given, r->given, &s->arch.arch, r->rows);
    if (!(*out = json_object()) || !put_all(*out, s, &all))
        return apg_fail_memory(err);
    return APG_OK;
}

/* Must setting NAME stay, though the others settle to the same without it? What it says of the model counts
 * where it would else be that of FROM, and a rank that is given is not chosen. */
static bool stays(const struct apg_record *r, const struct apg_train_settings *s, const char *name)
{
    return (r->from && apg_setting_find(apg_arch_members, name)) ||
           (apg_arch_is_automatic(&s->arch) && strcmp(name, "rank") == 0);
}

/* Take out of TEXT what settles to the same without it. *settings: what is left. */
static enum apg_status reduce(
    json_t **settings, const char **text, size_t n, const struct apg_record *r, struct apg_error *err)
{
    struct apg_train_settings s, less;
    json_t *whole, *part;
    const char **rest = apg_alloc(n + 1, sizeof *rest);
    struct apg_given all = {0};
    name_all(&all);
    enum apg_status status = settle(&whole, &s, text, r, err);
    if (!status && !rest)
        status = apg_fail_memory(err);
    for (size_t i = 0; !status && whole && i < all.n; i++) {
        size_t left = 0;
        for (size_t k = 0; k < n; k++)
            if (!is_of(text[k], all.name[i]))
                rest[left++] = text[k];
        rest[left] = NULL;
        if (left == n || stays(r, &s, all.name[i]))
            continue;
        status = settle(&part, &less, rest, r, err);
        if (!status && json_equal(whole, part)) {
            memcpy(text, rest, (left + 1) * sizeof *rest);
            n = left;
        }
        json_decref(part);
        apg_train_settings_release(&less);
    }
    json_decref(whole);
    struct apg_given given = {0};
    for (size_t i = 0; i < all.n; i++)
        for (size_t k = 0; !status && k < n; k++)
            if (is_of(text[k], all.name[i]))
                apg_given_add(&given, all.name[i]);
    if (!status && (!(*settings = json_object()) || !put_all(*settings, &s, &given)))
        status = apg_fail_memory(err);
    apg_train_settings_release(&s);
    free(rest);
    return status;
}

/* The settings of R, but for the search that found some of them. */
static enum apg_status find_settings(json_t **settings, const struct apg_record *r, struct apg_error *err)
{
    size_t n = 0;
    for (size_t i = 0; r->settings && r->settings[i]; i++)
        n++;
    for (size_t i = 0; r->found && r->found[i]; i++)
        n++;
    const char **text = apg_alloc(n + 1, sizeof *text);
    if (!text)
        return apg_fail_memory(err);
    n = 0;
    for (size_t i = 0; r->settings && r->settings[i]; i++)
        if (!is_of(r->settings[i], "tune") && !(r->fixed && is_of_adapting(r->settings[i])))
            text[n++] = r->settings[i];
    for (size_t i = 0; r->found && r->found[i]; i++)
        text[n++] = r->found[i];
    enum apg_status status = reduce(settings, text, n, r, err);
    free(text);
    return status;
}

/* X to six decimals, which do not depend on how weights were scaled; null where it is undefined. */
static json_t *figure(double x)
{
    return isfinite(x) ? json_real(round(x * 1e6) / 1e6) : json_null();
}

enum apg_status apg_record_make(struct apg_model *m, const struct apg_record *r, struct apg_error *err)
{
    json_t *settings = NULL;
    enum apg_status status = find_settings(&settings, r, err);
    json_t *made = json_pack("{s:s, s:O*, s:I, s:I, s:I}", "version", APG_VERSION, "settings", settings,
        "seed", (json_int_t)r->seed, "rows", (json_int_t)r->rows, "epoch", (json_int_t)r->kept.epoch);
    int bad = !made;
    if (r->valid_rows)
        bad |= json_object_set_new(made, "validation",
            json_pack("{s:I, s:s, s:o, s:o}", "rows", (json_int_t)r->valid_rows, "are",
                r->online  ? "those learned, each before it was"
                : r->given ? "a log of their own"
                : r->last  ? "the last"
                           : "drawn at random",
                "auc", figure(r->kept.valid_auc), "log_loss", figure(r->kept.calibrated_loss)));
    if (r->from && r->from->file)
        bad |= json_object_set_new(made, "from", json_string(apg_tensors_get(r->from->file, "checksum")));
    if (r->from_state)
        bad |= json_object_set_new(made, "from_state", json_string(apg_state_checksum(r->from_state)));
    char *text = status || bad ? NULL : apg_json_text(made);
    if (!status && !text)
        status = apg_fail_memory(err);
    json_decref(made);
    json_decref(settings);
    if (status)
        return status;
    free(m->made);
    m->made = text;
    return APG_OK;
}
