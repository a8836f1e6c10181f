/* SPDX-License-Identifier: MIT
 *
 * gemm.h - matrix products. The only user of cblas.h. OpenBLAS runs single-threaded inside our threads.
 */
#ifndef APG_GEMM_H
#define APG_GEMM_H
#include <stdbool.h>
#include <stddef.h>
#include "nn/tensor.h"

/* To be called before the first product; calling it again is harmless. It keeps OpenBLAS from starting
 * threads beside ours. */
void apg_gemm_init(void);

/* An operand of a product: a matrix, or the transpose of one. */
struct apg_matrix {
    const apg_real *p; /* NULL: a matrix of zeros */
    size_t ld; /* numbers from one row to the next, as stored; 0: all rows are the same, as a bias is */
    bool transposed;
};

static inline struct apg_matrix apg_matrix(const apg_real *p, size_t ld)
{
    return (struct apg_matrix){p, ld, false};
}
static inline struct apg_matrix apg_transpose(const apg_real *p, size_t ld)
{
    return (struct apg_matrix){p, ld, true};
}
static inline struct apg_matrix apg_zeros(void)
{
    return (struct apg_matrix){0};
}

/* C = A B + FROM, of A (m, k), B (k, n), FROM and C (m, n). FROM is not transposed. It may be C itself, which
 * is then added to; otherwise the two do not overlap. Rows of C are LDC numbers apart. By our own tiles on
 * processors with 512-bit registers, else by OpenBLAS. Any thread may call it. */
void apg_gemm(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b, struct apg_matrix from,
    apg_real *c, size_t ldc);

/* The same of an A that is not transposed, for predictions, always by our own tiles. Each sum runs over k in
 * order, so a row's result depends neither on the rows beside it nor on the processor, if that has fused
 * multiply-adds (x86 from 2013 on). BLAS does not promise that: with OpenBLAS 0.3.21's Haswell kernels,
 * equal rows of A gave two different rows of C, by place. */
void apg_gemm_rows(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b,
    struct apg_matrix from, apg_real *c, size_t ldc);

#endif
