/* SPDX-License-Identifier: MIT */
#include "model/advice.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "model/complexity.h"

typedef void apg_tell(void *arg, const char *text);

static void say(apg_tell *tell, void *arg, const char *fmt, ...) APG_PRINTF(3, 4);
static void say(apg_tell *tell, void *arg, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    tell(arg, text);
}

/* Yan et al. generate the bias too; warn where that defeats the method. */
static void disguise(const struct apg_model *m, apg_tell *tell, void *arg)
{
    const struct apg_arch *a = &m->arch;
    if (strcmp(apg_layers[a->layer].name, "apg") != 0 || a->bias != APG_BIAS_GENERATED ||
        a->mode != APG_CONDITION_SELF || a->n_generator)
        return;
    size_t weights = 0;
    for (size_t o = 0; o < m->graph.n_ops; o++)
        if (strcmp(m->graph.op[o].type->name, "generated-bias") == 0 &&
            (!a->generator_rank || m->graph.op[o].N < a->generator_rank)) /* else of low rank */
            weights += m->graph.op[o].N * m->graph.op[o].M;
    if (weights)
        say(tell, arg,
            "the generated bias of a self-wise layer with a linear generator is a dense layer in disguise: "
            "%zu weights, as many as --layer dense has; --bias static has none of them",
            weights);
}

/* v1 and v2 make N M numbers for every instance, and a gradient of each: hence the factor 2 below. */
static void memory(const struct apg_model *m, size_t batch, apg_tell *tell, void *arg)
{
    const struct apg_graph *g = &m->graph;
    uint64_t numbers = 0, kept = 0;
    for (size_t o = 0; m->arch.form <= APG_FORM_LOWRANK && o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        if (strcmp(op->type->name, "generated") != 0)
            continue;
        size_t formed = op->K ? g->width[op->aux[1]] : 0, most = g->most[op->aux[0]];
        numbers += batch * (apg_complexity_op(g, o).generated + formed);
        kept += APG_SLOTS * (most < g->max_rows ? most : g->max_rows) * (g->width[op->aux[0]] + formed);
    }
    if (numbers)
        say(tell, arg, "--form %s makes %.3g MB of weights for a batch of %zu; %.3g MB at a time, in pieces",
            apg_form_name(m->arch.form), 2e-6 * (double)numbers * sizeof(apg_real), batch,
            2e-6 * (double)kept * sizeof(apg_real));
}

/* STAR keeps weights for each domain. */
static void domains_memory(const struct apg_model *m, apg_tell *tell, void *arg)
{
    const struct apg_graph *g = &m->graph;
    uint64_t kept = 0, step = 0;
    size_t domains = 0;
    for (size_t o = 0; o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        if (strcmp(op->type->name, "star") != 0)
            continue;
        size_t formed = (size_t)op->aux[1],
               most = g->most[formed] < g->max_rows ? g->most[formed] : g->max_rows;
        domains = op->F;
        kept += (uint64_t)g->width[formed] * op->F;
        step += 2 * (uint64_t)g->width[formed] * most * APG_SLOTS;
    }
    if (domains)
        say(tell, arg,
            "%zu domains of --layer star take %.3g MB, four times in training, and their products "
            "and gradients in a step up to %.3g MB",
            domains, 1e-6 * (double)kept * sizeof(apg_real), 1e-6 * (double)step * sizeof(apg_real));
}

void apg_advise(const struct apg_model *m, size_t batch, void (*tell)(void *arg, const char *text), void *arg)
{
    disguise(m, tell, arg);
    memory(m, batch, tell, arg);
    domains_memory(m, tell, arg);
}
