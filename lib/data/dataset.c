/* SPDX-License-Identifier: MIT */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/temp.h"

struct apg_spool {
    size_t memory, used;   /* bytes of blocks in memory: the most allowed, and those there are */
    char *dir;             /* where the temporary file is made */
    struct apg_temp temp;  /* not open as long as there is none */
    size_t in_memory;      /* how many blocks are in memory; those after them lie in the file */
    size_t end;            /* bytes of the file */
    char *map;             /* the file, mapped, or NULL */
    struct apg_block rest; /* rows that do not make a whole block yet */
    void (*release)(void *arg);
    enum apg_status (*check)(const void *arg, struct apg_error *err);
    void *arg;
    struct apg_dataset
        *joined; /* the first of those that were joined to it, which own their blocks: a list */
};

enum apg_status apg_dataset_new(
    struct apg_dataset **out, size_t memory, const char *temp_dir, struct apg_error *err)
{
    struct apg_dataset *d = calloc(1, sizeof *d);
    if (d && (d->spool = calloc(1, sizeof *d->spool))) {
        d->spool->temp.fd = -1;
        d->spool->memory = memory;
        d->spool->dir = strdup(apg_temp_dir(temp_dir));
    }
    if (!d || !d->spool || !d->spool->dir) {
        apg_dataset_free(d);
        return apg_fail_memory(err);
    }
    *out = d;
    return APG_OK;
}

void apg_dataset_free(struct apg_dataset *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_blocks; i++)
        apg_block_release(&d->block[i]);
    free(d->block);
    free(d->part);
    struct apg_spool *s = d->spool;
    if (s) {
        apg_dataset_free(s->joined);
        apg_block_release(&s->rest);
        if (s->map)
            (void)munmap(s->map, s->end);
        apg_temp_close(&s->temp);
        if (s->release)
            s->release(s->arg);
        free(s->dir);
    }
    free(s);
    free(d);
}

size_t apg_dataset_bytes(const struct apg_dataset *d)
{
    return d->spool->used + (d->spool->joined ? apg_dataset_bytes(d->spool->joined) : 0);
}

double apg_dataset_positives(const struct apg_dataset *d)
{
    double all = 0, positive = 0;
    for (uint64_t i = 0; d->weight_at && i < d->rows; i++) {
        const double w = (double)apg_dataset_weight(d, i);
        all += w;
        positive += apg_word_float(*apg_dataset_row(d, i)) > 0 ? w : 0;
    }
    return all > 0 ? positive / (all / (double)d->rows) : (double)d->positives;
}

/* ---- the temporary file ---- */

/* It has the start and the words of each block, both at multiples of APG_ALIGN_BYTES. */

static size_t start_bytes(const struct apg_block *b)
{
    return ((size_t)b->rows + 1) * sizeof *b->start;
}

static size_t word_bytes(const struct apg_block *b)
{
    return (size_t)b->start[b->rows] * sizeof *b->words;
}

static enum apg_status temp_write(struct apg_spool *s, const void *p, size_t n, struct apg_error *err)
{
    const enum apg_status status = apg_temp_write(&s->temp, p, n, (off_t)s->end, err);
    s->end += status ? 0 : apg_aligned(n);
    return status;
}

/* ---- blocks ---- */

/* Give back what is behind the first N bytes of *p_to_pointer. False: out of memory. */
static bool shrink(void *p_to_pointer, size_t n)
{
    void *p;
    memcpy(&p, p_to_pointer, sizeof p);
    /* cppcheck-suppress memleakOnRealloc ; the caller still has it, and frees it */
    if (!(p = realloc(p, n)))
        return false;
    memcpy(p_to_pointer, &p, sizeof p);
    return true;
}

/* The rows at hand become a block. It is kept in memory as long as there is room, else written
 * out. */
static enum apg_status seal(struct apg_dataset *d, struct apg_error *err)
{
    struct apg_spool *s = d->spool;
    struct apg_block *b = &s->rest;
    size_t bytes = start_bytes(b) + word_bytes(b);
    enum apg_status status;
    d->positives += apg_block_positives(b);
    if (!apg_grow(&d->block, &d->cap_blocks, d->n_blocks + 1, sizeof *d->block))
        return apg_fail_memory(err);
    struct apg_block *kept = &d->block[d->n_blocks];
    *kept = (struct apg_block){.rows = b->rows};
    if (s->temp.fd < 0 && bytes <= s->memory - s->used) {
        if (!shrink(&b->start, start_bytes(b)) || !shrink(&b->words, word_bytes(b)))
            return apg_fail_memory(err);
        *kept = *b;
        kept->cap_start = kept->cap_words = 1;
        *b = (struct apg_block){.rows = kept->rows};
        s->used += bytes;
        s->in_memory++;
    } else {
        if (s->temp.fd < 0 && (status = apg_temp_open(&s->temp, s->dir, err)))
            return status;
        if ((status = temp_write(s, b->start, start_bytes(b), err)) ||
            (status = temp_write(s, b->words, word_bytes(b), err)))
            return status;
    }
    d->n_blocks++;
    d->rows += b->rows;
    b->rows = 0;
    return APG_OK;
}

enum apg_status apg_dataset_append(struct apg_dataset *d, const struct apg_block *b, struct apg_error *err)
{
    struct apg_block *rest = &d->spool->rest;
    for (size_t from = 0; from < b->rows;) {
        size_t room = APG_BLOCK_ROWS - rest->rows, n = b->rows - from < room ? b->rows - from : room;
        /* Room for a whole block at once, so that rows are not copied again each time that it grows. */
        const size_t words = (size_t)(b->start[from + n] - b->start[from]) * APG_BLOCK_ROWS / n;
        if (!rest->cap_words &&
            (!apg_grow(&rest->words, &rest->cap_words, words, sizeof *rest->words) ||
                !apg_grow(&rest->start, &rest->cap_start, APG_BLOCK_ROWS + 1, sizeof *rest->start)))
            return apg_fail_memory(err);
        enum apg_status status = apg_block_append(rest, b, from, from + n, err);
        if (!status && rest->rows == APG_BLOCK_ROWS)
            status = seal(d, err);
        if (status)
            return status;
        from += n;
    }
    return APG_OK;
}

enum apg_status apg_dataset_finish(struct apg_dataset *d, struct apg_error *err)
{
    struct apg_spool *s = d->spool;
    enum apg_status status = s->rest.rows ? seal(d, err) : APG_OK;
    apg_block_release(&s->rest);
    if (status || s->temp.fd < 0)
        return status;
    /* The file must reach as far as the mapping, which is to a multiple of APG_ALIGN_BYTES. */
    if (ftruncate(s->temp.fd, (off_t)s->end) != 0)
        return apg_fail_errno(err, "the temporary file in %s", s->dir);
    void *map = mmap(NULL, s->end, PROT_READ | PROT_WRITE, MAP_SHARED, s->temp.fd, 0);
    if (map == MAP_FAILED)
        return apg_fail_errno(err, "the temporary file in %s", s->dir);
    char *p = s->map = map;
    for (size_t i = s->in_memory; i < d->n_blocks; i++) {
        struct apg_block *b = &d->block[i];
        b->start = (void *)p;
        p += apg_aligned(start_bytes(b));
        b->words = (void *)p;
        p += apg_aligned(word_bytes(b));
    }
    return APG_OK;
}

enum apg_status apg_dataset_borrow(struct apg_dataset **out, struct apg_block *blocks, size_t n_blocks,
    uint64_t positives, struct apg_error *err)
{
    struct apg_dataset *d = NULL;
    enum apg_status status = apg_dataset_new(&d, 0, NULL, err);
    if (status)
        return status;
    d->block = blocks;
    d->n_blocks = d->cap_blocks = n_blocks;
    d->positives = positives;
    for (size_t i = 0; i < n_blocks; i++)
        d->rows += blocks[i].rows;
    *out = d;
    return APG_OK;
}

enum apg_status apg_dataset_join(struct apg_dataset *d, struct apg_dataset *more, struct apg_error *err)
{
    struct apg_dataset **last = &d->spool->joined;
    while (*last)
        last = &(*last)->spool->joined;
    *last = more;
    if (!apg_grow(&d->block, &d->cap_blocks, d->n_blocks + more->n_blocks, sizeof *d->block) ||
        !apg_grow(&d->part, &d->cap_parts, d->n_parts + 1, sizeof *d->part))
        return apg_fail_memory(err);
    d->part[d->n_parts++] = (struct apg_dataset_part){d->rows, d->n_blocks};
    for (size_t i = 0; i < more->n_blocks; i++) {
        struct apg_block *b = &d->block[d->n_blocks++];
        *b = more->block[i];
        b->cap_start = b->cap_words = 0; /* they are MORE's */
    }
    d->rows += more->rows;
    d->positives += more->positives;
    return APG_OK;
}

const uint32_t *apg_dataset_row_of_part(const struct apg_dataset *d, uint64_t i)
{
    struct apg_dataset_part in = {0};
    for (size_t from = 0, to = d->n_parts; from < to;) {
        const size_t mid = from + (to - from) / 2;
        if (d->part[mid].row <= i)
            in = d->part[mid], from = mid + 1;
        else
            to = mid;
    }
    i -= in.row;
    return apg_block_row(&d->block[in.block + i / APG_BLOCK_ROWS], i % APG_BLOCK_ROWS);
}

enum apg_status apg_dataset_check(const struct apg_dataset *d, struct apg_error *err)
{
    const struct apg_spool *s = d->spool;
    const enum apg_status status = s->check ? s->check(s->arg, err) : APG_OK;
    return status || !s->joined ? status : apg_dataset_check(s->joined, err);
}

void apg_dataset_keep(struct apg_dataset *d, void (*release)(void *arg),
    enum apg_status (*check)(const void *arg, struct apg_error *err), void *arg)
{
    d->spool->release = release;
    d->spool->check = check;
    d->spool->arg = arg;
}
