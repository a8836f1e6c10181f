/* SPDX-License-Identifier: MIT
 *
 * ops.h - the ops: one function each to add one to a graph; it returns the value that the op writes.
 */
#ifndef APG_OPS_H
#define APG_OPS_H
#include "nn/gemm.h"
#include "nn/graph.h"

/* op_embed.c */
/* (B, F E): of each field the weighted sum of its rows of the table NAME (T, E), made here. */
int apg_op_embed(struct apg_graph *g, size_t E, enum apg_start start, const char *name);
/* (B, n E): the same of fields FIELD[0..n) alone, n <= APG_FIELDS_MAX, and of a table of their rows alone. */
int apg_op_embed_fields(struct apg_graph *g, const size_t *field, size_t n, size_t E, const char *name);
/* Where an embed op keeps field F: at PLACE of its value's F, and bag id i is row i - BELOW + ABOVE of its
 * table. False: not there. */
bool apg_op_embed_place(const struct apg_graph *g, const struct apg_op *op, size_t f, size_t *place,
    size_t *below, size_t *above);
/* (B, n E): pieces PIECE[0..n) of E numbers of X side by side: the condition of a group. STOP: no gradient.
 */
int apg_op_select(struct apg_graph *g, int x, const size_t *piece, size_t n, size_t E, bool stop);

/* op_dense.c */
/* (B, M): x W + b, W (N, M). */
int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name);
/* (B, M): x W + b of params W (N, M) and b (1, M), or no b: -1. */
int apg_op_linear(struct apg_graph *g, int x, int W, int b);
/* In place: y += x W. */
int apg_op_linear_add(struct apg_graph *g, int x, int W, int y);
/* The same, and no gradient goes to x. */
int apg_op_linear_stopped(struct apg_graph *g, int x, int W, int y);
/* In place: y += b, a param (1, M). */
int apg_op_bias(struct apg_graph *g, int y, int b);
/* The param NAME (N, M), or with P > 0 the product, formed once a batch, of NAME_l (N, P) and NAME_r (P, M).
 */
int apg_op_factor(struct apg_graph *g, size_t N, size_t P, size_t M, const char *layer, const char *name);
/* In place: x = dropout(relu(x)). */
int apg_op_relu(struct apg_graph *g, int x, double dropout);
/* (B, 1): the sum of all columns of N values. */
int apg_op_sum(struct apg_graph *g, const int *x, int n);
/* (B, sum of widths): N values side by side. */
int apg_op_concat(struct apg_graph *g, const int *x, int n);

/* op_norm.c */
/* (B, M): batch normalization with scale and shift. */
int apg_op_norm(struct apg_graph *g, int x, const char *name);
/* What NAME's normalization does in prediction: y = SCALE x + SHIFT, by column. */
void apg_op_norm_map(const struct apg_graph *g, const char *name, double *scale, double *shift);

/* op_fm.c */
/* (B, 1): factorization machine, 1/2 sum_e [(sum_f v_fe)^2 - sum_f v_fe^2]. */
int apg_op_fm(struct apg_graph *g, int x, size_t E);

/* op_pairs.c; pairs of fields f < h, (0, 1), (0, 2), ... */
/* (B, F (F - 1) / 2): the inner product of each pair of x (B, F E). Qu et al., PNN, ICDM 2016. */
int apg_op_inner(struct apg_graph *g, int x, size_t E);
/* (B, N pairs E): of each of N values x (B, F E) and each of its pairs, (x_f W) * x_h by element, W (E, E)
 * that of all, of f, or of the pair. Huang et al., FiBiNET, RecSys 2019. */
enum apg_bilinear { APG_BILINEAR_ALL, APG_BILINEAR_EACH, APG_BILINEAR_INTERACTION };
int apg_op_bilinear(
    struct apg_graph *g, const int *x, int n, size_t E, enum apg_bilinear bilinear, const char *name);

/* op_fields.c; of a value (B, F E) */
/* (B, F): the mean of each field's E numbers. */
int apg_op_field_mean(struct apg_graph *g, int x, size_t E);
/* (B, F E): a_f x_f, A (B, F). */
int apg_op_field_scale(struct apg_graph *g, int x, int a, size_t E);

/* op_cross.c */
/* (B, N): x0 * u + x by element. With u = x W + b a cross layer of DCN-V2, Wang et al., WWW 2021. */
int apg_op_cross(struct apg_graph *g, int x0, int u, int x);

/* op_attention.c */
/* (B, F E): of vectors x_f of E numbers, by head, x_f W_r + sum_j softmax_j(x_f W_q (x_j W_k)^T) x_j W_v; no
 * scaling (Song et al., CIKM 2019). HEADS divides E. */
int apg_op_self_attention(struct apg_graph *g, int x, size_t E, size_t heads, const char *name);

/* op_cin.c, of Lian et al., KDD 2018 */
/* (B, E M): M weighted sums of the products by element of maps X (B, E H) and fields X0 (B, E F). */
int apg_op_cin(struct apg_graph *g, int x, int x0, size_t E, size_t M, const char *name);
/* (B, M N): X as a matrix (N, M) in each row, transposed. */
int apg_op_turn(struct apg_graph *g, int x, size_t N);
/* (B, M): the sum of the N pieces of X (B, N M). */
int apg_op_pool(struct apg_graph *g, int x, size_t N);

/* op_generated.c */
/* (B, M): x_i W_i, W_i (N, M) generated from z_i; with K > 0 as the product of generated U_i, S_i, V_i. BASE:
 * its identity and scale say what W_i is near at the start; NULL: W_i is 0. */
int apg_op_generated(
    struct apg_graph *g, int x, int z, size_t M, size_t K, const struct apg_base *base, const char *name);
/* (B, M): b_i, generated from z_i. */
int apg_op_generated_bias(struct apg_graph *g, int z, size_t M, const char *name);

/* op_gate.c */
/* (B, N): x o 2 sigmoid(p), x and p (B, N). What is in p is lost. */
int apg_op_gate(struct apg_graph *g, int x, int p);

/* op_mix.c */
/* (B, n): softmax over c of z^c w, of n values z^c (B, D) and a param w (D, 1). */
int apg_op_attention(struct apg_graph *g, const int *z, int n, const char *name);
/* (B, M): sum_c a_c x^c of n values (B, M) and A (B, n); A = -1: SCALE sum_c x^c. */
int apg_op_mix(struct apg_graph *g, const int *x, int n, int a, double scale);

/* op_domain.c: rows by domain, the id of a categorical or bucket field */
struct apg_domains {
    size_t n;        /* domains */
    int order, runs; /* values: how a slot's rows lie */
};
/* (B, N): x in the order of domains; *D says how. */
int apg_op_sort(struct apg_graph *g, int x, size_t field, struct apg_domains *d);
/* (B, N): x in the order that rows had. */
int apg_op_unsort(struct apg_graph *g, int x, const struct apg_domains *d);
/* Places FROM .. TO of a slot are DOMAIN's rows. Run K, domains ascending; false: no more. */
struct apg_run {
    size_t domain, from, to;
};
bool apg_run_at(const struct apg_slot *s, int runs, size_t k, struct apg_run *r);
/* The next DOMAIN of a batch: in slot i it is run k[i], empty where the slot has none of its rows. Begins
 * with all 0; false: no more. */
struct apg_domain_rows {
    size_t domain, next[APG_SLOTS], k[APG_SLOTS];
    struct apg_run run[APG_SLOTS];
};
bool apg_domain_next(const struct apg_graph *g, int runs, struct apg_domain_rows *d);
/* The param LAYER.domain.NAME (domains, COLS) whose gradient is at AT of each run's row of d GRAD. */
int apg_op_by_domain(struct apg_graph *g, enum apg_start start, const struct apg_domains *d, size_t cols,
    int grad, size_t at, const char *layer, const char *name);

/* op_star.c */
/* (B, M): x (W o W_d) + b + b_d of sorted rows. MERGED: W o W_d and b + b_d are the params, without W and b.
 */
int apg_op_star(
    struct apg_graph *g, int x, const struct apg_domains *d, size_t M, bool merged, const char *name);

/* op_partition.c */
/* (B, M): normalization of sorted rows over those of their domain, if there are LEAST >= 2 in the batch; with
 * scale and shift of all and of each. */
int apg_op_partition(struct apg_graph *g, int x, const struct apg_domains *d, size_t least, const char *name);

/* For an op that works by element and has no numbers of its own. */
static inline void apg_op_no_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g, (void)op, (void)c;
}

/* C = A op(B) + FROM of a forward pass: by BLAS in training, row by row in prediction (gemm.h says why). */
static inline void apg_op_product(const struct apg_slot *s, bool tb, size_t m, size_t n, size_t k,
    const apg_real *a, size_t lda, const apg_real *b, size_t ldb, const apg_real *from, size_t ldf,
    apg_real *c, size_t ldc)
{
    if (s->train)
        apg_gemm(false, tb, m, n, k, a, lda, b, ldb, from, ldf, c, ldc);
    else
        apg_gemm_rows(tb, m, n, k, a, lda, b, ldb, from, ldf, c, ldc);
}

#endif
