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
 *         OPT_SETTINGS(apg_fit_settings, &settings.fit),
 *         OPT_END
 *     };
 *     const struct opt_command c = {"train", "[OPTION]... [FILE]...", "one line", table, examples};
 *     int r = opt_parse(&argc, &argv, &c);
 *     if (r != OPT_GO) return r; // --help was printed (0), or a usage error (EXIT_USAGE = 2)
 *
 * A row is a setting (base/setting.h) and where its struct is; OPT_SETTINGS brings a whole table of the
 * library's. Every default is what the target holds before parsing, and --help shows it. The message of a
 * wrong value names option, range and what was given: "apg train: --rank takes an integer from 1 to 4096, not
 * '0'".
 *
 * @FILE among the arguments stands for the words in FILE (optfile.h).
 *
 * Every command understands --help and -h, which leave out rare options where there are any, --help-all,
 * which has all of them, and the hidden --list-options, for completion and the manual test: a line "--name",
 * "--name=ARG" or
 * "--name=choice|choice" for each option, "--no-name" for a flag that is on by default, "--name" where the
 * value may be left out, and before it "-x" where there is a letter. Long options may be abbreviated as
 * getopt_long allows.
 */
#ifndef APG_OPT_H
#define APG_OPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/list.h"
#include "base/setting.h"
#include "common/message.h"

enum { OPT_GO = -1 };

struct opt_sizes {
    size_t n;
    size_t item[APG_SETTING_SIZES_MAX];
};

/* One of four: a heading, a table of the library's settings, a setting of the command's own, or the end. */
struct opt {
    const char *heading;
    const struct apg_setting *table;
    struct apg_setting row;
    void *base; /* the struct that table or row is of */
};

/* clang-format off */
#define OPT_HEADING(text) {.heading = text}
#define OPT_SETTINGS(rows, p) {.table = rows, .base = p}
#define OPT_OF(k, l, n, p, ...) {.row = {.kind = APG_SETTING_##k, .letter = l, .name = n, __VA_ARGS__}, .base = p}
#define OPT_FLAG(letter, name, p, text) OPT_OF(FLAG, letter, name, (bool *){p}, .help = text)
#define OPT_SIZE(letter, name, p, min, max, of, text) \
    OPT_OF(SIZE, letter, name, (size_t *){p}, .least = min, .most = max, .arg = of, .help = text)
#define OPT_BYTES(letter, name, p, min, text) \
    OPT_OF(BYTES, letter, name, (size_t *){p}, .least = min, .most = 1e18, .arg = "BYTES", .help = text)
#define OPT_U64(letter, name, p, text) OPT_OF(U64, letter, name, (uint64_t *){p}, .arg = "N", .help = text)
#define OPT_REAL(letter, name, p, min, max, of, text) \
    OPT_OF(REAL, letter, name, (double *){p}, .least = min, .most = max, .arg = of, .help = text)
#define OPT_STRING(letter, name, p, of, text) \
    OPT_OF(STRING, letter, name, (const char **){p}, .arg = of, .help = text)
#define OPT_MODEL(p, text) \
    OPT_OF(STRING, 'm', "model", (const char **){p}, .arg = "FILE", .once = true, .help = text)
#define OPT_LIST(letter, name, p, of, text) \
    OPT_OF(LIST, letter, name, (struct apg_list *){p}, .at = offsetof(struct apg_list, item), \
        .n_at = offsetof(struct apg_list, n), .arg = of, .help = text)
#define OPT_SIZES(letter, name, p, min, max, of, text) \
    OPT_OF(SIZES, letter, name, (struct opt_sizes *){p}, .at = offsetof(struct opt_sizes, item), \
        .n_at = offsetof(struct opt_sizes, n), .room = APG_SETTING_SIZES_MAX, .least = min, .most = max, .arg = of, \
        .help = text)
#define OPT_CHOICE(letter, name, p, choices, text) \
    OPT_OF(CHOICE, letter, name, (int *){p}, .arg = choices, .help = text)
#define OPT_CHAR(letter, name, p, text) OPT_OF(CHAR, letter, name, (char *){p}, .arg = "CHAR", .help = text)
#define OPT_END {0}
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
/* All that were given. */
const struct apg_given *opt_all_given(void);
/* The first option below HEADING of the table that was given; NULL: none was. */
const char *opt_given_below(const struct opt_command *c, const char *heading);
/* What was given of the library's settings, each as "name=value", in order, ended by NULL: as apg.h takes
 * them. Valid until the next opt_parse. */
const char *const *opt_settings(void);

#endif
