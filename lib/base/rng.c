/* SPDX-License-Identifier: MIT */
#include "base/rng.h"

#include <math.h>

/* SEED and STREAM pass the finalizer one after the other: a sum of the two alone would make (1, 2)
 * and (2, 1) alike. */
void apg_rng_init(struct apg_rng *r, uint64_t seed, uint64_t stream)
{
    r->key = apg_rng_at(apg_rng_at(seed, 1), stream);
    r->counter = 0;
}

double apg_rng_uniform(struct apg_rng *r)
{
    return (double)(apg_rng_u64(r) >> 11) * 0x1p-53;
}

double apg_rng_normal(struct apg_rng *r)
{
    double u = 1 - apg_rng_uniform(r); /* in (0, 1]: the logarithm is finite */
    double v = apg_rng_uniform(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* The lowest 2^64 mod n values are drawn again, so that of the others equally many have each
 * remainder. */
uint64_t apg_rng_below(struct apg_rng *r, uint64_t n)
{
    uint64_t refuse = (0 - n) % n, x;
    do
        x = apg_rng_u64(r);
    while (x < refuse);
    return x % n;
}

void apg_rng_shuffle(struct apg_rng *r, uint32_t *a, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)apg_rng_below(r, i);
        uint32_t t = a[i - 1];
        a[i - 1] = a[j];
        a[j] = t;
    }
}
