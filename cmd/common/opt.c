/* SPDX-License-Identifier: MIT */
#include "common/opt.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/message.h"
#include "base/mem.h"

/* What getopt_long returns for a long option: its row in the table, and whether as --no-NAME. */
enum { ROW = 1000, NO = 1, HELP = 998, LIST = 999, ROWS_MAX = 200 };

static const char *given[ROWS_MAX];
static size_t n_given;

bool opt_given(const char *name)
{
    for (size_t i = 0; i < n_given; i++)
        if (strcmp(given[i], name) == 0)
            return true;
    return false;
}

const char *opt_given_below(const struct opt_command *c, const char *heading)
{
    bool below = false;
    for (const struct opt *o = c->table; o->kind != OPT_KIND_END; o++)
        if (o->kind == OPT_KIND_HEADING)
            below = strcmp(o->name, heading) == 0;
        else if (below && opt_given(o->name))
            return o->name;
    return NULL;
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

static bool takes_argument(const struct opt *o)
{
    return o->kind != OPT_KIND_FLAG;
}

/* A flag that is on unless switched off is shown as --no-NAME. */
static bool is_on(const struct opt *o)
{
    return o->kind == OPT_KIND_FLAG && *(bool *)o->target;
}

/* --- choices: "shared|overparam|v5=overparam" --- */

/* Length of the choice that starts at S, and in *next where the next one starts, or NULL. */
static size_t choice_length(const char *s, const char **next)
{
    size_t n = strcspn(s, "|");
    *next = s[n] ? s + n + 1 : NULL;
    return n;
}

/* The choice with number INDEX, other names not counted. */
static const char *choice_name(const char *choices, int index, size_t *length)
{
    const char *next;
    for (const char *s = choices; s; s = next) {
        *length = choice_length(s, &next);
        if (!memchr(s, '=', *length) && index-- == 0)
            return s;
    }
    *length = 0;
    return "";
}

static int choice_find(const char *choices, const char *word, size_t n)
{
    const char *next;
    int index = 0;
    for (const char *s = choices; s; s = next) {
        size_t length = choice_length(s, &next);
        const char *equal = memchr(s, '=', length);
        size_t name = equal ? (size_t)(equal - s) : length;
        if (name == n && memcmp(s, word, n) == 0)
            return equal ? choice_find(choices, equal + 1, length - name - 1) : index;
        index += !equal;
    }
    return -1;
}

/* The names without the other names, SEPARATOR between. */
static void choice_print(char *out, size_t size, const char *choices, const char *separator)
{
    size_t n, used = 0;
    const char *name;
    out[0] = '\0';
    for (int i = 0; name = choice_name(choices, i, &n), n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i ? separator : "", (int)n, name);
}

/* --- values --- */

/* What O takes, for a message. Bounds that only stand for "no bound" are not shown. */
static void describe(char *out, size_t size, const struct opt *o)
{
    const char *what = o->kind == OPT_KIND_SIZES  ? "integers"
                       : o->kind == OPT_KIND_REAL ? "a number"
                                                  : "an integer";
    if (o->kind == OPT_KIND_CHOICE)
        choice_print(out + snprintf(out, size, "one of "), size - 7, o->arg, ", ");
    else if (o->kind == OPT_KIND_CHAR)
        snprintf(out, size, "one character, or tab");
    else if (o->kind == OPT_KIND_U64)
        snprintf(out, size, "an integer from 0 to 18446744073709551615");
    else if (o->kind == OPT_KIND_BYTES)
        snprintf(out, size, "a number of bytes such as 512M or 2G, at least %.0f", o->min);
    else if (o->kind == OPT_KIND_LIST)
        snprintf(out, size, "names with commas between them");
    else if (o->kind == OPT_KIND_REAL && o->max >= 1e300)
        snprintf(out, size, o->min <= -1e300 ? "%s" : "%s of at least %g", what, o->min);
    else if (o->max >= 1e15)
        snprintf(out, size, "%s of at least %.0f", what, o->min);
    else
        snprintf(out, size, "%s from %.15g to %.15g%s", what, o->min, o->max,
            o->kind == OPT_KIND_SIZES ? ", commas between them" : "");
}

/* Decimal digits only (strtoull alone would take " -1" for 2^64 - 1), then the end or one character of STOP.
 */
static bool parse_u64(const char *s, const char *stop, const char **end, uint64_t *out)
{
    if (*s < '0' || *s > '9')
        return false;
    char *e;
    errno = 0;
    uint64_t v = strtoull(s, &e, 10);
    if (errno || !strchr(stop, *e))
        return false;
    *end = e;
    *out = v;
    return true;
}

static bool parse_size(const struct opt *o, const char *s, const char *stop, const char **end, size_t *out)
{
    uint64_t v;
    if (!parse_u64(s, stop, end, &v) || v > SIZE_MAX || (double)v < o->min || (double)v > o->max)
        return false;
    *out = (size_t)v;
    return true;
}

static bool parse_bytes(const struct opt *o, const char *s, size_t *out)
{
    const char *units = "KMGT", *end;
    uint64_t v;
    if (!parse_u64(s, units, &end, &v) || (*end && end[1]))
        return false;
    size_t bytes = (size_t)v;
    for (const char *u = units; *end && u <= strchr(units, *end); u++)
        if (!apg_mul(bytes, 1024, &bytes))
            return false;
    if ((double)bytes < o->min || (double)bytes > o->max)
        return false;
    *out = bytes;
    return true;
}

static bool parse_sizes(const struct opt *o, const char *s, struct opt_sizes *out)
{
    struct opt_sizes r = {0};
    for (const char *end; *s; s = end + (*end == ',')) {
        if (r.n == sizeof r.item / sizeof r.item[0] || !parse_size(o, s, ",", &end, &r.item[r.n++]))
            return false;
        if (*end && !end[1])
            return false;
    }
    *out = r;
    return true;
}

/* Lists live until the program ends; this keeps them reachable. */
struct kept {
    struct kept *next;
    char *item[OPT_LIST_MAX];
    char text[];
};
static struct kept *kept;

static bool parse_list(const char *s, struct apg_list *out)
{
    size_t size = strlen(s) + 1;
    struct kept *k = calloc(1, sizeof *k + size);
    if (!k)
        return false;
    k->next = kept;
    kept = k;
    memcpy(k->text, s, size);
    size_t n = out->n;
    for (size_t i = 0; i < n; i++)
        k->item[i] = out->item[i];
    char *rest = size > 1 ? k->text : NULL, *word;
    while ((word = strsep(&rest, ","))) {
        if (!*word || n == OPT_LIST_MAX)
            return false;
        k->item[n++] = word;
    }
    *out = (struct apg_list){n, k->item};
    return true;
}

/* The whole of S, finite, and no space before it, which strtod would skip. */
static bool parse_real(const struct opt *o, const char *s, double *out)
{
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || *s <= ' ' || !isfinite(v) || v < o->min || v > o->max)
        return false;
    *out = v;
    return true;
}

static bool parse_value(const struct opt *o, const char *s)
{
    const char *end;
    int index;
    switch (o->kind) {
    case OPT_KIND_SIZE:
        return parse_size(o, s, "", &end, o->target);
    case OPT_KIND_BYTES:
        return parse_bytes(o, s, o->target);
    case OPT_KIND_U64:
        return parse_u64(s, "", &end, o->target);
    case OPT_KIND_REAL:
        return parse_real(o, s, o->target);
    case OPT_KIND_STRING:
        *(const char **)o->target = s;
        return true;
    case OPT_KIND_LIST:
        return parse_list(s, o->target);
    case OPT_KIND_SIZES:
        return parse_sizes(o, s, o->target);
    case OPT_KIND_CHOICE:
        index = choice_find(o->arg, s, strlen(s));
        if (index >= 0)
            *(int *)o->target = index;
        return index >= 0;
    case OPT_KIND_CHAR:
        if (strcmp(s, "tab") == 0 || strcmp(s, "\\t") == 0)
            s = "\t";
        if (!*s || s[1])
            return false;
        *(char *)o->target = *s;
        return true;
    default:
        return false;
    }
}

/* --- help --- */

/* The value before parsing, or "" where there is none worth showing. */
static void print_default(char *out, size_t size, const struct opt *o)
{
    out[0] = '\0';
    const void *t = o->target;
    const char *s;
    size_t n;
    switch (o->kind) {
    case OPT_KIND_SIZE:
        snprintf(out, size, "%zu", *(const size_t *)t);
        break;
    case OPT_KIND_BYTES:
        n = *(const size_t *)t;
        for (s = " KMGT"; n && n % 1024 == 0 && s[1]; s++)
            n /= 1024;
        snprintf(out, size, *s == ' ' ? "%zu" : "%zu%c", n, *s);
        break;
    case OPT_KIND_U64:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)t);
        break;
    case OPT_KIND_REAL:
        if (isfinite(*(const double *)t))
            snprintf(out, size, "%g", *(const double *)t);
        break;
    case OPT_KIND_STRING:
        s = *(const char *const *)t;
        snprintf(out, size, "%s", s ? s : "");
        break;
    case OPT_KIND_SIZES:
        for (size_t i = 0, used = 0; i < ((const struct opt_sizes *)t)->n && used < size; i++)
            used += (size_t)snprintf(
                out + used, size - used, "%s%zu", i ? "," : "", ((const struct opt_sizes *)t)->item[i]);
        break;
    case OPT_KIND_CHOICE:
        s = choice_name(o->arg, *(const int *)t, &n);
        snprintf(out, size, "%.*s", (int)n, s);
        break;
    case OPT_KIND_CHAR:
        if (*(const char *)t)
            snprintf(out, size, *(const char *)t == '\t' ? "tab" : "%c", *(const char *)t);
        break;
    default:
        break;
    }
}

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
    int n = letter ? snprintf(left, sizeof left, "  -%c, --%s%s%s", letter, name, *arg ? "=" : "", arg)
                   : snprintf(left, sizeof left, "      --%s%s%s", name, *arg ? "=" : "", arg);
    if (n + 2 <= MARGIN)
        printf("%-*s", MARGIN, left);
    else
        printf("%s\n%*s", left, MARGIN, "");
    print_wrapped(help, MARGIN);
}

static void print_help(const struct opt_command *c)
{
    printf("Usage: apg %s %s\n", c->name, c->synopsis);
    print_wrapped(c->summary, 0);
    for (const struct opt *o = c->table; o->kind != OPT_KIND_END; o++) {
        char name[64], arg[512] = "", value[256], help[1024];
        if (o->kind == OPT_KIND_HEADING) {
            printf("\n%s:\n", o->name);
            continue;
        }
        snprintf(name, sizeof name, is_on(o) ? "[no-]%s" : "%s", o->name);
        if (o->kind == OPT_KIND_CHOICE)
            choice_print(arg, sizeof arg, o->arg, "|");
        else if (takes_argument(o))
            snprintf(arg, sizeof arg, "%s", o->arg);
        print_default(value, sizeof value, o);
        snprintf(help, sizeof help, is_on(o) ? "%s [on]" : *value ? "%s [%s]" : "%s", o->help, value);
        print_option(o->letter, name, arg, help);
    }
    putchar('\n');
    print_option('h', "help", "", "print this help");
    if (c->examples)
        printf("\nExamples:\n%s\n", c->examples);
}

static void print_list(const struct opt_command *c)
{
    for (const struct opt *o = c->table; o->kind != OPT_KIND_END; o++) {
        char arg[512] = "";
        if (o->kind == OPT_KIND_HEADING)
            continue;
        if (o->kind == OPT_KIND_CHOICE)
            choice_print(arg, sizeof arg, o->arg, "|");
        else if (takes_argument(o))
            snprintf(arg, sizeof arg, "%s", o->arg);
        if (o->letter)
            printf("-%c\n", o->letter);
        printf("--%s%s%s%s\n", is_on(o) ? "no-" : "", o->name, *arg ? "=" : "", arg);
    }
}

/* --- parsing --- */

/* Why getopt_long refused the word: it tells unknown, ambiguous and "takes no argument" apart only in its own
 * words. */
static int refuse(const struct opt_command *c, const struct option *options, const char *word)
{
    if (strncmp(word, "--", 2) != 0)
        return opt_usage(c, "no option '-%c'", optopt);
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
        return opt_usage(c, "'%.*s' may be --%s or --%s", (int)n + 2, word, first, second);
    if (matches == 1)
        return opt_usage(c, "%.*s takes no value", (int)n + 2, word);
    return opt_usage(c, "no option '%.*s'", (int)n + 2, word);
}

int opt_parse(int *argc, char ***argv, const struct opt_command *c)
{
    struct option options[2 * ROWS_MAX + 3] = {0};
    char letters[2 * ROWS_MAX + 4] = ":h", no_names[ROWS_MAX][32];
    size_t n_options = 0, n_letters = 2, n = 0;
    for (const struct opt *o = c->table; o->kind != OPT_KIND_END && n < ROWS_MAX; o++, n++) {
        if (o->kind == OPT_KIND_HEADING)
            continue;
        int value = ROW + 2 * (int)n;
        options[n_options++] =
            (struct option){o->name, takes_argument(o) ? required_argument : no_argument, NULL, value};
        if (o->kind == OPT_KIND_FLAG) {
            snprintf(no_names[n], sizeof no_names[n], "no-%s", o->name);
            options[n_options++] = (struct option){no_names[n], no_argument, NULL, value + NO};
        }
        if (o->letter) {
            letters[n_letters++] = o->letter;
            if (takes_argument(o))
                letters[n_letters++] = ':';
        }
    }
    options[n_options++] = (struct option){"help", no_argument, NULL, HELP};
    options[n_options++] = (struct option){"list-options", no_argument, NULL, LIST};

    n_given = 0;
    opterr = 0;
    optind = 0; /* start again, for one who parses twice */
    int value;
    while ((value = getopt_long(*argc, *argv, letters, options, NULL)) != -1) {
        const struct opt *o = c->table;
        if (value == HELP || value == 'h')
            return print_help(c), EXIT_OK;
        if (value == LIST)
            return print_list(c), EXIT_OK;
        if (value == ':')
            return opt_usage(c, "%s takes a value", (*argv)[optind - 1]);
        if (value == '?')
            return refuse(c, options, (*argv)[optind - 1]);
        if (value >= ROW)
            o += (value - ROW) / 2;
        else
            while (o->kind == OPT_KIND_HEADING || o->letter != value)
                o++;
        if (o->kind == OPT_KIND_FLAG) {
            *(bool *)o->target = value < ROW || !((value - ROW) & NO);
        } else if (!parse_value(o, optarg)) {
            char takes[600];
            describe(takes, sizeof takes, o);
            message_warn("--%s takes %s, not '%s'", o->name, takes, optarg);
            return EXIT_USAGE;
        }
        if (!opt_given(o->name))
            given[n_given++] = o->name;
    }
    *argc -= optind;
    *argv += optind;
    return OPT_GO;
}
