/* SPDX-License-Identifier: MIT */
#include "data/source.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/mem.h"

enum { MAGIC = sizeof APG_FEAT_MAGIC - 1 };

static enum apg_status begin(
    struct apg_source *s, const struct apg_input *in, char start[MAGIC], size_t *n, struct apg_error *err)
{
    ssize_t got = 1;
    *s = (struct apg_source){.fd = in->fd, .name = in->name};
    if (in->fd < 0) {
        s->fd = open(in->name, O_RDONLY | O_CLOEXEC);
        s->own = true;
        if (s->fd < 0)
            return apg_fail_errno(err, "%s", in->name);
    }
    for (*n = 0; *n < MAGIC && (!*n || start[*n - 1] == APG_FEAT_MAGIC[*n - 1]); ++*n)
        if ((got = apg_io_read(s->fd, start + *n, 1)) <= 0)
            break;
    if (got < 0)
        return apg_fail_errno(err, "%s", s->name);
    if (*n < MAGIC || memcmp(start, APG_FEAT_MAGIC, MAGIC) != 0)
        return APG_OK;
    return apg_feat_open(&s->feat, s->fd, s->name, start, *n, err);
}

enum apg_status apg_source_open(
    struct apg_source *s, const struct apg_input *in, char delimiter, struct apg_error *err)
{
    const struct apg_csv_format format = {.delimiter = delimiter};
    char start[MAGIC];
    size_t n = 0;
    enum apg_status status = begin(s, in, start, &n, err);
    if (!status && !s->feat)
        status = apg_csv_open(&s->csv, s->fd, s->name, start, n, &format, err);
    if (status)
        apg_source_close(s);
    return status;
}

void apg_source_close(struct apg_source *s)
{
    apg_csv_free(s->csv);
    apg_feat_reader_free(s->feat);
    apg_tensors_free(s->tensors);
    if (s->own && s->fd >= 0)
        (void)close(s->fd);
    *s = (struct apg_source){.fd = -1};
}

enum apg_status apg_sources_open(
    struct apg_sources *s, const struct apg_input *in, size_t n, char delimiter, struct apg_error *err)
{
    *s = (struct apg_sources){0};
    s->source = apg_alloc(n, sizeof *s->source);
    s->csv = apg_alloc(n, sizeof *s->csv);
    enum apg_status status = s->source && s->csv ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < n; i++) {
        if ((status = apg_source_open(&s->source[i], &in[i], delimiter, err)))
            break;
        s->n++;
        s->csv[i] = s->source[i].csv;
        s->n_csv += s->csv[i] != NULL;
    }
    if (status)
        apg_sources_close(s);
    return status;
}

void apg_sources_close(struct apg_sources *s)
{
    for (size_t i = 0; i < s->n; i++)
        apg_source_close(&s->source[i]);
    free(s->source);
    free(s->csv);
    *s = (struct apg_sources){0};
}
