/* SPDX-License-Identifier: MIT
 *
 * Self-attention over the fields (Song et al., "AutoInt: Automatic Feature Interaction Learning via
 * Self-Attentive Neural Networks", CIKM 2019). Each field's vector gives q, k, v, r = x_f W, which are cut
 * into heads of width d. In each head
 *
 *     y_f = r_f + sum_j softmax_j(c q_f k_j) v_j, with c = 1, or 1 / sqrt(d) where scores are scaled
 *
 * The rows are taken APG_VECTOR at a time, one in each lane of a vector, so that what is made of them stays
 * in the cache. The product with W is one for all fields. Nothing of it is kept: backward makes it again.
 */
#include <math.h>
#include "nn/kernel.h"
#include "nn/ops.h"

struct attention {
    size_t F, E, d; /* d: width of a head */
    double scale;   /* c */
    int qkvr;       /* scratch: q, k, v, r by row */
    int lanes;      /* scratch: the same by lane; behind it is room for a softmax */
};
APG_OP_OWN(attention)

static apg_real *room(const struct attention *own, apg_real *lanes)
{
    return lanes + own->F * 4 * own->E * APG_VECTOR;
}

/* q c, or dq c: as c is a factor of the scores, it may as well be one of q. */
static void scale_q(const struct attention *own, apg_real *lanes)
{
    if (own->scale < 1)
        for (size_t f = 0; f < own->F; f++)
            for (size_t i = 0; i < own->E * APG_VECTOR; i++)
                lanes[f * 4 * own->E * APG_VECTOR + i] *= (apg_real)own->scale;
}

static void project(
    const struct apg_graph *g, const struct apg_op *op, const struct apg_slot *s, size_t at, size_t n)
{
    const struct attention *own = attention_of(op);
    size_t F = own->F, E = own->E;
    apg_op_product(s, n * F, 4 * E, E, apg_matrix(s->x[op->in[0]] + at * F * E, E),
        apg_matrix(apg_w(g, op->param[0]), 4 * E), apg_zeros(), s->x[own->qkvr], 4 * E);
    apg_kernel_to_lanes(n, F, 4 * E, s->x[own->qkvr], s->x[own->lanes], 4 * E);
    scale_q(own, s->x[own->lanes]);
}

static void forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct attention *own = attention_of(op);
    size_t F = own->F, E = own->E;
    apg_real *t = s->x[own->lanes];
    for (size_t at = 0, n; at < s->rows; at += n) {
        n = s->rows - at < APG_VECTOR ? s->rows - at : APG_VECTOR;
        project(g, op, s, at, n);
        apg_kernel_attention(F, E, own->d, t, room(own, t));
        apg_kernel_from_lanes(n, F, E, t + 3 * E * APG_VECTOR, 4 * E, s->x[op->out] + at * F * E);
    }
}

static void backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct attention *own = attention_of(op);
    size_t F = own->F, E = own->E;
    const apg_real *W = apg_w(g, op->param[0]);
    apg_real *t = s->x[own->lanes], *dt = s->dx[own->lanes], *dqkvr = s->dx[own->qkvr];
    apg_real *dW = apg_dw(g, s->grad, op->param[0]), *dx = s->dx[op->in[0]];
    for (size_t at = 0, n; at < s->rows; at += n, dx += n * F * E) {
        n = s->rows - at < APG_VECTOR ? s->rows - at : APG_VECTOR;
        project(g, op, s, at, n);
        apg_kernel_to_lanes(n, F, E, s->dx[op->out] + at * F * E, dt + 3 * E * APG_VECTOR, 4 * E);
        apg_kernel_attention_back(F, E, own->d, t, dt, room(own, t), room(own, dt));
        scale_q(own, dt);
        apg_kernel_from_lanes(n, F, 4 * E, dt, 4 * E, dqkvr);
        apg_gemm(E, 4 * E, n * F, apg_transpose(s->x[op->in[0]] + at * F * E, E), apg_matrix(dqkvr, 4 * E),
            apg_matrix(dW, 4 * E), dW, 4 * E);
        apg_gemm(
            n * F, E, 4 * E, apg_matrix(dqkvr, 4 * E), apg_transpose(W, 4 * E), apg_matrix(dx, E), dx, E);
    }
}

/* The product with W; then the scores of all pairs of fields, and the sums of v. */
static void cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    uint64_t F = attention_of(op)->F, E = attention_of(op)->E;
    c->forward += 4 * F * E * E + 2 * F * F * E;
    c->numbers += 4 * E * E;
}

static void widths(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w)
{
    (void)g;
    w->K = attention_of(op)->d;
}

static const struct apg_op_type type = {
    .name = "self-attention", .forward = forward, .backward = backward, .cost = cost, .widths = widths};

int apg_op_self_attention(struct apg_graph *g, int x, size_t E, size_t heads, bool scaled, const char *name)
{
    const size_t F = apg_graph_width(g, x) / E, d = E / heads;
    const struct attention own = {.F = F,
        .E = E,
        .d = d,
        .scale = scaled ? 1 / sqrt((double)d) : 1,
        .qkvr = apg_graph_scratch(g, F * 4 * E, APG_VECTOR),
        .lanes = apg_graph_scratch(g, F * (4 * E + 1) * APG_VECTOR, 1)};
    struct apg_op *op = apg_graph_op(g, &type, &own, sizeof own);
    op->in[0] = x, op->n_in = 1;
    op->param[0] = apg_graph_param(g, APG_START_XAVIER, E, 4 * E, "%s.weight", name);
    return op->out = apg_graph_value(g, F * E);
}
