/* SPDX-License-Identifier: MIT
 *
 * recent.h - the ids of short tokens that came lately, found by their bytes. Where values repeat, as
 * most do, this takes a third of the time of a search by hash, slot, place and text (vocab.h), which
 * reads from three places of a table that no cache holds.
 *
 * Each thread has its own. A token keeps its id as long as the struct lives.
 */
#ifndef APG_RECENT_H
#define APG_RECENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "data/vocab.h"

enum { APG_RECENT_BYTES = 12 /* tokens that are longer are never found */ };

struct apg_recent {
    struct apg_recent_token {
        uint64_t low;  /* bytes 0 to 7, zeros behind the token's end. Tokens have no NUL */
        uint32_t high; /* bytes 8 to 11 */
        uint32_t id;   /* 0: there is no token here */
    } * token;         /* (1 << bits) each token has one place, and what came last has it */
    unsigned bits;     /* 0: there are none */
};

/* Make R large enough for the tokens of V. It may forget all. False: out of memory. */
bool apg_recent_fit(struct apg_recent *r, const struct apg_vocab *v);
void apg_recent_release(struct apg_recent *r); /* a zeroed one is allowed */

/* The bytes of a token, LEN <= APG_RECENT_BYTES. As many as that are read, however short it is. */
static inline struct apg_recent_token apg_recent_key(const char *token, size_t len)
{
    static const uint64_t low[] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff,
        0xffffffffffffff, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    static const uint32_t high[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xffff, 0xffffff, UINT32_MAX};
    struct apg_recent_token key = {0};
    memcpy(&key.low, token, 8);
    memcpy(&key.high, token + 8, 4);
    key.low &= low[len];
    key.high &= high[len];
    return key;
}

/* Its place. bits > 0. */
static inline struct apg_recent_token *apg_recent_at(const struct apg_recent *r, struct apg_recent_token key)
{
    const uint64_t mixed = (key.low ^ (uint64_t)key.high << 32 ^ key.high) * UINT64_C(0x9e3779b97f4a7c15);
    return &r->token[mixed >> (64 - r->bits)];
}

static inline bool apg_recent_is(const struct apg_recent_token *t, struct apg_recent_token key)
{
    return !((t->low ^ key.low) | (t->high ^ key.high)) & (t->id != 0);
}

#endif
