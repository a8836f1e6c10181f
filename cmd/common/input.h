/* SPDX-License-Identifier: MIT
 *
 * input.h - what a command reads: files or standard input, and the options that say how the
 * columns of a CSV are read. Every command does it so:
 *
 *     struct apg_columns columns;
 *     apg_columns_default(&columns);
 *     const struct opt table[] = { OPTS_FORMAT(columns), OPTS_COLUMNS(columns), ..., OPT_END };
 *     ... opt_parse ...
 *     if ((code = input_check_columns(&command, &columns)) != OPT_GO) return code;
 *     ... input_open_all(&inputs, argv, argc, columns.delimiter, &err) ...
 */
#ifndef APG_INPUT_H
#define APG_INPUT_H
#include "data/columns.h"
#include "data/source.h"
#include "model/model.h"
#include "common/opt.h"

/* ---- files ---- */

/* A PATH that is NULL or "-" is standard input. Refused are a directory, a terminal unless "-"
 * asks for it, and standard input a second time. The rest as of apg_source_open and
 * apg_source_open_binary. */
enum apg_status input_open(struct apg_source *s, const char *path, char delimiter, struct apg_error *err);
enum apg_status input_open_binary(struct apg_source *s, const char *path, struct apg_error *err);
void input_close(struct apg_source *s); /* of a zeroed one, or after a failure: allowed */

/* Load the model of the file PATH, which is as above, to be run on up to MAX_ROWS rows at once.
 * *name (NULL is allowed) is for messages: PATH, or "standard input". */
enum apg_status input_load_model(
    struct apg_model **m, const char *path, const char **name, size_t max_rows, struct apg_error *err);

struct inputs {
    size_t n;
    struct apg_source *source; /* (n) */
    struct apg_csv **csv;      /* (n) of each source; NULL where it is a feature file */
    bool csv_only;             /* none is a feature file */
};
/* PATHS (n), or standard input when n = 0. */
enum apg_status input_open_all(
    struct inputs *in, char *const *paths, size_t n, char delimiter, struct apg_error *err);
void input_close_all(struct inputs *in); /* of a zeroed one, or after a failure: allowed */

/* ---- how columns are read: options that fill a struct apg_columns ---- */

/* How cells are found in a record. Every command that reads CSV has these. */
#define OPTS_FORMAT(c)                                                                                       \
    OPT_CHAR('d', "delimiter", &(c).delimiter, "byte between cells, or tab"),                                \
        OPT_FLAG(0, "header", &(c).header, "the first record holds the names of the columns"),               \
        OPT_LIST(0, "columns", &(c).names, "NAME,...",                                                       \
            "names of the columns with --no-header; if not given, c1, c2, ...")

/* What the cells of a column mean. Commands that make an encoder have these. */
#define OPTS_COLUMNS(c)                                                                                      \
    OPT_STRING(0, "label", &(c).label, "NAME",                                                               \
        "column of the label; if not given, one named label, click, clicked, y, target, is_click, "          \
        "is_clicked or clk"),                                                                                \
        OPT_LIST(                                                                                            \
            0, "categorical", &(c).categorical, "NAME,...", "columns of tokens, whatever they look like"),   \
        OPT_LIST(0, "numeric", &(c).numeric, "NAME,...",                                                     \
            "columns of numbers: log1p is taken, then they are standardized"),                               \
        OPT_LIST(0, "bucket", &(c).bucket, "NAME,...", "columns of numbers, which are cut at quantiles"),    \
        OPT_SIZE(0, "buckets", &(c).buckets, 2, 65536, "N", "quantiles of a --bucket column"),               \
        OPT_LIST(0, "multi", &(c).multi, "NAME,...", "columns whose cells are lists of tokens"),             \
        OPT_CHAR(0, "separator", &(c).separator, "byte between the tokens of a list"),                       \
        OPT_LIST(0, "drop", &(c).drop, "NAME,...", "columns to ignore"),                                     \
        OPT_FLAG(0, "infer", &(c).infer,                                                                     \
            "infer the kinds of other columns from the first rows; else they are categorical"),              \
        OPT_SIZE(0, "min-count", &(c).min_count, 1, 4294967295, "N",                                         \
            "tokens seen fewer times share one out-of-vocabulary id"),                                       \
        OPT_SIZE(0, "hash-bits", &(c).hash_bits, 0, APG_HASH_BITS_MAX, "N",                                  \
            "hash tokens to N bits instead of keeping a vocabulary; 0 keeps one")

/* Where encoded rows are kept until all are read. Commands that keep them have these. */
#define OPTS_SPOOL(c)                                                                                        \
    OPT_BYTES(0, "memory", &(c).memory, 0, "encoded rows kept in memory; more go to a temporary file"),      \
        OPT_STRING(0, "temp-dir", &(c).temp_dir, "DIR",                                                      \
            "where that file is made; if not given, in $TMPDIR or /tmp")

/* Refuse what does not fit together: OPT_GO, or EXIT_USAGE after a message. */
int input_check_columns(const struct opt_command *command, const struct apg_columns *c);

#endif
