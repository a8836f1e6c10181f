/* SPDX-License-Identifier: MIT
 *
 * cross.h - crosses: the pairs of values of two fields as a field of its own, "user and author".
 *
 * A cross has no word in a row: a model finds its ids from the words of its two fields. So feature files
 * need not know of crosses, and models with different ones train on the same rows. The ids that are paired
 * are those of tokens and bins; a number without bins has none to pair.
 */
#ifndef APG_CROSS_H
#define APG_CROSS_H
#include "base/list.h"
#include "base/pool.h"
#include "base/setting.h"
#include "data/dataset.h"
#include "data/safetensors.h"

/* Pairs of columns, A,B,C,D for A with B and C with D. Pairs of values that come in fewer than MIN_COUNT
 * rows share id 0. */
struct apg_cross_options {
    struct apg_list columns;
    size_t min_count; /* 1 to UINT32_MAX */
};
extern const struct apg_setting apg_cross_settings[];
void apg_cross_default(struct apg_cross_options *o);

/* Add crosses to S, whose values are those in ROWS. APG_ESETTING: a column is none of S, has no ids,
 * or is paired with itself or, a multi column, with another of those; a pair stands twice. After a failure
 * S has no crosses. */
enum apg_status apg_cross_make(struct apg_schema *s, const struct apg_dataset *rows,
    const struct apg_cross_options *o, struct apg_pool *pool, struct apg_error *err);

/* After apg_ingest_grow: pairs of ROWS that the crosses of S do not have, and that come in at least MIN_COUNT
 * rows, get ids behind those that they have. */
enum apg_status apg_cross_grow(struct apg_schema *s, const struct apg_dataset *rows, size_t min_count,
    struct apg_pool *pool, struct apg_error *err);

/* The ids of field F in ROW, within the field: *id (n), where a single one is put into *one. Returns n. Of
 * a number it is the number of its bin, 1 or more, and 0 where it is missing. */
static inline uint32_t apg_row_ids(
    const struct apg_schema *s, const uint32_t *row, size_t f, const uint32_t **id, uint32_t *one)
{
    const struct apg_field *field = &s->field[f];
    const uint32_t word = row[1 + f];
    *id = one;
    if (field->kind == APG_MULTI) {
        *id = row + apg_row_head(s) + (word >> 16);
        return word & 0xffff;
    }
    *one = field->kind != APG_NUMERIC ? word
           : word == APG_MISSING      ? 0
                                      : apg_field_bucket(field, apg_word_float(word));
    return 1;
}

/* Can fields A and B of S be crossed? Not a field with itself, two of lists, or a number without bins,
 * unless it has one value. */
bool apg_cross_can(const struct apg_schema *s, size_t a, size_t b);
/* The id of the pair of A and B in V, to which it is added if it is new. 0: as of apg_vocab_add. */
uint32_t apg_cross_add(struct apg_vocab *v, uint32_t a, uint32_t b);
/* The id of the pair of A and B in C, or 0. */
uint32_t apg_cross_find(const struct apg_cross *c, uint32_t a, uint32_t b);

/* Crosses as tensors and the metadata `crosses` of a model; nothing where S has none. */
enum apg_status apg_cross_save(const struct apg_schema *s, struct apg_tensors *t, struct apg_error *err);
/* The crosses of T to S, which borrows from T. APG_EFORMAT: they are not those of a file of apg. */
enum apg_status apg_cross_load(struct apg_schema *s, const struct apg_tensors *t, struct apg_error *err);

#endif
