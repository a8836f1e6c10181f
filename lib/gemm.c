/* SPDX-License-Identifier: MIT */
#include "gemm.h"
#include <cblas.h>
#include <string.h>
#include "kernel.h"

void apg_gemm_init(void)
{
    openblas_set_num_threads(1);
}

enum {
    TK = 128, /* how much of k is packed at once: 16 KiB, half of a first-level cache */
    FEW = 64, /* rows for which packing takes longer than it saves */
};

/* b's strip: k0 .. k0 + depth of COLS columns from j0, in rows of WIDTH numbers, zeros where there are no
 * columns. */
static void pack_strip(bool tb, const apg_real *b, size_t ldb, size_t k0, size_t depth, size_t j0,
    size_t cols, size_t width, apg_real *pack)
{
    if (cols == width && !tb) {
        apg_kernel_pack(depth, width, b + k0 * ldb + j0, ldb, pack);
        return;
    }
    if (cols == width && depth % APG_VECTOR == 0 && apg_kernel_is_wide()) {
        apg_kernel_pack_transposed(depth, width, b + j0 * ldb + k0, ldb, pack);
        return;
    }
    if (cols < width)
        memset(pack, 0, depth * width * sizeof *pack);
    for (size_t p = 0; !tb && p < depth; p++)
        memcpy(pack + p * width, b + (k0 + p) * ldb + j0, cols * sizeof *pack);
    for (size_t j = 0; tb && j < cols; j++)
        for (size_t p = 0; p < depth; p++)
            pack[p * width + j] = b[(j0 + j) * ldb + k0 + p];
}

/* For each strip of columns: b's part packed, TK of k at a time, and all rows over it, tile by tile. Each sum
 * runs over k in order, going on in c between packs. */
static void product(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    apg_real pack[TK * APG_WIDE_COLUMNS], edge[APG_NARROW_ROWS * APG_NARROW_COLUMNS] = {0};
    apg_real few[APG_NARROW_ROWS * TK]; /* of a, where rows are left over: with zeros */
    const size_t row = ta ? 1 : lda, step = ta ? lda : 1;
    const bool fresh = !(beta > 0);
    if (fresh && (k == 0 || (m == 1 && !tb)))
        for (size_t i = 0; i < m; i++)
            memset(c + i * ldc, 0, n * sizeof *c);
    if (m == 1 && !tb) { /* b is read once: packing it would take longer. The same sums */
        for (size_t p = 0; p < k; p++)
            apg_kernel_add(c, b + p * ldb, a[p * step], n);
        return;
    }
    for (size_t j0 = 0, width; j0 < n; j0 += width) {
        const bool wide = n - j0 > APG_NARROW_COLUMNS;
        const size_t rows_at_once = wide ? APG_WIDE_ROWS : APG_NARROW_ROWS;
        width = wide ? APG_WIDE_COLUMNS : APG_NARROW_COLUMNS;
        const size_t cols = n - j0 < width ? n - j0 : width;
        for (size_t k0 = 0, depth; k0 < k; k0 += depth) {
            depth = k - k0 < TK ? k - k0 : TK;
            const apg_real *strip = pack;
            size_t ld_strip = width;
            if (m <= FEW && !tb && cols == width) /* where it stands */
                strip = b + k0 * ldb + j0, ld_strip = ldb;
            else
                pack_strip(tb, b, ldb, k0, depth, j0, cols, width, pack);
            for (size_t i = 0; i < m; i += rows_at_once) {
                const size_t rows = m - i < rows_at_once ? m - i : rows_at_once;
                const apg_real *at = a + i * row + k0 * step;
                apg_real *out = c + i * ldc + j0;
                size_t row_of = row, step_of = step, ld = ldc;
                if (rows < rows_at_once) {
                    for (size_t r = 0; r < rows_at_once; r++)
                        for (size_t p = 0; p < depth; p++)
                            few[r * TK + p] = r < rows ? at[r * row + p * step] : 0;
                    at = few, row_of = TK, step_of = 1;
                }
                const bool add = k0 > 0 || !fresh;
                if (rows < rows_at_once || cols < width) {
                    out = edge, ld = width;
                    for (size_t r = 0; add && r < rows; r++)
                        memcpy(edge + r * width, c + (i + r) * ldc + j0, cols * sizeof *c);
                }
                (wide ? apg_kernel_wide : apg_kernel_narrow)(
                    add, depth, at, row_of, step_of, strip, ld_strip, out, ld);
                for (size_t r = 0; out == edge && r < rows; r++)
                    memcpy(c + (i + r) * ldc + j0, edge + r * width, cols * sizeof *c);
            }
        }
    }
}

void apg_gemm_rows(bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda, const apg_real *b,
    size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    product(false, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void apg_gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    if (apg_kernel_is_wide()) {
        product(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    const enum CBLAS_TRANSPOSE opa = ta ? CblasTrans : CblasNoTrans, opb = tb ? CblasTrans : CblasNoTrans;
#ifdef APG_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, opa, opb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b, (blasint)ldb,
        beta, c, (blasint)ldc);
}
