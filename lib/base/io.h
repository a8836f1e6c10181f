/* SPDX-License-Identifier: MIT
 *
 * io.h - reading and mapping file descriptors. They stay the caller's, who closes them.
 */
#ifndef APG_IO_H
#define APG_IO_H
#include <stddef.h>
#include <sys/types.h>

/* As read(2), but it waits for input when FD does not block, and goes on after a signal. Returns
 * the bytes read, 0 at the end of input, or -1 with errno set. */
ssize_t apg_io_read(int fd, void *p, size_t n);
/* Reads N bytes, or fewer when the input ends. Returns the bytes read, or -1 with errno set. */
ssize_t apg_io_read_full(int fd, void *p, size_t n);
/* Maps the whole of a regular file for reading; N_READ bytes of it have been read before. The
 * caller unmaps the *size bytes with munmap. NULL when the file is not regular or is empty, when
 * reading did not begin at its start, or when mmap fails: the caller then reads it instead. */
const void *apg_io_map(int fd, size_t n_read, size_t *size);

#endif
