/* SPDX-License-Identifier: MIT */
#include "common/output.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "common/message.h"
#include "common/packing.h"

enum { BUFFER_BYTES = 1 << 16 };

/* ---- signals ---- */

static pthread_t creator;     /* the thread that makes the files, where signals wait meanwhile */
static struct output *packed; /* the outputs that are compressed */
static const char not_packed[] = ": the program that compresses it could not write it\n";

/* As message_warn, but with what a signal handler may call. Ends the program. Several threads may come
 * here at once, for the same reason: the first one tells it. */
static void fail(const char *file, const char *what)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&told))
        pause();
    const char *part[] = {"apg ", message_command, ": ", file, what};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        (void)!write(STDERR_FILENO, part[i], strlen(part[i]));
    _exit(EXIT_FAILED);
}

/* A signal may come to any thread. It is handed to the creator, which may be in the middle of making a file, and takes
 * the signal when the file is made; but not what a thread has brought upon itself, which would come again at once. */
static void die(int sig, siginfo_t *info, void *context)
{
    (void)context;
    const bool by_system = (sig == SIGSEGV || sig == SIGBUS) && info->si_code > 0;
    const char *changed = by_system ? apg_map_changed() : NULL;
    const bool own_fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE ||
                           sig == SIGABRT || sig == SIGTRAP || sig == SIGSYS;
    if (!own_fault && !pthread_equal(pthread_self(), creator)) {
        pthread_kill(creator, sig);
        return;
    }
    apg_outfile_remove_temps();
    if (changed)
        fail(changed, ": changed while it was read\n");
    if (by_system && sig == SIGBUS) { /* a page of a file could not be had: the disk fails, or is full */
        const char *name = apg_map_at(info->si_addr);
        fail(name ? name : "a temporary file", ": could not be read or written where it is mapped\n");
    }
    for (struct output *o = packed; sig == SIGPIPE && o;
         o = o->next) { /* a pipe to one of them, or another? */
        (void)close(fileno(o->f));
        if (!packing_end(o->packer))
            fail(o->name, not_packed);
    }
    signal(sig, SIG_DFL);
    raise(sig); /* delivered when this returns */
}

/* Catch every signal that ends a program by default; what nohup ignores stays ignored. */
static void catch_fatal(void)
{
    static bool caught;
    for (int sig = 1; !caught && sig <= SIGRTMAX; sig++) {
        struct sigaction a = {.sa_sigaction = die, .sa_flags = SA_SIGINFO}, old;
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
    struct sigaction a = {.sa_sigaction = die, .sa_flags = SA_SIGINFO}, old;
    for (size_t i = 0; i < 2; i++)
        if (sigaction(fault[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(fault[i], &a, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

/* ---- outputs ---- */

/* Let a program compress what is written to O. */
static enum apg_status pack(struct output *o, const struct apg_packed *how, struct apg_error *err)
{
    const int fd = packing_start(&o->packer, how, fileno(o->file.f), o->name, err);
    if (fd < 0)
        return APG_EIO;
    if (!(o->f = fdopen(fd, "w"))) {
        (void)apg_fail_errno(err, "%s", o->name);
        (void)close(fd);
        (void)packing_end(o->packer);
        return APG_EIO;
    }
    o->next = packed;
    packed = o;
    return APG_OK;
}

/* End the program that compresses what O holds. Was all of it written? */
static bool packer_end(struct output *o)
{
    struct output **at = &packed;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    const bool written = !ferror(o->f);
    const bool closed = fclose(o->f) == 0;
    return packing_end(o->packer) && written && closed;
}

enum apg_status output_check_name(const char *path, struct apg_error *err)
{
    const struct apg_packed *how = apg_packed_named(path);
    return !how ? APG_OK
                : apg_fail(err, APG_EUSAGE, "%s: this output is not compressed: a name without %s", path,
                      how->ending);
}

enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err)
{
    const bool standard = !path || strcmp(path, "-") == 0;
    *o = (struct output){.name = standard ? "standard output" : path};
    if (standard) {
        o->f = stdout;
        setvbuf(stdout, NULL, _IOFBF, BUFFER_BYTES);
    } else {
        creator = pthread_self();
        catch_fatal();
        const struct apg_packed *how = apg_packed_named(path);
        enum apg_status status = binary ? output_check_name(path, err) : APG_OK;
        if (status || (status = apg_outfile_open(&o->file, path, err)))
            return status;
        o->f = o->file.f;
        if (how && (status = pack(o, how, err))) {
            o->f = NULL;
            apg_outfile_abandon(&o->file);
            return status;
        }
    }
    if (binary && isatty(fileno(o->f))) {
        output_abandon(o);
        return apg_fail(err, APG_EUSAGE, "the output is binary and goes to a terminal: use -o FILE, > or |");
    }
    return APG_OK;
}

enum apg_status output_commit(struct output *o, struct apg_error *err)
{
    FILE *f = o->f;
    const bool whole = !o->packer || packer_end(o);
    o->f = NULL;
    if (!whole) {
        apg_outfile_abandon(&o->file);
        return apg_fail(err, APG_EIO, "%s%.*s", o->name, (int)sizeof not_packed - 2, not_packed);
    }
    if (f != stdout)
        return apg_outfile_commit(&o->file, err);
    if (!ferror(f)) /* else errno is still, or again, that of the write that failed */
        errno = 0;
    if (fflush(f) == 0 && !ferror(f))
        return APG_OK;
    errno = errno ? errno : EIO; /* an earlier write failed and its reason is gone */
    return apg_fail_errno(err, "%s", o->name);
}

void output_abandon(struct output *o)
{
    if (o->f && o->packer)
        (void)packer_end(o);
    if (o->f && o->f != stdout)
        apg_outfile_abandon(&o->file);
    o->f = NULL;
}

struct apg_sink output_sink(struct output *o)
{
    return apg_outfile_sink(o->f, o->name);
}
