/* SPDX-License-Identifier: MIT
 *
 * bytes.h - for tests: what is written, kept in memory, and given back as a file or a pipe.
 */
#ifndef TEST_BYTES_H
#define TEST_BYTES_H
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "data/safetensors.h"

struct bytes {
    char *p;
    size_t n, cap;
};

static inline bool bytes_write(void *arg, const void *p, size_t n)
{
    struct bytes *b = arg;
    if (!apg_grow(&b->p, &b->cap, b->n + n, 1))
        return false;
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

static inline struct apg_sink bytes_sink(struct bytes *b)
{
    return (struct apg_sink){bytes_write, b, "bytes"};
}

/* A regular file that holds the bytes, at its start. Closed by the caller. */
static inline int bytes_file(const void *p, size_t n)
{
    int fd = memfd_create("bytes", MFD_CLOEXEC);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
        abort();
    return fd;
}

/* A pipe that gives the bytes, written by a thread. */
struct bytes_pipe {
    int fd[2];
    pthread_t thread;
    const char *p;
    size_t n;
};

static inline void *bytes_feed(void *arg)
{
    struct bytes_pipe *b = arg;
    for (size_t at = 0; at < b->n;) {
        ssize_t done = write(b->fd[1], b->p + at, b->n - at);
        if (done <= 0)
            break; /* the reader gave up: SIGPIPE is ignored */
        at += (size_t)done;
    }
    close(b->fd[1]);
    return NULL;
}

static inline int bytes_pipe_open(struct bytes_pipe *b, const void *p, size_t n)
{
    *b = (struct bytes_pipe){.p = p, .n = n};
    if (pipe(b->fd) != 0 || pthread_create(&b->thread, NULL, bytes_feed, b) != 0)
        abort();
    return b->fd[0];
}

static inline void bytes_pipe_close(struct bytes_pipe *b)
{
    close(b->fd[0]);
    pthread_join(b->thread, NULL);
}

#endif
