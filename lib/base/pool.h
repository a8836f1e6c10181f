/* SPDX-License-Identifier: MIT
 *
 * pool.h - a fixed set of threads that share loops. Nothing else in the tree creates threads.
 */
#ifndef APG_POOL_H
#define APG_POOL_H
#include <stddef.h>
#include "base/error.h"

struct apg_pool;

/* A pool of THREADS threads, the caller's among them: 1 creates none and runs loops in the caller.
 * 0 stands for the number of processors that this process may use. *out is freed with
 * apg_pool_free. Fails when there are more than 1024 (APG_ERANGE) or the system starts no more
 * threads (APG_EIO). */
enum apg_status apg_pool_new(struct apg_pool **out, unsigned threads, struct apg_error *err);
void apg_pool_free(struct apg_pool *p); /* NULL is allowed */
/* The number of threads, the caller among them. */
unsigned apg_pool_threads(const struct apg_pool *p);
/* Calls fn(arg, i, worker) once for every i in [0, n), on any of the threads, the caller among
 * them, and returns when all are done. Which thread runs which i is not fixed, so results must
 * depend on i alone: that is how one seed gives the same bytes with 1 and with 64 threads. WORKER,
 * in [0, threads), is for picking scratch memory only. One thread at a time may call this for a
 * pool; fn must not. */
void apg_pool_run(struct apg_pool *p, size_t n, void (*fn)(void *arg, size_t i, unsigned worker), void *arg);

#endif
