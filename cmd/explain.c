/* SPDX-License-Identifier: MIT
 *
 * apg explain: what a model's columns do. Of a log, how much worse its scores are when a column is shuffled;
 * with --by-row, of each row, which columns change its logit most when they are unknown (serve/explain.h).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "serve/explain.h"
#include "serve/handle.h"
#include "serve/stream.h"
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/report.h"
#include "common/weights.h"

enum { SAMPLE_ROWS = 100000, REPEATS = 3, TOP_COLUMNS = 3, CHANGE_BYTES = 32 };

struct explain {
    struct apg *model;
    struct apg_pool *pool;
    struct apg_stream stream;
    struct output out;
    struct apg_columns columns;
    /* of a log: */
    struct apg_sample sample;
    struct apg_explain_plan plan;
    struct apg_importance *column; /* (fields) */
    double auc, log_loss;
    bool weighted; /* are the rows of the source at hand? */
    /* of rows: */
    bool by_row, has_header;
    struct apg_list id;
    size_t *id_cell; /* (id.n) of a record */
    size_t top;
    uint64_t rows;
};

static const struct apg_schema *schema_of(const struct explain *e)
{
    return e->model->model->schema;
}

static const char *column_name(const struct explain *e, size_t field)
{
    return schema_of(e)->field[field].name;
}

/* ---- a log ---- */

static enum apg_status keep_rows(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    struct explain *e = arg;
    const struct apg_schema *s = schema_of(e);
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < part->rows; i++) {
        const uint32_t *row = apg_block_row(&part->block, i);
        if (e->weighted && row[apg_row_weight_at(s)] == APG_MISSING) {
            status = apg_fail(
                err, APG_EINPUT, "a row has no weight '%s': --weight '' lets all rows count 1", s->weight);
            return apg_stream_fail_at(&e->stream, part, i, err);
        }
        status = apg_sample_add(&e->sample, s, row, err);
    }
    return status;
}

static void report_text(FILE *f, const struct explain *e)
{
    const size_t n = schema_of(e)->n_fields;
    int width = 16;
    for (size_t i = 0; i < n; i++) {
        const int length = (int)strlen(message_text(column_name(e, i)));
        width = length > width ? length : width;
    }
    fprintf(f, "%-*s%12zu", width, "rows", e->sample.n);
    if (e->sample.seen > e->sample.n)
        fprintf(f, "  of %llu, drawn at random (--sample)", (unsigned long long)e->sample.seen);
    fprintf(f, "\n%-*s", width, "AUC");
    report_number(f, 12, 6, e->auc);
    fprintf(f, "\n%-*s", width, "log loss");
    report_number(f, 12, 6, e->log_loss);
    if (e->plan.weighted)
        fprintf(f, "\n%-*s%12s  weights the rows", width, "weight", message_text(schema_of(e)->weight));
    fprintf(f, "\n\n%-*s%12s%12s%15s%12s\n", width, "shuffled", "AUC falls", "deviation", "log loss rises",
        "deviation");
    for (size_t i = 0; i < n; i++) {
        const struct apg_importance *x = &e->column[i];
        fprintf(f, "%-*s", width, message_text(column_name(e, x->field)));
        report_number(f, 12, 6, x->auc.mean);
        report_number(f, 12, 6, x->auc.deviation);
        report_number(f, 15, 6, x->loss.mean);
        report_number(f, 12, 6, x->loss.deviation);
        putc('\n', f);
    }
}

static void csv_number(FILE *f, double x)
{
    if (isnan(x))
        putc(',', f);
    else
        fprintf(f, ",%.17g", x);
}

static enum apg_status put_cell(FILE *f, const char *text, struct apg_error *err)
{
    const size_t length = strlen(text);
    char *cell = apg_alloc(2 * length + 2, 1);
    if (!cell)
        return apg_fail_memory(err);
    fwrite(cell, 1, apg_csv_write(cell, text, length, ',', true), f);
    free(cell);
    return APG_OK;
}

static enum apg_status report_csv(FILE *f, const struct explain *e, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    fputs("column,auc_falls,auc_deviation,log_loss_rises,log_loss_deviation\n", f);
    for (size_t i = 0; !status && i < schema_of(e)->n_fields; i++) {
        const struct apg_importance *x = &e->column[i];
        status = put_cell(f, column_name(e, x->field), err);
        csv_number(f, x->auc.mean);
        csv_number(f, x->auc.deviation);
        csv_number(f, x->loss.mean);
        csv_number(f, x->loss.deviation);
        putc('\n', f);
    }
    return status;
}

static enum apg_status report_as_json(FILE *f, const struct explain *e, struct apg_error *err)
{
    json_t *columns = json_array();
    int bad = 0;
    for (size_t i = 0; i < schema_of(e)->n_fields; i++) {
        const struct apg_importance *x = &e->column[i];
        bad |= json_array_append_new(columns,
            json_pack("{s:s, s:o, s:o, s:o, s:o}", "column", column_name(e, x->field), "auc_falls",
                report_json_number(x->auc.mean), "auc_deviation", report_json_number(x->auc.deviation),
                "log_loss_rises", report_json_number(x->loss.mean), "log_loss_deviation",
                report_json_number(x->loss.deviation)));
    }
    json_t *root = json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "label", schema_of(e)->label, "rows",
        (json_int_t)e->sample.n, "rows_read", (json_int_t)e->sample.seen, "repeats",
        (json_int_t)e->plan.repeats, "seed", (json_int_t)e->plan.seed, "auc", report_json_number(e->auc),
        "log_loss", report_json_number(e->log_loss), "columns", columns);
    if (root && e->plan.weighted)
        bad |= json_object_set_new(root, "weight", json_string(schema_of(e)->weight));
    return report_json(f, root, bad, err);
}

/* ---- rows ---- */

static size_t id_bytes(const struct explain *e, const struct apg_csv_chunk *c, size_t r)
{
    size_t n = 0;
    for (size_t i = 0; i < e->id.n; i++)
        n += 2 * (size_t)c->cell[c->first[r] + e->id_cell[i]].len + 3;
    return n;
}

/* Make the lines of a part. Where no --id tells rows apart, the number of each comes before, when it is taken:
 * count[i] is where the line of row i ends. */
static enum apg_status make(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    const struct explain *e = arg;
    const size_t n = schema_of(e)->n_fields, rows = part->rows;
    double *change = apg_alloc(rows * n, sizeof *change);
    enum apg_status status = change && apg_grow(&part->count, &part->cap_count, rows, sizeof *part->count)
                                 ? APG_OK
                                 : apg_fail_memory(err);
    if (!status)
        status = apg_explain_rows(e->model->model, part->slot, &part->block, rows, part->logit, change, err);
    for (size_t r = 0; !status && r < rows; r++) {
        double *d = change + r * n;
        if (!apg_grow(&part->text, &part->cap_text,
                part->n_text + (e->id.n ? id_bytes(e, &part->chunk, r) : 0) + CHANGE_BYTES, 1)) {
            status = apg_fail_memory(err);
            break;
        }
        for (size_t i = 0; i < e->id.n; i++) {
            const struct apg_cell *cell = &part->chunk.cell[part->chunk.first[r] + e->id_cell[i]];
            part->n_text +=
                apg_csv_write(part->text + part->n_text, part->chunk.text + cell->at, cell->len, ',', true);
            part->text[part->n_text++] = ',';
        }
        part->n_text += (size_t)sprintf(part->text + part->n_text, "%.9g", part->logit[r]);
        for (size_t k = 0; k < e->top; k++) {
            size_t best = n;
            for (size_t f = 0; f < n; f++)
                if (!isnan(d[f]) && (best == n || fabs(d[f]) > fabs(d[best])))
                    best = f;
            if (best == n) /* the logits without are not finite */
                break;
            const char *name = column_name(e, best);
            const size_t length = strlen(name);
            if (!apg_grow(&part->text, &part->cap_text, part->n_text + 2 * length + 2 + CHANGE_BYTES, 1)) {
                status = apg_fail_memory(err);
                break;
            }
            part->text[part->n_text++] = ',';
            part->n_text += apg_csv_write(part->text + part->n_text, name, length, ',', true);
            part->n_text += (size_t)sprintf(part->text + part->n_text, ",%.6g", d[best]);
            d[best] = NAN; /* it is told */
        }
        if (!status) {
            part->text[part->n_text++] = '\n';
            part->count[r] = part->n_text;
        }
    }
    free(change);
    return status;
}

static enum apg_status take(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    struct explain *e = arg;
    for (size_t r = 0, at = 0; r < part->rows; at = part->count[r++]) {
        e->rows++;
        if (!e->id.n)
            fprintf(e->out.f, "%llu,", (unsigned long long)e->rows);
        fwrite(part->text + at, 1, part->count[r] - at, e->out.f);
    }
    return fflush(e->out.f) ? apg_fail_errno(err, "%s", e->out.name) : APG_OK;
}

static enum apg_status find_ids(struct explain *e, struct apg_error *err)
{
    const struct apg_csv_chunk *c = &e->stream.header;
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < e->id.n; i++)
        status = apg_csv_need(e->stream.source->csv, c, e->id.item[i], &e->id_cell[i], err);
    return status;
}

static enum apg_status put_header(struct explain *e, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < e->id.n; i++) {
        status = put_cell(e->out.f, e->id.item[i], err);
        putc(',', e->out.f);
    }
    fputs(e->id.n ? "logit" : "row,logit", e->out.f);
    for (size_t k = 1; k <= e->top; k++)
        fprintf(e->out.f, ",column_%zu,change_%zu", k, k);
    putc('\n', e->out.f);
    e->has_header = true;
    return status;
}

static enum apg_status explain(struct explain *e, struct apg_source *in, struct apg_error *err)
{
    const struct apg_stream_user user = {
        .make = e->by_row ? make : NULL, .take = e->by_row ? take : keep_rows, .arg = e};
    if (e->id.n && !in->csv)
        return apg_fail(err, APG_EUSAGE, "%s: --id needs CSV", in->name);
    enum apg_status status = apg_stream_begin(&e->stream, in, &e->columns, !e->by_row, err);
    if (!status && in->csv && !e->stream.header.records)
        return APG_OK; /* an empty part of a log, --no-header */
    if (!status && !e->by_row)
        status = weights_find(&e->stream, e->columns.weight, &e->weighted, err);
    e->plan.weighted = e->plan.weighted || e->weighted;
    if (!status && e->by_row && !(status = find_ids(e, err)) && !e->has_header)
        status = put_header(e, err);
    return status ? status : apg_stream_run(&e->stream, &user, err);
}

/* Of all rows: the columns that matter. */
static enum apg_status explain_log(struct explain *e, struct apg_error *err)
{
    if (!e->sample.n)
        return apg_fail(err, APG_EINPUT, "no rows to explain: the input is only a header");
    double weight = e->plan.weighted ? 0 : 1;
    for (size_t i = 0; e->plan.weighted && i < e->sample.n; i++)
        weight += (double)apg_row_weight(schema_of(e), e->sample.row[i]);
    if (!(weight > 0))
        return apg_fail(err, APG_EINPUT, "nothing to explain: all rows have the weight 0, by column '%s'",
            schema_of(e)->weight);
    e->column = apg_alloc(schema_of(e)->n_fields, sizeof *e->column);
    return e->column ? apg_explain_columns(e->column, &e->auc, &e->log_loss, e->model->model, &e->sample,
                           &e->plan, e->pool, err)
                     : apg_fail_memory(err);
}

int cmd_explain(int argc, char **argv)
{
    struct explain e = {.plan = {.repeats = REPEATS, .seed = 1}, .top = TOP_COLUMNS};
    apg_columns_default(&e.columns);
    const char *model_path = NULL, *out_path = NULL;
    size_t threads = 0, sample = SAMPLE_ROWS;
    bool csv = false, json = false;
    const struct opt table[] = {
        OPT_MODEL(&model_path, "the model (needed)"),
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &e.columns),
        OPT_STRING(0, "weight", &e.columns.weight, "COLUMN",
            "column of the rows' weights; by default that of the model's training rows, '' for none"),
        OPT_HEADING("A log"),
        OPT_SIZE(0, "sample", &sample, 0, 1000000000, "N",
            "of more than N rows look at N, drawn at random; 0: at all"),
        OPT_SIZE(0, "repeats", &e.plan.repeats, 1, 1000, "R", "how often each column is shuffled"),
        OPT_U64(0, "seed", &e.plan.seed, "seed of the random numbers"),
        OPT_FLAG(0, "csv", &csv, "write CSV instead of a table"),
        OPT_FLAG(0, "json", &json, "write JSON instead of a table"),
        OPT_HEADING("Rows"),
        OPT_FLAG(0, "by-row", &e.by_row,
            "for each row, as rows arrive: the columns that change its logit most when they are unknown"),
        OPT_SIZE(0, "top", &e.top, 1, 1000, "K", "how many columns, with --by-row"),
        OPT_LIST(0, "id", &e.id, "COL,...", "write these columns before, instead of the number of the row"),
        OPT_HEADING("Output and resources"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"explain", "-m MODEL [OPTION]... [FILE]...",
        "Say which columns a model's scores depend on, over a log with labels or row by row.", table,
        "    apg explain -m model.apg valid.csv\n"
        "    apg explain -m model.apg --by-row --id user_id new.csv | head\n"
        "    apg explain -m model.apg --json valid.apgf | jq -r '.columns[0].column'"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_check_columns(&command, &e.columns)) != OPT_GO)
        return code;
    if ((code = input_need_model(&command, model_path, argv, argc)) != OPT_GO)
        return code;
    const char *of_log = opt_given_below(&command, "A log");
    if (e.by_row && (of_log || opt_given("weight")))
        return opt_usage(&command, "--%s is of a log, not of --by-row", of_log ? of_log : "weight");
    if (!e.by_row && (opt_given("top") || e.id.n))
        return opt_usage(&command, "--%s is of --by-row", e.id.n ? "id" : "top");
    if (csv && json)
        return opt_usage(&command, "--csv and --json exclude each other");

    struct apg_error err;
    struct inputs in = {0};
    enum apg_status status = input_open_model(&e.model, model_path, &err);
    if (status || (status = apg_pool_new(&e.pool, (unsigned)threads, &err)) ||
        (status = apg_stream_open(&e.stream, e.model->model, e.pool, &err)))
        goto done;
    const char *weight = e.columns.weight;
    if (weight && *weight && (status = apg_columns_weigh(e.model->model->own_schema, weight, &err)))
        goto done;
    if (!(e.id_cell = apg_alloc(e.id.n, sizeof *e.id_cell))) {
        status = apg_fail_memory(&err);
        goto done;
    }
    e.top = e.top < schema_of(&e)->n_fields ? e.top : schema_of(&e)->n_fields;
    apg_columns_cut_as(&e.columns, opt_all_given(), schema_of(&e));
    apg_sample_init(&e.sample, sample, e.plan.seed);
    if ((status = input_open_all(&in, argv, (size_t)argc, &e.columns, &err)) ||
        (e.by_row && (status = output_open(&e.out, out_path, false, &err))))
        goto done;
    for (size_t i = 0; !status && i < in.n; i++) {
        if (!(status = input_again(&in, i, &err)))
            status = explain(&e, &in.source[i], &err);
        apg_stream_end(&e.stream);
        input_close(&in.source[i]);
    }
    if (!status && !e.by_row && !(status = explain_log(&e, &err)) &&
        !(status = output_open(&e.out, out_path, false, &err))) {
        if (json)
            status = report_as_json(e.out.f, &e, &err);
        else if (csv)
            status = report_csv(e.out.f, &e, &err);
        else
            report_text(e.out.f, &e);
    }
    if (!status)
        status = output_commit(&e.out, &err);
done:
    if (status)
        output_abandon(&e.out);
    apg_stream_close(&e.stream);
    apg_pool_free(e.pool);
    apg_close(e.model);
    apg_sample_release(&e.sample);
    free(e.column);
    free(e.id_cell);
    input_close_all(&in);
    return status ? message_fail(&err) : EXIT_OK;
}
