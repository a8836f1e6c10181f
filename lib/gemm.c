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
    apg_real pack[TK * APG_TILE_COLUMNS], edge[APG_TILE_ROWS * APG_TILE_COLUMNS] = {0};
    if (!(beta > 0))
        for (size_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, n * sizeof *c);
    for (size_t j0 = 0; j0 < n; j0 += APG_TILE_COLUMNS) {
        size_t cols = n - j0 < APG_TILE_COLUMNS ? n - j0 : APG_TILE_COLUMNS;
        for (size_t k0 = 0; k0 < k; k0 += TK) {
            size_t depth = k - k0 < TK ? k - k0 : TK;
            if (cols < APG_TILE_COLUMNS)
                memset(pack, 0, sizeof pack);
            for (size_t p = 0; !tb && p < depth; p++)
                memcpy(pack + p * APG_TILE_COLUMNS, b + (k0 + p) * ldb + j0, cols * sizeof *pack);
            for (size_t j = 0; tb && j < cols; j++)
                for (size_t p = 0; p < depth; p++)
                    pack[p * APG_TILE_COLUMNS + j] = b[(j0 + j) * ldb + k0 + p];
            for (size_t i = 0; i < m; i += APG_TILE_ROWS) {
                size_t rows = m - i < APG_TILE_ROWS ? m - i : APG_TILE_ROWS;
                const apg_real *row[APG_TILE_ROWS];
                for (size_t r = 0; r < APG_TILE_ROWS; r++)
                    row[r] = a + (i + (r < rows ? r : 0)) * lda + k0;
                if (rows == APG_TILE_ROWS && cols == APG_TILE_COLUMNS) {
                    apg_kernel_tile(depth, row, pack, c + i * ldc + j0, ldc);
                    continue;
                }
                for (size_t r = 0; r < rows; r++)
                    memcpy(edge + r * APG_TILE_COLUMNS, c + (i + r) * ldc + j0, cols * sizeof *c);
                apg_kernel_tile(depth, row, pack, edge, APG_TILE_COLUMNS);
                for (size_t r = 0; r < rows; r++)
                    memcpy(c + (i + r) * ldc + j0, edge + r * APG_TILE_COLUMNS, cols * sizeof *c);
            }
        }
    }
}
