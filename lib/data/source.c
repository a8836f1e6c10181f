/* SPDX-License-Identifier: MIT */
#include "data/source.h"

#include <string.h>
#include "base/io.h"

enum { MAGIC_BYTES = sizeof APG_FEAT_MAGIC - 1 };

/* What does not begin with the magic of features is of type OTHER. The bytes read are those of the
 * magic, up to the first that differs. */
static enum apg_status open_source(struct apg_source *s, int fd, const char *name, enum apg_source_type other,
    const struct apg_csv_format *format, struct apg_error *err)
{
    char start[MAGIC_BYTES];
    size_t n = 0;
    ssize_t got = 1;
    *s = (struct apg_source){.fd = fd, .name = name, .type = other};
    /* cppcheck-suppress uninitvar ; n of them were read */
    while (n < MAGIC_BYTES && (n == 0 || start[n - 1] == APG_FEAT_MAGIC[n - 1]) &&
           (got = apg_io_read(fd, start + n, 1)) > 0)
        n++;
    if (got < 0)
        return apg_fail_errno(err, "%s", name);
    if (n == MAGIC_BYTES && memcmp(start, APG_FEAT_MAGIC, n) == 0) {
        s->type = APG_SOURCE_FEATURES;
        return apg_feat_open(&s->feat, fd, name, start, n, err);
    }
    if (other == APG_SOURCE_TENSORS)
        return apg_tensors_open(&s->tensors, fd, name, start, n, true, err);
    return apg_csv_open(&s->csv, fd, name, start, n, format, err);
}

enum apg_status apg_source_open(struct apg_source *s, int fd, const char *name,
    const struct apg_csv_format *format, struct apg_error *err)
{
    return open_source(s, fd, name, APG_SOURCE_CSV, format, err);
}

enum apg_status apg_source_open_binary(struct apg_source *s, int fd, const char *name, struct apg_error *err)
{
    return open_source(s, fd, name, APG_SOURCE_TENSORS, NULL, err);
}

enum apg_status apg_source_check(const struct apg_source *s, struct apg_error *err)
{
    return s->feat ? apg_feat_check(s->feat, err) : s->tensors ? apg_tensors_check(s->tensors, err) : APG_OK;
}

void apg_source_release(struct apg_source *s)
{
    apg_csv_free(s->csv);
    apg_feat_reader_free(s->feat);
    apg_tensors_free(s->tensors);
    *s = (struct apg_source){0};
}
