/* SPDX-License-Identifier: MIT */
#include "data/away.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/temp.h"

/* Each array begins at a multiple of APG_ALIGN_BYTES. */
static enum apg_status put(
    size_t *end, const struct apg_temp *t, const void *p, size_t bytes, struct apg_error *err)
{
    const enum apg_status status = apg_temp_write(t, p, bytes, (off_t)*end, err);
    *end += apg_aligned(bytes);
    return status;
}

/* The array *P of BYTES is from here on the next one of the mapping. */
static void *replace(char **next, void *p, size_t bytes)
{
    void *mapped = *next;
    *next += apg_aligned(bytes);
    free(p);
    return mapped;
}

static size_t text_bytes(const struct apg_vocab *v)
{
    return (size_t)v->at[v->n];
}

static size_t at_bytes(const struct apg_vocab *v)
{
    return ((size_t)v->n + 1) * sizeof *v->at;
}

static size_t slot_bytes(const struct apg_vocab *v)
{
    return ((size_t)v->mask + 1) * sizeof *v->slot;
}

/* A vocabulary of S's own; NULL: field F has none. */
static struct apg_vocab *own_vocab(const struct apg_schema *s, size_t f)
{
    struct apg_vocab *v = &s->field[f].vocab;
    return v->cap_at ? v : NULL;
}

/* Write all of them. *end: the bytes of the file. */
static enum apg_status put_all(
    size_t *end, const struct apg_temp *t, const struct apg_schema *s, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    *end = 0;
    for (size_t f = 0; !status && f < s->n_fields; f++) {
        const struct apg_vocab *v = own_vocab(s, f);
        if (v && !(status = put(end, t, v->text, text_bytes(v), err)) &&
            !(status = put(end, t, v->at, at_bytes(v), err)))
            status = put(end, t, v->slot, slot_bytes(v), err);
    }
    return status;
}

void apg_away_put(struct apg_away *a, struct apg_schema *s, size_t least_bytes, const char *temp_dir)
{
    struct apg_temp t;
    struct apg_error unread;
    size_t bytes = 0;
    *a = (struct apg_away){0};
    for (size_t f = 0; f < s->n_fields; f++) {
        const struct apg_vocab *v = own_vocab(s, f);
        bytes += v ? text_bytes(v) + at_bytes(v) + slot_bytes(v) : 0;
    }
    if (bytes <= least_bytes || apg_temp_open(&t, apg_temp_dir(temp_dir), &unread))
        return;
    char *map = MAP_FAILED;
    if (!put_all(&bytes, &t, s, &unread) && ftruncate(t.fd, (off_t)bytes) == 0)
        map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, t.fd, 0);
    apg_temp_close(&t);
    if (map == MAP_FAILED)
        return;
    *a = (struct apg_away){map, bytes};
    for (size_t f = 0; f < s->n_fields; f++) {
        struct apg_vocab *v = own_vocab(s, f);
        if (!v)
            continue;
        const size_t n_text = text_bytes(v), n_at = at_bytes(v), n_slot = slot_bytes(v);
        v->text = replace(&map, v->text, n_text);
        v->at = replace(&map, v->at, n_at);
        v->slot = replace(&map, v->slot, n_slot);
        v->cap_text = v->cap_at = 0; /* borrowed */
    }
}

enum apg_status apg_away_back(struct apg_away *a, struct apg_schema *s, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t f = 0; !status && a->map && f < s->n_fields; f++) {
        struct apg_vocab *v = &s->field[f].vocab;
        if (v->text >= a->map && v->text < a->map + a->bytes)
            status = apg_vocab_own(v, err);
    }
    if (!status)
        apg_away_release(a);
    return status;
}

void apg_away_release(struct apg_away *a)
{
    if (a->map)
        (void)munmap(a->map, a->bytes);
    *a = (struct apg_away){0};
}
