/* SPDX-License-Identifier: MIT
 *
 * apg encode: CSV to a feature file. Without --encoder the log is first read to its end, because
 * vocabularies and quantiles are those of the whole log. With --encoder rows are written as they
 * are read. --decode turns a feature file back into CSV.
 */
#include <stdlib.h>
#include "data/decode.h"
#include "data/featfile.h"
#include "data/ingest.h"
#include "data/schemafile.h"
#include "cmd.h"
#include "common/bad_rows.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"

struct encode {
    struct apg_columns columns;
    struct inputs inputs;
    struct bad_rows bad;
    struct apg_pool *pool;
    struct output out;
    bool quiet;
};

/* ---- with --encoder ---- */

/* The schema of a model or of a feature file. */
struct encoder {
    struct apg_source source;
    struct apg_schema *loaded; /* of a model; borrows from the source */
    const struct apg_schema *schema;
};

static enum apg_status encoder_open(struct encoder *e, const char *path, struct apg_error *err)
{
    enum apg_status status = input_open_binary(&e->source, path, err);
    if (!status && e->source.tensors)
        status = apg_schema_load(&e->loaded, e->source.tensors, err);
    if (!status)
        e->schema = e->loaded ? e->loaded : apg_feat_schema(e->source.feat);
    return status;
}

static void encoder_close(struct encoder *e)
{
    apg_schema_free(e->loaded);
    input_close(&e->source);
}

static enum apg_status write_block(void *writer, const struct apg_block *b, struct apg_error *err)
{
    return apg_feat_write(writer, b, err);
}

static enum apg_status encode_with(struct encode *e, const struct apg_schema *s, struct apg_error *err)
{
    struct apg_feat_writer *w = NULL;
    enum apg_status status = apg_feat_create(&w, s, output_sink(&e->out), err);
    if (!status)
        status = apg_ingest_stream(
            s, e->inputs.csv, e->inputs.n, &e->columns, &e->bad.rules, false, e->pool, write_block, w, err);
    if (!status)
        status = apg_feat_finish(w, err);
    apg_feat_writer_free(w);
    return status;
}

/* ---- with an encoder made from the log ---- */

static enum apg_status encode(struct encode *e, struct apg_error *err)
{
    struct apg_schema *s = NULL;
    struct apg_dataset *rows = NULL;
    struct apg_feat_writer *w = NULL;
    char *explain = NULL;
    enum apg_status status =
        apg_ingest(&s, &rows, &explain, e->inputs.csv, e->inputs.n, &e->columns, &e->bad.rules, e->pool, err);
    if (explain && !e->quiet)
        message_lines(explain);
    if (!status)
        status = apg_feat_create(&w, s, output_sink(&e->out), err);
    for (size_t i = 0; !status && i < rows->n_blocks; i++)
        status = apg_feat_write(w, &rows->block[i], err);
    if (!status)
        status = apg_feat_finish(w, err);
    apg_feat_writer_free(w);
    apg_schema_free(s);
    apg_dataset_free(rows);
    free(explain);
    return status;
}

/* ---- back to CSV ---- */

struct text {
    char *s;
    size_t n, cap;
};

/* Write T, a line without its end, and empty it. STATUS: of making it. */
static enum apg_status put_line(
    struct encode *e, struct text *t, enum apg_status status, struct apg_error *err)
{
    if (!status && (fwrite(t->s, 1, t->n, e->out.f) != t->n || putc('\n', e->out.f) == EOF))
        status = apg_fail_errno(err, "%s", e->out.name);
    t->n = 0;
    return status;
}

static enum apg_status decode_file(struct encode *e, struct apg_feat_reader *r, struct apg_error *err)
{
    const struct apg_schema *s = apg_feat_schema(r);
    struct apg_block b = {0};
    struct text t = {0};
    enum apg_status status;
    while (!(status = apg_feat_next(r, &b, err)) && b.rows)
        for (uint32_t i = 0; !status && i < b.rows; i++) {
            status = apg_decode_row(s, apg_block_row(&b, i), &t.s, &t.n, &t.cap, err);
            if ((status = put_line(e, &t, status, err)))
                goto done;
        }
done:
    apg_block_release(&b);
    free(t.s);
    return status;
}

static enum apg_status decode(struct encode *e, struct apg_error *err)
{
    struct text t = {0};
    enum apg_status status = input_again(&e->inputs, 0, err);
    if (status)
        return status;
    const struct apg_schema *first = apg_feat_schema(e->inputs.source[0].feat);
    status = put_line(e, &t, apg_decode_header(first, &t.s, &t.n, &t.cap, err), err);
    free(t.s);
    for (size_t i = 0; !status && i < e->inputs.n; i++) {
        struct apg_source *in = &e->inputs.source[i];
        if ((status = input_again(&e->inputs, i, err)))
            break;
        status = apg_schema_same(apg_feat_schema(in->feat), first)
                     ? decode_file(e, in->feat, err)
                     : apg_fail(err, APG_EUSAGE, "%s: encoded otherwise than %s", in->name,
                           e->inputs.source[0].name);
        if (!status)
            status = apg_source_check(in, err);
        if (i)
            input_close(in); /* the first stays, to compare with */
    }
    return status;
}

int cmd_encode(int argc, char **argv)
{
    struct encode e = {0};
    struct encoder encoder = {0};
    apg_columns_default(&e.columns);
    const char *out_path = NULL, *encoder_path = NULL;
    bool back = false;
    size_t threads = 0;
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &e.columns),
        OPT_BAD_ROWS(apg_rejects_settings, &e.bad),
        OPT_HEADING("Columns"),
        OPT_SETTINGS(apg_columns_kinds, &e.columns),
        OPT_OF(STRING, 'e', "encoder", &encoder_path, .arg = "FILE", .once = true,
            .help = "encode as this model or feature file does"),
        OPT_HEADING("Output"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG(0, "decode", &back, "turn feature files back into CSV"),
        OPT_FLAG('q', "quiet", &e.quiet, "do not show what was inferred"),
        OPT_HEADING("Resources"),
        OPT_SETTINGS(apg_columns_spool, &e.columns),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"encode", "[OPTION]... [FILE]...",
        "Encode a CSV log as a binary feature file, to train on it many times.", table,
        "    apg encode < logs.csv > logs.apgf\n"
        "    apg encode --multi genres --min-count 5 -o logs.apgf day1.csv day2.csv\n"
        "    apg encode --encoder model.apg < today.csv | apg predict -m model.apg\n"
        "    apg encode --decode < logs.apgf | head"};
    int exit_code = opt_parse(&argc, &argv, &command);
    if (exit_code != OPT_GO || (exit_code = input_check_columns(&command, &e.columns)) != OPT_GO)
        return exit_code;
    if ((exit_code = bad_rows_check(&e.bad, out_path, &command)) != OPT_GO)
        return exit_code;
    if (back && (encoder_path || apg_rejects_skip(&e.bad.rules)))
        return opt_usage(&command, encoder_path ? "--decode needs no --encoder: a feature file has its own"
                                                : "--on-error is for CSV: not with --decode");
    if (encoder_path && opt_given("weight"))
        return opt_usage(&command, "--encoder says which column the weights are: not with --weight");
    e.bad.quiet = e.quiet;

    struct apg_error err;
    enum apg_status status = APG_OK;
    if (encoder_path && !(status = encoder_open(&encoder, encoder_path, &err))) {
        apg_columns_cut_as(&e.columns, opt_all_given(), encoder.schema);
        e.columns.may_lack = encoder.schema->label;
    }
    if (!status)
        status = input_open_all(&e.inputs, argv, (size_t)argc, &e.columns, &err);
    for (size_t i = 0; !status && i < e.inputs.n; i++)
        if (back != (e.inputs.source[i].type == APG_SOURCE_FEATURES))
            status = apg_fail(&err, APG_EUSAGE,
                back ? "%s: not a feature file" : "%s: a feature file: it is encoded already",
                e.inputs.source[i].name);
    if (status || (status = apg_pool_new(&e.pool, (unsigned)threads, &err)) ||
        (status = output_open(&e.out, out_path, !back, &err)) || (status = bad_rows_open(&e.bad, &err)))
        goto done;
    status = back             ? decode(&e, &err)
             : encoder.schema ? encode_with(&e, encoder.schema, &err)
                              : encode(&e, &err);
    if (!status)
        status = apg_source_check(&encoder.source, &err);
    if (!(status = bad_rows_close(&e.bad, status, &err)))
        status = output_commit(&e.out, &err);
done:
    if (status)
        output_abandon(&e.out);
    encoder_close(&encoder);
    input_close_all(&e.inputs);
    apg_pool_free(e.pool);
    return status ? message_fail(&err) : EXIT_OK;
}
