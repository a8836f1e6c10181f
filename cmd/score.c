/* SPDX-License-Identifier: MIT */
#include "score.h"

#include <unistd.h>
#include "../lib/metrics.h"

static void leave_input(struct score *s)
{
    apg_csv_chunk_release(&s->header);
    apg_csv_chunk_release(&s->chunk);
    apg_binding_release(&s->binding);
    apg_block_release(&s->block); /* what it borrowed from features must not be grown for CSV */
    s->at = s->n = 0;
    s->before = 0;
    s->in = NULL;
}

enum apg_status score_open(struct score *s, const char *model_path, size_t threads, struct apg_error *err)
{
    const char *name;
    int fd = cmd_in_open(model_path, &name, err);
    if (fd < 0)
        return err->status;
    enum apg_status status = apg_model_load(&s->model, fd, name, SCORE_BATCH, true, err);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    return status ? status : apg_pool_new(&s->pool, (unsigned)threads, err);
}

void score_close(struct score *s)
{
    leave_input(s);
    apg_sheet_release(&s->sheet);
    apg_model_free(s->model);
    apg_pool_free(s->pool);
    *s = (struct score){0};
}

enum apg_status score_begin(struct score *s, struct input *in, const struct apg_columns *columns,
    bool need_label, struct apg_error *err)
{
    leave_input(s);
    s->in = in;
    if (in->csv) {
        enum apg_status status = apg_columns_header(columns, in->csv, &s->header, err);
        return status ? status
                      : apg_schema_bind(s->model->schema, in->csv, &s->header, need_label, &s->binding, err);
    }
    if (apg_schema_hash(apg_feat_schema(in->feat)) != apg_schema_hash(s->model->schema))
        return apg_fail(
            err, APG_EUSAGE, "%s: not encoded as the model does (apg encode --encoder MODEL)", in->name);
    return APG_OK;
}

static enum apg_status next_block(struct score *s, bool spans, bool *end, struct apg_error *err)
{
    enum apg_status status;
    if (!s->in->csv) {
        status = apg_feat_next(s->in->feat, &s->block, err);
        *end = !s->block.rows;
        return status;
    }
    status = apg_csv_next(s->in->csv, &s->chunk, err);
    *end = !s->chunk.n_bytes;
    if (status || *end || (status = apg_csv_parse(s->in->csv, &s->chunk, spans, err)))
        return status;
    return apg_schema_encode(s->model->schema, &s->binding, s->in->csv, &s->chunk, &s->sheet, &s->block, err);
}

enum apg_status score_next(struct score *s, bool spans, struct apg_error *err)
{
    bool end = false;
    s->before += s->n;
    s->at += s->n;
    s->n = 0;
    while (s->at == s->block.rows) { /* a chunk of blank lines has none */
        enum apg_status status = next_block(s, spans, &end, err);
        if (status || end)
            return status;
        s->at = 0;
    }
    size_t left = s->block.rows - s->at, n = left < SCORE_BATCH ? left : SCORE_BATCH;
    for (size_t i = 0; i < n; i++)
        s->row[i] = apg_block_row(&s->block, s->at + i);
    enum apg_status status = apg_model_logits(s->model, s->row, n, s->pool, s->logit, err);
    s->n = status ? 0 : n;
    return status;
}

enum apg_status score_fail_at(const struct score *s, size_t i, struct apg_error *err)
{
    if (s->in->csv)
        return apg_fail_at(
            err, "%s:%llu", s->in->name, (unsigned long long)apg_csv_line(s->in->csv, &s->chunk, s->at + i));
    return apg_fail_at(err, "%s: row %llu", s->in->name, (unsigned long long)(s->before + i + 1));
}

size_t score_text(char out[SCORE_TEXT], double logit, bool as_logit)
{
    return (size_t)snprintf(out, SCORE_TEXT, "%.9g", as_logit ? logit : apg_metrics_sigmoid(logit));
}
