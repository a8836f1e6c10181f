/* SPDX-License-Identifier: MIT */
#include "data/label.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "data/cell.h"

enum { ADVICE_ROWS = 1000 }; /* rows of each chunk that are looked at */

const char *const apg_label_names[] = {
    "label", "click", "clicked", "y", "target", "is_click", "is_clicked", "clk", NULL};

static const char *name_of(const struct apg_csv_chunk *header, size_t column)
{
    return header->text + header->cell[column].at;
}

size_t apg_label_find_name(const struct apg_csv_chunk *header, const char *name)
{
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < header->first[1]; i++) {
        if (strcmp(name_of(header, i), name) == 0)
            return i;
        if (found == SIZE_MAX && strcasecmp(name_of(header, i), name) == 0)
            found = i;
    }
    return found;
}

size_t apg_label_find(const struct apg_csv_chunk *header)
{
    size_t found = SIZE_MAX;
    for (const char *const *name = apg_label_names; *name && found == SIZE_MAX; name++)
        found = apg_label_find_name(header, *name);
    return found;
}

/* ---- advice ---- */

/* Names are no numbers, and differ. One may be empty: that of an index which was written beside the columns. */
static bool looks_like_data(const struct apg_csv_chunk *header)
{
    size_t empty = 0;
    double x;
    struct apg_lookup names;
    if (!apg_csv_lookup(header, &names))
        return false;
    const char *twice = apg_lookup_twice(&names);
    bool data = twice && *twice;
    apg_lookup_release(&names);
    for (size_t i = 0; i < header->first[1]; i++) {
        empty += !header->cell[i].len;
        data = data || apg_cell_number(name_of(header, i), header->cell[i].len, &x);
    }
    return data || empty > 1;
}

/* "1 3:1 42:.5", or "1 |a x" where the bar was taken for the delimiter: a number and a blank, then a word with a
 * colon or a bar, or a next cell that begins at once. "1 , 2" is blanks around a delimiter. */
static bool looks_sparse(const struct apg_csv_chunk *header)
{
    const char *text = name_of(header, 0), *blank = strchr(text, ' ');
    double x;
    if (!blank || !apg_cell_number(text, (size_t)(blank - text), &x))
        return false;
    if (header->first[1] > 1)
        return text[header->cell[0].len - 1] == ' ' && *name_of(header, 1) != ' ';
    const char *word = blank + 1;
    return strcspn(word, ":|") < strcspn(word, " ");
}

/* Which labels does the column of CHUNK hold? Adds 1 for 0 and 2 for 1 to *seen; false: others too. */
static bool holds_labels(const struct apg_csv_chunk *chunk, size_t columns, size_t column, unsigned *seen)
{
    for (size_t r = 0; r < chunk->records && r < ADVICE_ROWS; r++) {
        float y;
        if (chunk->first[r + 1] - chunk->first[r] != columns || apg_csv_is_bad(chunk, r))
            continue;
        const struct apg_cell *cell = &chunk->cell[chunk->first[r] + column];
        if (!apg_cell_label(chunk->text + cell->at, cell->len, NULL, &y))
            return false;
        *seen |= y > 0 ? 2 : 1;
    }
    return true;
}

bool apg_label_advise(char *out, size_t size, const struct apg_csv_chunk *header,
    const struct apg_csv_chunk *const *sample, size_t n, bool names)
{
    if (names && looks_sparse(header)) {
        (void)snprintf(out, size,
            "the first line looks like text of libsvm, libffm or Vowpal Wabbit: examples/sparse.awk makes CSV of it");
        return true;
    }
    const bool data = names && looks_like_data(header);
    const size_t columns = header->first[1];
    size_t found = columns;
    for (size_t i = 0; i < columns && found == columns; i++) {
        unsigned seen = 0;
        bool labels = !data || holds_labels(header, columns, i, &seen);
        for (size_t k = 0; labels && k < n; k++)
            labels = holds_labels(sample[k], columns, i, &seen);
        if (labels && seen == 3)
            found = i;
    }
    out[0] = '\0';
    if (data && found < columns)
        (void)snprintf(out, size, "the first line looks like data: --no-header --label c%zu", found + 1);
    else if (data)
        (void)snprintf(out, size,
            "the first line looks like data: --no-header, and --label names one of c1 to c%zu", columns);
    else if (found < columns)
        (void)snprintf(
            out, size, "%s holds 0 and 1: --label %s", name_of(header, found), name_of(header, found));
    return data;
}

enum { VALUES = 4, OF_ROWS = 10 }; /* values that are shown; one of so many rows has to have such a label */

void apg_label_advise_values(
    char *out, size_t size, const struct apg_csv_chunk *chunk, size_t columns, size_t label)
{
    const char *value[VALUES + 1];
    size_t times[VALUES + 1] = {0}, n = 0, others = 0, rows = 0, at = 0;
    for (size_t r = 0; r < chunk->records; r++) {
        if (chunk->first[r + 1] - chunk->first[r] != columns || apg_csv_is_bad(chunk, r))
            continue;
        const struct apg_cell *cell = &chunk->cell[chunk->first[r] + label];
        const char *text = chunk->text + cell->at;
        float y;
        size_t i = 0;
        rows++;
        others += cell->len && !apg_cell_label(text, cell->len, NULL, &y);
        while (cell->len && i < n && strcmp(value[i], text) != 0)
            i++;
        if (cell->len && i == n && n <= VALUES)
            value[n++] = text;
        if (cell->len && i <= VALUES)
            times[i]++;
    }
    *out = '\0';
    if (OF_ROWS * others < rows || n < 2)
        return;
    for (size_t i = 0; i < n && i < VALUES && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s'%.64s'",
            !i       ? " (its values are "
            : n == 2 ? " and "
                     : ", ",
            value[i]);
    if (n > 2 && at < size)
        (void)snprintf(
            out + at, size - at, "%s: --positive names those that are 1)", n > VALUES ? " and others" : "");
    else if (at < size) /* the one that is rarer is mostly it */
        (void)snprintf(
            out + at, size - at, ": --positive '%.64s', if that is 1)", value[times[1] <= times[0]]);
}
