/* SPDX-License-Identifier: MIT
 *
 * optfile.h - @FILE on a command line stands for the words in FILE. They are those of a shell, without what
 * a shell replaces: blanks and line ends separate them, '...' and "..." hold them together, a backslash takes
 * the byte behind it as it is, and # begins a comment. So a line that is copied from a shell, or that apg
 * printed, is a line of such a file.
 */
#ifndef APG_OPTFILE_H
#define APG_OPTFILE_H
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct optfile_word {
    char *text;       /* a part of the file's text, or an argument of the process */
    const char *file; /* NULL: it stood on the command line itself */
    uint64_t line;
};

struct optfile {
    size_t n, cap;
    struct optfile_word *word; /* (n) in order */
    size_t n_text, cap_text;
    char **text; /* (n_text) of the files, cut into words */
    char **argv; /* (n + 1) the same, ended by NULL; getopt may put them in another order */
};

/* Fill X, zeroed or released, with the words of ARGV (argc). Behind a word "--" and for a lone "@" nothing is
 * replaced. A file cannot name files: APG_EUSAGE, as for a quote that is not closed. APG_EIO: a file cannot be
 * read. APG_ENOMEM. */
enum apg_status optfile_expand(struct optfile *x, int argc, char **argv, struct apg_error *err);
void optfile_release(struct optfile *x); /* zeroes it */
/* Put the place of TEXT, one of the words, before the text of ERR, where it is of a file. */
void optfile_at(const struct optfile *x, const char *text, struct apg_error *err);

#endif
