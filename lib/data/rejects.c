/* SPDX-License-Identifier: MIT */
#include "data/rejects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the bad rows TOLD are told one by one. A bound in percent holds from PERCENT_ROWS rows on, and
 * at the end. */
enum { TOLD = 10, PERCENT_ROWS = 1000 };

#define AT(m) .at = offsetof(struct apg_rejects, m)
#define ON_ERROR(choices, text, is_rare)                                                                     \
    {                                                                                                        \
        APG_SETTING_CHOICE, 0, "on-error", AT(on_error), .arg = choices, .help = text, .rare = is_rare       \
    }
#define MAX_ERRORS(names)                                                                                    \
    {                                                                                                        \
        APG_SETTING_STRING, 0, "max-errors", AT(max_errors),                                                 \
            .arg = "N|X%", .of = "on-error", .of_names = names,                                              \
            .help = "fail when more than N rows are bad, or more than X percent of them", .rare = true       \
    }

const struct apg_setting apg_rejects_settings[] = {
    ON_ERROR("stop|skip", "at a bad row, stop; or leave it out and count it", true),
    MAX_ERRORS("skip"),
    {.kind = APG_SETTING_END},
};
const struct apg_setting apg_rejects_predict_settings[] = {
    ON_ERROR("stop|skip|empty",
        "at a bad row, stop; or leave it out and count it; or write an empty line for it, so that lines "
        "and rows still match",
        false),
    MAX_ERRORS("skip|empty"),
    {.kind = APG_SETTING_END},
};

enum apg_status apg_rejects_check(struct apg_rejects *x, struct apg_error *err)
{
    const char *text = x->max_errors;
    char *end;
    x->most = UINT64_MAX;
    x->percent = -1;
    if (!text)
        return APG_OK;
    errno = 0;
    const size_t digits = strspn(text, "0123456789"), length = strlen(text);
    const bool percent = length && text[length - 1] == '%';
    const double number = strtod(text, &end);
    if (digits == 0 || errno || end + percent != text + length || strspn(text, "0123456789.%") < length ||
        (percent ? number > 100 : digits < length))
        return apg_fail(err, APG_ESETTING,
            "--max-errors takes a number of rows, or a percentage of them such as 1%%, not '%s'", text);
    if (percent)
        x->percent = number;
    else
        x->most = strtoull(text, NULL, 10); /* more than it can hold are all it can hold */
    return APG_OK;
}

static enum apg_status put(struct apg_rejects *x, const char *p, size_t n, struct apg_error *err)
{
    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    if (!n || (x->rows->write(x->rows->arg, p, n) && x->rows->write(x->rows->arg, "\n", 1)))
        return APG_OK;
    return apg_fail_errno(err, "%s", x->rows->name);
}

enum apg_status apg_rejects_begin(struct apg_rejects *x, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, struct apg_error *err)
{
    if (!x->rows || !header || !header->records)
        return APG_OK;
    const bool first = !x->names.text;
    const enum apg_status status = apg_csv_same_names(&x->names, csv, header, "--rejects", err);
    size_t n;
    const char *text = apg_csv_header_text(header, &n);
    return status || !first ? status : put(x, text, n, err);
}

static void tell(const struct apg_rejects *x, bool last, const char *text)
{
    if (x->tell)
        x->tell(x->arg, last, text);
}

enum apg_status apg_rejects_row(
    struct apg_rejects *x, struct apg_error *why, const char *record, size_t n_bytes)
{
    char text[sizeof why->text + 64];
    x->bad++;
    if (x->bad > x->most ||
        (x->percent >= 0 && x->seen >= PERCENT_ROWS && (double)x->bad * 100 > x->percent * (double)x->seen)) {
        (void)snprintf(text, sizeof text, "%s", why->text);
        return apg_fail(why, APG_EINPUT, "%.800s: bad row %llu of %llu, and --max-errors is %s", text,
            (unsigned long long)x->bad, (unsigned long long)x->seen, x->max_errors);
    }
    if (x->bad <= TOLD) {
        (void)snprintf(text, sizeof text, "%s%s", why->text,
            x->bad == TOLD ? "; further bad rows are only counted" : "");
        tell(x, false, text);
    }
    return record && x->rows ? put(x, record, n_bytes, why) : APG_OK;
}

enum apg_status apg_rejects_chunk(struct apg_rejects *x, const struct apg_bad_list *list,
    const struct apg_schema *s, const struct apg_binding *b, const struct apg_csv *csv,
    const struct apg_csv_chunk *chunk, bool raw, size_t *taken, struct apg_error *err)
{
    struct apg_csv_place place = {0};
    struct apg_error why;
    const uint64_t before = x->seen;
    for (size_t i = 0; i < list->n; i++) {
        const struct apg_bad *bad = &list->item[i];
        apg_csv_go(csv, chunk, &place, bad->record);
        (void)apg_sheet_fail(bad, s, b, csv, chunk, place.line, raw, &why);
        x->seen = before + bad->record + 1;
        const enum apg_status status =
            apg_rejects_row(x, &why, chunk->bytes + place.start, place.end - place.start);
        if (status) {
            *taken = bad->record;
            if (err)
                *err = why;
            return status;
        }
    }
    *taken = chunk->records;
    x->seen = before + chunk->records;
    return APG_OK;
}

enum apg_status apg_rejects_end(struct apg_rejects *x, struct apg_error *err)
{
    char text[128];
    const unsigned long long bad = x->bad, seen = x->seen;
    if (x->percent >= 0 && (double)x->bad * 100 > x->percent * (double)x->seen)
        return apg_fail(
            err, APG_EINPUT, "%llu of %llu rows are bad, and --max-errors is %s", bad, seen, x->max_errors);
    (void)snprintf(text, sizeof text, "%llu of %llu rows are bad and %s", bad, seen,
        x->on_error == APG_ON_ERROR_EMPTY ? "have an empty line" : "were left out");
    if (bad)
        tell(x, true, text);
    return APG_OK;
}

void apg_rejects_release(struct apg_rejects *x)
{
    free(x->names.text);
    x->names = (struct apg_csv_names){0};
}
