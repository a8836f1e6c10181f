/* SPDX-License-Identifier: MIT */
#include "data/columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/json.h"
#include "base/mem.h"
#include "data/bins.h"
#include "data/infer.h"
#include "data/label.h"
#include "data/time.h"
#include "data/vocab.h"

/* A list of each kind, one of columns to ignore, and one of times. */
enum { TIME = APG_DROP + 1, N_LISTS = TIME + 1, HOURS = 24, WEEKDAYS = 7 };

void apg_columns_default(struct apg_columns *c)
{
    *c = (struct apg_columns){.quotes = true,
        .separator = '|',
        .header = true,
        .min_count = 1,
        .numeric_bins = 16,
        .buckets = 32,
        .infer = true,
        .memory = (size_t)1 << 30};
}

#define AT(m) .at = offsetof(struct apg_columns, m)
#define NAMES(m)                                                                                             \
    .at = offsetof(struct apg_columns, m.item), .n_at = offsetof(struct apg_columns, m.n), .arg = "NAME,..."

const struct apg_setting apg_columns_format[] = {
    {APG_SETTING_CHAR, 'd', "delimiter", AT(delimiter), .arg = "CHAR",
        .help = "byte between cells, or the word tab; by default the comma, tab, semicolon or bar that the "
                "first rows are cut by",
        .rare = true},
    {APG_SETTING_FLAG, 0, "quotes", AT(quotes),
        .help = "quotes enclose cells; without, they are text, as in many TSV files", .rare = true},
    {APG_SETTING_FLAG, 0, "header", AT(header), .help = "the first record holds the names of the columns"},
    {APG_SETTING_LIST, 0, "columns", NAMES(names),
        .help = "names of the columns of a log without a header; by default c1, c2, ..."},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_columns_kinds[] = {
    {APG_SETTING_STRING, 0, "label", AT(label), .arg = "NAME",
        .help = "column of the label; by default the first that exists of label, click, clicked, y, "
                "target, is_click, is_clicked and clk"},
    {APG_SETTING_LIST, 0, "positive", .at = offsetof(struct apg_columns, positive.item),
        .n_at = offsetof(struct apg_columns, positive.n), .arg = "VALUE,...",
        .help = "labels that are 1, such as yes or >50K; all others are 0"},
    {APG_SETTING_STRING, 0, "weight", AT(weight), .arg = "NAME",
        .help = "column of the rows' weights: how much each counts, a number from 0 on", .rare = true},
    {APG_SETTING_LIST, 0, "categorical", NAMES(categorical),
        .help = "columns of tokens, whatever they look like"},
    {APG_SETTING_LIST, 0, "numeric", NAMES(numeric),
        .help = "columns of numbers, read as sign(x) log(1 + |x|) and standardized"},
    {APG_SETTING_SIZE, 0, "numeric-bins", AT(numeric_bins), .least = 0, .most = APG_SPIKE_ROWS, .arg = "N",
        .help = "a number is read as its bin too, one of about N with equal shares of the rows; a value "
                "that comes often has a bin of its own; 0: no bins",
        .rare = true},
    {APG_SETTING_LIST, 0, "bucket", NAMES(bucket),
        .help = "columns of numbers that are cut into ranges at quantiles", .rare = true},
    {APG_SETTING_SIZE, 0, "buckets", AT(buckets), .least = 2, .most = 65536, .arg = "N",
        .help = "number of ranges that a --bucket column is cut into", .rare = true},
    {APG_SETTING_LIST, 0, "multi", NAMES(multi), .help = "columns whose cells are lists of tokens"},
    {APG_SETTING_CHAR, 0, "separator", AT(separator), .arg = "CHAR",
        .help = "byte between the tokens of a list", .rare = true},
    {APG_SETTING_LIST, 0, "time", NAMES(time),
        .help = "columns of times, read as hour, weekday and age: days before the newest of the logs"},
    {APG_SETTING_LIST, 0, "drop", NAMES(drop), .help = "columns to ignore"},
    {APG_SETTING_LIST, 0, "missing", .at = offsetof(struct apg_columns, missing.item),
        .n_at = offsetof(struct apg_columns, missing.n), .arg = "TEXT,...",
        .help = "cells of these texts are read as empty ones, such as NA,NULL", .rare = true},
    {APG_SETTING_FLAG, 0, "infer", AT(infer),
        .help = "infer the kinds of the other columns from the first rows; else they are categorical",
        .rare = true},
    {APG_SETTING_SIZE, 0, "min-count", AT(min_count), .least = 1, .most = UINT32_MAX, .arg = "N",
        .help = "tokens seen fewer than N times share the id of unknown tokens"},
    {APG_SETTING_SIZE, 0, "hash-bits", AT(hash_bits), .least = 0, .most = APG_HASH_BITS_MAX, .arg = "N",
        .help = "hash tokens to ids of N bits instead of keeping a vocabulary; 0: keep one", .rare = true},
    {.kind = APG_SETTING_END},
};

const struct apg_setting apg_columns_spool[] = {
    {APG_SETTING_BYTES, 0, "memory", AT(memory), .least = 0, .most = 1e18, .arg = "BYTES",
        .help = "bytes of encoded rows to keep in memory; the others go to a temporary file", .rare = true},
    {APG_SETTING_STRING, 0, "temp-dir", AT(temp_dir), .arg = "DIR",
        .help = "directory of that file; by default $TMPDIR or /tmp", .rare = true},
    {.kind = APG_SETTING_END},
};

struct apg_csv_format apg_columns_cut(const struct apg_columns *c)
{
    return (struct apg_csv_format){.delimiter = c->delimiter, .no_quotes = !c->quotes};
}

void apg_columns_cut_as(struct apg_columns *c, const struct apg_given *given, const struct apg_schema *s)
{
    if (!apg_given_has(given, "delimiter"))
        c->delimiter = s->delimiter;
    if (!apg_given_has(given, "quotes"))
        c->quotes = !s->no_quotes;
    if (!apg_given_has(given, "header") && s->no_header)
        c->header = false;
    if (!c->header && !apg_given_has(given, "columns"))
        c->names = s->names;
}

enum apg_status apg_columns_weigh(struct apg_schema *s, const char *name, struct apg_error *err)
{
    if (strcmp(name, s->label) == 0)
        return apg_fail(err, APG_EUSAGE, "--weight %s: it is the label", name);
    return apg_schema_set_weight(s, name) ? APG_OK : apg_fail_memory(err);
}

enum apg_status apg_columns_check(const struct apg_columns *c, struct apg_error *err)
{
    if (c->delimiter == '"' || c->delimiter == '\n' || c->delimiter == '\r')
        return apg_fail(err, APG_ESETTING, "--delimiter cannot be a quote or a line end");
    if (c->names.n && c->header)
        return apg_fail(err, APG_ESETTING, "--columns is for a log without a header: add --no-header");
    return APG_OK;
}

/* ---- names ---- */

/* Are the cells of the record that was read as HEADER those names? */
static bool is_names(const struct apg_csv_chunk *header, const struct apg_list *names)
{
    bool same = header->first[1] == names->n;
    for (size_t i = 0; same && i < names->n; i++)
        same = strcmp(header->text + header->cell[i].at, names->item[i]) == 0;
    return same;
}

enum apg_status apg_columns_header(const struct apg_columns *c, struct apg_csv *csv, bool skip,
    struct apg_csv_chunk *out, struct apg_error *err)
{
    const bool named = !c->header && c->names.n; /* whatever the first record is */
    enum apg_status status = apg_csv_header(csv, out, err);
    if (!status && out->records && !(skip && named) && apg_csv_is_bad(out, 0))
        status = apg_csv_fail(csv, out, 0, err);
    if (status || c->header || !out->records || (named && c->skip_names && is_names(out, &c->names)))
        return status;
    apg_csv_unread_header(csv);
    size_t n = out->first[1], at = 0;
    /* As Criteo's rows to be scored are: the others without the first cell. */
    const bool lacks = named && n + 1 == c->names.n && c->may_lack && apg_list_has(&c->names, c->may_lack);
    if (skip && named && !lacks) {
        n = c->names.n;
        if (!apg_grow(&out->cell, &out->cap_cell, n, sizeof *out->cell))
            return apg_fail_memory(err);
        out->first[1] = (uint32_t)n;
    }
    if (c->names.n && c->names.n != n + lacks)
        return apg_fail(err, APG_EINPUT, "%s:%llu: %zu columns, but %zu names are given for them",
            apg_csv_name(csv), (unsigned long long)out->line, n, c->names.n);
    for (size_t i = 0, k = 0; i < n; i++, k++) {
        char number[32];
        (void)snprintf(number, sizeof number, "c%zu", i + 1);
        k += lacks && strcmp(c->names.item[k], c->may_lack) == 0;
        const char *name = c->names.n ? c->names.item[k] : number;
        size_t len = strlen(name);
        if (!apg_grow(&out->text, &out->cap_text, at + len + 1, 1))
            return apg_fail_memory(err);
        memcpy(out->text + at, name, len + 1);
        out->cell[i] = (struct apg_cell){(uint32_t)at, (uint32_t)len};
        at += len + 1;
    }
    return APG_OK;
}

/* ---- the schema ---- */

/* The columns that the user named for a kind, and the option that names them. */
struct lists {
    const char *flag;
    struct apg_list names;
};

/* Text that grows. A failure sticks and shows in `failed`. */
struct text {
    char *s;
    size_t n, cap;
    bool failed;
};

static void say(struct text *t, const char *s)
{
    size_t len = strlen(s);
    if (t->failed || !apg_grow(&t->s, &t->cap, t->n + len + 1, 1)) {
        t->failed = true;
        return;
    }
    memcpy(t->s + t->n, s, len + 1);
    t->n += len;
}

/* S with each byte BYTE of it written as INSTEAD. */
static void say_with(struct text *t, const char *s, char byte, const char *instead)
{
    char one[2] = "";
    for (; *s; s++) {
        one[0] = *s;
        say(t, *s == byte ? instead : one);
    }
}

/* A name in a list of flags, in quotes where the list has to have them, and in those of a shell. */
static void say_name(struct text *t, const char *flag, bool first, const char *name)
{
    bool plain =
        *name &&
        name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-+/@%")] == '\0';
    bool quoted = !*name || *name == '"' || strchr(name, ',');
    struct text word = {0};
    say(t, first ? t->n ? " --" : "--" : ",");
    say(t, first ? flag : "");
    say(t, first ? " " : "");
    say(&word, quoted ? "\"" : "");
    say_with(&word, name, '"', quoted ? "\"\"" : "\"");
    say(&word, quoted ? "\"" : "");
    say(t, plain ? "" : "'");
    say_with(t, word.failed ? "" : word.s, '\'', "'\\''");
    say(t, plain ? "" : "'");
    t->failed = t->failed || word.failed;
    free(word.s);
}

struct builder {
    const struct apg_columns *c;
    const struct apg_csv *csv;
    const struct apg_csv_chunk *header;
    struct apg_lookup names; /* of its columns */
    struct lists list[N_LISTS];
    size_t label, weight; /* SIZE_MAX: no weight */
    int *kind;            /* (columns) a kind or APG_DROP */
    bool *inferred;       /* (columns) */
    struct text notes;
};

static const char *column_name(const struct builder *b, size_t i)
{
    return b->header->text + b->header->cell[i].at;
}

/* HINT: what helps, or NULL for a name that is near. */
static enum apg_status no_column(
    const struct builder *b, const char *flag, const char *name, const char *hint, struct apg_error *err)
{
    char has[512] = "";
    struct apg_near near = apg_near_to(name, strlen(name));
    size_t n = 0, columns = b->header->first[1];
    if (*flag)
        apg_csv_near(b->header, &near);
    for (size_t i = 0; i < columns && n < sizeof has; i++)
        n += (size_t)snprintf(has + n, sizeof has - n, "%s%s", i ? ", " : "", column_name(b, i));
    return apg_fail(err, APG_EINPUT, "%s:%llu: no column %s%s%s%s; there are: %s%s%s%s", apg_csv_name(b->csv),
        (unsigned long long)b->header->line, *flag ? "--" : "", flag, *flag ? " " : "", name, has,
        n < sizeof has ? "" : "...", hint && *hint ? "; " : "", hint ? hint : apg_near_hint(&near));
}

static size_t find_name(const struct builder *b, const char *name)
{
    size_t at;
    (void)apg_lookup_find(&b->names, name, &at);
    return at;
}

/* Where there is none, say how it can be named: in most such logs the first line is data. */
static enum apg_status find_label(
    struct builder *b, const struct apg_csv_chunk *const *sample, size_t n_sample, struct apg_error *err)
{
    char advice[1024];
    b->label = b->c->label ? find_name(b, b->c->label) : apg_label_find(b->header);
    if (b->label != SIZE_MAX)
        return APG_OK;
    if (apg_label_advise(advice, sizeof advice, b->header, sample, n_sample, b->c->header))
        return apg_fail(err, APG_EINPUT, "%s:%llu: no column %s%s; %s", apg_csv_name(b->csv),
            (unsigned long long)b->header->line, b->c->label ? "--label " : "",
            b->c->label ? b->c->label : "label, click, target or the like", advice);
    return b->c->label ? no_column(b, "label", b->c->label, NULL, err)
                       : no_column(b, "", "label, click, target or the like (--label names it)", advice, err);
}

static enum apg_status find_weight(struct builder *b, struct apg_error *err)
{
    const char *name = b->c->weight;
    b->weight = SIZE_MAX;
    if (!name || !*name)
        return APG_OK;
    b->weight = find_name(b, name);
    if (b->weight == SIZE_MAX)
        return no_column(b, "weight", name, NULL, err);
    return b->weight != b->label ? APG_OK : apg_fail(err, APG_EUSAGE, "--weight %s: it is the label", name);
}

/* The kinds that the user asked for. */
static enum apg_status force(struct builder *b, struct apg_error *err)
{
    for (int kind = 0; kind < N_LISTS; kind++)
        for (size_t k = 0; k < b->list[kind].names.n; k++) {
            const char *name = b->list[kind].names.item[k];
            size_t i = find_name(b, name);
            if (i == SIZE_MAX)
                return no_column(b, b->list[kind].flag, name, NULL, err);
            if (i == b->label)
                return apg_fail(err, APG_EUSAGE, "--%s %s: it is the label", b->list[kind].flag, name);
            if (i == b->weight)
                return apg_fail(err, APG_EUSAGE, "--%s %s: it is the weight", b->list[kind].flag, name);
            if (!b->inferred[i] && b->kind[i] != kind)
                return apg_fail(err, APG_EUSAGE, "--%s %s: it is in --%s too", b->list[kind].flag, name,
                    b->list[b->kind[i]].flag);
            b->kind[i] = kind;
            b->inferred[i] = false;
        }
    return APG_OK;
}

/* Which column the label is, where nobody told and others have a usual name too: a `click` beside
 * `label` may be the label, and then it gives the answer away as a feature. */
static void tell_label(struct builder *b)
{
    bool first = true;
    for (const char *const *name = apg_label_names; !b->c->label && *name; name++) {
        size_t i = apg_label_find_name(b->header, *name);
        if (i == SIZE_MAX || i == b->label || i == b->weight || !b->inferred[i])
            continue;
        say(&b->notes, first ? "\nlabel: " : ", ");
        say(&b->notes, first ? column_name(b, b->label) : "");
        say(&b->notes, first ? "; it could also be " : "");
        say(&b->notes, column_name(b, i));
        first = false;
    }
    if (!first)
        say(&b->notes, " (--label names it; --drop leaves out what is known only with the label)");
}

/* A line of what the user should know of a column. */
static void note(struct builder *b, const char *name, const char *text)
{
    say(&b->notes, "\n");
    say(&b->notes, name);
    say(&b->notes, text);
}

/* Scores that apg predict wrote behind the rows tell the label of rows that their model was trained on. */
static void tell_scores(struct builder *b, size_t i)
{
    const char *name = column_name(b, i);
    if (strcasecmp(name, "score") != 0 || b->kind[i] == APG_DROP)
        return;
    note(b, name, ": named as what apg predict writes; if a model made it of these rows, --drop ");
    say(&b->notes, name);
}

/* A column of numbers, but for what marks those that are missing, is one of tokens unless the user says so. */
static void tell_marker(struct builder *b, const struct apg_look *look, const char *name, bool whole)
{
    struct apg_look without = *look;
    const char *why = "";
    without.marker = NULL;
    if (!look->marker || !look->number || !look->numbers ||
        apg_infer(&without, name, whole, &why) != APG_NUMERIC)
        return;
    note(b, name, ": numbers but for '");
    say(&b->notes, look->marker);
    say(&b->notes, "' (--missing reads it as an empty cell)");
}

/* The kind of column I by the look at it, and what the user should know of it. */
static void infer_one(struct builder *b, size_t i, const struct apg_look *look, bool whole)
{
    const char *name = column_name(b, i), *why = "";
    tell_marker(b, look, name, whole);
    if (apg_look_is_version(look, name)) {
        note(b, name,
            ": texts such as 4.1 and 4.10 are one number, so these are codes (--numeric reads numbers)");
    }
    b->kind[i] = apg_infer(look, name, whole, &why);
    if (b->kind[i] == APG_DROP) {
        say(&b->notes, "\nignored ");
        say(&b->notes, *name ? name : "''");
        say(&b->notes, ": ");
        say(&b->notes, why);
    } else if (b->kind[i] == APG_CATEGORICAL && 50 * look->separators > look->rows) {
        note(b, name, ": its cells look like lists (--multi reads them as such)");
    }
    if (2 * look->commas > look->filled) {
        note(b, name, ": numbers with a comma for the point are tokens (tr , . < LOG makes numbers of them)");
    }
    if (apg_look_is_time(look, name)) {
        note(b, name, ": its cells are times (--time reads hour, weekday and age)");
    }
    tell_scores(b, i);
}

static enum apg_status infer_rest(struct builder *b, const struct apg_csv_chunk *const *sample,
    size_t n_sample, bool whole, struct apg_pool *pool, struct apg_error *err)
{
    const size_t columns = b->header->first[1];
    const struct apg_sample rows_of = {
        sample, n_sample, columns, b->label, &b->c->positive, b->weight, &b->c->missing, b->c->separator};
    size_t rows = 0;
    for (size_t k = 0; k < n_sample; k++)
        rows += sample[k]->records;
    if (!b->c->infer)
        return APG_OK;
    struct apg_look *look = apg_alloc(columns, sizeof *look);
    bool *asked = apg_alloc(columns, sizeof *asked);
    enum apg_status status = look && asked ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < columns; i++)
        asked[i] = b->inferred[i] && i != b->label && i != b->weight;
    if (!status && !(status = apg_look_at(look, &rows_of, asked, pool, err)))
        for (size_t i = 0; i < columns; i++)
            if (asked[i])
                infer_one(b, i, &look[i], whole && rows <= APG_SAMPLE_ROWS);
    free(look);
    free(asked);
    return status;
}

/* Are the eight digits of column I YYMMDDHH? Where all of the sample can be days, they are days: unless they
 * can all be hours too, and as days are all of years before 1970, which logs of clicks are not. */
static bool has_hours(
    const struct builder *b, const struct apg_csv_chunk *const *sample, size_t n_sample, size_t i)
{
    enum { DAYS_FROM_1970_TO_2020 = 18262 };
    struct apg_time day, hour;
    bool both = true, any = false;
    double newest = -INFINITY;
    for (size_t k = 0; k < n_sample; k++)
        for (size_t r = 0; r < sample[k]->records; r++) {
            const struct apg_csv_chunk *chunk = sample[k];
            if (chunk->first[r + 1] - chunk->first[r] != b->header->first[1] || apg_csv_is_bad(chunk, r))
                continue;
            const struct apg_cell *cell = &chunk->cell[chunk->first[r] + i];
            const bool is_day = apg_time_read(&day, chunk->text + cell->at, cell->len, false),
                       is_hour = apg_time_read(&hour, chunk->text + cell->at, cell->len, true);
            if (!is_day && day.eight && is_hour)
                return true;
            if (is_day && day.eight)
                newest = fmax(newest, day.days), both = both && is_hour, any = true;
        }
    return any && both && newest < -DAYS_FROM_1970_TO_2020;
}

/* The fields of column I, which is one of times. */
static enum apg_status make_times(struct apg_schema *s, const struct builder *b,
    const struct apg_csv_chunk *const *sample, size_t n_sample, size_t i, struct apg_error *err)
{
    const char *column = column_name(b, i);
    const bool hours = has_hours(b, sample, n_sample, i);
    const size_t size = strlen(column) + sizeof ".weekday";
    s->n_times++;
    for (int part = APG_TIME_HOUR; part < APG_TIME_PARTS; part++) {
        struct apg_field *f = &s->field[s->n_fields++];
        *f = (struct apg_field){.name = malloc(size),
            .column = strdup(column),
            .kind = part == APG_TIME_AGE ? APG_NUMERIC : APG_BUCKET,
            .part = (enum apg_time_part)part,
            .hours = hours,
            .deviation = 1};
        f->n_edges = part == APG_TIME_HOUR ? HOURS - 1 : part == APG_TIME_WEEKDAY ? WEEKDAYS - 1 : 0;
        f->edge = f->n_edges ? malloc(f->n_edges * sizeof *f->edge) : NULL;
        if (!f->name || !f->column || (f->n_edges && !f->edge))
            return apg_fail_memory(err);
        (void)snprintf(f->name, size, "%s.%s", column, apg_time_part_name[part]);
        for (uint32_t e = 0; e < f->n_edges; e++)
            f->edge[e] = (float)(part == APG_TIME_HOUR ? e + 1 : e + 2);
        if (find_name(b, f->name) != SIZE_MAX)
            return apg_fail(err, APG_EINPUT, "%s:%llu: --time %s: there is a column '%s' already",
                apg_csv_name(b->csv), (unsigned long long)b->header->line, column, f->name);
    }
    return APG_OK;
}

static enum apg_status make_fields(struct apg_schema *s, const struct builder *b,
    const struct apg_csv_chunk *const *sample, size_t n_sample, struct apg_error *err)
{
    size_t columns = b->header->first[1];
    const char *file = apg_csv_name(b->csv);
    s->field = apg_alloc(columns + 2 * b->c->time.n, sizeof *s->field);
    s->label = strdup(column_name(b, b->label));
    if (!s->field || !s->label || (b->weight != SIZE_MAX && !apg_schema_set_weight(s, b->c->weight)))
        return apg_fail_memory(err);
    for (size_t i = 0; i < columns; i++) {
        const char *name = column_name(b, i);
        if (i != b->label && b->kind[i] == APG_DROP)
            continue;
        if (!apg_is_utf8(name))
            return apg_fail(err, APG_EINPUT, "%s:%llu: the name of column %zu is not UTF-8", file,
                (unsigned long long)b->header->line, i + 1);
        if (i == b->label || i == b->weight)
            continue;
        size_t at;
        if (apg_lookup_find(&b->names, name, &at) > 1)
            return apg_fail(err, APG_EINPUT, "%s:%llu: two columns are named '%s'", file,
                (unsigned long long)b->header->line, name);
        if (b->kind[i] == TIME)
            continue;
        struct apg_field *f = &s->field[s->n_fields];
        *f = (struct apg_field){.name = strdup(name), .kind = (enum apg_kind)b->kind[i], .deviation = 1};
        if (!f->name)
            return apg_fail_memory(err);
        s->n_fields++;
        if (f->kind == APG_MULTI)
            f->separator = b->c->separator;
        if (f->kind == APG_CATEGORICAL || f->kind == APG_MULTI)
            f->hash_bits = (unsigned)b->c->hash_bits;
        if (apg_field_has_vocab(f)) {
            enum apg_status status = apg_vocab_init(&f->vocab, err);
            if (status)
                return status;
        }
    }
    for (size_t i = 0; i < columns; i++) {
        enum apg_status status =
            b->kind[i] == TIME && i != b->label ? make_times(s, b, sample, n_sample, i, err) : APG_OK;
        if (status)
            return status;
    }
    return s->n_fields ? APG_OK
                       : apg_fail(err, APG_EINPUT, "%s:%llu: no columns to learn from", file,
                             (unsigned long long)b->header->line);
}

/* ---- the settings that make a schema again ---- */

/* Of columns' kinds, what a schema says by itself. */
static const char said[] =
    "label|positive|weight|time|categorical|numeric|bucket|multi|separator|missing|infer|min-count|hash-bits";

/* Let S remember of its columns what it does not say. What was ignored is listed whether it was named or
 * inferred, so that both make the same file. */
static enum apg_status remember(struct apg_schema *s, const struct builder *b, struct apg_error *err)
{
    struct apg_columns usual, c = *b->c;
    struct apg_given rest = {0};
    apg_columns_default(&usual);
    for (const struct apg_setting *row = apg_columns_kinds; row->kind != APG_SETTING_END; row++)
        if (apg_names_find(said, row->name) < 0)
            apg_given_add(&rest, row->name);
    c.drop = (struct apg_list){0, apg_alloc(b->header->first[1], sizeof *c.drop.item)};
    json_t *settings = json_object();
    for (size_t i = 0; c.drop.item && i < b->header->first[1]; i++)
        if (i != b->label && i != b->weight && b->kind[i] == APG_DROP)
            c.drop.item[c.drop.n++] = b->header->text + b->header->cell[i].at;
    bool good = c.drop.item && settings && apg_setting_put(settings, apg_columns_kinds, &rest, &c, &usual);
    if (good && json_object_size(settings))
        good = (s->settings = apg_json_text(settings));
    free(c.drop.item);
    json_decref(settings);
    return good ? APG_OK : apg_fail_memory(err);
}

json_t *apg_columns_settings(const struct apg_schema *s)
{
    struct apg_columns usual, c;
    struct apg_given all = {0};
    struct apg_list *const list[APG_KINDS] = {&c.categorical, &c.multi, &c.numeric, &c.bucket};
    apg_columns_default(&usual);
    c = usual;
    c.label = s->label;
    c.weight = s->weight;
    usual.delimiter = ',';
    c.delimiter = s->delimiter;
    c.quotes = !s->no_quotes;
    c.header = !s->no_header;
    c.names = s->names;
    c.missing = s->missing;
    c.positive = s->positive;
    c.min_count = s->min_count;
    char **names = apg_alloc((APG_KINDS + 1) * s->n_fields, sizeof *names);
    json_t *settings = json_object(), *rest = apg_json_parse(s->settings);
    for (size_t kind = 0; names && kind < APG_KINDS; kind++)
        list[kind]->item = names + kind * s->n_fields;
    c.time.item = names ? names + APG_KINDS * s->n_fields : NULL;
    for (size_t i = 0; names && i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        struct apg_list *of = f->part ? &c.time : list[f->kind];
        if (f->part <= APG_TIME_HOUR)
            of->item[of->n++] = f->part ? f->column : f->name;
        if (f->kind == APG_MULTI)
            c.separator = f->separator;
        if (f->hash_bits)
            c.hash_bits = f->hash_bits;
    }
    apg_given_add(&all, "delimiter");
    apg_given_add(&all, "quotes");
    apg_given_add(&all, "header");
    apg_given_add(&all, "columns");
    for (const struct apg_setting *row = apg_columns_kinds; row->kind != APG_SETTING_END; row++)
        apg_given_add(&all, row->name);
    const int bad = !names || !settings || !apg_setting_put(settings, apg_columns_format, &all, &c, &usual) ||
                    !apg_setting_put(settings, apg_columns_kinds, &all, &c, &usual) ||
                    (rest && json_object_update(settings, rest));
    free(names);
    json_decref(rest);
    return apg_json_whole(settings, bad);
}

/* The names of all columns, for logs without a header that come later. */
static enum apg_status keep_names(struct apg_schema *s, const struct builder *b, struct apg_error *err)
{
    s->no_header = true;
    for (size_t i = 0; i < b->header->first[1]; i++) {
        if (!apg_is_utf8(column_name(b, i)))
            return apg_fail(err, APG_EINPUT, "the name of column %zu is not UTF-8", i + 1);
        if (!apg_schema_add_text(&s->names, column_name(b, i)))
            return apg_fail_memory(err);
    }
    return APG_OK;
}

/* "--categorical a,b --numeric c", of what was inferred, and the notes. */
static char *explain_kinds(const struct builder *b)
{
    struct text t = {0};
    const char delimiter[2] = {apg_csv_delimiter(b->csv)};
    say(&t, "");
    if (!b->c->delimiter && *delimiter != ',')
        say_name(&t, "delimiter", true, *delimiter == '\t' ? "tab" : delimiter);
    if (!b->c->label && strcmp(column_name(b, b->label), apg_label_names[0]) != 0)
        say_name(&t, "label", true, column_name(b, b->label));
    for (int kind = 0; kind < N_LISTS; kind++) {
        bool first = true;
        for (size_t i = 0; i < b->header->first[1]; i++) {
            if (i == b->label || i == b->weight || b->kind[i] != kind || !b->inferred[i])
                continue;
            say_name(&t, b->list[kind].flag, first, column_name(b, i));
            first = false;
        }
    }
    if (b->notes.s)
        say(&t, b->notes.s + (t.n == 0)); /* without the newline when nothing stands before it */
    if (!t.failed && !b->notes.failed)
        return t.s;
    free(t.s);
    return NULL;
}

enum apg_status apg_columns_schema(struct apg_schema **out, char **explain, const struct apg_columns *c,
    const struct apg_csv *csv, const struct apg_csv_chunk *header, const struct apg_csv_chunk *const *sample,
    size_t n_sample, bool whole, struct apg_pool *pool, struct apg_error *err)
{
    struct builder b = {.c = c,
        .csv = csv,
        .header = header,
        .list = {{"categorical", c->categorical}, {"multi", c->multi}, {"numeric", c->numeric},
            {"bucket", c->bucket}, {"drop", c->drop}, {"time", c->time}}};
    struct apg_schema *s = NULL;
    enum apg_status status;
    if (!header->records)
        return apg_fail(err, APG_EINPUT, "%s: empty: not even a header", apg_csv_name(csv));
    size_t columns = header->first[1];
    b.kind = calloc(columns, sizeof *b.kind);
    b.inferred = malloc(columns * sizeof *b.inferred);
    s = calloc(1, sizeof *s);
    if (!b.kind || !b.inferred || !s || !apg_csv_lookup(header, &b.names)) {
        status = apg_fail_memory(err);
        goto done;
    }
    memset(b.inferred, true, columns);
    s->delimiter = apg_csv_delimiter(csv);
    s->no_quotes = !c->quotes;
    s->min_count = (uint32_t)c->min_count;
    for (size_t i = 0; i < c->missing.n; i++)
        if (!apg_schema_add_text(&s->missing, c->missing.item[i])) {
            status = apg_fail_memory(err);
            goto done;
        }
    for (size_t i = 0; i < c->positive.n; i++)
        if (!apg_schema_add_text(&s->positive, c->positive.item[i])) {
            status = apg_fail_memory(err);
            goto done;
        }
    if (!c->header && (status = keep_names(s, &b, err)))
        goto done;
    if ((status = find_label(&b, sample, n_sample, err)) || (status = find_weight(&b, err)) ||
        (status = force(&b, err)))
        goto done;
    tell_label(&b);
    if ((status = infer_rest(&b, sample, n_sample, whole, pool, err)) ||
        (status = make_fields(s, &b, sample, n_sample, err)))
        goto done;
    if ((status = remember(s, &b, err)))
        goto done;
    if (explain && !(*explain = explain_kinds(&b)))
        status = apg_fail_memory(err);
done:
    apg_lookup_release(&b.names);
    free(b.kind);
    free(b.inferred);
    free(b.notes.s);
    if (status) {
        apg_schema_free(s);
        s = NULL;
    }
    *out = s;
    return status;
}
