/* SPDX-License-Identifier: MIT
 *
 * apg train: logs to a model. Rows are read once, encoded as they arrive; then epochs run over the encoded
 * rows.
 */
#include <stdlib.h>
#include <string.h>
#include "data/encode.h"
#include "train/fit.h"
#include "data/ingest.h"
#include "common/model_options.h"
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "train_progress.h"

struct train {
    struct apg_columns columns;
    struct apg_pool *pool;
    struct apg_schema *schema;
    struct apg_dataset *rows, *valid;
    struct apg_model *model, *from; /* from: NULL, or what training goes on from; the schema is then its */
    const char *from_name, *checkpoint;
    struct train_text text;
};

/* A failure is no reason to lose the training too. */
static void checkpoint(const struct train *t)
{
    struct apg_error err;
    struct output out = {0};
    enum apg_status status = output_open(&out, t->checkpoint, true, &err);
    if (status || (status = output_save_model(&out, t->model, &err))) {
        output_abandon(&out);
        message_warn("%s; training goes on", err.text);
    }
}

static void progress(void *arg, const struct apg_fit_state *s)
{
    struct train *t = arg;
    if (s->epoch_done && s->better && t->checkpoint)
        checkpoint(t);
    train_text_progress(&t->text, s);
}

static void choosing(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *tries, size_t n)
{
    struct train *t = arg;
    train_text_choosing(&t->text, t->schema, stage, tries, n);
}

/* All inputs, as one data set; SCHEMA is made if there is none yet. */
static enum apg_status read_rows(
    struct train *t, char *const *paths, size_t n, struct apg_dataset **rows, struct apg_error *err)
{
    struct inputs in = {0};
    char *explain = NULL;
    enum apg_status status = input_open_all(&in, paths, n, t->columns.delimiter, err);
    if (status)
        goto done;
    if (in.csv_only && !t->schema) {
        status = apg_ingest(&t->schema, rows, &explain, in.csv, in.n, &t->columns, t->pool, err);
        if (explain && !t->text.quiet)
            message_lines(explain);
    } else if (in.csv_only) {
        status = apg_ingest_with(t->schema, rows, in.csv, in.n, &t->columns, t->pool, err);
    } else if (in.n > 1) {
        status =
            apg_fail(err, APG_EUSAGE, "%s: one feature file at a time, and not with CSV", in.source[0].name);
    } else {
        struct apg_schema *s = NULL;
        status = apg_feat_dataset(
            in.source[0].feat, &s, rows, t->columns.memory, t->columns.temp_dir, t->pool, err);
        in.source[0].feat = NULL;
        if (!status && t->schema && apg_schema_hash(s) != apg_schema_hash(t->schema))
            status = apg_fail(err, APG_EUSAGE, "%s: encoded otherwise than %s (apg encode --encoder)",
                in.source[0].name, rows == &t->rows ? t->from_name : "the training rows");
        for (uint64_t i = 0; !status && i < (*rows)->rows; i++) {
            float label = apg_word_float(apg_dataset_row(*rows, i)[0]);
            if (label != label)
                status = apg_fail(
                    err, APG_EINPUT, "%s: row %llu: no label", in.source[0].name, (unsigned long long)i + 1);
        }
        if (t->schema)
            apg_schema_free(s);
        else
            t->schema = s;
    }
done:
    free(explain);
    input_close_all(&in);
    return status;
}

/* The model to go on from, and with it the encoder. */
static enum apg_status open_from(struct train *t, const char *path, struct apg_error *err)
{
    enum apg_status status = input_load_model(&t->from, path, &t->from_name, 1, err);
    if (!status) {
        t->schema = t->from->own_schema;
        if (t->from->arch.collapsed)
            status = apg_fail(err, APG_EUSAGE, "%s: collapsed: it can be served, not trained", t->from_name);
    }
    return status;
}

/* Passes where there are no validation rows to stop by. */
enum { EPOCHS_BLIND = 10 };
/* Embeddings see few of the rows, so they learn faster. docs/accuracy.md has the figures. */
enum { EMBEDDING_RATE = 4 };

/* Where embeddings want a strong L2 the generator wants one too: half of theirs. frappe, --embedding-l2 1e-2,
 * two seeds: 80 loses .0007 of test AUC on a static model, 800 gains .0003 (docs/accuracy.md). */
static double generator_l2(const struct apg_fit_options *fit, uint64_t rows)
{
    const double least = 80, half = fit->optim.embedding_l2 / 2 * (double)rows;
    return half > least ? half : least;
}

int cmd_train(int argc, char **argv)
{
    struct train t = {0};
    apg_columns_default(&t.columns);
    struct arch_args arch = ARCH_ARGS;
    struct apg_fit_options fit = {.optim.lr = 1e-3,
        .average = 0.5,
        .lr_decay = 1,
        .batch_size = 1024,
        .epochs = 40,
        .patience = 2,
        .holdout = 0.1,
        .seed = 1};
    const char *out_path = NULL, *valid_path = NULL, *from_path = NULL, *given;
    int optimizer = 0, stop = 0;
    size_t threads = 0, taken;
    struct apg_choose_options choose = {.budget = 4};
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPTS_FORMAT(t.columns),
        OPT_STRING(
            0, "valid", &valid_path, "FILE", "validation rows, CSV or features; without, some are held out"),
        OPT_REAL(0, "holdout", &fit.holdout, 0, 0.9, "X",
            "share of the rows held out when there is no --valid; 0: none"),
        OPT_STRING(0, "from", &from_path, "MODEL",
            "go on from its weights, and read rows as it does; what it is too, where no option of the model "
            "is "
            "given"),
        OPT_HEADING("Columns"),
        OPTS_COLUMNS(t.columns),
        OPT_HEADING("Model"),
        OPTS_ARCH(arch),
        OPT_HEADING("Training"),
        OPT_REAL(0, "auto-budget", &choose.budget, 1, 1000, "X",
            "work of --condition auto after the static model, in times of what that took"),
        OPT_CHOICE(0, "optimizer", &optimizer, "adam|adagrad",
            "how weights are updated; of embeddings, touched rows only"),
        OPT_REAL(0, "lr", &fit.optim.lr, 1e-12, 1e3, "X", "learning rate"),
        OPT_REAL(0, "embedding-lr", &fit.optim.embedding_lr, 0, 1e3, "X",
            "learning rate of the embeddings; 0: 4 times --lr"),
        OPT_REAL(0, "average", &fit.average, 0, 1, "X",
            "keep the mean of the weights over about the last X of the steps so far; 0: the last weights"),
        OPT_REAL(0, "lr-decay", &fit.lr_decay, 1e-6, 1, "X", "the rate is multiplied by X after each epoch"),
        OPT_REAL(0, "embedding-l2", &fit.optim.embedding_l2, 0, 1e3, "X",
            "L2 on the embeddings that a batch touches"),
        OPT_REAL(0, "generator-l2", &fit.generator_l2, 0, 1e9, "X",
            "L2 on what generates weights, of all rows together; the default is of --form residual, else 0"),
        OPT_SIZE(0, "batch-size", &fit.batch_size, 1, 1048576, "B", "rows of a step"),
        OPT_SIZE(0, "epochs", &fit.epochs, 1, 100000, "N",
            "passes over the rows, at most; without validation rows 10"),
        OPT_SIZE(0, "patience", &fit.patience, 0, 100000, "N",
            "stop after N epochs without a better validation; 0: never"),
        OPT_CHOICE(0, "stop-on", &stop, "auc|logloss", "what better means"),
        OPT_U64(
            0, "seed", &fit.seed, "the same seed and rows give the same model, for any number of threads"),
        OPT_HEADING("Output and resources"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_STRING(0, "checkpoint", &t.checkpoint, "FILE",
            "write the best model so far to FILE too, whenever an epoch is better"),
        OPT_FLAG('q', "quiet", &t.text.quiet, "no progress, and do not show what was inferred"),
        OPTS_SPOOL(t.columns),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"train", "[OPTION]... [FILE]...",
        "Train a click-through-rate model whose hidden layers adapt to each row.", table,
        "    apg train < logs.csv > model.apg\n"
        "    apg train --condition group:user_id --valid valid.csv -o model.apg logs.csv\n"
        "    apg train --condition auto --valid valid.csv -o model.apg logs.csv\n"
        "    apg train --from yesterday.apg -o today.apg today.csv\n"
        "    xzcat logs.csv.xz | apg train --multi genres --layer dense -o static.apg"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_check_columns(&command, &t.columns)) != OPT_GO ||
        (code = arch_args_read(&command, &arch)) != OPT_GO)
        return code;
    if (opt_given("valid") && opt_given("holdout"))
        return opt_usage(&command, "--holdout is for training without --valid");
    if (arch.automatic && !valid_path && fit.holdout <= 0)
        return opt_usage(&command, "--condition auto chooses by validation rows: not with --holdout 0");
    if (t.checkpoint && arch.automatic)
        return opt_usage(&command, "--condition auto writes one model, at its end: not with --checkpoint");
    if (from_path && arch.automatic)
        return opt_usage(&command, "--condition auto starts with a static model of its own: not with --from");
    if (from_path && (given = opt_given_below(&command, "Columns")))
        return opt_usage(&command, "--%s: rows are read as --from's model reads them", given);
    if (opt_given("auto-budget") && !arch.automatic)
        return opt_usage(&command, "--auto-budget is of --condition auto");
    if (!valid_path && fit.holdout <= 0 && !opt_given("epochs"))
        fit.epochs = EPOCHS_BLIND;
    if (fit.optim.embedding_lr <= 0)
        fit.optim.embedding_lr = EMBEDDING_RATE * fit.optim.lr;
    fit.optim.adagrad = optimizer == 1, fit.stop_on_loss = stop == 1;

    struct apg_error err;
    struct output out = {0};
    enum apg_status status;
    if (from_path) {
        fit.from_start = true;
        if ((status = open_from(&t, from_path, &err)))
            goto done;
        if (!opt_given("delimiter"))
            t.columns.delimiter = t.schema->delimiter;
    }
    if ((status = output_open(&out, out_path, true, &err)) ||
        (status = apg_pool_new(&t.pool, (unsigned)threads, &err)) ||
        (status = read_rows(&t, argv, (size_t)argc, &t.rows, &err)) ||
        (valid_path &&
            (status = read_rows(&t, (char *const[]){(char *)(uintptr_t)valid_path}, 1, &t.valid, &err))))
        goto done;
    if (from_path && !opt_given_below(&command, "Model"))
        arch.arch = t.from->arch;
    else if ((code = arch_args_columns(&command, &arch, t.schema)) != OPT_GO)
        goto usage;
    if (!opt_given("generator-l2"))
        fit.generator_l2 = arch.arch.form == APG_FORM_RESIDUAL ? generator_l2(&fit, t.rows->rows) : 0;
    choose.embedding_std = arch.embedding_std, choose.rank_given = opt_given("rank");
    const struct apg_choose_told told = {progress, choosing, &t};
    struct apg_choose_report report;
    if (!arch.automatic) {
        if ((status = apg_model_new(&t.model, t.schema, &arch.arch, fit.batch_size, true, &err)))
            goto done;
        apg_model_start(t.model, fit.seed, arch.embedding_std, arch.init == 0);
        train_text_model(&t.text, t.model, t.rows->rows, fit.batch_size);
        if (from_path) {
            if ((status = apg_model_go_on(t.model, t.from, t.from_name, &taken, &err)))
                goto done;
            train_text_from(&t.text, t.model, t.from_name, taken);
        }
        train_text_heading(&t.text);
        if (!(status = apg_fit(t.model, t.rows, t.valid, &fit, t.pool, progress, &t, &err)))
            train_text_kept(&t.text);
    } else if (!(status = apg_choose(&t.model, &report, t.schema, &arch.arch, t.rows, t.valid, &fit, &choose,
                     t.pool, &told, &err))) {
        train_text_choice(&t.text, t.schema, &report);
    }
    if (!status)
        status = output_save_model(&out, t.model, &err);
done:
    code = status ? message_fail(&err) : EXIT_OK;
usage:
    if (code != EXIT_OK)
        output_abandon(&out);
    apg_model_free(t.model);
    apg_dataset_free(t.valid);
    if (!t.from)
        apg_schema_free(t.schema);
    apg_model_free(t.from);
    apg_dataset_free(t.rows);
    apg_pool_free(t.pool);
    return code;
}
