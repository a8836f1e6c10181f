/* SPDX-License-Identifier: MIT */
#include "model/collapse.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nn/half.h"
#include "base/mem.h"
#include "data/randrows.h"

/* *out: a model of ARCH that has M's weights wherever the names of params are the same. */
static enum apg_status remake(
    struct apg_model **out, const struct apg_model *m, const struct apg_arch *arch, struct apg_error *err)
{
    enum apg_status status = apg_model_new(out, m->schema, arch, m->max_rows, false, err);
    for (size_t i = 0; !status && i < (*out)->graph.n_params; i++) {
        struct apg_param *p = &(*out)->graph.param[i];
        const struct apg_param *from = apg_graph_find(&m->graph, p->name);
        if (from)
            memcpy(p->w, from->w, p->rows * p->cols * sizeof *p->w);
    }
    return status;
}

enum apg_status apg_collapse_factors(struct apg_model **out, const struct apg_model *m, struct apg_error *err)
{
    struct apg_arch arch = m->arch;
    memset(arch.P, 0, sizeof arch.P);
    if (arch.form == APG_FORM_OVERPARAM)
        arch.form = APG_FORM_SHARED;
    arch.dropout = 0;
    arch.collapsed = true;
    return remake(out, m, &arch, err);
}

/* The params that make the columns of a layer's output: the last factor, or its generator, and the bias.
 * Names are without "hidden.N." and the condition's number. */
static const struct {
    const char *name;
    bool bias; /* the shift is added to it */
} last[] = {
    {"weight", false}, /* dense, ppnet */
    {"W", false},
    {"V", false},
    {"bias", true},
    {"W.weight", false},
    {"W.bias", false},
    {"V.weight", false},
    {"V.bias", false},
    {"USV.weight", false},
    {"USV.bias", false},
    {"b.weight", false},
    {"b.bias", true},
    {"effective.weight", false}, /* star */
    {"effective.bias", true},
};

/* Turn the layer's output y (M columns) into scale y + shift by changing P, whose rows are rows of M
 * numbers from column FROM on. SHIFT may be NULL. */
static void apply(struct apg_param *p, size_t M, size_t from, const double *scale, const double *shift)
{
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = from; j < p->cols; j++) {
            apg_real *w = &p->w[i * p->cols + j];
            size_t k = (j - from) % M;
            *w = (apg_real)((double)*w * scale[k] + (shift ? shift[k] : 0));
        }
}

/* Fold SCALE and SHIFT (M), those of a normalization, into LAYER of M, "hidden.0", which has none. */
static void fold(struct apg_model *m, const char *layer, size_t M, const double *scale, double *shift)
{
    const struct apg_arch *a = &m->arch;
    const size_t n = strlen(layer) + 1;
    for (size_t i = 0; i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
        const char *name = p->name + n;
        if (strncmp(p->name, layer, n - 1) != 0 || p->name[n - 1] != '.')
            continue;
        const size_t digits = strspn(name, "0123456789");
        const bool several = digits && name[digits] == '.'; /* conditions, with a generator each */
        name += several ? digits + 1 : 0;
        for (size_t k = 0; k < sizeof last / sizeof last[0]; k++)
            if (strcmp(name, last[k].name) == 0) {
                /* U, S and V: V is what is left of the columns behind U and S, (N + K) K of them */
                const bool usv = strncmp(name, "USV", 3) == 0;
                const struct apg_param *c = usv ? &m->graph.param[strcmp(name, "USV.bias") ? i + 1 : i] : p;
                const size_t before = usv ? (c->base.N + c->base.K) * c->base.K : 0;
                /* outputs are added up, so the shift of one is enough; means and attention sum to 1 */
                const bool once = several && a->aggregate == APG_AGGREGATE_OUTPUT_SUM && p->name[n] != '0';
                apply(p, M, before, scale, last[k].bias && !once ? shift : NULL);
            }
    }
}

/* The step that folds batch normalization. *out is NULL where there is nothing to fold. */
static enum apg_status norm(struct apg_model **out, const struct apg_model *m, struct apg_error *err)
{
    const bool star = apg_layers[m->arch.layer].has_domains;
    struct apg_arch arch = m->arch;
    *out = NULL;
    if (!arch.batch_norm || (star && arch.partition_rows))
        return APG_OK;
    arch.batch_norm = false;
    if (arch.bias == APG_BIAS_NONE)
        arch.bias = APG_BIAS_STATIC;
    enum apg_status status = remake(out, m, &arch, err);
    for (size_t k = 0; !status && k < apg_model_members(m) * arch.n_hidden; k++) {
        const size_t M = arch.hidden[k % arch.n_hidden];
        char layer[32], name[APG_NAME_BYTES];
        double *map = apg_alloc(2 * M, sizeof *map);
        (void)snprintf(layer, sizeof layer, "hidden.%zu", k % arch.n_hidden);
        if (!map) {
            apg_model_free(*out);
            *out = NULL;
            return apg_fail_memory(err);
        }
        (void)apg_member_name(name, k / arch.n_hidden, layer);
        apg_op_norm_map(&m->graph, name, map, map + M);
        fold(*out, name, M, map, map + M);
        free(map);
    }
    return status;
}

/* The step that stores embedding tables in half precision. */
static enum apg_status halve_tables(
    struct apg_model **out, const struct apg_model *from, struct apg_error *err)
{
    enum apg_status status = apg_collapse_factors(out, from, err);
    for (size_t i = 0; !status && i < (*out)->graph.n_params; i++) {
        struct apg_param *p = &(*out)->graph.param[i];
        const size_t n = p->rows * p->cols;
        if (!p->table)
            continue;
        if (!(p->half = apg_alloc(n, sizeof *p->half)))
            return apg_fail_memory(err);
        for (size_t j = 0; j < n; j++)
            p->half[j] = apg_half_of((float)p->w[j]);
        free(p->w);
        p->w = NULL;
    }
    return status;
}

/* ---- the steps and their proof ---- */

enum { PROOF_ROWS = 1024 }; /* random rows that a step is tried on */

/* BOUND: the largest difference of a logit that rounding alone may make. */
static const struct {
    const char *name;
    double bound;
    enum apg_status (*take)(struct apg_model **out, const struct apg_model *m, struct apg_error *err);
} steps[APG_COLLAPSE_STEPS] = {
    [APG_COLLAPSE_FACTORS] = {"factors", 1e-5, apg_collapse_factors},
    [APG_COLLAPSE_NORM] = {"norm", 1e-3, norm},
    [APG_COLLAPSE_HALVE] = {"embedding f16", 0.1, halve_tables},
};

/* *worst: the largest difference of a logit of A and B, over PROOF_ROWS rows of random ids and numbers. */
static enum apg_status prove(struct apg_model *a, struct apg_model *b, double *worst, struct apg_error *err)
{
    const size_t most = a->max_rows < PROOF_ROWS ? a->max_rows : PROOF_ROWS;
    struct apg_randrows r = {0};
    struct apg_pool *pool = NULL;
    double x[PROOF_ROWS], y[PROOF_ROWS];
    enum apg_status status = apg_pool_new(&pool, 1, err);
    if (!status)
        status = apg_randrows_init(&r, a->schema, PROOF_ROWS, 1, err);
    *worst = 0;
    for (size_t at = 0, n; !status && at < PROOF_ROWS; at += n) {
        n = PROOF_ROWS - at < most ? PROOF_ROWS - at : most;
        if (!(status = apg_model_logits(a, r.row + at, n, pool, x, err)))
            status = apg_model_logits(b, r.row + at, n, pool, y, err);
        for (size_t i = 0; !status && i < n; i++)
            *worst = fmax(*worst, fabs(x[i] - y[i]));
    }
    apg_randrows_release(&r);
    apg_pool_free(pool);
    return status;
}

static size_t weight_bytes(const struct apg_model *m)
{
    size_t bytes = 0;
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        bytes += p->derived ? 0 : p->rows * p->cols * (p->half ? sizeof *p->half : sizeof *p->w);
    }
    return bytes;
}

/* Let what is said of how M was made, a JSON object, say too which steps were taken. It is not parsed: jansson's
 * reader loses letters when memory is out (json.h). */
static enum apg_status record(struct apg_model *m, const struct apg_collapsed *report, struct apg_error *err)
{
    const char *made = m->made ? m->made : "{}", *end = strrchr(made, '}');
    char taken[128];
    size_t n = 0;
    for (int i = 0; i < APG_COLLAPSE_STEPS; i++)
        if (report[i].done)
            n += (size_t)snprintf(taken + n, sizeof taken - n, "%s\"%s\"", n ? "," : "", steps[i].name);
    char *text = malloc(strlen(made) + n + sizeof ",\"collapsed\":[]}");
    if (!text)
        return apg_fail_memory(err);
    (void)sprintf(text, "%.*s%s\"collapsed\":[%s]}", (int)(end - made), made, strchr(made, '"') ? "," : "",
        n ? taken : "");
    free(m->made);
    m->made = text;
    return APG_OK;
}

enum apg_status apg_collapse_model(
    struct apg_model **m, bool halve, struct apg_collapsed report[APG_COLLAPSE_STEPS], struct apg_error *err)
{
    enum apg_status status = APG_OK;
    memset(report, 0, APG_COLLAPSE_STEPS * sizeof *report);
    if ((*m)->arch.collapsed)
        return apg_fail(err, APG_EUSAGE, "%s: already collapsed", apg_model_name(*m));
    for (int i = 0; !status && i < (halve ? APG_COLLAPSE_STEPS : APG_COLLAPSE_HALVE); i++) {
        struct apg_model *to = NULL;
        struct apg_collapsed *r = &report[i];
        r->bytes = r->bytes_then = weight_bytes(*m);
        status = steps[i].take(&to, *m, err);
        if (!status && to) {
            to->calibration = (*m)->calibration;
            status = prove(*m, to, &r->difference, err);
        }
        if (!status && !(r->difference <= steps[i].bound * fmax(1, (*m)->calibration.slope)))
            status = apg_fail(err, APG_ERANGE, "%s: after step %s logits differ by %g", apg_model_name(*m),
                steps[i].name, r->difference);
        r->stays = i == APG_COLLAPSE_NORM && !to && (*m)->arch.batch_norm;
        if (status) {
            apg_model_free(to);
        } else if (to) {
            r->done = true;
            r->bytes_then = weight_bytes(to);
            apg_model_inherit(to, *m);
            to->made = (*m)->made;
            (*m)->made = NULL;
            apg_model_free(*m);
            *m = to;
        }
    }
    return status ? status : record(*m, report, err);
}
