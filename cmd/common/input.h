/* SPDX-License-Identifier: MIT
 *
 * input.h - inputs that are CSV or feature files, told apart by their first bytes, and the options that say
 * how a CSV is to be read, the same for every command:
 *
 *     struct columns_args columns = COLUMNS_ARGS;
 *     const struct opt table[] = { OPTS_FORMAT(columns), OPTS_COLUMNS(columns), ..., OPT_END };
 *     ... opt_parse ...
 *     struct apg_columns c;
 *     if ((r = input_columns(&command, &columns, &c)) != OPT_GO) return r;
 *     ... input_open_all(&inputs, argc, argv, c.delimiter, &err) ...
 */
#ifndef APG_INPUT_H
#define APG_INPUT_H
#include "data/columns.h"
#include "data/csvread.h"
#include "data/featfile.h"
#include "model/model.h"
#include "common/cmd.h"

/* ---- files ---- */

struct input {
    int fd;
    const char *name; /* for messages */
    enum input_type { INPUT_CSV, INPUT_FEATURES, INPUT_TENSORS } type;
    struct apg_csv *csv; /* one of the three is there. A taker of it sets it to NULL */
    struct apg_feat_reader *feat;
    struct apg_tensors *tensors;
};
/* PATH as for cmd_in_open. The delimiter is for CSV. */
enum apg_status input_open(struct input *in, const char *path, char delimiter, struct apg_error *err);
/* The same for what is either features or a container of tensors, a model, whose checksum is verified. */
enum apg_status input_open_binary(struct input *in, const char *path, struct apg_error *err);
void input_close(struct input *in);

struct inputs {
    size_t n;
    struct input *input;  /* (n) */
    struct apg_csv **csv; /* (n) of each input, NULL where it is a feature file */
    bool csv_only, features_only;
};
/* PATHS (n), or standard input when n = 0. */
enum apg_status input_open_all(
    struct inputs *in, char *const *paths, size_t n, char delimiter, struct apg_error *err);
void input_close_all(struct inputs *in); /* of a zeroed one, or after a failure: allowed */

/* ---- how columns are read ---- */

struct columns_args {
    bool header, infer;
    char delimiter, separator;
    const char *label, *temp_dir;
    struct opt_list names, categorical, numeric, bucket, multi, drop;
    size_t min_count, hash_bits, buckets, memory;
};
#define COLUMNS_ARGS                                                                                         \
    {                                                                                                        \
        .header = true, .infer = true, .delimiter = ',', .separator = '|', .min_count = 1, .buckets = 32,    \
        .memory = (size_t)1 << 30                                                                            \
    }

/* How cells are found: for every command that reads CSV by name. */
#define OPTS_FORMAT(a)                                                                                       \
    OPT_CHAR('d', "delimiter", &(a).delimiter, "between cells: one byte, or tab"),                           \
        OPT_FLAG(0, "header", &(a).header, "the first record holds the names of the columns"),               \
        OPT_LIST(0, "columns", &(a).names, "NAME,...",                                                       \
            "names of the columns, for --no-header (else c1, c2, ...)")

/* What they mean: for commands that make an encoder. */
#define OPTS_COLUMNS(a)                                                                                      \
    OPT_STRING(0, "label", &(a).label, "NAME",                                                               \
        "the label's column; else one named label, click, clicked, y, target, is_click, is_clicked or clk"), \
        OPT_LIST(                                                                                            \
            0, "categorical", &(a).categorical, "NAME,...", "columns of tokens, whatever they look like"),   \
        OPT_LIST(0, "numeric", &(a).numeric, "NAME,...", "columns of numbers: log1p, then standardized"),    \
        OPT_LIST(0, "bucket", &(a).bucket, "NAME,...", "columns of numbers, cut at quantiles"),              \
        OPT_SIZE(0, "buckets", &(a).buckets, 2, 65536, "N", "quantiles of a --bucket column"),               \
        OPT_LIST(0, "multi", &(a).multi, "NAME,...", "columns whose cells are lists of tokens"),             \
        OPT_CHAR(0, "separator", &(a).separator, "between the tokens of a list"),                            \
        OPT_LIST(0, "drop", &(a).drop, "NAME,...", "columns to ignore"),                                     \
        OPT_FLAG(0, "infer", &(a).infer,                                                                     \
            "infer the kinds of other columns from the first rows; else categorical"),                       \
        OPT_SIZE(0, "min-count", &(a).min_count, 1, 4294967295, "N",                                         \
            "tokens seen fewer times share one out-of-vocabulary id"),                                       \
        OPT_SIZE(0, "hash-bits", &(a).hash_bits, 0, APG_HASH_BITS_MAX, "N",                                  \
            "no vocabulary: hash tokens to N bits; 0 keeps a vocabulary")

/* Where encoded rows are kept until all are read. */
#define OPTS_SPOOL(a)                                                                                        \
    OPT_BYTES(0, "memory", &(a).memory, 0, "encoded rows kept in memory; more go to a temporary file"),      \
        OPT_STRING(0, "temp-dir", &(a).temp_dir, "DIR", "where that file is made; else $TMPDIR or /tmp")

/* The library's form of them; lists are borrowed. OPT_GO, or EXIT_USAGE after a message. */
int input_columns(const struct opt_command *command, const struct columns_args *a, struct apg_columns *out);

/* What apg_ingest inferred, on standard error, a line each, after "apg COMMAND: ". */
void input_explain(const char *explain);

/* A sink that writes to O. */
struct apg_sink input_sink(struct cmd_out *o);

/* M to O, which is committed. */
enum apg_status input_save(struct cmd_out *o, const struct apg_model *m, struct apg_error *err);

#endif
