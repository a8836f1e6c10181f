/* SPDX-License-Identifier: MIT
 *
 * setting.h - members of a struct that a user sets by name. A row of a table gives the name, kind, place in
 * the struct, range and help of one member. The option parser, --help, completion, the manual test, the
 * settings of apg.h and the description in a model file all read the same row.
 *
 *     struct shape { size_t rank; double dropout; };
 *     static const struct apg_setting rows[] = {
 *         {.kind = APG_SETTING_SIZE, .name = "rank", .at = offsetof(struct shape, rank), .least = 1,
 *             .most = 4096, .arg = "K", .help = "rank of the generated matrices"},
 *         {.kind = APG_SETTING_END},
 *     };
 *     status = apg_setting_parse(&rows[0], &shape, "0", &kept, err);
 *     // err->text: --rank takes an integer from 1 to 4096, not '0'
 *
 * Numbers must be finite and in range. Messages call a setting by its option, "--rank". No function here keeps
 * state; any thread may call them.
 */
#ifndef APG_SETTING_H
#define APG_SETTING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/json.h"

enum apg_setting_kind {
    APG_SETTING_END,    /* behind the last row of a table */
    APG_SETTING_FLAG,   /* bool; its text is "yes" or "no" */
    APG_SETTING_SIZE,   /* size_t in [least, most] */
    APG_SETTING_BYTES,  /* size_t, bytes; a suffix K, M, G or T stands for a power of 1024 */
    APG_SETTING_U64,    /* uint64_t */
    APG_SETTING_REAL,   /* double in [least, most] */
    APG_SETTING_STRING, /* const char *, which borrows the text it was parsed from */
    /* char ** and its count: names with commas between, quoted as in CSV where a name has a comma or is
     * empty; further texts are appended */
    APG_SETTING_LIST,
    APG_SETTING_SIZES,  /* size_t [room] and its count: integers with commas between; "" is no integer */
    APG_SETTING_CHOICE, /* int or enum: the index into .arg, "a|b|c"; "v5=c" makes v5 another name for c */
    APG_SETTING_SWITCH, /* bool: the index into .arg, "a|b" */
    APG_SETTING_CHAR,   /* char: one byte, or "tab", "\\t" */
};

/* The largest room of a SIZES setting, in numbers. */
enum { APG_SETTING_SIZES_MAX = 64 };

struct apg_setting {
    enum apg_setting_kind kind;
    char letter;        /* of the option: 'd' is -d; 0: none */
    const char *name;   /* "cross-rank"; NULL: the member is only in files, and no user sets it */
    size_t at, n_at;    /* offsets in bytes of the member, and of the size_t that counts it (LIST, SIZES) */
    size_t room;        /* SIZES: how many numbers the member holds */
    double least, most; /* of each number */
    const char *arg;    /* what --help calls the value; of a CHOICE or SWITCH, its choices */
    const char *help;   /* one sentence, lower case, no full stop */
    bool rare;          /* few users need it, so only --help-all shows it */
    /* The setting does something only where setting OF is one of OF_NAMES, "a|b"; NULL: always. */
    const char *of, *of_names;
    bool once;         /* STRING: it may not be given twice, where the last would count */
    bool whole;        /* LIST: each text is one item, with the commas that it has */
    const char *alone; /* the value of an option that is given without one; NULL: it takes one */
    const char *key;   /* its name in a model file; NULL: files do not have it */
    bool optional;     /* SIZE: files do not have it where it is at its least or 0 */
};

/* Which settings were given, by name. The names are those of the rows and are not copied. */
enum { APG_GIVEN_MAX = 200 };
struct apg_given {
    size_t n;
    const char *name[APG_GIVEN_MAX];
};
void apg_given_add(struct apg_given *g, const char *name);
bool apg_given_has(const struct apg_given *g, const char *name);

/* The memory of parsed lists: a chain, NULL at first, that apg_setting_parse extends and apg_kept_free
 * frees. */
struct apg_kept;
void apg_kept_free(struct apg_kept *kept);

/* Parse TEXT into the member of the struct at BASE; a STRING points into TEXT, which must outlive it.
 * APG_ESETTING: the row does not take TEXT. APG_ENOMEM: out of memory. After a failure the member is
 * unchanged. */
enum apg_status apg_setting_parse(const struct apg_setting *row, void *base, const char *text,
    struct apg_kept **kept, struct apg_error *err);
/* The member's value as text, cut to SIZE bytes. It is "" for flags and lists, and for a number that is
 * NaN. */
void apg_setting_text(char *out, size_t size, const struct apg_setting *row, const void *base);

/* The same as JSON, with all of its digits: true or false of a flag, else a string that apg_setting_parse
 * takes. NULL: out of memory, or the value is not UTF-8. */
json_t *apg_setting_json(const struct apg_setting *row, const void *base);
/* Put into OBJECT, under its name, each of the ROWS that is among GIVEN and whose member of the struct at
 * BASE is not as in the one at DEFAULTS; NULL: whatever it is. A value that is not UTF-8 is left out. False:
 * out of memory. */
bool apg_setting_put(json_t *object, const struct apg_setting *rows, const struct apg_given *given,
    const void *base, const void *defaults);
/* Write an option in the words of a shell to OUT: "--missing 'NA,-'"; "--batch-norm" where VALUE is NULL. OUT has
 * room for APG_OPTION_BYTES beside NAME and four times VALUE. Returns the end, a NUL. */
enum { APG_OPTION_BYTES = 8 };
char *apg_setting_option(char *out, const char *name, const char *value);

/* The row of setting NAME in a table; NULL: there is none. */
const struct apg_setting *apg_setting_find(const struct apg_setting *rows, const char *name);

/* ---- "a|b|c" ---- */

/* The index of the word of LENGTH letters at WORD among NAMES, "a|b|v2=b", where v2 is another name of b.
 * -1: NAMES does not have it. */
int apg_names_find_n(const char *names, const char *word, size_t length);
int apg_names_find(const char *names, const char *word);
/* The name at INDEX and, in *length, how many letters it has; "" and 0 behind the last. */
const char *apg_names_at(const char *names, int index, size_t *length);
/* OUT: the names with SEPARATOR between them, without other names such as v2, cut to SIZE bytes. */
void apg_names_list(char *out, size_t size, const char *names, const char *separator);

#endif
