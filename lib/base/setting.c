/* SPDX-License-Identifier: MIT */
#include "base/setting.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/near.h"

/* ---- names: "shared|overparam|v5=overparam" ---- */

/* Length of the name that starts at S, and in *next where the next one starts, or NULL. */
static size_t name_length(const char *s, const char **next)
{
    size_t n = strcspn(s, "|");
    *next = s[n] ? s + n + 1 : NULL;
    return n;
}

const char *apg_names_at(const char *names, int index, size_t *length)
{
    const char *next;
    for (const char *s = names; s; s = next) {
        *length = name_length(s, &next);
        if (!memchr(s, '=', *length) && index-- == 0)
            return s;
    }
    *length = 0;
    return "";
}

int apg_names_find_n(const char *names, const char *word, size_t n)
{
    const char *next;
    int index = 0;
    for (const char *s = names; s; s = next) {
        size_t length = name_length(s, &next);
        const char *equal = memchr(s, '=', length);
        size_t name = equal ? (size_t)(equal - s) : length;
        if (name == n && memcmp(s, word, n) == 0)
            return equal ? apg_names_find_n(names, equal + 1, length - name - 1) : index;
        index += !equal;
    }
    return -1;
}

int apg_names_find(const char *names, const char *word)
{
    return apg_names_find_n(names, word, strlen(word));
}

void apg_names_list(char *out, size_t size, const char *names, const char *separator)
{
    size_t n, used = 0;
    const char *name;
    out[0] = '\0';
    for (int i = 0; name = apg_names_at(names, i, &n), n && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", i ? separator : "", (int)n, name);
}

/* ---- which were given ---- */

void apg_given_add(struct apg_given *g, const char *name)
{
    if (!apg_given_has(g, name) && g->n < APG_GIVEN_MAX)
        g->name[g->n++] = name;
}

bool apg_given_has(const struct apg_given *g, const char *name)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->name[i], name) == 0)
            return true;
    return false;
}

const struct apg_setting *apg_setting_find(const struct apg_setting *rows, const char *name)
{
    for (; rows->kind != APG_SETTING_END; rows++)
        if (rows->name && strcmp(rows->name, name) == 0)
            return rows;
    return NULL;
}

/* ---- text to values ---- */

/* What the row takes: "an integer from 1 to 4096". */
static void describe(char *out, size_t size, const struct apg_setting *row)
{
    const char *what = row->kind == APG_SETTING_SIZES  ? "integers"
                       : row->kind == APG_SETTING_REAL ? "a number"
                                                       : "an integer";
    if (row->kind == APG_SETTING_CHOICE || row->kind == APG_SETTING_SWITCH)
        apg_names_list(out + snprintf(out, size, "one of "), size - 7, row->arg, ", ");
    else if (row->kind == APG_SETTING_FLAG)
        snprintf(out, size, "yes or no");
    else if (row->kind == APG_SETTING_CHAR)
        snprintf(out, size, "one character, or tab");
    else if (row->kind == APG_SETTING_U64)
        snprintf(out, size, "an integer from 0 to 18446744073709551615");
    else if (row->kind == APG_SETTING_BYTES)
        snprintf(out, size, "a number of bytes such as 512M or 2G, at least %.0f", row->least);
    else if (row->kind == APG_SETTING_LIST)
        snprintf(out, size, "names with commas between them");
    else if (row->kind == APG_SETTING_REAL &&
             row->most >= 1e300) /* a bound that only stands for "no bound" */
        snprintf(out, size, row->least <= -1e300 ? "%s" : "%s of at least %g", what, row->least);
    else if (row->most >= 1e15)
        snprintf(out, size, "%s of at least %.0f", what, row->least);
    else
        snprintf(out, size, "%s from %.15g to %.15g%s", what, row->least, row->most,
            row->kind == APG_SETTING_SIZES ? ", commas between them" : "");
}

/* S must have decimal digits (strtoull alone would take " -1" for 2^64 - 1), then end, or go on with a
 * character of STOP. *end is behind the digits. */
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

static bool parse_size(
    const struct apg_setting *row, const char *s, const char *stop, const char **end, size_t *out)
{
    uint64_t v;
    if (!parse_u64(s, stop, end, &v) || v > SIZE_MAX || (double)v < row->least || (double)v > row->most)
        return false;
    *out = (size_t)v;
    return true;
}

static bool parse_bytes(const struct apg_setting *row, const char *s, size_t *out)
{
    const char *units = "KMGT", *end;
    uint64_t v;
    if (!parse_u64(s, units, &end, &v) || (*end && end[1]))
        return false;
    size_t bytes = (size_t)v;
    for (const char *u = units; *end && u <= strchr(units, *end); u++)
        if (!apg_mul(bytes, 1024, &bytes))
            return false;
    if ((double)bytes < row->least || (double)bytes > row->most)
        return false;
    *out = bytes;
    return true;
}

static bool parse_sizes(const struct apg_setting *row, const char *s, size_t *out, size_t *n)
{
    size_t item[APG_SETTING_SIZES_MAX], k = 0;
    for (const char *end; *s; s = end + (*end == ',')) {
        if (k == row->room || k == APG_SETTING_SIZES_MAX || !parse_size(row, s, ",", &end, &item[k++]))
            return false;
        if (*end && !end[1])
            return false;
    }
    /* cppcheck-suppress uninitvar ; the first k were read */
    memcpy(out, item, k * sizeof *item);
    *n = k;
    return true;
}

struct apg_kept {
    struct apg_kept *next;
    char *text;
    char *item[];
};

void apg_kept_free(struct apg_kept *kept)
{
    while (kept) {
        struct apg_kept *next = kept->next;
        free(kept->text);
        free(kept);
        kept = next;
    }
}

static enum apg_status parse_list(
    bool whole, const char *s, char ***list, size_t *n, struct apg_kept **kept, struct apg_error *err)
{
    size_t words = 1, i = *n;
    for (const char *c = s; *c; c++)
        words += *c == ',';
    struct apg_kept *k = calloc(1, sizeof *k + (*n + words) * sizeof *k->item);
    if (!k || !(k->text = strdup(s))) {
        free(k);
        return apg_fail_memory(err);
    }
    k->next = *kept;
    *kept = k;
    if (i)
        memcpy(k->item, *list, i * sizeof *k->item);
    if (whole)
        k->item[i++] = k->text;
    for (char *rest = *k->text && !whole ? k->text : NULL; rest; i++)
        if (!(k->item[i] = apg_list_cut(&rest)))
            return APG_ESETTING;
    *list = k->item;
    *n = i;
    return APG_OK;
}

/* S must be a finite number and nothing else, not even a space before it, which strtod would skip. */
static bool parse_real(const struct apg_setting *row, const char *s, double *out)
{
    char *end;
    double v = strtod(s, &end);
    if (end == s || *end || *s <= ' ' || !isfinite(v) || v < row->least || v > row->most)
        return false;
    *out = v;
    return true;
}

static bool parse_char(const char *s, char *out)
{
    if (strcmp(s, "tab") == 0 || strcmp(s, "\\t") == 0)
        s = "\t";
    if (!*s || s[1])
        return false;
    *out = *s;
    return true;
}

/* Parse TEXT as any kind but LIST. */
static bool parse(const struct apg_setting *row, void *at, size_t *n, const char *text)
{
    const char *end;
    int index;
    switch (row->kind) {
    case APG_SETTING_FLAG:
        index = apg_names_find("no|yes", text);
        if (index >= 0)
            *(bool *)at = index;
        return index >= 0;
    case APG_SETTING_SIZE:
        return parse_size(row, text, "", &end, at);
    case APG_SETTING_BYTES:
        return parse_bytes(row, text, at);
    case APG_SETTING_U64:
        return parse_u64(text, "", &end, at);
    case APG_SETTING_REAL:
        return parse_real(row, text, at);
    case APG_SETTING_STRING:
        *(const char **)at = text;
        return true;
    case APG_SETTING_SIZES:
        return parse_sizes(row, text, at, n);
    case APG_SETTING_CHOICE:
        index = apg_names_find(row->arg, text);
        if (index >= 0)
            *(int *)at = index;
        return index >= 0;
    case APG_SETTING_SWITCH:
        index = apg_names_find(row->arg, text);
        if (index >= 0)
            *(bool *)at = index;
        return index >= 0;
    case APG_SETTING_CHAR:
        return parse_char(text, at);
    case APG_SETTING_LIST:
    case APG_SETTING_END:
        break;
    }
    return false;
}

enum apg_status apg_setting_parse(const struct apg_setting *row, void *base, const char *text,
    struct apg_kept **kept, struct apg_error *err)
{
    void *at = (char *)base + row->at;
    size_t *n = (size_t *)(void *)((char *)base + row->n_at);
    const enum apg_status status = row->kind == APG_SETTING_LIST
                                       ? parse_list(row->whole, text, at, n, kept, err)
                                   : parse(row, at, n, text) ? APG_OK
                                                             : APG_ESETTING;
    if (status != APG_ESETTING)
        return status;
    char takes[600];
    struct apg_near near = apg_near_to(text, strlen(text));
    describe(takes, sizeof takes, row);
    if (row->kind == APG_SETTING_CHOICE || row->kind == APG_SETTING_SWITCH)
        apg_near_try_names(&near, row->arg);
    return apg_fail(
        err, APG_ESETTING, "--%s takes %s, not '%s'%s", row->name, takes, text, apg_near_hint(&near));
}

/* ---- values to text ---- */

void apg_setting_text(char *out, size_t size, const struct apg_setting *row, const void *base)
{
    const void *at = (const char *)base + row->at;
    const char *s;
    size_t n;
    out[0] = '\0';
    switch (row->kind) {
    case APG_SETTING_SIZE:
        snprintf(out, size, "%zu", *(const size_t *)at);
        break;
    case APG_SETTING_BYTES:
        n = *(const size_t *)at;
        for (s = " KMGT"; n && n % 1024 == 0 && s[1]; s++)
            n /= 1024;
        snprintf(out, size, *s == ' ' ? "%zu" : "%zu%c", n, *s);
        break;
    case APG_SETTING_U64:
        snprintf(out, size, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case APG_SETTING_REAL:
        if (isfinite(*(const double *)at))
            snprintf(out, size, "%g", *(const double *)at);
        break;
    case APG_SETTING_STRING:
        s = *(const char *const *)at;
        snprintf(out, size, "%s", s ? s : "");
        break;
    case APG_SETTING_SIZES:
        n = *(const size_t *)(const void *)((const char *)base + row->n_at);
        for (size_t i = 0, used = 0; i < n && used < size; i++)
            used += (size_t)snprintf(out + used, size - used, "%s%zu", i ? "," : "", ((const size_t *)at)[i]);
        break;
    case APG_SETTING_CHOICE:
    case APG_SETTING_SWITCH:
        s = apg_names_at(
            row->arg, row->kind == APG_SETTING_CHOICE ? *(const int *)at : *(const bool *)at, &n);
        snprintf(out, size, "%.*s", (int)n, s);
        break;
    case APG_SETTING_CHAR:
        if (*(const char *)at)
            snprintf(out, size, *(const char *)at == '\t' ? "tab" : "%c", *(const char *)at);
        break;
    case APG_SETTING_FLAG:
    case APG_SETTING_LIST:
    case APG_SETTING_END:
        break;
    }
}

/* X with the fewest digits that give it back. */
static void real_text(char *out, size_t size, double x)
{
    out[0] = '\0';
    for (int digits = 6; isfinite(x) && digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            return;
    }
}

/* Names with commas between them, in quotes where parse_list needs them. NULL: out of memory. */
static char *list_text(char *const *item, size_t n)
{
    size_t size = 1;
    for (size_t i = 0; i < n; i++)
        size += 2 * strlen(item[i]) + 3;
    char *text = malloc(size), *to = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        to += sprintf(to, "%s", i ? "," : "");
        to = apg_list_put(to, item[i]);
    }
    *to = '\0';
    return text;
}

json_t *apg_setting_json(const struct apg_setting *row, const void *base)
{
    const void *at = (const char *)base + row->at;
    char small[APG_SETTING_SIZES_MAX * 21];
    if (row->kind == APG_SETTING_FLAG)
        return json_boolean(*(const bool *)at);
    if (row->kind == APG_SETTING_STRING)
        return json_string(*(const char *const *)at ? *(const char *const *)at : "");
    if (row->kind == APG_SETTING_LIST) {
        char *text = list_text(
            *(char *const *const *)at, *(const size_t *)(const void *)((const char *)base + row->n_at));
        json_t *j = json_string(text);
        free(text);
        return j;
    }
    if (row->kind == APG_SETTING_REAL)
        real_text(small, sizeof small, *(const double *)at);
    else
        apg_setting_text(small, sizeof small, row, base);
    return json_string(small);
}

/* Can no string be made of the member because it is not UTF-8? */
static bool not_utf8(const struct apg_setting *row, const void *base)
{
    const void *at = (const char *)base + row->at;
    if (row->kind == APG_SETTING_STRING)
        return *(const char *const *)at && !apg_is_utf8(*(const char *const *)at);
    const size_t n =
        row->kind == APG_SETTING_LIST ? *(const size_t *)(const void *)((const char *)base + row->n_at) : 0;
    for (size_t i = 0; i < n; i++)
        if (!apg_is_utf8((*(char *const *const *)at)[i]))
            return true;
    return row->kind == APG_SETTING_CHAR && *(const signed char *)at < 0;
}

bool apg_setting_put(json_t *object, const struct apg_setting *rows, const struct apg_given *given,
    const void *base, const void *defaults)
{
    int bad = 0;
    for (; !bad && rows->kind != APG_SETTING_END; rows++) {
        if (!rows->name || !apg_given_has(given, rows->name) || not_utf8(rows, base))
            continue;
        json_t *value = apg_setting_json(rows, base),
               *usual = defaults ? apg_setting_json(rows, defaults) : NULL;
        bad = !value || (defaults && !usual);
        if (!bad && !json_equal(value, usual))
            bad = json_object_set(object, rows->name, value);
        json_decref(value);
        json_decref(usual);
    }
    return !bad;
}

char *apg_setting_option(char *out, const char *name, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:,-+/@%";
    out += sprintf(out, "--%s", name);
    if (!value)
        return out;
    const char *quote = !*value || value[strspn(value, plain)] ? "'" : "";
    out += sprintf(out, " %s", quote);
    for (; *value; value++)
        out += sprintf(out, *value == '\'' ? "'\\''" : "%c", *value);
    return out + sprintf(out, "%s", quote);
}
