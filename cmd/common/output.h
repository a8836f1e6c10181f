/* SPDX-License-Identifier: MIT
 *
 * output.h - where a command writes: standard output, or a file that appears whole or not at all
 * (base/outfile.h):
 *
 *     struct output out = {0};
 *     if (!status && !(status = output_open(&out, path, binary, &err))) {
 *         ... write to out.f ...
 *         status = output_commit(&out, &err);
 *     }
 *     if (status)
 *         output_abandon(&out);
 *
 * A signal that ends the program removes temporary files first. All outputs are made by one thread. A file of text
 * whose name ends with .gz, .xz, .zst or .bz2 is compressed (packing.h).
 */
#ifndef APG_OUTPUT_H
#define APG_OUTPUT_H
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include "base/outfile.h"

struct output {
    FILE *f;                 /* NULL: closed */
    const char *name;        /* for messages: the path, or "standard output" */
    struct apg_outfile file; /* private, and so are: */
    pid_t packer;            /* the child that compresses what F holds; 0: none */
    struct output *next;     /* of those that have one */
};

/* PATH NULL or "-" is standard output. BINARY refuses a terminal, and a name that says it is compressed. */
enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err);
/* APG_EUSAGE where the name PATH says that what is written there is compressed, which it is not. */
enum apg_status output_check_name(const char *path, struct apg_error *err);
/* Flush, check every write so far, and put a file into its place. A failure names the output, which is
 * then abandoned. */
enum apg_status output_commit(struct output *o, struct apg_error *err);
/* Remove what was written. Nothing is done for a zeroed output, or after a commit. */
void output_abandon(struct output *o);

/* A file that is mapped may be cut or overwritten by others. From here on the SIGBUS or SIGSEGV that this
 * brings is told as what it is: "m.apg: changed while it was read", exit 1. So is a page that the system
 * could not read or write. A file that grows beyond a limit (ulimit -f) is a write that fails, which names
 * it, instead of a signal. Called by main. */
void output_catch_faults(void);

/* A sink that writes to O. */
struct apg_sink output_sink(struct output *o);

#endif
