/* SPDX-License-Identifier: MIT
 *
 * PPNet: Chang et al., "PEPNet: Parameter and Embedding Personalized Network for Infusing with Personalized
 * Prior Information", KDD 2023, arXiv 2302.01115, of which this is the part that gates hidden layers:
 *
 *     y = (h o 2 sigmoid(relu([z, x] W_1 + b_1) W_2 + b_2)) W + b
 *
 * h (B, N) is the layer's input, z the condition, x the embeddings, which the gates do not train. [z, x] W_1
 * is z W_z + x W_x. Each layer has a gate of its own.
 */
#include <stdio.h>
#include "model/layer.h"

int apg_layer_ppnet(struct apg_tower *t, int h, size_t l, const char *name)
{
    struct apg_graph *g = t->g;
    const struct apg_arch *a = t->arch;
    int p = apg_layer_condition(t, h, name).z[0];
    for (size_t i = 0; i <= a->n_generator; i++) {
        char own[48];
        (void)snprintf(own, sizeof own, "%s.gate.%zu", name, i);
        p = apg_op_dense(g, p, i < a->n_generator ? a->generator[i] : apg_graph_width(g, h), own);
        if (i == 0)
            apg_op_linear_stopped(g, t->x,
                apg_graph_param(g, APG_START_XAVIER, apg_graph_width(g, t->x), apg_graph_width(g, p),
                    "%s.embedding.weight", own),
                p);
        if (i < a->n_generator)
            p = apg_op_relu(g, p, 0);
    }
    return apg_op_dense(g, apg_op_gate(g, h, p), a->hidden[l], name);
}
