/* SPDX-License-Identifier: MIT
 *
 * Partitioned normalization (Sheng et al., CIKM 2021, arXiv 2101.11427, section 3.3): batch normalization of
 * each domain's rows by themselves, with a scale and shift of all and of the domain d:
 *
 *     y = (scale scale_d) (x - mean_d) / sqrt(variance_d + eps) + (shift + shift_d)
 *
 * by column. In training, mean and variance are those of the domain's rows in the batch. In prediction they
 * are running averages, which begin at the first batch that had enough rows of it. The paper's domains are
 * large; here a domain with fewer than LEAST rows in a batch, whose mean and variance would be noise, is
 * normalized as in prediction, and one that never had enough by the running averages of all rows.
 *
 * It takes two ops, as in op_norm.c, for the same reason.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "nn/kernel.h"
#include "nn/ops.h"

/* Params. SEEN (domains, 1): how many batches the running averages have seen. BATCH (domains + 1, 4 M + 1):
 * mean, 1 / deviation, d (shift + shift_d), d (scale scale_d), rows; the last row is of all domains. */
enum { SCALE, SHIFT, MEAN, VARIANCE, SCALE_D, SHIFT_D, MEAN_D, VARIANCE_D, SEEN, BATCH, N_PARAMS };
static const double eps = 1e-5, momentum = 0.1;

struct partition {
    size_t M, domains, least;
    int runs;
    int sums; /* scratch (domains, 2 M), only in training. A row is a run's: its mean and squared deviations
                 in forward, its sums of dy and of dy xhat in backward. d SUMS: d SHIFT_D and d SCALE_D. */
};
APG_OP_OWN(partition)

static void moments_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    (void)g;
    const struct partition *own = partition_of(op);
    const size_t M = own->M;
    struct apg_run r;
    for (size_t k = 0; s->train && apg_run_at(s, own->runs, k, &r); k++)
        apg_kernel_moments(s->x[op->in[0]] + r.from * M, r.to - r.from, M, s->x[own->sums] + k * 2 * M);
}

/* Turns TO, the mean and squared deviations (2 M) of N rows, into those of N rows and ROWS more, whose are
 * MORE (Chan et al., 1979). */
static void join(size_t M, apg_real *to, apg_real *n, const apg_real *more, apg_real rows)
{
    apg_real share = rows / (*n + rows), weight = *n * share;
    for (size_t j = 0; j < M; j++) {
        apg_real d = more[j] - to[j];
        to[j] += d * share;
        to[M + j] += more[M + j] + d * d * weight;
    }
    *n += rows;
}

static apg_real inverse_of(apg_real variance)
{
    return (apg_real)(1 / sqrt((double)variance + eps));
}

/* The running averages (M) of the domain, or of all rows where it has none. */
static void running(const struct apg_graph *g, const struct apg_op *op, size_t domain, const apg_real **mean,
    const apg_real **variance)
{
    const size_t M = partition_of(op)->M;
    bool seen = apg_w(g, op->param[SEEN])[domain] > 0;
    *mean = seen ? apg_w(g, op->param[MEAN_D]) + domain * M : apg_w(g, op->param[MEAN]);
    *variance = seen ? apg_w(g, op->param[VARIANCE_D]) + domain * M : apg_w(g, op->param[VARIANCE]);
}

static void run_on(size_t M, const apg_real *batch, double rate, apg_real *mean, apg_real *variance)
{
    double n = (double)batch[4 * M];
    for (size_t j = 0; n > 1 && j < M; j++) { /* one row has no variance */
        mean[j] += (apg_real)(rate * (double)(batch[j] - mean[j]));
        variance[j] += (apg_real)(rate * ((double)batch[M + j] / (n - 1) - (double)variance[j]));
    }
}

/* Let all ranks have the sums of all slots' runs. */
static void share(struct apg_graph *g, const struct apg_op *op)
{
    const struct partition *own = partition_of(op);
    size_t n[APG_SLOTS_MAX];
    for (size_t i = 0; i < g->n_slots; i++)
        n[i] = 2 * own->M * apg_runs(&g->slot[i], own->runs);
    apg_graph_share(g, own->sums, false, n);
}

static void moments_join(struct apg_graph *g, const struct apg_op *op)
{
    const struct partition *own = partition_of(op);
    size_t M = own->M, wide = 4 * M + 1;
    apg_real *all = apg_w(g, op->param[BATCH]) + own->domains * wide, least = (apg_real)own->least;
    struct apg_domain_rows d;
    share(g, op);
    memset(all, 0, wide * sizeof *all);
    for (apg_domain_start(g, &d); apg_domain_next(g, own->runs, &d);) {
        apg_real *batch = apg_w(g, op->param[BATCH]) + d.domain * wide;
        memset(batch, 0, wide * sizeof *batch);
        for (size_t i = 0; i < g->n_slots; i++)
            if (d.run[i].to > d.run[i].from)
                join(M, batch, &batch[4 * M], g->slot[i].x[own->sums] + d.k[i] * 2 * M,
                    (apg_real)(d.run[i].to - d.run[i].from));
        join(M, all, &all[4 * M], batch, batch[4 * M]);
        apg_real *seen = apg_w(g, op->param[SEEN]) + d.domain;
        if (batch[4 * M] >= least) {
            run_on(M, batch, *seen > 0 ? momentum : 1, apg_w(g, op->param[MEAN_D]) + d.domain * M,
                apg_w(g, op->param[VARIANCE_D]) + d.domain * M);
            *seen += 1;
            for (size_t j = 0; j < M; j++)
                batch[M + j] = inverse_of(batch[M + j] / batch[4 * M]);
        } else {
            const apg_real *mean, *variance;
            running(g, op, d.domain, &mean, &variance);
            for (size_t j = 0; j < M; j++)
                batch[j] = mean[j], batch[M + j] = inverse_of(variance[j]);
        }
    }
    run_on(M, all, momentum, apg_w(g, op->param[MEAN]), apg_w(g, op->param[VARIANCE]));
}

static void moments_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct partition *own = partition_of(op);
    size_t M = own->M;
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, own->runs, k, &r); k++) {
        const apg_real *mean = apg_w(g, op->param[BATCH]) + r.domain * (4 * M + 1), *inverse = mean + M,
                       *dshift = inverse + M, *dscale = dshift + M;
        const apg_real *scale = apg_w(g, op->param[SCALE]),
                       *scale_d = apg_w(g, op->param[SCALE_D]) + r.domain * M;
        apg_real share = mean[4 * M] >= (apg_real)own->least ? 1 / mean[4 * M] : 0;
        for (size_t i = r.from; i < r.to; i++)
            for (size_t j = 0; j < M; j++) {
                size_t at = i * M + j;
                apg_real xhat = (s->x[op->in[0]][at] - mean[j]) * inverse[j];
                s->dx[op->in[0]][at] += scale[j] * scale_d[j] * inverse[j] *
                                        (s->dx[op->out][at] - share * (dshift[j] + xhat * dscale[j]));
            }
    }
}

static const struct apg_op_type moments = {.name = "moments",
    .forward = moments_forward,
    .backward = moments_backward,
    .widths = apg_op_width_of_output,
    .forward_join = moments_join};

static void norm_forward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct partition *own = partition_of(op);
    size_t M = own->M;
    const apg_real *x = s->x[op->in[0]], *scale = apg_w(g, op->param[SCALE]),
                   *shift = apg_w(g, op->param[SHIFT]);
    apg_real *y = s->x[op->out];
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, own->runs, k, &r); k++) {
        const apg_real *scale_d = apg_w(g, op->param[SCALE_D]) + r.domain * M,
                       *shift_d = apg_w(g, op->param[SHIFT_D]) + r.domain * M,
                       *batch = s->train ? apg_w(g, op->param[BATCH]) + r.domain * (4 * M + 1) : NULL, *mean,
                       *variance;
        running(g, op, r.domain, &mean, &variance);
        for (size_t j = 0; j < M; j++) {
            apg_real middle = batch ? batch[j] : mean[j], offset = shift[j] + shift_d[j];
            apg_real a = scale[j] * scale_d[j] * (batch ? batch[M + j] : inverse_of(variance[j]));
            for (size_t i = r.from; i < r.to; i++)
                y[i * M + j] = a * (x[i * M + j] - middle) + offset;
        }
    }
}

static void norm_backward(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s)
{
    const struct partition *own = partition_of(op);
    size_t M = own->M;
    apg_real *dscale = apg_dw(g, s->grad, op->param[SCALE]), *dshift = apg_dw(g, s->grad, op->param[SHIFT]);
    struct apg_run r;
    for (size_t k = 0; apg_run_at(s, own->runs, k, &r); k++) {
        const apg_real *mean = apg_w(g, op->param[BATCH]) + r.domain * (4 * M + 1), *inverse = mean + M;
        apg_real *sum = s->x[own->sums] + k * 2 * M, *dsum = s->dx[own->sums] + k * 2 * M;
        memset(sum, 0, 2 * M * sizeof *sum);
        apg_kernel_moments_back(s->x[op->in[0]] + r.from * M, s->dx[op->out] + r.from * M, r.to - r.from, M,
            mean, inverse, sum, sum + M);
        for (size_t j = 0; j < M; j++) {
            dsum[j] = sum[j];
            dsum[M + j] = sum[M + j] * apg_w(g, op->param[SCALE])[j];
            dshift[j] += sum[j];
            dscale[j] += sum[M + j] * apg_w(g, op->param[SCALE_D])[r.domain * M + j];
        }
    }
}

static void norm_join(struct apg_graph *g, const struct apg_op *op)
{
    const struct partition *own = partition_of(op);
    size_t M = own->M;
    struct apg_domain_rows d;
    share(g, op);
    for (apg_domain_start(g, &d); apg_domain_next(g, own->runs, &d);) {
        apg_real *to = apg_w(g, op->param[BATCH]) + d.domain * (4 * M + 1) + 2 * M;
        memset(to, 0, 2 * M * sizeof *to);
        for (size_t i = 0; i < g->n_slots; i++)
            for (size_t j = 0; d.run[i].to > d.run[i].from && j < 2 * M; j++)
                to[j] += g->slot[i].x[own->sums][d.k[i] * 2 * M + j];
    }
}

static void norm_cost(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c)
{
    (void)g;
    c->biases += 2 * (1 + (uint64_t)partition_of(op)->domains) * partition_of(op)->M;
}

static const struct apg_op_type norm = {.name = "norm",
    .forward = norm_forward,
    .backward = norm_backward,
    .cost = norm_cost,
    .widths = apg_op_width_of_output,
    .backward_join = norm_join};

int apg_op_partition(struct apg_graph *g, int x, const struct apg_domains *d, size_t least, const char *name)
{
    size_t M = apg_graph_width(g, x), n = d->n;
    char layer[48];
    (void)snprintf(layer, sizeof layer, "%s.norm", name);
    int y = apg_graph_value(g, M), sums = g->train ? apg_graph_scratch(g, 2 * M, n) : -1;
    const int param[N_PARAMS] = {
        [SCALE] = apg_graph_param(g, APG_START_ONE, 1, M, "%s.scale", layer),
        [SHIFT] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.shift", layer),
        [MEAN] = apg_graph_param(g, APG_START_ZERO, 1, M, "%s.mean", layer),
        [VARIANCE] = apg_graph_param(g, APG_START_ONE, 1, M, "%s.variance", layer),
        [SCALE_D] = apg_op_by_domain(g, APG_START_ONE, d, M, sums, M, layer, "scale"),
        [SHIFT_D] = apg_op_by_domain(g, APG_START_ZERO, d, M, sums, 0, layer, "shift"),
        [MEAN_D] = apg_graph_param(g, APG_START_ZERO, n, M, "%s.domain.mean", layer),
        [VARIANCE_D] = apg_graph_param(g, APG_START_ONE, n, M, "%s.domain.variance", layer),
        [SEEN] = apg_graph_param(g, APG_START_ZERO, n, 1, "%s.domain.seen", layer),
        [BATCH] = g->train ? apg_graph_param(g, APG_START_ZERO, n + 1, 4 * M + 1, "%s.batch", layer) : -1,
    };
    if (sums >= 0)
        apg_graph_shared(g, sums);
    const struct partition own = {M, n, least, d->runs, sums};
    for (int k = 0; k < 2; k++) {
        struct apg_op *op = apg_graph_op(g, k ? &norm : &moments, &own, sizeof own);
        op->in[0] = x, op->n_in = 1;
        op->out = y;
        memcpy(op->param, param, sizeof param);
    }
    static const int state[] = {MEAN, VARIANCE, MEAN_D, VARIANCE_D, SEEN, BATCH};
    for (size_t i = 0; !g->failed && i < sizeof state / sizeof *state; i++)
        if (param[state[i]] >= 0)
            g->param[param[state[i]]].state = true;
    if (!g->failed && g->train)
        g->param[param[BATCH]].derived = true;
    return y;
}
