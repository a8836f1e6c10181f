/* SPDX-License-Identifier: MIT
 *
 * Ranks by MPI. All goes point to point, without blocking, and is waited for with a limit of time: MPI itself
 * waits for a stopped rank for ever. Any MPI since 3.0 will do.
 */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/comm.h"
#include "base/mem.h"

enum {
    TAG_DATA = 1,
    TAG_ALIVE,
    TAG_FAILED,
    HOST_BYTES = 64,
    MESSAGE_BYTES_MAX = 1 << 30, /* counts are int: more goes in several messages */
    TEXT_BYTES = 512,
};
static const double ALIVE_S = 1, PROBE_S = .1, FAILED_S = 5;

static struct {
    bool started;
    int rank, ranks;
    double timeout_s, alive_at;
    double *heard;                /* (ranks): when each was last heard of */
    char (*host)[HOST_BYTES];     /* (ranks) */
    struct apg_comm_piece *piece; /* (ranks): of those who send all the same */
    MPI_Request *request;
    int *of; /* by request: the rank that it waits for */
    size_t n_requests, cap_request, cap_of;
    struct apg_comm_spent spent;
    bool failed;
    struct apg_error error; /* of the first exchange that failed */
} comm = {.ranks = 1};

const bool apg_comm_many = true;

enum apg_status apg_comm_start(double timeout_s, struct apg_error *err)
{
    int given, length;
    char name[MPI_MAX_PROCESSOR_NAME] = "", host[HOST_BYTES] = "";
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS)
        return apg_fail(err, APG_EIO, "MPI does not start");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &comm.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &comm.ranks);
    MPI_Get_processor_name(name, &length);
    (void)snprintf(host, sizeof host, "%.*s", HOST_BYTES - 1, name);
    comm.started = true;
    comm.timeout_s = timeout_s;
    comm.heard = apg_alloc((size_t)comm.ranks, sizeof *comm.heard);
    comm.host = apg_alloc((size_t)comm.ranks, sizeof *comm.host);
    comm.piece = apg_alloc((size_t)comm.ranks, sizeof *comm.piece);
    return comm.heard && comm.host && comm.piece ? apg_comm_share(host, sizeof host, comm.host, err)
                                                 : apg_fail_memory(err);
}

void apg_comm_end(void)
{
    if (comm.started)
        MPI_Finalize();
    comm.started = false;
    free(comm.heard);
    free(comm.host);
    free(comm.piece);
    free(comm.request);
    free(comm.of);
}

void apg_comm_fail(const char *text, int fd, int code)
{
    if (comm.ranks == 1) { /* MPI_Abort would print a page */
        apg_comm_end();
        return;
    }
    char told[TEXT_BYTES];
    if (comm.rank) {
        (void)snprintf(told, sizeof told, "%s", text);
        MPI_Request sent;
        int done = 0;
        MPI_Isend(told, (int)strlen(told) + 1, MPI_CHAR, 0, TAG_FAILED, MPI_COMM_WORLD, &sent);
        /* Rank 0 prints it and ends all, this one too. It may be busy, or gone. */
        for (const double end = apg_clock_now() + FAILED_S; apg_clock_now() < end;) {
            MPI_Test(&sent, &done, MPI_STATUS_IGNORE);
            (void)usleep(1000);
        }
        (void)snprintf(told, sizeof told, "rank %d (%s): %s\n", comm.rank, comm.host[comm.rank], text);
        const ssize_t unread = write(fd, told, strlen(told));
        (void)unread;
    }
    MPI_Abort(MPI_COMM_WORLD, code);
}

bool apg_comm_broken(void)
{
    return comm.failed;
}

size_t apg_comm_rank(void)
{
    return (size_t)comm.rank;
}

size_t apg_comm_ranks(void)
{
    return (size_t)comm.ranks;
}

void apg_comm_alive(void)
{
    const double now = comm.ranks > 1 ? apg_clock_now() : 0;
    if (comm.ranks == 1 || now < comm.alive_at)
        return;
    comm.alive_at = now + (comm.timeout_s / 4 < ALIVE_S ? comm.timeout_s / 4 : ALIVE_S);
    for (int q = 0; q < comm.ranks; q++) {
        MPI_Request sent;
        if (q != comm.rank &&
            MPI_Isend(NULL, 0, MPI_BYTE, q, TAG_ALIVE, MPI_COMM_WORLD, &sent) == MPI_SUCCESS)
            MPI_Request_free(&sent);
    }
}

/* Take what has come beside the data: signs of life, and on rank 0 a failure. */
static enum apg_status look_around(double now, struct apg_error *err)
{
    for (;;) {
        MPI_Status status;
        int there = 0, failed = 0;
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_ALIVE, MPI_COMM_WORLD, &there, &status);
        if (there) {
            MPI_Recv(NULL, 0, MPI_BYTE, status.MPI_SOURCE, TAG_ALIVE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            comm.heard[status.MPI_SOURCE] = now;
        }
        if (comm.rank == 0)
            MPI_Iprobe(MPI_ANY_SOURCE, TAG_FAILED, MPI_COMM_WORLD, &failed, &status);
        if (failed) {
            char text[TEXT_BYTES] = "";
            MPI_Recv(text, sizeof text - 1, MPI_CHAR, status.MPI_SOURCE, TAG_FAILED, MPI_COMM_WORLD,
                MPI_STATUS_IGNORE);
            return apg_fail(
                err, APG_EIO, "rank %d (%s): %s", status.MPI_SOURCE, comm.host[status.MPI_SOURCE], text);
        }
        if (!there)
            return APG_OK;
    }
}

/* Wait until all requests are done. */
static enum apg_status wait_all(struct apg_error *err)
{
    const double start = apg_clock_now();
    double look = start + PROBE_S;
    for (int done = 0;;) {
        const int code = MPI_Testall((int)comm.n_requests, comm.request, &done, MPI_STATUSES_IGNORE);
        if (code != MPI_SUCCESS)
            return apg_fail(err, APG_EIO, "the exchange with the other ranks has failed");
        if (done)
            return APG_OK;
        (void)sched_yield(); /* there may be more ranks than processors */
        const double now = apg_clock_now();
        if (now < look)
            continue;
        look = now + PROBE_S;
        apg_comm_alive(); /* a third rank may wait for this one, who waits for another */
        const enum apg_status status = look_around(now, err);
        if (status)
            return status;
        for (size_t i = 0; i < comm.n_requests; i++) {
            const double heard = comm.heard[comm.of[i]];
            if (comm.request[i] != MPI_REQUEST_NULL && now - (heard > start ? heard : start) > comm.timeout_s)
                return apg_fail(err, APG_EIO,
                    "rank %d (%s) has not answered for %g s: it is stopped, or gone", comm.of[i],
                    comm.host[comm.of[i]], comm.timeout_s);
        }
    }
}

/* A request for each message of the BYTES at DATA, to or from rank Q. */
static bool post(void *data, size_t bytes, int q, bool send)
{
    for (size_t at = 0; at < bytes; at += MESSAGE_BYTES_MAX) {
        const int n = (int)(bytes - at < MESSAGE_BYTES_MAX ? bytes - at : MESSAGE_BYTES_MAX);
        if (!apg_grow(&comm.request, &comm.cap_request, comm.n_requests + 1, sizeof *comm.request) ||
            !apg_grow(&comm.of, &comm.cap_of, comm.n_requests + 1, sizeof *comm.of))
            return false;
        comm.of[comm.n_requests] = q;
        MPI_Request *r = &comm.request[comm.n_requests++];
        if (send)
            MPI_Isend((char *)data + at, n, MPI_BYTE, q, TAG_DATA, MPI_COMM_WORLD, r);
        else
            MPI_Irecv((char *)data + at, n, MPI_BYTE, q, TAG_DATA, MPI_COMM_WORLD, r);
    }
    return true;
}

enum apg_status apg_comm_exchange(const struct apg_comm_piece *piece, struct apg_error *err)
{
    const double start = apg_clock_now();
    bool ok = true;
    if (comm.failed)
        return apg_fail(err, APG_EIO, "%s", comm.error.text);
    comm.n_requests = 0;
    for (int i = 1; ok && i < comm.ranks; i++) {
        const int from = (comm.rank + i) % comm.ranks;
        ok = post(piece[from].recv, piece[from].recv_bytes, from, false);
    }
    for (int i = 1; ok && i < comm.ranks; i++) { /* each rank begins with another */
        const int to = (comm.rank + comm.ranks - i) % comm.ranks;
        ok = post((void *)piece[to].send, piece[to].send_bytes, to, true);
        comm.spent.bytes += piece[to].send_bytes;
    }
    if (!ok)
        return apg_fail_memory(err);
    if (piece[comm.rank].recv_bytes && piece[comm.rank].recv != piece[comm.rank].send)
        memcpy(piece[comm.rank].recv, piece[comm.rank].send, piece[comm.rank].recv_bytes);
    comm.failed = wait_all(&comm.error) != APG_OK;
    comm.spent.seconds += apg_clock_now() - start;
    return comm.failed ? apg_fail(err, APG_EIO, "%s", comm.error.text) : APG_OK;
}

enum apg_status apg_comm_share(const void *mine, size_t size, void *all, struct apg_error *err)
{
    for (size_t q = 0; q < (size_t)comm.ranks; q++)
        comm.piece[q] = (struct apg_comm_piece){mine, (char *)all + q * size, size, size};
    return apg_comm_exchange(comm.piece, err);
}

enum apg_status apg_comm_tell(void *data, size_t size, struct apg_error *err)
{
    for (size_t q = 0; q < (size_t)comm.ranks; q++)
        comm.piece[q] =
            (struct apg_comm_piece){data, data, comm.rank == 0 && q ? size : 0, comm.rank && !q ? size : 0};
    return apg_comm_exchange(comm.piece, err);
}

struct apg_comm_spent apg_comm_spent(void)
{
    return comm.spent;
}
