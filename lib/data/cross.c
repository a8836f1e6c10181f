/* SPDX-License-Identifier: MIT */
#include "data/cross.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "data/vocabfile.h"

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

/* What the tensors of cross I begin with. */
static const char *tensor_prefix(char name[32], size_t i)
{
    (void)snprintf(name, 32, "cross.%zu", i);
    return name;
}

enum apg_status apg_cross_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!s->n_crosses)
        return APG_OK;
    json_t *pairs = json_array();
    int bad = 0;
    char name[32];
    for (size_t i = 0; !status && i < s->n_crosses; i++) {
        const struct apg_cross *c = &s->cross[i];
        bad |= json_array_append_new(pairs, json_pack("[I, I]", (json_int_t)c->a, (json_int_t)c->b));
        status = apg_vocab_save(&c->vocab, tensor_prefix(name, i), t, err);
    }
    char *text = bad || status ? NULL : apg_json_text(pairs);
    if (!status)
        status = text ? apg_tensors_set(t, "crosses", text, err) : apg_fail_memory(err);
    free(text);
    json_decref(pairs);
    return status;
}

/* Load C, the one at I: all of its tokens are pairs. APG_EFORMAT: it is not whole; err has no text. */
static enum apg_status load_cross(struct apg_cross *c, size_t i, const struct apg_schema *s,
    const json_t *pair, const struct apg_tensors *t, struct apg_error *err)
{
    const json_t *a = json_array_get(pair, 0), *b = json_array_get(pair, 1);
    char name[32];
    if (json_array_size(pair) != 2 || !json_is_integer(a) || !json_is_integer(b))
        return APG_EFORMAT;
    c->a = (size_t)json_integer_value(a), c->b = (size_t)json_integer_value(b);
    if (c->a >= s->n_fields || c->b >= s->n_fields || !apg_cross_can(s, c->a, c->b))
        return APG_EFORMAT;
    return apg_vocab_load(&c->vocab, tensor_prefix(name, i), t, err);
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
        status = load_cross(c, i, s, json_array_get(pairs, i), t, err);
        if (status == APG_EFORMAT || (!status && rows + c->vocab.n > UINT32_MAX))
            status = apg_fail(
                err, APG_EFORMAT, "%s: altered: cross %zu is described wrongly", apg_tensors_name(t), i);
        else if (!status)
            place(s, c, &rows);
    }
    if (!n)
        status = apg_fail(err, APG_EFORMAT, "%s: altered: it has no crosses", apg_tensors_name(t));
    json_decref(pairs);
    return status;
}
