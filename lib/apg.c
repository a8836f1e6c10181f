/* SPDX-License-Identifier: MIT */
#include "apg.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/encode.h"
#include "base/mem.h"
#include "model/model.h"
#include "stats/metrics.h"

enum { BATCH = 512 };

struct apg {
    struct apg_model *model;
    struct apg_pool *pool;
    struct apg_csv_chunk chunk; /* rows of a call, in the form that the encoder reads */
    struct apg_binding binding;
    struct apg_sheet sheet;
    struct apg_block block;
    struct apg_csv *csv; /* for the place in messages: lines are rows of the call */
};

static int report(const struct apg_error *e, char *error, size_t size)
{
    if (e->status && size)
        (void)snprintf(error, size, "%s", e->text);
    return (int)e->status;
}

int apg_open(struct apg **out, const char *path, char *error, size_t error_size)
{
    struct apg_error e = {0};
    struct apg *a = apg_alloc(1, sizeof *a);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    if (!a)
        apg_fail_memory(&e);
    else if (fd < 0)
        apg_fail_errno(&e, "%s", path);
    else if (!apg_model_load(&a->model, fd, path, BATCH, true, &e) && !apg_pool_new(&a->pool, 1, &e) &&
             !apg_csv_open(&a->csv, -1, "row", NULL, 0, &(struct apg_csv_format){.delimiter = ','}, &e)) {
        n = a->model->schema->n_fields;
        a->binding = (struct apg_binding){n, SIZE_MAX, malloc(n * sizeof(size_t)), calloc(n, sizeof(char *))};
        if (!a->binding.cell || !a->binding.column)
            apg_fail_memory(&e);
        for (size_t i = 0; !e.status && i < n; i++) {
            a->binding.cell[i] = i;
            if (!(a->binding.column[i] = strdup(a->model->schema->field[i].name)))
                apg_fail_memory(&e);
        }
    }
    if (fd >= 0)
        (void)close(fd);
    if (e.status)
        apg_close(a);
    else
        *out = a;
    return report(&e, error, error_size);
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

size_t apg_columns_count(const struct apg *a)
{
    return a->model->schema->n_fields;
}

const char *apg_column_name(const struct apg *a, size_t i)
{
    return a->model->schema->field[i].name;
}

/* Cells of ROWS rows as a parsed chunk: each with a NUL behind it. */
static enum apg_status chunk_of(struct apg *a, const char *const *cell, size_t rows, struct apg_error *e)
{
    struct apg_csv_chunk *c = &a->chunk;
    size_t columns = a->binding.columns, at = 0;
    if (!apg_grow(&c->cell, &c->cap_cell, rows * columns, sizeof *c->cell) ||
        !apg_grow(&c->first, &c->cap_first, rows + 1, sizeof *c->first))
        return apg_fail_memory(e);
    for (size_t i = 0; i < rows * columns; i++) {
        size_t len = strlen(cell[i]);
        if (len > UINT32_MAX / 2 - at)
            return apg_fail(e, APG_ERANGE, "cells too long");
        if (!apg_grow(&c->text, &c->cap_text, at + len + 1, 1))
            return apg_fail_memory(e);
        memcpy(c->text + at, cell[i], len + 1);
        c->cell[i] = (struct apg_cell){(uint32_t)at, (uint32_t)len};
        at += len + 1;
    }
    for (size_t r = 0; r <= rows; r++)
        c->first[r] = (uint32_t)(r * columns);
    c->records = rows;
    return APG_OK;
}

/* Rows [first, first + n) of the call to the block. A bad cell is reported at row FIRST: for want of lines.
 */
static enum apg_status encode(
    struct apg *a, const char *const *cell, size_t first, size_t n, struct apg_error *e)
{
    a->chunk.line = first + 1;
    enum apg_status status = chunk_of(a, cell + first * a->binding.columns, n, e);
    return status
               ? status
               : apg_schema_encode(a->model->schema, &a->binding, a->csv, &a->chunk, &a->sheet, &a->block, e);
}

int apg_predict(
    struct apg *a, const char *const *cell, size_t rows, double *probability, char *error, size_t error_size)
{
    struct apg_error e = {0};
    const uint32_t *row[BATCH];
    for (size_t at = 0; !e.status && at < rows; at += BATCH) {
        size_t n = rows - at < BATCH ? rows - at : BATCH;
        if (encode(a, cell, at, n, &e)) {
            for (size_t i = at; i < at + n && !encode(a, cell, i, 1, &e);) /* the bad row is found alone */
                i++;
            break;
        }
        for (size_t i = 0; i < n; i++)
            row[i] = apg_block_row(&a->block, i);
        if (!apg_model_logits(a->model, row, n, a->pool, probability + at, &e))
            for (size_t i = at; i < at + n; i++)
                probability[i] = apg_metrics_sigmoid(probability[i]);
    }
    return report(&e, error, error_size);
}
