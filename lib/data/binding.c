/* SPDX-License-Identifier: MIT */
#include "data/binding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Refuse that NAME is no column. WHAT says what it is wanted for. */
static enum apg_status missing_column(const struct apg_binding *b, const char *file, uint64_t line,
    const char *what, const char *name, struct apg_error *err)
{
    char has[512] = "";
    struct apg_near near = apg_near_to(name, strlen(name));
    size_t n = 0;
    for (size_t i = 0; i < b->columns; i++)
        apg_near_try(&near, b->column[i], strlen(b->column[i]));
    for (size_t i = 0; i < b->columns && n < sizeof has; i++)
        n += (size_t)snprintf(has + n, sizeof has - n, "%s%s", i ? ", " : "", b->column[i]);
    return apg_fail(err, APG_EINPUT, "%s:%llu: no column '%s', %s; there are: %s%s%s", file,
        (unsigned long long)line, name, what, has, n < sizeof has ? "" : "...", apg_near_hint(&near));
}

enum apg_status apg_binding_init(struct apg_binding *b, const struct apg_schema *s, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, bool need_label, struct apg_error *err)
{
    const char *file = apg_csv_name(csv);
    enum apg_status status = APG_OK;
    *b = (struct apg_binding){.label = SIZE_MAX, .weight = SIZE_MAX, .need_label = need_label};
    if (!header->records)
        return apg_fail(err, APG_EINPUT, "%s: empty: not even a header", file);
    size_t n = header->first[1];
    struct apg_lookup names = {0};
    b->column = apg_alloc(n, sizeof *b->column);
    b->cell = apg_alloc(s->n_fields, sizeof *b->cell);
    if (!b->column || !b->cell || !apg_csv_lookup(header, &names))
        goto no_memory;
    for (; b->columns < n; b->columns++)
        if (!(b->column[b->columns] = strdup(header->text + header->cell[b->columns].at)))
            goto no_memory;
    for (size_t f = 0; !status && f < s->n_fields; f++) {
        const char *name = apg_field_column(&s->field[f]);
        if (apg_lookup_find(&names, name, &b->cell[f]) > 1)
            status = apg_csv_find(csv, header, name, &b->cell[f], err); /* says so */
        else if (b->cell[f] == SIZE_MAX)
            status = missing_column(b, file, header->line, "which is an input of the model", name, err);
    }
    if (!status)
        status = apg_csv_find(csv, header, s->label, &b->label, err);
    if (!status && need_label && b->label == SIZE_MAX)
        status = missing_column(b, file, header->line, "the label", s->label, err);
    if (!status && s->weight)
        status = apg_csv_find(csv, header, s->weight, &b->weight, err);
    apg_lookup_release(&names);
    if (status)
        apg_binding_release(b);
    return status;
no_memory:
    apg_lookup_release(&names);
    apg_binding_release(b);
    return apg_fail_memory(err);
}

enum apg_status apg_binding_need_weight(const struct apg_binding *b, const struct apg_schema *s,
    const struct apg_csv *csv, const struct apg_csv_chunk *header, struct apg_error *err)
{
    return !s->weight || b->weight != SIZE_MAX
               ? APG_OK
               : missing_column(b, apg_csv_name(csv), header->line, "the weight", s->weight, err);
}

void apg_binding_release(struct apg_binding *b)
{
    for (size_t i = 0; b->column && i < b->columns; i++)
        free(b->column[i]);
    free(b->column);
    free(b->cell);
    *b = (struct apg_binding){.label = SIZE_MAX, .weight = SIZE_MAX};
}
