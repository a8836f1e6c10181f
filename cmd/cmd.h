/* SPDX-License-Identifier: MIT
 *
 * cmd.h - the commands. Each gets the arguments from its own name on, and returns an exit code of
 * message.h.
 *
 * A new command needs
 *   cmd/NAME.c with cmd_NAME(), and its prototype here
 *   a row in commands[] of cmd/main.c
 *   man/apg-NAME.1, and a line in man/apg.1
 *   test/cli/NAME.bats
 */
#ifndef APG_CMD_H
#define APG_CMD_H

int cmd_collapse(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_complexity(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_evaluate(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_train(int argc, char **argv);

#endif
