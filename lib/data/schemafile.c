/* SPDX-License-Identifier: MIT */
#include "data/schemafile.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "data/lookup.h"
#include "data/vocabfile.h"

/* ---- saving ---- */

/* PREFIX.NAME; freed with free(), NULL when out of memory. */
static char *tensor_name(const char *prefix, const char *name)
{
    size_t size = strlen(prefix) + strlen(name) + 2;
    char *s = malloc(size);
    if (s)
        (void)snprintf(s, size, "%s.%s", prefix, name);
    return s;
}

static enum apg_status save_edges(const struct apg_field *f, struct apg_tensors *t, struct apg_error *err)
{
    char *name = tensor_name("edges", f->name);
    if (!name)
        return apg_fail_memory(err);
    const struct apg_tensor_view v = {
        .name = name, .dtype = APG_F32, .n_dims = 1, .dim = {f->n_edges}, .data = f->edge};
    enum apg_status status = apg_tensors_add(t, &v, err);
    free(name);
    return status;
}

static enum apg_status save_vocab(const struct apg_field *f, struct apg_tensors *t, struct apg_error *err)
{
    char *name = tensor_name("vocab", f->name);
    const enum apg_status status = name ? apg_vocab_save(&f->vocab, name, t, err) : apg_fail_memory(err);
    free(name);
    return status;
}

static enum apg_status save_field(
    const struct apg_field *f, struct apg_tensors *t, json_t *fields, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    json_t *entry = json_pack(
        "{s:s, s:s, s:I}", "name", f->name, "kind", apg_kind_name[f->kind], "rows", (json_int_t)f->rows);
    int bad = json_array_append_new(fields, entry);
    if (f->part) {
        bad |= json_object_set_new(entry, "time", json_string(apg_time_part_name[f->part]));
        bad |= json_object_set_new(entry, "column", json_string(f->column));
        if (f->hours)
            bad |= json_object_set_new(entry, "digits", json_string("YYMMDDHH"));
        if (f->part == APG_TIME_AGE)
            bad |= json_object_set_new(entry, "newest", json_real((double)f->newest));
    }
    if (f->kind == APG_MULTI)
        bad |= json_object_set_new(entry, "separator", json_integer((unsigned char)f->separator));
    if (f->kind == APG_NUMERIC) {
        bad |= json_object_set_new(entry, "mean", json_real(f->mean));
        bad |= json_object_set_new(entry, "deviation", json_real(f->deviation));
        if (f->bounded) {
            bad |= json_object_set_new(entry, "low", json_real((double)f->low));
            bad |= json_object_set_new(entry, "high", json_real((double)f->high));
        }
        if (f->n_edges)
            status = save_edges(f, t, err);
    } else if (f->kind == APG_BUCKET) {
        status = save_edges(f, t, err);
    } else if (f->hash_bits) {
        bad |= json_object_set_new(entry, "hash_bits", json_integer(f->hash_bits));
    } else {
        status = save_vocab(f, t, err);
    }
    return status ? status : bad ? apg_fail_memory(err) : APG_OK;
}

static enum apg_status save_texts(
    const struct apg_list *list, json_t *root, const char *key, struct apg_error *err)
{
    json_t *texts = list->n ? json_array() : NULL;
    int bad = 0;
    for (size_t i = 0; i < list->n; i++)
        bad |= json_array_append_new(texts, json_string(list->item[i]));
    bad |= list->n ? json_object_set_new(root, key, texts) : 0;
    return bad ? apg_fail_memory(err) : APG_OK;
}

enum apg_status apg_schema_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err)
{
    json_t *fields = json_array(),
           *root = json_pack("{s:s, s:i, s:I, s:o}", "label", s->label, "delimiter",
               (int)(unsigned char)s->delimiter, "min_count", (json_int_t)s->min_count, "fields", fields);
    enum apg_status status = APG_OK;
    char *text = NULL;
    if (!root)
        return apg_fail_memory(err);
    if (s->weight && json_object_set_new(root, "weight", json_string(s->weight)) != 0)
        status = apg_fail_memory(err);
    if (!status && s->no_quotes && json_object_set_new(root, "quotes", json_false()) != 0)
        status = apg_fail_memory(err);
    if (!status && s->no_header && json_object_set_new(root, "header", json_false()) != 0)
        status = apg_fail_memory(err);
    if (!status)
        status = save_texts(&s->missing, root, "missing", err);
    if (!status)
        status = save_texts(&s->names, root, "columns", err);
    if (!status)
        status = save_texts(&s->positive, root, "positive", err);
    for (size_t i = 0; !status && i < s->n_fields; i++)
        status = save_field(&s->field[i], t, fields, err);
    if (!status)
        status =
            (text = apg_json_text(root)) ? apg_tensors_set(t, "schema", text, err) : apg_fail_memory(err);
    free(text);
    json_decref(root);
    if (!status && s->settings)
        status = apg_tensors_set(t, "settings", s->settings, err);
    return status;
}

/* ---- loading ---- */

static enum apg_status altered(const struct apg_tensors *t, const char *name, struct apg_error *err)
{
    return apg_fail(
        err, APG_EFORMAT, "%s: altered: column '%s' is described wrongly", apg_tensors_name(t), name);
}

/* The integer under KEY in ENTRY, OTHERWISE when there is none, or -1 when it is not in [0,
 * MAX]. */
static json_int_t integer(const json_t *entry, const char *key, json_int_t max, json_int_t otherwise)
{
    const json_t *v = json_object_get(entry, key);
    if (!v)
        return otherwise;
    return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= max
               ? json_integer_value(v)
               : -1;
}

static enum apg_status load_vocab(struct apg_field *f, const struct apg_tensors *t, struct apg_error *err)
{
    char *name = tensor_name("vocab", f->name);
    enum apg_status status = name ? apg_vocab_load(&f->vocab, name, t, err) : apg_fail_memory(err);
    free(name);
    if (status == APG_EFORMAT || (!status && f->vocab.n != f->rows))
        return altered(t, f->name, err);
    return status;
}

static enum apg_status load_edges(struct apg_field *f, const struct apg_tensors *t, struct apg_error *err)
{
    char *name = tensor_name("edges", f->name);
    if (!name)
        return apg_fail_memory(err);
    const struct apg_tensor_view *v = apg_tensors_find(t, name);
    free(name);
    if (!v || v->dtype != APG_F32 || v->n_dims != 1 ||
        v->dim[0] + (f->kind == APG_NUMERIC ? 3 : 2) != f->rows)
        return altered(t, f->name, err);
    f->n_edges = (uint32_t)v->dim[0];
    if (!(f->edge = apg_alloc(f->n_edges, sizeof *f->edge)))
        return apg_fail_memory(err);
    const float *edge = v->data;
    for (uint32_t i = 0; i < f->n_edges; i++) {
        if (!isfinite(edge[i]) || (i && !(edge[i] > edge[i - 1])))
            return altered(t, f->name, err);
        f->edge[i] = edge[i];
    }
    return APG_OK;
}

/* *out: the number under KEY. False: there is none that a schema can have. */
static bool load_number(const json_t *entry, const char *key, double *out)
{
    const json_t *v = json_object_get(entry, key);
    *out = json_number_value(v);
    return json_is_number(v) && fabs(*out) <= APG_NUMERIC_MOST;
}

/* Every number of the field must make a finite word. */
static bool load_numeric(struct apg_field *f, const json_t *entry)
{
    double low = -APG_NUMERIC_MOST, high = APG_NUMERIC_MOST;
    f->bounded = json_object_get(entry, "low") || json_object_get(entry, "high");
    if (!load_number(entry, "mean", &f->mean) || !load_number(entry, "deviation", &f->deviation) ||
        (f->bounded && !(load_number(entry, "low", &low) && load_number(entry, "high", &high))))
        return false;
    f->low = (float)low, f->high = (float)high;
    return f->deviation > 0 && low <= high && fabs(low - f->mean) / f->deviation <= (double)FLT_MAX &&
           fabs(high - f->mean) / f->deviation <= (double)FLT_MAX;
}

/* What a field is of a column of times. False: it cannot be. */
static bool load_time(struct apg_field *f, const json_t *entry, struct apg_error *err)
{
    const char *part = json_string_value(json_object_get(entry, "time")),
               *column = json_string_value(json_object_get(entry, "column"));
    double newest = 0;
    while (f->part < APG_TIME_PARTS && strcmp(part, apg_time_part_name[f->part]) != 0)
        f->part++;
    if (f->part == APG_TIME_NONE || f->part == APG_TIME_PARTS || !column ||
        f->kind != (f->part == APG_TIME_AGE ? APG_NUMERIC : APG_BUCKET))
        return false;
    f->hours = json_object_get(entry, "digits") != NULL;
    if (f->part == APG_TIME_AGE) {
        newest = json_number_value(json_object_get(entry, "newest"));
        if (!(fabs(newest) <= 1e6))
            return false;
    }
    f->newest = (float)newest;
    if (!(f->column = strdup(column)))
        (void)apg_fail_memory(err);
    return f->column;
}

static enum apg_status load_field(
    struct apg_field *f, const json_t *entry, const struct apg_tensors *t, struct apg_error *err)
{
    const char *name = json_string_value(json_object_get(entry, "name")),
               *kind = json_string_value(json_object_get(entry, "kind"));
    json_int_t rows = integer(entry, "rows", UINT32_MAX, -1),
               separator = integer(entry, "separator", 255, '|'), bits = integer(entry, "hash_bits", 30, 0);
    if (!name || !kind)
        return altered(t, "", err);
    if (!(f->name = strdup(name)))
        return apg_fail_memory(err);
    while (f->kind < APG_KINDS && strcmp(kind, apg_kind_name[f->kind]) != 0)
        f->kind++;
    if (f->kind == APG_KINDS || rows < 1 || separator < 0 || bits < 0)
        return altered(t, name, err);
    f->rows = (uint32_t)rows;
    f->deviation = 1;
    struct apg_error time = {0};
    if (json_is_string(json_object_get(entry, "time")) && !load_time(f, entry, &time))
        return time.status ? apg_fail_memory(err) : altered(t, name, err);
    if (f->kind == APG_NUMERIC && !load_numeric(f, entry))
        return altered(t, name, err);
    if (f->kind == APG_NUMERIC && rows == 2)
        return APG_OK;
    if (f->kind == APG_NUMERIC || f->kind == APG_BUCKET)
        return load_edges(f, t, err);
    f->separator = f->kind == APG_MULTI ? (char)separator : '\0';
    f->hash_bits = (unsigned)bits;
    if (bits)
        return rows == (json_int_t)1 << bits ? APG_OK : altered(t, name, err);
    return load_vocab(f, t, err);
}

static enum apg_status load_texts(struct apg_list *list, const json_t *root, const char *key,
    const struct apg_tensors *t, struct apg_error *err)
{
    const json_t *texts = json_object_get(root, key);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = json_string_value(json_array_get(texts, i));
        if (!text)
            return altered(t, key, err);
        if (!apg_schema_add_text(list, text))
            return apg_fail_memory(err);
    }
    return APG_OK;
}

static enum apg_status load_settings(struct apg_schema *s, const struct apg_tensors *t, struct apg_error *err)
{
    const char *text = apg_tensors_get(t, "settings");
    json_t *object = apg_json_parse(text);
    const bool good = !text || json_is_object(object);
    json_decref(object);
    if (!good)
        return altered(t, "settings", err);
    return !text || (s->settings = strdup(text)) ? APG_OK : apg_fail_memory(err);
}

/* No name stands twice. */
static enum apg_status check_names(
    const struct apg_schema *s, const struct apg_tensors *t, struct apg_error *err)
{
    struct apg_lookup x;
    if (!apg_lookup_init(&x, s->n_fields))
        return apg_fail_memory(err);
    for (size_t i = 0; i < x.n; i++)
        x.name[i] = (struct apg_name){s->field[i].name, i};
    apg_lookup_sort(&x);
    const char *twice = apg_lookup_twice(&x);
    apg_lookup_release(&x);
    return twice ? altered(t, twice, err) : APG_OK;
}

/* The three fields of each column of times stand together, behind the others. */
static enum apg_status check_times(
    const struct apg_schema *s, const struct apg_tensors *t, struct apg_error *err)
{
    const size_t first = s->n_fields - 3 * s->n_times;
    if (3 * s->n_times > s->n_fields)
        return altered(t, s->field[0].name, err);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        const size_t part = i < first ? 0 : 1 + (i - first) % 3;
        if (f->part != part || (part > 1 && strcmp(f->column, f[-1].column) != 0))
            return altered(t, f->name, err);
    }
    return APG_OK;
}

enum apg_status apg_schema_load(struct apg_schema **out, const struct apg_tensors *t, struct apg_error *err)
{
    const char *text = apg_tensors_get(t, "schema");
    json_t *root = apg_json_parse(text);
    const json_t *fields = json_object_get(root, "fields");
    const char *label = json_string_value(json_object_get(root, "label"));
    const json_t *weight = json_object_get(root, "weight");
    json_int_t delimiter = integer(root, "delimiter", 255, -1),
               min_count = integer(root, "min_count", UINT32_MAX, 1);
    uint64_t rows = 0;
    enum apg_status status = APG_OK;
    *out = NULL;
    struct apg_schema *s = calloc(1, sizeof *s);
    if (!s) {
        status = apg_fail_memory(err);
        goto done;
    }
    if (!label || delimiter < 1 || delimiter == '"' || delimiter == '\n' || delimiter == '\r' ||
        min_count < 0 || json_array_size(fields) == 0 ||
        (weight && !(json_is_string(weight) && *json_string_value(weight)))) {
        status =
            apg_fail(err, APG_EFORMAT, "%s: altered: it has no description of columns", apg_tensors_name(t));
        goto done;
    }
    s->label = strdup(label);
    s->delimiter = (char)delimiter;
    s->no_quotes = json_is_false(json_object_get(root, "quotes"));
    s->min_count = (uint32_t)min_count;
    s->field = apg_alloc(json_array_size(fields), sizeof *s->field);
    if (!s->label || !s->field || (weight && !apg_schema_set_weight(s, json_string_value(weight)))) {
        status = apg_fail_memory(err);
        goto done;
    }
    s->no_header = json_is_false(json_object_get(root, "header"));
    if (!(status = load_texts(&s->missing, root, "missing", t, err)))
        status = load_texts(&s->names, root, "columns", t, err);
    if (!status)
        status = load_texts(&s->positive, root, "positive", t, err);
    for (size_t i = 0; !status && i < json_array_size(fields); i++) {
        struct apg_field *f = &s->field[i];
        status = load_field(f, json_array_get(fields, i), t, err);
        s->n_fields++;
        s->n_times += f->part == APG_TIME_AGE;
        f->first = (uint32_t)rows;
        rows += f->rows;
    }
    if (!status && rows > UINT32_MAX)
        status = altered(t, s->field[0].name, err);
    if (!status)
        status = check_names(s, t, err);
    if (!status)
        status = check_times(s, t, err);
    if (!status)
        status = load_settings(s, t, err);
    s->rows = (uint32_t)rows;
done:
    json_decref(root);
    if (status)
        apg_schema_free(s);
    else
        *out = s;
    return status;
}
