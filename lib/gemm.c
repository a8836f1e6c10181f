/* SPDX-License-Identifier: MIT */
#include "gemm.h"
#include <cblas.h>
#include <string.h>

void apg_gemm_init(void)
{
    openblas_set_num_threads(1);
}

void apg_gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    const enum CBLAS_TRANSPOSE opa = ta ? CblasTrans : CblasNoTrans, opb = tb ? CblasTrans : CblasNoTrans;
#ifdef APG_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, opa, opb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b, (blasint)ldb,
        beta, c, (blasint)ldc);
}

/* ---- row by row ---- */

enum { TR = 4, TC = 16, TK = 128 }; /* a tile: rows and columns of C, and how much of k is packed at once */

static inline __attribute__((always_inline)) void tile(
    size_t k, const apg_real *const a[TR], const apg_real *restrict b, apg_real acc[TR][TC])
{
    for (size_t p = 0; p < k; p++)
        for (size_t r = 0; r < TR; r++)
            for (size_t j = 0; j < TC; j++)
                acc[r][j] += a[r][p] * b[p * TC + j];
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void tile_avx2(
    size_t k, const apg_real *const a[TR], const apg_real *restrict b, apg_real acc[TR][TC])
{
    apg_real x[TR][TC];
    memcpy(x, acc, sizeof x);
    tile(k, a, b, x);
    memcpy(acc, x, sizeof x);
}
__attribute__((target("avx512f"))) static void tile_avx512(
    size_t k, const apg_real *const a[TR], const apg_real *restrict b, apg_real acc[TR][TC])
{
    apg_real x[TR][TC];
    memcpy(x, acc, sizeof x);
    tile(k, a, b, x);
    memcpy(acc, x, sizeof x);
}
#endif
static void tile_plain(
    size_t k, const apg_real *const a[TR], const apg_real *restrict b, apg_real acc[TR][TC])
{
    tile(k, a, b, acc);
}

typedef void tile_fn(size_t k, const apg_real *const a[TR], const apg_real *restrict b, apg_real acc[TR][TC]);
static tile_fn *best_tile(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f"))
        return tile_avx512;
    if (__builtin_cpu_supports("avx2"))
        return tile_avx2;
#endif
    return tile_plain;
}

/* For each strip of TC columns: b's strip packed, TK of k at a time, and all rows over it. Sums go on in C
 * between packs. */
void apg_gemm_rows(bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda, const apg_real *b,
    size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    tile_fn *const fn = best_tile();
    apg_real pack[TK * TC];
    if (!(beta > 0))
        for (size_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, n * sizeof *c);
    for (size_t j0 = 0; j0 < n; j0 += TC) {
        size_t cols = n - j0 < TC ? n - j0 : TC;
        for (size_t k0 = 0; k0 < k; k0 += TK) {
            size_t depth = k - k0 < TK ? k - k0 : TK;
            for (size_t p = 0; p < depth; p++)
                for (size_t j = 0; j < TC; j++)
                    pack[p * TC + j] = j >= cols ? 0
                                       : tb      ? b[(j0 + j) * ldb + k0 + p]
                                                 : b[(k0 + p) * ldb + j0 + j];
            for (size_t i = 0; i < m; i += TR) {
                size_t rows = m - i < TR ? m - i : TR;
                const apg_real *row[TR];
                apg_real acc[TR][TC] = {{0}};
                for (size_t r = 0; r < TR; r++)
                    row[r] = a + (i + (r < rows ? r : 0)) * lda + k0;
                for (size_t r = 0; r < rows; r++)
                    memcpy(acc[r], c + (i + r) * ldc + j0, cols * sizeof **acc);
                fn(depth, row, pack, acc);
                for (size_t r = 0; r < rows; r++)
                    memcpy(c + (i + r) * ldc + j0, acc[r], cols * sizeof **acc);
            }
        }
    }
}

void apg_vecmat(const apg_real *x, const apg_real *S, size_t K, apg_real *out)
{
    for (size_t j = 0; j < K; j++)
        out[j] = 0;
    for (size_t k = 0; k < K; k++)
        for (size_t j = 0; j < K; j++)
            out[j] += x[k] * S[k * K + j];
}

void apg_vecmat_t(const apg_real *x, const apg_real *S, size_t K, apg_real *out)
{
    for (size_t k = 0; k < K; k++) {
        apg_real sum = 0;
        for (size_t j = 0; j < K; j++)
            sum += x[j] * S[k * K + j];
        out[k] = sum;
    }
}

void apg_outer(const apg_real *x, const apg_real *y, size_t K, apg_real *S)
{
    for (size_t k = 0; k < K; k++)
        for (size_t j = 0; j < K; j++)
            S[k * K + j] = x[k] * y[j];
}

void apg_column_sums(const apg_real *a, size_t m, size_t n, size_t lda, apg_real *sum)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            sum[j] += a[i * lda + j];
}
