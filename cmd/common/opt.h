/* SPDX-License-Identifier: MIT
 *
 * opt.h - one table per command describes its options; parser, --help, completion and the manual test all
 * read it.
 *
 *     struct train_args a = { .rank = 16 };
 *     const struct opt table[] = {
 *         OPT_HEADING("Model"),
 *         OPT_SIZE(0, "rank", &a.rank, 1, 4096, "K", "rank of the generated matrices"),
 *         OPT_CHOICE(0, "form", &a.form, "shared|overparam", "form of the generated layer"),
 *         OPT_END
 *     };
 *     const struct opt_command c = {"train", "[OPTION]... [FILE]...", "one line", table, examples};
 *     int r = opt_parse(&argc, &argv, &c);
 *     if (r != OPT_GO) return r; // --help was printed (0), or a usage error (EXIT_USAGE = 2)
 *
 * Every default is what the target holds before parsing, and --help shows it. Numbers must be finite and in
 * range; the message names option, range and what was given: "apg train: --rank takes an integer from 1 to
 * 4096, not '0'". Every command understands --help and -h (to stdout) and the hidden --list-options, for
 * completion and the manual test: a line "--name", "--name=ARG" or "--name=choice|choice" for each option,
 * "--no-name" for a flag that is on by default, and before it "-x" where there is a letter. Long options may
 * be abbreviated as getopt_long allows.
 */
#ifndef APG_OPT_H
#define APG_OPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/list.h"
#include "common/message.h"

enum { OPT_GO = -1 };

enum opt_kind {
    OPT_KIND_END,
    OPT_KIND_HEADING,
    OPT_KIND_FLAG,   /* bool: --name sets it true, --no-name sets it false */
    OPT_KIND_SIZE,   /* size_t in [min, max] */
    OPT_KIND_BYTES,  /* size_t bytes; suffix K, M, G (powers of 1024) */
    OPT_KIND_U64,    /* uint64_t */
    OPT_KIND_REAL,   /* double in [min, max], finite */
    OPT_KIND_STRING, /* const char * */
    OPT_KIND_LIST,   /* struct apg_list: comma-separated strings, kept until exit; given again, it grows */
    OPT_KIND_SIZES,  /* struct opt_sizes: comma-separated integers in [min, max]; "" is none */
    OPT_KIND_CHOICE, /* int: index into choices "a|b|c"; "v5=overparam" makes v5 another name for overparam */
    OPT_KIND_CHAR,   /* char: one byte, or "tab", "\\t" */
};

enum { OPT_LIST_MAX = 4096 };
struct opt_sizes {
    size_t n;
    size_t item[64];
};

struct opt {
    enum opt_kind kind;
    char letter;      /* 0: none */
    const char *name; /* without dashes; of a heading: its text */
    void *target;
    double min, max;
    const char *arg;  /* how --help calls the argument; for a choice the choices */
    const char *help; /* one sentence, lower case, no full stop */
};

/* clang-format off */
#define OPT_HEADING(text) {OPT_KIND_HEADING, 0, text, 0, 0, 0, 0, 0}
#define OPT_FLAG(letter, name, p, help) {OPT_KIND_FLAG, letter, name, (bool *){p}, 0, 0, 0, help}
#define OPT_SIZE(letter, name, p, min, max, arg, help) \
    {OPT_KIND_SIZE, letter, name, (size_t *){p}, min, max, arg, help}
#define OPT_BYTES(letter, name, p, min, help) \
    {OPT_KIND_BYTES, letter, name, (size_t *){p}, min, 1e18, "BYTES", help}
#define OPT_U64(letter, name, p, help) {OPT_KIND_U64, letter, name, (uint64_t *){p}, 0, 0, "N", help}
#define OPT_REAL(letter, name, p, min, max, arg, help) \
    {OPT_KIND_REAL, letter, name, (double *){p}, min, max, arg, help}
#define OPT_STRING(letter, name, p, arg, help) \
    {OPT_KIND_STRING, letter, name, (const char **){p}, 0, 0, arg, help}
#define OPT_LIST(letter, name, p, arg, help) \
    {OPT_KIND_LIST, letter, name, (struct apg_list *){p}, 0, 0, arg, help}
#define OPT_SIZES(letter, name, p, min, max, arg, help) \
    {OPT_KIND_SIZES, letter, name, (struct opt_sizes *){p}, min, max, arg, help}
#define OPT_CHOICE(letter, name, p, choices, help) \
    {OPT_KIND_CHOICE, letter, name, (int *){p}, 0, 0, choices, help}
#define OPT_CHAR(letter, name, p, help) {OPT_KIND_CHAR, letter, name, (char *){p}, 0, 0, "CHAR", help}
#define OPT_END {OPT_KIND_END, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

struct opt_command {
    const char *name;     /* "train" */
    const char *synopsis; /* "[OPTION]... [FILE]" */
    const char *summary;  /* what it does: one or two sentences */
    const struct opt *table;
    const char *examples; /* shown at the end of --help; one command a line, each indented by four spaces */
};

/* Parse argv[0..argc) where argv[0] is the command's name. On OPT_GO, *argc and *argv are what is left: the
 * operands. Anything else is the exit code to return at once. */
int opt_parse(int *argc, char ***argv, const struct opt_command *c);

/* "apg train: TEXT" on standard error, after flushing standard output; returns EXIT_USAGE, and says how to
 * get help. */
int opt_usage(const struct opt_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Was the option NAME given on the command line (by the last opt_parse)? */
bool opt_given(const char *name);
/* The first option below HEADING of the table that was given; NULL: none was. */
const char *opt_given_below(const struct opt_command *c, const char *heading);

#endif
