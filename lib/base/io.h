/* SPDX-License-Identifier: MIT
 *
 * io.h - reading and mapping file descriptors, which stay the caller's.
 */
#ifndef APG_IO_H
#define APG_IO_H
#include <stddef.h>
#include <sys/types.h>

/* read(2) that waits when FD does not block, and goes on after a signal. 0 at the end; -1 with errno. */
ssize_t apg_io_read(int fd, void *p, size_t n);
/* N bytes, or fewer at the end of input. -1 with errno. */
ssize_t apg_io_read_full(int fd, void *p, size_t n);
/* The whole of a regular file of which N_READ bytes have been read, mapped for reading; *size > 0 bytes,
 * for munmap. NULL where that cannot be: not a regular file, empty, or not read from its start. */
const void *apg_io_map(int fd, size_t n_read, size_t *size);

#endif
