/* SPDX-License-Identifier: MIT */
#include "common/pairing.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Is it the label, or a score that is compared? */
static bool is_judged(const struct scores *s, size_t column)
{
    bool judged = column == s->at_label;
    for (size_t i = 0; i < s->want->n_scores; i++)
        judged |= column == s->at_score[i];
    return judged;
}

static enum apg_status find_common(struct pairing *p, struct apg_error *err)
{
    const struct scores *a = p->a, *b = p->b;
    struct apg_lookup of_a = {0}, of_b = {0};
    const bool made = apg_csv_lookup(&a->header, &of_a) && apg_csv_lookup(&b->header, &of_b);
    for (size_t i = 0; made && i < a->columns; i++) {
        const char *name = a->header.text + a->header.cell[i].at;
        size_t at, first;
        if (apg_lookup_find(&of_b, name, &at) == 1 && apg_lookup_find(&of_a, name, &first) == 1 &&
            !is_judged(a, i) && !is_judged(b, at)) {
            p->at_a[p->n] = i;
            p->at_b[p->n++] = at;
        }
    }
    apg_lookup_release(&of_a);
    apg_lookup_release(&of_b);
    return made ? APG_OK : apg_fail_memory(err);
}

enum apg_status pairing_init(struct pairing *p, const struct scores *a, const struct scores *b,
    const struct apg_list *key, struct apg_error *err)
{
    *p = (struct pairing){.a = a, .b = b, .key = key->n > 0};
    const size_t most = key->n ? key->n : a->columns;
    p->at_a = apg_alloc(most, sizeof *p->at_a);
    p->at_b = apg_alloc(most, sizeof *p->at_b);
    if (!p->at_a || !p->at_b)
        return apg_fail_memory(err);
    if (!p->key)
        return find_common(p, err);
    enum apg_status status = APG_OK;
    for (; !status && p->n < key->n; p->n++)
        if (!(status = scores_find(a, key->item[p->n], &p->at_a[p->n], err)))
            status = scores_find(b, key->item[p->n], &p->at_b[p->n], err);
    return status;
}

enum apg_status pairing_check(const struct pairing *p, struct apg_error *err)
{
    const struct scores *a = p->a, *b = p->b;
    const char *file_a = apg_csv_name(a->csv), *file_b = apg_csv_name(b->csv);
    if (a->row != b->row) {
        const struct scores *more = a->row ? a : b, *ended = a->row ? b : a;
        return apg_fail(err, APG_EINPUT,
            "%s: ends after %llu rows, but %s has more, from line %llu on: the rows are not the same",
            apg_csv_name(ended->csv), (unsigned long long)more->n_rows - 1, apg_csv_name(more->csv),
            (unsigned long long)scores_line(more));
    }
    if (a->row && a->label != b->label)
        return apg_fail(err, APG_EINPUT, "%s:%llu: %s: %d, but %s:%llu has %d: the rows are not the same",
            file_b, (unsigned long long)scores_line(b), b->label_name, b->label, file_a,
            (unsigned long long)scores_line(a), a->label);
    for (size_t i = 0; a->row && i < p->n; i++) {
        size_t len_a, len_b;
        const char *cell_a = scores_cell(a, p->at_a[i], &len_a), *cell_b = scores_cell(b, p->at_b[i], &len_b);
        if (len_a != len_b || memcmp(cell_a, cell_b, len_a) != 0)
            return apg_fail(err, APG_EINPUT,
                "%s:%llu: %s: '%.64s', but %s:%llu has '%.64s': the rows are not the same%s", file_b,
                (unsigned long long)scores_line(b), b->header.text + b->header.cell[p->at_b[i]].at, cell_b,
                file_a, (unsigned long long)scores_line(a), cell_a,
                p->key ? "" : " (--key names the columns that tell)");
    }
    return APG_OK;
}

void pairing_release(struct pairing *p)
{
    free(p->at_a);
    free(p->at_b);
    *p = (struct pairing){0};
}
