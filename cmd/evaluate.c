/* SPDX-License-Identifier: MIT
 *
 * apg evaluate: labels and scores in, metrics out. Rows are read as they arrive, and 16 bytes of
 * each are kept.
 *
 * read_rows takes scores from a CSV that has them; score_rows takes those of a model. Both add
 * rows to one collector of metrics, from which report_text or report_as_json writes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/cell.h"
#include "stats/compare.h"
#include "stats/metrics.h"
#include "serve/handle.h"
#include "serve/stream.h"
#include "cmd.h"
#include "common/bad_rows.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/report.h"
#include "common/scores_csv.h"
#include "common/page.h"
#include "common/plot.h"
#include "common/weights.h"
#include "evaluate_page.h"

/* Rows that the importance of columns is measured on for a page, and how often each column is shuffled. */
enum { IMPORTANCE_ROWS = 20000, IMPORTANCE_REPEATS = 3 };

/* Rows as a model scores them, in their order. */
struct kept_row {
    double score;
    float weight;
    uint32_t group; /* 0: rows have none */
    bool label;
};
struct kept {
    size_t n, cap;
    struct kept_row *row;
};

struct evaluate {
    struct scores_want want;
    /* with --model: */
    struct apg *model;
    struct apg_pool *pool;
    struct apg_stream stream;
    struct bad_rows bad;
    size_t *field; /* (want.group.n) the model's fields of the group columns */
    struct apg_metrics metrics;
    struct grouping groups; /* of a token the parts are the cells of the group columns, or their words */
    char *label_name, *score_name; /* as found in the last file */
    const char *weight_name;       /* column that rows of some file are weighted by; NULL: of none */
    bool weighted;                 /* are those of the file at hand? */
    const char *page_path;         /* of --report; or NULL */
    struct apg_sample sample;      /* for it, of the rows that a model scores */
    bool keep;                     /* the rows that a model scores, */
    struct kept kept;              /* here, to compare it with another */
};

/* ---- CSV with scores ---- */

static enum apg_status keep_names(
    struct evaluate *e, const char *label, const char *score, struct apg_error *err)
{
    free(e->label_name);
    free(e->score_name);
    e->label_name = strdup(label);
    e->score_name = strdup(score);
    return e->label_name && e->score_name ? APG_OK : apg_fail_memory(err);
}

static enum apg_status read_rows(struct evaluate *e, struct apg_csv *csv, struct apg_error *err)
{
    struct scores s = {.groups = &e->groups};
    struct apg_rejects *x = &e->bad.rules;
    enum apg_status status = scores_begin(&s, &e->want, csv, err);
    if (!status)
        status = apg_rejects_begin(x, csv, e->want.columns.header ? &s.header : NULL, err);
    if (!status)
        status = keep_names(e, s.label_name, s.score_name[0], err);
    e->weight_name = s.weight_name;
    while (!status) {
        status = scores_next(&s, err);
        x->seen += s.row || s.bad;
        if (s.row)
            status = apg_metrics_add(&e->metrics, s.score[0], s.label, s.weight, s.group, err);
        else if (s.bad && apg_rejects_skip(x))
            status = apg_rejects_row(x, err, s.record, s.record_bytes);
        else
            break;
    }
    scores_end(&s);
    return status;
}

/* ---- rows with a model's scores ---- */

static enum apg_status open_model(struct evaluate *e, const char *path, size_t threads, struct apg_error *err)
{
    enum apg_status status = input_open_model(&e->model, path, err);
    if (status || (status = apg_pool_new(&e->pool, (unsigned)threads, err)) ||
        (status = apg_stream_open(&e->stream, e->model->model, e->pool, err)))
        return status;
    e->stream.rejects = &e->bad.rules;
    const char *weight = e->want.columns.weight;
    if (weight && *weight && (status = apg_columns_weigh(e->model->model->own_schema, weight, err)))
        return status;
    const struct apg_schema *s = e->model->model->schema;
    e->field = apg_alloc(e->want.group.n, sizeof *e->field);
    if (!e->field)
        return apg_fail_memory(err);
    if ((status = keep_names(e, s->label, "score", err)))
        return status;
    for (size_t i = 0; i < e->want.group.n; i++)
        if ((e->field[i] = apg_schema_find(s, e->want.group.item[i])) == SIZE_MAX) {
            struct apg_near near = apg_near_to(e->want.group.item[i], strlen(e->want.group.item[i]));
            apg_schema_near(s, &near);
            return apg_fail(err, APG_EUSAGE,
                "--group: '%s' is no input of the model (scored by apg predict --append it may be any "
                "column)%s",
                e->want.group.item[i], apg_near_hint(&near));
        }
    apg_columns_cut_as(&e->want.columns, opt_all_given(), s);
    return APG_OK;
}

/* Groups are told apart by the words of a row, which are what the model knows of it: CSV and
 * features have them in common. */
static bool put_fields(struct evaluate *e, const uint32_t *row)
{
    const struct apg_schema *s = e->model->model->schema;
    for (size_t i = 0; i < e->want.group.n; i++) {
        bool multi = s->field[e->field[i]].kind == APG_MULTI;
        uint32_t word = row[1 + e->field[i]], count = word & 0xffff;
        const uint32_t *id = row + apg_row_head(s) + (word >> 16);
        if (!grouping_put(&e->groups, multi ? &count : &word, sizeof word) ||
            (multi && !grouping_put(&e->groups, id, count * sizeof *id)))
            return false;
    }
    return true;
}

/* Add row I of a part. Its score is read from the text that predict would write, so that a report
 * with --model and one of predict's output are the same. */
static enum apg_status score_row(
    struct evaluate *e, const struct apg_stream_part *part, size_t i, struct apg_error *err)
{
    const uint32_t *row = apg_block_row(&part->block, i);
    float label = apg_word_float(row[0]);
    char text[SCORES_TEXT];
    double score;
    if (!apg_cell_number(text, scores_text(text, part->logit[i], e->want.logit), &score))
        return apg_fail(err, APG_EINPUT, "the model's score is not a number: '%s'", text);
    uint32_t group = 0;
    if (!put_fields(e, row))
        return apg_fail_memory(err);
    enum apg_status status = e->want.group.n ? grouping_end(&e->groups, &group, err) : APG_OK;
    const struct apg_schema *s = e->model->model->schema;
    if (!status && e->weighted && row[apg_row_weight_at(s)] == APG_MISSING)
        return apg_fail(
            err, APG_EINPUT, "a row has no weight '%s': --weight '' lets all rows count 1", s->weight);
    const float weight = e->weighted ? apg_row_weight(s, row) : 1;
    if (!status && e->page_path)
        status = apg_sample_add(&e->sample, s, row, err);
    if (!status && e->keep) {
        if (!apg_grow(&e->kept.row, &e->kept.cap, e->kept.n + 1, sizeof *e->kept.row))
            return apg_fail_memory(err);
        e->kept.row[e->kept.n++] = (struct kept_row){score, weight, group, label > 0};
    }
    return status ? status : apg_metrics_add(&e->metrics, score, label > 0, weight, group, err);
}

static enum apg_status take_rows(void *arg, struct apg_stream_part *part, struct apg_error *err)
{
    struct evaluate *e = arg;
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < part->rows; i++)
        if ((status = score_row(e, part, i, err)) == APG_EINPUT)
            (void)apg_stream_fail_at(&e->stream, part, i, err);
    return status;
}

static enum apg_status score_rows(struct evaluate *e, struct apg_source *in, struct apg_error *err)
{
    const struct apg_stream_user user = {.take = take_rows, .arg = e};
    enum apg_status status = apg_stream_begin(&e->stream, in, &e->want.columns, true, err);
    if (!status)
        status = weights_find(&e->stream, e->want.columns.weight, &e->weighted, err);
    if (!status && e->weighted)
        e->weight_name = e->model->model->schema->weight;
    return status ? status : apg_stream_run(&e->stream, &user, err);
}

static enum apg_status evaluate(struct evaluate *e, const char *path, struct apg_error *err)
{
    struct apg_source in;
    enum apg_status status = input_open(&in, path, &e->want.columns, err);
    if (status)
        return status;
    if (e->model)
        status = score_rows(e, &in, err);
    else if (in.csv)
        status = read_rows(e, in.csv, err);
    else
        status = apg_fail(err, APG_EUSAGE, "%s: a feature file has no scores: give --model", in.name);
    input_close(&in);
    return status;
}

/* ---- the report ---- */

static void print_line(FILE *f, const char *name, double x)
{
    fprintf(f, "%-20s", name);
    report_number(f, 10, 6, x);
    putc('\n', f);
}

static void report_text(FILE *f, const struct evaluate *e, const struct apg_metrics_report *r)
{
    fprintf(f, "%-20s%10llu  '%s' scored by '%s'\n", "rows", (unsigned long long)r->rows, e->label_name,
        e->score_name);
    fprintf(f, "%-20s%10llu\n", "positive", (unsigned long long)r->positives);
    if (e->weight_name)
        fprintf(f, "%-20s%10.6g  '%s' weights the rows\n", "weight", r->weight, message_text(e->weight_name));
    print_line(f, "AUC", r->auc);
    if (e->want.group.n)
        print_line(f, "GAUC", r->all.gauc);
    print_line(f, "log loss", r->means.log_loss);
    print_line(f, "normalized entropy", r->means.normalized_entropy);
    print_line(f, "calibration", r->means.calibration);

    fprintf(f, "\nby score, from low to high\n%10s%12s%12s%12s%12s%12s", "rows", "from", "to", "mean score",
        "mean label", "calibration");
    if (e->weight_name)
        fprintf(f, "%12s", "weight");
    putc('\n', f);
    for (size_t i = 0; i < r->n_bins; i++) {
        const struct apg_metrics_bin *b = &r->bin[i];
        fprintf(f, "%10llu", (unsigned long long)b->rows);
        report_number(f, 12, 6, b->low);
        report_number(f, 12, 6, b->high);
        report_number(f, 12, 6, b->mean_score);
        report_number(f, 12, 6, b->mean_label);
        report_number(f, 12, 4, b->mean_label > 0 ? b->mean_score / b->mean_label : NAN);
        if (e->weight_name)
            fprintf(f, "%12.6g", b->weight);
        putc('\n', f);
    }
    if (!e->want.group.n)
        return;
    fprintf(f, "\nby group (");
    for (size_t i = 0; i < e->want.group.n; i++)
        fprintf(f, "%s%s", i ? "," : "", e->want.group.item[i]);
    fprintf(f, "), from few rows to many; GAUC is of %llu groups and %llu rows with both labels\n",
        (unsigned long long)r->all.mixed_groups, (unsigned long long)r->all.mixed_rows);
    fprintf(f, "%10s%12s%12s%12s%12s%12s%12s\n", "groups", "rows", "fewest", "most", "both labels", "AUC",
        "GAUC");
    for (size_t i = 0; i <= r->n_deciles; i++) {
        const struct apg_metrics_slice *s = i < r->n_deciles ? &r->decile[i] : &r->all;
        fprintf(f, "%10llu%12llu%12llu%12llu%12llu", (unsigned long long)s->groups,
            (unsigned long long)s->rows, (unsigned long long)s->fewest, (unsigned long long)s->most,
            (unsigned long long)s->mixed_groups);
        report_number(f, 12, 6, s->auc);
        report_number(f, 12, 6, s->gauc);
        fputs(i < r->n_deciles ? "\n" : "  all\n", f);
    }
}

static json_t *json_bin(const struct apg_metrics_bin *b, bool weighted)
{
    json_t *bin = json_pack("{s:I, s:I, s:o, s:o, s:o, s:o}", "rows", (json_int_t)b->rows, "positives",
        (json_int_t)b->positives, "low", report_json_number(b->low), "high", report_json_number(b->high),
        "mean_score", report_json_number(b->mean_score), "mean_label", report_json_number(b->mean_label));
    return apg_json_whole(
        bin, weighted && bin ? json_object_set_new(bin, "weight", json_real(b->weight)) : 0);
}

static json_t *json_slice(const struct apg_metrics_slice *s)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "groups", (json_int_t)s->groups, "rows",
        (json_int_t)s->rows, "positives", (json_int_t)s->positives, "fewest_rows", (json_int_t)s->fewest,
        "most_rows", (json_int_t)s->most, "mixed_groups", (json_int_t)s->mixed_groups, "mixed_rows",
        (json_int_t)s->mixed_rows, "auc", report_json_number(s->auc), "gauc", report_json_number(s->gauc));
}

static json_t *json_groups(const struct evaluate *e, const struct apg_metrics_report *r)
{
    json_t *groups = json_slice(&r->all), *columns = json_array(), *deciles = json_array();
    int bad = 0;
    for (size_t i = 0; i < e->want.group.n; i++)
        bad |= json_array_append_new(columns, json_string(e->want.group.item[i]));
    for (size_t i = 0; i < r->n_deciles; i++)
        bad |= json_array_append_new(deciles, json_slice(&r->decile[i]));
    bad |= json_object_set_new(groups, "columns", columns);
    bad |= json_object_set_new(groups, "deciles", deciles);
    return apg_json_whole(groups, bad);
}

static json_t *json_of(const struct evaluate *e, const struct apg_metrics_report *r)
{
    const struct apg_metrics_means *m = &r->means;
    json_t *bins = json_array();
    int bad = 0;
    for (size_t i = 0; i < r->n_bins; i++)
        bad |= json_array_append_new(bins, json_bin(&r->bin[i], e->weight_name));
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "label",
        e->label_name, "score", e->score_name, "rows", (json_int_t)r->rows, "positives",
        (json_int_t)r->positives, "auc", report_json_number(r->auc), "log_loss",
        report_json_number(m->log_loss), "normalized_entropy", report_json_number(m->normalized_entropy),
        "mean_score", report_json_number(m->mean_score), "mean_label", report_json_number(m->mean_label),
        "calibration", report_json_number(m->calibration), "by_score", bins);
    if (root && e->weight_name)
        bad |= json_object_set_new(root, "weight",
            json_pack("{s:s, s:f, s:f}", "column", e->weight_name, "sum", r->weight, "positive_sum",
                r->positive_weight));
    if (root && e->want.group.n)
        bad |= json_object_set_new(root, "by_group", json_groups(e, r));
    return apg_json_whole(root, bad);
}

/* ---- the page ---- */

/* Append N bytes to the text that F collects, or SEPARATOR and them behind others. */
static void put_part(FILE *f, bool first, const char *separator, const char *text, size_t n)
{
    fputs(first ? "" : separator, f);
    fwrite(text, 1, n, f);
}

/* What field F of a model knows a word by. */
static void put_token(FILE *f, const struct apg_field *field, uint32_t id)
{
    size_t n = 0;
    const char *token = apg_field_has_vocab(field) && id ? apg_vocab_token(&field->vocab, id, &n) : NULL;
    if (token)
        fwrite(token, 1, n, f);
    else if (field->hash_bits || id)
        fprintf(f, "#%u", id);
    else
        fputs(field->kind == APG_BUCKET ? "missing" : "unknown", f);
}

/* Group ID is a token: cells with a NUL behind each or, of a model, words of its fields. */
static char *group_name(const void *arg, uint32_t id)
{
    const struct evaluate *e = arg;
    size_t n;
    const char *token = apg_vocab_token(&e->groups.vocab, id, &n), *end = token + n;
    char *name = NULL;
    FILE *f = open_memstream(&name, &n);
    for (size_t i = 0; f && i < e->want.group.n && token < end; i++) {
        if (!e->model) {
            put_part(f, i == 0, ", ", token, strlen(token));
            token += strlen(token) + 1;
            continue;
        }
        const struct apg_field *field = &e->model->model->schema->field[e->field[i]];
        uint32_t word, count;
        put_part(f, i == 0, ", ", "", 0);
        memcpy(&word, token, sizeof word);
        token += sizeof word;
        if (field->kind == APG_MULTI) {
            count = word;
            for (uint32_t k = 0; k < count; k++, token += sizeof word) {
                memcpy(&word, token, sizeof word);
                put_part(f, k == 0, "|", "", 0);
                put_token(f, field, word);
            }
        } else if (field->kind == APG_NUMERIC) {
            const double raw = (double)apg_word_float(word) * field->deviation + field->mean;
            if (word == APG_MISSING)
                fputs("missing", f);
            else
                fprintf(f, "%.6g", copysign(expm1(fabs(raw)), raw));
        } else {
            put_token(f, field, word);
        }
    }
    if (!f || fclose(f)) {
        free(name);
        return NULL;
    }
    return name;
}

/* Put the page into *page, in memory: it is written when all else is well. */
static enum apg_status make_page(struct evaluate *e, const struct apg_metrics_report *r, const char *model,
    const struct apg_list *files, char **page, struct apg_error *err)
{
    size_t n;
    double auc, log_loss;
    const struct apg_explain_plan plan = {IMPORTANCE_REPEATS, 1, e->weight_name != NULL};
    struct apg_importance *importance = NULL;
    enum apg_status status = APG_OK;
    if (e->sample.n) {
        importance = apg_alloc(e->model->model->schema->n_fields, sizeof *importance);
        status = importance ? apg_explain_columns(importance, &auc, &log_loss, e->model->model, &e->sample,
                                  &plan, e->pool, err)
                            : apg_fail_memory(err);
    }
    const struct evaluate_page p = {.label = e->label_name,
        .score = e->score_name,
        .weight = e->weight_name,
        .model = model,
        .file = files,
        .report = r,
        .metrics = &e->metrics,
        .group = &e->want.group,
        .group_name = group_name,
        .arg = e,
        .schema = e->model ? e->model->model->schema : NULL,
        .importance = importance,
        .repeats = plan.repeats,
        .sample = e->sample.n};
    FILE *f = status ? NULL : open_memstream(page, &n);
    if (f)
        status = evaluate_page(f, &p, err);
    if ((!status && !f) || (f && fclose(f)))
        status = apg_fail_memory(err);
    free(importance);
    return status;
}

/* Write the page to its file. */
static enum apg_status put_page(struct output *o, const char *path, const char *page, struct apg_error *err)
{
    const enum apg_status status = output_open(o, path, false, err);
    if (!status)
        fputs(page, o->f);
    return status;
}

/* ---- one report, or a row for each ---- */

/* Read the N files, or standard input, with the scores of MODEL, or NULL for theirs, into E and *R. */
static enum apg_status judge(struct evaluate *e, const char *model, char *const *file, size_t n,
    size_t threads, struct apg_metrics_report *r, struct apg_error *err)
{
    apg_metrics_init(&e->metrics, e->want.logit);
    apg_sample_init(&e->sample, IMPORTANCE_ROWS, 1);
    enum apg_status status = grouping_init(&e->groups, err);
    if (!status && e->page_path)
        status = plot_check(err);
    if (!status && model)
        status = open_model(e, model, threads, err);
    if (!status)
        status = bad_rows_open(&e->bad, err);
    for (size_t i = 0; !status && (i < n || i == 0); i++)
        status = evaluate(e, n ? file[i] : NULL, err);
    status = bad_rows_close(&e->bad, status, err);
    if (!status && e->metrics.sums.rows == 0)
        status = e->bad.rules.bad
                     ? apg_fail(err, APG_EINPUT, "no rows to evaluate: all of them are bad")
                     : apg_fail(err, APG_EINPUT, "no rows to evaluate: the input is only a header");
    if (!status && !(e->metrics.sums.weight > 0))
        status = apg_fail(err, APG_EINPUT, "nothing to evaluate: all rows have the weight 0, by column '%s'",
            e->weight_name);
    return status ? status : apg_metrics_report(&e->metrics, r, err);
}

static void evaluate_release(struct evaluate *e)
{
    apg_sample_release(&e->sample);
    apg_metrics_release(&e->metrics);
    grouping_release(&e->groups);
    apg_stream_close(&e->stream);
    apg_pool_free(e->pool);
    apg_close(e->model);
    free(e->kept.row);
    free(e->field);
    free(e->label_name);
    free(e->score_name);
}

/* A row of a table of several models or files. */
struct row {
    const char *model; /* or NULL */
    char *const *file; /* (n) that were read; none: standard input */
    size_t n;
    bool differs;                         /* there is a model before it, that scored the same rows */
    struct apg_compare_report difference; /* to the first of those models */
    struct evaluate e;
    struct apg_metrics_report report;
};

/* What ROW scores differs so from what FIRST scores. */
static enum apg_status differ(struct row *row, const struct row *first, struct apg_error *err)
{
    const struct kept *a = &first->e.kept, *b = &row->e.kept;
    const struct apg_compare_plan plan = {.level = 0.95, .replicates = 1000, .seed = 1};
    const bool grouped = first->e.want.group.n;
    struct apg_compare c;
    enum apg_status status = APG_OK;
    if (a->n != b->n)
        return apg_fail(err, APG_EUSAGE, "%s scores %zu rows, %s %zu: they cannot be compared", first->model,
            a->n, row->model, b->n);
    apg_compare_init(&c, first->e.want.logit, grouped, first->e.weight_name != NULL);
    for (size_t i = 0; !status && i < a->n; i++) {
        const struct kept_row *x = &a->row[i], *y = &b->row[i];
        status = x->label != y->label ? apg_fail(err, APG_EUSAGE,
                                            "%s and %s: row %zu has another label: they cannot be compared",
                                            first->model, row->model, i + 1)
                                      : apg_compare_add(&c, x->score, y->score, x->label, x->weight,
                                            grouped ? x->group - 1 : 0, err);
    }
    if (!status)
        status = apg_compare_report(&c, &plan, row->e.pool, &row->difference, err);
    apg_compare_release(&c);
    row->differs = !status;
    return status;
}

/* What ROW is called: by its model, by its file, or by both. */
static const char *row_name(const struct row *r, bool each, char *out, size_t size)
{
    const char *file = r->n ? r->file[0] : "standard input";
    (void)snprintf(out, size, "%s%s%s", r->model ? r->model : "", r->model && each ? " " : "",
        each || !r->model ? file : "");
    return message_text(out);
}

static void rows_text(FILE *f, const struct row *row, size_t n, bool each)
{
    char name[1024];
    size_t width = 12;
    bool differ = false;
    const bool grouped = row->e.want.group.n;
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(row_name(&row[i], each, name, sizeof name));
        width = length > width ? length : width;
        differ = differ || row[i].differs;
    }
    fprintf(f, "%-*s%10s%10s%10s%s%10s%10s%12s\n", (int)width, "", "rows", "positive", "AUC",
        grouped ? "      GAUC" : "", "log loss", "entropy", "calibration");
    for (size_t i = 0; i < n; i++) {
        const struct apg_metrics_report *r = &row[i].report;
        fprintf(f, "%-*s%10llu%10llu", (int)width, row_name(&row[i], each, name, sizeof name),
            (unsigned long long)r->rows, (unsigned long long)r->positives);
        report_number(f, 10, 6, r->auc);
        if (grouped)
            report_number(f, 10, 6, r->all.gauc);
        report_number(f, 10, 6, r->means.log_loss);
        report_number(f, 10, 6, r->means.normalized_entropy);
        report_number(f, 12, 6, r->means.calibration);
        putc('\n', f);
    }
    if (!differ)
        return;
    fprintf(f, "\n%-*s%12s%10s%10s%12s%10s%10s\n", (int)width, "less the first", "AUC, points", "from", "to",
        "log loss", "from", "to");
    for (size_t i = 0; i < n; i++) {
        const struct apg_compare_figure *auc = &row[i].difference.auc, *loss = &row[i].difference.log_loss;
        if (!row[i].differs)
            continue;
        fprintf(f, "%-*s", (int)width, row_name(&row[i], each, name, sizeof name));
        report_number(f, 12, 3, 100 * auc->difference);
        report_number(f, 10, 3, 100 * auc->low);
        report_number(f, 10, 3, 100 * auc->high);
        report_number(f, 12, 6, loss->difference);
        report_number(f, 10, 6, loss->low);
        report_number(f, 10, 6, loss->high);
        putc('\n', f);
    }
    fprintf(f, "from, to: 95 %% interval of 1000 resamples of %s, as of apg compare; 1 point = 0.01\n",
        grouped ? "groups" : "rows");
}

static json_t *json_difference(const struct apg_compare_figure *x)
{
    return json_pack("{s:o, s:o, s:o}", "difference", report_json_number(x->difference), "low",
        report_json_number(x->low), "high", report_json_number(x->high));
}

static enum apg_status rows_json(FILE *f, const struct row *row, size_t n, struct apg_error *err)
{
    json_t *rows = json_array();
    int bad = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *files = json_array(), *root = json_object();
        for (size_t k = 0; k < row[i].n; k++)
            bad |= json_array_append_new(files, json_string(row[i].file[k]));
        if (row[i].model)
            bad |= json_object_set_new(root, "model", json_string(row[i].model));
        bad |= json_object_set_new(root, "files", files);
        json_t *report = json_of(&row[i].e, &row[i].report);
        bad |= !report || json_object_update(root, report);
        json_decref(report);
        if (row[i].differs)
            bad |= json_object_set_new(root, "less_the_first",
                json_pack("{s:o, s:o}", "auc", json_difference(&row[i].difference.auc), "log_loss",
                    json_difference(&row[i].difference.log_loss)));
        bad |= json_array_append_new(rows, root);
    }
    json_t *root = json_object();
    bad |= json_object_set_new(root, "rows", rows);
    return report_json(f, root, bad, err);
}

/* A row for each of MODELS, or, where there are none, of what the files score by themselves; of EACH file, or of
 * all N together. */
static enum apg_status evaluate_each(const struct evaluate *common, const struct apg_list *models, bool each,
    char *const *file, size_t n, size_t threads, bool json, const char *out_path, struct apg_error *err)
{
    const size_t n_models = models->n ? models->n : 1, n_parts = each && n ? n : 1, rows = n_models * n_parts;
    struct row *row = apg_alloc(rows, sizeof *row);
    struct output out = {0};
    enum apg_status status = row ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < rows; i++) {
        const size_t part = i / n_models;
        struct row *r = &row[i];
        r->e = *common;
        r->e.keep = models->n > 1;
        r->model = models->n ? models->item[i % n_models] : NULL;
        r->file = file + (each ? part : 0);
        r->n = each && n ? 1 : n;
        status = judge(&r->e, r->model, r->file, r->n, threads, &r->report, err);
        apg_metrics_release(&r->e.metrics);
        if (!status && i % n_models)
            status = differ(r, &row[part * n_models], err);
        if (i % n_models) {
            free(r->e.kept.row);
            r->e.kept = (struct kept){0};
        }
        apg_stream_close(&r->e.stream);
        apg_pool_free(r->e.pool);
        r->e.pool = NULL;
    }
    if (!status && !(status = output_open(&out, out_path, false, err))) {
        if (json)
            status = rows_json(out.f, row, rows, err);
        else
            rows_text(out.f, row, rows, each);
    }
    if (!status)
        status = output_commit(&out, err);
    if (status)
        output_abandon(&out);
    for (size_t i = 0; row && i < rows; i++)
        evaluate_release(&row[i].e);
    free(row);
    return status;
}

int cmd_evaluate(int argc, char **argv)
{
    struct evaluate e = {.want = {.n_scores = 1}};
    apg_columns_default(&e.want.columns);
    bool json = false, each = false;
    struct apg_list models = {0};
    const char *out_path = NULL;
    size_t threads = 0;
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &e.want.columns),
        OPT_STRING(0, "label", &e.want.columns.label, "COLUMN",
            "column of labels, 0 or 1; if not given, found by its name"),
        OPT_LIST(0, "positive", &e.want.columns.positive, "VALUE,...",
            "labels that are 1, such as yes or >50K; all others are 0"),
        OPT_STRING(0, "score", &e.want.score[0], "COLUMN",
            "column of scores; if not given, found by its name, else the last column"),
        OPT_STRING(0, "weight", &e.want.columns.weight, "COLUMN",
            "column of the rows' weights; with --model that of its training rows, or '' for none"),
        OPT_OF(LIST, 'm', "model", &models, .at = offsetof(struct apg_list, item),
            .n_at = offsetof(struct apg_list, n), .arg = "FILE", .whole = true,
            .help =
                "score the rows, CSV or features, with this model, by its own label; of several, a row each"),
        OPT_FLAG(0, "each", &each, "a row for each file, instead of one report of all of them"),
        OPT_LIST(
            'g', "group", &e.want.group, "COLUMN,...", "also report GAUC, and AUC by the size of groups"),
        OPT_FLAG(0, "logit", &e.want.logit, "scores are logits, not probabilities"),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N",
            "threads that score with --model; 0: one for each processor"),
        OPT_BAD_ROWS(apg_rejects_settings, &e.bad),
        OPT_HEADING("Output"),
        OPT_FLAG(0, "json", &json, "write JSON instead of tables"),
        OPT_STRING(0, "report", &e.page_path, "FILE",
            "also write a page of HTML with curves to FILE; they are drawn by gnuplot"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_END,
    };
    const struct opt_command command = {"evaluate", "[OPTION]... [FILE]...",
        "Say how good the scores in a CSV, or those of a model, are: AUC, GAUC, log loss, normalized "
        "entropy, "
        "calibration.",
        table,
        "    apg predict -m serve.apg --append < test.csv | apg evaluate --group user_id\n"
        "    apg evaluate -m serve.apg --group user_id test.csv\n"
        "    apg evaluate -m old.apg -m new.apg --group user_id test.csv\n"
        "    apg simulate --truth p | apg evaluate --score p --json | jq .auc\n"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_check_columns(&command, &e.want.columns)) != OPT_GO)
        return code;
    const char *model_path = models.n ? models.item[0] : NULL;
    const bool several = models.n > 1 || each;
    if (model_path && (e.want.columns.label || e.want.columns.positive.n || e.want.score[0]))
        return opt_usage(
            &command, "--model has its own label and scores: no --label, no --positive, no --score");
    if ((code = bad_rows_check(&e.bad, out_path, &command)) != OPT_GO)
        return code;
    if (!model_path && opt_given("threads"))
        return opt_usage(&command, "--threads is for --model");
    if ((code = page_check_path("report", e.page_path, out_path, &command)) != OPT_GO)
        return code;

    if (several && (e.page_path || e.bad.path))
        return opt_usage(&command, "--%s is of one report, not of a row for each model or file",
            e.page_path ? "report" : "rejects");
    bool standard = argc == 0;
    for (int i = 0; i < argc; i++)
        standard = standard || strcmp(argv[i], "-") == 0;
    if (models.n > 1 && standard)
        return opt_usage(&command, "several models read the rows once each: standard input can be read once");

    struct apg_error err;
    struct output out = {0}, page_out = {0};
    struct apg_metrics_report report;
    char *page = NULL;
    if (several) {
        const enum apg_status each_status =
            evaluate_each(&e, &models, each, argv, (size_t)argc, threads, json, out_path, &err);
        return each_status ? message_fail(&err) : EXIT_OK;
    }
    enum apg_status status = judge(&e, model_path, argv, (size_t)argc, threads, &report, &err);
    if (status ||
        (e.page_path && ((status = make_page(&e, &report, model_path, &(struct apg_list){(size_t)argc, argv},
                              &page, &err)) ||
                            (status = put_page(&page_out, e.page_path, page, &err)))) ||
        (status = output_open(&out, out_path, false, &err)))
        goto done;
    if (json)
        status = report_json(out.f, json_of(&e, &report), 0, &err);
    else
        report_text(out.f, &e, &report);
    if (!status && e.page_path)
        status = output_commit(&page_out, &err);
    if (!status)
        status = output_commit(&out, &err);
done:
    if (status) {
        output_abandon(&page_out);
        output_abandon(&out);
    }
    free(page);
    evaluate_release(&e);
    return status ? message_fail(&err) : EXIT_OK;
}
