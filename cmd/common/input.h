/* SPDX-License-Identifier: MIT
 *
 * input.h - what a command reads: files or standard input, and the options that say how the
 * columns of a CSV are read. Every command does it so:
 *
 *     struct apg_columns columns;
 *     apg_columns_default(&columns);
 *     const struct opt table[] = { OPT_SETTINGS(apg_columns_format, &columns), ..., OPT_END };
 *     ... opt_parse ...
 *     if ((code = input_check_columns(&command, &columns)) != OPT_GO) return code;
 *     ... input_open_all(&inputs, argv, argc, &columns, &err) ...
 */
#ifndef APG_INPUT_H
#define APG_INPUT_H
#include "data/columns.h"
#include "data/source.h"
#include "common/opt.h"

/* ---- files ---- */

/* A PATH that is NULL or "-" is standard input. Refused are a directory, a terminal unless "-"
 * asks for it, and standard input a second time. A file of CSV is open only while it is read. The rest as of apg_source_open and
 * apg_source_open_binary. */
enum apg_status input_open(
    struct apg_source *s, const char *path, const struct apg_columns *columns, struct apg_error *err);
enum apg_status input_open_binary(struct apg_source *s, const char *path, struct apg_error *err);
void input_close(struct apg_source *s); /* of a zeroed one, or after a failure: allowed */

/* Refuse a PATH that is NULL: OPT_GO, or EXIT_USAGE after a message, which knows what to type where the first of
 * the operands (N_OPERANDS) is a model. */
int input_need_model(
    const struct opt_command *command, const char *path, char *const *operand, int n_operands);
/* The model of the file PATH, to be closed with apg_close. */
enum apg_status input_open_model(struct apg **model, const char *path, struct apg_error *err);
/* A descriptor alone, or -1; *name is for messages: PATH, or "standard input". */
int input_open_path(const char *path, const char **name, struct apg_error *err);

struct inputs {
    size_t n;
    /* (n) A feature file is closed again, because a mapping and a descriptor of each may be more than there
     * can be: its TYPE and NAME stay, and input_again opens it. */
    struct apg_source *source;
    struct apg_csv **csv; /* (n) of each source; NULL where it is a feature file */
};
/* PATHS (n), or standard input when n = 0. */
enum apg_status input_open_all(struct inputs *in, char *const *paths, size_t n,
    const struct apg_columns *columns, struct apg_error *err);
/* Open input I again, if it was closed. input_close closes it, and nothing is left to close then. */
enum apg_status input_again(struct inputs *in, size_t i, struct apg_error *err);
void input_close_all(struct inputs *in); /* of a zeroed one, or after a failure: allowed */

/* ---- how columns are read ---- */

/* Refuse what does not fit together: OPT_GO, or EXIT_USAGE after a message. */
int input_check_columns(const struct opt_command *command, const struct apg_columns *c);

#endif
