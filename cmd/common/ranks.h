/* SPDX-License-Identifier: MIT
 *
 * ranks.h - a command that is run as one of many ranks (base/comm.h): rank 0 speaks and writes for all.
 */
#ifndef APG_RANKS_H
#define APG_RANKS_H
#include <stdbool.h>
#include "base/error.h"

/* Before COMMAND looks at its arguments, TRAINS: it is train. False: it must not run on many ranks; that has been said.
 * From here on ranks other than 0 are silent. */
bool ranks_begin(bool trains);
/* MPI waits without a limit for all ranks to start, and to end: from here on all of this is over in SECONDS, or the
 * program says so and exits with 1. */
void ranks_limit(double seconds);
/* The ranks have started: there is no limit until ranks_end. */
void ranks_started(void);
/* What rank 0 reads from standard input, for all: *fd is a temporary file that has all of it. */
enum apg_status ranks_share_input(int *fd, const char *temp_dir, struct apg_error *err);
/* The first signal that any rank was asked to end by (stop.h); 0: none. All ranks call this. */
int ranks_stop_signal(void);
/* Is it TRUE on all ranks? All ranks call this. */
bool ranks_all(bool here);
/* The end of the program, which is to exit with CODE. */
void ranks_end(int code);

#endif
