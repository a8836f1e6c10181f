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
    if (!apg_layers[a->layer].generated || a->bias != APG_BIAS_GENERATED || a->mode != APG_CONDITION_SELF ||
        a->n_generator)
        return;
    size_t weights = 0;
    for (size_t o = 0; o < m->graph.n_ops; o++)
        if (m->graph.op[o].type->generates_bias) {
            const struct apg_widths w = apg_graph_widths(&m->graph, &m->graph.op[o]);
            if (!a->generator_rank || w.D < a->generator_rank) /* else it is of low rank */
                weights += w.D * w.M;
        }
    if (weights)
        say(tell, arg,
            "the generated bias of a self-wise layer with a linear generator is a dense layer in disguise: "
            "%zu weights, as many as --layer dense has; --bias static has none of them",
            weights);
}

/* A rank is at most the widths of its layer. Say what is left of larger ones, in a line. */
static void held_ranks(const struct apg_model *m, apg_tell *tell, void *arg)
{
    char held[256] = "";
    size_t n = 0, last = SIZE_MAX;
    for (size_t o = 0; o < m->graph.n_ops && n < sizeof held; o++) {
        const struct apg_op *op = &m->graph.op[o];
        const char *name = op->param[0] < 0 ? "" : m->graph.param[op->param[0]].name;
        const bool is_S = strstr(name, ".S.");
        size_t layer;
        if (strcmp(op->type->name, "generated") != 0 || sscanf(name, "hidden.%zu.", &layer) != 1)
            continue;
        const struct apg_widths w = apg_graph_widths(&m->graph, op);
        const size_t rank = is_S ? w.M : w.K;
        if (!rank || rank >= m->arch.K[layer] || layer == last)
            continue;
        n += (size_t)snprintf(
            held + n, sizeof held - n, "%s%zu in hidden layer %zu", n ? ", " : "", rank, layer + 1);
        last = layer;
    }
    if (n)
        say(tell, arg, "a --rank is held to the widths of its layer: it is %s", held);
}

void apg_advise(
    const struct apg_model *m, size_t batch, bool ranks, void (*tell)(void *arg, const char *text), void *arg)
{
    const struct apg_memory memory = apg_graph_memory(&m->graph, batch);
    disguise(m, tell, arg);
    if (ranks)
        held_ranks(m, tell, arg);
    if (memory.generated && m->arch.form <= APG_FORM_LOWRANK)
        say(tell, arg, "--form %s makes %.3g MB of weights for a batch of %zu; %.3g MB at a time, in pieces",
            apg_form_name(m->arch.form), 1e-6 * (double)memory.generated, batch,
            1e-6 * (double)memory.generated_at_once);
    if (memory.domains)
        say(tell, arg,
            "%zu domains of --layer star take %.3g MB, four times in training, and their products and gradients in "
            "a step up to %.3g MB",
            memory.domains, 1e-6 * (double)memory.by_domain, 1e-6 * (double)memory.by_domain_at_once);
}
