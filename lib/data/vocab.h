/* SPDX-License-Identifier: MIT
 *
 * vocab.h - the tokens of one column, numbered. Ids 1..n-1 are tokens; id 0 stands for every token
 * that is not among them (out of vocabulary).
 *
 * The three arrays are plain memory, so that a vocabulary is written to a model file as it stands
 * and used from the mapping without rebuilding. Hashes are XXH3 (64 bits); they only lead to a
 * candidate, whose text is compared. Functions of a const vocabulary are thread-safe; adding is
 * not.
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
    uint64_t *slot; /* (mask + 1): hash >> 32 << 32 | id; 0: free. At least half are free */
    uint64_t mask;  /* slots - 1; slots are a power of two. A search goes up from (hash >> 32) & mask */
    size_t cap_text, cap_at; /* elements allocated; 0: the arrays are borrowed from a mapping */
};

/* A vocabulary with no token but the unknown one. */
enum apg_status apg_vocab_init(struct apg_vocab *v, struct apg_error *err);
/* Frees the arrays, unless they are borrowed, and zeroes V. A zeroed one is allowed. */
void apg_vocab_release(struct apg_vocab *v);
/* Arrays that are borrowed become copies of V's own. */
enum apg_status apg_vocab_own(struct apg_vocab *v, struct apg_error *err);

/* The hash that the functions below take with a token of LEN bytes. */
uint64_t apg_vocab_hash(const char *token, size_t len);
/* What stands in the slot where the search for a token of this hash starts. */
static inline uint64_t apg_vocab_first_slot(const struct apg_vocab *v, uint64_t hash)
{
    return v->slot[(hash >> 32) & v->mask];
}
/* Where the text of token ID begins. By numbers, because others may have changed the file that V is borrowed
 * from, and then this points nowhere: what is read there is told apart when reading ends. */
static inline const char *apg_vocab_text(const struct apg_vocab *v, uint32_t id)
{
    return (const char *)((uintptr_t)v->text + v->at[id]);
}
/* A search reads a slot, then the place of a text, then the text. Who has many searches to make fetches
 * each of these into the cache some searches before, when the one before it has come. Always inline,
 * because gcc 12 drops the call of a function that only fetches, as one without effect. */
__attribute__((always_inline)) static inline void apg_vocab_fetch_slot(
    const struct apg_vocab *v, uint64_t hash)
{
    __builtin_prefetch(&v->slot[(hash >> 32) & v->mask]);
}
__attribute__((always_inline)) static inline void apg_vocab_fetch_place(
    const struct apg_vocab *v, uint64_t hash)
{
    __builtin_prefetch(&v->at[(uint32_t)apg_vocab_first_slot(v, hash)]);
}
__attribute__((always_inline)) static inline void apg_vocab_fetch_text(
    const struct apg_vocab *v, uint64_t hash)
{
    __builtin_prefetch(apg_vocab_text(v, (uint32_t)apg_vocab_first_slot(v, hash)));
}
/* The id of the token, or 0. */
uint32_t apg_vocab_find(const struct apg_vocab *v, const char *token, size_t len, uint64_t hash);
/* The id of the token, which is added if it is new. 0 when out of memory, or beyond 2^31 - 1
 * tokens. */
uint32_t apg_vocab_add(struct apg_vocab *v, const char *token, size_t len, uint64_t hash);
/* The text of token ID < n: *len bytes, not followed by a NUL. Valid until a token is added. */
const char *apg_vocab_token(const struct apg_vocab *v, uint32_t id, size_t *len);
/* May a search trust the arrays? For arrays that come from a file, with N_TEXT bytes of text.
 * O(n). */
bool apg_vocab_valid(const struct apg_vocab *v, uint64_t n_text);

#endif
