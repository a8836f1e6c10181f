/* SPDX-License-Identifier: MIT
 *
 * apg predict: one probability per row, in order, as rows arrive. Chunk after chunk: read, encode, forward,
 * write; what the input has now is answered now.
 */
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../lib/encode.h"
#include "../lib/metrics.h"
#include "../lib/model.h"
#include "cmd.h"
#include "input.h"

enum { BATCH = 4096 };

struct predict {
    struct apg_model *model;
    struct apg_pool *pool;
    struct cmd_out out;
    struct apg_metrics_running metrics;
    const char *id;
    bool append, logit, quiet;
};

static enum apg_status put_score(struct predict *p, double z, struct apg_error *err)
{
    if (fprintf(p->out.f, "%.9g\n", p->logit ? z : apg_metrics_sigmoid(z)) < 0)
        return apg_fail_errno(err, "%s", p->out.name);
    return APG_OK;
}

/* The part of a line before the score: row R as it came without its line end, or its id. */
static void put_before(struct predict *p, const struct apg_csv_chunk *c, size_t r, size_t id, char delimiter)
{
    if (p->append) {
        size_t from = c->record[r], to = c->record[r + 1];
        while (to > from && (c->bytes[to - 1] == '\n' || c->bytes[to - 1] == '\r'))
            to--;
        fwrite(c->bytes + from, 1, to - from, p->out.f);
    } else if (p->id) {
        const struct apg_cell *cell = &c->cell[c->first[r] + id];
        char small[512],
            *quoted = 2 * (size_t)cell->len + 2 <= sizeof small ? small : malloc(2 * (size_t)cell->len + 2);
        if (quoted)
            fwrite(quoted, 1, apg_csv_quote(quoted, c->text + cell->at, cell->len, delimiter), p->out.f);
        if (quoted != small)
            free(quoted);
    } else {
        return;
    }
    putc(delimiter, p->out.f);
}

/* Scores of a block; CHUNK is where its rows came from, or NULL. */
static enum apg_status score_block(struct predict *p, const struct apg_block *b,
    const struct apg_csv_chunk *chunk, size_t id, char delimiter, struct apg_error *err)
{
    static const uint32_t *row[BATCH];
    static double z[BATCH];
    enum apg_status status = APG_OK;
    for (size_t at = 0; !status && at < b->rows; at += BATCH) {
        size_t n = b->rows - at < BATCH ? b->rows - at : BATCH;
        for (size_t i = 0; i < n; i++)
            row[i] = apg_block_row(b, at + i);
        status = apg_model_logits(p->model, row, n, p->pool, z, err);
        for (size_t i = 0; !status && i < n; i++) {
            float label = apg_word_float(row[i][0]);
            if (label == label)
                apg_metrics_running_add(&p->metrics, z[i], label > 0);
            if (chunk)
                put_before(p, chunk, at + i, id, delimiter);
            status = put_score(p, z[i], err);
        }
    }
    return status;
}

static enum apg_status flush(struct predict *p, struct apg_error *err)
{
    return fflush(p->out.f) ? apg_fail_errno(err, "%s", p->out.name) : APG_OK;
}

static enum apg_status predict_csv(
    struct predict *p, struct apg_csv *csv, const struct apg_columns *columns, struct apg_error *err)
{
    struct apg_csv_chunk header = {0}, chunk = {0};
    struct apg_binding binding = {0};
    struct apg_sheet sheet = {0};
    struct apg_block block = {0};
    size_t id = SIZE_MAX;
    enum apg_status status = apg_columns_header(columns, csv, &header, err);
    if (!status && !header.records)
        status = apg_fail(err, APG_EINPUT, "%s: empty input", apg_csv_name(csv));
    if (!status)
        status = apg_schema_bind(p->model->schema, csv, &header, false, &binding, err);
    for (size_t c = 0; !status && p->id && c < binding.columns; c++)
        if (strcmp(binding.column[c], p->id) == 0)
            id = c;
    if (!status && p->id && id == SIZE_MAX)
        status = apg_fail(err, APG_EINPUT, "%s: no column '%s'", apg_csv_name(csv), p->id);
    if (!status && p->append && columns->header) {
        size_t n = header.n_bytes, from = 0;
        while (n > 0 && (header.bytes[n - 1] == '\n' || header.bytes[n - 1] == '\r'))
            n--;
        if (n >= 3 && memcmp(header.bytes, "\xef\xbb\xbf", 3) == 0)
            from = 3;
        while (from < n && (header.bytes[from] == '\n' || header.bytes[from] == '\r'))
            from++;
        fwrite(header.bytes + from, 1, n - from, p->out.f);
        fprintf(p->out.f, "%cscore\n", columns->delimiter);
    } else if (!status && p->id && columns->header) {
        fprintf(p->out.f, "%s%cscore\n", p->id, columns->delimiter);
    }
    while (!status && !(status = apg_csv_next(csv, &chunk, err)) && chunk.n_bytes)
        if (!(status = apg_csv_parse(csv, &chunk, p->append, err)) &&
            !(status = apg_schema_encode(p->model->schema, &binding, csv, &chunk, &sheet, &block, err)) &&
            !(status = score_block(p, &block, &chunk, id, columns->delimiter, err)))
            status = flush(p, err);
    apg_csv_chunk_release(&header);
    apg_csv_chunk_release(&chunk);
    apg_binding_release(&binding);
    apg_sheet_release(&sheet);
    apg_block_release(&block);
    return status;
}

static enum apg_status predict_features(struct predict *p, struct input *in, struct apg_error *err)
{
    struct apg_block block = {0};
    enum apg_status status = APG_OK;
    if (apg_schema_hash(apg_feat_schema(in->feat)) != apg_schema_hash(p->model->schema))
        return apg_fail(
            err, APG_EUSAGE, "%s: not encoded as the model does (apg encode --encoder MODEL)", in->name);
    while (!status && !(status = apg_feat_next(in->feat, &block, err)) && block.rows)
        if (!(status = score_block(p, &block, NULL, 0, ',', err)))
            status = flush(p, err);
    apg_block_release(&block);
    return status;
}

static void tell(const struct predict *p)
{
    if (p->quiet || !p->metrics.sums.rows)
        return;
    double bound, auc = apg_metrics_running_auc(&p->metrics, &bound);
    struct apg_metrics_means m = apg_metrics_means(&p->metrics.sums);
    fprintf(stderr, "apg predict: %llu labelled rows: AUC %.5f (+- %.1g), log loss %.5f, calibration %.3f\n",
        (unsigned long long)p->metrics.sums.rows, auc, bound, m.log_loss, m.calibration);
}

int cmd_predict(int argc, char **argv)
{
    struct predict p = {0};
    struct columns_args args = COLUMNS_ARGS;
    struct apg_columns columns;
    const char *model_path = NULL, *out_path = NULL, *name;
    size_t threads = 0;
    const struct opt table[] = {
        OPT_STRING('m', "model", &model_path, "FILE", "the model (needed)"),
        OPT_HEADING("Input"),
        OPTS_FORMAT(args),
        OPT_HEADING("Output"),
        OPT_FLAG(0, "append", &p.append, "each row as it came, and its score behind it"),
        OPT_STRING(0, "id", &p.id, "COL", "this column, and the score behind it"),
        OPT_FLAG(0, "logit", &p.logit, "logits instead of probabilities"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &p.quiet, "no metrics when there are labels"),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"predict", "-m MODEL [OPTION]... [FILE]...",
        "Predict one probability per row, in order, as rows arrive.", table,
        "    apg predict -m serve.apg < new.csv > scores.txt\n"
        "    tail -n +1 -F clicks.csv | apg predict -m serve.apg\n"
        "    apg predict -m serve.apg --append < new.csv | sort -t, -k9 -gr | head"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_columns(&command, &args, &columns)) != OPT_GO)
        return code;
    if (!model_path)
        return opt_usage(&command, "--model is needed");
    if (p.append && p.id)
        return opt_usage(&command, "--append and --id exclude each other");
    struct apg_error err;
    struct inputs in = {0};
    enum apg_status status = APG_EIO;
    int fd = cmd_in_open(model_path, &name, &err);
    if (fd < 0 || (status = apg_model_load(&p.model, fd, name, BATCH, true, &err)))
        goto done;
    if (!opt_given("delimiter"))
        columns.delimiter = p.model->schema->delimiter;
    if ((status = apg_pool_new(&p.pool, (unsigned)threads, &err)) ||
        (status = apg_metrics_running_init(&p.metrics, &err)) ||
        (status = input_open_all(&in, argv, (size_t)argc, columns.delimiter, &err)) ||
        (status = cmd_out_open(&p.out, out_path, false, &err)))
        goto done;
    for (size_t i = 0; !status && i < in.n; i++) {
        if (in.csv[i])
            status = predict_csv(&p, in.csv[i], &columns, &err);
        else if (p.append || p.id)
            status = apg_fail(&err, APG_EUSAGE, "%s: --append and --id need CSV", in.input[i].name);
        else
            status = predict_features(&p, &in.input[i], &err);
    }
    if (!status && !(status = cmd_out_commit(&p.out, &err)))
        tell(&p);
done:
    if (status)
        cmd_out_abandon(&p.out);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    apg_model_free(p.model);
    apg_metrics_running_release(&p.metrics);
    input_close_all(&in);
    apg_pool_free(p.pool);
    return status ? cmd_fail(&err) : EXIT_OK;
}
