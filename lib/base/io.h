/* SPDX-License-Identifier: MIT
 *
 * io.h - reading and mapping file descriptors. They stay the caller's, who closes them.
 *
 * What is mapped can be changed by others while it is in use: overwritten, it gives other numbers;
 * cut, it ends the program by SIGBUS. So its size and time of change are kept and can be compared.
 */
#ifndef APG_IO_H
#define APG_IO_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>
#include "base/error.h"

/* As read(2), but it waits for input when FD does not block, and goes on after a signal. Returns
 * the bytes read, 0 at the end of input, or -1 with errno set. */
ssize_t apg_io_read(int fd, void *p, size_t n);
/* Reads N bytes, or fewer when the input ends. Returns the bytes read, or -1 with errno set. */
ssize_t apg_io_read_full(int fd, void *p, size_t n);
/* A file that is mapped whole for reading. */
struct apg_map {
    const void *bytes; /* NULL: none is mapped */
    size_t size;       /* bytes */
    int fd;            /* a duplicate */
    const char *name;  /* for messages; borrowed */
    struct timespec modified;
    struct apg_map *next; /* of all in this process */
};
/* Maps the whole of a regular file for reading; N_READ bytes of it have been read before. M must
 * stay where it is until apg_map_close. False when the file is not regular or is empty, when reading
 * did not begin at its start, or when mmap fails: the caller then reads it instead. */
bool apg_map_open(struct apg_map *m, int fd, const char *name, size_t n_read);
void apg_map_close(struct apg_map *m); /* of a zeroed one: allowed */
/* APG_EIO when the file has another size or time of change than when it was mapped. To be called
 * after what was read has been used, and before the outcome is given away. Nothing is wrong where
 * nothing is mapped. Thread-safe. */
enum apg_status apg_map_check(const struct apg_map *m, struct apg_error *err);
/* The name of a file of this process that has changed, or NULL. For a handler of SIGBUS or SIGSEGV:
 * it takes no lock. */
const char *apg_map_changed(void);
/* The name of the file of this process that is mapped at ADDRESS, or NULL. For such a handler, too. */
const char *apg_map_at(const void *address);

#endif
