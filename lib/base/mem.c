/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

bool apg_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

void *apg_alloc(size_t n, size_t size)
{
    size_t bytes;
    if (!apg_mul(n, size, &bytes) || bytes > SIZE_MAX - APG_ALIGN_BYTES)
        return NULL;
    bytes = bytes ? apg_aligned(bytes) : APG_ALIGN_BYTES;
    void *p = aligned_alloc(APG_ALIGN_BYTES, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

/* The caller's pointer has a type of its own, so it is read and written as bytes,
 * not as a void *. */
bool apg_grow(void *p_to_pointer, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t n = *cap ? *cap : 16, bytes;
    while (n < need)
        n = n > SIZE_MAX / 2 ? need : 2 * n;
    if (!apg_mul(n, size, &bytes))
        return false;
    void *p;
    memcpy(&p, p_to_pointer, sizeof p);
    /* cppcheck-suppress memleakOnRealloc ; the caller still has it, and frees it */
    p = realloc(p, bytes);
    if (!p)
        return false;
    memcpy(p_to_pointer, &p, sizeof p);
    *cap = n;
    return true;
}

void apg_mem_trim(void)
{
#ifdef __GLIBC__
    (void)malloc_trim(0);
#endif
}
