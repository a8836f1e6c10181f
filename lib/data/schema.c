/* SPDX-License-Identifier: MIT */
#include "data/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/mem.h"

const char *const apg_kind_name[APG_KINDS] = {"categorical", "multi", "numeric", "bucket"};

const char *const apg_time_part_name[APG_TIME_PARTS] = {"", "hour", "weekday", "age"};

void apg_schema_uncross(struct apg_schema *s)
{
    for (size_t i = 0; i < s->n_crosses; i++)
        apg_vocab_release(&s->cross[i].vocab);
    free(s->cross);
    s->cross = NULL;
    s->n_crosses = 0;
    s->rows = s->n_fields ? s->field[s->n_fields - 1].first + s->field[s->n_fields - 1].rows : 0;
}

static void free_texts(const struct apg_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->item[i]);
    free(list->item);
}

void apg_schema_free(struct apg_schema *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->field && i < s->n_fields; i++) {
        free(s->field[i].name);
        free(s->field[i].column);
        free(s->field[i].edge);
        apg_vocab_release(&s->field[i].vocab);
    }
    for (size_t i = 0; i < s->n_crosses; i++)
        apg_vocab_release(&s->cross[i].vocab);
    free(s->cross);
    free_texts(&s->missing);
    free_texts(&s->names);
    free_texts(&s->positive);
    free(s->field);
    free(s->label);
    free(s->weight);
    free(s->settings);
    free(s);
}

bool apg_schema_set_weight(struct apg_schema *s, const char *name)
{
    char *copy = *name ? strdup(name) : NULL;
    if (*name && !copy)
        return false;
    free(s->weight);
    s->weight = copy;
    return true;
}

bool apg_schema_add_text(struct apg_list *list, const char *text)
{
    char **item = realloc(list->item, (list->n + 1) * sizeof *item);
    if (!item)
        return false;
    list->item = item;
    if (!(item[list->n] = strdup(text)))
        return false;
    list->n++;
    return true;
}

enum apg_status apg_schema_own(struct apg_schema *s, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < s->n_fields; i++)
        status = apg_vocab_own(&s->field[i].vocab, err);
    for (size_t i = 0; !status && i < s->n_crosses; i++)
        status = apg_vocab_own(&s->cross[i].vocab, err);
    return status;
}

size_t apg_schema_find(const struct apg_schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (strcmp(s->field[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

void apg_schema_near(const struct apg_schema *s, struct apg_near *near)
{
    for (size_t i = 0; i < s->n_fields; i++)
        apg_near_try(near, s->field[i].name, strlen(s->field[i].name));
}

float apg_field_age(const struct apg_field *f, float days)
{
    const double age = (double)f->newest - (double)days;
    return (float)log1p(age > 0 ? age : 0);
}

/* Without a branch, because which way it goes is a coin's toss: with branches it took 8 % of predicting 39
 * columns. */
uint32_t apg_field_bucket(const struct apg_field *f, float x)
{
    uint32_t below = 0; /* edges below it are <= x */
    for (uint32_t n = f->n_edges, half; n; n -= half) {
        half = n - n / 2;
        below += half & -(uint32_t)(f->edge[below + half - 1] <= x);
    }
    return 1 + below;
}

uint64_t apg_schema_hash(const struct apg_schema *s)
{
    uint64_t h = s->n_fields + ((uint64_t)(s->weight != NULL) << 32);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        const uint64_t numbers[] = {f->kind, f->rows, f->hash_bits, (unsigned char)f->separator, f->n_edges};
        const double real[] = {f->mean, f->deviation};
        const float bounds[] = {f->low, f->high};
        h = XXH3_64bits_withSeed(f->name, strlen(f->name) + 1, h);
        h = XXH3_64bits_withSeed(numbers, sizeof numbers, h);
        if (f->kind == APG_NUMERIC)
            h = XXH3_64bits_withSeed(real, sizeof real, h);
        if (f->bounded)
            h = XXH3_64bits_withSeed(bounds, sizeof bounds, h);
        if (f->part) {
            const float time[] = {(float)f->part, f->hours, f->newest};
            h = XXH3_64bits_withSeed(time, sizeof time, h);
        }
        if (f->n_edges)
            h = XXH3_64bits_withSeed(f->edge, f->n_edges * sizeof *f->edge, h);
        if (f->vocab.n) {
            h = XXH3_64bits_withSeed(f->vocab.at, ((size_t)f->vocab.n + 1) * sizeof *f->vocab.at, h);
            h = XXH3_64bits_withSeed(f->vocab.text, f->vocab.at[f->vocab.n], h);
        }
    }
    return h;
}

/* GROWN: B may have more tokens, behind those of A. */
static bool field_same(const struct apg_field *a, const struct apg_field *b, bool grown)
{
    const bool vocab = apg_field_has_vocab(a) && apg_field_has_vocab(b);
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind &&
           (grown && vocab ? a->vocab.n <= b->vocab.n : a->rows == b->rows && a->vocab.n == b->vocab.n) &&
           a->hash_bits == b->hash_bits && a->separator == b->separator && a->n_edges == b->n_edges &&
           (a->kind != APG_NUMERIC || (a->mean == b->mean && a->deviation == b->deviation)) &&
           a->part == b->part && a->hours == b->hours && a->newest == b->newest && a->bounded == b->bounded &&
           (!a->bounded || (a->low == b->low && a->high == b->high)) &&
           (!a->n_edges || memcmp(a->edge, b->edge, a->n_edges * sizeof *a->edge) == 0) &&
           (!a->vocab.n ||
               (memcmp(a->vocab.at, b->vocab.at, ((size_t)a->vocab.n + 1) * sizeof *a->vocab.at) == 0 &&
                   memcmp(a->vocab.text, b->vocab.text, a->vocab.at[a->vocab.n]) == 0));
}

static bool schema_same(const struct apg_schema *a, const struct apg_schema *b, bool grown)
{
    bool same = a->n_fields == b->n_fields && !a->weight == !b->weight;
    for (size_t i = 0; same && i < a->n_fields; i++)
        same = field_same(&a->field[i], &b->field[i], grown);
    return same;
}

bool apg_schema_same(const struct apg_schema *a, const struct apg_schema *b)
{
    return schema_same(a, b, false);
}

bool apg_schema_reads(const struct apg_schema *s, const struct apg_schema *rows)
{
    return schema_same(rows, s, true);
}

static uint64_t vocab_bytes(const struct apg_vocab *v)
{
    const bool own = v->cap_at > 0;
    return own ? v->at[v->n] + ((uint64_t)v->n + 1) * sizeof *v->at + (v->mask + 1) * sizeof *v->slot : 0;
}

uint64_t apg_schema_bytes(const struct apg_schema *s)
{
    uint64_t bytes = 0;
    for (size_t f = 0; f < s->n_fields; f++)
        bytes += vocab_bytes(&s->field[f].vocab);
    for (size_t c = 0; c < s->n_crosses; c++)
        bytes += vocab_bytes(&s->cross[c].vocab);
    return bytes;
}

/* ---- blocks ---- */

void apg_block_release(struct apg_block *b)
{
    if (b->cap_start)
        free(b->start);
    if (b->cap_words)
        free(b->words);
    *b = (struct apg_block){0};
}

enum apg_status apg_block_append(
    struct apg_block *dst, const struct apg_block *src, size_t from, size_t to, struct apg_error *err)
{
    size_t rows = to - from, n = src->start[to] - src->start[from],
           have = dst->rows ? dst->start[dst->rows] : 0;
    if (have + n > UINT32_MAX || dst->rows + rows > UINT32_MAX)
        return apg_fail(err, APG_ERANGE, "a block of over 2^32 words: too many columns or values in a row");
    if (!apg_grow(&dst->start, &dst->cap_start, dst->rows + rows + 1, sizeof *dst->start) ||
        !apg_grow(&dst->words, &dst->cap_words, have + n, sizeof *dst->words))
        return apg_fail_memory(err);
    for (size_t i = 0; i <= rows; i++)
        dst->start[dst->rows + i] = (uint32_t)(have + (src->start[from + i] - src->start[from]));
    if (n)
        memcpy(dst->words + have, src->words + src->start[from], n * sizeof *dst->words);
    dst->rows += (uint32_t)rows;
    return APG_OK;
}

uint64_t apg_block_positives(const struct apg_block *b)
{
    uint64_t n = 0;
    for (uint32_t r = 0; r < b->rows; r++)
        n += apg_word_float(*apg_block_row(b, r)) > 0;
    return n;
}
