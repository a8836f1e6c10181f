/* SPDX-License-Identifier: MIT */
#include "common/scores_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/cell.h"
#include "data/label.h"
#include "stats/metrics.h"

/* ---- columns ---- */

static const char *const score_names[] = {"score", "prediction", "p", "probability", "pred", NULL};

static const char *cell_text(const struct apg_csv_chunk *chunk, size_t record, size_t column, size_t *len)
{
    const struct apg_cell *cell = &chunk->cell[chunk->first[record] + column];
    *len = cell->len;
    return chunk->text + cell->at;
}

static const char *column_name(const struct scores *s, size_t column)
{
    return s->header.text + s->header.cell[column].at;
}

enum apg_status scores_find(const struct scores *s, const char *name, size_t *at, struct apg_error *err)
{
    enum apg_status status = apg_csv_find(s->csv, &s->header, name, at, err);
    if (status || *at != SIZE_MAX)
        return status;
    struct apg_near near = apg_near_to(name, strlen(name));
    apg_csv_near(&s->header, &near);
    return apg_fail(err, APG_EINPUT, "%s:%llu: no column is named '%s'%s", apg_csv_name(s->csv),
        (unsigned long long)s->header.line, name, apg_near_hint(&near));
}

/* *at: the column named ASKED, which must be there. ASKED = NULL: the first of the usual names
 * that is a column, or SIZE_MAX. */
static enum apg_status find(
    const struct scores *s, const char *asked, const char *const *usual, size_t *at, struct apg_error *err)
{
    if (asked)
        return scores_find(s, asked, at, err);
    *at = SIZE_MAX;
    for (; *usual && *at == SIZE_MAX; usual++) {
        enum apg_status status = apg_csv_find(s->csv, &s->header, *usual, at, err);
        if (status)
            return status;
    }
    return APG_OK;
}

/* There is no label. The first rows tell how to name it. */
static enum apg_status no_label(struct scores *s, struct apg_error *err)
{
    char advice[512];
    if (s->columns == 1)
        return apg_fail(err, APG_EINPUT,
            "%s:1: one column, and no label: scores need labels beside them (apg predict --append)",
            apg_csv_name(s->csv));
    const struct apg_csv_chunk *const rows = &s->chunk;
    enum apg_status status = apg_csv_next(s->csv, &s->chunk, err);
    if (status || (status = apg_csv_parse(s->csv, &s->chunk, false, err)))
        return status;
    (void)apg_label_advise(advice, sizeof advice, &s->header, &rows, 1, s->want->columns.header);
    return apg_fail(err, APG_EINPUT,
        "%s:1: no column is named label, click, y, target or the like: name it with --label%s%s",
        apg_csv_name(s->csv), *advice ? "; " : "", advice);
}

static enum apg_status find_columns(struct scores *s, struct apg_error *err)
{
    const struct scores_want *w = s->want;
    const char *file = apg_csv_name(s->csv);
    const size_t usual = w->columns.label ? SIZE_MAX : apg_label_find(&s->header);
    if (!w->columns.label && usual == SIZE_MAX)
        return no_label(s, err);
    enum apg_status status =
        scores_find(s, w->columns.label ? w->columns.label : column_name(s, usual), &s->at_label, err);
    if (status)
        return status;
    s->label_name = column_name(s, s->at_label);
    for (size_t i = 0; i < w->n_scores; i++) {
        if ((status = find(s, w->score[i], score_names, &s->at_score[i], err)))
            return status;
        if (s->at_score[i] == SIZE_MAX) {
            s->at_score[i] = s->columns - 1;
            s->by_place = true;
        }
        if (s->at_score[i] == s->at_label)
            return apg_fail(err, APG_EINPUT,
                "%s:1: the scores cannot be those of the label, '%s': name them with --score", file,
                s->label_name);
        s->score_name[i] = column_name(s, s->at_score[i]);
    }
    s->weight_name = w->columns.weight && *w->columns.weight ? w->columns.weight : NULL;
    if (s->weight_name && (status = scores_find(s, s->weight_name, &s->at_weight, err)))
        return status;
    for (size_t i = 0; s->weight_name && i < w->n_scores; i++)
        if (s->at_weight == s->at_label || s->at_weight == s->at_score[i])
            return apg_fail(err, APG_EINPUT, "%s:1: the weights cannot be those of the %s, '%s'", file,
                s->at_weight == s->at_label ? "label" : "scores", s->weight_name);
    for (size_t i = 0; i < w->group.n; i++)
        if ((status = scores_find(s, w->group.item[i], &s->at_group[i], err)))
            return status;
    return APG_OK;
}

enum apg_status scores_begin(
    struct scores *s, const struct scores_want *want, struct apg_csv *csv, struct apg_error *err)
{
    s->want = want;
    s->csv = csv;
    enum apg_status status = apg_columns_header(&want->columns, csv, false, &s->header, err);
    if (status)
        return status;
    if (s->header.records == 0)
        return apg_fail(err, APG_EINPUT, "%s: empty, not even a header", apg_csv_name(csv));
    s->columns = s->header.first[1];
    s->at_group = apg_alloc(want->group.n, sizeof *s->at_group);
    return s->at_group ? find_columns(s, err) : apg_fail_memory(err);
}

void scores_end(struct scores *s)
{
    free(s->at_group);
    apg_csv_chunk_release(&s->header);
    apg_csv_chunk_release(&s->chunk);
    *s = (struct scores){.groups = s->groups};
}

/* ---- rows ---- */

static enum apg_status read_record(struct scores *s, size_t record, struct apg_error *err)
{
    const struct scores_want *w = s->want;
    const struct apg_csv_chunk *chunk = &s->chunk;
    size_t len, cells = chunk->first[record + 1] - chunk->first[record];
    if (cells != s->columns)
        return apg_fail(err, APG_EINPUT, "%zu cells, where the header has %zu", cells, s->columns);
    float label;
    const char *text = cell_text(chunk, record, s->at_label, &len);
    if (!apg_cell_label(text, len, &w->columns.positive, &label))
        return apg_fail(err, APG_EINPUT, "%s: a label is 0 or 1, not '%s'%s", s->label_name, text,
            s->n_rows ? "" : " (--positive names those that are 1)");
    s->label = label == 1;
    s->weight = 1;
    text = s->weight_name ? cell_text(chunk, record, s->at_weight, &len) : NULL;
    if (text && !len)
        return apg_fail(err, APG_EINPUT, "%s: no weight: the cell is empty", s->weight_name);
    if (text && !apg_cell_weight(text, len, &s->weight))
        return apg_fail(
            err, APG_EINPUT, "%s: not a weight (a number from 0 on): '%.64s'", s->weight_name, text);
    for (size_t i = 0; i < w->n_scores; i++) {
        double *score = &s->score[i];
        text = cell_text(chunk, record, s->at_score[i], &len);
        if (!apg_cell_number(text, len, score))
            return apg_fail(err, APG_EINPUT, "%s: not a number: '%s'%s", s->score_name[i], text,
                s->by_place && !s->n_rows
                    ? " (no column is named score, so the last is read: --score names it)"
                    : "");
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

const char *scores_cell(const struct scores *s, size_t column, size_t *len)
{
    return cell_text(&s->chunk, s->next - 1, column, len);
}

uint64_t scores_line(const struct scores *s)
{
    return apg_csv_line(s->csv, &s->chunk, s->next - 1);
}

enum apg_status scores_next(struct scores *s, struct apg_error *err)
{
    enum apg_status status;
    s->row = s->bad = false;
    while (s->next == s->chunk.records) {
        if ((status = apg_csv_next(s->csv, &s->chunk, err)))
            return status;
        s->next = s->chunk.records = 0;
        s->place = (struct apg_csv_place){0};
        if (s->chunk.n_bytes == 0)
            return APG_OK;
        if ((status = apg_csv_parse(s->csv, &s->chunk, false, err)))
            return status;
    }
    const size_t record = s->next++;
    status = apg_csv_is_bad(&s->chunk, record) ? APG_EINPUT : read_record(s, record, err);
    s->bad = status == APG_EINPUT;
    if (s->bad) {
        apg_csv_go(s->csv, &s->chunk, &s->place, record);
        s->record = s->chunk.bytes + s->place.start;
        s->record_bytes = s->place.end - s->place.start;
        if (apg_csv_is_bad(&s->chunk, record))
            return apg_csv_fail(s->csv, &s->chunk, record, err);
        (void)apg_fail_at(err, "%s:%llu", apg_csv_name(s->csv), (unsigned long long)s->place.line);
    }
    s->row = !status;
    s->n_rows += s->row;
    return status;
}

/* ---- a score as text ---- */

/* Write X as %.9g does, where that takes no exponent and the last digit is certain. 10^9 to 10^12
 * and N are exact, and their product is off by less than 1e-7, so only an X whose rest is nearer
 * to a half is left to printf. Returns the length, or 0 when nothing was written. */
static size_t plain_text(char out[SCORES_TEXT], double x)
{
    static const double scale[] = {1e9, 1e10, 1e11, 1e12};
    if (!(x >= 1e-4 && x < 1))
        return 0;
    const size_t zeros = (size_t)((x < 1e-1) + (x < 1e-2) + (x < 1e-3));
    const double scaled = x * scale[zeros];
    uint32_t n = (uint32_t)scaled;
    const double rest = scaled - n;
    n += rest > .5;
    if (n > 999999999 || (rest > .5 - 1e-6 && rest < .5 + 1e-6))
        return 0;
    size_t len = 2 + zeros + 9;
    memcpy(out, "0.000", 2 + zeros);
    for (size_t i = len; i-- > 2 + zeros; n /= 10)
        out[i] = (char)('0' + n % 10);
    while (out[len - 1] == '0')
        len--;
    out[len] = '\0';
    return len;
}

size_t scores_text(char out[SCORES_TEXT], double logit, bool as_logit)
{
    const double score = as_logit ? logit : apg_metrics_sigmoid(logit);
    const size_t n = plain_text(out, score);
    return n ? n : (size_t)snprintf(out, SCORES_TEXT, "%.9g", score);
}
