/* SPDX-License-Identifier: MIT
 *
 * gemm.h - matrix products. The only user of cblas.h. OpenBLAS runs single-threaded inside our threads.
 */
#ifndef APG_GEMM_H
#define APG_GEMM_H
#include <stdbool.h>
#include <stddef.h>
#include "nn/tensor.h"

/* Once per process, before the first product: two pools of threads would fight. */
void apg_gemm_init(void);

/* C (m, n) = op(A) (m, k) op(B) (k, n) + FROM (m, n), op the transpose where TA, TB say so. FROM: NULL for 0;
 * C itself to add to it; a bias with LDF 0, the same in every row. LD*: numbers between two rows as stored.
 * By our own tiles on processors with 512-bit registers, else by OpenBLAS. */
void apg_gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc);

/* The same for A not transposed, always by our tiles: each sum runs over k in order, so a row's result does
 * not depend on which rows stand beside it, nor on the processor. BLAS does not promise that: with OpenBLAS
 * 0.3.21's Haswell kernels, equal rows of A gave two different rows of C, by place. For predictions. */
void apg_gemm_rows(bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda, const apg_real *b,
    size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc);

#endif
