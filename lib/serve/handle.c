/* SPDX-License-Identifier: MIT */
#include "serve/handle.h"
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/outfile.h"
#include "model/collapse.h"
#include "model/complexity.h"
#include "serve/stream.h"
#include "stats/metrics.h"

enum { CALL_ROWS = 1024 }; /* of apg_predict that go through the model at once */

enum apg_status apg_handle_new(struct apg **out, struct apg_model *model, struct apg_error *err)
{
    struct apg *a = apg_alloc(1, sizeof *a);
    if (!a) {
        apg_model_free(model);
        return apg_fail_memory(err);
    }
    a->model = model;
    *out = a;
    return APG_OK;
}

void apg_close(struct apg *a)
{
    if (!a)
        return;
    apg_csv_chunk_release(&a->chunk);
    apg_binding_release(&a->binding);
    apg_sheet_release(&a->sheet);
    apg_block_release(&a->block);
    apg_csv_free(a->csv);
    apg_pool_free(a->pool);
    apg_model_free(a->model);
    free(a);
}

/* ---- files ---- */

enum apg_status apg_open_fd(struct apg **out, int fd, const char *name, struct apg_error *err)
{
    struct apg_model *model = NULL;
    enum apg_status status = apg_model_load(&model, fd, name, APG_STREAM_ROWS, true, err);
    return status ? status : apg_handle_new(out, model, err);
}

enum apg_status apg_open(struct apg **out, const char *path, struct apg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return apg_fail_errno(err, "%s", path);
    enum apg_status status = apg_open_fd(out, fd, path, err);
    (void)close(fd);
    return status;
}

enum apg_status apg_write(const struct apg *a, struct apg_sink sink, struct apg_error *err)
{
    return apg_model_save(a->model, sink, err);
}

enum apg_status apg_save(const struct apg *a, const char *path, struct apg_error *err)
{
    struct apg_outfile out;
    enum apg_status status = apg_outfile_open(&out, path, err);
    if (status)
        return status;
    if ((status = apg_write(a, apg_outfile_sink(out.f, path), err)))
        apg_outfile_abandon(&out);
    else
        status = apg_outfile_commit(&out, err);
    return status;
}

/* ---- predicting ---- */

size_t apg_columns_count(const struct apg *a)
{
    return a->model->schema->n_fields - 2 * a->model->schema->n_times;
}

/* The first field of column I. The columns of times, of three fields each, are the last. */
static const struct apg_field *field_of(const struct apg *a, size_t i)
{
    const struct apg_schema *s = a->model->schema;
    const size_t plain = s->n_fields - 3 * s->n_times;
    return &s->field[i < plain ? i : plain + 3 * (i - plain)];
}

const char *apg_column_name(const struct apg *a, size_t i)
{
    return apg_field_column(field_of(a, i));
}

/* Make what encoding rows of text needs, once. Cell i of a row is column i of the model. */
static enum apg_status prepare(struct apg *a, struct apg_error *err)
{
    const struct apg_schema *s = a->model->schema;
    const size_t n = apg_columns_count(a), plain = s->n_fields - 3 * s->n_times;
    enum apg_status status;
    if (a->csv)
        return APG_OK;
    if (!a->pool && (status = apg_pool_new(&a->pool, 1, err)))
        return status;
    apg_binding_release(&a->binding);
    a->binding = (struct apg_binding){.columns = n,
        .label = SIZE_MAX,
        .weight = SIZE_MAX,
        .cell = malloc(s->n_fields * sizeof(size_t)),
        .column = calloc(n, sizeof(char *))};
    if (!a->binding.cell || !a->binding.column)
        return apg_fail_memory(err);
    for (size_t f = 0; f < s->n_fields; f++)
        a->binding.cell[f] = f < plain ? f : plain + (f - plain) / 3;
    for (size_t i = 0; i < n; i++)
        if (!(a->binding.column[i] = strdup(apg_column_name(a, i))))
            return apg_fail_memory(err);
    return apg_csv_open(&a->csv, -1, "row", NULL, 0, &(struct apg_csv_format){.delimiter = ','}, err);
}

/* Fill a->chunk with the cells of ROWS rows as if they had been parsed from CSV, a NUL behind each. */
static enum apg_status chunk_of(struct apg *a, const char *const *cell, size_t rows, struct apg_error *err)
{
    struct apg_csv_chunk *c = &a->chunk;
    size_t columns = a->binding.columns, at = 0;
    if (!apg_grow(&c->cell, &c->cap_cell, rows * columns, sizeof *c->cell) ||
        !apg_grow(&c->first, &c->cap_first, rows + 1, sizeof *c->first))
        return apg_fail_memory(err);
    for (size_t i = 0; i < rows * columns; i++) {
        size_t len = strlen(cell[i]);
        if (len > UINT32_MAX / 2 - at)
            return apg_fail(err, APG_ERANGE, "cells too long");
        if (!apg_grow(&c->text, &c->cap_text, at + len + 1 + APG_CSV_SPARE_BYTES, 1))
            return apg_fail_memory(err);
        memcpy(c->text + at, cell[i], len + 1);
        c->cell[i] = (struct apg_cell){(uint32_t)at, (uint32_t)len};
        at += len + 1;
    }
    for (size_t r = 0; r <= rows; r++)
        c->first[r] = (uint32_t)(r * columns);
    c->records = rows;
    return APG_OK;
}

/* Weights and tokens may lie in a file that is mapped: is it as it was? */
static enum apg_status check_file(const struct apg *a, struct apg_error *err)
{
    return a->model->file ? apg_tensors_check(a->model->file, err) : APG_OK;
}

/* Encode rows [first, first + n) of the call into a->block. A bad cell is reported at row FIRST, because
 * the chunk has no lines to count. */
static enum apg_status encode(
    struct apg *a, const char *const *cell, size_t first, size_t n, struct apg_error *err)
{
    a->chunk.line = first + 1;
    enum apg_status status = chunk_of(a, cell + first * a->binding.columns, n, err);
    return status ? status
                  : apg_sheet_encode(
                        &a->sheet, a->model->schema, &a->binding, a->csv, &a->chunk, &a->block, err);
}

enum apg_status apg_predict(
    struct apg *a, const char *const *cell, size_t rows, double *probability, struct apg_error *err)
{
    const uint32_t *row[CALL_ROWS];
    const size_t most = a->model->max_rows < CALL_ROWS ? a->model->max_rows : CALL_ROWS;
    /* Before, because what was cut in the meantime would end the program; and after, for what was overwritten. */
    enum apg_status status = check_file(a, err);
    if (!status)
        status = prepare(a, err);
    for (size_t at = 0; !status && at < rows; at += most) {
        size_t n = rows - at < most ? rows - at : most;
        if ((status = encode(a, cell, at, n, err))) {
            for (size_t i = at;
                 i < at + n && !encode(a, cell, i, 1, err);) /* one by one, to name the bad row */
                i++;
            break;
        }
        for (size_t i = 0; i < n; i++)
            row[i] = apg_block_row(&a->block, i);
        status = apg_model_logits(a->model, row, n, a->pool, probability + at, err);
        for (size_t i = at; !status && i < at + n; i++) {
            if (!isfinite(probability[i]))
                status = apg_fail(
                    err, APG_EINPUT, "row %zu: the model's logit is not finite: %g", i + 1, probability[i]);
            probability[i] = apg_metrics_sigmoid(probability[i]);
        }
    }
    return status ? status : check_file(a, err);
}

/* ---- collapsing ---- */

enum apg_status apg_collapse(
    struct apg *a, bool halve, struct apg_collapsed report[APG_COLLAPSE_STEPS], struct apg_error *err)
{
    struct apg_collapsed unread[APG_COLLAPSE_STEPS];
    return apg_collapse_model(&a->model, halve, report ? report : unread, err);
}

/* ---- complexity ---- */

size_t apg_complexity(const struct apg *a, struct apg_op_cost *row, size_t room)
{
    const struct apg_graph *g = &a->model->graph;
    for (size_t o = 0; o < g->n_ops && o < room; o++)
        apg_complexity_row(g, o, &row[o]);
    return g->n_ops;
}
