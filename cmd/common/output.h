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
 * A PATH is written as a temporary file beside it, which output_commit renames. After
 * output_abandon, or a signal that ends the program, nothing is left behind and the old PATH is as
 * it was. What is no regular file (/dev/full, a fifo) is written directly, and so is standard
 * output. At most four outputs are open at once, all by one thread.
 */
#ifndef APG_OUTPUT_H
#define APG_OUTPUT_H
#include <stdbool.h>
#include <stdio.h>
#include "base/error.h"

struct output {
    FILE *f;
    int fd;            /* of f */
    const char *name;  /* for messages: the path, or "standard output" */
    char *path, *temp; /* private */
};

/* PATH NULL or "-" is standard output. BINARY refuses a terminal. */
enum apg_status output_open(struct output *o, const char *path, bool binary, struct apg_error *err);
/* Flush, check every write so far, sync a regular file, and rename it. A failure names the output,
 * which is then abandoned. */
enum apg_status output_commit(struct output *o, struct apg_error *err);
/* Remove what was written. Nothing is done for a zeroed output, or after a commit. */
void output_abandon(struct output *o);

/* A sink that writes to O. */
struct apg_sink output_sink(struct output *o);

#endif
