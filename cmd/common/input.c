/* SPDX-License-Identifier: MIT */
#include "common/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "common/message.h"
#include "common/packing.h"

/* ---- files ---- */

int input_open_path(const char *path, const char **name, struct apg_error *err)
{
    static bool taken; /* what one input reads of standard input is not there for a second one */
    bool standard = !path || strcmp(path, "-") == 0;
    *name = standard ? "standard input" : path;
    if (!path && isatty(STDIN_FILENO)) {
        apg_fail(err, APG_EUSAGE, "no input: give a FILE, a pipe, or - to type it (see 'apg %s --help')",
            message_command);
        return -1;
    }
    if (standard && taken) {
        apg_fail(err, APG_EUSAGE, "standard input cannot be two inputs at once: give one as a file");
        return -1;
    }
    taken = taken || standard;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (!S_ISDIR(st.st_mode))
            return fd;
        errno = EISDIR;
    }
    apg_fail_errno(err, "%s", *name);
    if (fd >= 0 && !standard)
        close(fd);
    return -1;
}

static enum apg_status open_source(
    struct apg_source *s, const char *path, const struct apg_csv_format *format, struct apg_error *err)
{
    const char *name;
    int fd = input_open_path(path, &name, err);
    *s = (struct apg_source){0};
    if (fd < 0)
        return err->status;
    enum apg_status status =
        format ? apg_source_open(s, fd, name, format, err) : apg_source_open_binary(s, fd, name, err);
    if (status) {
        input_close(s);
    } else if (s->csv && fd > STDIN_FILENO && apg_csv_let_go(s->csv)) {
        (void)close(fd);
        s->fd = -1;
    }
    return status;
}

enum apg_status input_open(
    struct apg_source *s, const char *path, const struct apg_columns *columns, struct apg_error *err)
{
    struct apg_csv_format format = apg_columns_cut(columns);
    format.opener = &packing_opener;
    return open_source(s, path, &format, err);
}

enum apg_status input_open_binary(struct apg_source *s, const char *path, struct apg_error *err)
{
    return open_source(s, path, NULL, err);
}

void input_close(struct apg_source *s)
{
    const struct apg_source was =
        *s; /* NOLINT(clang-analyzer-core.NullDereference): s is none only where n is 0 */
    apg_source_release(s);
    if (was.fd > STDIN_FILENO)
        (void)close(was.fd);
    *s = (struct apg_source){.name = was.name, .type = was.type};
}

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_model(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct apg_tensors *t = NULL;
    struct apg_error unread;
    const bool is = fd >= 0 && is_regular(fd) && !apg_tensors_open(&t, fd, path, NULL, 0, false, &unread);
    apg_tensors_free(t);
    if (fd >= 0)
        (void)close(fd);
    return is;
}

int input_need_model(
    const struct opt_command *command, const char *path, char *const *operand, int n_operands)
{
    if (path)
        return OPT_GO;
    if (n_operands > 0 && is_model(operand[0]))
        return opt_usage(command, "--model is needed: -m %s", operand[0]);
    return opt_usage(command, "--model is needed");
}

enum apg_status input_open_model(struct apg **model, const char *path, struct apg_error *err)
{
    const char *name;
    int fd = input_open_path(path, &name, err);
    if (fd < 0)
        return err->status;
    enum apg_status status = apg_open_fd(model, fd, name, err);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    return status;
}

enum apg_status input_open_all(
    struct inputs *in, char *const *paths, size_t n, const struct apg_columns *columns, struct apg_error *err)
{
    *in = (struct inputs){0};
    size_t count = n ? n : 1;
    in->source = apg_alloc(count, sizeof *in->source);
    in->csv = apg_alloc(count, sizeof *in->csv);
    enum apg_status status = in->source && in->csv ? APG_OK : apg_fail_memory(err);
    for (; !status && in->n < count; in->n += !status) {
        struct apg_source *source = &in->source[in->n];
        if ((status = input_open(source, n ? paths[in->n] : NULL, columns, err)))
            break;
        in->csv[in->n] = source->csv;
        if (source->type == APG_SOURCE_FEATURES && source->fd > STDIN_FILENO && is_regular(source->fd))
            input_close(source);
    }
    if (status)
        input_close_all(in);
    return status;
}

enum apg_status input_again(struct inputs *in, size_t i, struct apg_error *err)
{
    struct apg_source *s = &in->source[i];
    return s->type == APG_SOURCE_FEATURES && !s->feat ? input_open_binary(s, s->name, err) : APG_OK;
}

void input_close_all(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        input_close(&in->source[i]);
    free(in->source);
    free(in->csv);
    *in = (struct inputs){0};
}

/* ---- columns ---- */

int input_check_columns(const struct opt_command *command, const struct apg_columns *c)
{
    struct apg_error err;
    return apg_columns_check(c, &err) ? opt_usage(command, "%s", err.text) : OPT_GO;
}
