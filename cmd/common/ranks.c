/* SPDX-License-Identifier: MIT */
#include "common/ranks.h"
#include <fcntl.h>
#include <stdint.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/comm.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/temp.h"
#include "common/message.h"
#include "common/stop.h"

/* Where standard error was before a silent rank's went nowhere. */
static int speech = STDERR_FILENO;

/* What the launchers of Open MPI and of MPICH say to the processes that they start; or Slurm's, to those that it starts
 * for MPI (srun --mpi). */
static long told(const char *open_mpi, const char *pmi, const char *slurm)
{
    const char *text = getenv(open_mpi);
    text = text ? text : getenv(pmi);
    text = text || !getenv("PMIX_RANK") ? text : getenv(slurm);
    return text ? strtol(text, NULL, 10) : 0;
}

static long told_ranks(void)
{
    return told("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS");
}

static long told_rank(void)
{
    return told("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK");
}

static void be_silent(void)
{
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    speech = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (nowhere < 0 || speech < 0)
        return;
    (void)dup2(nowhere, STDERR_FILENO);
    (void)dup2(nowhere, STDOUT_FILENO);
    (void)close(nowhere);
}

/* What is said when a start or an end has taken too long, and that time; 0: there is one rank. */
static char too_late[160];
static double limit_s;
static const double OTHERS_S = 5; /* that launchers have to end all ranks when one has */

static void give_up(int signal)
{
    (void)signal;
    const ssize_t unread = write(speech, too_late, strlen(too_late));
    (void)unread;
    _exit(EXIT_FAILED);
}

/* The first to give up ends all the others: that is rank 0, unless it is the one that is stopped. */
static void watch(double seconds, const char *what)
{
    const double rank = (double)told_rank();
    const double after = seconds + (rank > 0 ? OTHERS_S + .1 * fmin(100, rank) : 0);
    const struct itimerval timer = {.it_value = {(time_t)after, (suseconds_t)(1e6 * (after - floor(after)))}};
    (void)snprintf(too_late, sizeof too_late,
        "apg train: the ranks have not all %s for %g s (--rank-timeout): one is stopped, or gone\n", what,
        seconds);
    (void)signal(SIGALRM, give_up);
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void ranks_limit(double seconds)
{
    if (told_ranks() < 2)
        return;
    limit_s = seconds;
    watch(seconds, "started");
}

void ranks_started(void)
{
    const struct itimerval none = {0};
    if (limit_s > 0)
        (void)setitimer(ITIMER_REAL, &none, NULL);
}

bool ranks_begin(bool trains)
{
    const long ranks = told_ranks();
    if (ranks < 2)
        return true;
    if (told_rank() > 0)
        be_silent();
    if (trains && !apg_comm_many)
        message_warn("started as %ld processes, each of which would train the same model alone; "
                     "apg-mpi trains one model with all of them",
            ranks);
    else if (!trains && apg_comm_many)
        message_warn("started as %ld processes, each of which would do the same; to share out the rows, "
                     "start one apg for each part of them",
            ranks);
    return trains ? apg_comm_many : !apg_comm_many;
}

enum apg_status ranks_share_input(int *fd, const char *temp_dir, struct apg_error *err)
{
    enum { PART_BYTES = 1 << 20 };
    struct apg_temp temp;
    struct {
        int64_t n; /* 0: that was all */
        char bytes[PART_BYTES];
    } *part = apg_alloc(1, sizeof *part);
    enum apg_status status = part ? apg_temp_open(&temp, apg_temp_dir(temp_dir), err) : apg_fail_memory(err);
    for (off_t at = 0; !status;) {
        if (apg_comm_rank() == 0)
            part->n = apg_io_read(STDIN_FILENO, part->bytes, sizeof part->bytes);
        if (part->n < 0 && apg_comm_rank() == 0)
            status = apg_fail_errno(err, "standard input");
        else if (!(status = apg_comm_tell(&part->n, sizeof part->n, err)) && part->n > 0)
            status = apg_comm_tell(part->bytes, (size_t)part->n, err);
        if (!status && part->n == 0)
            break;
        if (!status)
            status = apg_temp_write(&temp, part->bytes, (size_t)part->n, at, err);
        at += part->n;
    }
    if (part && !status && lseek(temp.fd, 0, SEEK_SET) == 0)
        *fd = temp.fd;
    free(part);
    return status;
}

/* What the first rank says that does not say 0; MINE where nothing can be exchanged. */
static int first_of(int mine)
{
    const size_t n = apg_comm_ranks();
    if (n == 1)
        return mine;
    int first = 0, *all = apg_alloc(n, sizeof *all);
    const bool good = all && !apg_comm_share(&mine, sizeof mine, all, NULL);
    for (size_t q = n; good && q-- > 0;)
        first = all[q] ? all[q] : first;
    free(all);
    return good ? first : mine;
}

int ranks_stop_signal(void)
{
    const int first = first_of(stop_signal());
    if (first)
        stop_ask(first);
    return first;
}

bool ranks_all(bool here)
{
    return !first_of(!here);
}

void ranks_end(int code)
{
    if (limit_s > 0 && !apg_comm_broken())
        watch(limit_s, "ended");
    if (code == EXIT_OK || code > EXIT_SIGNALLED)
        apg_comm_end();
    else
        apg_comm_fail(message_last(), speech, code);
}
