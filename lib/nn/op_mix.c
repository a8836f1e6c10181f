/* SPDX-License-Identifier: MIT
 *
 * Several conditions: attention over them, and mixing of them or of what was made of them.
 */
#include <math.h>
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

/* a_c = softmax over c of z^c w. A bias in the scores would change nothing, as the softmax takes it out
 * again. */
static void attention_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *w = apg_w(g, op->param[0]);
    size_t C = (size_t)op->n_in, D = g->width[op->in[0]];
    for (size_t i = 0; i < s->rows; i++) {
        apg_real *a = s->x[op->out] + i * C, top = 0, sum = 0;
        for (size_t c = 0; c < C; c++) {
            const apg_real *z = s->x[op->in[c]] + i * D;
            a[c] = 0;
            for (size_t d = 0; d < D; d++)
                a[c] += z[d] * w[d];
            top = c == 0 || a[c] > top ? a[c] : top;
        }
        for (size_t c = 0; c < C; c++)
            sum += a[c] = (apg_real)exp((double)(a[c] - top));
        for (size_t c = 0; c < C; c++)
            a[c] /= sum;
    }
}

static void attention_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const apg_real *w = apg_w(g, op->param[0]);
    apg_real *dw = apg_dw(g, s->grad, op->param[0]);
    size_t C = (size_t)op->n_in, D = g->width[op->in[0]];
    for (size_t i = 0; i < s->rows; i++) {
        const apg_real *a = s->x[op->out] + i * C, *da = s->dx[op->out] + i * C;
        apg_real mean = 0;
        for (size_t c = 0; c < C; c++)
            mean += a[c] * da[c];
        for (size_t c = 0; c < C; c++) {
            apg_real dscore = a[c] * (da[c] - mean);
            apg_kernel_add(dw, s->x[op->in[c]] + i * D, dscore, D);
            apg_kernel_add(s->dx[op->in[c]] + i * D, w, dscore, D);
        }
    }
}

static void attention_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    const uint64_t D = g->width[op->in[0]];
    c->forward += (uint64_t)op->n_in * D;
    c->numbers += D;
}

static const struct apg_op_type attention = {.name = "attention",
    .forward = attention_forward,
    .backward = attention_backward,
    .cost = attention_cost};

int apg_op_condition_attention(struct apg_graph *g, const int *z, int n, const char *name)
{
    struct apg_op *op = apg_graph_op(g, &attention, NULL, 0);
    memcpy(op->in, z, (size_t)n * sizeof *z);
    op->n_in = n;
    op->param[0] =
        apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, z[0]), 1, "%s.attention.weight", name);
    return op->out = apg_graph_value(g, (size_t)n);
}

struct mix {
    size_t C, M;  /* how many x, and their width */
    double scale; /* of each x, where there are no weights a */
};
APG_OP_OWN(mix)

/* a_c of row I. The weights a (B, C), where there are any, are the last value read. */
static apg_real weight_of(const struct apg_op *op, const struct apg_slot *s, size_t i, size_t c)
{
    const size_t C = mix_of(op)->C;
    return (size_t)op->n_in > C ? s->x[op->in[C]][i * C + c] : (apg_real)mix_of(op)->scale;
}

static void mix_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t C = mix_of(op)->C, M = mix_of(op)->M;
    apg_real *y = s->x[op->out];
    memset(y, 0, s->rows * M * sizeof *y);
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < s->rows; i++)
            apg_kernel_add(y + i * M, s->x[op->in[c]] + i * M, weight_of(op, s, i, c), M);
}

static void mix_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    size_t C = mix_of(op)->C, M = mix_of(op)->M;
    bool weighted = (size_t)op->n_in > C;
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < s->rows; i++) {
            const apg_real *dy = s->dx[op->out] + i * M, *x = s->x[op->in[c]] + i * M;
            apg_kernel_add(s->dx[op->in[c]] + i * M, dy, weight_of(op, s, i, c), M);
            for (size_t j = 0; weighted && j < M; j++)
                s->dx[op->in[C]][i * C + c] += x[j] * dy[j];
        }
}

static void mix_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    const uint64_t C = mix_of(op)->C, M = mix_of(op)->M;
    c->forward += (uint64_t)op->n_in > C ? C * M : 0;
}

static const struct apg_op_type mix = {.name = "mix",
    .forward = mix_forward,
    .backward = mix_backward,
    .cost = mix_cost,
    .widths = apg_op_width_of_output};

int apg_op_mix(struct apg_graph *g, const int *x, int n, int a, double scale)
{
    const struct mix own = {(size_t)n, apg_graph_width(g, x[0]), scale};
    struct apg_op *op = apg_graph_op(g, &mix, &own, sizeof own);
    memcpy(op->in, x, (size_t)n * sizeof *x);
    op->n_in = n;
    if (a >= 0)
        op->in[op->n_in++] = a;
    return op->out = apg_graph_value(g, own.M);
}
