/* SPDX-License-Identifier: MIT
 *
 * message.h - what a command says on standard error, and the codes that it exits with.
 *
 * Standard output is flushed before each message, so that the two come in order on a terminal.
 * Control characters are written as '?': text that a user gave must not drive the terminal.
 */
#ifndef APG_MESSAGE_H
#define APG_MESSAGE_H
#include "base/error.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNALLED = 128 };

/* The running command's name ("train"). main sets it before the command runs; until then it is "".
 * */
extern const char *message_command;

/* TEXT with its control characters as '?', cut to fewer than so many bytes, until the next call. */
enum { MESSAGE_TEXT_BYTES = 32768 };
const char *message_text(const char *text);
/* Write "apg COMMAND: TEXT" as one line, cut where struct apg_error cuts. */
void message_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The text of the last of these. */
const char *message_last(void);
/* Write the text of *err so, and return EXIT_FAILED. */
int message_fail(const struct apg_error *err);
/* Write each line of TEXT so, uncut: what is inferred of a log of hundreds of columns is a long
 * line. */
void message_lines(const char *text);

#endif
