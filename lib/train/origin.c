/* SPDX-License-Identifier: MIT */
#include "train/origin.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/comm.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/schemafile.h"

/* ---- settings ---- */

/* All settings that decide what a training comes to, but for --epochs: how rows are READ, or the others, some of
 * which are settled by the rows. */
static json_t *settings_of(const struct apg_train_settings *s, bool read)
{
    const struct {
        const struct apg_setting *rows;
        const void *base;
        bool read;
    } table[] = {{apg_columns_format, &s->columns, true}, {apg_columns_kinds, &s->columns, true},
        {apg_cross_settings, &s->cross, true}, {apg_grow_settings, &s->grow, true},
        {apg_fit_rows_settings, &s->fit, true}, {apg_online_settings, &s->online, true},
        {apg_arch_members, &s->arch, false}, {apg_fit_settings, &s->fit, false}};
    json_t *all = json_object();
    int bad = 0;
    for (size_t t = 0; t < sizeof table / sizeof *table; t++)
        for (const struct apg_setting *row = table[t].rows; row->kind != APG_SETTING_END; row++)
            if (table[t].read == read && row->name && strcmp(row->name, "epochs") != 0) {
                json_t *value = apg_setting_json(row, table[t].base);
                /* One that is not UTF-8 is seen in the rows that it makes. */
                bad |= value ? json_object_set_new(all, row->name, value) : 0;
            }
    return apg_json_whole(all, bad);
}

/* The setting NAME is VALUE, or does what it does when nobody gives it. */
static enum apg_status differ(
    const struct apg_state *s, const char *name, const json_t *was, const json_t *is, struct apg_error *err)
{
    const char *dir = apg_state_dir(s), *before = json_string_value(was), *now = json_string_value(is);
    if (before && *before && now && *now)
        return apg_fail(
            err, APG_ESETTING, "--resume: %s/ was made with --%s %s, not %s", dir, name, before, now);
    const bool with = before ? *before : json_is_true(was);
    return apg_fail(err, APG_ESETTING, "--resume: %s/ was made %s --%s%s%s", dir, with ? "with" : "without",
        name, before && *before ? " " : "", before ? before : "");
}

static enum apg_status check_settings(
    struct apg_state *s, const struct apg_train_settings *settings, bool read, struct apg_error *err)
{
    const char *key = read ? "reading" : "settings";
    json_t *is = settings_of(settings, read), *was = NULL;
    char *text = apg_json_text(is);
    enum apg_status status = text ? apg_state_set(s, key, text, err) : apg_fail_memory(err);
    if (!status && apg_state_found(s)) {
        const char *name;
        json_t *value;
        was = apg_json_parse(apg_state_get(s, key));
        if (!was)
            status = apg_state_altered(s, err);
        json_object_foreach(is, name, value) if (!status && !json_equal(json_object_get(was, name), value))
            status = differ(s, name, json_object_get(was, name), value, err);
    }
    json_decref(was);
    json_decref(is);
    free(text);
    return status;
}

/* ---- rows ---- */

/* "ROWS HASH": XXH3 of the words of D's rows, in their order. "": D is NULL. */
static enum apg_status describe_rows(
    char *text, size_t size, const struct apg_dataset *d, struct apg_error *err)
{
    *text = '\0';
    if (!d)
        return APG_OK;
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return apg_fail_memory(err);
    XXH3_64bits_reset(hash);
    for (size_t i = 0; i < d->n_blocks; i++) {
        const struct apg_block *b = &d->block[i];
        XXH3_64bits_update(
            hash, b->words + b->start[0], (b->start[b->rows] - b->start[0]) * sizeof *b->words);
    }
    (void)snprintf(text, size, "%" PRIu64 " %016" PRIx64, d->rows, (uint64_t)XXH3_64bits_digest(hash));
    XXH3_freeState(hash);
    return APG_OK;
}

static bool add_to_hash(void *hash, const void *p, size_t n)
{
    return XXH3_64bits_update(hash, p, n) == XXH_OK;
}

/* XXH3 of all that a model file would have of columns, vocabularies and crosses. */
static enum apg_status describe_schema(
    char *text, size_t size, const struct apg_schema *schema, struct apg_error *err)
{
    struct apg_tensors *t = NULL;
    XXH3_state_t *hash = XXH3_createState();
    enum apg_status status = hash ? apg_tensors_new(&t, err) : apg_fail_memory(err);
    if (!status && !(status = apg_schema_save(schema, t, err)) &&
        !(status = apg_cross_save(schema, t, err))) {
        XXH3_64bits_reset(hash);
        status = apg_tensors_write(t, (struct apg_sink){add_to_hash, hash, "the encoder"}, err);
    }
    if (!status)
        (void)snprintf(text, size, "%016" PRIx64, (uint64_t)XXH3_64bits_digest(hash));
    apg_tensors_free(t);
    XXH3_freeState(hash);
    return status;
}

/* Compare what a found state says of KEY with TEXT, and let others say that. *same: whether it does. */
static enum apg_status compare(
    struct apg_state *s, const char *key, const char *text, bool *same, struct apg_error *err)
{
    const char *was = apg_state_found(s) ? apg_state_get(s, key) : text;
    if (!was)
        return apg_state_altered(s, err);
    *same = strcmp(was, text) == 0;
    return apg_state_set(s, key, text, err);
}

/* Rows D, of the log or to validate on, are other ones than KEY says. */
static enum apg_status other_rows(
    const struct apg_state *s, const char *key, const struct apg_dataset *d, struct apg_error *err)
{
    const char *was = apg_state_get(s, key), *dir = apg_state_dir(s);
    const bool valid = strcmp(key, "valid") == 0;
    if (!d || !*was)
        return apg_fail(err, APG_ESETTING, "--resume: %s/ was made %s --valid", dir, d ? "without" : "with");
    const uint64_t rows = strtoull(was, NULL, 10);
    return apg_fail(err, APG_EUSAGE,
        "--resume: %s/ was made of another log%s: of %" PRIu64 " rows, not %s%" PRIu64, dir,
        valid ? " to validate on" : "", rows, rows == d->rows ? "of these " : "", d->rows);
}

enum apg_status apg_origin_check(struct apg_state *s, const struct apg_train_settings *settings,
    const struct apg_schema *schema, const struct apg_dataset *rows, const struct apg_dataset *valid,
    const struct apg_model *from, const struct apg_state *from_state, struct apg_error *err)
{
    char text[64];
    bool same = true;
    enum apg_status status = check_settings(s, settings, true, err);
    if (!status && !(status = describe_rows(text, sizeof text, rows, err)) &&
        !(status = compare(s, "log", text, &same, err)) && !same)
        status = other_rows(s, "log", rows, err);
    if (!status && !(status = describe_rows(text, sizeof text, valid, err)) &&
        !(status = compare(s, "valid", text, &same, err)) && !same)
        status = other_rows(s, "valid", valid, err);
    if (!status)
        status = check_settings(s, settings, false, err);
    const char *sum = from && from->file ? apg_tensors_get(from->file, "checksum") : "";
    if (!status && !(status = compare(s, "from", sum, &same, err)) && !same)
        status = apg_fail(err, APG_EUSAGE, "--resume: %s/ was made %s", apg_state_dir(s),
            !*apg_state_get(s, "from") ? "without --from"
            : from                     ? "--from another model"
                                       : "with --from");
    const char *moments = from_state ? apg_state_checksum(from_state) : "";
    if (!status && !(status = compare(s, "from_state", moments, &same, err)) && !same)
        status = apg_fail(err, APG_EUSAGE, "--resume: %s/ was made %s", apg_state_dir(s),
            !*apg_state_get(s, "from_state") ? "without --from-state"
            : from_state                     ? "with another --from-state"
                                             : "with --from-state");
    char *arch = status ? NULL : apg_arch_text(&settings->arch.arch);
    if (!status)
        status = arch ? compare(s, "model", arch, &same, err) : apg_fail_memory(err);
    free(arch);
    if (!status && !same)
        status = apg_fail(err, APG_EUSAGE, "--resume: %s/ is of another model", apg_state_dir(s));
    if (!status && !(status = describe_schema(text, sizeof text, schema, err)) &&
        !(status = compare(s, "encoder", text, &same, err)) && !same)
        status = apg_fail(err, APG_EUSAGE, "--resume: %s/ was made of a log with other columns or tokens",
            apg_state_dir(s));
    return status;
}

/* ---- ranks ---- */

/* Are the N hashes of this rank those of rank 0? WHAT: what others would be called. */
static enum apg_status same(const uint64_t *hash, const char *const *what, size_t n, struct apg_error *err)
{
    uint64_t *all = apg_alloc(apg_comm_ranks() * n, sizeof *all);
    enum apg_status status = all ? apg_comm_share(hash, n * sizeof *hash, all, err) : apg_fail_memory(err);
    size_t i = 0;
    while (!status && i < n * apg_comm_ranks() && all[i] == all[i % n])
        i++;
    if (!status && i < n * apg_comm_ranks()) {
        status = apg_fail(err, APG_EUSAGE, "rank %zu has %s than rank 0", i / n, what[i % n]);
        (void)apg_comm_share(
            hash, sizeof *hash, all, NULL); /* rank 0 knows too, before another one ends it */
    }
    free(all);
    return status;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return XXH3_64bits_withSeed(text, strlen(text) + 1, seed);
}

/* Of a machine, and no matter of the model. */
static bool is_local(const char *setting)
{
    static const char *const local[] = {"threads=", "memory=", "temp-dir="};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strncmp(setting, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

enum apg_status apg_origin_same_options(
    const char *const *settings, const struct apg_model *from, struct apg_error *err)
{
    static const char *const what[] = {"another version of apg", "other options", "another --from"};
    uint64_t hash[3] = {hash_text(APG_VERSION, 0)};
    if (apg_comm_ranks() == 1)
        return APG_OK;
    for (; settings && *settings; settings++)
        if (!is_local(*settings))
            hash[1] = hash_text(*settings, hash[1]);
    hash[2] = hash_text(from && from->file ? apg_tensors_get(from->file, "checksum") : "", 0);
    return same(hash, what, 3, err);
}

enum apg_status apg_origin_same_rows(const struct apg_schema *schema, const struct apg_dataset *rows,
    const struct apg_dataset *valid, struct apg_error *err)
{
    static const char *const what[] = {"another log", "another --valid", "other columns or tokens"};
    char text[64];
    uint64_t hash[3];
    if (apg_comm_ranks() == 1)
        return APG_OK;
    enum apg_status status = describe_rows(text, sizeof text, rows, err);
    hash[0] = hash_text(text, 0);
    if (!status)
        status = describe_rows(text, sizeof text, valid, err);
    hash[1] = hash_text(text, 0);
    if (!status)
        status = describe_schema(text, sizeof text, schema, err);
    hash[2] = hash_text(text, 0);
    return status ? status : same(hash, what, 3, err);
}
