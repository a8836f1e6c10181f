/* SPDX-License-Identifier: MIT */
#include "common/weights.h"

#include <string.h>
#include "common/message.h"

enum apg_status weights_find(struct apg_stream *s, const char *asked, bool *weighted, struct apg_error *err)
{
    const struct apg_schema *schema = s->model->schema;
    const struct apg_source *in = s->source;
    struct apg_binding *b = &s->binding;
    *weighted = schema->weight && !(asked && !*asked);
    if (!*weighted)
        b->weight = SIZE_MAX; /* what is in its cells does not matter */
    else if (in->feat && asked && strcmp(asked, apg_feat_schema(in->feat)->weight) != 0)
        return apg_fail(err, APG_EUSAGE,
            "%s: --weight '%s': a feature file has the weights it was encoded with", in->name, asked);
    else if (in->csv && b->weight == SIZE_MAX && asked)
        return apg_binding_need_weight(b, schema, in->csv, &s->header, err);
    else if (in->csv && b->weight == SIZE_MAX) {
        message_warn("%s: no column '%s', the weight of the training rows: each row counts 1", in->name,
            schema->weight);
        *weighted = false;
    }
    return APG_OK;
}
