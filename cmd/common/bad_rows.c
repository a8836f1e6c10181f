/* SPDX-License-Identifier: MIT */
#include "common/bad_rows.h"

#include <string.h>
#include "common/message.h"

int bad_rows_check_path(const char *path, const char *output, const struct opt_command *command)
{
    if (!path)
        return OPT_GO;
    if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
        return opt_usage(command, "--rejects needs a file of its own, not standard output");
    if (output && strcmp(path, output) == 0)
        return opt_usage(command, "--rejects and --output are the same file");
    return OPT_GO;
}

int bad_rows_check(struct bad_rows *b, const char *output, const struct opt_command *command)
{
    struct apg_error err;
    if (apg_rejects_check(&b->rules, &err))
        return opt_usage(command, "%s", err.text);
    if (apg_rejects_skip(&b->rules))
        return bad_rows_check_path(b->path, output, command);
    if (!b->rules.max_errors && !b->path)
        return OPT_GO;
    return opt_usage(
        command, "--%s is for rows that --on-error leaves out", b->path ? "rejects" : "max-errors");
}

static void tell(void *arg, bool last, const char *text)
{
    const struct bad_rows *b = arg;
    if (last || !b->quiet)
        message_warn("%s", text);
}

enum apg_status bad_rows_open(struct bad_rows *b, struct apg_error *err)
{
    b->rules.tell = tell;
    b->rules.arg = b;
    const enum apg_status status = b->path ? output_open(&b->out, b->path, false, err) : APG_OK;
    if (status || !b->path)
        return status;
    b->sink = output_sink(&b->out);
    b->rules.rows = &b->sink;
    return APG_OK;
}

enum apg_status bad_rows_close(struct bad_rows *b, enum apg_status status, struct apg_error *err)
{
    if (!status)
        status = apg_rejects_end(&b->rules, err);
    if (!status && b->path)
        status = output_commit(&b->out, err);
    if (status)
        output_abandon(&b->out);
    apg_rejects_release(&b->rules);
    return status;
}
