/* SPDX-License-Identifier: MIT
 *
 * main.c - apg COMMAND: finds the command, runs it, and sees that its output arrived.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/near.h"
#include "cmd.h"
#include "common/message.h"
#include "common/output.h"
#include "common/ranks.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"collapse", cmd_collapse, "make a trained model small and ready to serve"},
    {"compare", cmd_compare, "say whether one set of scores is better than another"},
    {"complexity", cmd_complexity, "count multiply-adds and numbers, of each form of layer or of a model"},
    {"encode", cmd_encode, "turn CSV logs into a binary feature file"},
    {"evaluate", cmd_evaluate, "measure scores: AUC, GAUC, log loss, calibration"},
    {"explain", cmd_explain, "say which columns a model's scores depend on"},
    {"inspect", cmd_inspect, "show what is in a model or a feature file"},
    {"predict", cmd_predict, "one probability per row, as rows arrive"},
    {"simulate", cmd_simulate, "draw click logs with a known truth"},
    {"train", cmd_train, "train an adaptive (or static) model on logs"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *f)
{
    fputs("Usage: apg COMMAND [OPTION]... [FILE]...\n"
          "Adaptive models for click-through rates: weights generated per impression.\n\n",
        f);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(f, "  %-12s%s\n", commands[i].name, commands[i].help);
    fputs("\nEach reads standard input or FILE and writes standard output. 'apg COMMAND --help' has its "
          "options,\n"
          "'man apg-COMMAND' its manual. 'apg -V' or 'apg --version' prints the version.\n",
        f);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int run(int argc, char **argv)
{
    char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(word, "--list-commands") == 0) {
        for (size_t i = 0; i < N_COMMANDS; i++)
            puts(commands[i].name);
        return EXIT_OK;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts("apg " APG_VERSION);
        return EXIT_OK;
    }
    bool help = strcmp(word, "help") == 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || (help && argc < 3)) {
        usage(stdout);
        return EXIT_OK;
    }
    if (help)
        word = argv[2];
    const struct command *c = find(word);
    if (!c) {
        struct apg_near near = apg_near_to(word, strlen(word));
        for (size_t i = 0; i < N_COMMANDS; i++)
            apg_near_try(&near, commands[i].name, strlen(commands[i].name));
        message_warn("no command '%s'%s (see 'apg --help')", word, apg_near_hint(&near));
        return EXIT_USAGE;
    }
    message_command = c->name;
    if (!ranks_begin(c->run == cmd_train))
        return EXIT_USAGE;
    if (help) {
        char flag[] = "--help", *args[] = {word, flag, NULL};
        return c->run(2, args);
    }
    return c->run(argc - 1, argv + 1);
}

/* A program started with a standard stream closed would get that number for its first file and
 * write messages into it. Fill the gap with a stream of the wrong direction: using it fails, as it
 * did when it was closed. */
static void fill_standard(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

/* OpenBLAS starts a thread for each processor when it is loaded. They are of no use, as the threads are ours, and with a
 * limit on memory (ulimit -v) it tries again for ever. It counts the processors that it may run on, so while libraries are
 * loaded there is one. */
static cpu_set_t processors;
static bool narrowed;

static void narrow(void)
{
    cpu_set_t one;
    if (sched_getaffinity(0, sizeof processors, &processors) != 0)
        return;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &processors))
            CPU_SET(i, &one);
    narrowed = sched_setaffinity(0, sizeof one, &one) == 0;
}
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(void) = narrow;

int main(int argc, char **argv)
{
    if (narrowed)
        (void)sched_setaffinity(0, sizeof processors, &processors);
    fill_standard();
    output_catch_faults();
    int code = run(argc, argv);
    errno = 0;
    bool lost = ferror(stdout) != 0;
    if (fclose(stdout) != 0)
        lost = true;
    if (lost && code == EXIT_OK) {
        struct apg_error err;
        errno = errno ? errno : EIO;
        apg_fail_errno(&err, "standard output");
        code = message_fail(&err);
    }
    ranks_end(code);
    return code;
}
