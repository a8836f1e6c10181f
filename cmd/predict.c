/* SPDX-License-Identifier: MIT
 *
 * apg predict: one probability per row, in order, as rows arrive. Part after part, by as many threads as
 * there are: read, encode, forward, text; then written in order. What the input has now is answered now.
 */
#include <string.h>
#include "base/mem.h"
#include "stats/metrics.h"
#include "common/cmd.h"
#include "common/score.h"

struct predict {
    struct score score;
    struct cmd_out out;
    struct apg_metrics_running metrics;
    const char *id;
    size_t id_cell;
    char delimiter;
    bool append, logit, quiet;
};

/* Of a header, without its line end: BOM and blank lines before it are not the columns'. */
static enum apg_status put_header(struct predict *p, bool header, struct apg_error *err)
{
    const struct apg_csv_chunk *c = &p->score.header;
    const struct apg_binding *b = &p->score.binding;
    p->id_cell = SIZE_MAX;
    for (size_t i = 0; p->id && i < b->columns; i++)
        if (strcmp(b->column[i], p->id) == 0)
            p->id_cell = i;
    if (p->id && p->id_cell == SIZE_MAX)
        return apg_fail(err, APG_EINPUT, "%s: no column '%s'", p->score.in->name, p->id);
    if (!header || !(p->append || p->id))
        return APG_OK;
    if (p->append) {
        size_t n = c->n_bytes, from = 0;
        while (n > 0 && (c->bytes[n - 1] == '\n' || c->bytes[n - 1] == '\r'))
            n--;
        if (n >= 3 && memcmp(c->bytes, "\xef\xbb\xbf", 3) == 0)
            from = 3;
        while (from < n && (c->bytes[from] == '\n' || c->bytes[from] == '\r'))
            from++;
        fwrite(c->bytes + from, 1, n - from, p->out.f);
    } else {
        fputs(p->id, p->out.f);
    }
    fprintf(p->out.f, "%cscore\n", p->delimiter);
    return APG_OK;
}

/* The part of a line before the score: record R as it came without its line end, or its id. N bytes at OUT
 * are enough. */
static size_t before_size(const struct predict *p, const struct apg_csv_chunk *c, size_t r)
{
    return !p->id ? c->record[r + 1] - c->record[r] + 1
                  : 2 * (size_t)c->cell[c->first[r] + p->id_cell].len + 3;
}

static size_t put_before(const struct predict *p, const struct apg_csv_chunk *c, size_t r, char *out)
{
    size_t n;
    if (p->append) {
        size_t from = c->record[r], to = c->record[r + 1];
        while (to > from && (c->bytes[to - 1] == '\n' || c->bytes[to - 1] == '\r'))
            to--;
        n = to - from;
        memcpy(out, c->bytes + from, n);
    } else {
        const struct apg_cell *cell = &c->cell[c->first[r] + p->id_cell];
        n = apg_csv_quote(out, c->text + cell->at, cell->len, p->delimiter);
    }
    out[n] = p->delimiter;
    return n + 1;
}

/* A part's lines. */
static enum apg_status make(void *arg, struct score_part *part, struct apg_error *err)
{
    const struct predict *p = arg;
    bool before = p->append || p->id;
    for (size_t r = 0; r < part->rows; r++) {
        size_t need = part->n_text + (before ? before_size(p, &part->chunk, r) : 0) + SCORE_TEXT;
        if (!apg_grow(&part->text, &part->cap_text, need, 1))
            return apg_fail_memory(err);
        if (before)
            part->n_text += put_before(p, &part->chunk, r, part->text + part->n_text);
        part->n_text += score_text(part->text + part->n_text, part->logit[r], p->logit);
        part->text[part->n_text++] = '\n';
    }
    return APG_OK;
}

static enum apg_status take(void *arg, struct score_part *part, struct apg_error *err)
{
    struct predict *p = arg;
    for (size_t r = 0; !p->quiet && r < part->rows; r++) {
        float label = apg_word_float(apg_block_row(&part->block, r)[0]);
        if (label == label)
            apg_metrics_running_add(&p->metrics, part->logit[r], label > 0);
    }
    return fwrite(part->text, 1, part->n_text, p->out.f) < part->n_text || fflush(p->out.f)
               ? apg_fail_errno(err, "%s", p->out.name)
               : APG_OK;
}

static enum apg_status predict(
    struct predict *p, struct input *in, const struct apg_columns *columns, struct apg_error *err)
{
    const struct score_user user = {.spans = p->append, .make = make, .take = take, .arg = p};
    if (!in->csv && (p->append || p->id))
        return apg_fail(err, APG_EUSAGE, "%s: --append and --id need CSV", in->name);
    enum apg_status status = score_begin(&p->score, in, columns, false, err);
    if (!status && in->csv)
        status = put_header(p, columns->header, err);
    return status ? status : score_run(&p->score, &user, err);
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
    const char *model_path = NULL, *out_path = NULL;
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
    enum apg_status status = score_open(&p.score, model_path, threads, &err);
    if (status)
        goto done;
    if (!opt_given("delimiter"))
        columns.delimiter = p.score.model->schema->delimiter;
    p.delimiter = columns.delimiter;
    if ((!p.quiet && (status = apg_metrics_running_init(&p.metrics, &err))) ||
        (status = input_open_all(&in, argv, (size_t)argc, columns.delimiter, &err)) ||
        (status = cmd_out_open(&p.out, out_path, false, &err)))
        goto done;
    for (size_t i = 0; !status && i < in.n; i++)
        status = predict(&p, &in.input[i], &columns, &err);
    if (!status && !(status = cmd_out_commit(&p.out, &err)))
        tell(&p);
done:
    if (status)
        cmd_out_abandon(&p.out);
    score_close(&p.score);
    apg_metrics_running_release(&p.metrics);
    input_close_all(&in);
    return status ? cmd_fail(&err) : EXIT_OK;
}
