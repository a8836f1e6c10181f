/* SPDX-License-Identifier: MIT */
#include "data/vocab.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/mem.h"

enum { FIRST_SLOTS = 64 };

enum apg_status apg_vocab_init(struct apg_vocab *v, struct apg_error *err)
{
    *v = (struct apg_vocab){.n = 1, .mask = FIRST_SLOTS - 1};
    if (!apg_grow(&v->at, &v->cap_at, 2, sizeof *v->at) || !apg_grow(&v->text, &v->cap_text, 1, 1) ||
        !(v->slot = apg_alloc(FIRST_SLOTS, sizeof *v->slot))) {
        apg_vocab_release(v);
        return apg_fail_memory(err);
    }
    v->at[0] = v->at[1] = 0;
    return APG_OK;
}

void apg_vocab_release(struct apg_vocab *v)
{
    if (v->cap_at) {
        free(v->text);
        free(v->at);
        free(v->slot);
    }
    *v = (struct apg_vocab){0};
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = malloc(bytes ? bytes : 1);
    if (!to)
        return NULL;
    if (bytes)
        memcpy(to, from, bytes);
    return to;
}

enum apg_status apg_vocab_own(struct apg_vocab *v, struct apg_error *err)
{
    struct apg_vocab own = *v;
    if (v->cap_at || !v->at)
        return APG_OK;
    own.cap_text = v->at[v->n] ? (size_t)v->at[v->n] : 1;
    own.cap_at = (size_t)v->n + 1;
    own.text = copy_of(v->text, (size_t)v->at[v->n]);
    own.at = copy_of(v->at, own.cap_at * sizeof *v->at);
    own.slot = copy_of(v->slot, ((size_t)v->mask + 1) * sizeof *v->slot);
    if (!own.text || !own.at || !own.slot) {
        apg_vocab_release(&own);
        return apg_fail_memory(err);
    }
    *v = own;
    return APG_OK;
}

uint64_t apg_vocab_hash(const char *token, size_t len)
{
    return XXH3_64bits(token, len);
}

const char *apg_vocab_token(const struct apg_vocab *v, uint32_t id, size_t *len)
{
    *len = (size_t)(v->at[id + 1] - v->at[id]);
    return apg_vocab_text(v, id);
}

/* Most tokens are short, and a call of memcmp takes longer than the comparison. */
static bool same(const char *a, const char *b, size_t n)
{
    if (n < 8 || n > 16)
        return memcmp(a, b, n) == 0;
    uint64_t a_first, a_last, b_first, b_last;
    memcpy(&a_first, a, 8), memcpy(&a_last, a + n - 8, 8);
    memcpy(&b_first, b, 8), memcpy(&b_last, b + n - 8, 8);
    return ((a_first ^ b_first) | (a_last ^ b_last)) == 0;
}

/* The slot of the token, or the free one where it belongs. */
static size_t find_slot(const struct apg_vocab *v, const char *token, size_t len, uint64_t hash)
{
    const size_t first = (hash >> 32) & v->mask;
    size_t i = first;
    for (uint64_t slot; (slot = v->slot[i]);) {
        if (slot >> 32 == hash >> 32) {
            size_t n;
            const char *text = apg_vocab_token(v, (uint32_t)slot, &n);
            if (n == len && same(text, token, n))
                break;
        }
        /* There is always a free slot, unless others change the file that the slots lie in. */
        if ((i = (i + 1) & v->mask) == first)
            break;
    }
    return i;
}

uint32_t apg_vocab_find(const struct apg_vocab *v, const char *token, size_t len, uint64_t hash)
{
    return (uint32_t)v->slot[find_slot(v, token, len, hash)];
}

/* Double the slots. A slot holds enough of the hash to be moved without a look at the text. False:
 * out of memory. */
static bool grow_slots(struct apg_vocab *v)
{
    uint64_t mask = 2 * v->mask + 1;
    uint64_t *slot = apg_alloc(mask + 1, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i <= v->mask; i++) {
        if (!v->slot[i])
            continue;
        size_t k = (v->slot[i] >> 32) & mask;
        while (slot[k])
            k = (k + 1) & mask;
        slot[k] = v->slot[i];
    }
    free(v->slot);
    v->slot = slot;
    v->mask = mask;
    return true;
}

uint32_t apg_vocab_add(struct apg_vocab *v, const char *token, size_t len, uint64_t hash)
{
    size_t i = find_slot(v, token, len, hash);
    if (v->slot[i])
        return (uint32_t)v->slot[i];
    uint64_t end = v->at[v->n];
    if (v->n > INT32_MAX || !apg_grow(&v->text, &v->cap_text, end + len, 1) ||
        !apg_grow(&v->at, &v->cap_at, (size_t)v->n + 2, sizeof *v->at))
        return 0;
    if (2 * (uint64_t)v->n > v->mask) {
        if (!grow_slots(v))
            return 0;
        i = find_slot(v, token, len, hash);
    }
    if (len)
        memcpy(v->text + end, token, len);
    v->at[v->n + 1] = end + len;
    v->slot[i] = (hash >> 32) << 32 | v->n;
    return v->n++;
}

/* Loops without a branch: with branches this took as long as the checksum of the file. The high bit of a
 * difference is set when it is less than 0. */
bool apg_vocab_valid(const struct apg_vocab *v, uint64_t n_text)
{
    uint64_t less = n_text, used = 0, ids = 0;
    if (v->n < 1 || (v->mask & (v->mask + 1)) || v->mask > UINT32_MAX || v->at[0] != 0 || v->at[1] != 0 ||
        v->at[v->n] != n_text)
        return false;
    for (size_t i = 0; i < v->n; i++)
        less |= v->at[i] | (v->at[i + 1] - v->at[i]);
    for (size_t i = 0; i <= v->mask; i++) {
        const uint64_t slot = v->slot[i], id = slot & UINT32_MAX;
        less |= v->n - 1 - id;
        used += (slot | -slot) >> 63;
        ids += (id + UINT32_MAX) >> 32;
    }
    return !(less >> 63) && used == ids && used == v->n - 1 && 2 * used <= v->mask + 1;
}
