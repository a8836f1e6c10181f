/* SPDX-License-Identifier: MIT */
#include "data/time.h"

#include <math.h>
#include <stdint.h>

enum { SECONDS_A_DAY = 86400, DAYS_TO_2020 = 18262, YEAR_LEAST = 1900, YEAR_MOST = 2199 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Text that is read from its start on. */
struct rest {
    const char *p, *end;
};

static size_t count_digits(const struct rest *r)
{
    size_t n = 0;
    while (r->p + n < r->end && is_digit(r->p[n]))
        n++;
    return n;
}

/* *out: the next N digits, which must be there. */
static bool take(struct rest *r, size_t n, int *out)
{
    if (count_digits(r) < n)
        return false;
    for (*out = 0; n; n--)
        *out = *out * 10 + (*r->p++ - '0');
    return true;
}

static bool take_char(struct rest *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Days since 1970 began. Of the calendar that counts years from March on, the leap day is the last. */
static bool days_of(int year, int month, int day, long *days)
{
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (year < YEAR_LEAST || year > YEAR_MOST || month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] || (month == 2 && day == 29 && !leap))
        return false;
    const long y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    *days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
    return true;
}

/* DAYS since 1970, and SECONDS from then on, in a zone that is OFFSET seconds before UTC. */
static bool set(struct apg_time *t, long days, double seconds, long offset)
{
    t->hour = (int)(seconds / 3600);
    t->weekday = (int)((days % 7 + 7 + 3) % 7) + 1; /* 1970 began on a Thursday */
    t->days = (double)(days - DAYS_TO_2020) + (seconds - (double)offset) / SECONDS_A_DAY;
    return true;
}

/* Seconds since 1970. */
static bool set_seconds(struct apg_time *t, double seconds)
{
    const double days = floor(seconds / SECONDS_A_DAY);
    return set(t, (long)days, seconds - days * SECONDS_A_DAY, 0);
}

/* The digits behind a point, as a fraction; 0 where there is none. Many nines, added to the last second of a
 * day, would be rounded to the next day. */
static const double LONGEST_FRACTION = .999999;
static double take_fraction(struct rest *r)
{
    double x = 0, unit = 1;
    if (r->end - r->p > 1 && (*r->p == '.' || *r->p == ',') && is_digit(r->p[1]))
        for (r->p++; r->p < r->end && is_digit(*r->p); r->p++)
            x += (*r->p - '0') * (unit /= 10);
    return x < LONGEST_FRACTION ? x : LONGEST_FRACTION;
}

/* "Z", "+02:00", "+0200", "+02" or nothing. */
static bool take_zone(struct rest *r, long *offset)
{
    int hours, minutes = 0;
    *offset = 0;
    if (r->p == r->end || take_char(r, 'Z') || take_char(r, 'z'))
        return true;
    const bool minus = *r->p == '-';
    if ((!take_char(r, '+') && !take_char(r, '-')) || !take(r, 2, &hours))
        return false;
    if (r->p < r->end && ((void)take_char(r, ':'), !take(r, 2, &minutes)))
        return false;
    *offset = (hours * 60L + minutes) * (minus ? -60 : 60);
    return hours < 24 && minutes < 60;
}

static bool read_iso(struct apg_time *t, struct rest r)
{
    int year, month, day, hour = 0, minute = 0, second = 0;
    long days, offset = 0;
    double fraction = 0;
    if (!take(&r, 4, &year) || r.p == r.end || (*r.p != '-' && *r.p != '/'))
        return false;
    const char between = *r.p++;
    if (!take(&r, 2, &month) || !take_char(&r, between) || !take(&r, 2, &day) ||
        !days_of(year, month, day, &days))
        return false;
    if (r.p < r.end) {
        if ((!take_char(&r, 'T') && !take_char(&r, ' ')) || !take(&r, 2, &hour) || !take_char(&r, ':') ||
            !take(&r, 2, &minute))
            return false;
        if (take_char(&r, ':')) {
            if (!take(&r, 2, &second))
                return false;
            fraction = take_fraction(&r);
        }
        (void)take_char(&r, ' ');
        if (!take_zone(&r, &offset))
            return false;
    }
    return r.p == r.end && hour < 24 && minute < 60 && second <= 60 &&
           set(t, days, hour * 3600 + minute * 60 + (second < 60 ? second : 59) + fraction, offset);
}

static bool read_eight(struct apg_time *t, struct rest r, bool hours)
{
    int year, month, day, hour = 0;
    long days;
    t->eight = true;
    if (!take(&r, hours ? 2 : 4, &year) || !take(&r, 2, &month) || !take(&r, 2, &day) ||
        (hours && !take(&r, 2, &hour)))
        return false;
    return hour < 24 && days_of(hours ? 2000 + year : year, month, day, &days) &&
           set(t, days, hour * 3600, 0);
}

bool apg_time_read(struct apg_time *t, const char *text, size_t len, bool hours)
{
    struct rest r = {text, text + len};
    while (r.p < r.end && *r.p == ' ')
        r.p++;
    while (r.end > r.p && r.end[-1] == ' ')
        r.end--;
    const size_t n = count_digits(&r);
    t->eight = false;
    if (n == 4)
        return read_iso(t, r);
    if (n == 8 && r.p + n == r.end)
        return read_eight(t, r, hours);
    if (n < 9 || n > 13)
        return false;
    double x = 0;
    for (size_t i = 0; i < n; i++)
        x = x * 10 + (*r.p++ - '0');
    x += take_fraction(&r);
    return r.p == r.end && set_seconds(t, n > 11 ? x / 1000 : x);
}
