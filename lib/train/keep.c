/* SPDX-License-Identifier: MIT */
#include "train/keep.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/temp.h"

struct apg_keep {
    const struct apg_graph *g;
    apg_real *weights; /* all of them, one param after another; NULL: they go to the file */
    const char *dir;
    struct apg_temp file;
};

enum apg_status apg_keep_new(struct apg_keep **out, const struct apg_graph *g, size_t memory,
    const char *temp_dir, struct apg_error *err)
{
    struct apg_keep *k = apg_alloc(1, sizeof *k);
    size_t weights = 0;
    if (!k)
        return apg_fail_memory(err);
    *k = (struct apg_keep){.g = g, .dir = apg_temp_dir(temp_dir), .file.fd = -1};
    for (size_t i = 0; i < g->n_params; i++)
        weights += g->param[i].derived ? 0 : g->param[i].rows * g->param[i].cols;
    if (weights <= memory / sizeof *k->weights && !(k->weights = apg_alloc(weights, sizeof *k->weights))) {
        apg_keep_free(k);
        return apg_fail_memory(err);
    }
    *out = k;
    return APG_OK;
}

void apg_keep_free(struct apg_keep *k)
{
    if (!k)
        return;
    apg_temp_close(&k->file);
    free(k->weights);
    free(k);
}

enum apg_status apg_keep_put(struct apg_keep *k, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!k->weights && k->file.fd < 0)
        status = apg_temp_open(&k->file, k->dir, err);
    for (size_t i = 0, at = 0; !status && i < k->g->n_params; i++) {
        const struct apg_param *p = &k->g->param[i];
        const size_t n = p->derived ? 0 : p->rows * p->cols;
        if (k->weights && n)
            memcpy(k->weights + at, p->w, n * sizeof *p->w);
        else if (n)
            status = apg_temp_write(&k->file, p->w, n * sizeof *p->w, (off_t)(at * sizeof *p->w), err);
        at += n;
    }
    return status;
}

enum apg_status apg_keep_take(const struct apg_keep *k, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0, at = 0; !status && i < k->g->n_params; i++) {
        const struct apg_param *p = &k->g->param[i];
        const size_t n = p->derived ? 0 : p->rows * p->cols;
        if (k->weights && n)
            memcpy(p->w, k->weights + at, n * sizeof *p->w);
        else if (n)
            status = apg_temp_read(&k->file, p->w, n * sizeof *p->w, (off_t)(at * sizeof *p->w), err);
        at += n;
    }
    return status;
}
