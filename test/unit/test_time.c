/* SPDX-License-Identifier: MIT
 *
 * The text of a cell as a point in time (time.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "data/time.h"

/* TEXT is SECONDS after 1970, on that weekday (1: Monday) and hour. */
static void is(const char *text, bool hours, double seconds, int weekday, int hour)
{
    struct apg_time t;
    if (!apg_time_read(&t, text, strlen(text), hours))
        fail_msg("'%s' is no time", text);
    if (fabs(t.days - (seconds / 86400 - 18262)) > 1e-9 || t.weekday != weekday || t.hour != hour)
        fail_msg("'%s': %.9f days, weekday %d, hour %d", text, t.days, t.weekday, t.hour);
}

static void forms(void **state)
{
    (void)state;
    is("2024-01-31", false, 1706659200, 3, 0);
    is("2024-01-31T12:34", false, 1706704440, 3, 12);
    is("2024-01-31 12:34:56", false, 1706704496, 3, 12);
    is("2024/01/31 12:34:56", false, 1706704496, 3, 12);
    is("2024-01-31T12:34:56.5Z", false, 1706704496.5, 3, 12);
    is("2024-01-31T23:59:59.99999999999999999999", false, 1706745599.999999, 3, 23);
}

static void zones(void **state)
{
    (void)state;
    /* the hour and the day are those of the text, the moment is one */
    is("2024-02-01T00:34:56+12:00", false, 1706704496, 4, 0);
    is("2024-01-31T07:34:56-0500", false, 1706704496, 3, 7);
    is("2024-01-31 13:34:56 +01", false, 1706704496, 3, 13);
    is("2024-01-31T12:34Z", false, 1706704440, 3, 12);
}

static void digits(void **state)
{
    (void)state;
    is("1706704496", false, 1706704496, 3, 12);
    is(" 1706704496.75 ", false, 1706704496.75, 3, 12);
    is("874965758", false, 874965758, 1, 22);
    is("1706704496789", false, 1706704496.789, 3, 12);
    is("20240131", false, 1706659200, 3, 0);
    is("14102100", true, 1413849600, 2, 0);
    is("14103023", true, 1414710000, 4, 23);
}

static void not_times(void **state)
{
    static const char *const texts[] = {"", " ", "x", "12", "1706", "17067044", "86400", "2024", "2024-13-01",
        "2024-02-30", "2023-02-29", "1900-02-29", "2024-1-31", "2024-01-31T", "2024-01-31T25:00",
        "2024-01-31T12", "2024-01-31T12:60", "2024-01-31T12:34:61", "2024-01-31T12:34:56.",
        "2024-01-31T12:34+25", "2024-01-31x", "2024-01/31", "2300-01-01", "-1706704496", "1706704496x",
        "17067044967890123", "24130100", "1e9"};
    struct apg_time t;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (apg_time_read(&t, texts[i], strlen(texts[i]), false))
            fail_msg("'%s' is a time", texts[i]);
    assert_false(apg_time_read(&t, "24013124", 8, true));
    assert_true(apg_time_read(&t, "2024-02-29", 10, false));
    assert_true(apg_time_read(&t, "2000-02-29", 10, false));
}

/* Each day of 300 years is as the system's library says. */
static void days_are_those_of_gmtime(void **state)
{
    (void)state;
    for (long day = -25567; day < 84006; day++) {
        const time_t seconds = day * 86400 + 4000;
        struct tm tm;
        struct apg_time t;
        char text[64];
        assert_non_null(gmtime_r(&seconds, &tm));
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
        if (!apg_time_read(&t, text, strlen(text), false) || t.hour != 1 ||
            t.weekday != (tm.tm_wday ? tm.tm_wday : 7) ||
            fabs(t.days - ((double)seconds / 86400 - 18262)) > 1e-9)
            fail_msg("%s", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(zones),
        cmocka_unit_test(digits),
        cmocka_unit_test(not_times),
        cmocka_unit_test(days_are_those_of_gmtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
