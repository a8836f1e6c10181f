/* SPDX-License-Identifier: MIT */
#include "common/scores_csv.h"

#include <stdlib.h>
#include <string.h>
#include "data/encode.h"
#include "base/mem.h"

/* ---- groups of rows ---- */

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

/* ---- columns ---- */

static const char *const score_names[] = {"score", "prediction", "p", "probability", "pred", NULL};

static const char *cell_text(const struct apg_csv_chunk *chunk, size_t record, size_t column, size_t *len)
{
    const struct apg_cell *cell = &chunk->cell[chunk->first[record] + column];
    *len = cell->len;
    return chunk->text + cell->at;
}

/* *at is SIZE_MAX when there is none. */
static enum apg_status find_column(
    const struct scored *s, const char *name, size_t *at, struct apg_error *err)
{
    *at = SIZE_MAX;
    for (size_t i = 0; i < s->columns; i++) {
        if (strcmp(s->name[i], name) != 0)
            continue;
        if (*at != SIZE_MAX)
            return apg_fail(err, APG_EINPUT, "%s:1: two columns are named '%s'", apg_csv_name(s->csv), name);
        *at = i;
    }
    return APG_OK;
}

static enum apg_status find_asked(const struct scored *s, const char *name, size_t *at, struct apg_error *err)
{
    enum apg_status status = find_column(s, name, at, err);
    if (!status && *at == SIZE_MAX)
        return apg_fail(err, APG_EINPUT, "%s:1: no column is named '%s'", apg_csv_name(s->csv), name);
    return status;
}

/* The one that is asked for or, with ASKED = NULL, the first of the usual names that is a column. */
static enum apg_status find(
    const struct scored *s, const char *asked, const char *const *usual, size_t *at, struct apg_error *err)
{
    if (asked)
        return find_asked(s, asked, at, err);
    *at = SIZE_MAX;
    for (; *usual && *at == SIZE_MAX; usual++) {
        enum apg_status status = find_column(s, *usual, at, err);
        if (status)
            return status;
    }
    return APG_OK;
}

static enum apg_status find_columns(struct scored *s, struct apg_error *err)
{
    const struct scored_want *w = s->want;
    const char *file = apg_csv_name(s->csv);
    enum apg_status status = find(s, w->label, apg_label_names, &s->at_label, err);
    if (status)
        return status;
    if (s->at_label == SIZE_MAX)
        return apg_fail(err, APG_EINPUT,
            "%s:1: no column is named label, click, y, target or the like: "
            "name it with --label",
            file);
    s->label_name = s->name[s->at_label];
    for (size_t i = 0; i < w->n_scores; i++) {
        if ((status = find(s, w->score[i], score_names, &s->at_score[i], err)))
            return status;
        if (s->at_score[i] == SIZE_MAX)
            s->at_score[i] = s->columns - 1;
        if (s->at_score[i] == s->at_label)
            return apg_fail(err, APG_EINPUT,
                "%s:1: the scores cannot be those of the label, '%s': name them with --score", file,
                s->label_name);
        s->score_name[i] = s->name[s->at_score[i]];
    }
    for (size_t i = 0; i < w->group.n; i++)
        if ((status = find_asked(s, w->group.item[i], &s->at_group[i], err)))
            return status;
    return APG_OK;
}

enum apg_status scored_begin(
    struct scored *s, const struct scored_want *want, struct apg_csv *csv, struct apg_error *err)
{
    s->want = want;
    s->csv = csv;
    enum apg_status status = apg_columns_header(&want->columns, csv, &s->chunk, err);
    if (status)
        return status;
    if (s->chunk.records == 0)
        return apg_fail(err, APG_EINPUT, "%s: empty, not even a header", apg_csv_name(csv));
    s->columns = s->chunk.first[1] - s->chunk.first[0];
    s->name = apg_alloc(s->columns, sizeof *s->name);
    s->at_group = apg_alloc(want->group.n, sizeof *s->at_group);
    if (!s->name || !s->at_group)
        return apg_fail_memory(err);
    for (size_t i = 0; i < s->columns; i++) {
        size_t len;
        s->name[i] = strdup(cell_text(&s->chunk, 0, i, &len));
        if (!s->name[i])
            return apg_fail_memory(err);
    }
    s->chunk.records = 0; /* the header is no row */
    return find_columns(s, err);
}

void scored_end(struct scored *s)
{
    for (size_t i = 0; s->name && i < s->columns; i++)
        free(s->name[i]);
    free(s->name);
    free(s->at_group);
    apg_csv_chunk_release(&s->chunk);
    *s = (struct scored){.groups = s->groups};
}

/* ---- rows ---- */

static enum apg_status read_record(struct scored *s, size_t record, struct apg_error *err)
{
    const struct scored_want *w = s->want;
    const struct apg_csv_chunk *chunk = &s->chunk;
    size_t len, cells = chunk->first[record + 1] - chunk->first[record];
    if (cells != s->columns)
        return apg_fail(err, APG_EINPUT, "%zu cells, where the header has %zu", cells, s->columns);
    float label;
    const char *text = cell_text(chunk, record, s->at_label, &len);
    if (!apg_cell_label(text, len, &label))
        return apg_fail(err, APG_EINPUT, "%s: a label is 0 or 1, not '%s'", s->label_name, text);
    s->label = label == 1;
    for (size_t i = 0; i < w->n_scores; i++) {
        double *score = &s->score[i];
        text = cell_text(chunk, record, s->at_score[i], &len);
        if (!apg_cell_number(text, len, score))
            return apg_fail(err, APG_EINPUT, "%s: not a number: '%s'", s->score_name[i], text);
        if (!w->logit && (*score < 0 || *score > 1))
            return apg_fail(err, APG_EINPUT, "%s: not a probability: '%s' (--logit reads logits)",
                s->score_name[i], text);
    }
    for (size_t i = 0; i < w->group.n; i++) {
        text = cell_text(chunk, record, s->at_group[i], &len);
        if (!grouping_put(s->groups, text, len + 1))
            return apg_fail_memory(err);
    }
    return w->group.n ? grouping_end(s->groups, &s->group, err) : APG_OK;
}

uint64_t scored_line(const struct scored *s)
{
    return apg_csv_line(s->csv, &s->chunk, s->next - 1);
}

enum apg_status scored_next(struct scored *s, struct apg_error *err)
{
    enum apg_status status;
    s->row = false;
    while (s->next == s->chunk.records) {
        if ((status = apg_csv_next(s->csv, &s->chunk, err)))
            return status;
        s->next = s->chunk.records = 0;
        if (s->chunk.n_bytes == 0)
            return APG_OK;
        if ((status = apg_csv_parse(s->csv, &s->chunk, false, err)))
            return status;
    }
    status = read_record(s, s->next++, err);
    if (status == APG_EINPUT)
        (void)apg_fail_at(err, "%s:%llu", apg_csv_name(s->csv), (unsigned long long)scored_line(s));
    s->row = !status;
    return status;
}
