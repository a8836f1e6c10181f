/* SPDX-License-Identifier: MIT */
#include "gemm.h"
#include <cblas.h>
#include <limits.h>

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
