/* SPDX-License-Identifier: MIT
 *
 * ops.h - the ops: one function each to add one to a graph; it returns the value that the op writes.
 */
#ifndef APG_OPS_H
#define APG_OPS_H
#include "gemm.h"
#include "graph.h"

/* (B, F E): of each field the weighted sum of its rows of TABLE (T, E). op_embed.c */
int apg_op_embed(struct apg_graph *g, int table, size_t E);
/* (B, n E): fields FIELD[0..n) of embeddings X side by side: the condition of a group. */
int apg_op_select(struct apg_graph *g, int x, const size_t *field, size_t n, size_t E);
/* (B, M): x W + b, W (N, M). op_dense.c */
int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name);
/* (B, M): batch normalization with scale and shift. op_norm.c */
int apg_op_norm(struct apg_graph *g, int x, const char *name);
/* In place: x = dropout(relu(x)). */
int apg_op_relu(struct apg_graph *g, int x, double dropout);
/* (B, 1): the sum of all columns of N values. */
int apg_op_sum(struct apg_graph *g, const int *x, int n);
/* (B, 1): factorization machine, 1/2 sum_e [(sum_f v_fe)^2 - sum_f v_fe^2]. op_fm.c */
int apg_op_fm(struct apg_graph *g, int x, size_t E);
/* (B, M): the generated layer. op_apg.c. P = 0: shared (v4), else overparam (v5). */
enum apg_bias { APG_BIAS_STATIC, APG_BIAS_GENERATED, APG_BIAS_NONE };
int apg_op_apg(
    struct apg_graph *g, int x, int z, size_t M, size_t K, size_t P, enum apg_bias bias, const char *name);

/* For an op that works by element and has no numbers of its own. */
static inline void apg_op_no_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g, (void)op, (void)c;
}

/* C = A op(B) + beta C of a forward pass: by BLAS in training, row by row in prediction (gemm.h says why). */
static inline void apg_op_product(const struct apg_slot *s, bool tb, size_t m, size_t n, size_t k,
    const apg_real *a, size_t lda, const apg_real *b, size_t ldb, apg_real beta, apg_real *c, size_t ldc)
{
    if (s->train)
        apg_gemm(false, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
    else
        apg_gemm_rows(tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

#endif
