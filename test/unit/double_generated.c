/* SPDX-License-Identifier: MIT
 *
 * Generated weights against loops that make each matrix whole, where the op makes them in blocks of rows of
 * W_i and pieces of a slot's rows: y, and the gradients of x, z, H and c. In double.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include "nn/ops.h"

enum { D = 2, M = 700 };
static double r[M]; /* d loss / d y of every row */

static void loss(void *arg, size_t i)
{
    struct apg_graph *g = arg;
    struct apg_slot *s = &g->slot[i];
    for (size_t k = 0; k < s->rows * M; k++)
        s->dx[g->logit][k] = r[k % M];
}

static void near(double got, double want)
{
    assert_true(fabs(got - want) <= 1e-11 * (1 + fabs(want)));
}

/* N 50: blocks of 23 rows of W_i, the last of 4, and pieces of 130 rows of a slot; N 3: all at once. */
static void check(size_t N, size_t rows)
{
    struct apg_graph g = {0};
    struct apg_pool *pool = NULL;
    int x = apg_graph_value(&g, N), z = apg_graph_value(&g, D);
    int y = g.logit = apg_op_generated(&g, x, z, M, 0, NULL, "W");
    assert_int_equal(apg_graph_finish(&g, rows, true, NULL), APG_OK);
    assert_int_equal(apg_pool_new(&pool, 2, NULL), APG_OK);
    struct apg_rng rng;
    apg_rng_init(&rng, 1, 0);
    double *H = g.param[0].w, *c = g.param[1].w;
    for (size_t i = 0; i < D * N * M; i++)
        H[i] = apg_rng_normal(&rng);
    for (size_t i = 0; i < N * M; i++)
        c[i] = apg_rng_normal(&rng);
    for (size_t j = 0; j < M; j++)
        r[j] = apg_rng_normal(&rng);
    for (int i = 0; i < APG_SLOTS; i++) {
        struct apg_slot *s = &g.slot[i];
        s->rows = i < 2 ? rows - (size_t)i : 0;
        for (size_t k = 0; k < s->rows * N; k++)
            s->x[x][k] = apg_rng_normal(&rng);
        for (size_t k = 0; k < s->rows * D; k++)
            s->x[z][k] = apg_rng_normal(&rng);
    }
    assert_int_equal(apg_graph_train(&g, pool, loss, &g, NULL), APG_OK);
    double *dH = calloc(D * N * M, sizeof *dH), *dc = calloc(N * M, sizeof *dc);
    assert_non_null(dH);
    assert_non_null(dc);
    for (int i = 0; i < 2; i++) {
        const struct apg_slot *s = &g.slot[i];
        for (size_t b = 0; b < s->rows; b++) {
            const double *xb = s->x[x] + b * N, *zb = s->x[z] + b * D;
            double yb[M] = {0}, dz[D] = {0};
            for (size_t n = 0; n < N; n++) {
                double dx = 0;
                for (size_t m = 0; m < M; m++) {
                    double W = c[n * M + m], dW = xb[n] * r[m];
                    for (size_t d = 0; d < D; d++) {
                        W += zb[d] * H[(d * N + n) * M + m];
                        dH[(d * N + n) * M + m] += zb[d] * dW;
                        dz[d] += H[(d * N + n) * M + m] * dW;
                    }
                    dc[n * M + m] += dW;
                    yb[m] += xb[n] * W;
                    dx += r[m] * W;
                }
                near(s->dx[x][b * N + n], dx);
            }
            for (size_t m = 0; m < M; m++)
                near(s->x[y][b * M + m], yb[m]);
            for (size_t d = 0; d < D; d++)
                near(s->dx[z][b * D + d], dz[d]);
        }
    }
    for (size_t k = 0; k < D * N * M; k++)
        near(g.slot[0].grad[g.param[0].at + k], dH[k]);
    for (size_t k = 0; k < N * M; k++)
        near(g.slot[0].grad[g.param[1].at + k], dc[k]);
    free(dH);
    free(dc);
    apg_pool_free(pool);
    apg_graph_release(&g);
}

static void test_blocks(void **state)
{
    (void)state;
    check(50, 160);
}

static void test_whole(void **state)
{
    (void)state;
    check(3, 40);
}

int main(void)
{
    apg_gemm_init(); /* one thread in BLAS: its own would race with nobody, but ThreadSanitizer cannot see
                        that */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
