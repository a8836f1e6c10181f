/* SPDX-License-Identifier: MIT */
#include "model/archfile.h"
#include <stdlib.h>
#include <string.h>
#include "model/backbone.h"
#include "base/json.h"
#include "model/layer.h"

static json_t *sizes_json(const size_t *a, size_t n)
{
    json_t *j = json_array();
    int bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= json_array_append_new(j, json_integer((json_int_t)a[i]));
    return apg_json_whole(j, bad);
}

static json_t *name_json(const char *names, int index)
{
    int n;
    const char *name = apg_name_at(names, index, &n);
    return json_stringn(name, (size_t)n);
}

char *apg_arch_text(const struct apg_arch *a)
{
    const struct {
        const char *key;
        json_t *value;
    } member[] = {
        {"backbone", json_string(apg_backbones[a->backbone].name)},
        {"layer", json_string(apg_layers[a->layer].name)},
        {"embedding_dim", json_integer((json_int_t)a->E)},
        {"hidden", sizes_json(a->hidden, a->n_hidden)},
        {"batch_norm", json_boolean(a->batch_norm)},
        {"dropout", json_real(a->dropout)},
        {"collapsed", json_boolean(a->collapsed)},
        /* of some backbones */
        {"heads", json_integer((json_int_t)a->heads)},
        {"attention_layers", json_integer((json_int_t)a->n_attention)},
        {"cin", sizes_json(a->cin, a->n_cin)},
        {"cross_layers", json_integer((json_int_t)a->n_cross)},
        {"cross_rank", json_integer((json_int_t)a->cross_rank)},
        {"bilinear", name_json(APG_BILINEARS, a->bilinear)},
        /* of generated layers */
        {"form", name_json(APG_FORMS, (int)a->form)},
        {"rank", sizes_json(a->K, a->n_hidden)},
        {"overparam", sizes_json(a->P, a->n_hidden)},
        {"bias", name_json(APG_BIASES, (int)a->bias)},
        {"generator_hidden", sizes_json(a->generator, a->n_generator)},
        {"generator_rank", json_integer((json_int_t)a->generator_rank)},
        {"condition", name_json(APG_CONDITIONS, (int)a->mode)},
        {"aggregate", name_json(APG_AGGREGATES, (int)a->aggregate)},
        {"condition_fields", sizes_json(a->condition, a->n_condition)},
        {"condition_own", json_boolean(a->own_embedding)},
        {"condition_stopped", json_boolean(a->stop_gradient)},
        /* of star */
        {"domain_field", json_integer((json_int_t)a->domain)},
        {"partition_rows", json_integer((json_int_t)a->partition_rows)},
    };
    json_t *j = json_object();
    int bad = 0;
    for (size_t i = 0; i < sizeof member / sizeof *member; i++)
        bad |= json_object_set_new(j, member[i].key, member[i].value);
    j = apg_json_whole(j, bad);
    char *text = j ? apg_json_text(j) : NULL;
    json_decref(j);
    return text;
}

/* An object that is read; ok turns false at the first member that is missing or not as it must be. */
struct object {
    json_t *j;
    bool ok;
};

static size_t size_from(struct object *o, const char *key, size_t least, size_t most)
{
    const json_t *v = json_object_get(o->j, key);
    const json_int_t n = json_integer_value(v);
    o->ok = o->ok && json_is_integer(v) && n >= (json_int_t)least && n <= (json_int_t)most;
    return o->ok ? (size_t)n : 0;
}

static void sizes_from(
    struct object *o, const char *key, size_t *a, size_t *n, size_t max, size_t least, size_t most)
{
    const json_t *v = json_object_get(o->j, key), *item;
    size_t i;
    *n = json_array_size(v);
    o->ok = o->ok && json_is_array(v) && *n <= max;
    json_array_foreach(v, i, item)
    {
        const json_int_t x = json_integer_value(item);
        o->ok = o->ok && json_is_integer(item) && x >= (json_int_t)least && x <= (json_int_t)most;
        if (!o->ok)
            return;
        a[i] = (size_t)x;
    }
}

static bool flag_from(struct object *o, const char *key)
{
    const json_t *v = json_object_get(o->j, key);
    o->ok = o->ok && json_is_boolean(v);
    return json_is_true(v);
}

static int name_from(struct object *o, const char *key, const char *names)
{
    const char *name = json_string_value(json_object_get(o->j, key));
    const int i = name ? apg_name_find(names, name) : -1;
    o->ok = o->ok && i >= 0;
    return o->ok ? i : 0;
}

/* A row of TABLE, whose rows of SIZE bytes begin with a name and end with one without. */
static int row_from(struct object *o, const char *key, const void *table, size_t size)
{
    const char *name = json_string_value(json_object_get(o->j, key)), *row;
    for (int i = 0; name; i++) {
        memcpy(&row, (const char *)table + (size_t)i * size, sizeof row);
        if (!row)
            break;
        if (strcmp(row, name) == 0)
            return i;
    }
    o->ok = false;
    return 0;
}

static bool is(const char *name, const char *other)
{
    return strcmp(name, other) == 0;
}

bool apg_arch_parse(struct apg_arch *a, const char *text, const struct apg_schema *s)
{
    enum { WIDTH_MAX = 65536, COUNT_MAX = 4096, ROWS_MAX = 1 << 20 };
    struct object o = {.j = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL};
    size_t n_rank, n_overparam;
    o.ok = json_is_object(o.j) && s->n_fields > 0;
    *a = (struct apg_arch){0};
    a->backbone = row_from(&o, "backbone", apg_backbones, sizeof *apg_backbones);
    a->layer = row_from(&o, "layer", apg_layers, sizeof *apg_layers);
    a->E = size_from(&o, "embedding_dim", 1, COUNT_MAX);
    sizes_from(&o, "hidden", a->hidden, &a->n_hidden, APG_LAYERS_MAX, 1, WIDTH_MAX);
    a->batch_norm = flag_from(&o, "batch_norm");
    const json_t *dropout = json_object_get(o.j, "dropout");
    a->dropout = json_number_value(dropout);
    o.ok = o.ok && json_is_number(dropout);
    a->collapsed = flag_from(&o, "collapsed");

    a->heads = size_from(&o, "heads", 0, COUNT_MAX);
    a->n_attention = size_from(&o, "attention_layers", 0, APG_LAYERS_MAX);
    sizes_from(&o, "cin", a->cin, &a->n_cin, APG_LAYERS_MAX, 1, COUNT_MAX);
    a->n_cross = size_from(&o, "cross_layers", 0, APG_LAYERS_MAX);
    a->cross_rank = size_from(&o, "cross_rank", 0, WIDTH_MAX);
    a->bilinear = name_from(&o, "bilinear", APG_BILINEARS);

    a->form = (enum apg_form)name_from(&o, "form", APG_FORMS);
    sizes_from(&o, "rank", a->K, &n_rank, APG_LAYERS_MAX, 0, WIDTH_MAX);
    sizes_from(&o, "overparam", a->P, &n_overparam, APG_LAYERS_MAX, 0, WIDTH_MAX);
    a->bias = (enum apg_bias)name_from(&o, "bias", APG_BIASES);
    sizes_from(&o, "generator_hidden", a->generator, &a->n_generator, APG_LAYERS_MAX, 1, WIDTH_MAX);
    a->generator_rank = size_from(&o, "generator_rank", 0, WIDTH_MAX);
    a->mode = (enum apg_condition)name_from(&o, "condition", APG_CONDITIONS);
    a->aggregate = (enum apg_aggregate)name_from(&o, "aggregate", APG_AGGREGATES);
    sizes_from(&o, "condition_fields", a->condition, &a->n_condition, APG_CONDITION_MAX, 0, s->n_fields - 1);
    a->own_embedding = flag_from(&o, "condition_own");
    a->stop_gradient = flag_from(&o, "condition_stopped");

    a->domain = size_from(&o, "domain_field", 0, s->n_fields - 1);
    a->partition_rows = size_from(&o, "partition_rows", 0, ROWS_MAX);

    o.ok = o.ok && n_rank == a->n_hidden && n_overparam == a->n_hidden && a->partition_rows != 1 &&
           (a->n_condition > 0 || a->mode == APG_CONDITION_SELF);
    if (o.ok && is(apg_backbones[a->backbone].name, "autoint"))
        o.ok = a->n_attention > 0 && a->heads > 0 && a->E % a->heads == 0;
    if (o.ok && is(apg_backbones[a->backbone].name, "xdeepfm"))
        o.ok = a->n_cin > 0;
    if (o.ok && apg_layers[a->layer].has_domains)
        o.ok = apg_field_is_domain(&s->field[a->domain]);
    json_decref(o.j);
    return o.ok;
}
