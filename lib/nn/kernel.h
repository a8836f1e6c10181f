/* SPDX-License-Identifier: MIT
 *
 * kernel.h - loops that a step spends its time in and BLAS has no call for. Plain C that the compiler
 * vectorises, cloned per instruction set and chosen at run time. No fused multiply-add: every clone gives the
 * same bytes.
 */
#ifndef APG_KERNEL_H
#define APG_KERNEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nn/tensor.h"

/* The products of B instances with matrices of their own, too small for a BLAS call each.
 * x, dx (B, N); y, dy (B, M); W, dW (B) matrices (N, M), LDW numbers from one instance's to the next's. */
/* y_i = x_i W_i */
void apg_kernel_vecmat(
    size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W, size_t ldW, apg_real *y);
/* dW_i = x_i^T dy_i, dx_i = dy_i W_i^T, ADDed to what is there or not */
void apg_kernel_vecmat_back(size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W,
    const apg_real *dy, size_t ldW, apg_real *dW, bool add, apg_real *dx);

/* x (n) = relu(x); with CUT > 0 each is then kept with probability 1 - CUT / 65536 and scaled by its inverse,
 * by random numbers that are a function of KEY and the place alone. */
void apg_kernel_relu(apg_real *x, size_t n, uint64_t key, unsigned cut);
/* dx = 0 where y = 0, else scaled likewise. */
void apg_kernel_relu_back(apg_real *dx, const apg_real *y, size_t n, unsigned cut);

/* sum (n) += column sums of a (m, n) */
void apg_kernel_column_sums(const apg_real *a, size_t m, size_t n, apg_real *sum);
/* y (n) += w x (n) */
void apg_kernel_add(apg_real *y, const apg_real *x, apg_real w, size_t n);
/* y (n) += a (n) b (n), number by number */
void apg_kernel_add_product(apg_real *y, const apg_real *a, const apg_real *b, size_t n);

/* Attention, of APG_VECTOR instances at a time, one in each lane. T (F, 4 E, APG_VECTOR): of each of F fields
 * q, k, v and y, E numbers each, cut into heads of D. */
/* y_f += sum_j p_fj v_j, p_f the softmax over j of q_f k_j. P: room for (F, APG_VECTOR) */
void apg_kernel_attention(size_t F, size_t E, size_t d, apg_real *t, apg_real *p);
/* Of dy in DT the other three: dq, dk, dv are set. P, DP: room for (F, APG_VECTOR) each */
void apg_kernel_attention_back(
    size_t F, size_t E, size_t d, const apg_real *t, apg_real *dt, apg_real *p, apg_real *dp);
/* x (ROWS, F, N) to and from columns of t (F, LD, APG_VECTOR), ROWS <= APG_VECTOR; lanes without a row are 0.
 */
void apg_kernel_to_lanes(size_t rows, size_t F, size_t n, const apg_real *x, apg_real *t, size_t ld);
void apg_kernel_from_lanes(size_t rows, size_t F, size_t n, const apg_real *t, size_t ld, apg_real *x);

/* Tiles of a product, for gemm.c: c (m, columns) = a (m, k) b (k, columns) + FROM (m, columns), or without it
 * where FROM is NULL. LD*: numbers from row to row. a's number (r, p) is a[r * row + p * step]. m is a
 * multiple of APG_TILE_ROWS. WIDE: 2 vectors of columns, else 1. */
enum {
    APG_VECTOR = 64 / sizeof(apg_real), /* numbers in 512 bits */
    APG_TILE_ROWS = 8,
    APG_WIDE_COLUMNS = 2 * APG_VECTOR,
    APG_NARROW_COLUMNS = APG_VECTOR,
};
void apg_kernel_wide(size_t m, size_t k, const apg_real *a, size_t row, size_t step, const apg_real *b,
    size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc);
void apg_kernel_narrow(size_t m, size_t k, const apg_real *a, size_t row, size_t step, const apg_real *b,
    size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc);
/* pack (k, COLUMNS), COLUMNS whole vectors, from b (k, .), or from b (COLUMNS, .) whose k, then a whole
 * number of vectors too, stand in rows */
void apg_kernel_pack(size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack);
void apg_kernel_pack_transposed(size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack);
/* Is this processor one on which these tiles beat BLAS: 512-bit registers? */
bool apg_kernel_is_wide(void);

/* Of the F vectors of E numbers of B rows v (B, F, E): total (B, E) their sums, y (B) the sum over columns
 * and pairs f < h of v_f v_h. */
void apg_kernel_fm(size_t B, size_t F, size_t E, const apg_real *v, apg_real *total, apg_real *y);
/* Inner products of the pairs f < h of F vectors of E numbers, for APG_VECTOR instances at once, which are
 * the columns of all: v, dv (F E, APG_VECTOR); y, dy (F (F - 1) / 2, APG_VECTOR). */
/* y_fh = v_f v_h */
void apg_kernel_pairs(size_t F, size_t E, const apg_real *v, apg_real *y);
/* dv_f += dy_fh v_h, dv_h += dy_fh v_f */
void apg_kernel_pairs_back(size_t F, size_t E, const apg_real *v, const apg_real *dy, apg_real *dv);

/* mean (n) = (1 - part) mean + part x */
void apg_kernel_approach(size_t n, apg_real *mean, const apg_real *x, apg_real part);
void apg_kernel_swap(size_t n, apg_real *a, apg_real *b);

/* Adam on n numbers: w, first and second moments, gradient; the gradient is g + l2 w. LR_M: rate with the
 * bias correction of m in it. ROOT_V: factor on sqrt(v). */
void apg_kernel_adam(size_t n, apg_real *w, apg_real *m, apg_real *v, const apg_real *g, apg_real l2,
    apg_real lr_m, apg_real root_v);
void apg_kernel_adagrad(size_t n, apg_real *w, apg_real *v, const apg_real *g, apg_real l2, apg_real lr);

#endif
