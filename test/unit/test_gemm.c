/* SPDX-License-Identifier: MIT
 *
 * Products against plain loops, for sizes around the tiles; and that a row's result does not depend on its
 * place.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "nn/gemm.h"
#include "base/rng.h"

static apg_real *numbers(size_t n, uint64_t stream)
{
    apg_real *a = calloc(n + 1, sizeof *a);
    struct apg_rng r;
    apg_rng_init(&r, 1, stream);
    assert_non_null(a);
    for (size_t i = 0; i < n; i++)
        a[i] = (apg_real)apg_rng_normal(&r);
    return a;
}

static const size_t sizes[] = {1, 3, 4, 8, 15, 16, 17, 31, 32, 33, 70, 128, 129};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

enum from { ZERO, ITSELF, BIAS };

/* Both functions, from each start, against one plain product: that is most of the time. */
static void check(bool ta, bool tb, size_t m, size_t n, size_t k)
{
    const size_t lda = (ta ? m : k) + 2, ldb = (tb ? k : n) + 1, ldc = n + 3; /* parts of larger matrices */
    apg_real *a = numbers((ta ? k : m) * lda, 1), *b = numbers((tb ? n : k) * ldb, 2),
             *c = numbers(m * ldc, 3), *before = numbers(m * ldc, 3), *bias = numbers(n, 4);
    const struct apg_matrix A = {a, lda, ta}, B = {b, ldb, tb};
    double *product = calloc(m * n, sizeof *product), *size = calloc(m * n, sizeof *size);
    assert_non_null(product);
    assert_non_null(size);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0, sum_size = 1;
            for (size_t p = 0; p < k; p++) {
                double x = (double)(ta ? a[p * lda + i] : a[i * lda + p]) *
                           (double)(tb ? b[j * ldb + p] : b[p * ldb + j]);
                sum += x, sum_size += fabs(x);
            }
            product[i * n + j] = sum, size[i * n + j] = sum_size;
        }
    for (int how = 0; how < (ta ? 3 : 6); how++) { /* apg_gemm_rows takes no transposed A */
        const enum from from = (enum from)(how % 3);
        const bool rows = how >= 3;
        const struct apg_matrix start = from == BIAS     ? apg_matrix(bias, 0)
                                        : from == ITSELF ? apg_matrix(c, ldc)
                                                         : apg_zeros();
        memcpy(c, before, m * ldc * sizeof *c);
        if (rows)
            apg_gemm_rows(m, n, k, A, B, start, c, ldc);
        else
            apg_gemm(m, n, k, A, B, start, c, ldc);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < ldc; j++) {
                double want = (double)before[i * ldc + j], most = 1e-6;
                if (j < n) {
                    want = from == BIAS ? (double)bias[j] : from == ITSELF ? want : 0;
                    want += product[i * n + j], most *= size[i * n + j];
                }
                if (!(fabs((double)c[i * ldc + j] - want) <= most))
                    fail_msg("%s ta %d tb %d m %zu n %zu k %zu from %d: (%zu, %zu) is %.9g, not %.9g",
                        rows ? "rows" : "gemm", ta, tb, m, n, k, from, i, j, (double)c[i * ldc + j], want);
            }
    }
    free(a);
    free(b);
    free(c);
    free(before);
    free(bias);
    free(product);
    free(size);
}

static void test_products(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SIZES; i++)
        for (size_t j = 0; j < N_SIZES; j++)
            for (size_t p = 0; p < N_SIZES; p++)
                for (int how = 0; how < 4; how++)
                    check(how & 2, how & 1, sizes[i], sizes[j], sizes[p]);
}

static void test_place(void **state)
{
    (void)state;
    enum { M = 37, K = 150 };
    static const size_t widths[] = {1, 7, 16, 31, 49, 112, 345}; /* strips, whole vectors, parts of one */
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const size_t N = widths[w];
        apg_real *b = numbers(K * N, 2), *x = numbers(K, 1), *a = calloc(M * K, sizeof *a),
                 *c = calloc(M * N, sizeof *c), *alone = calloc(N, sizeof *alone);
        assert_non_null(a);
        assert_non_null(c);
        assert_non_null(alone);
        for (size_t i = 0; i < M; i++)
            memcpy(a + i * K, x, K * sizeof *a);
        apg_gemm_rows(M, N, K, apg_matrix(a, K), apg_matrix(b, N), apg_zeros(), c, N);
        apg_gemm_rows(1, N, K, apg_matrix(x, K), apg_matrix(b, N), apg_zeros(), alone, N);
        for (size_t i = 0; i < M; i++)
            assert_memory_equal(c + i * N, alone, N * sizeof *alone);
        free(a);
        free(b);
        free(c);
        free(x);
        free(alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_place),
    };
    apg_gemm_init();
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
