/* SPDX-License-Identifier: MIT */
#include "nn/gemm.h"
#include <assert.h>
#include <cblas.h>
#include <string.h>
#include "nn/kernel.h"

void apg_gemm_init(void)
{
    openblas_set_num_threads(1);
}

enum {
    PACK_DEPTH = 128,   /* rows of B packed at once: 16 KiB, half of a first-level cache */
    UNPACKED_ROWS = 64, /* of A, up to which packing B takes longer than it saves */
};

/* Packs rows k0 .. k0 + DEPTH of B, of them COLS columns from j0 on, as rows of WIDTH numbers; zeros are put
 * where there are no columns. */
static void pack_strip(
    struct apg_matrix b, size_t k0, size_t depth, size_t j0, size_t cols, size_t width, apg_real *pack)
{
    if (cols == width && !b.transposed) {
        apg_kernel_pack(depth, width, b.p + k0 * b.ld + j0, b.ld, pack);
        return;
    }
    if (cols == width && depth % APG_VECTOR == 0 && apg_kernel_is_wide()) {
        apg_kernel_pack_transposed(depth, width, b.p + j0 * b.ld + k0, b.ld, pack);
        return;
    }
    if (cols < width)
        memset(pack, 0, depth * width * sizeof *pack);
    for (size_t p = 0; !b.transposed && p < depth; p++)
        memcpy(pack + p * width, b.p + (k0 + p) * b.ld + j0, cols * sizeof *pack);
    for (size_t j = 0; b.transposed && j < cols; j++)
        for (size_t p = 0; p < depth; p++)
            pack[p * width + j] = b.p[(j0 + j) * b.ld + k0 + p];
}

/* C = FROM, before products are added to it */
static void start(size_t m, size_t n, struct apg_matrix from, apg_real *c, size_t ldc)
{
    for (size_t i = 0; i < m && from.p != c; i++)
        if (from.p)
            memcpy(c + i * ldc, from.p + i * from.ld, n * sizeof *c);
        else
            memset(c + i * ldc, 0, n * sizeof *c);
}

/* Each strip of B's columns is packed, PACK_DEPTH rows at a time, and all rows of A go over it, tile by tile.
 * Each sum runs over k in order; between packs it stands in C. */
static void product(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b,
    struct apg_matrix from, apg_real *c, size_t ldc)
{
    apg_real pack[PACK_DEPTH * APG_WIDE_COLUMNS], edge[APG_TILE_ROWS * APG_WIDE_COLUMNS] = {0};
    apg_real rest[APG_TILE_ROWS * PACK_DEPTH]; /* A's last rows, filled up with zeros to a whole tile */
    const size_t row = a.transposed ? 1 : a.ld, step = a.transposed ? a.ld : 1;
    const bool alone = m == 1 && !b.transposed;
    if (k == 0 || alone)
        start(m, n, from, c, ldc);
    if (alone) { /* B is read once, and packing it would take longer. The sums are the same. */
        apg_kernel_add_rows(k, n, a.p, step, b.p, b.ld, c);
        return;
    }
    for (size_t j0 = 0, width; j0 < n; j0 += width) {
        const bool wide = n - j0 > APG_NARROW_COLUMNS;
        width = wide ? APG_WIDE_COLUMNS : APG_NARROW_COLUMNS;
        const size_t cols = n - j0 < width ? n - j0 : width;
        const size_t whole = cols < width ? 0 : m - m % APG_TILE_ROWS; /* rows of whole tiles */
        for (size_t k0 = 0, depth; k0 < k; k0 += depth) {
            depth = k - k0 < PACK_DEPTH ? k - k0 : PACK_DEPTH;
            const apg_real *strip = pack;
            size_t ld_strip = width;
            if (m <= UNPACKED_ROWS && !b.transposed && cols == width) /* where it stands */
                strip = b.p + k0 * b.ld + j0, ld_strip = b.ld;
            else
                pack_strip(b, k0, depth, j0, cols, width, pack);
            const apg_real *at = a.p + k0 * step, *f = k0 ? c + j0 : from.p ? from.p + j0 : NULL;
            const size_t ld = k0 ? ldc : from.ld;
            (wide ? apg_kernel_wide : apg_kernel_narrow)(
                whole, depth, at, row, step, strip, ld_strip, f, ld, c + j0, ldc);
            for (size_t i = whole; i < m; i += APG_TILE_ROWS) {
                const size_t rows = m - i < APG_TILE_ROWS ? m - i : APG_TILE_ROWS;
                const apg_real *ai = at + i * row;
                size_t row_of = row, step_of = step;
                if (rows < APG_TILE_ROWS) {
                    for (size_t r = 0; r < APG_TILE_ROWS; r++)
                        for (size_t p = 0; p < depth; p++)
                            rest[r * PACK_DEPTH + p] = r < rows ? ai[r * row + p * step] : 0;
                    ai = rest, row_of = PACK_DEPTH, step_of = 1;
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

void apg_gemm_rows(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b,
    struct apg_matrix from, apg_real *c, size_t ldc)
{
    assert(!a.transposed);
    product(m, n, k, a, b, from, c, ldc);
}

void apg_gemm(size_t m, size_t n, size_t k, struct apg_matrix a, struct apg_matrix b, struct apg_matrix from,
    apg_real *c, size_t ldc)
{
    if (apg_kernel_is_wide()) {
        product(m, n, k, a, b, from, c, ldc);
        return;
    }
    const enum CBLAS_TRANSPOSE opa = a.transposed ? CblasTrans : CblasNoTrans,
                               opb = b.transposed ? CblasTrans : CblasNoTrans;
    if (from.p)
        start(m, n, from, c, ldc);
#ifdef APG_DOUBLE
    cblas_dgemm(
#else
    cblas_sgemm(
#endif
        CblasRowMajor, opa, opb, (blasint)m, (blasint)n, (blasint)k, 1, a.p, (blasint)a.ld, b.p,
        (blasint)b.ld, from.p ? 1 : 0, c, (blasint)ldc);
}
