/* SPDX-License-Identifier: MIT
 *
 * Batch normalization (Ioffe & Szegedy, ICML 2015): y = scale (x - mean) / sqrt(variance + eps) + shift, by
 * column. In training, mean and variance are those of the whole batch; in prediction, running averages of
 * them.
 *
 * It takes two ops, because a batch lies in slots. "moments" takes each slot's mean and squared deviations,
 * and its join makes those of the batch from them; "norm" does the rest. Backwards, norm adds up d shift =
 * sum dy and d scale = sum dy xhat by slot, its join makes those of the batch, and moments turns them into
 *
 *     dx = scale / sqrt(variance + eps) (dy - (d shift + xhat d scale) / B)
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

/* Params. BATCH (4, M): mean, 1 / deviation, d shift, d scale. */
enum { SCALE, SHIFT, MEAN, VARIANCE, BATCH, N_PARAMS };
static const double eps = 1e-5, momentum = 0.1;

struct norm {
    size_t M;
    int sums; /* The first row is the slot's: mean, then sum of squared deviations (2 M). d: d shift, d scale. */
};
APG_OP_OWN(norm)

static void moments_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    if (s->train)
        apg_kernel_moments(s->x[op->in[0]], s->rows, norm_of(op)->M, s->x[norm_of(op)->sums]);
}

/* Let all ranks have the sums of all slots. */
static void share(struct apg_graph *g, const struct apg_op *op, bool gradient)
{
    size_t n[APG_SLOTS_MAX];
    for (size_t i = 0; i < g->n_slots; i++)
        n[i] = g->slot[i].rows ? 2 * norm_of(op)->M : 0;
    apg_graph_share(g, norm_of(op)->sums, gradient, n);
}

/* Makes the moments of the batch from those of the slots (Chan et al., 1979), in slot order. */
static void moments_join(struct apg_graph *g, const struct apg_op *op)
{
    const size_t M = norm_of(op)->M;
    share(g, op, false);
    apg_real *batch = apg_w(g, op->param[BATCH]), *mean_run = apg_w(g, op->param[MEAN]),
             *variance_run = apg_w(g, op->param[VARIANCE]);
    for (size_t j = 0; j < M; j++) {
        double n = 0, mean = 0, square = 0;
        for (size_t i = 0; i < g->n_slots; i++) {
            const struct apg_slot *s = &g->slot[i];
            if (!s->rows)
                continue;
            const apg_real *sums = s->x[norm_of(op)->sums];
            double rows = (double)s->rows, d = (double)sums[j] - mean;
            square += (double)sums[M + j] + d * d * n * rows / (n + rows);
            mean += d * rows / (n + rows);
            n += rows;
        }
        batch[j] = (apg_real)mean;
        batch[M + j] = (apg_real)(1 / sqrt(square / n + eps));
        mean_run[j] += (apg_real)(momentum * (mean - (double)mean_run[j]));
        if (n > 1) /* one row has no variance */
            variance_run[j] += (apg_real)(momentum * (square / (n - 1) - (double)variance_run[j]));
    }
}

static void moments_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const size_t M = norm_of(op)->M;
    const apg_real *mean = apg_w(g, op->param[BATCH]), *inverse = mean + M, *dshift = inverse + M,
                   *dscale = dshift + M, *scale = apg_w(g, op->param[SCALE]);
    const apg_real *x = s->x[op->in[0]], *dy = s->dx[op->out];
    apg_real *dx = s->dx[op->in[0]];
    size_t rows = 0;
    for (size_t i = 0; i < g->n_slots; i++)
        rows += g->slot[i].rows;
    apg_real share = 1 / (apg_real)rows;
    for (size_t i = 0; i < s->rows; i++)
        for (size_t j = 0; j < M; j++) {
            size_t k = i * M + j;
            apg_real xhat = (x[k] - mean[j]) * inverse[j];
            dx[k] += scale[j] * inverse[j] * (dy[k] - share * (dshift[j] + xhat * dscale[j]));
        }
}

static const struct apg_op_type moments = {.name = "moments",
    .forward = moments_forward,
    .backward = moments_backward,
    .widths = apg_op_width_of_output,
    .forward_join = moments_join};

static void norm_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const size_t M = norm_of(op)->M;
    const apg_real *x = s->x[op->in[0]], *scale = apg_w(g, op->param[SCALE]),
                   *shift = apg_w(g, op->param[SHIFT]);
    const apg_real *batch = apg_w(g, op->param[BATCH]), *run = apg_w(g, op->param[MEAN]),
                   *variance = apg_w(g, op->param[VARIANCE]);
    apg_real *y = s->x[op->out];
    for (size_t j = 0; j < M; j++) {
        apg_real mean = s->train ? batch[j] : run[j];
        apg_real a = scale[j] * (s->train ? batch[M + j] : 1 / (apg_real)sqrt((double)variance[j] + eps));
        for (size_t i = 0; i < s->rows; i++)
            y[i * M + j] = a * (x[i * M + j] - mean) + shift[j];
    }
}

static void norm_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const size_t M = norm_of(op)->M;
    const apg_real *mean = apg_w(g, op->param[BATCH]);
    apg_real *sums = s->dx[norm_of(op)->sums];
    memset(sums, 0, 2 * M * sizeof *sums);
    apg_kernel_moments_back(s->x[op->in[0]], s->dx[op->out], s->rows, M, mean, mean + M, sums, sums + M);
    apg_kernel_add(apg_dw(g, s->grad, op->param[SHIFT]), sums, 1, M);
    apg_kernel_add(apg_dw(g, s->grad, op->param[SCALE]), sums + M, 1, M);
}

static void norm_join(struct apg_graph *g, const struct apg_op *op)
{
    const size_t M = norm_of(op)->M;
    apg_real *batch = apg_w(g, op->param[BATCH]) + 2 * M;
    share(g, op, true);
    memset(batch, 0, 2 * M * sizeof *batch);
    for (size_t i = 0; i < g->n_slots; i++)
        if (g->slot[i].rows)
            apg_kernel_add(batch, g->slot[i].dx[norm_of(op)->sums], 1, 2 * M);
}

static void norm_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->biases += 2 * (uint64_t)norm_of(op)->M;
}

static const struct apg_op_type norm = {.name = "norm",
    .forward = norm_forward,
    .backward = norm_backward,
    .cost = norm_cost,
    .widths = apg_op_width_of_output,
    .backward_join = norm_join};

int apg_op_norm(struct apg_graph *g, int x, const char *name)
{
    size_t M = apg_graph_width(g, x);
    const int param[N_PARAMS] = {apg_graph_param(g, APG_START_ONE, 1, M, "%s.norm.scale", name),
        apg_graph_param(g, APG_START_ZERO, 1, M, "%s.norm.shift", name),
        apg_graph_param(g, APG_START_ZERO, 1, M, "%s.norm.mean", name),
        apg_graph_param(g, APG_START_ONE, 1, M, "%s.norm.variance", name),
        apg_graph_param(g, APG_START_ZERO, 4, M, "%s.norm.batch", name)};
    const int y = apg_graph_value(g, M);
    const struct norm own = {M, apg_graph_scratch(g, 2 * M, 1)};
    apg_graph_shared(g, own.sums);
    for (int k = 0; k < 2; k++) {
        struct apg_op *op = apg_graph_op(g, k ? &norm : &moments, &own, sizeof own);
        op->in[0] = x, op->n_in = 1;
        op->out = y;
        memcpy(op->param, param, sizeof param);
    }
    if (!g->failed) {
        g->param[param[MEAN]].state = g->param[param[VARIANCE]].state = true;
        g->param[param[BATCH]].derived = true;
    }
    return y;
}

void apg_op_norm_map(const struct apg_graph *g, const char *name, double *scale, double *shift)
{
    char own[64];
    (void)snprintf(own, sizeof own, "%s.norm.scale", name);
    for (size_t i = 0; i < g->n_ops; i++) {
        const struct apg_op *op = &g->op[i];
        if (op->type != &norm || strcmp(g->param[op->param[SCALE]].name, own) != 0)
            continue;
        for (size_t j = 0; j < norm_of(op)->M; j++) {
            scale[j] =
                (double)apg_w(g, op->param[SCALE])[j] / sqrt((double)apg_w(g, op->param[VARIANCE])[j] + eps);
            shift[j] =
                (double)apg_w(g, op->param[SHIFT])[j] - scale[j] * (double)apg_w(g, op->param[MEAN])[j];
        }
    }
}
