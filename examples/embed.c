/* SPDX-License-Identifier: MIT
 *
 * apg inside a program: embed LOG.csv MODEL < rows
 *
 * Trains a model on a click log, collapses it, saves it as MODEL, prints what its operators cost, and then scores rows
 * from standard input: the model's columns in its order, separated by tabs.
 *
 *   cc examples/embed.c -o embed $(pkg-config --cflags --libs apg)
 */
#include <apg.h>
#include <stdio.h>
#include <string.h>

static void tell(void *arg, const struct apg_event *event)
{
    (void)arg;
    if (event->kind == APG_EVENT_EPOCH)
        fprintf(stderr, "epoch %zu: loss %.4f, AUC %.4f\n", event->progress->epoch, event->progress->loss,
            event->progress->valid_auc);
}

static void print_costs(const struct apg *model)
{
    struct apg_op_cost row[256];
    size_t n = apg_complexity(model, row, 256);
    for (size_t i = 0; i < n && i < 256; i++)
        printf("%-24s %-10s %8llu multiply-adds %8llu numbers\n", row[i].layer, row[i].op,
            (unsigned long long)(row[i].cost.generate + row[i].cost.forward),
            (unsigned long long)(row[i].cost.numbers + row[i].cost.biases + row[i].cost.tables));
}

/* A line of cells with tabs between. */
static enum apg_status score(struct apg *model, char *line, struct apg_error *err)
{
    const char *cell[1024];
    double probability;
    size_t n = 0;
    for (char *c = line; c && n < 1024; n++) {
        cell[n] = c;
        if ((c = strchr(c, '\t')))
            *c++ = 0;
    }
    if (n != apg_columns_count(model)) {
        snprintf(err->text, sizeof err->text, "%zu cells where the model has %zu columns", n,
            apg_columns_count(model));
        return APG_EINPUT;
    }
    enum apg_status status = apg_predict(model, cell, 1, &probability, err);
    if (!status)
        printf("%.9g\n", probability);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"multi=genres", "hidden=8", "rank=2", "epochs=1", NULL};
    const struct apg_train_options options = {.settings = settings, .tell = tell};
    const struct apg_input log = {-1, argc == 3 ? argv[1] : ""};
    struct apg *model = NULL;
    struct apg_error err = {0};
    char line[65536];
    if (argc != 3) {
        fprintf(stderr, "usage: embed LOG.csv MODEL < rows\n");
        return 2;
    }
    enum apg_status status = apg_train(&model, &log, 1, &options, &err);
    if (!status && !(status = apg_collapse(model, false, NULL, &err)) &&
        !(status = apg_save(model, argv[2], &err)))
        print_costs(model);
    while (!status && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        status = score(model, line, &err);
    }
    if (status)
        fprintf(stderr, "embed: %s\n", err.text);
    apg_close(model);
    return status ? 1 : 0;
}
