/* SPDX-License-Identifier: MIT */
#include "data/cross.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

enum { PAIR_BYTES = 8 }; /* of a pair as a token: two ids */

const struct apg_setting apg_cross_settings[] = {
    {APG_SETTING_LIST, 0, "cross", .at = offsetof(struct apg_cross_options, columns.item),
        .n_at = offsetof(struct apg_cross_options, columns.n), .arg = "A,B",
        .help = "read the pairs of values of columns A and B as a column too; once for each pair of columns"},
    {APG_SETTING_SIZE, 0, "cross-min-count", .at = offsetof(struct apg_cross_options, min_count), .least = 1,
        .most = UINT32_MAX, .arg = "N", .rare = true,
        .help = "pairs of values seen fewer than N times share the id of unknown pairs"},
    {.kind = APG_SETTING_END},
};

void apg_cross_default(struct apg_cross_options *o)
{
    *o = (struct apg_cross_options){.min_count = 2};
}

static uint64_t pair_hash(const uint32_t pair[2])
{
    return apg_vocab_hash((const char *)pair, PAIR_BYTES);
}

uint32_t apg_cross_add(struct apg_vocab *v, uint32_t a, uint32_t b)
{
    const uint32_t pair[2] = {a, b};
    return apg_vocab_add(v, (const char *)pair, PAIR_BYTES, pair_hash(pair));
}

static bool has_ids(const struct apg_field *f)
{
    return f->kind != APG_NUMERIC || f->n_edges || (f->bounded && !(f->low < f->high));
}

bool apg_cross_can(const struct apg_schema *s, size_t a, size_t b)
{
    return a != b && has_ids(&s->field[a]) && has_ids(&s->field[b]) &&
           (s->field[a].kind != APG_MULTI || s->field[b].kind != APG_MULTI);
}

uint32_t apg_cross_find(const struct apg_cross *c, uint32_t a, uint32_t b)
{
    const uint32_t pair[2] = {a, b};
    return apg_vocab_find(&c->vocab, (const char *)pair, PAIR_BYTES, pair_hash(pair));
}

/* ---- making ---- */

struct making {
    struct apg_schema *s;
    const struct apg_dataset *rows;
    size_t min_count;
    atomic_bool failed;
};

/* Count the pairs of cross C in all rows: *count (n of ALL). False: out of memory. */
static bool count_pairs(
    const struct making *m, const struct apg_cross *c, struct apg_vocab *all, uint32_t **count)
{
    size_t cap = 0;
    for (uint64_t i = 0; i < m->rows->rows; i++) {
        const uint32_t *row = apg_dataset_row(m->rows, i), *a, *b;
        uint32_t one_a, one_b;
        const uint32_t n_a = apg_row_ids(m->s, row, c->a, &a, &one_a),
                       n_b = apg_row_ids(m->s, row, c->b, &b, &one_b);
        for (uint32_t j = 0; j < n_a; j++)
            for (uint32_t k = 0; k < n_b; k++) {
                const uint32_t before = all->n, id = apg_cross_add(all, a[j], b[k]);
                if (!id || !apg_grow(count, &cap, all->n, sizeof **count))
                    return false;
                if (all->n > before)
                    (*count)[id] = 0;
                (*count)[id] += (*count)[id] < UINT32_MAX;
            }
    }
    return true;
}

static void make_task(void *arg, size_t i, unsigned worker)
{
    struct making *m = arg;
    struct apg_cross *c = &m->s->cross[i];
    struct apg_vocab all = {0};
    uint32_t *count = NULL;
    (void)worker;
    bool good = !apg_vocab_init(&all, NULL) && (c->vocab.n || !apg_vocab_init(&c->vocab, NULL)) &&
                count_pairs(m, c, &all, &count);
    for (uint32_t id = 1; good && id < all.n; id++) {
        size_t size;
        const char *pair = apg_vocab_token(&all, id, &size);
        if (count[id] >= m->min_count)
            good = apg_vocab_add(&c->vocab, pair, size, apg_vocab_hash(pair, size)) != 0;
    }
    free(count);
    apg_vocab_release(&all);
    if (!good)
        atomic_store(&m->failed, true);
}

static void place(struct apg_schema *s, struct apg_cross *c, uint64_t *rows)
{
    c->first = (uint32_t)*rows;
    *rows += c->vocab.n;
    s->rows = (uint32_t)*rows;
}

/* A column that is to be crossed. */
static enum apg_status find_column(
    size_t *at, const struct apg_schema *s, const char *name, struct apg_error *err)
{
    *at = apg_schema_find(s, name);
    if (*at == SIZE_MAX) {
        struct apg_near near = apg_near_to(name, strlen(name));
        apg_schema_near(s, &near);
        return apg_fail(err, APG_ESETTING, "--cross: '%s' is no column that the model reads%s", name,
            apg_near_hint(&near));
    }
    return has_ids(&s->field[*at])
               ? APG_OK
               : apg_fail(err, APG_ESETTING,
                     "--cross: '%s' is a number without bins: too few rows, or --numeric-bins 0", name);
}

static enum apg_status name_crosses(
    struct apg_schema *s, const struct apg_list *columns, struct apg_error *err)
{
    enum apg_status status;
    if (columns->n % 2)
        return apg_fail(err, APG_ESETTING, "--cross takes two columns, A,B");
    if (!(s->cross = apg_alloc(columns->n / 2, sizeof *s->cross)))
        return apg_fail_memory(err);
    for (size_t i = 0; i < columns->n / 2; i++) {
        const char *a = columns->item[2 * i], *b = columns->item[2 * i + 1];
        struct apg_cross *c = &s->cross[s->n_crosses++];
        if ((status = find_column(&c->a, s, a, err)) || (status = find_column(&c->b, s, b, err)))
            return status;
        if (c->a == c->b)
            return apg_fail(err, APG_ESETTING, "--cross: '%s' with itself", a);
        if (s->field[c->a].kind == APG_MULTI && s->field[c->b].kind == APG_MULTI)
            return apg_fail(err, APG_ESETTING, "--cross: '%s' and '%s' both hold lists of tokens", a, b);
        for (size_t k = 0; k < i; k++)
            if ((s->cross[k].a == c->a && s->cross[k].b == c->b) ||
                (s->cross[k].a == c->b && s->cross[k].b == c->a))
                return apg_fail(err, APG_ESETTING, "--cross: '%s' and '%s' twice", a, b);
    }
    return APG_OK;
}

/* Find the pairs of S's crosses in ROWS and place the crosses behind the fields, whose rows S has. */
static enum apg_status make_crosses(struct apg_schema *s, const struct apg_dataset *rows, size_t min_count,
    struct apg_pool *pool, struct apg_error *err)
{
    struct making m = {s, rows, min_count, false};
    uint64_t n = s->rows;
    apg_pool_run(pool, s->n_crosses, make_task, &m);
    if (atomic_load(&m.failed))
        return apg_fail_memory(err);
    for (size_t i = 0; i < s->n_crosses; i++)
        n += s->cross[i].vocab.n;
    if (n > UINT32_MAX)
        return apg_fail(
            err, APG_ERANGE, "over 2^32 different values in all columns and --cross: --cross-min-count");
    n = s->rows;
    for (size_t i = 0; i < s->n_crosses; i++)
        place(s, &s->cross[i], &n);
    return APG_OK;
}

enum apg_status apg_cross_make(struct apg_schema *s, const struct apg_dataset *rows,
    const struct apg_cross_options *o, struct apg_pool *pool, struct apg_error *err)
{
    enum apg_status status = name_crosses(s, &o->columns, err);
    if (!status)
        status = make_crosses(s, rows, o->min_count, pool, err);
    if (status)
        apg_schema_uncross(s);
    return status;
}

enum apg_status apg_cross_grow(struct apg_schema *s, const struct apg_dataset *rows, size_t min_count,
    struct apg_pool *pool, struct apg_error *err)
{
    return make_crosses(s, rows, min_count, pool, err);
}

/* ---- files ---- */

/* The tensor of cross I that holds PART of its vocabulary. */
static const char *tensor_name(char name[64], size_t i, const char *part)
{
    (void)snprintf(name, 64, "cross.%zu.%s", i, part);
    return name;
}

static enum apg_status save_part(struct apg_tensors *t, size_t i, const char *part, enum apg_dtype dtype,
    const void *data, size_t n, struct apg_error *err)
{
    char name[64];
    const struct apg_tensor_view v = {
        .name = tensor_name(name, i, part), .dtype = dtype, .n_dims = 1, .dim = {n}, .data = data};
    return apg_tensors_add(t, &v, err);
}

enum apg_status apg_cross_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!s->n_crosses)
        return APG_OK;
    json_t *pairs = json_array();
    int bad = 0;
    for (size_t i = 0; !status && i < s->n_crosses; i++) {
        const struct apg_cross *c = &s->cross[i];
        const struct apg_vocab *v = &c->vocab;
        bad |= json_array_append_new(pairs, json_pack("[I, I]", (json_int_t)c->a, (json_int_t)c->b));
        if ((status = save_part(t, i, "text", APG_U8, v->text, v->at[v->n], err)) ||
            (status = save_part(t, i, "at", APG_U64, v->at, (size_t)v->n + 1, err)))
            break;
        status = save_part(t, i, "slot", APG_U64, v->slot, v->mask + 1, err);
    }
    char *text = bad || status ? NULL : apg_json_text(pairs);
    if (!status)
        status = text ? apg_tensors_set(t, "crosses", text, err) : apg_fail_memory(err);
    free(text);
    json_decref(pairs);
    return status;
}

static const struct apg_tensor_view *find_part(
    const struct apg_tensors *t, size_t i, const char *part, enum apg_dtype dtype)
{
    char name[64];
    const struct apg_tensor_view *v = apg_tensors_find(t, tensor_name(name, i, part));
    return v && v->dtype == dtype && v->n_dims == 1 ? v : NULL;
}

/* Is C, the one at I, whole? All tokens are pairs. */
static bool load_cross(struct apg_cross *c, size_t i, const struct apg_schema *s, const json_t *pair,
    const struct apg_tensors *t)
{
    const json_t *a = json_array_get(pair, 0), *b = json_array_get(pair, 1);
    const struct apg_tensor_view *text = find_part(t, i, "text", APG_U8),
                                 *at = find_part(t, i, "at", APG_U64),
                                 *slot = find_part(t, i, "slot", APG_U64);
    if (json_array_size(pair) != 2 || !json_is_integer(a) || !json_is_integer(b) || !text || !at || !slot ||
        at->dim[0] < 2 || at->dim[0] > UINT32_MAX || !slot->dim[0])
        return false;
    c->a = (size_t)json_integer_value(a), c->b = (size_t)json_integer_value(b);
    /* Borrowed (cap_at = 0): nothing writes to them. */
    c->vocab = (struct apg_vocab){.n = (uint32_t)(at->dim[0] - 1),
        .text = (char *)text->data,
        .at = (uint64_t *)at->data,
        .slot = (uint64_t *)slot->data,
        .mask = slot->dim[0] - 1};
    return c->a < s->n_fields && c->b < s->n_fields && apg_cross_can(s, c->a, c->b) &&
           apg_vocab_valid(&c->vocab, text->dim[0]);
}

enum apg_status apg_cross_load(struct apg_schema *s, const struct apg_tensors *t, struct apg_error *err)
{
    const char *text = apg_tensors_get(t, "crosses");
    if (!text)
        return APG_OK;
    json_t *pairs = apg_json_parse(text);
    const size_t n = json_array_size(pairs);
    uint64_t rows = s->rows;
    enum apg_status status = APG_OK;
    if (n && !(s->cross = apg_alloc(n, sizeof *s->cross)))
        status = apg_fail_memory(err);
    for (size_t i = 0; !status && i < n; i++) {
        struct apg_cross *c = &s->cross[s->n_crosses++];
        if (!load_cross(c, i, s, json_array_get(pairs, i), t) || rows + c->vocab.n > UINT32_MAX)
            status = apg_fail(
                err, APG_EFORMAT, "%s: altered: cross %zu is described wrongly", apg_tensors_name(t), i);
        else
            place(s, c, &rows);
    }
    if (!n)
        status = apg_fail(err, APG_EFORMAT, "%s: altered: it has no crosses", apg_tensors_name(t));
    json_decref(pairs);
    return status;
}
