/* SPDX-License-Identifier: MIT */
#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 16 };

/* The temporary files that exist now. A signal that ends the program removes them first. */
static char *volatile temps[4];
static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT};
enum { N_TEMPS = sizeof temps / sizeof temps[0], N_FATAL = sizeof fatal / sizeof fatal[0] };

static pthread_t creator; /* the thread that makes the files, and blocks signals meanwhile */

/* Any thread may get the signal, for OpenBLAS starts some before main. It is handed to the
 * creator, which may be in the middle of making a file, and takes the signal when the file is
 * made. */
static void die(int sig)
{
    if (!pthread_equal(pthread_self(), creator)) {
        pthread_kill(creator, sig);
        return;
    }
    for (size_t i = 0; i < N_TEMPS; i++)
        if (temps[i])
            unlink(temps[i]);
    signal(sig, SIG_DFL);
    raise(sig); /* delivered when this returns */
}

static void catch_fatal(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < N_FATAL; i++) {
        struct sigaction a = {.sa_handler = die}, old;
        sigaddset(set, fatal[i]);
        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(fatal[i], &a, NULL); /* what nohup ignores stays ignored */
    }
}

/* Create a file beside the output's path, under a name of its own, and enter it in temps[].
 * Signals wait meanwhile. Returns its descriptor, or -1 with errno set. */
static int temp_create(struct output *o, mode_t mode)
{
    sigset_t set, before;
    creator = pthread_self();
    catch_fatal(&set);
    size_t slot = 0, size = strlen(o->path) + 32;
    while (slot < N_TEMPS && temps[slot])
        slot++;
    o->temp = malloc(size);
    if (!o->temp || slot == N_TEMPS) {
        errno = ENOMEM;
        return -1;
    }
    int fd = -1;
    sigprocmask(SIG_BLOCK, &set, &before);
    for (int i = 0; i < 100; i++) {
        snprintf(o->temp, size, "%s.%ld-%d.tmp", o->path, (long)getpid(), i);
        fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    if (fd >= 0)
        temps[slot] = o->temp;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (fd >= 0 && mode)
        (void)fchmod(fd, mode); /* as the file that is replaced; refused on some file systems */
    return fd;
}

static void temp_forget(struct output *o)
{
    for (size_t i = 0; i < N_TEMPS; i++)
        if (temps[i] == o->temp)
            temps[i] = NULL;
    free(o->temp);
    free(o->path);
    o->temp = o->path = NULL;
}

enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err)
{
    *o = (struct output){.fd = -1, .name = path};
    if (!path || strcmp(path, "-") == 0) {
        o->name = "standard output";
        o->f = stdout;
        o->fd = STDOUT_FILENO;
    } else {
        struct stat st;
        bool exists = stat(path, &st) == 0;
        if (exists && !S_ISREG(st.st_mode)) {
            o->fd = open(path, O_WRONLY | O_CLOEXEC);
        } else {
            if (exists && access(path, W_OK) != 0)
                return apg_fail_errno(err, "%s", path);
            /* The file a link points to is replaced, not the link. */
            o->path = exists ? realpath(path, NULL) : strdup(path);
            if (o->path)
                o->fd = temp_create(o, exists ? st.st_mode & 0777 : 0);
        }
        if (o->fd < 0 || !(o->f = fdopen(o->fd, "w"))) {
            apg_fail_errno(err, "%s", path);
            if (o->fd >= 0)
                close(o->fd);
            output_abandon(o);
            return APG_EIO;
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
            good = fsync(o->fd) == 0 || errno == EINVAL;
        if (o->f != stdout && fclose(o->f) != 0)
            good = false;
        o->f = NULL;
        o->fd = -1;
    }
    if (good && o->path)
        good = rename(o->temp, o->path) == 0;
    if (!good) {
        errno = errno ? errno : EIO; /* an earlier write failed and its reason is gone */
        apg_fail_errno(err, "%s", o->name);
        output_abandon(o);
        return APG_EIO;
    }
    temp_forget(o);
    return APG_OK;
}

void output_abandon(struct output *o)
{
    if (o->f && o->f != stdout)
        fclose(o->f);
    o->f = NULL;
    o->fd = -1;
    if (o->temp)
        unlink(o->temp);
    temp_forget(o);
}

static bool write_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

struct apg_sink output_sink(struct output *o)
{
    return (struct apg_sink){write_file, o->f, o->name};
}
