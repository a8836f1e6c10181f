/* SPDX-License-Identifier: MIT
 *
 * time.h - the text of a cell as a point in time.
 *
 *   2024-01-31, 2024-01-31T12:34, 2024-01-31 12:34:56.789+02:00   ISO 8601; also with slashes in the date
 *   20240131, 24013112                                            YYYYMMDD, YYMMDDHH (as in Avazu's logs)
 *   1706700896, 1706700896.5, 1706700896789                       seconds (9 to 11 digits) or milliseconds
 *                                                                 (12 or 13) since 1970, in UTC
 *
 * Blanks around it are allowed. Thread-safe.
 */
#ifndef APG_TIME_H
#define APG_TIME_H
#include <stdbool.h>
#include <stddef.h>

struct apg_time {
    double days;       /* since 2020 began in UTC, where a float has steps of less than half a minute; a time
                        * without a zone is taken for UTC */
    int hour, weekday; /* as the text has them, in its zone: 0 to 23, and 1 (Monday) to 7 */
    bool eight;        /* it is of eight digits, which can be read in both ways */
};

/* HOURS: eight digits are YYMMDDHH, else YYYYMMDD. False: TEXT (LEN bytes and a NUL) is no time, or of a year
 * before 1900 or after 2199. */
bool apg_time_read(struct apg_time *t, const char *text, size_t len, bool hours);

#endif
