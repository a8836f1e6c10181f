/* SPDX-License-Identifier: MIT */
#include "model/collapse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nn/half.h"
#include "base/mem.h"

/* A model of ARCH with M's weights where they have the same name. */
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

/* What of a layer makes its output's columns: the last factor, its generator, the bias. Names without
 * "hidden.N." and the condition's number. */
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

/* y = scale y + shift, of the layer's M columns; a row of any such param is, or ends in, whole rows of M.
 * SHIFT NULL: none. */
static void apply(struct apg_param *p, size_t M, size_t from, const double *scale, const double *shift)
{
    for (size_t i = 0; i < p->rows; i++)
        for (size_t j = from; j < p->cols; j++) {
            apg_real *w = &p->w[i * p->cols + j];
            size_t k = (j - from) % M;
            *w = (apg_real)((double)*w * scale[k] + (shift ? shift[k] : 0));
        }
}

/* Layer L of M, which has no normalization; SCALE and SHIFT are what it had. */
static void fold(struct apg_model *m, size_t l, const double *scale, double *shift)
{
    const struct apg_arch *a = &m->arch;
    const size_t M = a->hidden[l];
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "hidden.%zu.", l);
    for (size_t i = 0; i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
        const char *name = p->name + n;
        if (strncmp(p->name, prefix, (size_t)n) != 0)
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

enum apg_status apg_collapse_norm(struct apg_model **out, const struct apg_model *m, struct apg_error *err)
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
    for (size_t l = 0; !status && l < arch.n_hidden; l++) {
        char name[32];
        double *map = apg_alloc(2 * arch.hidden[l], sizeof *map);
        (void)snprintf(name, sizeof name, "hidden.%zu", l);
        if (!map) {
            apg_model_free(*out);
            *out = NULL;
            return apg_fail_memory(err);
        }
        apg_op_norm_map(&m->graph, name, map, map + arch.hidden[l]);
        fold(*out, l, map, map + arch.hidden[l]);
        free(map);
    }
    return status;
}

enum apg_status apg_collapse_halve(struct apg_model *m, struct apg_error *err)
{
    for (size_t i = 0; i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
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
    return APG_OK;
}
