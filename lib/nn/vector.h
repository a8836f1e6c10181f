/* SPDX-License-Identifier: MIT
 *
 * vector.h - for kernel.c and kernel_product.c: functions cloned for each instruction set.
 *
 * APG_CLONED(a, b, ...): one clone of a function for each instruction set; the best of this processor is
 * chosen when the program starts. gcc only: clang 14 gives clones names that other files cannot call. Not
 * under ThreadSanitizer: the functions that choose a clone run before it is set up, and crash in it.
 *
 * APG_REGISTER: the bytes of a register that the clone chosen for this processor may use.
 */
#ifndef APG_VECTOR_H
#define APG_VECTOR_H
#include "nn/tensor.h"

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define APG_CLONED(...) __attribute__((target_clones(__VA_ARGS__, "default")))
#define APG_REGISTER (__builtin_cpu_supports("avx512f") ? 64u : __builtin_cpu_supports("fma") ? 32u : 16u)
#else
#define APG_CLONED(...)
#define APG_REGISTER 16u
#endif
#define INLINE static inline __attribute__((always_inline))

#endif
