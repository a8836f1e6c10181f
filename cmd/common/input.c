/* SPDX-License-Identifier: MIT */
#include "common/input.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/io.h"
#include "base/mem.h"

/* ---- files ---- */

enum { MAGIC = sizeof APG_FEAT_MAGIC - 1 };

/* PATH, of which N bytes, START, are read: those of the magic and one that differs. One byte at a time as
 * long as they fit: a CSV's first row is not kept waiting. Features are opened, anything else is left to the
 * caller. */
static enum apg_status begin(
    struct input *in, const char *path, char start[MAGIC], size_t *n, struct apg_error *err)
{
    ssize_t got = 1;
    *in = (struct input){0};
    in->fd = cmd_in_open(path, &in->name, err);
    if (in->fd < 0)
        return err->status;
    for (*n = 0; *n < MAGIC && (!*n || start[*n - 1] == APG_FEAT_MAGIC[*n - 1]); ++*n)
        if ((got = apg_io_read(in->fd, start + *n, 1)) <= 0)
            break;
    if (got < 0)
        return apg_fail_errno(err, "%s", in->name);
    if (*n < MAGIC || memcmp(start, APG_FEAT_MAGIC, MAGIC) != 0)
        return APG_OK;
    in->type = INPUT_FEATURES;
    return apg_feat_open(&in->feat, in->fd, in->name, start, *n, err);
}

enum apg_status input_open(struct input *in, const char *path, char delimiter, struct apg_error *err)
{
    const struct apg_csv_format format = {.delimiter = delimiter};
    char start[MAGIC];
    size_t n;
    enum apg_status status = begin(in, path, start, &n, err);
    if (!status && !in->feat)
        status = apg_csv_open(&in->csv, in->fd, in->name, start, n, &format, err);
    if (status)
        input_close(in);
    return status;
}

enum apg_status input_open_binary(struct input *in, const char *path, struct apg_error *err)
{
    char start[MAGIC];
    size_t n;
    enum apg_status status = begin(in, path, start, &n, err);
    if (!status && !in->feat) {
        in->type = INPUT_TENSORS;
        status = apg_tensors_open(&in->tensors, in->fd, in->name, start, n, true, err);
    }
    if (status)
        input_close(in);
    return status;
}

void input_close(struct input *in)
{
    apg_csv_free(in->csv);
    apg_feat_reader_free(in->feat);
    apg_tensors_free(in->tensors);
    if (in->fd > STDIN_FILENO)
        (void)close(in->fd);
    *in = (struct input){.fd = -1};
}

enum apg_status input_open_all(
    struct inputs *in, char *const *paths, size_t n, char delimiter, struct apg_error *err)
{
    *in = (struct inputs){.csv_only = true, .features_only = true};
    size_t count = n ? n : 1;
    in->input = apg_alloc(count, sizeof *in->input);
    in->csv = apg_alloc(count, sizeof *in->csv);
    enum apg_status status = in->input && in->csv ? APG_OK : apg_fail_memory(err);
    for (; !status && in->n < count; in->n += !status) {
        struct input *input = &in->input[in->n];
        if ((status = input_open(input, n ? paths[in->n] : NULL, delimiter, err)))
            break;
        in->csv[in->n] = input->csv;
        in->csv_only &= input->type == INPUT_CSV;
        in->features_only &= input->type == INPUT_FEATURES;
    }
    if (status)
        input_close_all(in);
    return status;
}

void input_close_all(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++)
        input_close(&in->input[i]);
    free(in->input);
    free(in->csv);
    *in = (struct inputs){0};
}

/* ---- columns ---- */

int input_columns(const struct opt_command *command, const struct columns_args *a, struct apg_columns *out)
{
    apg_columns_default(out);
    if (a->delimiter == '"' || a->delimiter == '\n' || a->delimiter == '\r')
        return opt_usage(command, "--delimiter cannot be a quote or a line end");
    if (a->names.n && a->header)
        return opt_usage(command, "--columns is for a log without a header: add --no-header");
    out->delimiter = a->delimiter;
    out->separator = a->separator;
    out->header = a->header;
    out->infer = a->infer;
    out->label = a->label;
    out->names = a->names.n ? a->names.item : NULL;
    out->n_names = a->names.n;
    out->categorical = a->categorical.item;
    out->n_categorical = a->categorical.n;
    out->numeric = a->numeric.item;
    out->n_numeric = a->numeric.n;
    out->bucket = a->bucket.item;
    out->n_bucket = a->bucket.n;
    out->multi = a->multi.item;
    out->n_multi = a->multi.n;
    out->drop = a->drop.item;
    out->n_drop = a->drop.n;
    out->min_count = (uint32_t)a->min_count;
    out->hash_bits = (unsigned)a->hash_bits;
    out->buckets = (uint32_t)a->buckets;
    out->memory = a->memory;
    out->temp_dir = a->temp_dir;
    return OPT_GO;
}

/* Not by cmd_warn, which cuts: a log of hundreds of columns has a long line. */
void input_explain(const char *explain)
{
    fflush(stdout);
    while (*explain) {
        size_t n = strcspn(explain, "\n");
        fprintf(stderr, "apg %s: ", cmd_name);
        for (size_t i = 0; i < n; i++)
            putc((unsigned char)explain[i] < ' ' || explain[i] == 0x7f ? '?' : explain[i], stderr);
        putc('\n', stderr);
        explain += n + (explain[n] == '\n');
    }
}

static bool write_file(void *file, const void *p, size_t n)
{
    return fwrite(p, 1, n, file) == n;
}

struct apg_sink input_sink(struct cmd_out *o)
{
    return (struct apg_sink){write_file, o->f, o->name};
}

enum apg_status input_save(struct cmd_out *o, const struct apg_model *m, struct apg_error *err)
{
    enum apg_status status = apg_model_save(m, input_sink(o), err);
    return status ? status : cmd_out_commit(o, err);
}
