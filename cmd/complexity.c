/* SPDX-License-Identifier: MIT
 *
 * apg complexity: the table of what each form of layer costs, for a layer or an MLP, and without a shape
 * for the MLP of the paper (arXiv 2203.16218), beside the paper's own figures; or what a model costs, op by
 * op.
 */
#include <stdlib.h>
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/page.h"
#include "complexity_count.h"
#include "serve/handle.h"

int cmd_complexity(int argc, char **argv)
{
    struct complexity c = {
        .mlp = {4, {393, 1024, 512, 256}},
        .shape = {.d = 32, .k = 8, .p = 32, .h = 64, .batch = 1024},
        .domains = {1, {10}},
        .experts = 8,
        .options = {.seconds = 30, .memory = (size_t)4 << 30},
    };
    bool csv = false, json = false;
    const char *out_path = NULL, *model_path = NULL, *plot_path = NULL;
    const double width = APG_COMPLEXITY_WIDTH_MAX;
    const struct opt table[] = {
        OPT_MODEL(&model_path, "count what a model costs, op by op"),
        OPT_HEADING("Shape, without a model"),
        OPT_SIZES(0, "mlp", &c.mlp, 1, width, "N,...",
            "widths of an MLP, its input first; two widths are one layer"),
        OPT_SIZE(0, "condition-dim", &c.shape.d, 1, width, "D", "width of the condition"),
        OPT_SIZE(0, "rank", &c.shape.k, 1, width, "K", "rank of the generated matrices"),
        OPT_SIZE(0, "overparam", &c.shape.p, 1, width, "P", "inner width of U and V as products in training"),
        OPT_SIZE(0, "gate-hidden", &c.shape.h, 1, width, "H", "width of the hidden layer of PPNet's gates"),
        OPT_SIZES(0, "domains", &c.domains, 1, APG_COMPLEXITY_DOMAINS_MAX, "N,...",
            "number of domains of STAR; if given, STAR, MMoE and APG are compared for each number"),
        OPT_SIZE(0, "experts", &c.experts, 1, 4096, "N", "number of MMoE's experts in that comparison"),
        OPT_HEADING("Measuring"),
        OPT_FLAG(0, "measure", &c.measured, "measure seconds and bytes of each form too"),
        OPT_REAL(0, "seconds", &c.options.seconds, 0.01, 1e6, "S",
            "seconds that measuring may take, about; slow forms get fewer rows"),
        OPT_BYTES(
            0, "memory", &c.options.memory, 0, "bytes of memory; forms that take more are not measured"),
        OPT_SIZE(0, "threads", &c.threads, 0, 1024, "N", "threads; 0: one for each processor"),
        OPT_HEADING("Output"),
        OPT_SIZE(0, "batch-size", &c.shape.batch, 1, 1e9, "B",
            "instances in a batch, which share what is done once per batch"),
        OPT_FLAG(0, "csv", &csv, "write CSV instead of tables"),
        OPT_FLAG(0, "json", &json, "write JSON instead of tables"),
        OPT_STRING(0, "plot", &plot_path, "FILE",
            "also draw the cost against rank and width to FILE, in SVG, by gnuplot"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_END,
    };
    const struct opt_command command = {"complexity", "[OPTION]...",
        "Count the multiply-adds and numbers of each form of layer, in the paper's MLP unless another "
        "shape is given; or those of a model.",
        table,
        "    apg complexity\n"
        "    apg complexity --mlp 1024,512 --rank 16 --json\n"
        "    apg complexity -m model.apg\n"};
    int exit_code = opt_parse(&argc, &argv, &command);
    if (exit_code != OPT_GO)
        return exit_code;
    if (argc > 0)
        return opt_usage(&command, "a model is given with --model: '%s' is one word too many", argv[0]);
    if (csv && json)
        return opt_usage(&command, "--csv and --json exclude each other");
    if (c.mlp.n < 2)
        return opt_usage(&command, "--mlp takes at least two widths");
    if (c.domains.n < 1)
        return opt_usage(&command, "--domains takes at least one number");
    static const char *const shape[] = {
        "mlp", "condition-dim", "rank", "overparam", "gate-hidden", "domains", "experts"};
    for (size_t i = 0; model_path && i < sizeof shape / sizeof shape[0]; i++)
        if (opt_given(shape[i]))
            return opt_usage(&command, "--%s is of a shape, and --model has its own", shape[i]);
    if (model_path && plot_path)
        return opt_usage(&command, "--plot is of a shape, not of --model");
    if ((exit_code = page_check_path("plot", plot_path, out_path, &command)) != OPT_GO)
        return exit_code;
    static const char *const measuring[] = {"seconds", "memory", "threads"};
    for (size_t i = 0; !c.measured && i < sizeof measuring / sizeof measuring[0]; i++)
        if (opt_given(measuring[i]))
            return opt_usage(&command, "--%s is of --measure", measuring[i]);
    c.paper = !model_path && !opt_given("mlp");
    c.compare = !model_path && (opt_given("domains") || (c.paper && c.measured));
    c.shape.domains = c.domains.item[0];

    struct apg_error err;
    struct output out = {0}, drawing = {0};
    char *svg = NULL;
    struct apg *model = NULL;
    enum apg_status status = APG_OK;
    if (model_path && (status = input_open_model(&model, model_path, &err)))
        goto done;
    c.model = model ? model->model : NULL;
    if ((status = complexity_count(&c, &err)) || (c.measured && (status = complexity_measure(&c, &err))) ||
        (plot_path && ((status = complexity_plot(&svg, &c, &err)) ||
                          (status = output_open(&drawing, plot_path, false, &err)))) ||
        (status = output_open(&out, out_path, false, &err)))
        goto done;
    if (svg)
        fputs(svg, drawing.f);
    if (json)
        status = complexity_json(out.f, &c, &err);
    else
        (csv ? complexity_csv : complexity_text)(out.f, &c);
    if (!status && plot_path)
        status = output_commit(&drawing, &err);
    if (!status)
        status = output_commit(&out, &err);
done:
    if (status) {
        output_abandon(&drawing);
        output_abandon(&out);
    }
    free(svg);
    apg_close(model);
    return status ? message_fail(&err) : EXIT_OK;
}
