/* SPDX-License-Identifier: MIT
 *
 * output.h - files that appear whole or not at all:
 *
 *     struct output out = {0};
 *     if (!status && !(status = output_open(&out, path, binary, &err))) {
 *         ... write to out.f ...
 *         status = output_commit(&out, &err);
 *     }
 *     if (status)
 *         output_abandon(&out);
 *
 * The file that PATH leads to, by links if it is one, is written under no name where the file system can, and takes the
 * place of an old one when output_commit has put it on the disk. After output_abandon, a signal that ends the program, or
 * kill -9, nothing is left behind and the old file is as it was. (Where the file system has no files without a name, kill
 * -9 leaves .apg-PID-N.tmp in its folder, which the next output into that folder removes.)
 *
 * What is no regular file (/dev/full, a fifo) is written directly, and so is standard output. A PATH that leads to an open
 * descriptor, as /dev/stdout does, is that descriptor: it is written at its position, and nothing is replaced. At most
 * four outputs are open at once, all by one thread.
 */
#ifndef APG_OUTPUT_H
#define APG_OUTPUT_H
#include <stdbool.h>
#include <stdio.h>
#include "base/error.h"

struct output {
    FILE *f;
    int fd;                     /* of f */
    const char *name;           /* for messages: the path, or "standard output" */
    char *path, *folder, *temp; /* private */
};

/* PATH NULL or "-" is standard output. BINARY refuses a terminal. */
enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err);
/* Flush, check every write so far, sync a regular file, and rename it. A failure names the output,
 * which is then abandoned. */
enum apg_status output_commit(struct output *o, struct apg_error *err);
/* Remove what was written. Nothing is done for a zeroed output, or after a commit. */
void output_abandon(struct output *o);

/* A file that is mapped may be cut or overwritten by others. From here on the SIGBUS or SIGSEGV that this brings is told as
 * what it is: "m.apg: changed while it was read", exit 1. Called by main. */
void output_catch_faults(void);

/* A sink that writes to O. */
struct apg_sink output_sink(struct output *o);

#endif
