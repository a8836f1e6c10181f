/* SPDX-License-Identifier: MIT */
#include "data/delimiter.h"

#include <ctype.h>
#include <string.h>

static const char candidates[] = ",\t;|";
enum { N_CANDIDATES = sizeof candidates - 1, LEAST_TENTHS = 9 };

/* The records that a delimiter makes: how many, cells of the first (0 where it has text behind a closing quote, which
 * is of another delimiter), and how many have as many as that. */
struct cut {
    size_t records, cells, same;
};

static bool is_end(char c)
{
    return c == '\n' || c == '\r';
}

static void end_record(struct cut *cut, size_t cells, bool behind)
{
    if (!cut->records++)
        cut->cells = behind ? 0 : cells;
    cut->same += cells == cut->cells;
}

/* As csvread.c cuts. A record that N ends is none, unless it is the log's last. */
static struct cut cut_by(char delimiter, const char *bytes, size_t n, bool whole, bool quotes)
{
    struct cut cut = {0};
    bool start = true, quoted = false,
         closed = false; /* of a cell; in one that is enclosed; behind its quote */
    bool behind = false; /* text was there, in the record at hand */
    size_t cells = 0;    /* of the record at hand; 0: it has not begun */
    for (size_t i = 0; i < n; i++) {
        const char c = bytes[i];
        if (!cells && is_end(c))
            continue;
        cells += !cells;
        if (quotes && c == '"' && (start || quoted || closed)) {
            closed = quoted;
            quoted = !quoted; /* a doubled quote goes out and in again */
            start = false;
            continue;
        }
        behind = behind || (closed && c != delimiter && c != ' ' && !is_end(c));
        closed = false;
        if (is_end(c) && (!quoted || delimiter == '\t')) {
            end_record(&cut, cells, behind);
            cells = 0;
            start = true;
            quoted = behind = false;
        } else if (!quoted) {
            start = c == delimiter;
            cells += start;
        }
    }
    if (whole && cells && !quoted)
        end_record(&cut, cells, behind);
    return cut;
}

static bool is_good(const struct cut *c)
{
    return c->cells >= 2 && 10 * c->same >= LEAST_TENTHS * c->records;
}

/* Where a cell may end on one side of a number: at DELIMITER, a line end, a quote, or the end of the bytes. */
static bool is_edge(const char *bytes, size_t n, size_t at, char delimiter)
{
    return at >= n || bytes[at] == delimiter || is_end(bytes[at]) || bytes[at] == '"';
}

/* Is each comma the decimal point of a cell that is a number? */
static bool is_decimal_point(const char *bytes, size_t n, char delimiter)
{
    for (const char *p = bytes; (p = memchr(p, ',', n - (size_t)(p - bytes))); p++) {
        const size_t at = (size_t)(p - bytes);
        size_t from = at, to = at + 1;
        while (from > 0 && isdigit((unsigned char)bytes[from - 1]))
            from--;
        while (to < n && isdigit((unsigned char)bytes[to]))
            to++;
        if (from == at || to == at + 1)
            return false;
        if (from > 0 && (bytes[from - 1] == '-' || bytes[from - 1] == '+'))
            from--;
        if ((from > 0 && !is_edge(bytes, n, from - 1, delimiter)) || !is_edge(bytes, n, to, delimiter))
            return false;
    }
    return true;
}

char apg_delimiter_of(const char *bytes, size_t n, bool whole, bool quotes)
{
    size_t best = N_CANDIDATES;
    struct cut cut[N_CANDIDATES];
    for (size_t i = 0; i < N_CANDIDATES; i++) {
        cut[i] = cut_by(candidates[i], bytes, n, whole, quotes);
        if (!is_good(&cut[i]))
            continue;
        const bool over_comma =
            best == 0 && candidates[i] != '|' && is_decimal_point(bytes, n, candidates[i]);
        if (best == N_CANDIDATES || over_comma || (best > 0 && cut[i].cells > cut[best].cells))
            best = i;
    }
    return candidates[best % N_CANDIDATES];
}
