/* SPDX-License-Identifier: MIT
 *
 * delimiter.h - which byte stands between the cells of a log.
 *
 * A delimiter cuts the records into the same number of cells, two or more, or nearly all of them, as a
 * log may have bad rows. A comma that does so is it, whatever else does: lists in cells have bars and
 * semicolons. Only a comma that is a decimal point in every place, "1,5;2,25;0", gives way to a tab or a
 * semicolon. Of the others, the one that makes most cells is it. Where none does, there is one column, and
 * the delimiter is a comma.
 */
#ifndef APG_DELIMITER_H
#define APG_DELIMITER_H
#include <stdbool.h>
#include <stddef.h>

enum { APG_DELIMITER_BYTES = 64 << 10 }; /* of a log that are looked at */

/* A comma, a tab, a semicolon or a bar, by the N BYTES that a log begins with, without a byte order mark.
 * WHOLE: it has no more. QUOTES: they enclose cells. */
char apg_delimiter_of(const char *bytes, size_t n, bool whole, bool quotes);

#endif
