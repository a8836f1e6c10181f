/* SPDX-License-Identifier: MIT */
#include "stats/calibrate.h"

#include <math.h>
#include "stats/metrics.h"

enum { STEPS_MAX = 100, HALVINGS_MAX = 40 };

/* What is fitted: labels are drawn in a little, Platt's prior, so that rows that a model ranks perfectly do
 * not ask for an infinite slope. */
struct fit {
    const double *logit;
    const bool *label;
    const float *weight;
    uint64_t n;
    double mean;      /* of the weights above 0 */
    double scale;     /* x = scale * logit is in [-1, 1]: a model that diverged has logits of 1e20 */
    double target[2]; /* by label */
};

/* The weight of row I, where their mean is 1. */
static double weight_of(const struct fit *f, uint64_t i)
{
    return f->weight ? (double)f->weight[i] / f->mean : 1;
}

/* The log losses of all rows, by a slope and an offset. */
static double total_loss(const struct fit *f, double slope, double offset)
{
    double loss = 0;
    for (uint64_t i = 0; i < f->n; i++)
        loss += weight_of(f, i) * apg_metrics_logit_loss(slope * f->logit[i] + offset, f->label[i]);
    return loss;
}

/* The mean of t log(1 + e^-z) + (1 - t) log(1 + e^z), z = c_0 x + c_1, and its derivatives. */
static double loss_of(const struct fit *f, const double c[2], double gradient[2], double curve[3])
{
    double n = 0, loss = 0, g[2] = {0}, h[3] = {0};
    for (uint64_t i = 0; i < f->n; i++) {
        const double x = f->scale * f->logit[i], z = c[0] * x + c[1], t = f->target[f->label[i]];
        const double k = weight_of(f, i), p = apg_metrics_sigmoid(z), w = k * (p * (1 - p));
        n += k;
        loss += k * (t * apg_metrics_logit_loss(z, true) + (1 - t) * apg_metrics_logit_loss(z, false));
        g[0] += k * ((p - t) * x), g[1] += k * (p - t);
        h[0] += w * x * x, h[1] += w * x, h[2] += w;
    }
    for (int i = 0; i < 2; i++)
        gradient[i] = g[i] / n;
    for (int i = 0; i < 3; i++)
        curve[i] = h[i] / n;
    return loss / n;
}

/* Newton's method, with steps halved until the loss becomes lower. It is convex. */
static void minimize(const struct fit *f, double c[2])
{
    double g[2], h[3], loss = loss_of(f, c, g, h);
    for (int step = 0; step < STEPS_MAX; step++) {
        const double a = h[0] + 1e-12, b = h[1], d = h[2] + 1e-12, determinant = a * d - b * b;
        double move[2] = {(d * g[0] - b * g[1]) / determinant, (a * g[1] - b * g[0]) / determinant};
        double next_loss = INFINITY, next[2] = {c[0], c[1]};
        for (int i = 0; i < HALVINGS_MAX && !(next_loss < loss); i++) {
            next[0] = c[0] - move[0], next[1] = c[1] - move[1];
            next_loss = loss_of(f, next, g, h);
            move[0] /= 2, move[1] /= 2;
        }
        if (!(next_loss < loss - 1e-12))
            return;
        c[0] = next[0], c[1] = next[1];
        loss = next_loss;
    }
}

bool apg_calibrate(struct apg_calibration *c, const double *logit, const bool *label, const float *weight,
    uint64_t n, double *before, double *after)
{
    struct fit f = {.logit = logit, .label = label, .weight = weight, .n = n, .mean = 1};
    uint64_t rows[2] = {0, 0};
    double largest = 0, sum[2] = {0, 0};
    for (uint64_t i = 0; i < n; i++) {
        const double w = weight ? (double)weight[i] : 1;
        rows[label[i]] += w > 0;
        sum[label[i]] += w;
        largest = fmax(largest, fabs(logit[i]));
    }
    const double counted = (double)(rows[0] + rows[1]); /* the sum of all weight_of */
    if (counted > 0)
        f.mean = (sum[0] + sum[1]) / counted;
    const double raw = total_loss(&f, 1, 0), no = sum[0] / f.mean, yes = sum[1] / f.mean;
    c->slope = 1, c->offset = 0;
    *before = *after = counted > 0 ? raw / counted : NAN;
    if (rows[0] < APG_CALIBRATE_ROWS || rows[1] < APG_CALIBRATE_ROWS || !(largest > 0))
        return false;
    f.scale = 1 / largest;
    f.target[0] = 1 / (no + 2), f.target[1] = (yes + 1) / (yes + 2);
    double at[2] = {fmin(largest, 10), 0};
    minimize(&f, at);
    at[0] /= largest;
    const double fitted = total_loss(&f, at[0], at[1]);
    if (!(at[0] > 0 && at[0] * largest <= APG_CALIBRATE_LOGIT && isfinite(at[1]) && fitted < raw))
        return false;
    c->slope = at[0], c->offset = at[1];
    *after = fitted / counted;
    return true;
}
