/* SPDX-License-Identifier: MIT */
#include "data/lookup.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static int by_text(const void *x, const void *y)
{
    const struct apg_name *a = x, *b = y;
    const int order = strcmp(a->text, b->text);
    return order ? order : a->at < b->at ? -1 : a->at > b->at;
}

bool apg_lookup_init(struct apg_lookup *x, size_t n)
{
    *x = (struct apg_lookup){.name = apg_alloc(n, sizeof *x->name), .n = n};
    return x->name;
}

void apg_lookup_sort(struct apg_lookup *x)
{
    qsort(x->name, x->n, sizeof *x->name, by_text);
}

size_t apg_lookup_find(const struct apg_lookup *x, const char *text, size_t *at)
{
    size_t low = 0, high = x->n, count = 0; /* names below low are less, those from high on are not */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(x->name[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + count < x->n && strcmp(x->name[low + count].text, text) == 0)
        count++;
    *at = count ? x->name[low].at : SIZE_MAX;
    return count;
}

const char *apg_lookup_twice(const struct apg_lookup *x)
{
    for (size_t i = 1; i < x->n; i++)
        if (strcmp(x->name[i - 1].text, x->name[i].text) == 0)
            return x->name[i].text;
    return NULL;
}

void apg_lookup_release(struct apg_lookup *x)
{
    free(x->name);
    *x = (struct apg_lookup){0};
}
