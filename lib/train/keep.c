/* SPDX-License-Identifier: MIT */
#include "train/keep.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"
#include "base/temp.h"

struct apg_keep {
    const struct apg_graph *g;
    apg_real *weights; /* all of them, one param after another; NULL: they go to the file */
    apg_real *mapped;  /* the file, from apg_keep_weights on */
    size_t mapped_bytes;
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
        weights += g->param[i].derived ? 0 : g->param[i].here * g->param[i].cols;
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
    if (k->mapped)
        (void)munmap(k->mapped, k->mapped_bytes);
    apg_temp_close(&k->file);
    free(k->weights);
    free(k);
}

/* Move all weights to where they are kept, or BACK. */
static enum apg_status move(const struct apg_keep *k, bool back, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0, at = 0; !status && i < k->g->n_params; i++) {
        const struct apg_param *p = &k->g->param[i];
        const size_t n = p->derived ? 0 : p->here * p->cols, bytes = n * sizeof *p->w;
        const off_t place = (off_t)(at * sizeof *p->w);
        if (k->weights && n)
            memcpy(back ? p->w : k->weights + at, back ? k->weights + at : p->w, bytes);
        else if (n)
            status = back ? apg_temp_read(&k->file, p->w, bytes, place, err)
                          : apg_temp_write(&k->file, p->w, bytes, place, err);
        at += n;
    }
    return status;
}

enum apg_status apg_keep_put(struct apg_keep *k, struct apg_error *err)
{
    const bool open = k->weights || k->file.fd >= 0;
    const enum apg_status status = open ? APG_OK : apg_temp_open(&k->file, k->dir, err);
    return status ? status : move(k, false, err);
}

enum apg_status apg_keep_take(const struct apg_keep *k, struct apg_error *err)
{
    return move(k, true, err);
}

enum apg_status apg_keep_weights(struct apg_keep *k, const apg_real **weights, struct apg_error *err)
{
    if (!k->weights && !k->mapped) {
        size_t n = 0;
        for (size_t i = 0; i < k->g->n_params; i++)
            n += k->g->param[i].derived ? 0 : k->g->param[i].rows * k->g->param[i].cols;
        void *map = mmap(NULL, n * sizeof *k->mapped, PROT_READ, MAP_SHARED, k->file.fd, 0);
        if (map == MAP_FAILED)
            return apg_fail_errno(err, "the temporary file in %s", k->dir);
        k->mapped = map;
        k->mapped_bytes = n * sizeof *k->mapped;
    }
    *weights = k->weights ? k->weights : k->mapped;
    return APG_OK;
}
