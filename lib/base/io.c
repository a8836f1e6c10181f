/* SPDX-License-Identifier: MIT */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t apg_io_read(int fd, void *p, size_t n)
{
    for (;;) {
        ssize_t got = read(fd, p, n);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            if (poll(&wait, 1, -1) < 0 && errno != EINTR)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
}

ssize_t apg_io_read_full(int fd, void *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = apg_io_read(fd, (char *)p + done, n - done);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* ---- mapping ---- */

static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct apg_map *maps; /* all */

static bool is_same(const struct apg_map *m)
{
    struct stat st;
    return fstat(m->fd, &st) == 0 && (size_t)st.st_size == m->size &&
           st.st_mtim.tv_sec == m->modified.tv_sec && st.st_mtim.tv_nsec == m->modified.tv_nsec;
}

bool apg_map_open(struct apg_map *m, int fd, const char *name, size_t n_read)
{
    struct stat st;
    *m = (struct apg_map){.fd = -1};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
        lseek(fd, 0, SEEK_CUR) != (off_t)n_read)
        return false;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    *m = (struct apg_map){bytes, (size_t)st.st_size, fcntl(fd, F_DUPFD_CLOEXEC, 0), name, st.st_mtim, NULL};
    if (m->fd < 0) {
        (void)munmap(bytes, m->size);
        m->bytes = NULL;
        return false;
    }
    pthread_mutex_lock(&maps_lock);
    m->next = maps;
    maps = m;
    pthread_mutex_unlock(&maps_lock);
    return true;
}

void apg_map_close(struct apg_map *m)
{
    if (!m->bytes)
        return;
    pthread_mutex_lock(&maps_lock);
    struct apg_map **at = &maps;
    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    pthread_mutex_unlock(&maps_lock);
    (void)munmap((void *)m->bytes, m->size);
    (void)close(m->fd);
    *m = (struct apg_map){.fd = -1};
}

enum apg_status apg_map_check(const struct apg_map *m, struct apg_error *err)
{
    return !m->bytes || is_same(m) ? APG_OK
                                   : apg_fail(err, APG_EIO, "%s: changed while it was read", m->name);
}

const char *apg_map_changed(void)
{
    for (const struct apg_map *m = maps; m; m = m->next)
        if (!is_same(m))
            return m->name;
    return NULL;
}

const char *apg_map_at(const void *address)
{
    const struct apg_map *m = maps;
    while (m &&
           !((uintptr_t)address >= (uintptr_t)m->bytes && (uintptr_t)address - (uintptr_t)m->bytes < m->size))
        m = m->next;
    return m ? m->name : NULL;
}
