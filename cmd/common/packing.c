/* SPDX-License-Identifier: MIT */
#include "common/packing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/error.h"
#include "base/mem.h"
#include "base/packed.h"

/* The programs that run, each with the pipe that its output is read from. Threads that read open and close
 * them. */
struct child {
    int fd;
    pid_t pid;
    const char *program;
};
static struct child *children;
static size_t n_children, cap_children;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

extern char **environ;

/* Start PROGRAM from descriptor FROM to TO. Returns 0, or an errno. This program catches and ignores signals;
 * the child does not, but Ctrl-C is for this program alone. What the child would say on standard error is said in
 * one line here. */
static int start(pid_t *pid, const char *program, const char *options, int from, int to)
{
    char *const argv[] = {(char *)program, (char *)options, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    if ((failed = posix_spawnattr_init(&how))) {
        posix_spawn_file_actions_destroy(&files);
        return failed;
    }
    if (!(failed = posix_spawn_file_actions_adddup2(&files, from, STDIN_FILENO)) &&
        !(failed = posix_spawn_file_actions_adddup2(&files, to, STDOUT_FILENO)) &&
        !(failed = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0)) &&
        !(failed = posix_spawnattr_setsigmask(&how, &none)) &&
        !(failed = posix_spawnattr_setsigdefault(&how, &all)) &&
        !(failed = posix_spawnattr_setpgroup(&how, 0)) &&
        !(failed = posix_spawnattr_setflags(
              &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP)))
        failed = posix_spawnp(pid, program, &files, &how, argv, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

static void cannot_run(int failed, const char *name, const struct apg_packed *packed, struct apg_error *err)
{
    (void)apg_fail(err, APG_EIO, "%s: %s, and %s cannot be run: %s", name, packed->what, packed->program,
        failed == ENOENT ? "it is not installed" : strerror(failed));
}

/* Read the file FD, which is closed, through PROGRAM. Returns the pipe, or -1. */
static int unpack(int fd, const char *name, const struct apg_packed *packed, struct apg_error *err)
{
    int ends[2] = {-1, -1};
    (void)pthread_mutex_lock(&lock);
    if (!apg_grow(&children, &cap_children, n_children + 1, sizeof *children)) {
        (void)apg_fail_memory(err);
    } else if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)apg_fail_errno(err, "%s", name);
    } else {
        struct child *child = &children[n_children];
        *child = (struct child){.fd = ends[0], .program = packed->program};
        const int failed = start(&child->pid, packed->program, "-dc", fd, ends[1]);
        (void)close(ends[1]);
        if (!failed) {
            n_children++;
        } else {
            (void)close(ends[0]);
            ends[0] = -1;
            cannot_run(failed, name, packed, err);
        }
    }
    (void)pthread_mutex_unlock(&lock);
    (void)close(fd);
    return ends[0];
}

static int open_file(const char *name, struct apg_error *err)
{
    char bytes[APG_PACKED_BYTES];
    struct stat st;
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)apg_fail_errno(err, "%s", name);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    const ssize_t n = S_ISREG(st.st_mode) ? pread(fd, bytes, sizeof bytes, 0) : 0;
    const struct apg_packed *packed = n > 0 ? apg_packed_of(bytes, (size_t)n, NULL) : NULL;
    return packed && packed->program ? unpack(fd, name, packed, err) : fd;
}

/* The child of pipe FD, taken from the list; its pid is 0 where there is none. */
static struct child take(int fd)
{
    struct child child = {0};
    (void)pthread_mutex_lock(&lock);
    size_t i = 0;
    while (i < n_children && children[i].fd != fd)
        i++;
    if (i < n_children) {
        child = children[i];
        children[i] = children[--n_children];
    }
    (void)pthread_mutex_unlock(&lock);
    return child;
}

/* A child that still writes ends by the pipe that is closed. */
static enum apg_status close_file(int fd, const char *name, bool whole, struct apg_error *err)
{
    const struct child child = take(fd);
    int status = 0;
    (void)close(fd);
    if (!child.pid)
        return APG_OK;
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!whole || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return APG_OK;
    if (WIFSIGNALED(status))
        return apg_fail(err, APG_EIO, "%s: %s was ended by signal %d", name, child.program, WTERMSIG(status));
    return apg_fail(err, APG_EIO, "%s: cut short or damaged, says %s -dc (exit status %d)", name,
        child.program, WEXITSTATUS(status));
}

int packing_start(
    pid_t *pid, const struct apg_packed *packed, int to, const char *name, struct apg_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)apg_fail_errno(err, "%s", name);
        return -1;
    }
    const int failed = start(pid, packed->program, "-c", ends[0], to);
    (void)close(ends[0]);
    if (!failed)
        return ends[1];
    (void)close(ends[1]);
    cannot_run(failed, name, packed, err);
    return -1;
}

bool packing_end(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const struct apg_opener packing_opener = {open_file, close_file};
