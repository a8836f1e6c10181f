/* SPDX-License-Identifier: MIT
 *
 * apg train: logs to a model. Rows are read once, encoded as they arrive; then epochs run over the encoded
 * rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../lib/choose.h"
#include "../lib/complexity.h"
#include "../lib/encode.h"
#include "../lib/fit.h"
#include "../lib/ingest.h"
#include "arch_args.h"
#include "cmd.h"
#include "input.h"

struct train {
    struct apg_columns columns;
    struct apg_pool *pool;
    struct apg_schema *schema;
    struct apg_dataset *rows, *valid;
    struct apg_model *model, *from; /* from: NULL, or what training goes on from; the schema is then its */
    const char *from_name, *checkpoint;
    bool quiet, terminal;
    double started, told;
    double kept_entropy; /* of the epoch whose weights are kept; 0: no validation rows */
    double recent;       /* sum of losses since the last line */
    uint64_t n_recent;
    uint64_t steps,
        next; /* a line when steps reaches next, which doubles: as Vowpal Wabbit's users know it */
};

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A failure is no reason to lose the training too. */
static void checkpoint(const struct train *t)
{
    struct apg_error err;
    struct cmd_out out = {0};
    enum apg_status status = cmd_out_open(&out, t->checkpoint, true, &err);
    if (!status && !(status = apg_model_save(t->model, input_sink(&out), &err)))
        status = cmd_out_commit(&out, &err);
    if (status) {
        cmd_out_abandon(&out);
        cmd_warn("%s; training goes on", err.text);
    }
}

static void progress(void *arg, const struct apg_fit_state *s)
{
    struct train *t = arg;
    if (s->epoch_done && s->has_valid && s->better)
        t->kept_entropy = s->valid_entropy;
    if (s->epoch_done && s->better && t->checkpoint)
        checkpoint(t);
    if (t->quiet)
        return;
    if (s->epoch_done) {
        fprintf(stderr, "%5zu %11llu ", s->epoch, (unsigned long long)s->rows);
        if (s->epoch)
            fprintf(stderr, "%10.5f %10s", s->loss, "");
        else
            fprintf(stderr, "%10s %10s", "", "");
        if (s->has_valid)
            fprintf(stderr, " %10.5f %10.5f", s->valid_auc, s->valid_loss);
        else
            fprintf(stderr, " %10s %10s", "", "");
        if (s->epoch)
            fprintf(stderr, " %9.0f", (double)s->rows / (now() - t->started));
        else
            fprintf(stderr, " %9s", "");
        fprintf(stderr, "%s\n", s->has_valid && s->better ? "  best" : "");
        t->started = now(), t->next = 1, t->steps = 0;
        t->recent = 0, t->n_recent = 0;
        return;
    }
    if (!t->terminal)
        return;
    t->recent += s->recent, t->n_recent++;
    double seconds = now() - t->started;
    if (++t->steps < t->next && now() - t->told < 2)
        return;
    if (t->steps >= t->next)
        t->next *= 2;
    t->told = now();
    double speed = (double)s->rows / seconds;
    fprintf(stderr, "%5zu %11llu %10.5f %10.5f %10s %10s %9.0f  %.0f s left at most\n", s->epoch,
        (unsigned long long)s->rows, s->loss, t->recent / (double)t->n_recent, "", "", speed,
        ((double)(s->epochs - s->epoch + 1) * (double)s->epoch_rows - (double)s->rows) / speed);
    t->recent = 0, t->n_recent = 0;
}

/* ---- --condition auto ---- */

static void heading(const struct train *t)
{
    if (!t->quiet)
        fprintf(stderr, "epoch        rows       loss since last  valid AUC valid loss    rows/s\n");
}

static const char *condition_name(
    const struct apg_schema *s, const struct apg_choose_try *c, char *out, size_t size)
{
    if (!c->n)
        return "self";
    (void)snprintf(out, size, "group:%s%s%s", s->field[c->field[0]].name, c->n > 1 ? "," : "",
        c->n > 1 ? s->field[c->field[1]].name : "");
    return out;
}

static void choosing(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *c, size_t n)
{
    struct train *t = arg;
    char name[256];
    t->started = now();
    if (t->quiet)
        return;
    switch (stage) {
    case APG_CHOOSE_STATIC:
        fprintf(stderr, "the static model, then %zu candidates to go on from it\n", n);
        heading(t);
        break;
    case APG_CHOOSE_ROUND:
        fprintf(
            stderr, "%-40s %4s %6s %10s %10s\n", "condition", "rank", "epochs", "valid AUC", "valid loss");
        for (size_t i = 0; i < n; i++) {
            fprintf(stderr, "%-40s ", condition_name(t->schema, &c[i], name, sizeof name));
            if (c[i].rank)
                fprintf(stderr, "%4zu", c[i].rank);
            else
                fprintf(stderr, "%4s", "");
            fprintf(stderr, " %6.2f %10.5f %10.5f\n", c[i].share, c[i].auc, c[i].loss);
        }
        break;
    case APG_CHOOSE_FINAL:
        fprintf(stderr, "%s, trained on\n", condition_name(t->schema, c, name, sizeof name));
        heading(t);
        break;
    case APG_CHOOSE_AGAIN:
        fprintf(stderr, "the static model, trained on\n");
        break;
    }
}

static void tell_choice(const struct train *t, const struct apg_choose_report *r)
{
    char name[256], rank[32] = "";
    if (r->best.rank)
        (void)snprintf(rank, sizeof rank, " rank %zu", r->best.rank);
    fprintf(stderr, "%s: the best of %zu candidate%s, %s%s, ",
        r->better ? "adaptive is better" : "static is as good", r->tried, r->tried == 1 ? "" : "s",
        condition_name(t->schema, &r->best, name, sizeof name), rank);
    if (isnan(r->low))
        fprintf(stderr, "cannot be compared");
    else
        fprintf(stderr, "%+.5f of AUC (95 %% %+.5f to %+.5f)", r->difference, r->low, r->high);
    fprintf(stderr, "; %.2f times the static model's work\n", r->work);
    if (r->cut)
        fprintf(stderr, "it was still getting better when --auto-budget ended\n");
    if (r->left_out)
        fprintf(stderr, "%zu columns were not tried for want of --auto-budget\n", r->left_out);
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
        status = apg_ingest(&t->schema, rows, &explain, in.csv, in.n, &t->columns, t->pool, NULL, NULL, err);
        if (explain && !t->quiet)
            input_explain(explain);
    } else if (in.csv_only) {
        status = apg_ingest_with(t->schema, rows, in.csv, in.n, &t->columns, t->pool, NULL, NULL, err);
    } else if (in.n > 1) {
        status =
            apg_fail(err, APG_EUSAGE, "%s: one feature file at a time, and not with CSV", in.input[0].name);
    } else {
        struct apg_schema *s = NULL;
        status = apg_feat_dataset(
            in.input[0].feat, &s, rows, t->columns.memory, t->columns.temp_dir, t->pool, err);
        in.input[0].feat = NULL;
        if (!status && t->schema && apg_schema_hash(s) != apg_schema_hash(t->schema))
            status = apg_fail(err, APG_EUSAGE, "%s: encoded otherwise than %s (apg encode --encoder)",
                in.input[0].name, rows == &t->rows ? t->from_name : "the training rows");
        for (uint64_t i = 0; !status && i < (*rows)->rows; i++) {
            float label = apg_word_float(apg_dataset_row(*rows, i)[0]);
            if (label != label)
                status = apg_fail(
                    err, APG_EINPUT, "%s: row %llu: no label", in.input[0].name, (unsigned long long)i + 1);
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
    enum apg_status status = APG_EIO;
    int fd = cmd_in_open(path, &t->from_name, err);
    if (fd >= 0 && !(status = apg_model_load(&t->from, fd, t->from_name, 1, true, err))) {
        t->schema = t->from->own_schema;
        if (t->from->arch.collapsed)
            status = apg_fail(err, APG_EUSAGE, "%s: collapsed: it can be served, not trained", t->from_name);
    }
    if (fd > STDIN_FILENO)
        (void)close(fd);
    return status;
}

static enum apg_status go_on(struct train *t, struct apg_error *err)
{
    size_t taken, tables, other;
    enum apg_status status = apg_model_go_on(t->model, t->from, t->from_name, &taken, err);
    if (status || t->quiet)
        return status;
    apg_model_count(t->model, &tables, &other);
    fprintf(stderr, "goes on from %s: %zu of %zu weights are its, %zu start anew\n", t->from_name, taken,
        tables + other, tables + other - taken);
    return status;
}

/* Yan et al. call the bias part of what is generated; where that defeats the method, say so. */
static void warn_disguise(const struct apg_model *m)
{
    const struct apg_arch *a = &m->arch;
    if (strcmp(apg_layers[a->layer].name, "apg") != 0 || a->bias != APG_BIAS_GENERATED ||
        a->mode != APG_CONDITION_SELF || a->n_generator)
        return;
    size_t weights = 0;
    for (size_t o = 0; o < m->graph.n_ops; o++)
        if (strcmp(m->graph.op[o].type->name, "generated-bias") == 0 &&
            (!a->generator_rank || m->graph.op[o].N < a->generator_rank)) /* else of low rank */
            weights += m->graph.op[o].N * m->graph.op[o].M;
    if (weights)
        cmd_warn(
            "the generated bias of a self-wise layer with a linear generator is a dense layer in disguise: "
            "%zu weights, "
            "as many as --layer dense has; --bias static has none of them",
            weights);
}

/* v1 and v2 make N M numbers for every instance; each has a gradient. */
static void tell_memory(const struct apg_model *m, size_t batch)
{
    const struct apg_graph *g = &m->graph;
    uint64_t numbers = 0, kept = 0;
    int n;
    const char *form = apg_name_at(APG_FORMS, (int)m->arch.form, &n);
    for (size_t o = 0; m->arch.form <= APG_FORM_LOWRANK && o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        if (strcmp(op->type->name, "generated") != 0)
            continue;
        size_t formed = op->K ? g->width[op->aux[1]] : 0, most = g->most[op->aux[0]];
        numbers += batch * (apg_complexity_op(g, o).generated + formed);
        kept += APG_SLOTS * (most < g->max_rows ? most : g->max_rows) * (g->width[op->aux[0]] + formed);
    }
    if (numbers)
        fprintf(stderr,
            "apg train: --form %.*s makes %.3g MB of weights for a batch of %zu; %.3g MB at a time, in "
            "pieces\n",
            n, form, 2e-6 * (double)numbers * sizeof(apg_real), batch,
            2e-6 * (double)kept * sizeof(apg_real));
}

/* STAR keeps the weights of each domain. */
static void tell_domains(const struct apg_model *m)
{
    const struct apg_graph *g = &m->graph;
    uint64_t kept = 0, step = 0;
    size_t domains = 0;
    for (size_t o = 0; o < g->n_ops; o++) {
        const struct apg_op *op = &g->op[o];
        if (strcmp(op->type->name, "star") != 0)
            continue;
        size_t formed = (size_t)op->aux[1],
               most = g->most[formed] < g->max_rows ? g->most[formed] : g->max_rows;
        domains = op->F;
        kept += (uint64_t)g->width[formed] * op->F;
        step += 2 * (uint64_t)g->width[formed] * most * APG_SLOTS;
    }
    if (domains)
        fprintf(stderr,
            "apg train: %zu domains of --layer star take %.3g MB, four times in training, and their products "
            "and gradients in a step up to %.3g MB\n",
            domains, 1e-6 * (double)kept * sizeof(apg_real), 1e-6 * (double)step * sizeof(apg_real));
}

static void tell_model(const struct train *t, size_t batch)
{
    if (t->quiet)
        return;
    warn_disguise(t->model);
    tell_memory(t->model, batch);
    tell_domains(t->model);
    size_t tables, other;
    apg_model_count(t->model, &tables, &other);
    fprintf(stderr, "%llu rows, %zu fields, %zu numbers in embeddings, %zu outside\n",
        (unsigned long long)t->rows->rows, t->schema->n_fields, tables, other);
}

/* An AUC may look well when scores are no probabilities. */
static void tell_kept(const struct train *t)
{
    if (t->kept_entropy > 1 && !t->quiet)
        cmd_warn(
            "the kept weights' log loss is %.3g times that of predicting the mean label of the validation "
            "rows; try another --lr, more --epochs or --stop-on logloss",
            t->kept_entropy);
}

/* Passes where there are no validation rows to stop by. */
enum { EPOCHS_BLIND = 10 };
/* Embeddings see few of the rows, so they learn faster. docs/accuracy.md has the figures. */
enum { EMBEDDING_RATE = 4 };

int cmd_train(int argc, char **argv)
{
    struct train t = {.next = 1, .terminal = isatty(STDERR_FILENO)};
    struct columns_args columns = COLUMNS_ARGS;
    struct arch_args arch = ARCH_ARGS;
    struct apg_fit_options fit = {.optim.lr = 1e-3,
        .generator_l2 = 80,
        .average = 0.5,
        .lr_decay = 1,
        .batch_size = 1024,
        .epochs = 40,
        .patience = 2,
        .holdout = 0.1,
        .seed = 1};
    const char *out_path = NULL, *valid_path = NULL, *from_path = NULL, *given;
    int optimizer = 0, stop = 0;
    size_t threads = 0;
    struct apg_choose_options choose = {.budget = 4};
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPTS_FORMAT(columns),
        OPT_STRING(
            0, "valid", &valid_path, "FILE", "validation rows, CSV or features; without, some are held out"),
        OPT_REAL(0, "holdout", &fit.holdout, 0, 0.9, "X",
            "share of the rows held out when there is no --valid; 0: none"),
        OPT_STRING(0, "from", &from_path, "MODEL",
            "go on from its weights, and read rows as it does; what it is too, where no option of the model "
            "is "
            "given"),
        OPT_HEADING("Columns"),
        OPTS_COLUMNS(columns),
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
        OPT_FLAG('q', "quiet", &t.quiet, "no progress, and do not show what was inferred"),
        OPTS_SPOOL(columns),
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
    if (code != OPT_GO || (code = input_columns(&command, &columns, &t.columns)) != OPT_GO ||
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
    struct cmd_out out = {0};
    enum apg_status status;
    if (from_path) {
        fit.from_start = true;
        if ((status = open_from(&t, from_path, &err)))
            goto done;
        if (!opt_given("delimiter"))
            t.columns.delimiter = t.schema->delimiter;
    }
    if ((status = cmd_out_open(&out, out_path, true, &err)) ||
        (status = apg_pool_new(&t.pool, (unsigned)threads, &err)) ||
        (status = read_rows(&t, argv, (size_t)argc, &t.rows, &err)) ||
        (valid_path &&
            (status = read_rows(&t, (char *const[]){(char *)(uintptr_t)valid_path}, 1, &t.valid, &err))))
        goto done;
    if (from_path && !opt_given_below(&command, "Model"))
        arch.arch = t.from->arch;
    else if ((code = arch_args_columns(&command, &arch, t.schema)) != OPT_GO)
        goto usage;
    if (arch.arch.form != APG_FORM_RESIDUAL && !opt_given("generator-l2"))
        fit.generator_l2 = 0;
    choose.embedding_std = arch.embedding_std, choose.rank_given = opt_given("rank");
    const struct apg_choose_told told = {progress, choosing, &t};
    struct apg_choose_report report;
    if (!arch.automatic) {
        if ((status = apg_model_new(&t.model, t.schema, &arch.arch, fit.batch_size, true, &err)))
            goto done;
        apg_model_start(t.model, fit.seed, arch.embedding_std, arch.init == 0);
        tell_model(&t, fit.batch_size);
        if (from_path && (status = go_on(&t, &err)))
            goto done;
        heading(&t);
        t.started = now();
        if (!(status = apg_fit(t.model, t.rows, t.valid, &fit, t.pool, progress, &t, &err)))
            tell_kept(&t);
    } else if (!(status = apg_choose(&t.model, &report, t.schema, &arch.arch, t.rows, t.valid, &fit, &choose,
                     t.pool, &told, &err)) &&
               !t.quiet) {
        tell_choice(&t, &report);
    }
    if (!status && !(status = apg_model_save(t.model, input_sink(&out), &err)))
        status = cmd_out_commit(&out, &err);
done:
    code = status ? cmd_fail(&err) : EXIT_OK;
usage:
    if (code != EXIT_OK)
        cmd_out_abandon(&out);
    apg_model_free(t.model);
    apg_dataset_free(t.valid);
    if (!t.from)
        apg_schema_free(t.schema);
    apg_model_free(t.from);
    apg_dataset_free(t.rows);
    apg_pool_free(t.pool);
    return code;
}
