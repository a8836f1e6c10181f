/* SPDX-License-Identifier: MIT
 *
 * apg complexity: the table of what each form of layer costs, for one layer or an MLP, and without a shape
 * for the MLP of the paper (arXiv 2203.16218), beside the paper's own figures. lib/complexity.h has the
 * formulas.
 */
#include <jansson.h>
#include "../lib/complexity.h"
#include "cmd.h"

struct complexity {
    struct opt_sizes mlp;
    struct apg_complexity_shape shape; /* n and m: 0 unless given */
    bool paper;                        /* the MLP is the paper's */
    struct apg_cost cost[APG_COMPLEXITY_FORMS];
};

/* The paper's table for its MLP; */
static const struct paper {
    enum apg_complexity_form form;
    double mb, seconds; /* of the MLP part; per training epoch */
} paper[] = {
    {APG_COMPLEXITY_DENSE, 12.91, 13.04},
    {APG_COMPLEXITY_FULL, 419.11, 1462.78},
    {APG_COMPLEXITY_DECOMPOSED, 3.22, 11.23},
    {APG_COMPLEXITY_SHARED, 0.44, 7.99},
};
enum { N_PAPER = sizeof paper / sizeof paper[0] };

/* And its comparison on MovieLens, of parameters per user or per item. */
static const struct {
    const char *method;
    double mb;
} movielens[] = {{"STAR", 3784}, {"MMoE", 123}, {"APG", 0.24}};
enum { N_MOVIELENS = sizeof movielens / sizeof movielens[0] };

/* Bytes of a number: the weight, and with Adam's two moments. What the paper's MB hold is a guess: with the
 * moments its static MLP is 2 % above the count, without them three times as large. */
enum { BYTES = 4, BYTES_TRAINING = 12 };

static double megabytes(uint64_t numbers, int bytes)
{
    return (double)numbers * bytes / 1e6;
}

static enum apg_status count(struct complexity *c, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    for (int f = 0; f < APG_COMPLEXITY_FORMS; f++)
        for (size_t l = 0; !status && l + 1 < c->mlp.n; l++) {
            c->shape.n = c->mlp.item[l];
            c->shape.m = c->mlp.item[l + 1];
            status = apg_complexity_add(&c->cost[f], (enum apg_complexity_form)f, &c->shape, err);
        }
    return status;
}

/* ---- the report ---- */

static void report_paper(FILE *f, const struct complexity *c)
{
    fputs("\nthe paper's figures for this MLP, and the count at 12 bytes a number (weight, two moments of "
          "Adam)\n",
        f);
    fprintf(f, "%-14s%14s%12s%12s%14s\n", "form", "s per epoch", "MB", "counted", "difference");
    for (size_t i = 0; i < N_PAPER; i++) {
        const struct paper *p = &paper[i];
        double mb = megabytes(c->cost[p->form].numbers, BYTES_TRAINING);
        fprintf(f, "%-3s%-11s%14.2f%12.2f%12.2f%+12.1f %%\n", apg_complexity_version(p->form),
            apg_complexity_name(p->form), p->seconds, p->mb, mb, 100 * (mb / p->mb - 1));
    }
    fputs("12 bytes, D and K are guesses: D 32 fits v1, K 8 then v4, but v3 needs K 2 (-11 %); no pair fits "
          "all.\n",
        f);
    fputs("\nthe paper's parameters per user or item on MovieLens, in MB (not counted here):", f);
    for (size_t i = 0; i < N_MOVIELENS; i++)
        fprintf(f, "%s %s %.6g", i ? "," : "", movielens[i].method, movielens[i].mb);
    putc('\n', f);
}

static void report_text(FILE *f, const struct complexity *c)
{
    const struct apg_cost *dense = &c->cost[APG_COMPLEXITY_DENSE];
    fputs(c->paper ? "the paper's MLP" : c->mlp.n > 2 ? "MLP" : "layer", f);
    for (size_t i = 0; i < c->mlp.n; i++)
        fprintf(f, "%s%zu", i ? " > " : " ", c->mlp.item[i]);
    fprintf(f, "; D %zu, K %zu, P %zu, %zu domains, batches of %zu\n", c->shape.d, c->shape.k, c->shape.p,
        c->shape.domains, c->shape.batch);
    fprintf(f, "\n%-14s%42s%16s%32s\n%-14s%14s%14s%14s%16s%12s%10s%10s\n", "", "multiply-adds per instance",
        "per batch", "numbers kept", "form", "generation", "forward", "of dense", "generation", "numbers",
        "MB", "of dense");
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        const struct apg_cost *k = &c->cost[i];
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        fprintf(f, "%-3s%-11s%14llu%14llu%14.3g%16llu%12llu%10.2f%10.3g\n", apg_complexity_version(form),
            apg_complexity_name(form), (unsigned long long)k->generate, (unsigned long long)k->forward,
            apg_complexity_total(k, c->shape.batch) / (double)dense->forward, (unsigned long long)k->batch,
            (unsigned long long)k->numbers, megabytes(k->numbers, BYTES),
            (double)k->numbers / (double)dense->numbers);
    }
    if (c->paper)
        report_paper(f, c);
}

static void report_csv(FILE *f, const struct complexity *c)
{
    fputs("form,version,generation,forward,batch_generation,per_instance,numbers\n", f);
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        const struct apg_cost *k = &c->cost[i];
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        fprintf(f, "%s,%s,%llu,%llu,%llu,%.17g,%llu\n", apg_complexity_name(form),
            apg_complexity_version(form), (unsigned long long)k->generate, (unsigned long long)k->forward,
            (unsigned long long)k->batch, apg_complexity_total(k, c->shape.batch),
            (unsigned long long)k->numbers);
    }
}

/* A NULL is passed on by jansson's functions, so running out of memory shows at the end. */
static json_t *json_paper(void)
{
    json_t *forms = json_object(), *methods = json_object();
    int bad = 0;
    for (size_t i = 0; i < N_PAPER; i++)
        bad |= json_object_set_new(forms, apg_complexity_name(paper[i].form),
            json_pack("{s:f, s:f}", "mb", paper[i].mb, "epoch_seconds", paper[i].seconds));
    for (size_t i = 0; i < N_MOVIELENS; i++)
        bad |= json_object_set_new(methods, movielens[i].method, json_real(movielens[i].mb));
    json_t *root = json_pack("{s:o, s:o}", "forms", forms, "movielens_mb", methods);
    if (!bad)
        return root;
    json_decref(root);
    return NULL;
}

static enum apg_status report_json(FILE *f, const struct complexity *c, struct apg_error *err)
{
    json_t *mlp = json_array(), *forms = json_array();
    int bad = 0;
    for (size_t i = 0; i < c->mlp.n; i++)
        bad |= json_array_append_new(mlp, json_integer((json_int_t)c->mlp.item[i]));
    for (int i = 0; i < APG_COMPLEXITY_FORMS; i++) {
        const struct apg_cost *k = &c->cost[i];
        enum apg_complexity_form form = (enum apg_complexity_form)i;
        bad |= json_array_append_new(forms,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:I}", "form", apg_complexity_name(form), "version",
                apg_complexity_version(form), "generation", (json_int_t)k->generate, "forward",
                (json_int_t)k->forward, "batch_generation", (json_int_t)k->batch, "per_instance",
                apg_complexity_total(k, c->shape.batch), "numbers", (json_int_t)k->numbers));
    }
    json_t *root = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "mlp", mlp, "condition_dim",
        (json_int_t)c->shape.d, "rank", (json_int_t)c->shape.k, "overparam", (json_int_t)c->shape.p,
        "domains", (json_int_t)c->shape.domains, "batch_size", (json_int_t)c->shape.batch, "forms", forms);
    if (root && c->paper)
        bad |= json_object_set_new(root, "paper", json_paper());
    enum apg_status status = APG_OK;
    if (!root || bad)
        status = apg_fail_memory(err);
    else if (!json_dumpf(root, f, JSON_INDENT(2)))
        putc('\n', f);
    json_decref(root);
    return status;
}

int cmd_complexity(int argc, char **argv)
{
    struct complexity c = {
        .mlp = {4, {393, 1024, 512, 256}},
        .shape = {.d = 32, .k = 8, .p = 32, .domains = 10, .batch = 1024},
    };
    size_t input = 0, output = 0;
    bool csv = false, json = false;
    const char *out_path = NULL;
    const double width = APG_COMPLEXITY_WIDTH_MAX;
    const struct opt table[] = {
        OPT_HEADING("Shape"),
        OPT_SIZES(0, "mlp", &c.mlp, 1, width, "N,...", "widths of an MLP, its input first"),
        OPT_SIZE(0, "input", &input, 1, width, "N", "width of the input of one layer, with --output"),
        OPT_SIZE(0, "output", &output, 1, width, "M", "width of its output, with --input"),
        OPT_SIZE(0, "condition-dim", &c.shape.d, 1, width, "D", "width of the condition"),
        OPT_SIZE(0, "rank", &c.shape.k, 1, width, "K", "rank of the generated matrices"),
        OPT_SIZE(0, "overparam", &c.shape.p, 1, width, "P", "inner width of U and V in training"),
        OPT_SIZE(0, "domains", &c.shape.domains, 1, APG_COMPLEXITY_DOMAINS_MAX, "N", "domains of STAR"),
        OPT_SIZE(0, "batch-size", &c.shape.batch, 1, 1e9, "B", "instances that share what is done per batch"),
        OPT_HEADING("Output"),
        OPT_FLAG(0, "csv", &csv, "write CSV instead of tables"),
        OPT_FLAG(0, "json", &json, "write JSON instead of tables"),
        OPT_STRING('o', "output-file", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_END,
    };
    const struct opt_command command = {"complexity", "[OPTION]...",
        "Count the multiply-adds and numbers of each form of layer; alone, of the paper's MLP.", table,
        "    apg complexity\n"
        "    apg complexity --input 1024 --output 512 --rank 16 --json\n"};
    int exit_code = opt_parse(&argc, &argv, &command);
    if (exit_code != OPT_GO)
        return exit_code;
    bool one = opt_given("input");
    if (argc > 0)
        return opt_usage(&command, "reads nothing, so '%s' is one word too many", argv[0]);
    if (one != opt_given("output"))
        return opt_usage(&command, "--input and --output are given together");
    if (one && opt_given("mlp"))
        return opt_usage(&command, "--mlp and --input exclude each other");
    if (csv && json)
        return opt_usage(&command, "--csv and --json exclude each other");
    if (c.mlp.n < 2)
        return opt_usage(&command, "--mlp takes at least two widths");
    c.paper = !one && !opt_given("mlp");
    if (one)
        c.mlp = (struct opt_sizes){2, {input, output}};

    struct apg_error err;
    struct cmd_out out = {0};
    enum apg_status status = count(&c, &err);
    if (status || (status = cmd_out_open(&out, out_path, false, &err)))
        goto done;
    if (csv)
        report_csv(out.f, &c);
    else if (json)
        status = report_json(out.f, &c, &err);
    else
        report_text(out.f, &c);
    if (!status)
        status = cmd_out_commit(&out, &err);
done:
    if (status)
        cmd_out_abandon(&out);
    return status ? cmd_fail(&err) : EXIT_OK;
}
