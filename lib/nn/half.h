/* SPDX-License-Identifier: MIT
 *
 * half.h - numbers of 16 bits (IEEE 754 binary16), in which tables may be stored. The steps are such that the
 * compiler vectorises them.
 */
#ifndef APG_HALF_H
#define APG_HALF_H
#include <math.h>
#include <stdint.h>

union apg_half_bits {
    uint32_t u;
    float f;
};

/* The value of h, exactly. Infinities and NaN, which are never stored, would come out as numbers. */
static inline float apg_half_value(uint16_t h)
{
    union apg_half_bits x = {.u = (uint32_t)(h & 0x7fff) << 13};
    x.f *= 0x1p112f; /* the exponents' difference, which also makes subnormals right */
    x.u |= (uint32_t)(h & 0x8000) << 16;
    return x.f;
}

/* The half nearest to f; of two, the even one. Beyond the largest, 65504, it is the largest. */
static inline uint16_t apg_half_of(float f)
{
    union apg_half_bits x = {.f = fabsf(f)};
    uint32_t h;
    if (!(x.f < 65504))
        h = 0x7bff;
    else if (x.f < 0x1p-14f)
        h = (uint32_t)lrintf(x.f * 0x1p24f);
    else
        h = ((x.u + 0xfff + (x.u >> 13 & 1)) >> 13) - (112u << 10);
    return (uint16_t)(h | (signbit(f) ? 0x8000u : 0));
}

#endif
