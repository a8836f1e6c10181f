/* SPDX-License-Identifier: MIT
 *
 * cmd.h - what the commands share: their prototypes, messages, and output files that appear whole or not at
 * all.
 *
 * A new command: cmd/NAME.c with cmd_NAME(), a row in commands[] in cmd/main.c, man/apg-NAME.1,
 * test/cli/NAME.bats.
 */
#ifndef APG_CMD_H
#define APG_CMD_H
#include <stdbool.h>
#include <stdio.h>
#include "base/error.h"
#include "common/opt.h"

int cmd_collapse(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_complexity(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_train(int argc, char **argv);

/* The running command's name ("train"), for messages. Set by main before the command runs. */
extern const char *cmd_name;

/* "apg NAME: TEXT\n" on standard error, standard output flushed first. cmd_fail returns EXIT_FAILED. */
void cmd_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cmd_fail(const struct apg_error *err);

/* An output: standard output (path NULL or "-"), or PATH, written as a temporary file beside it and renamed
 * when cmd_out_commit succeeds; an abandoned one (failure, signal) leaves nothing behind and the old PATH
 * untouched. PATHs that are not regular files (/dev/full, a fifo) are written directly. BINARY refuses a
 * terminal. */
struct cmd_out {
    FILE *f;
    int fd;           /* of f */
    const char *name; /* for messages: the path or "standard output" */
    char *path, *temp;
};
enum apg_status cmd_out_open(struct cmd_out *o, const char *path, bool binary, struct apg_error *err);
/* Flush, check every write, sync where a file, rename. A failure is reported with the name. Releases in any
 * case. */
enum apg_status cmd_out_commit(struct cmd_out *o, struct apg_error *err);
void cmd_out_abandon(struct cmd_out *o); /* after a failure; also after commit, then a no-op */

/* Open an input: NULL or "-" is standard input. Refuses a directory, a terminal unless "-" asks for it, and
 * standard input a second time. *name is for messages ("-" is "standard input"). Returns a file descriptor or
 * -1. */
int cmd_in_open(const char *path, const char **name, struct apg_error *err);

#endif
