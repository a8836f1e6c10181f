/* SPDX-License-Identifier: MIT
 *
 * rng.h - random numbers by counter: a value is a pure function of (seed, stream, counter), so any
 * thread can make its own part of a sequence and the result does not depend on how many threads
 * there were. A struct apg_rng is one thread's at a time.
 */
#ifndef APG_RNG_H
#define APG_RNG_H
#include <stddef.h>
#include <stdint.h>

struct apg_rng {
    uint64_t key;     /* from (seed, stream) */
    uint64_t counter; /* which value of the stream comes next; may be set, to jump there */
};

/* Start a stream at counter 0. Different STREAMs of one SEED are independent. */
void apg_rng_init(struct apg_rng *r, uint64_t seed, uint64_t stream);

/* The value at COUNTER of the stream KEY: two rounds of multiply-xorshift (splitmix64's finalizer
 * over key and counter). Inline, because dropout draws one per four activations. */
static inline uint64_t apg_rng_at(uint64_t key, uint64_t counter)
{
    uint64_t z = key + counter * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The next value: 64 random bits. */
static inline uint64_t apg_rng_u64(struct apg_rng *r)
{
    return apg_rng_at(r->key, r->counter++);
}

double apg_rng_uniform(struct apg_rng *r);             /* in [0, 1), 53 bits */
double apg_rng_normal(struct apg_rng *r);              /* mean 0, variance 1 (Box-Muller, draws two values) */
uint64_t apg_rng_below(struct apg_rng *r, uint64_t n); /* in [0, n), unbiased; n > 0 */
void apg_rng_shuffle(struct apg_rng *r, uint32_t *a, size_t n); /* Fisher-Yates; a (n) */

#endif
