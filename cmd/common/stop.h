/* SPDX-License-Identifier: MIT
 *
 * stop.h - the first SIGINT or SIGTERM asks a command to end with what it has; the second ends the program.
 */
#ifndef APG_STOP_H
#define APG_STOP_H

/* From here on the first SIGINT or SIGTERM is kept for stop_signal, and the second does what it did before.
 * One that is ignored stays so. May be called again; by one thread. */
void stop_catch(void);
/* The signal that asked for an end; 0: none has. Any thread. */
int stop_signal(void);
/* As if the signal SIG had come, unless one has. */
void stop_ask(int sig);
const char *stop_name(void); /* its name, "SIGTERM" */

#endif
