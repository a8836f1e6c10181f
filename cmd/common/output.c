/* SPDX-License-Identifier: MIT */
#include "common/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "common/message.h"

enum { BUFFER_BYTES = 1 << 16 };

/* ---- where a path leads ---- */

enum { LINKS_MAX = 40 };

/* The number N if PATH, a folder and a name in it, is /proc/PID/fd/N of this process; else -1. */
static int descriptor_of(const char *folder, const char *name)
{
    char own[64]; /* of all threads: a thread's own folder is /proc/PID/task/TID/fd */
    char *real = realpath(folder, NULL), *end;
    const long fd = strtol(name, &end, 10);
    const size_t n = (size_t)snprintf(own, sizeof own, "/proc/%ld/", (long)getpid()),
                 length = real ? strlen(real) : 0;
    const bool is = length >= n + 2 && strncmp(real, own, n) == 0 && strcmp(real + length - 3, "/fd") == 0 &&
                    *name >= '0' && *name <= '9' && !*end && fd <= INT_MAX;
    free(real);
    return is ? (int)fd : -1;
}

/* FOLDER/NAME, freed with free(). NULL: out of memory. */
static char *join(const char *folder, const char *name)
{
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        (void)snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* Cut PATH into the folder, in PATH's memory, and the name behind it. */
static const char *cut(char *path, const char **name)
{
    char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!slash)
        return ".";
    if (slash == path)
        return "/";
    *slash = '\0';
    return path;
}

/* Follow links from PATH to the file that is to be written, which need not exist: *target, freed with free(). Where a link
 * leads to an open descriptor of this process, as /dev/stdout does, that is *fd, and *target is NULL. */
static enum apg_status follow(const char *path, char **target, int *fd, struct apg_error *err)
{
    char *at = strdup(path), link[PATH_MAX];
    *target = NULL;
    *fd = -1;
    for (int i = 0; at && i < LINKS_MAX; i++) {
        char *copy = strdup(at);
        const char *name, *folder = copy ? cut(copy, &name) : NULL;
        if (copy && (*fd = descriptor_of(folder, name)) >= 0) {
            free(copy);
            free(at);
            return APG_OK;
        }
        const ssize_t n = readlink(at, link, sizeof link - 1);
        if (n < 0) {
            free(copy);
            *target = at;
            return APG_OK;
        }
        link[n] = '\0';
        free(at);
        at = !copy ? NULL : *link == '/' ? strdup(link) : join(folder, link);
        free(copy);
    }
    if (!at)
        return apg_fail_memory(err);
    free(at);
    errno = ELOOP;
    return apg_fail_errno(err, "%s", path);
}

/* ---- a file without a name, or with one of its own ---- */

/* The temporary files that exist now under a name. A signal that ends the program removes them first. */
static char *volatile temps[4];
enum { N_TEMPS = sizeof temps / sizeof temps[0] };

static pthread_t creator; /* the thread that makes the files, and blocks signals meanwhile */

/* As message_warn, but with what a signal handler may call. */
static void say_changed(const char *file)
{
    const char *part[] = {"apg ", message_command, ": ", file, ": changed while it was read\n"};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        (void)!write(STDERR_FILENO, part[i], strlen(part[i]));
}

/* A signal may come to any thread. It is handed to the creator, which may be in the middle of making a file, and takes
 * the signal when the file is made; but not what a thread has brought upon itself, which would come again at once. */
static void die(int sig)
{
    const char *changed = sig == SIGSEGV || sig == SIGBUS ? apg_map_changed() : NULL;
    const bool own_fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
                           sig == SIGABRT || sig == SIGTRAP || sig == SIGSYS;
    if (!own_fault && !pthread_equal(pthread_self(), creator)) {
        pthread_kill(creator, sig);
        return;
    }
    for (size_t i = 0; i < N_TEMPS; i++)
        if (temps[i])
            unlink(temps[i]);
    if (changed) {
        say_changed(changed);
        _exit(EXIT_FAILED);
    }
    signal(sig, SIG_DFL);
    raise(sig); /* delivered when this returns */
}

/* Catch every signal that ends a program by default; what nohup ignores stays ignored. */
static void catch_fatal(void)
{
    static bool caught;
    for (int sig = 1; !caught && sig <= SIGRTMAX; sig++) {
        struct sigaction a = {.sa_handler = die}, old;
        if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH || sig == SIGSTOP ||
            sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU || sig == SIGKILL)
            continue;
        if (sigaction(sig, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(sig, &a, NULL);
    }
    caught = true;
}

void output_catch_faults(void)
{
    static const int fault[] = {SIGBUS, SIGSEGV};
    struct sigaction a = {.sa_handler = die}, old;
    for (size_t i = 0; i < 2; i++)
        if (sigaction(fault[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(fault[i], &a, NULL);
}

/* Signals wait from here until signals_go_on. */
static void signals_wait(sigset_t *before)
{
    sigset_t all;
    creator = pthread_self();
    catch_fatal();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, before);
}

static void signals_go_on(const sigset_t *before)
{
    sigprocmask(SIG_SETMASK, before, NULL);
}

/* A name for a temporary file in the output's folder, entered in temps[] by remember. It does not grow with the
 * output's own name, which may be as long as a name can be. */
static bool make_name(struct output *o, int i)
{
    const size_t size = strlen(o->folder) + 64;
    free(o->temp);
    o->temp = malloc(size);
    if (o->temp)
        (void)snprintf(o->temp, size, "%s/.apg-%ld-%d.tmp", o->folder, (long)getpid(), i);
    return o->temp != NULL;
}

static void remember(char *temp)
{
    size_t slot = 0;
    while (slot < N_TEMPS - 1 && temps[slot])
        slot++;
    temps[slot] = temp;
}

static void forget(const char *temp)
{
    for (size_t i = 0; i < N_TEMPS; i++)
        if (temps[i] == temp)
            temps[i] = NULL;
}

/* kill -9, or a machine that stops, may leave a temporary file behind where the file system has none without a name.
 * Its maker held a lock on it; nobody does now, so it goes. */
static void remove_left_behind(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        int n = 0; /* bytes that are as make_name has them: a file of another's may begin alike */
        (void)sscanf(e->d_name, ".apg-%*[0-9]-%*[0-9].tmp%n", &n);
        if (n == 0 || e->d_name[n])
            continue;
        const int fd = openat(dirfd(d), e->d_name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(dirfd(d), e->d_name, 0);
        if (fd >= 0)
            (void)close(fd);
    }
    if (d)
        (void)closedir(d);
}

/* The path by which the file under FD, which has no name, can be linked. */
static void own_path(char path[64], int fd)
{
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
}

/* A new file in the output's folder: without a name if the file system can (what has no name cannot stay behind), else
 * under a name of its own. Returns its descriptor, or -1 with errno set. */
static int temp_create(struct output *o, mode_t mode)
{
    sigset_t before;
    char own[64];
    remove_left_behind(o->folder);
    int fd = open(o->folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    own_path(own, fd);
    if (fd >= 0 &&
        access(own, F_OK) != 0) { /* no /proc: it could not be linked when hours of work are done */
        (void)close(fd);
        fd = -1;
        errno = EOPNOTSUPP;
    }
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
        signals_wait(&before);
        for (int i = 0; i < 100 && fd < 0 && make_name(o, i); i++) {
            fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (fd < 0 && errno != EEXIST)
                break;
        }
        if (fd >= 0) {
            remember(o->temp);
        } else {
            free(o->temp);
            o->temp = NULL;
        }
        signals_go_on(&before);
    }
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB); /* others see by it that the file is in use */
    if (fd >= 0 && mode)
        (void)fchmod(fd, mode); /* as the file that is replaced; refused on some file systems */
    return fd;
}

/* The file under FD, written and synced, takes the place of the output's path. */
static bool take_place(struct output *o, int fd)
{
    sigset_t before;
    bool good = o->temp != NULL;
    signals_wait(&before);
    if (!good) { /* a file without a name can be linked, but not to a name that is taken: so by way of another */
        char own[64];
        own_path(own, fd);
        for (int i = 0; i < 100 && !good && make_name(o, i); i++) {
            good = linkat(AT_FDCWD, own, AT_FDCWD, o->temp, AT_SYMLINK_FOLLOW) == 0;
            if (!good && errno != EEXIST)
                break;
        }
        if (good) {
            remember(o->temp);
        } else {
            const int reason = errno;
            free(o->temp);
            o->temp = NULL;
            errno = reason;
        }
    }
    good = good && rename(o->temp, o->path) == 0;
    if (good) {
        forget(o->temp);
        free(o->temp);
        o->temp = NULL;
    }
    signals_go_on(&before);
    return good;
}

/* ---- outputs ---- */

static void release(struct output *o)
{
    if (o->temp) {
        forget(o->temp);
        unlink(o->temp);
    }
    free(o->temp);
    free(o->path);
    free(o->folder);
    o->temp = o->path = o->folder = NULL;
}

/* The output's descriptor: of what is no regular file itself, of a regular file one that will take its place. */
static enum apg_status open_path(struct output *o, const char *path, struct apg_error *err)
{
    struct stat st;
    char *target, *copy;
    const char *name;
    int fd;
    enum apg_status status = follow(path, &target, &fd, err);
    if (status)
        return status;
    if (!target) { /* others write there too: at its position, and nothing is replaced */
        const int flags = fcntl(fd, F_GETFL);
        errno = flags < 0 ? errno : EBADF;
        o->fd = flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        return o->fd < 0 ? apg_fail_errno(err, "%s", path) : APG_OK;
    }
    const bool exists = stat(target, &st) == 0;
    if (exists && !S_ISREG(st.st_mode)) {
        o->fd = open(target, O_WRONLY | O_CLOEXEC);
        free(target);
        return o->fd < 0 ? apg_fail_errno(err, "%s", path) : APG_OK;
    }
    o->path = target;
    if (!(copy = strdup(target)) || !(o->folder = strdup(cut(copy, &name)))) {
        free(copy);
        return apg_fail_memory(err);
    }
    free(copy);
    if ((exists && access(target, W_OK) != 0) || (o->fd = temp_create(o, exists ? st.st_mode & 0777 : 0)) < 0)
        return apg_fail_errno(err, "%s", path);
    return APG_OK;
}

enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err)
{
    *o = (struct output){.fd = -1, .name = path};
    if (!path || strcmp(path, "-") == 0) {
        o->name = "standard output";
        o->f = stdout;
        o->fd = STDOUT_FILENO;
    } else {
        enum apg_status status = open_path(o, path, err);
        if (!status && !(o->f = fdopen(o->fd, "w")))
            status = apg_fail_errno(err, "%s", path);
        if (status) {
            if (o->fd >= 0)
                close(o->fd);
            output_abandon(o);
            return status;
        }
    }
    if (binary && isatty(o->fd)) {
        output_abandon(o);
        return apg_fail(err, APG_EUSAGE, "the output is binary and goes to a terminal: use -o FILE, > or |");
    }
    setvbuf(o->f, NULL, _IOFBF, BUFFER_BYTES);
    return APG_OK;
}

enum apg_status output_commit(struct output *o, struct apg_error *err)
{
    bool good = true;
    if (!o->f || !ferror(o->f)) /* else errno is still, or again, that of the write that failed */
        errno = 0;
    if (o->f) {
        good = fflush(o->f) == 0 && !ferror(o->f);
        if (good && o->path)
            good = (fsync(o->fd) == 0 || errno == EINVAL) && take_place(o, o->fd);
        if (o->f != stdout && fclose(o->f) != 0)
            good = false;
        o->f = NULL;
        o->fd = -1;
    }
    if (!good) {
        errno = errno ? errno : EIO; /* an earlier write failed and its reason is gone */
        apg_fail_errno(err, "%s", o->name);
        output_abandon(o);
        return APG_EIO;
    }
    release(o);
    return APG_OK;
}

void output_abandon(struct output *o)
{
    if (o->f && o->f != stdout)
        fclose(o->f);
    o->f = NULL;
    o->fd = -1;
    release(o);
}

static bool write_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

struct apg_sink output_sink(struct output *o)
{
    return (struct apg_sink){write_file, o->f, o->name};
}
