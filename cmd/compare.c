/* SPDX-License-Identifier: MIT
 *
 * apg compare: says whether the second of two sets of scores of the same rows is better than the
 * first. The two come from two files, which are read side by side, row by row, or from two columns
 * of one file.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "stats/compare.h"
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/pairing.h"
#include "common/report.h"
#include "common/scores_csv.h"

enum { UNITS_FEW = 20 }; /* of fewer, the spread that the bootstrap sees is well short of the true one */

/* One of the two sets, or the file that has both. */
struct side {
    struct scores_want want;
    struct apg_source in;
    struct scores rows;
};

struct compare {
    struct side side[2]; /* A, B; of one file, the first alone */
    bool two;            /* files */
    const char *file[2], *score[2], *label, *weight;
    struct apg_list key; /* columns that tell that rows are the same */
    struct pairing pairing;
    struct grouping groups;
    struct apg_compare rows;
    struct apg_compare_plan plan;
    struct apg_compare_report report;
};

/* ---- rows ---- */

static enum apg_status side_open(struct compare *c, int s, const char *path, struct apg_error *err)
{
    struct side *side = &c->side[s];
    enum apg_status status = input_open(&side->in, path, &side->want.columns, err);
    if (status)
        return status;
    if (!side->in.csv)
        return apg_fail(
            err, APG_EUSAGE, "%s: a feature file has no scores: apg predict makes them", side->in.name);
    side->rows.groups = &c->groups;
    return scores_begin(&side->rows, &side->want, side->in.csv, err);
}

static enum apg_status read_rows(struct compare *c, struct apg_error *err)
{
    struct scores *a = &c->side[0].rows, *b = &c->side[1].rows;
    const double *second = c->two ? &b->score[0] : &a->score[1];
    enum apg_status status = APG_OK;
    bool heavy = false;
    do {
        status = scores_next(a, err);
        if (!status && c->two && !(status = scores_next(b, err)))
            status = pairing_check(&c->pairing, err);
        if (!status && a->row)
            status = apg_compare_add(
                &c->rows, a->score[0], *second, a->label, a->weight, a->group ? a->group - 1 : 0, err);
        heavy = heavy || (a->row && a->weight > 0);
    } while (!status && a->row);
    if (!status && c->rows.n == 0)
        status = apg_fail(err, APG_EINPUT, "%s: no rows to compare: only a header", c->file[0]);
    else if (!status && !heavy)
        status = apg_fail(err, APG_EINPUT,
            "%s: nothing to compare: all rows have the weight 0, by column '%s'", c->file[0], c->weight);
    return status;
}

static enum apg_status compare(struct compare *c, char **path, size_t threads, struct apg_error *err)
{
    struct apg_pool *pool = NULL;
    enum apg_status status = grouping_init(&c->groups, err);
    for (int s = 0; !status && s < 1 + c->two; s++)
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): the caller gives as many paths as c->two says */
        status = side_open(c, s, path[s], err);
    if (!status && c->two)
        status = pairing_init(&c->pairing, &c->side[0].rows, &c->side[1].rows, &c->key, err);
    if (status)
        return status;
    const struct side *a = &c->side[0], *b = &c->side[c->two];
    c->label = a->rows.label_name;
    c->weight = a->rows.weight_name;
    c->file[0] = a->in.name;
    c->file[1] = b->in.name;
    c->score[0] = a->rows.score_name[0];
    c->score[1] = b->rows.score_name[!c->two];
    apg_compare_init(&c->rows, a->want.logit, a->want.group.n > 0, c->weight);
    if (!(status = read_rows(c, err)) && !(status = apg_pool_new(&pool, (unsigned)threads, err)))
        status = apg_compare_report(&c->rows, &c->plan, pool, &c->report, err);
    apg_pool_free(pool);
    return status;
}

static void compare_release(struct compare *c)
{
    for (int s = 0; s < 2; s++) {
        scores_end(&c->side[s].rows);
        input_close(&c->side[s].in);
    }
    pairing_release(&c->pairing);
    grouping_release(&c->groups);
    apg_compare_release(&c->rows);
}

/* ---- the report ---- */

static const char *units_name(const struct compare *c)
{
    return c->rows.grouped ? "groups" : "rows";
}

/* What the interval says. NULL: the AUC, or its interval, is undefined. */
static const char *verdict(const struct apg_compare_figure *auc)
{
    if (isnan(auc->low))
        return NULL;
    return auc->low > 0 ? "better" : auc->high < 0 ? "worse" : "none";
}

static void print_verdict(FILE *f, const struct apg_compare_figure *auc)
{
    const char *word = verdict(auc);
    if (!word) {
        fputs("undefined: too few rows of one of the labels\n", f);
        return;
    }
    if (strcmp(word, "none") == 0)
        fputs("no difference that these rows can show", f);
    else
        fprintf(f, "B is %s", word);
    fprintf(
        f, ": %+.3f points of AUC [%.3f, %.3f]\n", 100 * auc->difference, 100 * auc->low, 100 * auc->high);
}

/* Write the difference and its interval, multiplied by SCALE. */
static void print_interval(FILE *f, const struct apg_compare_figure *x, double scale, int places)
{
    const double part[] = {x->difference, x->low, x->high};
    for (int i = 0; i < 3; i++)
        report_number(f, 12, places, scale * part[i]);
    putc('\n', f);
}

static void print_figure(
    FILE *f, const char *name, const struct apg_compare_figure *x, double scale, int places)
{
    fprintf(f, "%-16s", name);
    report_number(f, 12, 6, x->a);
    report_number(f, 12, 6, x->b);
    print_interval(f, x, scale, places);
}

static void report_text(FILE *f, const struct compare *c)
{
    const struct apg_compare_report *r = &c->report;
    for (int s = 0; s < 2; s++)
        fprintf(f, "%c                 '%s' of %s\n", "AB"[s], c -> score[s], c -> file[s]);
    fprintf(f, "%-16s%12llu\n%-16s%12llu\n", "rows", (unsigned long long)r->rows, "positive",
        (unsigned long long)r->positives);
    if (c->weight)
        fprintf(f, "%-16s%12s  weights the rows\n", "weight", c->weight);
    if (c->rows.grouped)
        fprintf(f, "%-16s%12llu  %llu of them, with %llu rows, have both labels and so a GAUC\n", "groups",
            (unsigned long long)r->units, (unsigned long long)r->mixed_groups,
            (unsigned long long)r->mixed_rows);

    fprintf(f, "\n%-16s%12s%12s%12s%12s%12s\n", "", "A", "B", "B - A", "from", "to");
    print_figure(f, "AUC, points", &r->auc, 100, 3);
    if (c->rows.grouped)
        print_figure(f, "GAUC, points", &r->gauc, 100, 3);
    print_figure(f, "log loss", &r->log_loss, 1, 6);
    const struct apg_compare_figure normal = {0, 0, r->auc.difference, r->delong.low, r->delong.high};
    fprintf(f, "%-40s", "AUC, points, by DeLong's test");
    print_interval(f, &normal, 100, 3);
    if (!isnan(r->delong.z))
        fprintf(f, "%-16sstandard error %.3f, z = %.2f, p = %.2g\n", "", 100 * r->delong.error, r->delong.z,
            r->delong.p);

    if (r->n_deciles)
        fprintf(f,
            "\nby activity: groups in ten parts, from few rows to many\n%7s%9s%8s%8s%11s%11s%12s%12s%12s\n",
            "groups", "rows", "fewest", "most", "AUC of A", "of B", "B - A", "from", "to");
    for (size_t d = 0; d < r->n_deciles; d++) {
        const struct apg_compare_part *p = &r->decile[d];
        fprintf(f, "%7llu%9llu%8llu%8llu", (unsigned long long)p->groups, (unsigned long long)p->rows,
            (unsigned long long)p->fewest, (unsigned long long)p->most);
        report_number(f, 11, 6, p->auc.a);
        report_number(f, 11, 6, p->auc.b);
        print_interval(f, &p->auc, 100, 3);
    }
    fprintf(f, "\nfrom, to: %g %% interval of %zu resamples of %s; 1 point = 0.01\n", 100 * c->plan.level,
        c->plan.replicates, units_name(c));
    print_verdict(f, &r->auc);
}

static json_t *json_figure(const struct apg_compare_figure *x)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "a", report_json_number(x->a), "b",
        report_json_number(x->b), "difference", report_json_number(x->difference), "low",
        report_json_number(x->low), "high", report_json_number(x->high));
}

static json_t *json_part(const struct apg_compare_part *p)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "groups", (json_int_t)p->groups, "rows",
        (json_int_t)p->rows, "positives", (json_int_t)p->positives, "fewest_rows", (json_int_t)p->fewest,
        "most_rows", (json_int_t)p->most, "auc", json_figure(&p->auc));
}

static json_t *json_groups(const struct compare *c)
{
    const struct apg_compare_report *r = &c->report;
    const struct apg_list *names = &c->side[0].want.group;
    json_t *columns = json_array(), *deciles = json_array();
    int bad = 0;
    for (size_t i = 0; i < names->n; i++)
        bad |= json_array_append_new(columns, json_string(names->item[i]));
    for (size_t i = 0; i < r->n_deciles; i++)
        bad |= json_array_append_new(deciles, json_part(&r->decile[i]));
    json_t *groups = json_pack("{s:o, s:I, s:I, s:I, s:o, s:o}", "columns", columns, "groups",
        (json_int_t)r->units, "mixed_groups", (json_int_t)r->mixed_groups, "mixed_rows",
        (json_int_t)r->mixed_rows, "gauc", json_figure(&r->gauc), "deciles", deciles);
    return apg_json_whole(groups, bad);
}

static json_t *json_of(const struct compare *c)
{
    const struct apg_compare_report *r = &c->report;
    json_t *delong = json_pack("{s:o, s:o, s:o, s:o, s:o}", "error", report_json_number(r->delong.error),
        "low", report_json_number(r->delong.low), "high", report_json_number(r->delong.high), "z",
        report_json_number(isinf(r->delong.z) ? NAN : r->delong.z), "p", report_json_number(r->delong.p));
    json_t *root =
        json_pack("{s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:I, s:I, s:f, s:I, s:I, s:s, s:s?, s:o, s:o, s:o}", "a",
            "file", c->file[0], "score", c->score[0], "b", "file", c->file[1], "score", c->score[1], "label",
            c->label, "rows", (json_int_t)r->rows, "positives", (json_int_t)r->positives, "level",
            c->plan.level, "replicates", (json_int_t)c->plan.replicates, "seed", (json_int_t)c->plan.seed,
            "resampled", units_name(c), "verdict", verdict(&r->auc), "auc", json_figure(&r->auc), "delong",
            delong, "log_loss", json_figure(&r->log_loss));
    int bad = root && c->rows.grouped ? json_object_set_new(root, "by_group", json_groups(c)) : 0;
    if (root && c->weight)
        bad |= json_object_set_new(root, "weight", json_string(c->weight));
    return apg_json_whole(root, bad);
}

/* Of N comparisons, unless it is one, an array. */
static enum apg_status report_as_json(FILE *f, const struct compare *c, size_t n, struct apg_error *err)
{
    if (n == 1)
        return report_json(f, json_of(c), 0, err);
    json_t *all = json_array(), *root = json_object();
    int bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= json_array_append_new(all, json_of(&c[i]));
    bad |= json_object_set_new(root, "comparisons", all);
    return report_json(f, root, bad, err);
}

/* Write a comma and X; an X that is undefined is an empty cell. */
static void csv_number(FILE *f, double x)
{
    if (isnan(x))
        putc(',', f);
    else
        fprintf(f, ",%.17g", x);
}

/* Write the file of B as a cell, where there are SEVERAL. */
static enum apg_status csv_file(FILE *f, const struct compare *c, bool several, struct apg_error *err)
{
    const size_t length = strlen(c->file[1]);
    char *cell = several ? malloc(2 * length + 2) : NULL;
    if (several && !cell)
        return apg_fail_memory(err);
    if (several)
        fprintf(f, "%.*s,", (int)apg_csv_write(cell, c->file[1], length, ',', true), cell);
    free(cell);
    return APG_OK;
}

static void csv_figure(
    FILE *f, const char *name, uint64_t units, uint64_t rows, const struct apg_compare_figure *x, double p)
{
    const double number[] = {x->a, x->b, x->difference, x->low, x->high, p};
    fprintf(f, "%s,%llu,%llu", name, (unsigned long long)units, (unsigned long long)rows);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++)
        csv_number(f, number[i]);
    putc('\n', f);
}

static enum apg_status csv_rows(FILE *f, const struct compare *c, bool several, struct apg_error *err)
{
    const struct apg_compare_report *r = &c->report;
    struct apg_compare_figure normal = r->auc;
    normal.low = r->delong.low;
    normal.high = r->delong.high;
    const struct {
        const char *name;
        uint64_t units, rows;
        const struct apg_compare_figure *figure;
        double p;
    } line[] = {{"auc", r->units, r->rows, &r->auc, NAN},
        {"auc_delong", r->units, r->rows, &normal, r->delong.p},
        {"log_loss", r->units, r->rows, &r->log_loss, NAN},
        {"gauc", r->mixed_groups, r->mixed_rows, &r->gauc, NAN}};
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < (c->rows.grouped ? 4 : 3); i++)
        if (!(status = csv_file(f, c, several, err)))
            csv_figure(f, line[i].name, line[i].units, line[i].rows, line[i].figure, line[i].p);
    for (size_t d = 0; !status && d < r->n_deciles; d++) {
        char name[32];
        snprintf(name, sizeof name, "auc_decile_%zu", d + 1);
        if (!(status = csv_file(f, c, several, err)))
            csv_figure(f, name, r->decile[d].groups, r->decile[d].rows, &r->decile[d].auc, NAN);
    }
    return status;
}

static enum apg_status report_csv(FILE *f, const struct compare *c, size_t n, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    fprintf(f, "%sfigure,units,rows,a,b,difference,low,high,p\n", n > 1 ? "file," : "");
    for (size_t i = 0; !status && i < n; i++)
        status = csv_rows(f, &c[i], n > 1, err);
    return status;
}

/* Several Bs, a row each, and the same A. */
static void several_text(FILE *f, const struct compare *c, size_t n)
{
    int width = 16;
    for (size_t i = 0; i < n; i++) {
        const int length = (int)strlen(message_text(c[i].file[1]));
        width = length > width ? length : width;
    }
    fprintf(f, "%-*s '%s' of %s\n%-*s%12llu\n%-*s%12llu\n", width, "A", c->score[0], message_text(c->file[0]),
        width, "rows", (unsigned long long)c->report.rows, width, "positive",
        (unsigned long long)c->report.positives);
    if (c->weight)
        fprintf(f, "%-*s%12s  weights the rows\n", width, "weight", message_text(c->weight));
    if (c->rows.grouped)
        fprintf(f, "%-*s%12llu\n", width, "groups", (unsigned long long)c->report.units);
    const struct {
        const char *name;
        size_t at;
        double scale;
        int places;
        bool grouped;
    } part[] = {{"AUC, points", offsetof(struct apg_compare_report, auc), 100, 3, false},
        {"GAUC, points", offsetof(struct apg_compare_report, gauc), 100, 3, true},
        {"log loss", offsetof(struct apg_compare_report, log_loss), 1, 6, false}};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) {
        if (part[k].grouped && !c->rows.grouped)
            continue;
        fprintf(f, "\n%-*s%12s%12s%12s%12s%12s\n", width, part[k].name, "A", "B", "B - A", "from", "to");
        for (size_t i = 0; i < n; i++) {
            const struct apg_compare_figure *x =
                (const struct apg_compare_figure *)(const void *)((const char *)&c[i].report + part[k].at);
            fprintf(f, "%-*s", width, message_text(c[i].file[1]));
            report_number(f, 12, 6, x->a);
            report_number(f, 12, 6, x->b);
            const double number[] = {x->difference, x->low, x->high};
            for (int m = 0; m < 3; m++)
                report_number(f, 12, part[k].places, part[k].scale * number[m]);
            const char *word = k ? NULL : verdict(x);
            fprintf(f, "%s%s\n", word ? "  " : "", word ? word : "");
        }
    }
    fprintf(f, "\nfrom, to: %g %% interval of %zu resamples of %s; 1 point = 0.01\n", 100 * c->plan.level,
        c->plan.replicates, units_name(c));
}

/* ---- the command line ---- */

/* What is wanted of each file. --score names one column for both files, or one for each. */
static void want(struct compare *c, const struct scores_want *common, const struct apg_list *score)
{
    for (int s = 0; s < 2; s++) {
        c->side[s].want = *common;
        c->side[s].want.n_scores = c->two ? 1 : 2;
        for (size_t i = 0; i < score->n && !c->two; i++)
            c->side[s].want.score[i] = score->item[i];
        if (score->n && c->two)
            c->side[s].want.score[0] = score->item[score->n == 2 ? s : 0];
    }
    c->side[1].want.group.n = 0; /* groups and weights are those of A */
    c->side[1].want.columns.weight = NULL;
}

int cmd_compare(int argc, char **argv)
{
    struct compare c = {.plan = {.level = 0.95, .replicates = 1000, .seed = 1}};
    struct scores_want common = {0};
    apg_columns_default(&common.columns);
    struct apg_list score = {0};
    bool csv = false, json = false;
    const char *out_path = NULL;
    size_t threads = 0;
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &common.columns),
        OPT_STRING(0, "label", &common.columns.label, "COLUMN",
            "column of labels, 0 or 1; if not given, found by its name"),
        OPT_LIST(0, "positive", &common.columns.positive, "VALUE,...",
            "labels that are 1, such as yes or >50K; all others are 0"),
        OPT_LIST(0, "score", &score, "A[,B]",
            "columns of the scores of A and of B; one name is for both files; if not given, found by name, "
            "else the last column"),
        OPT_STRING(0, "weight", &common.columns.weight, "COLUMN", "column of A with the rows' weights"),
        OPT_LIST('g', "group", &common.group, "COLUMN,...",
            "rows with the same cells in these columns of A are drawn together; also GAUC"),
        OPT_LIST(0, "key", &c.key, "COLUMN,...",
            "columns that must agree in a row of A and of B; if not given, all that both have"),
        OPT_FLAG(0, "logit", &common.logit, "scores are logits, not probabilities"),
        OPT_HEADING("Intervals"),
        OPT_REAL(0, "level", &c.plan.level, 0.5, 0.9999, "P", "share of such intervals that hold the truth"),
        OPT_SIZE(0, "replicates", &c.plan.replicates, 100, 1000000, "N",
            "number of times that the rows or groups are drawn again"),
        OPT_U64(0, "seed", &c.plan.seed, "seed of the random numbers"),
        OPT_SIZE(0, "threads", &threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_HEADING("Output"),
        OPT_FLAG(0, "by-activity", &c.plan.by_activity, "also report AUC by how many rows a --group has"),
        OPT_FLAG(0, "csv", &csv, "write CSV instead of tables"),
        OPT_FLAG(0, "json", &json, "write JSON instead of tables"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_END,
    };
    const struct opt_command command = {"compare", "[OPTION]... A.csv B.csv... | --score A,B [FILE]",
        "Say whether the scores B are better than the scores A of the same rows, and by how much: the "
        "difference of AUC and of log loss, each with its interval; of several B, a row each.",
        table,
        "    apg compare --group user_id dense.csv adaptive.csv\n"
        "    apg predict -m b.apg --append < test.csv | apg compare --group user_id --by-activity a.csv -\n"
        "    apg compare --score old,new --json scored.csv | jq .auc.difference\n"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO || (code = input_check_columns(&command, &common.columns)) != OPT_GO)
        return code;
    c.two = argc >= 2;
    if (score.n > 2)
        return opt_usage(&command, "--score: two columns are compared, not %zu", score.n);
    if (!c.two && score.n < 2)
        return opt_usage(&command, "give two files, or name two columns of one: --score A,B");
    const size_t n = argc > 2 ? (size_t)argc - 1 : 1; /* sets of scores B */
    int standard_inputs = 0;
    for (int i = 0; i < argc; i++)
        standard_inputs += strcmp(argv[i], "-") == 0;
    if (standard_inputs > 1)
        return opt_usage(&command, "standard input cannot be both files");
    if (n > 1 && strcmp(argv[0], "-") == 0)
        return opt_usage(&command, "A is read once for each B: it cannot be standard input");
    if (n > 1 && c.plan.by_activity && !csv && !json)
        return opt_usage(&command, "--by-activity of several files needs --csv or --json");
    if (!c.two && c.key.n)
        return opt_usage(&command, "--key is of two files");
    if (c.plan.by_activity && !common.group.n)
        return opt_usage(&command, "--by-activity is of groups: name them with --group");
    if (csv && json)
        return opt_usage(&command, "--csv and --json exclude each other");
    want(&c, &common, &score);

    char *standard[] = {NULL};
    struct apg_error err;
    struct output out = {0};
    struct compare *all = calloc(n, sizeof *all);
    enum apg_status status = all ? APG_OK : apg_fail_memory(&err);
    for (size_t i = 0; !status && i < n; i++) {
        char *path[] = {argc ? argv[0] : standard[0], argc > 1 ? argv[i + 1] : NULL};
        all[i] = c;
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): there are as many paths as c.two says */
        status = compare(&all[i], path, threads, &err);
        apg_compare_release(&all[i].rows); /* its report is made */
    }
    if (status || (status = output_open(&out, out_path, false, &err)))
        goto done;
    if (all->report.units < UNITS_FEW)
        message_warn("only %llu %s: intervals of so few are too narrow",
            (unsigned long long)all->report.units, units_name(all));
    if (json)
        status = report_as_json(out.f, all, n, &err);
    else if (csv)
        status = report_csv(out.f, all, n, &err);
    else
        (n > 1 ? several_text(out.f, all, n) : report_text(out.f, all));
    if (!status)
        status = output_commit(&out, &err);
done:
    if (status)
        output_abandon(&out);
    for (size_t i = 0; all && i < n; i++)
        compare_release(&all[i]);
    free(all);
    return status ? message_fail(&err) : EXIT_OK;
}
