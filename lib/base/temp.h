/* SPDX-License-Identifier: MIT
 *
 * temp.h - a temporary file without a name: it is gone when we are, however we end. One thread uses it.
 */
#ifndef APG_TEMP_H
#define APG_TEMP_H
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

struct apg_temp {
    int fd;          /* -1: not open */
    const char *dir; /* where it lies; borrowed */
};

/* The directory that holds it where DIR is NULL: $TMPDIR or /tmp. */
const char *apg_temp_dir(const char *dir);
/* Make one in DIR. Messages of these name it. */
enum apg_status apg_temp_open(struct apg_temp *t, const char *dir, struct apg_error *err);
void apg_temp_close(struct apg_temp *t); /* also of one that is not open */
/* Write N bytes AT a place. */
enum apg_status apg_temp_write(
    const struct apg_temp *t, const void *bytes, size_t n, off_t at, struct apg_error *err);
/* Read N bytes, which have been written, from AT. */
enum apg_status apg_temp_read(
    const struct apg_temp *t, void *bytes, size_t n, off_t at, struct apg_error *err);

#endif
