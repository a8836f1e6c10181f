/* SPDX-License-Identifier: MIT
 *
 * bad_rows.h - a command's options for bad rows (data/rejects.h):
 *
 *     struct bad_rows bad = {0};
 *     const struct opt table[] = { OPT_BAD_ROWS(apg_rejects_settings, &bad), ..., OPT_END };
 *     ... opt_parse ...
 *     if ((code = bad_rows_check(&bad, out_path, &command)) != OPT_GO) return code;
 *     if ((status = bad_rows_open(&bad, &err))) ...
 *     ... &bad.rules ...
 *     status = bad_rows_close(&bad, status, &err);
 */
#ifndef APG_BAD_ROWS_H
#define APG_BAD_ROWS_H
#include "data/rejects.h"
#include "common/opt.h"
#include "common/output.h"

struct bad_rows {
    struct apg_rejects rules;
    const char *path; /* of --rejects; NULL: bad rows are not collected */
    bool quiet;       /* tell only how many there were */
    struct output out;
    struct apg_sink sink;
};

#define OPT_BAD_ROWS(settings, b)                                                                            \
    OPT_SETTINGS(settings, &(b)->rules), OPT_STRING(0, "rejects", &(b)->path, "FILE",                        \
                                             "write the header and the bad rows, as they came, to FILE")

/* Refuse what does not fit together: OPT_GO, or EXIT_USAGE after a message. OUTPUT: the path of the
 * command's output, or NULL. */
int bad_rows_check(struct bad_rows *b, const char *output, const struct opt_command *command);
/* The same of the path of --rejects alone, which may be NULL. */
int bad_rows_check_path(const char *path, const char *output, const struct opt_command *command);
/* B must stay where it is until it is closed. */
enum apg_status bad_rows_open(struct bad_rows *b, struct apg_error *err);
/* The rows have been read, with STATUS. Tells how many were bad. The file is there when all is well, else
 * not. Returns STATUS, or what failed here. */
enum apg_status bad_rows_close(struct bad_rows *b, enum apg_status status, struct apg_error *err);

#endif
