/* SPDX-License-Identifier: MIT
 *
 * apg predict: one probability per row, in order, as rows arrive. serve/stream.h scores the parts
 * of the input by several threads, which also make the lines of a part (make); parts are written
 * in order (take). What the input has now is answered now.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "stats/metrics.h"
#include "serve/handle.h"
#include "serve/stream.h"
#include "cmd.h"
#include "common/bad_rows.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/scores_csv.h"
#include "common/unknown.h"

struct predict {
    struct apg *model;
    struct apg_pool *pool;
    struct apg_stream stream;
    struct output out;
    struct apg_metrics_running metrics;
    struct unknown unknown; /* tokens */
    bool count;             /* them */
    const char *score;      /* name of its column */
    struct apg_list id;     /* names of columns */
    size_t *id_cell;        /* (id.n) of a record, the cells of these columns */
    uint64_t weightless;    /* labelled rows that have none though others may */
    const char *weight;     /* that of the weights by which metrics are; NULL: there was none */
    uint64_t rows;
    struct apg_csv_names names; /* --append: of the first input's columns */
    struct bad_rows bad;
    bool has_header;
    char delimiter;
    bool quotes, append, logit, quiet;
};

static enum apg_status find_columns(struct predict *p, struct apg_error *err)
{
    const struct apg_csv_chunk *c = &p->stream.header;
    const char *file = p->stream.source->name;
    size_t taken = SIZE_MAX;
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < p->id.n; i++) {
        const char *name = p->id.item[i];
        status = apg_csv_need(p->stream.source->csv, c, name, &p->id_cell[i], err);
        if (strcmp(name, p->score) == 0)
            taken = p->id_cell[i];
    }
    if (!status && p->append &&
        !(status = apg_csv_same_names(&p->names, p->stream.source->csv, c, "--append", err)))
        status = apg_csv_find(p->stream.source->csv, c, p->score, &taken, err);
    if (!status && taken != SIZE_MAX)
        status = apg_fail(err, APG_EINPUT,
            "%s:%llu: a column is named '%s' already: name that of the scores by --score", file,
            (unsigned long long)c->line, p->score);
    return status;
}

/* Let COLUMNS have the names that are the first record of the file PATH. They are in CHUNK, which the caller releases,
 * and NAMES, whose items are freed with free(). */
static enum apg_status read_names(struct apg_columns *columns, const char *path, struct apg_csv_chunk *chunk,
    struct apg_list *names, struct apg_error *err)
{
    struct apg_source in;
    columns->header = true;
    enum apg_status status = input_open(&in, path, columns, err);
    if (status)
        return status;
    if (!in.csv)
        status = apg_fail(err, APG_EINPUT, "%s: --header-from takes CSV", in.name);
    else if (!(status = apg_columns_header(columns, in.csv, false, chunk, err)) && !chunk->records)
        status = apg_fail(err, APG_EINPUT, "%s: empty: not even a header", in.name);
    if (!status && !(names->item = apg_alloc(chunk->first[1], sizeof *names->item)))
        status = apg_fail_memory(err);
    for (size_t i = 0; !status && i < chunk->first[1]; i++)
        names->item[names->n++] = chunk->text + chunk->cell[i].at;
    columns->names = *names;
    columns->header = false;
    input_close(&in);
    return status;
}

/* A name as a cell of its own. */
static enum apg_status put_name(struct predict *p, const char *name, struct apg_error *err)
{
    const size_t len = strlen(name);
    char *cell = apg_alloc(2 * len + 3, 1);
    if (!cell)
        return apg_fail_memory(err);
    fwrite(cell, 1, apg_csv_write(cell, name, len, p->delimiter, p->quotes), p->out.f);
    free(cell);
    return APG_OK;
}

/* Write the header, before the rows of the first input. */
static enum apg_status put_header(struct predict *p, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (p->append) {
        size_t n;
        const char *text = apg_csv_header_text(&p->stream.header, &n);
        fwrite(text, 1, n, p->out.f);
        putc(p->delimiter, p->out.f);
    }
    for (size_t i = 0; !status && i < p->id.n; i++) {
        status = put_name(p, p->id.item[i], err);
        putc(p->delimiter, p->out.f);
    }
    if (!status && !(status = put_name(p, p->score, err)))
        putc('\n', p->out.f);
    return status;
}

/* Before the score a line has record R as it came, without its line end (--append), or cells of it
 * (--id). */

/* The bytes that put_before writes at most. */
static size_t before_size(const struct predict *p, const struct apg_csv_chunk *c, size_t r)
{
    size_t n = p->append ? c->record[r + 1] - c->record[r] + 1 : 0;
    for (size_t i = 0; i < p->id.n; i++)
        n += 2 * (size_t)c->cell[c->first[r] + p->id_cell[i]].len + 3;
    return n;
}

/* Write it to OUT, with a delimiter behind each. Returns bytes. */
static size_t put_before(const struct predict *p, const struct apg_csv_chunk *c, size_t r, char *out)
{
    size_t n = 0;
    if (p->append) {
        size_t from = c->record[r], to = c->record[r + 1];
        while (to > from && (c->bytes[to - 1] == '\n' || c->bytes[to - 1] == '\r'))
            to--;
        n = to - from;
        memcpy(out, c->bytes + from, n);
        out[n++] = p->delimiter;
    }
    for (size_t i = 0; i < p->id.n; i++) {
        const struct apg_cell *cell = &c->cell[c->first[r] + p->id_cell[i]];
        n += apg_csv_write(out + n, c->text + cell->at, cell->len, p->delimiter, p->quotes);
        out[n++] = p->delimiter;
    }
    return n;
}

/* Make the lines of a part. A record that is no row has none, or an empty score. */
static enum apg_status make(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    const struct predict *p = arg;
    const bool before = p->append || p->id.n, empty = p->bad.rules.on_error == APG_ON_ERROR_EMPTY;
    size_t row = 0, bad = 0;
    if (p->count) {
        if (!apg_grow(&part->count, &part->cap_count, 2 * p->unknown.schema->n_fields, sizeof *part->count))
            return apg_fail_memory(err);
        unknown_count(&p->unknown, &part->block, part->rows, part->count);
    }
    for (size_t r = 0; r < part->rows + part->bad.n; r++) {
        const bool scored = bad == part->bad.n || part->bad.item[bad].record != r;
        bad += !scored;
        if (!scored && !empty)
            continue;
        const size_t need = part->n_text + (before ? before_size(p, &part->chunk, r) : 0) + SCORES_TEXT;
        if (!apg_grow(&part->text, &part->cap_text, need, 1))
            return apg_fail_memory(err);
        if (before)
            part->n_text += put_before(p, &part->chunk, r, part->text + part->n_text);
        if (scored)
            part->n_text += scores_text(part->text + part->n_text, part->logit[row++], p->logit);
        part->text[part->n_text++] = '\n';
    }
    return APG_OK;
}

static enum apg_status take(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    struct predict *p = arg;
    p->rows += part->rows + part->bad.n;
    if (p->count)
        unknown_add(&p->unknown, part->rows, part->count);
    for (size_t r = 0; !p->quiet && r < part->rows; r++) {
        const uint32_t *row = apg_block_row(&part->block, r);
        float label = apg_word_float(row[0]);
        const struct apg_schema *s = p->model->model->schema;
        if (label == label) {
            p->weightless += s->weight && row[apg_row_weight_at(s)] == APG_MISSING;
            apg_metrics_running_add(&p->metrics, part->logit[r], label > 0, apg_row_weight(s, row));
        }
    }
    /* Of bad rows alone there is no text, and it is NULL. */
    return (part->n_text && fwrite(part->text, 1, part->n_text, p->out.f) < part->n_text) || fflush(p->out.f)
               ? apg_fail_errno(err, "%s", p->out.name)
               : APG_OK;
}

static enum apg_status predict(
    struct predict *p, struct apg_source *in, const struct apg_columns *columns, struct apg_error *err)
{
    const struct apg_stream_user user = {.spans = p->append, .make = make, .take = take, .arg = p};
    if (!in->csv && (p->append || p->id.n))
        return apg_fail(err, APG_EUSAGE, "%s: --append and --id need CSV", in->name);
    enum apg_status status = apg_stream_begin(&p->stream, in, columns, false, err);
    if (!status && (!in->csv || p->stream.binding.weight != SIZE_MAX))
        p->weight = p->model->model->schema->weight;
    if (!status && in->csv && !p->stream.header.records)
        return APG_OK; /* an empty part of a log, --no-header */
    if (!status && (p->append || p->id.n) && !(status = find_columns(p, err)) && columns->header &&
        !p->has_header) {
        status = put_header(p, err);
        p->has_header = true;
    }
    return status ? status : apg_stream_run(&p->stream, &user, err);
}

/* Report metrics, when rows had labels. */
static void tell(const struct predict *p)
{
    if (p->quiet || !(p->metrics.sums.weight > 0))
        return;
    double bound, auc = apg_metrics_running_auc(&p->metrics, &bound);
    struct apg_metrics_means m = apg_metrics_means(&p->metrics.sums);
    const uint64_t labelled = p->metrics.sums.rows;
    char of[48] = "";
    if (labelled < p->rows)
        snprintf(of, sizeof of, " of %llu", (unsigned long long)p->rows);
    if (p->weight && p->weightless)
        message_warn("%llu labelled rows have no weight, or none that can be read: each counts 1",
            (unsigned long long)p->weightless);
    fprintf(stderr, "apg predict: %llu%s labelled rows%s%s: AUC ", (unsigned long long)labelled, of,
        p->weight ? ", weighted by " : "", p->weight ? message_text(p->weight) : "");
    if (isnan(auc)) /* they have one label only */
        fprintf(stderr, "undefined, log loss %.5f\n", m.log_loss);
    else
        fprintf(stderr, "%.5f (+- %.1g), log loss %.5f, calibration %.3f\n", auc, bound, m.log_loss,
            m.calibration);
}

int cmd_predict(int argc, char **argv)
{
    struct predict p = {.score = "score"};
    struct apg_columns columns;
    apg_columns_default(&columns);
    const char *model_path = NULL, *out_path = NULL, *header_path = NULL;
    struct apg_csv_chunk header = {0}; /* of HEADER_PATH */
    struct apg_list names = {0};
    size_t threads = 0;
    const struct opt table[] = {
        OPT_MODEL(&model_path, "the model (needed)"),
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &columns),
        OPT_STRING(0, "header-from", &header_path, "FILE",
            "the input has no header: the names of its columns are the first record of FILE"),
        OPT_FLAG(0, "skip-header", &columns.skip_names,
            "without a header: where the first record of an input is the names of the columns, leave it out"),
        OPT_BAD_ROWS(apg_rejects_predict_settings, &p.bad),
        OPT_LIST(0, "max-unknown", &p.unknown.limits, "SHARE,...",
            "fail when the model does not know more than SHARE, such as 0.2 or 20%, of the tokens of a column; "
            "COLUMN=SHARE: of that column"),
        OPT_HEADING("Output"),
        OPT_FLAG(0, "append", &p.append, "write each row as it came, with its score behind it"),
        OPT_LIST(0, "id", &p.id, "COL,...", "write these columns, with the score behind them"),
        OPT_STRING(0, "score", &p.score, "NAME", "name of the column of scores"),
        OPT_FLAG(0, "logit", &p.logit, "write logits instead of probabilities"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &p.quiet, "do not report metrics when rows have labels"),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"predict", "-m MODEL [OPTION]... [FILE]...",
        "Predict one probability per row, in order, as rows arrive.", table,
        "    apg predict -m serve.apg < new.csv > scores.txt\n"
        "    tail -n +1 -F clicks.csv | apg predict -m serve.apg\n"
        "    apg predict -m serve.apg --append < new.csv | sort -t, -k9 -gr | head"};
    int code = opt_parse(&argc, &argv, &command);
    if (code == OPT_GO && header_path && (columns.names.n || (opt_given("header") && columns.header)))
        return opt_usage(&command, "--header-from does not go with --columns or --header");
    if (code != OPT_GO || (code = input_check_columns(&command, &columns)) != OPT_GO)
        return code;
    if ((code = input_need_model(&command, model_path, argv, argc)) != OPT_GO)
        return code;
    if (p.append && p.id.n)
        return opt_usage(&command, "--append and --id exclude each other");
    if ((code = unknown_check_limits(&p.unknown, &command)) != OPT_GO ||
        (code = bad_rows_check(&p.bad, out_path, &command)) != OPT_GO)
        return code;
    p.bad.quiet = p.quiet;
    p.count = !p.quiet || p.unknown.limits.n;
    struct apg_error err;
    struct inputs in = {0};
    enum apg_status status = input_open_model(&p.model, model_path, &err);
    if (status || (status = apg_pool_new(&p.pool, (unsigned)threads, &err)) ||
        (status = apg_stream_open(&p.stream, p.model->model, p.pool, &err)) ||
        (status = unknown_init(&p.unknown, p.model->model->schema, &err)))
        goto done;
    if (!(p.id_cell = apg_alloc(p.id.n, sizeof *p.id_cell))) {
        status = apg_fail_memory(&err);
        goto done;
    }
    apg_columns_cut_as(&columns, opt_all_given(), p.model->model->schema);
    columns.may_lack = p.model->model->schema->label;
    if (header_path && (status = read_names(&columns, header_path, &header, &names, &err)))
        goto done;
    if (columns.skip_names && columns.header) {
        status = apg_fail(&err, APG_EUSAGE,
            "--skip-header is for an input without a header: add --no-header or --header-from");
        goto done;
    }
    p.delimiter = columns.delimiter, p.quotes = columns.quotes;
    if ((!p.quiet && (status = apg_metrics_running_init(&p.metrics, &err))) ||
        (status = input_open_all(&in, argv, (size_t)argc, &columns, &err)) ||
        (status = output_open(&p.out, out_path, false, &err)) || (status = bad_rows_open(&p.bad, &err)))
        goto done;
    p.stream.rejects = &p.bad.rules;
    for (size_t i = 0; !status && i < in.n; i++) {
        if (!(status = input_again(&in, i, &err)))
            status = predict(&p, &in.source[i], &columns, &err);
        apg_stream_end(&p.stream);
        input_close(&in.source[i]);
    }
    if (!(status = bad_rows_close(&p.bad, status, &err)) && !(status = unknown_check(&p.unknown, &err)) &&
        !(status = output_commit(&p.out, &err))) {
        tell(&p);
        if (!p.quiet)
            unknown_tell(&p.unknown);
    }
done:
    if (status)
        output_abandon(&p.out);
    apg_stream_close(&p.stream);
    apg_pool_free(p.pool);
    apg_close(p.model);
    apg_metrics_running_release(&p.metrics);
    unknown_release(&p.unknown);
    free(p.id_cell);
    free(p.names.text);
    free(names.item);
    apg_csv_chunk_release(&header);
    input_close_all(&in);
    return status ? message_fail(&err) : EXIT_OK;
}
