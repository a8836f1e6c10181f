/* SPDX-License-Identifier: MIT */
#include "data/bins.h"
#include <stdlib.h>
#include "base/mem.h"

static int by_float(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void apg_bins_sort(float *value, size_t n)
{
    qsort(value, n, sizeof *value, by_float);
}

struct edges {
    float **edge;
    uint32_t *n;
    size_t cap;
};

static bool cut(struct edges *e, float at)
{
    if (!apg_grow(e->edge, &e->cap, *e->n + 1, sizeof **e->edge))
        return false;
    (*e->edge)[(*e->n)++] = at;
    return true;
}

enum apg_status apg_bins_quantiles(
    float **edge, uint32_t *n_edges, const float *value, size_t n, size_t bins, struct apg_error *err)
{
    struct edges e = {edge, n_edges, 0};
    float last = n ? value[0] : 0;
    *edge = NULL, *n_edges = 0;
    for (size_t k = 1; n && k < bins; k++) {
        const float at = value[n * k / bins];
        if (at > last && !cut(&e, at))
            return apg_fail_memory(err);
        last = at;
    }
    return APG_OK;
}

enum apg_status apg_bins_spikes(
    float **edge, uint32_t *n_edges, const float *value, size_t n, size_t bins, struct apg_error *err)
{
    const size_t spike = n / APG_SPIKE_ROWS > APG_SPIKE_LEAST ? n / APG_SPIKE_ROWS : APG_SPIKE_LEAST;
    const size_t share = n / bins > spike ? n / bins : spike;
    struct edges e = {edge, n_edges, 0};
    size_t open = 0; /* values in the last bin, or 0 behind a spike */
    *edge = NULL, *n_edges = 0;
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && !(value[i + same] > value[i]);)
            same++;
        if (i && (same >= spike || open == 0 || open >= share)) {
            if (!cut(&e, value[i]))
                return apg_fail_memory(err);
            open = 0;
        }
        open = same >= spike ? 0 : open + same;
    }
    return APG_OK;
}
