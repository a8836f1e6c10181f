/* SPDX-License-Identifier: MIT
 *
 * mem.h - memory with checked sizes. All memory is freed with free(). Thread-safe.
 */
#ifndef APG_MEM_H
#define APG_MEM_H
#include <stdbool.h>
#include <stddef.h>

enum { APG_ALIGN_BYTES = 64 }; /* a cache line, an AVX-512 register */

/* BYTES rounded up to a multiple of APG_ALIGN_BYTES. */
static inline size_t apg_aligned(size_t bytes)
{
    return (bytes + APG_ALIGN_BYTES - 1) / APG_ALIGN_BYTES * APG_ALIGN_BYTES;
}

/* N elements of SIZE bytes, zeroed, aligned to APG_ALIGN_BYTES. N = 0 gives a valid pointer. NULL
 * when out of memory or when N * SIZE overflows. */
void *apg_alloc(size_t n, size_t size);

/* Make room in a growing array. P_TO_POINTER is the address of a pointer to *cap elements of SIZE
 * bytes, NULL at first; after success *cap >= need. The array grows by doubling and keeps its
 * contents. False when out of memory: then the pointer and *cap are as before. The memory is not
 * 64-byte aligned. */
bool apg_grow(void *p_to_pointer, size_t *cap, size_t need, size_t size);

/* Give memory that was freed back to the system, as far as the C library can: at a moment when much was freed and
 * much will be allocated for long. */
void apg_mem_trim(void);

/* *out = a * b, or false when that overflows. */
bool apg_mul(size_t a, size_t b, size_t *out);

#endif
