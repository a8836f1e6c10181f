/* SPDX-License-Identifier: MIT */
#include "base/outfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40, NAMES_MAX = 100, AT_ONCE_BYTES = 1 << 20 };

static int failed_with(int reason)
{
    errno = reason;
    return -1;
}

/* errno stays what it was: of the failure because of which FD is closed. */
static void close_quietly(int fd)
{
    const int reason = errno;
    (void)close(fd);
    errno = reason;
}

/* The path by which the file under FD can be reached, though it may have no name. */
static void own_path(char path[64], int fd)
{
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
}

/* ---- where a path leads ---- */

/* Open the folder that PATH, seen from folder AT, lies in; cut PATH's name in it to *name. */
static int open_folder(int at, char *path, const char **name)
{
    char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!**name)
        *name = slash ? "." : ""; /* "folder/" */
    if (slash)
        *slash = '\0';
    return openat(at, !slash ? "." : slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* *fd is N if NAME in FOLDER is /proc/PID/fd/N of this process, else -1. Returns 0, or -1 with
 * errno set: it cannot be told. */
static int find_descriptor(int folder, const char *name, int *fd)
{
    char own[64], at[64], of_all[64]; /* of all threads: a thread's own is /proc/PID/task/TID/fd */
    char *end;
    const long number = *name >= '0' && *name <= '9' ? strtol(name, &end, 10) : -1;
    *fd = -1;
    if (number < 0 || number > INT_MAX || *end)
        return 0;
    own_path(own, folder);
    const ssize_t n = readlink(own, at, sizeof at);
    const int prefix = snprintf(of_all, sizeof of_all, "/proc/%ld/", (long)getpid());
    if (n < 0)
        return errno == ENOENT ? 0 : -1; /* no /proc */
    if (n >= prefix + 2 && n < (ssize_t)sizeof at && memcmp(at, of_all, (size_t)prefix) == 0 &&
        memcmp(at + n - 3, "/fd", 3) == 0)
        *fd = (int)number;
    return 0;
}

/* Follow links from PATH to the file that is to be written, which need not exist: O->target in
 * O->folder. Where they lead to an open descriptor of this process, O->folder is -1 and that is
 * *fd. Each link is read from the folder in which it lies, so what is followed may in all be
 * longer than a path can be. Returns 0, or -1 with errno set. */
static int follow(struct apg_outfile *o, const char *path, int *fd)
{
    char at[PATH_MAX], link[PATH_MAX];
    int folder = AT_FDCWD;
    *fd = -1;
    const size_t length = strlen(path);
    if (length >= sizeof at)
        return failed_with(ENAMETOOLONG);
    memcpy(at, path, length + 1);
    for (int i = 0; i <= LINKS_MAX; i++) {
        const char *name;
        const int inner = open_folder(folder, at, &name);
        if (folder >= 0)
            close_quietly(folder);
        o->folder = folder = inner;
        if (folder < 0)
            return -1;
        if (find_descriptor(folder, name, fd) != 0)
            return -1;
        if (*fd >= 0) {
            (void)close(folder);
            o->folder = -1;
            return 0;
        }
        const ssize_t n = readlinkat(folder, name, link, sizeof link - 1);
        if (n < 0) {
            if (errno != EINVAL && errno != ENOENT) /* not: it is no link, or not there */
                return -1;
            const size_t named = strlen(name);
            if (named == 0 || named >= sizeof o->target)
                return failed_with(named ? ENAMETOOLONG : ENOENT);
            memcpy(o->target, name, named + 1);
            return 0;
        }
        memcpy(at, link, (size_t)n);
        at[n] = '\0';
    }
    return failed_with(ELOOP);
}

/* ---- a file without a name, or with one of its own ---- */

static pthread_mutex_t temps_lock = PTHREAD_MUTEX_INITIALIZER;
static struct apg_outfile *temps; /* the files that have a temporary name now */

/* Signals wait from here until signals_go_on: one that ends the program must not come between a
 * temporary name and its entry in the list. */
static void signals_wait(sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, before);
    (void)pthread_mutex_lock(&temps_lock);
}

static void signals_go_on(const sigset_t *before)
{
    (void)pthread_mutex_unlock(&temps_lock);
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

void apg_outfile_remove_temps(void)
{
    for (const struct apg_outfile *o = temps; o; o = o->next)
        (void)unlinkat(o->folder, o->temp, 0);
}

/* A temporary name does not grow with the file's own, which may be as long as a name can be. */
static void make_name(struct apg_outfile *o, int i)
{
    (void)snprintf(o->temp, sizeof o->temp, ".apg-%ld-%d.tmp", (long)getpid(), i);
}

static void remember(struct apg_outfile *o)
{
    o->next = temps;
    temps = o;
}

/* The temporary name is gone, or is to be REMOVED. */
static void forget(struct apg_outfile *o, bool removed)
{
    struct apg_outfile **at = &temps;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    if (removed)
        (void)unlinkat(o->folder, o->temp, 0);
    *o->temp = '\0';
}

static bool is_own(const char *name)
{
    const struct apg_outfile *o = temps;
    while (o && strcmp(o->temp, name) != 0)
        o = o->next;
    return o;
}

/* kill -9, or a machine that stops, may leave a temporary file behind. Its maker held a lock on
 * it; nobody does now, so it goes. On some network file systems a process may lock again what it
 * has locked itself, so its own are told by their names. */
static void remove_left_behind(int folder)
{
    const int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    if (!d && again >= 0)
        (void)close(again);
    for (const struct dirent *e; d && (e = readdir(d));) {
        int n = 0; /* bytes that are as make_name has them: a file of another's may begin alike */
        (void)sscanf(e->d_name, ".apg-%*[0-9]-%*[0-9].tmp%n", &n);
        if (n == 0 || e->d_name[n] || is_own(e->d_name))
            continue;
        const int fd = openat(folder, e->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(folder, e->d_name, 0);
        if (fd >= 0)
            (void)close(fd);
    }
    if (d)
        (void)closedir(d);
}

/* Lock the new file under FD, by which others see that it is in use. False: another took it for
 * one that was left behind, before it was locked, and removes it. A file system that has no locks
 * is good enough. */
static bool lock(int fd)
{
    struct stat st;
    const bool taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    return !taken && (fstat(fd, &st) != 0 || st.st_nlink > 0);
}

/* A new file under a temporary name. Returns its descriptor, or -1 with errno set. */
static int create_named(struct apg_outfile *o, mode_t mode)
{
    int fd = -1;
    for (int i = 0; i < NAMES_MAX && fd < 0; i++) {
        make_name(o, i);
        fd = openat(o->folder, o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST)
            break;
        if (fd >= 0 && !lock(fd)) {
            (void)close(fd);
            fd = failed_with(EEXIST);
        }
    }
    if (fd >= 0)
        remember(o);
    else
        *o->temp = '\0';
    return fd;
}

/* A new file in the folder: without a name if the file system can (what has no name cannot stay
 * behind), else under a temporary one. Returns its descriptor, or -1 with errno set. */
static int create(struct apg_outfile *o, mode_t mode)
{
    sigset_t before;
    char own[64];
    int fd = openat(o->folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    own_path(own, fd);
    if (fd >= 0 && access(own, F_OK) != 0) {
        /* No /proc: it could not be linked when hours of work are done. */
        (void)close(fd);
        fd = failed_with(EOPNOTSUPP);
    }
    const bool named =
        fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB); /* for the moment that it has a temporary name */
    signals_wait(&before);
    remove_left_behind(o->folder);
    if (named)
        fd = create_named(o, mode);
    signals_go_on(&before);
    return fd;
}

/* Give the file under FD, which has none, a temporary name. Returns 0, or -1 with errno set. */
static int link_named(struct apg_outfile *o, int fd)
{
    char own[64];
    own_path(own, fd);
    for (int i = 0; i < NAMES_MAX; i++) {
        make_name(o, i);
        if (linkat(AT_FDCWD, own, o->folder, o->temp, AT_SYMLINK_FOLLOW) == 0) {
            remember(o);
            return 0;
        }
        if (errno != EEXIST)
            break;
    }
    *o->temp = '\0';
    return -1;
}

/* The file under FD, which is on the disk, gets its name. A file without a name cannot take the
 * place of an old one but by way of a temporary name. Returns 0, or -1 with errno set. */
static int take_place(struct apg_outfile *o, int fd)
{
    sigset_t before;
    signals_wait(&before);
    int result = *o->temp ? 0 : link_named(o, fd);
    if (result == 0 && (result = renameat(o->folder, o->temp, o->folder, o->target)) == 0)
        forget(o, false);
    const int reason = errno;
    signals_go_on(&before);
    errno = reason;
    return result;
}

/* Put FD's file on the disk. Returns 0, also where that cannot be asked for, or -1 with errno. */
static int sync_file(int fd)
{
    int result;
    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL ? 0 : -1;
}

/* Put the new name on the disk. A folder that may be written but not read cannot be asked to. */
static int sync_folder(int folder)
{
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int result = fd < 0 ? 0 : sync_file(fd);
    if (fd >= 0)
        close_quietly(fd);
    return result;
}

/* ---- outputs ---- */

/* The descriptor to write to: of what is no regular file itself, of a regular file one that will
 * take its place, with its owner and mode where the system lets it. Returns -1 with errno set. */
static int open_path(struct apg_outfile *o, const char *path)
{
    struct stat st;
    int fd;
    if (follow(o, path, &fd) != 0)
        return -1;
    if (o->folder < 0) { /* others write there too: at its position, and nothing is replaced */
        const int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
            return failed_with(flags < 0 ? errno : EBADF);
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
    }
    const bool exists = fstatat(o->folder, o->target, &st, 0) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        fd = openat(o->folder, o->target, O_WRONLY | O_CLOEXEC);
        close_quietly(o->folder);
        o->folder = -1;
        return fd;
    }
    if (exists ? faccessat(o->folder, o->target, W_OK, 0) != 0 : errno != ENOENT)
        return -1;
    if ((fd = create(o, exists ? 0600 : 0666)) < 0) /* nobody else's until the mode is the old one's */
        return -1;
    if (exists) {
        if (st.st_uid != geteuid() || st.st_gid != getegid())
            (void)!fchown(fd, st.st_uid, st.st_gid);
        (void)fchmod(fd, st.st_mode & 0777);
    }
    return fd;
}

/* Close all but F, and remove the temporary name. */
static void release(struct apg_outfile *o)
{
    sigset_t before;
    if (*o->temp) {
        signals_wait(&before);
        forget(o, true);
        signals_go_on(&before);
    }
    if (o->folder >= 0)
        (void)close(o->folder);
    o->folder = -1;
}

enum apg_status apg_outfile_open(struct apg_outfile *o, const char *path, struct apg_error *err)
{
    *o = (struct apg_outfile){.name = path, .folder = -1};
    const int fd = open_path(o, path);
    if (fd >= 0 && (o->f = fdopen(fd, "w")))
        return APG_OK;
    (void)apg_fail_errno(err, "%s", path);
    if (fd >= 0)
        (void)close(fd);
    release(o);
    return APG_EIO;
}

enum apg_status apg_outfile_commit(struct apg_outfile *o, struct apg_error *err)
{
    const bool replaces = o->folder >= 0;
    if (!ferror(o->f)) /* else errno is still, or again, that of the write that failed */
        errno = 0;
    bool good = fflush(o->f) == 0 && !ferror(o->f);
    if (good && replaces)
        good = sync_file(fileno(o->f)) == 0 && take_place(o, fileno(o->f)) == 0;
    const int reason = errno;
    if (fclose(o->f) != 0 && good && !replaces) /* what was synced is on the disk anyway */
        good = false;
    else
        errno = reason;
    o->f = NULL;
    if (!good) {
        errno = errno ? errno : EIO; /* an earlier write failed and its reason is gone */
        (void)apg_fail_errno(err, "%s", o->name);
    } else if (replaces && sync_folder(o->folder) != 0) {
        good = false;
        (void)apg_fail_errno(
            err, "%s: it is in its place, but its folder could not be put on the disk", o->name);
    }
    release(o);
    return good ? APG_OK : APG_EIO;
}

void apg_outfile_abandon(struct apg_outfile *o)
{
    if (!o->f)
        return;
    (void)fclose(o->f);
    o->f = NULL;
    release(o);
}

static bool write_file(void *file, const void *p, size_t n)
{
    if (fwrite(p, 1, n, file) != n)
        return false;
    /* The disk begins with a large piece now: else fsync waited 100 ms at the end of 200 MB. */
    if (n >= AT_ONCE_BYTES)
        (void)sync_file_range(fileno(file), 0, 0, SYNC_FILE_RANGE_WRITE);
    return true;
}

struct apg_sink apg_outfile_sink(FILE *f, const char *name)
{
    return (struct apg_sink){write_file, f, name};
}
