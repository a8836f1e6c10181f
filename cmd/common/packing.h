/* SPDX-License-Identifier: MIT
 *
 * packing.h - compressed files are read and written through the system's gzip, xz, zstd or bzip2.
 *
 * The program is a child of this process. It has no shell, no name of a file and no terminal, and is not of the
 * group that Ctrl-C ends: it ends with the pipe between them. What it says is its exit status.
 *
 * A file that is read is told by its first bytes, not by its name; its child is there from when the file's turn
 * comes to its end, so many files need one child at a time. One that is written is told by its name.
 */
#ifndef APG_PACKING_H
#define APG_PACKING_H
#include <sys/types.h>
#include "apg.h"
#include "base/packed.h"

/* Opens files that are compressed, and any others as they are. */
extern const struct apg_opener packing_opener;

/* Let PACKED's program, of child *pid, write to descriptor TO, which stays the caller's, what is written to the
 * descriptor that is returned: -1 after a failure, which names NAME. */
int packing_start(
    pid_t *pid, const struct apg_packed *packed, int to, const char *name, struct apg_error *err);
/* Wait until child PID has ended. Did it succeed? A handler of signals may call it. */
bool packing_end(pid_t pid);

#endif
