/* SPDX-License-Identifier: MIT */
#include "model/advice.h"
#include <stdarg.h>
#include <stdio.h>
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

void apg_advise(
    const struct apg_model *m, size_t batch, void (*tell)(void *arg, const char *text), void *arg)
{
    const struct apg_memory memory = apg_graph_memory(&m->graph, batch);
    disguise(m, tell, arg);
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
