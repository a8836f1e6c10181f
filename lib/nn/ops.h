/* SPDX-License-Identifier: MIT
 *
 * ops.h - the ops. Each has a function that adds it to a graph and returns the value that it writes, of the
 * shape given here. Functions add params named NAME.something. When memory runs out, graph.h says what
 * happens.
 */
#ifndef APG_OPS_H
#define APG_OPS_H
#include "nn/gemm.h"
#include "nn/graph.h"

/* op_embed.c */
/* (B, F E): of each field the weighted sum of its rows of the table NAME (T, E), made here. */
int apg_op_embed(struct apg_graph *g, size_t E, enum apg_start start, const char *name);
/* (B, n E): the same of fields FIELD[0..n), n <= APG_FIELDS_MAX; the table NAME has their rows alone. */
int apg_op_embed_fields(struct apg_graph *g, const size_t *field, size_t n, size_t E, const char *name);
/* (B, n E): of X, cut into pieces of E numbers, the pieces PIECE[0..n) side by side, n <= APG_FIELDS_MAX.
 * STOP: no gradient goes to X. */
int apg_op_select(struct apg_graph *g, int x, const size_t *piece, size_t n, size_t E, bool stop);

/* op_dense.c */
/* (B, M): x W + b, W (N, M). */
int apg_op_dense(struct apg_graph *g, int x, size_t M, const char *name);
/* (B, M): x W + b of params W (N, M) and b (1, M), or no b: -1. */
int apg_op_linear(struct apg_graph *g, int x, int W, int b);
/* In place: y += x W. */
int apg_op_linear_add(struct apg_graph *g, int x, int W, int y);
/* The same, but no gradient goes to x. */
int apg_op_linear_stopped(struct apg_graph *g, int x, int W, int y);
/* In place: y += b, a param (1, M). */
int apg_op_bias(struct apg_graph *g, int y, int b);
/* The param LAYER.NAME (N, M). With P > 0 it is not trained, but the product of LAYER.NAME_l (N, P) and
 * LAYER.NAME_r (P, M), formed once a batch. */
int apg_op_factor(struct apg_graph *g, size_t N, size_t P, size_t M, const char *layer, const char *name);
/* In place: x = dropout(relu(x)). */
int apg_op_relu(struct apg_graph *g, int x, double dropout);
/* (B, 1): the sum of all columns of N values. */
int apg_op_sum(struct apg_graph *g, const int *x, int n);
/* (B, the sum of their widths): N values side by side. */
int apg_op_concat(struct apg_graph *g, const int *x, int n);

/* op_norm.c */
/* (B, M): batch normalization with scale and shift. */
int apg_op_norm(struct apg_graph *g, int x, const char *name);
/* What NAME's normalization does in prediction: y = SCALE x + SHIFT (M each), by column. */
void apg_op_norm_map(const struct apg_graph *g, const char *name, double *scale, double *shift);

/* op_fm.c */
/* (B, 1): factorization machine, 1/2 sum_e [(sum_f v_fe)^2 - sum_f v_fe^2]. */
int apg_op_fm(struct apg_graph *g, int x, size_t E);

/* op_pairs.c; the pairs of fields f < h come in the order (0, 1), (0, 2), ... */
/* (B, F (F - 1) / 2): the inner product of each pair of x (B, F E). Qu et al., PNN, ICDM 2016. */
int apg_op_inner(struct apg_graph *g, int x, size_t E);
/* (B, N pairs E): of each of N values x (B, F E) and each of its pairs, (x_f W) * x_h by element. There is
 * one W (E, E) for all, or one for each f, or one for each pair. Huang et al., FiBiNET, RecSys 2019. */
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
/* (B, F E): of vectors x_f of E numbers, by head, x_f W_r + sum_j softmax_j(x_f W_q (x_j W_k)^T) x_j W_v
 * (Song et al., CIKM 2019). HEADS divides E. SCALED: the scores are divided by sqrt(E / HEADS) before the
 * softmax. */
int apg_op_self_attention(struct apg_graph *g, int x, size_t E, size_t heads, bool scaled, const char *name);

/* op_cin.c, of Lian et al., KDD 2018 */
/* (B, E M): M weighted sums of the products by element of maps X (B, E H) and fields X0 (B, E F). */
int apg_op_cin(struct apg_graph *g, int x, int x0, size_t E, size_t M, const char *name);
/* (B, M N): each row of X, taken as a matrix (N, M), transposed. */
int apg_op_transpose(struct apg_graph *g, int x, size_t N);
/* (B, M): the sum of the N pieces of X (B, N M). */
int apg_op_sum_pieces(struct apg_graph *g, int x, size_t N);

/* op_generated.c */
/* (B, M): x_i W_i, where W_i (N, M) is generated from z_i; with K > 0 it is the product of generated U_i (N,
 * K), S_i (K, K) and V_i (K, M). BASE: its identity and scale say what W_i is near at the start; NULL: it is
 * 0. */
int apg_op_generated(
    struct apg_graph *g, int x, int z, size_t M, size_t K, const struct apg_base *base, const char *name);
/* (B, M): b_i, generated from z_i. */
int apg_op_generated_bias(struct apg_graph *g, int z, size_t M, const char *name);

/* op_gate.c */
/* (B, N): x o 2 sigmoid(p), x and p (B, N). P is overwritten. */
int apg_op_gate(struct apg_graph *g, int x, int p);

/* op_mix.c */
/* (B, n): softmax over c of z^c w, of n values z^c (B, D) and a param w (D, 1). */
int apg_op_condition_attention(struct apg_graph *g, const int *z, int n, const char *name);
/* (B, M): sum_c a_c x^c of n values x^c (B, M) and A (B, n). Without A, -1: SCALE sum_c x^c. */
int apg_op_mix(struct apg_graph *g, const int *x, int n, int a, double scale);

/* op_domain.c; a row's domain is its id in a categorical or bucket field */
struct apg_domains {
    size_t n;        /* domains */
    int order, runs; /* values: how a slot's rows lie */
};
/* (B, N): the rows of x in the order of their domains. *D says how. */
int apg_op_group_by_domain(struct apg_graph *g, int x, size_t field, struct apg_domains *d);
/* (B, N): the rows of x, which are in the order of domains, in the order that they had. */
int apg_op_ungroup(struct apg_graph *g, int x, const struct apg_domains *d);
/* Run K of a slot: its rows FROM .. TO are those of DOMAIN. Domains ascend with K. False: there are no more.
 */
struct apg_run {
    size_t domain, from, to;
};
bool apg_run_at(const struct apg_slot *s, int runs, size_t k, struct apg_run *r);
size_t apg_runs(const struct apg_slot *s, int runs); /* how many there are */
/* The next DOMAIN of a batch; the first, after apg_domain_start. In slot i it is run k[i], which is empty where
 * the slot has none of its rows. False: there are no more. */
struct apg_domain_rows {
    size_t domain, next[APG_SLOTS_MAX], k[APG_SLOTS_MAX];
    struct apg_run run[APG_SLOTS_MAX];
};
void apg_domain_start(const struct apg_graph *g, struct apg_domain_rows *d);
bool apg_domain_next(const struct apg_graph *g, int runs, struct apg_domain_rows *d);
/* The param LAYER.domain.NAME (domains, COLS). Its gradient is in d GRAD, a run in a row, from column AT on.
 */
int apg_op_by_domain(struct apg_graph *g, enum apg_start start, const struct apg_domains *d, size_t cols,
    int grad, size_t at, const char *layer, const char *name);

/* op_star.c */
/* (B, M): x (W o W_d) + b + b_d of rows in the order of domains. MERGED: the params are W o W_d and b + b_d,
 * and there is no W and no b. */
int apg_op_star(
    struct apg_graph *g, int x, const struct apg_domains *d, size_t M, bool merged, const char *name);

/* op_partition.c */
/* (B, M): normalization of rows in the order of domains, over the rows of their domain if the batch has
 * LEAST >= 2 of them; with a scale and shift of all and of each domain. */
int apg_op_partition(struct apg_graph *g, int x, const struct apg_domains *d, size_t least, const char *name);

/* ---- for the op_*.c files ---- */

/* A widths hook: M is the width of the op's value. */
static inline void apg_op_width_of_output(
    const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    w->M = g->width[op->out];
}

/* C = A B + FROM of a forward pass: by apg_gemm in training, row by row in prediction (gemm.h says why). */
static inline void apg_op_product(const struct apg_slot *s, size_t m, size_t n, size_t k, struct apg_matrix a,
    struct apg_matrix b, struct apg_matrix from, apg_real *c, size_t ldc)
{
    if (s->train)
        apg_gemm(m, n, k, a, b, from, c, ldc);
    else
        apg_gemm_rows(m, n, k, a, b, from, c, ldc);
}

#endif
