/* SPDX-License-Identifier: MIT
 *
 * vocab.h - the tokens of one column, numbered. Id 0 is every token not in it (out of vocabulary), ids
 * 1..n-1 are tokens.
 *
 * The three arrays are plain memory, so that a vocabulary is written to a model file as it stands and used
 * from the mapping without rebuilding. Hashes are XXH3 (64 bits), exactness comes from comparing the text.
 * Reading is thread-safe; adding is not.
 */
#ifndef APG_VOCAB_H
#define APG_VOCAB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct apg_vocab {
    uint32_t n;     /* ids, 0 included: at least 1 */
    char *text;     /* tokens one after another */
    uint64_t *at;   /* (n + 1): token i is text[at[i] .. at[i + 1]); token 0 is empty */
    uint64_t *slot; /* (mask + 1): the hash's high 32 bits << 32 | id; 0 is a free slot. Load <= 1/2 */
    uint64_t
        mask; /* slots - 1, a power of two less 1. A token's search starts at (hash >> 32) & mask, goes up */
    size_t cap_text, cap_at; /* 0: the arrays are borrowed (mapped), not owned */
};

enum apg_status apg_vocab_init(struct apg_vocab *v, struct apg_error *err);
void apg_vocab_release(struct apg_vocab *v);
/* Arrays that are borrowed become copies of V's own. */
enum apg_status apg_vocab_own(struct apg_vocab *v, struct apg_error *err);

uint64_t apg_vocab_hash(const char *token, size_t len);
static inline uint64_t apg_vocab_first_slot(const struct apg_vocab *v, uint64_t hash)
{
    return v->slot[(hash >> 32) & v->mask];
}
/* Before search I of those for HASH (n): fetch into the cache what later ones read. A search goes from a slot
 * to the place of a text to the text; each is fetched when the one before it has come. Always inline: gcc 12
 * drops the call of a function that only fetches, as one without effect. */
__attribute__((always_inline)) static inline void apg_vocab_prefetch(
    const struct apg_vocab *v, const uint64_t *hash, size_t i, size_t n)
{
    enum { PREFETCH_TOKENS = 8 }; /* how far one read is behind the other */
    if (i + 3 * PREFETCH_TOKENS < n)
        __builtin_prefetch(&v->slot[(hash[i + 3 * PREFETCH_TOKENS] >> 32) & v->mask]);
    if (i + 2 * PREFETCH_TOKENS < n)
        __builtin_prefetch(&v->at[(uint32_t)apg_vocab_first_slot(v, hash[i + 2 * PREFETCH_TOKENS])]);
    if (i + PREFETCH_TOKENS < n)
        __builtin_prefetch(v->text + v->at[(uint32_t)apg_vocab_first_slot(v, hash[i + PREFETCH_TOKENS])]);
}
/* The id, or 0. */
uint32_t apg_vocab_find(const struct apg_vocab *v, const char *token, size_t len, uint64_t hash);
/* The id, added if new; 0 when out of memory (or at 2^31 - 1 tokens). */
uint32_t apg_vocab_add(struct apg_vocab *v, const char *token, size_t len, uint64_t hash);
/* Not followed by a NUL. */
const char *apg_vocab_token(const struct apg_vocab *v, uint32_t id, size_t *len);
/* Are the arrays what a search may trust? For arrays that come from a file: N_TEXT bytes of text. O(n). */
bool apg_vocab_valid(const struct apg_vocab *v, uint64_t n_text);

#endif
