/* SPDX-License-Identifier: MIT */
#include "data/recent.h"

#include <stdlib.h>
#include "base/mem.h"

/* 2^10 places of 16 bytes, 16 KB a column: those of 27 columns stay in the second cache. */
enum { BITS_LEAST = 4, BITS_MOST = 10 };

bool apg_recent_fit(struct apg_recent *r, const struct apg_vocab *v)
{
    unsigned bits = BITS_LEAST;
    while (bits < BITS_MOST && UINT64_C(1) << bits < 2 * (uint64_t)v->n)
        bits++;
    if (bits <= r->bits)
        return true;
    struct apg_recent_token *token = apg_alloc((size_t)1 << bits, sizeof *token);
    if (!token)
        return false;
    free(r->token);
    *r = (struct apg_recent){token, bits};
    return true;
}

void apg_recent_release(struct apg_recent *r)
{
    free(r->token);
    *r = (struct apg_recent){0};
}
