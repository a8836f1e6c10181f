/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/message.h"
#include "common/opt.h"

struct args {
    bool quiet, header;
    size_t rank, memory;
    uint64_t seed;
    double lr, tune;
    const char *out;
    struct apg_list multi;
    struct opt_sizes hidden;
    int form;
    char delimiter;
};

static char said[8192]; /* what the last parse wrote, to either stream */
static int left;        /* operands it left over */
static char *first;     /* the first of these */

/* Parse LINE, words apart by single spaces, with standard output and error caught. */
static int parse(struct args *a, const char *line)
{
    const struct opt table[] = {
        OPT_HEADING("Things"),
        OPT_FLAG('q', "quiet", &a->quiet, "say nothing"),
        OPT_FLAG(0, "header", &a->header, "the first line has names"),
        OPT_SIZE('k', "rank", &a->rank, 1, 4096, "K", "rank of the generated matrices"),
        OPT_BYTES(0, "memory", &a->memory, 1024, "memory to use"),
        OPT_U64(0, "seed", &a->seed, "seed"),
        OPT_REAL(0, "lr", &a->lr, 0, 10, "RATE", "learning rate"),
        OPT_OF(REAL, 0, "tune", &a->tune, .least = 2, .most = 100, .arg = "BUDGET", .alone = "10",
            .help = "search"),
        OPT_STRING('o', "output", &a->out, "FILE", "write here"),
        OPT_LIST(0, "multi", &a->multi, "COLUMN,...", "multi-valued columns"),
        OPT_SIZES(0, "hidden", &a->hidden, 1, 65536, "N,...", "widths"),
        OPT_CHOICE(0, "form", &a->form, "shared|overparam|v4=shared|v5=overparam", "form"),
        OPT_CHAR('d', "delimiter", &a->delimiter, "between cells"),
        OPT_END,
    };
    const struct opt_command c = {"train", "[OPTION]...", "Train.", table, "    apg train < a.csv"};
    static char words[1024];
    static char *argv_[64];
    char **argv = argv_, *rest = words;
    int argc = 0;
    snprintf(words, sizeof words, "%s", line);
    while ((argv[argc] = strsep(&rest, " ")))
        argc++;

    fflush(stdout);
    FILE *f = tmpfile();
    assert_non_null(f);
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    dup2(fileno(f), STDOUT_FILENO);
    dup2(fileno(f), STDERR_FILENO);
    int r = opt_parse(&argc, &argv, &c);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    rewind(f);
    said[fread(said, 1, sizeof said - 1, f)] = '\0';
    fclose(f);
    left = argc;
    first = argv[0];
    return r;
}

static void assert_refused(const char *line, const char *message)
{
    struct args a = {.rank = 7, .lr = 1, .form = 1, .delimiter = ','};
    assert_int_equal(parse(&a, line), EXIT_USAGE);
    char expected[600];
    snprintf(expected, sizeof expected, "apg train: %s\n", message);
    assert_string_equal(said, expected);
    assert_true(a.rank == 7 && a.lr == 1 && a.form == 1 && a.delimiter == ',');
}

static void reads_every_kind(void **state)
{
    (void)state;
    struct args a = {.header = true};
    assert_int_equal(
        parse(&a,
            "train -qk 16 --no-header --memory=3M --seed 18446744073709551615 --lr 1e-3 -o m.apg in.csv "
            "--hidden 256,128,64 --form v4 -d tab --multi genres,tags --multi x more"),
        OPT_GO);
    assert_string_equal(said, "");
    assert_true(a.quiet && !a.header);
    assert_int_equal(a.rank, 16);
    assert_int_equal(a.memory, 3 << 20);
    assert_true(a.seed == UINT64_MAX);
    assert_true(a.lr == 1e-3);
    assert_string_equal(a.out, "m.apg");
    assert_int_equal(a.hidden.n, 3);
    assert_int_equal(a.hidden.item[2], 64);
    assert_int_equal(a.form, 0);
    assert_int_equal(a.delimiter, '\t');
    assert_int_equal(a.multi.n, 3);
    assert_string_equal(a.multi.item[0], "genres");
    assert_string_equal(a.multi.item[1], "tags");
    assert_string_equal(a.multi.item[2], "x");
    assert_int_equal(left, 2);
    assert_string_equal(first, "in.csv");
    assert_true(opt_given("rank") && opt_given("header") && opt_given("multi"));
    assert_int_equal(parse(&a, "train --quiet --no-quiet"), OPT_GO);
    assert_false(a.quiet);
    assert_false(opt_given("rank"));
}

static void value_may_be_left_out_where_the_row_has_one(void **state)
{
    (void)state;
    struct args a = {0};
    assert_int_equal(parse(&a, "train --tune 3.csv"), OPT_GO);
    assert_true(a.tune == 10 && left == 1);
    assert_int_equal(parse(&a, "train --tune=3"), OPT_GO);
    assert_true(a.tune == 3 && left == 0);
    assert_refused("train --tune=1", "--tune takes a number from 2 to 100, not '1'");
    assert_refused("train --tune=", "--tune takes a number from 2 to 100, not ''");
    assert_refused(
        "train --tune 3", "no file '3'; a value goes behind '=': --tune=3 (see 'apg train --help')");
}

static void last_one_wins_and_operands_may_look_like_options(void **state)
{
    (void)state;
    struct args a = {0};
    assert_int_equal(parse(&a, "train --rank 3 --rank=4 --hidden 5 --hidden= -- --rank"), OPT_GO);
    assert_int_equal(a.rank, 4);
    assert_int_equal(a.hidden.n, 0);
    assert_int_equal(left, 1);
    assert_string_equal(first, "--rank");
    assert_int_equal(parse(&a, "train -"), OPT_GO);
    assert_string_equal(first, "-");
    assert_int_equal(parse(&a, "train --form overparam --mem 5K"), OPT_GO);
    assert_int_equal(a.form, 1);
    assert_int_equal(a.memory, 5120);
}

static void names_option_range_and_value(void **state)
{
    (void)state;
    const char *rank[] = {"0", "4097", "-1", "+3", "3x", "", "0x10", "1.5", "99999999999999999999"};
    for (size_t i = 0; i < sizeof rank / sizeof rank[0]; i++) {
        char line[99], message[99];
        snprintf(line, sizeof line, "train --rank=%s", rank[i]);
        snprintf(message, sizeof message, "--rank takes an integer from 1 to 4096, not '%s'", rank[i]);
        assert_refused(line, message);
    }
    const char *lr[] = {"nan", "inf", "-inf", "1e999", "-1", "10.5", "x", "1x", ""};
    for (size_t i = 0; i < sizeof lr / sizeof lr[0]; i++) {
        char line[99], message[99];
        snprintf(line, sizeof line, "train --lr=%s", lr[i]);
        snprintf(message, sizeof message, "--lr takes a number from 0 to 10, not '%s'", lr[i]);
        assert_refused(line, message);
    }
    assert_refused("train --form v6", "--form takes one of shared, overparam, not 'v6'");
    assert_refused(
        "train --form share", "--form takes one of shared, overparam, not 'share'; did you mean 'shared'?");
    assert_refused("train -d ab", "--delimiter takes one character, or tab, not 'ab'");
    assert_refused("train --delimiter=", "--delimiter takes one character, or tab, not ''");
    assert_refused("train --multi a,,b", "--multi takes names with commas between them, not 'a,,b'");
    assert_refused("train --seed -1", "--seed takes an integer from 0 to 18446744073709551615, not '-1'");
    const char *hidden[] = {"256,", ",1", "1,,2", "0", "1;2", "65537"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        struct args a = {.hidden = {1, {9}}};
        char line[99];
        snprintf(line, sizeof line, "train --hidden=%s", hidden[i]);
        assert_int_equal(parse(&a, line), EXIT_USAGE);
        assert_non_null(strstr(said, "--hidden takes integers from 1 to 65536, commas between them, not '"));
        assert_true(a.hidden.n == 1 && a.hidden.item[0] == 9);
    }
    const char *memory[] = {"1023", "0", "5X", "M", "5MM", "5Mi", "99999999999G", "18446744073709551615K"};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        struct args a = {.memory = 4096};
        char line[99];
        snprintf(line, sizeof line, "train --memory=%s", memory[i]);
        assert_int_equal(parse(&a, line), EXIT_USAGE);
        assert_non_null(
            strstr(said, "--memory takes a number of bytes such as 512M or 2G, at least 1024, not '"));
        assert_int_equal(a.memory, 4096);
    }
}

static void wrong_words_are_explained(void **state)
{
    (void)state;
    assert_refused("train --foo=3", "no option '--foo' (see 'apg train --help')");
    assert_refused(
        "train --memroy=3", "no option '--memroy'; did you mean '--memory'? (see 'apg train --help')");
    assert_refused("train -qx", "no option '-x' (see 'apg train --help')");
    assert_refused("train --quiet=1", "--quiet takes no value (see 'apg train --help')");
    assert_refused("train --rank", "--rank takes a value (see 'apg train --help')");
    assert_refused("train -k", "-k takes a value (see 'apg train --help')");
    assert_refused("train --m 1", "'--m' may be --memory or --multi (see 'apg train --help')");
    assert_refused("train --f\033[2J", "no option '--f?[2J' (see 'apg train --help')");
}

static void help_shows_names_defaults_and_examples(void **state)
{
    (void)state;
    struct args a = {.header = true,
        .rank = 16,
        .memory = 1 << 30,
        .seed = 1,
        .lr = 0.001,
        .tune = NAN,
        .out = NULL,
        .hidden = {2, {64, 32}},
        .form = 1,
        .delimiter = '\t'};
    assert_int_equal(parse(&a, "train --rank 99 --help"), EXIT_OK);
    const char *lines[] = {
        "Usage: apg train [OPTION]...\nTrain.\n\nThings:\n",
        "\n  -q, --quiet               say nothing\n",
        "\n      --[no-]header         the first line has names [on]\n",
        "\n      --memory=BYTES        memory to use [1G]\n",
        "\n      --seed=N              seed [1]\n",
        "\n      --lr=RATE             learning rate [0.001]\n",
        "\n      --tune[=BUDGET]       search\n",
        "\n  -o, --output=FILE         write here\n",
        "\n      --hidden=N,...        widths [64,32]\n",
        "\n      --form=shared|overparam\n                            form [overparam]\n",
        "\n  -d, --delimiter=CHAR      between cells [tab]\n",
        "\n  -h, --help                print this help\n",
        "\nExamples:\n    apg train < a.csv\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_non_null(strstr(said, lines[i]));
}

static void list_is_for_programs(void **state)
{
    (void)state;
    struct args a = {.header = true};
    assert_int_equal(parse(&a, "train --list-options"), EXIT_OK);
    assert_string_equal(said,
        "-q\n--quiet\n--no-header\n-k\n--rank=K\n--memory=BYTES\n--seed=N\n--lr=RATE\n--tune\n-o\n"
        "--output=FILE\n--multi=COLUMN,...\n--hidden=N,...\n--form=shared|overparam\n-d\n"
        "--delimiter=CHAR\n");
}

static int name_it(void **state)
{
    (void)state;
    message_command = "train";
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(value_may_be_left_out_where_the_row_has_one),
        cmocka_unit_test(last_one_wins_and_operands_may_look_like_options),
        cmocka_unit_test(names_option_range_and_value),
        cmocka_unit_test(wrong_words_are_explained),
        cmocka_unit_test(help_shows_names_defaults_and_examples),
        cmocka_unit_test(list_is_for_programs),
    };
    return cmocka_run_group_tests(tests, name_it, NULL);
}
