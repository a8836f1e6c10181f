/* SPDX-License-Identifier: MIT
 *
 * unpack.h - compressed files are read through the system's gzip, xz, zstd or bzip2.
 *
 * A file is told by its first bytes, not by its name. Its program is a child of this process, from when the
 * file's turn comes to its end: many files need one child at a time. It has no shell, no name of a file and
 * no terminal. What it says of a damaged file is its exit status.
 */
#ifndef UNPACK_H
#define UNPACK_H
#include "apg.h"

/* Opens files that are compressed, and any others as they are. */
extern const struct apg_opener unpack_opener;

#endif
