/* SPDX-License-Identifier: MIT */
#include "common/opt.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/near.h"
#include "common/optfile.h"

/* What getopt_long returns for a long option: FIRST_ROW + 2 * its row, and NO more as --no-NAME. */
enum { HELP = 997, HELP_ALL = 998, LIST = 999, FIRST_ROW = 1000, NO = 1, ROWS_MAX = APG_GIVEN_MAX };

/* A command's table with the library's tables unfolded. */
struct item {
    const char *heading; /* or: */
    const struct apg_setting *row;
    void *base;
    bool library; /* a setting of the library */
};

static struct apg_given given;
static struct apg_kept *kept; /* the lists that options hold */
static const char **settings; /* ended by NULL; a list may be given any number of times */
static size_t n_settings, cap_settings;
static struct optfile words; /* of the command line */

static size_t unfold(const struct opt *table, struct item *out)
{
    size_t n = 0;
    for (const struct opt *o = table; n < ROWS_MAX; o++) {
        if (o->table)
            for (const struct apg_setting *s = o->table; s->kind != APG_SETTING_END && n < ROWS_MAX; s++) {
                if (s->name)
                    out[n++] = (struct item){NULL, s, o->base, true};
            }
        else if (o->heading)
            out[n++] = (struct item){o->heading, NULL, NULL, false};
        else if (o->row.kind != APG_SETTING_END)
            out[n++] = (struct item){NULL, &o->row, o->base, false};
        else
            break;
    }
    return n;
}

bool opt_given(const char *name)
{
    return apg_given_has(&given, name);
}

const struct apg_given *opt_all_given(void)
{
    return &given;
}

const char *opt_given_below(const struct opt_command *c, const char *heading)
{
    struct item item[ROWS_MAX];
    const size_t n = unfold(c->table, item);
    bool below = false;
    for (size_t i = 0; i < n; i++)
        if (item[i].heading)
            below = strcmp(item[i].heading, heading) == 0;
        else if (below && opt_given(item[i].row->name))
            return item[i].row->name;
    return NULL;
}

const char *const *opt_settings(void)
{
    return settings;
}

int opt_usage(const struct opt_command *c, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    message_warn("%s (see 'apg %s --help')", text, c->name);
    return EXIT_USAGE;
}

/* As getopt_long has it. */
static int takes_argument(const struct item *i)
{
    return i->row->kind == APG_SETTING_FLAG ? no_argument
           : i->row->alone                  ? optional_argument
                                            : required_argument;
}

/* A flag that is on unless switched off is shown as --no-NAME. */
static bool is_on(const struct item *i)
{
    return i->row->kind == APG_SETTING_FLAG && *(const bool *)((const char *)i->base + i->row->at);
}

/* How the value is called behind the name, "=N"; of choices it is these, without their other names. It is
 * "" of a flag, and in brackets where the option may stand alone. */
static void argument(char *out, size_t size, const struct apg_setting *row)
{
    char choices[512];
    const bool one = row->kind == APG_SETTING_CHOICE || row->kind == APG_SETTING_SWITCH;
    if (one)
        apg_names_list(choices, sizeof choices, row->arg, "|");
    if (row->kind == APG_SETTING_FLAG)
        out[0] = '\0';
    else
        snprintf(out, size, row->alone ? "[=%s]" : "=%s", one ? choices : row->arg);
}

/* --- help --- */

enum { MARGIN = 28, WIDTH = 80 };

/* TEXT broken at spaces, between columns margin and WIDTH; the first line is already there. */
static void print_wrapped(const char *text, int margin)
{
    size_t column = (size_t)margin;
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, " ");
        if (s != text) {
            bool fits = column + 1 + n <= WIDTH;
            column = fits ? column + 1 : (size_t)margin;
            printf("%s%*s", fits ? " " : "\n", fits ? 0 : margin, "");
        }
        printf("%.*s", (int)n, s);
        column += n;
        s += n + (s[n] == ' ');
    }
    putchar('\n');
}

static void print_option(char letter, const char *name, const char *arg, const char *help)
{
    char left[256];
    int n = letter ? snprintf(left, sizeof left, "  -%c, --%s%s", letter, name, arg)
                   : snprintf(left, sizeof left, "      --%s%s", name, arg);
    if (n + 2 <= MARGIN)
        printf("%-*s", MARGIN, left);
    else
        printf("%s\n%*s", left, MARGIN, "");
    print_wrapped(help, MARGIN);
}

static void print_item(const struct item *i)
{
    char name[64], arg[512], value[256], help[1024];
    snprintf(name, sizeof name, is_on(i) ? "[no-]%s" : "%s", i->row->name);
    argument(arg, sizeof arg, i->row);
    apg_setting_text(value, sizeof value, i->row, i->base);
    snprintf(help, sizeof help, is_on(i) ? "%s [on]" : *value ? "%s [%s]" : "%s", i->row->help, value);
    print_option(i->row->letter, name, arg, help);
}

/* Rare options, and headings with nothing else below them, are left out where not ALL is asked for. */
static void print_help(const struct opt_command *c, const struct item *item, size_t n, bool all)
{
    const char *heading = NULL;
    size_t rare = 0;
    printf("Usage: apg %s %s\n", c->name, c->synopsis);
    print_wrapped(c->summary, 0);
    for (size_t i = 0; i < n; i++) {
        if (item[i].heading) {
            heading = item[i].heading;
            continue;
        }
        rare += item[i].row->rare;
        if (item[i].row->rare && !all)
            continue;
        if (heading)
            printf("\n%s:\n", heading);
        heading = NULL;
        print_item(&item[i]);
    }
    putchar('\n');
    print_option('h', "help", "", "print this help");
    if (rare) {
        char text[64];
        snprintf(text, sizeof text, "print %zu more options too", rare);
        print_option(0, "help-all", "", text);
    }
    if (c->examples)
        printf("\nExamples:\n%s\n", c->examples);
}

static void print_list(const struct item *item, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char arg[512];
        if (item[i].heading)
            continue;
        argument(arg, sizeof arg, item[i].row);
        if (item[i].row->alone)
            arg[0] = '\0';
        if (item[i].row->letter)
            printf("-%c\n", item[i].row->letter);
        printf("--%s%s%s\n", is_on(&item[i]) ? "no-" : "", item[i].row->name, arg);
    }
}

/* --- parsing --- */

/* opt_usage with the place of WORD before the text, where it is of a file of options. */
static int usage_at(const struct opt_command *c, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int usage_at(const struct opt_command *c, const char *word, const char *fmt, ...)
{
    char text[1024];
    struct apg_error err;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)apg_fail(&err, APG_EUSAGE, "%s", text);
    optfile_at(&words, word, &err);
    return opt_usage(c, "%s", err.text);
}

/* Why getopt_long refused the word: it tells unknown, ambiguous and "takes no argument" apart only in its own
 * words. */
static int refuse(const struct opt_command *c, const struct option *options, const char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return usage_at(c, word, "no option '-%c'", optopt);
    size_t n = strcspn(word + 2, "="), matches = 0;
    const char *first = NULL, *second = NULL;
    for (const struct option *o = options; o->name; o++) {
        if (strncmp(o->name, word + 2, n) == 0) {
            second = second ? second : first ? o->name : NULL;
            first = first ? first : o->name;
            matches = o->name[n] ? matches + 1 : 1;
            if (!o->name[n])
                break;
        }
    }
    if (matches > 1)
        return usage_at(c, word, "'%.*s' may be --%s or --%s", (int)n + 2, word, first, second);
    if (matches == 1)
        return usage_at(c, word, "%.*s takes no value", (int)n + 2, word);
    struct apg_near near = apg_near_to(word + 2, n);
    near.before = "--";
    for (const struct option *o = options; o->name; o++)
        apg_near_try(&near, o->name, strlen(o->name));
    return usage_at(c, word, "no option '%.*s'%s", (int)n + 2, word, apg_near_hint(&near));
}

/* TEXT is the option's value: of a flag, "yes" or "no". WORD is where it stood. */
static int set(const struct item *i, const char *text, const char *word)
{
    const struct apg_setting *row = i->row;
    struct apg_error err;
    if (row->once && opt_given(row->name)) {
        message_warn("--%s is given twice: it takes one file", row->name);
        return EXIT_USAGE;
    }
    const enum apg_status status = apg_setting_parse(row, i->base, text, &kept, &err);
    if (status) {
        optfile_at(&words, word, &err);
        message_warn("%s", err.text);
        return status == APG_ESETTING ? EXIT_USAGE : EXIT_FAILED;
    }
    apg_given_add(&given, row->name);
    if (i->library) {
        size_t size = strlen(row->name) + strlen(text) + 2;
        char *setting = malloc(size); /* until the next opt_parse */
        if (!setting || !apg_grow(&settings, &cap_settings, n_settings + 2, sizeof *settings)) {
            free(setting);
            message_warn("out of memory");
            return EXIT_FAILED;
        }
        snprintf(setting, size, "%s=%s", row->name, text);
        settings[n_settings++] = setting;
        settings[n_settings] = NULL;
    }
    return OPT_GO;
}

/* Whether WORD, behind the option that may stand alone, is no file but what could be its value. */
static bool is_value(const struct item *i, const char *word)
{
    struct apg_error err;
    return word && access(word, F_OK) != 0 && !apg_setting_parse(i->row, i->base, word, &kept, &err);
}

static void forget(void)
{
    given.n = 0;
    while (n_settings > 0)
        free((void *)(uintptr_t)settings[--n_settings]);
    if (settings)
        settings[0] = NULL;
    optfile_release(&words);
}

int opt_parse(int *argc, char ***argv, const struct opt_command *c)
{
    struct item item[ROWS_MAX];
    struct option options[2 * ROWS_MAX + 4] = {0};
    char letters[2 * ROWS_MAX + 4] = ":h", no_names[ROWS_MAX][32];
    const size_t n = unfold(c->table, item);
    size_t n_options = 0, n_letters = 2;
    bool rare = false;
    for (size_t i = 0; i < n; i++) {
        if (item[i].heading)
            continue;
        const char *name = item[i].row->name;
        const int value = FIRST_ROW + 2 * (int)i;
        rare = rare || item[i].row->rare;
        options[n_options++] = (struct option){name, takes_argument(&item[i]), NULL, value};
        if (takes_argument(&item[i]) == no_argument) {
            snprintf(no_names[i], sizeof no_names[i], "no-%s", name);
            options[n_options++] = (struct option){no_names[i], no_argument, NULL, value + NO};
        }
        if (item[i].row->letter) {
            letters[n_letters++] = item[i].row->letter;
            if (takes_argument(&item[i]))
                letters[n_letters++] = ':';
        }
    }
    options[n_options++] = (struct option){"help", no_argument, NULL, HELP};
    if (rare)
        options[n_options++] = (struct option){"help-all", no_argument, NULL, HELP_ALL};
    options[n_options++] = (struct option){"list-options", no_argument, NULL, LIST};

    forget();
    struct apg_error err;
    const enum apg_status status = optfile_expand(&words, *argc, *argv, &err);
    if (status)
        return status == APG_EUSAGE ? opt_usage(c, "%s", err.text) : message_fail(&err);
    *argc = (int)words.n;
    *argv = words.argv;
    opterr = 0;
    optind = 0; /* start again, for one who parses twice */
    int value;
    while ((value = getopt_long(*argc, *argv, letters, options, NULL)) != -1) {
        if (value == HELP || value == 'h' || value == HELP_ALL)
            return print_help(c, item, n, value == HELP_ALL), EXIT_OK;
        if (value == LIST)
            return print_list(item, n), EXIT_OK;
        if (value == ':')
            return usage_at(c, (*argv)[optind - 1], "%s takes a value", (*argv)[optind - 1]);
        if (value == '?')
            return refuse(c, options, (*argv)[optind - 1]);
        const struct item *i = item;
        if (value >= FIRST_ROW)
            i += (value - FIRST_ROW) / 2;
        else
            /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): a letter of getopt's is that of a row */
            while (i->heading || i->row->letter != value)
                i++;
        const bool no = value >= FIRST_ROW && (value - FIRST_ROW) & NO;
        const char *next = (*argv)[optind]; /* NULL behind the last */
        if (i->row->alone && !optarg && is_value(i, next))
            return usage_at(
                c, next, "no file '%s'; a value goes behind '=': --%s=%s", next, i->row->name, next);
        const int code = set(i,
            optarg          ? optarg
            : i->row->alone ? i->row->alone
            : no            ? "no"
                            : "yes",
            (*argv)[optind - 1]);
        if (code != OPT_GO)
            return code;
    }
    *argc -= optind;
    *argv += optind;
    return OPT_GO;
}
