/* SPDX-License-Identifier: MIT */
#include "gemm.h"
#include <cblas.h>
#include <string.h>
#include "kernel.h"

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

enum { TK = 128 }; /* how much of k is packed at once */

/* For each strip of APG_TILE_COLUMNS columns: b's strip packed, TK of k at a time, and all rows over it. Sums
 * go on in C between packs. */
void apg_gemm_rows(bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda, const apg_real *b,
    size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    apg_real pack[TK * APG_TILE_COLUMNS];
    if (!(beta > 0))
        for (size_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, n * sizeof *c);
    for (size_t j0 = 0; j0 < n; j0 += APG_TILE_COLUMNS) {
        size_t cols = n - j0 < APG_TILE_COLUMNS ? n - j0 : APG_TILE_COLUMNS;
        for (size_t k0 = 0; k0 < k; k0 += TK) {
            size_t depth = k - k0 < TK ? k - k0 : TK;
            for (size_t p = 0; p < depth; p++)
                for (size_t j = 0; j < APG_TILE_COLUMNS; j++)
                    pack[p * APG_TILE_COLUMNS + j] = j >= cols ? 0
                                                     : tb      ? b[(j0 + j) * ldb + k0 + p]
                                                               : b[(k0 + p) * ldb + j0 + j];
            for (size_t i = 0; i < m; i += APG_TILE_ROWS) {
                size_t rows = m - i < APG_TILE_ROWS ? m - i : APG_TILE_ROWS;
                const apg_real *row[APG_TILE_ROWS];
                apg_real acc[APG_TILE_ROWS][APG_TILE_COLUMNS] = {{0}};
                for (size_t r = 0; r < APG_TILE_ROWS; r++)
                    row[r] = a + (i + (r < rows ? r : 0)) * lda + k0;
                for (size_t r = 0; r < rows; r++)
                    memcpy(acc[r], c + (i + r) * ldc + j0, cols * sizeof **acc);
                apg_kernel_tile(depth, row, pack, acc);
                for (size_t r = 0; r < rows; r++)
                    memcpy(c + (i + r) * ldc + j0, acc[r], cols * sizeof **acc);
            }
        }
    }
}
