/* SPDX-License-Identifier: MIT
 *
 * kernel.h - loops in which a step spends its time and for which BLAS has no call. They are plain C that the
 * compiler vectorises, cloned for each instruction set; the clone is chosen when the program starts. Every
 * clone gives the same bytes, but for products (kernel_product.c), which fuse multiplication and addition
 * where the processor does. Any thread may call them. Nothing overlaps, unless it is said to.
 */
#ifndef APG_KERNEL_H
#define APG_KERNEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nn/tensor.h"

/* The products of B instances with matrices of their own, which are too small for a BLAS call each.
 * x, dx (B, N); y, dy (B, M); W, dW are B matrices (N, M), each LDW numbers behind the one before. */
/* y_i = x_i W_i */
void apg_kernel_vecmat(
    size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W, size_t ldW, apg_real *y);
/* dW_i = x_i^T dy_i, dx_i = dy_i W_i^T; with ADD, dx_i += dy_i W_i^T */
void apg_kernel_vecmat_back(size_t B, size_t N, size_t M, const apg_real *x, const apg_real *W,
    const apg_real *dy, size_t ldW, apg_real *dW, bool add, apg_real *dx);

/* x (n) = relu(x). With CUT > 0 each number is then kept with probability 1 - CUT / 65536, divided by that
 * probability, or else set to 0. Which are kept depends on KEY and the place alone. */
void apg_kernel_relu(apg_real *x, size_t n, uint64_t key, unsigned cut);
/* dx = 0 where y = 0, else divided likewise. */
void apg_kernel_relu_back(apg_real *dx, const apg_real *y, size_t n, unsigned cut);

/* sum (n) += column sums of a (m, n) */
void apg_kernel_column_sums(const apg_real *a, size_t m, size_t n, apg_real *sum);
/* MOMENTS (2 n): the mean of each column of a (m, n), then the sums of squared deviations from it; m > 0 */
void apg_kernel_moments(const apg_real *a, size_t m, size_t n, apg_real *moments);
/* Of normalized columns y = xhat, xhat = (x - MEAN) INVERSE: DSHIFT (n) += column sums of dy (m, n), DSCALE
 * (n)
 * += those of dy xhat. */
void apg_kernel_moments_back(const apg_real *x, const apg_real *dy, size_t m, size_t n, const apg_real *mean,
    const apg_real *inverse, apg_real *dshift, apg_real *dscale);
/* y (n) += w x (n) */
void apg_kernel_add(apg_real *y, const apg_real *x, apg_real w, size_t n);
/* N bags of rows of TABLE to e (n, E): bag i is the sum of weight[j] * table[id[j]] over j from first[i]
 * on, before first[i + 1]. Rows are fetched into the cache before their turn. */
void apg_kernel_bags(const uint32_t *first, const uint32_t *id, const float *weight, size_t n,
    const apg_real *table, size_t E, apg_real *e);
/* The same of a table in half precision (half.h). */
void apg_kernel_bags_half(const uint32_t *first, const uint32_t *id, const float *weight, size_t n,
    const uint16_t *half, size_t E, apg_real *e);
/* y (n) += a (n) b (n), number by number */
void apg_kernel_add_product(apg_real *y, const apg_real *a, const apg_real *b, size_t n);

/* Attention of APG_VECTOR instances at a time, one in each lane. T (F, 4 E, APG_VECTOR) has q, k, v and y of
 * each of F fields, E numbers each, which are cut into heads of D. */
/* y_f += sum_j p_fj v_j, where p_f is the softmax over j of q_f k_j. P: room for (F, APG_VECTOR) */
void apg_kernel_attention(size_t F, size_t E, size_t d, apg_real *t, apg_real *p);
/* Makes dq, dk and dv in DT from dy there. P, DP: room for (F, APG_VECTOR) each */
void apg_kernel_attention_back(
    size_t F, size_t E, size_t d, const apg_real *t, apg_real *dt, apg_real *p, apg_real *dp);
/* Copies x (ROWS, F, N) to or from columns of t (F, LD, APG_VECTOR), ROWS <= APG_VECTOR. Lanes without a row
 * are set to 0. */
void apg_kernel_to_lanes(size_t rows, size_t F, size_t n, const apg_real *x, apg_real *t, size_t ld);
void apg_kernel_from_lanes(size_t rows, size_t F, size_t n, const apg_real *t, size_t ld, apg_real *x);

/* Tiles of a product, for gemm.c: c (m, columns) = a (m, k) b (k, columns) + FROM (m, columns); FROM may be
 * NULL, for 0, or c. LD*: numbers from one row to the next. a's number (r, p) is a[r * ROW + p * STEP]. m is
 * a multiple of APG_TILE_ROWS. There are 2 vectors of columns in a wide tile, 1 in a narrow one. */
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
/* The same sums for one row: y (n) += a (k) b (k, n). a's number p is a[p * STEP]. */
void apg_kernel_add_rows(
    size_t k, size_t n, const apg_real *a, size_t step, const apg_real *b, size_t ldb, apg_real *y);
/* Copies b (k, COLUMNS) to PACK (k, COLUMNS); or b (COLUMNS, k), transposed. COLUMNS is a whole number of
 * vectors, and of the transposed so is k. */
void apg_kernel_pack(size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack);
void apg_kernel_pack_transposed(size_t k, size_t columns, const apg_real *b, size_t ldb, apg_real *pack);
/* Whether this processor has 512-bit registers: there these tiles beat BLAS. */
bool apg_kernel_is_wide(void);

/* Of v (B, F, E), F vectors of E numbers in each row: TOTAL (B, E) = the sum of the vectors; y (B) = the sum
 * of the products v_f v_h of all pairs f < h. */
void apg_kernel_fm(size_t B, size_t F, size_t E, const apg_real *v, apg_real *total, apg_real *y);
/* Inner products of the pairs f < h of F vectors of E numbers, for APG_VECTOR instances at once, which are
 * the columns of all: v, dv (F E, APG_VECTOR); y, dy (F (F - 1) / 2, APG_VECTOR). */
/* y_fh = v_f v_h */
void apg_kernel_pairs(size_t F, size_t E, const apg_real *v, apg_real *y);
/* dv_f += dy_fh v_h, dv_h += dy_fh v_f */
void apg_kernel_pairs_back(size_t F, size_t E, const apg_real *v, const apg_real *dy, apg_real *dv);

/* mean (n) = (1 - part) mean + part x */
void apg_kernel_lerp(size_t n, apg_real *mean, const apg_real *x, apg_real part);
void apg_kernel_swap(size_t n, apg_real *a, apg_real *b);

/* A step of Adam on n weights w with first moments m, second moments v and gradient g + L2 w. LR_M: the
 * learning rate times the bias correction of m. ROOT_V: the factor that corrects sqrt(v). */
void apg_kernel_adam(size_t n, apg_real *w, apg_real *m, apg_real *v, const apg_real *g, apg_real l2,
    apg_real lr_m, apg_real root_v);
/* A step of Adagrad on n weights w with sums of squares v and gradient g + L2 w. */
void apg_kernel_adagrad(size_t n, apg_real *w, apg_real *v, const apg_real *g, apg_real l2, apg_real lr);
/* The same with one sum v for all n weights, of the means of their squares, which forgets a hundredth of
 * itself in each step. */
void apg_kernel_adagrad_row(size_t n, apg_real *w, apg_real *v, const apg_real *g, apg_real l2, apg_real lr);

#endif
