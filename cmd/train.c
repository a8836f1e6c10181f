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
#include "../lib/complexity.h"
#include "../lib/encode.h"
#include "../lib/fit.h"
#include "../lib/ingest.h"
#include "cmd.h"
#include "input.h"

struct train {
    struct apg_columns columns;
    struct apg_pool *pool;
    struct apg_schema *schema;
    struct apg_dataset *rows, *valid;
    struct apg_model *model;
    bool quiet, terminal;
    double started, told;
    double recent; /* sum of losses since the last line */
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

static void progress(void *arg, const struct apg_fit_state *s)
{
    struct train *t = arg;
    if (t->quiet)
        return;
    if (s->epoch_done) {
        fprintf(stderr, "%5zu %11llu %10.5f %10s", s->epoch, (unsigned long long)s->rows, s->loss, "");
        if (s->has_valid)
            fprintf(stderr, " %10.5f %10.5f", s->valid_auc, s->valid_loss);
        else
            fprintf(stderr, " %10s %10s", "", "");
        fprintf(stderr, " %9.0f%s\n", (double)s->rows / (now() - t->started),
            s->has_valid && s->better ? "  best" : "");
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
            status = apg_fail(err, APG_EUSAGE,
                "%s: encoded otherwise than the training rows (apg encode --encoder)", in.input[0].name);
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

/* "self", "group:COL[,COL]..." or "mix:COL,COL...". */
static int read_condition(
    const struct opt_command *command, const char *text, const struct apg_schema *s, struct apg_arch *a)
{
    a->mode = strncmp(text, "group:", 6) == 0 ? APG_CONDITION_GROUP
              : strncmp(text, "mix:", 4) == 0 ? APG_CONDITION_MIX
                                              : APG_CONDITION_SELF;
    if (strcmp(text, "self") == 0)
        return OPT_GO;
    if (a->mode == APG_CONDITION_SELF)
        return opt_usage(command,
            "--condition takes self, group:COLUMN[,COLUMN...] or mix:COLUMN,COLUMN[,...], not '%s'", text);
    const char *columns = strchr(text, ':') + 1;
    size_t least = a->mode == APG_CONDITION_MIX ? 2 : 1, n_columns = 0;
    for (const char *c = columns; *c;) {
        char name[1024];
        size_t n = strcspn(c, ",");
        if (n >= sizeof name || n_columns++ == APG_CONDITION_MAX)
            return opt_usage(command, "--condition has too many columns, or too long a name");
        memcpy(name, c, n);
        name[n] = 0;
        size_t f = s ? apg_schema_find(s, name) : 0;
        if (f == SIZE_MAX)
            return opt_usage(command, "--condition: '%s' is no column that the model reads", name);
        if (s)
            a->condition[a->n_condition++] = f;
        c += n + (c[n] == ',');
    }
    if (n_columns < least)
        return opt_usage(command, "--condition %.*s needs %s", (int)(columns - text), text,
            least == 1 ? "a column" : "two columns or more");
    return OPT_GO;
}

static int read_domain(
    const struct opt_command *command, const char *column, const struct apg_schema *s, struct apg_arch *a)
{
    size_t f = apg_schema_find(s, column);
    if (f == SIZE_MAX)
        return opt_usage(command, "--domain: '%s' is no column that the model reads", column);
    if (!apg_field_is_domain(&s->field[f]))
        return opt_usage(command, "--domain: '%s' is %s: a domain is a categorical or a bucket column",
            column, apg_kind_name[s->field[f].kind]);
    a->domain = f;
    return OPT_GO;
}

static bool copy_sizes(const struct opt_sizes *from, size_t *to, size_t *n)
{
    *n = from->n;
    for (size_t i = 0; i < from->n && i < APG_LAYERS_MAX; i++)
        to[i] = from->item[i];
    return from->n <= APG_LAYERS_MAX;
}

/* A number for each of N layers: as many, or one for all. */
static bool spread(const struct opt_sizes *from, size_t *to, size_t n)
{
    for (size_t i = 0; i < n && from->n; i++)
        to[i] = from->item[from->n == 1 ? 0 : i];
    return from->n == n || from->n == 1;
}

/* Options of one backbone alone. */
static int check_backbone(const struct opt_command *command, const struct apg_arch *a)
{
    static const char *const of[][2] = {{"heads", "autoint"}, {"attention-layers", "autoint"},
        {"cin", "xdeepfm"}, {"cross-layers", "dcn"}, {"cross-rank", "dcn"}, {"bilinear", "fibinet"}};
    const char *backbone = apg_backbones[a->backbone].name;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (opt_given(of[i][0]) && strcmp(backbone, of[i][1]) != 0)
            return opt_usage(command, "--%s is of --backbone %s, not of %s", of[i][0], of[i][1], backbone);
    if (strcmp(backbone, "autoint") == 0 && a->E % a->heads)
        return opt_usage(command, "--embedding-dim %zu cannot be cut into --heads %zu", a->E, a->heads);
    if (!a->n_cin)
        return opt_usage(command, "--cin needs a layer");
    return OPT_GO;
}

/* An option that would do nothing is refused: its user means something else. */
static int check_layer(const struct opt_command *command, const struct apg_arch *a)
{
    static const char *const generated[] = {"form", "condition", "aggregate", "condition-embedding",
        "condition-gradient", "rank", "overparam", "generator-hidden", "bias", "init"};
    const char *layer = apg_layers[a->layer].name;
    static const char *const of_ppnet[] = {
        "condition", "condition-embedding", "condition-gradient", "generator-hidden"};
    const bool ppnet = strcmp(layer, "ppnet") == 0;
    for (size_t i = 0; strcmp(layer, "apg") != 0 && i < sizeof generated / sizeof *generated; i++) {
        bool allowed = false;
        for (size_t k = 0; ppnet && k < sizeof of_ppnet / sizeof *of_ppnet; k++)
            allowed = allowed || strcmp(generated[i], of_ppnet[k]) == 0;
        if (!allowed && opt_given(generated[i]))
            return opt_usage(command, "--%s is of a generated layer, not of --layer %s", generated[i], layer);
    }
    if (ppnet && a->mode != APG_CONDITION_GROUP)
        return opt_usage(command, "--layer ppnet needs --condition group:COLUMN[,COLUMN...]");
    static const char *const of_star[] = {"domain", "partition-rows"};
    bool star = strcmp(layer, "star") == 0;
    for (size_t i = 0; !star && i < sizeof of_star / sizeof *of_star; i++)
        if (opt_given(of_star[i]))
            return opt_usage(command, "--%s is of --layer star, not of --layer %s", of_star[i], layer);
    if (star && !opt_given("domain"))
        return opt_usage(command, "--layer star needs --domain");
    if (star && a->partition_rows == 1)
        return opt_usage(command, "--partition-rows takes 0, or 2 and more: one row has no variance");
    if (opt_given("overparam") && a->form != APG_FORM_OVERPARAM && a->form != APG_FORM_RESIDUAL)
        return opt_usage(command, "--overparam is of --form overparam and residual");
    if (opt_given("rank") && a->form == APG_FORM_FULL)
        return opt_usage(command, "--form full has no rank");
    if (opt_given("init") && a->form == APG_FORM_RESIDUAL)
        return opt_usage(command, "--form residual starts at the static layer: it has no --init");
    if (opt_given("aggregate") && a->mode != APG_CONDITION_MIX)
        return opt_usage(command, "--aggregate is of --condition mix:");
    if (a->mode == APG_CONDITION_SELF &&
        (opt_given("condition-embedding") || opt_given("condition-gradient")))
        return opt_usage(command, "--condition self is no embedding: neither its own, nor stopped");
    if (opt_given("valid") && opt_given("holdout"))
        return opt_usage(command, "--holdout is for training without --valid");
    return OPT_GO;
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
        if (strcmp(m->graph.op[o].type->name, "generated-bias") == 0)
            weights += m->graph.op[o].N * m->graph.op[o].M;
    cmd_warn("the generated bias of a self-wise layer with a linear generator is a dense layer in disguise: "
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

/* "a|b|c" of a table whose rows begin with a name. */
static const char *choices(char *out, size_t size, const void *table, size_t row)
{
    size_t n = 0;
    for (const char *at = table;; at += row) {
        const char *name;
        memcpy(&name, at, sizeof name);
        if (!name)
            return out;
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "|" : "", name);
    }
}

int cmd_train(int argc, char **argv)
{
    struct train t = {.next = 1, .terminal = isatty(STDERR_FILENO)};
    struct columns_args columns = COLUMNS_ARGS;
    struct apg_arch arch = {.backbone = 1,
        .layer = 1,
        .E = 16,
        .heads = 2,
        .n_attention = 2,
        .n_cross = 3,
        .bilinear = 1,
        .partition_rows = 16};
    char backbones[256], layers[256];
    struct apg_fit_options fit = {.optim.lr = 1e-3,
        .lr_decay = 1,
        .batch_size = 1024,
        .epochs = 10,
        .patience = 2,
        .holdout = 0.1,
        .seed = 1};
    struct opt_sizes hidden = {3, {256, 128, 64}}, generator = {0}, rank = {1, {16}}, cin = {2, {16, 16}},
                     overparam = {1, {128}};
    const char *out_path = NULL, *valid_path = NULL, *condition = "self", *domain = NULL;
    int form = APG_FORM_RESIDUAL, bias = APG_BIAS_STATIC, aggregate = APG_AGGREGATE_INPUT_CONCAT;
    int own = 0, stopped = 0, init = 1, optimizer = 0, stop = 0;
    double embedding_std = 1e-2;
    size_t threads = 0;
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPTS_FORMAT(columns),
        OPT_STRING(
            0, "valid", &valid_path, "FILE", "validation rows, CSV or features; without, some are held out"),
        OPT_REAL(0, "holdout", &fit.holdout, 0, 0.9, "X",
            "share of the rows held out when there is no --valid; 0: none"),
        OPT_HEADING("Columns"),
        OPTS_COLUMNS(columns),
        OPT_HEADING("Model"),
        OPT_CHOICE(0, "backbone", &arch.backbone,
            choices(backbones, sizeof backbones, apg_backbones, sizeof *apg_backbones),
            "what stands beside the deep tower"),
        OPT_SIZE(0, "heads", &arch.heads, 1, 4096, "N", "heads of self-attention, of --backbone autoint"),
        OPT_SIZE(0, "attention-layers", &arch.n_attention, 1, APG_LAYERS_MAX, "N",
            "layers of self-attention, of --backbone autoint"),
        OPT_SIZES(0, "cin", &cin, 1, 4096, "M,...",
            "maps of each layer of the interaction network, of --backbone xdeepfm"),
        OPT_SIZE(0, "cross-layers", &arch.n_cross, 1, APG_LAYERS_MAX, "N", "cross layers, of --backbone dcn"),
        OPT_SIZE(0, "cross-rank", &arch.cross_rank, 0, 4096, "R", "rank of their matrices; 0: full"),
        OPT_CHOICE(0, "bilinear", &arch.bilinear, APG_BILINEARS,
            "matrices of --backbone fibinet: one for all pairs, each field or each interaction"),
        OPT_CHOICE(0, "layer", &arch.layer, choices(layers, sizeof layers, apg_layers, sizeof *apg_layers),
            "hidden layers: static, or adapted to each row"),
        OPT_STRING(0, "domain", &domain, "COL", "the column whose tokens are the domains of --layer star"),
        OPT_SIZE(0, "partition-rows", &arch.partition_rows, 0, 1048576, "N",
            "normalize the rows of each domain by themselves, of --layer star, where a batch has N; 0: do "
            "not"),
        OPT_CHOICE(0, "form", &form, APG_FORMS "|v1=full|v2=lowrank|v3=decomposed|v4=shared|v5=overparam",
            "form of the generated layer"),
        OPT_STRING(0, "condition", &condition, "CONDITION",
            "what weights are generated from: self, group:COL[,COL...] or mix:COL,COL[,...]"),
        OPT_CHOICE(0, "aggregate", &aggregate, APG_AGGREGATES, "how the conditions of a mix become one"),
        OPT_CHOICE(0, "condition-embedding", &own, "shared|own",
            "the condition's embeddings: the model's, or a table of their own"),
        OPT_CHOICE(0, "condition-gradient", &stopped, "through|stopped",
            "does the generator train the condition's embeddings"),
        OPT_SIZES(0, "rank", &rank, 0, 4096, "K,...",
            "rank of the generated matrices, for all layers or each; 0: that layer is dense"),
        OPT_SIZES(0, "overparam", &overparam, 0, 65536, "P,...",
            "over-parameterization width, for all layers or each; of --form overparam, and of residual if "
            "given"),
        OPT_SIZES(0, "generator-hidden", &generator, 1, 65536, "N,...",
            "hidden layers of the generator; none: linear; of the gates of --layer ppnet: 64"),
        OPT_CHOICE(0, "bias", &bias, APG_BIASES, "bias of a generated layer"),
        OPT_CHOICE(
            0, "init", &init, "anchor|paper", "start at S = I + G(z) with G near zero, or at plain Xavier"),
        OPT_SIZE(0, "embedding-dim", &arch.E, 1, 4096, "E", "numbers of an embedding"),
        OPT_REAL(0, "embedding-std", &embedding_std, 0, 10, "X", "deviation that embeddings start with"),
        OPT_SIZES(0, "hidden", &hidden, 1, 65536, "M,...", "widths of the hidden layers"),
        OPT_FLAG(0, "batch-norm", &arch.batch_norm, "batch normalization after each hidden layer"),
        OPT_REAL(
            0, "dropout", &arch.dropout, 0, 0.99, "X", "share of hidden activations dropped in training"),
        OPT_HEADING("Training"),
        OPT_CHOICE(0, "optimizer", &optimizer, "adam|adagrad",
            "how weights are updated; of embeddings, touched rows only"),
        OPT_REAL(0, "lr", &fit.optim.lr, 1e-12, 1e3, "X", "learning rate"),
        OPT_REAL(0, "lr-decay", &fit.lr_decay, 1e-6, 1, "X", "the rate is multiplied by X after each epoch"),
        OPT_REAL(0, "embedding-l2", &fit.optim.embedding_l2, 0, 1e3, "X",
            "L2 on the embeddings that a batch touches"),
        OPT_SIZE(0, "batch-size", &fit.batch_size, 1, 1048576, "B", "rows of a step"),
        OPT_SIZE(0, "epochs", &fit.epochs, 1, 100000, "N", "passes over the rows, at most"),
        OPT_SIZE(0, "patience", &fit.patience, 0, 100000, "N",
            "stop after N epochs without a better validation; 0: never"),
        OPT_CHOICE(0, "stop-on", &stop, "auc|logloss", "what better means"),
        OPT_U64(
            0, "seed", &fit.seed, "the same seed and rows give the same model, for any number of threads"),
        OPT_HEADING("Output and resources"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &t.quiet, "no progress, and do not show what was inferred"),
        OPTS_SPOOL(columns),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_END,
    };
    const struct opt_command command = {"train", "[OPTION]... [FILE]...",
        "Train a click-through-rate model whose hidden layers adapt to each row.", table,
        "    apg train < logs.csv > model.apg\n"
        "    apg train --condition group:user_id --valid valid.csv -o model.apg logs.csv\n"
        "    xzcat logs.csv.xz | apg train --multi genres --layer dense -o static.apg"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_columns(&command, &columns, &t.columns)) != OPT_GO ||
        (code = read_condition(&command, condition, NULL, &arch)) != OPT_GO)
        return code;
    if (!copy_sizes(&hidden, arch.hidden, &arch.n_hidden) ||
        !copy_sizes(&generator, arch.generator, &arch.n_generator) ||
        !copy_sizes(&cin, arch.cin, &arch.n_cin))
        return opt_usage(&command, "at most %d layers", APG_LAYERS_MAX);
    if (strcmp(apg_layers[arch.layer].name, "ppnet") == 0 && !opt_given("generator-hidden"))
        arch.n_generator = 1, arch.generator[0] = 64;
    arch.form = (enum apg_form)form, arch.bias = (enum apg_bias)bias;
    arch.aggregate = (enum apg_aggregate)aggregate, arch.own_embedding = own, arch.stop_gradient = stopped;
    if (form != APG_FORM_OVERPARAM && !(form == APG_FORM_RESIDUAL && opt_given("overparam")))
        overparam = (struct opt_sizes){1, {0}};
    if (!spread(&rank, arch.K, arch.n_hidden) || !spread(&overparam, arch.P, arch.n_hidden))
        return opt_usage(&command,
            "--rank and --overparam take one number, or one for each of %zu hidden layers", arch.n_hidden);
    if ((code = check_backbone(&command, &arch)) != OPT_GO || (code = check_layer(&command, &arch)) != OPT_GO)
        return code;
    fit.optim.adagrad = optimizer == 1, fit.stop_on_loss = stop == 1;

    struct apg_error err;
    struct cmd_out out = {0};
    enum apg_status status;
    if ((status = cmd_out_open(&out, out_path, true, &err)) ||
        (status = apg_pool_new(&t.pool, (unsigned)threads, &err)) ||
        (status = read_rows(&t, argv, (size_t)argc, &t.rows, &err)) ||
        (valid_path &&
            (status = read_rows(&t, (char *const[]){(char *)(uintptr_t)valid_path}, 1, &t.valid, &err))))
        goto done;
    if ((code = read_condition(&command, condition, t.schema, &arch)) != OPT_GO)
        goto usage;
    if (domain && (code = read_domain(&command, domain, t.schema, &arch)) != OPT_GO)
        goto usage;
    if ((status = apg_model_new(&t.model, t.schema, &arch, fit.batch_size, true, &err)))
        goto done;
    apg_model_start(t.model, fit.seed, embedding_std, init == 0);
    if (!t.quiet) {
        warn_disguise(t.model);
        tell_memory(t.model, fit.batch_size);
        tell_domains(t.model);
        size_t tables, other;
        apg_model_count(t.model, &tables, &other);
        fprintf(stderr, "%llu rows, %zu fields, %zu numbers in embeddings, %zu outside\n",
            (unsigned long long)t.rows->rows, t.schema->n_fields, tables, other);
        fprintf(stderr, "epoch        rows       loss since last  valid AUC valid loss    rows/s\n");
    }
    t.started = now();
    if (!(status = apg_fit(t.model, t.rows, t.valid, &fit, t.pool, progress, &t, &err)) &&
        !(status = apg_model_save(t.model, input_sink(&out), &err)))
        status = cmd_out_commit(&out, &err);
done:
    code = status ? cmd_fail(&err) : EXIT_OK;
usage:
    if (code != EXIT_OK)
        cmd_out_abandon(&out);
    apg_model_free(t.model);
    apg_dataset_free(t.valid);
    apg_schema_free(t.schema);
    apg_dataset_free(t.rows);
    apg_pool_free(t.pool);
    return code;
}
