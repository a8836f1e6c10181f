/* SPDX-License-Identifier: MIT */
#include "data/randrows.h"
#include <stdlib.h>
#include "base/mem.h"
#include "base/rng.h"

static void fill(uint32_t *row, const struct apg_schema *s, struct apg_rng *rng)
{
    uint32_t tail = 0;
    row[0] = apg_float_word((float)apg_rng_below(rng, 2));
    for (size_t f = 0; f < s->n_fields; f++) {
        const struct apg_field *field = &s->field[f];
        uint32_t id = (uint32_t)apg_rng_below(rng, field->rows);
        if (field->kind == APG_NUMERIC) {
            row[1 + f] = apg_float_word((float)apg_rng_normal(rng));
        } else if (field->kind == APG_MULTI) {
            row[apg_row_head(s) + tail] = id;
            row[1 + f] = tail++ << 16 | 1;
        } else {
            row[1 + f] = id;
        }
    }
    if (s->weight)
        row[apg_row_weight_at(s)] = apg_float_word(1);
}

enum apg_status apg_randrows_init(
    struct apg_randrows *r, const struct apg_schema *s, size_t n, uint64_t seed, struct apg_error *err)
{
    const size_t words = apg_row_head(s) + s->n_fields;
    struct apg_rng rng;
    size_t total;
    *r = (struct apg_randrows){.n = n};
    if (!apg_mul(n, words, &total) || !(r->word = apg_alloc(total, sizeof *r->word)) ||
        !(r->row = apg_alloc(n, sizeof *r->row))) {
        apg_randrows_release(r);
        return apg_fail_memory(err);
    }
    apg_rng_init(&rng, seed, 0);
    for (size_t i = 0; i < n; i++) {
        fill(r->word + i * words, s, &rng);
        r->row[i] = r->word + i * words;
    }
    return APG_OK;
}

void apg_randrows_release(struct apg_randrows *r)
{
    free(r->word);
    free(r->row);
    *r = (struct apg_randrows){0};
}
