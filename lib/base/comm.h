/* SPDX-License-Identifier: MIT
 *
 * comm.h - the processes that train one model together, and what they send to each other.
 *
 * They are called ranks, 0 to apg_comm_ranks() - 1. All run the same program on the same rows, and decide the
 * same; what is collective is called by all of them, in the same order. comm_serial.c knows one rank, and is in
 * `apg` and the libraries; comm_mpi.c speaks MPI, and is in `apg-mpi` in its place.
 *
 * Nothing here adds numbers up: MPI's sums depend on how many ranks there are. One thread calls this.
 */
#ifndef APG_COMM_H
#define APG_COMM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* Join the other ranks. TIMEOUT_S: how long one may be silent when another waits for it. A rank that was not
 * started with others is the only one. Before this, and in `apg`, there is one rank. */
enum apg_status apg_comm_start(double timeout_s, struct apg_error *err);
/* Leave them, after all has gone well. A rank that has failed must not: it calls apg_comm_fail. */
void apg_comm_end(void);
/* End all ranks with the exit code CODE. TEXT, why, is what rank 0 has printed already; that of another rank is told
 * to rank 0, whose exchange then fails with it, or printed on FD where that one does not listen. Returns only
 * where there are no other ranks. */
void apg_comm_fail(const char *text, int fd, int code);

/* An exchange has failed, so all others will. */
bool apg_comm_broken(void);
/* Whether this program can have other ranks. */
extern const bool apg_comm_many;

size_t apg_comm_rank(void);
size_t apg_comm_ranks(void);

/* What goes to a rank and what comes from it. Both sides know how many bytes that is; it may be none. */
struct apg_comm_piece {
    const void *send;
    void *recv;
    size_t send_bytes, recv_bytes;
};
/* Collective: PIECE[q] is exchanged with rank q; one's own is copied. When it fails (APG_EIO: a rank that is
 * silent, or has failed) nothing more can be exchanged, and each later call fails likewise. */
enum apg_status apg_comm_exchange(const struct apg_comm_piece *piece, struct apg_error *err);
/* Collective: SIZE bytes of each rank, MINE, to all: ALL (ranks, SIZE). */
enum apg_status apg_comm_share(const void *mine, size_t size, void *all, struct apg_error *err);
/* Collective: the SIZE bytes at DATA of rank 0 to all. */
enum apg_status apg_comm_tell(void *data, size_t size, struct apg_error *err);
/* Says to the others, once a second at most, that this rank is alive: it may have work that they wait for. The loops
 * of pool.h call this. */
void apg_comm_alive(void);

/* Of this rank, since the start: bytes sent to others, and seconds in exchanges. */
struct apg_comm_spent {
    uint64_t bytes;
    double seconds;
};
struct apg_comm_spent apg_comm_spent(void);

#endif
