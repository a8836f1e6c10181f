/* SPDX-License-Identifier: MIT */
#include "nn/gemm.h"
#include <cblas.h>
#include <string.h>
#include "nn/kernel.h"

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

/* c's rows = FROM's, or 0 */
static void start(size_t m, size_t n, const apg_real *from, size_t ldf, apg_real *c, size_t ldc)
{
    for (size_t i = 0; i < m && from != c; i++)
        if (from)
            memcpy(c + i * ldc, from + i * ldf, n * sizeof *c);
        else
            memset(c + i * ldc, 0, n * sizeof *c);
}

/* For each strip of columns: b's part packed, TK of k at a time, and all rows over it, tile by tile. Each sum
 * runs over k in order, going on in c between packs. */
static void product(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc)
{
    apg_real pack[TK * APG_WIDE_COLUMNS], edge[APG_TILE_ROWS * APG_WIDE_COLUMNS] = {0};
    apg_real few[APG_TILE_ROWS * TK]; /* of a, where rows are left over: with zeros */
    const size_t row = ta ? 1 : lda, step = ta ? lda : 1;
    const bool alone = m == 1 && !tb;
    if (k == 0 || alone)
        start(m, n, from, ldf, c, ldc);
    if (alone) { /* b is read once: packing it would take longer. The same sums */
        for (size_t p = 0; p < k; p++)
            apg_kernel_add(c, b + p * ldb, a[p * step], n);
        return;
    }
    for (size_t j0 = 0, width; j0 < n; j0 += width) {
        const bool wide = n - j0 > APG_NARROW_COLUMNS;
        width = wide ? APG_WIDE_COLUMNS : APG_NARROW_COLUMNS;
        const size_t cols = n - j0 < width ? n - j0 : width;
        const size_t whole = cols < width ? 0 : m - m % APG_TILE_ROWS; /* rows of whole tiles */
        for (size_t k0 = 0, depth; k0 < k; k0 += depth) {
            depth = k - k0 < TK ? k - k0 : TK;
            const apg_real *strip = pack;
            size_t ld_strip = width;
            if (m <= FEW && !tb && cols == width) /* where it stands */
                strip = b + k0 * ldb + j0, ld_strip = ldb;
            else
                pack_strip(tb, b, ldb, k0, depth, j0, cols, width, pack);
            const apg_real *at = a + k0 * step, *f = k0 ? c + j0 : from ? from + j0 : NULL;
            const size_t ld = k0 ? ldc : ldf;
            (wide ? apg_kernel_wide : apg_kernel_narrow)(
                whole, depth, at, row, step, strip, ld_strip, f, ld, c + j0, ldc);
            for (size_t i = whole; i < m; i += APG_TILE_ROWS) {
                const size_t rows = m - i < APG_TILE_ROWS ? m - i : APG_TILE_ROWS;
                const apg_real *ai = at + i * row;
                size_t row_of = row, step_of = step;
                if (rows < APG_TILE_ROWS) {
                    for (size_t r = 0; r < APG_TILE_ROWS; r++)
                        for (size_t p = 0; p < depth; p++)
                            few[r * TK + p] = r < rows ? ai[r * row + p * step] : 0;
                    ai = few, row_of = TK, step_of = 1;
                }
                for (size_t r = 0; f && r < rows; r++)
                    memcpy(edge + r * width, f + (i + r) * ld, cols * sizeof *c);
                (wide ? apg_kernel_wide : apg_kernel_narrow)(APG_TILE_ROWS, depth, ai, row_of, step_of, strip,
                    ld_strip, f ? edge : NULL, width, edge, width);
                for (size_t r = 0; r < rows; r++)
                    memcpy(c + (i + r) * ldc + j0, edge + r * width, cols * sizeof *c);
            }
        }
    }
}

void apg_gemm_rows(bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda, const apg_real *b,
    size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc)
{
    product(false, tb, m, n, k, a, lda, b, ldb, from, ldf, c, ldc);
}

void apg_gemm(bool ta, bool tb, size_t m, size_t n, size_t k, const apg_real *a, size_t lda,
    const apg_real *b, size_t ldb, const apg_real *from, size_t ldf, apg_real *c, size_t ldc)
{
    if (apg_kernel_is_wide()) {
        product(ta, tb, m, n, k, a, lda, b, ldb, from, ldf, c, ldc);
        return;
    }
    const enum CBLAS_TRANSPOSE opa = ta ? CblasTrans : CblasNoTrans, opb = tb ? CblasTrans : CblasNoTrans;
    if (from)
        start(m, n, from, ldf, c, ldc);
#ifdef APG_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, opa, opb, (blasint)m, (blasint)n, (blasint)k, 1, a, (blasint)lda, b, (blasint)ldb,
        from ? 1 : 0, c, (blasint)ldc);
}
