/* SPDX-License-Identifier: MIT */
#include "common/grouping.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

enum apg_status grouping_init(struct grouping *g, struct apg_error *err)
{
    *g = (struct grouping){0};
    return apg_vocab_init(&g->vocab, err);
}

void grouping_release(struct grouping *g)
{
    apg_vocab_release(&g->vocab);
    free(g->token);
}

bool grouping_put(struct grouping *g, const void *part, size_t n)
{
    if (!apg_grow(&g->token, &g->cap_token, g->n_token + n, 1))
        return false;
    memcpy(g->token + g->n_token, part, n);
    g->n_token += n;
    return true;
}

enum apg_status grouping_end(struct grouping *g, uint32_t *group, struct apg_error *err)
{
    *group = apg_vocab_add(&g->vocab, g->token, g->n_token, apg_vocab_hash(g->token, g->n_token));
    g->n_token = 0;
    return *group ? APG_OK : apg_fail_memory(err);
}
