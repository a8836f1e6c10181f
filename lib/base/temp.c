/* SPDX-License-Identifier: MIT */
#include "base/temp.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *apg_temp_dir(const char *dir)
{
    const char *tmpdir = getenv("TMPDIR");
    return dir ? dir : tmpdir && *tmpdir ? tmpdir : "/tmp";
}

enum apg_status apg_temp_open(struct apg_temp *t, const char *dir, struct apg_error *err)
{
    size_t size = strlen(dir) + sizeof "/apg-XXXXXX";
    char *path = malloc(size);
    *t = (struct apg_temp){.fd = -1, .dir = dir};
    if (!path)
        return apg_fail_memory(err);
    (void)snprintf(path, size, "%s/apg-XXXXXX", dir);
    t->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* Where the file system has no such files it has a name for a moment. */
    if (t->fd < 0 && (t->fd = mkostemp(path, O_CLOEXEC)) >= 0)
        (void)unlink(path);
    free(path);
    return t->fd < 0 ? apg_fail_errno(err, "a temporary file in %s (--temp-dir names another place)", dir)
                     : APG_OK;
}

void apg_temp_close(struct apg_temp *t)
{
    if (t->fd >= 0)
        (void)close(t->fd);
    t->fd = -1;
}

static enum apg_status fail(const struct apg_temp *t, struct apg_error *err)
{
    return apg_fail_errno(err, "the temporary file in %s (--temp-dir names another place)", t->dir);
}

enum apg_status apg_temp_write(
    const struct apg_temp *t, const void *bytes, size_t n, off_t at, struct apg_error *err)
{
    for (size_t done = 0; done < n;) {
        const ssize_t wrote = pwrite(t->fd, (const char *)bytes + done, n - done, at + (off_t)done);
        if (wrote < 0 && errno != EINTR)
            return fail(t, err);
        done += wrote < 0 ? 0 : (size_t)wrote;
    }
    return APG_OK;
}

enum apg_status apg_temp_read(
    const struct apg_temp *t, void *bytes, size_t n, off_t at, struct apg_error *err)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(t->fd, (char *)bytes + done, n - done, at + (off_t)done);
        if (got == 0)
            errno = EIO; /* it is shorter than what was written */
        if (got == 0 || (got < 0 && errno != EINTR))
            return fail(t, err);
        done += got < 0 ? 0 : (size_t)got;
    }
    return APG_OK;
}
