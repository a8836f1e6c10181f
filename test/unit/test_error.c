/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "base/error.h"

static void fills_and_returns(void **state)
{
    (void)state;
    struct apg_error e;
    assert_int_equal(apg_fail(&e, APG_EINPUT, "%s:%d: not a number: '%s'", "a.csv", 3, "x"), APG_EINPUT);
    assert_int_equal(e.status, APG_EINPUT);
    assert_string_equal(e.text, "a.csv:3: not a number: 'x'");
    assert_int_equal(apg_fail_memory(&e), APG_ENOMEM);
    assert_string_equal(e.text, "out of memory");
}

static void null_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(apg_fail(NULL, APG_ERANGE, "x"), APG_ERANGE);
    assert_int_equal(apg_fail_errno(NULL, "x"), APG_EIO);
    assert_int_equal(apg_fail_memory(NULL), APG_ENOMEM);
    assert_int_not_equal(apg_fail_at(NULL, "x"), APG_OK);
}

static void errno_is_told_and_kept(void **state)
{
    (void)state;
    struct apg_error e;
    errno = ENOENT;
    assert_int_equal(apg_fail_errno(&e, "%s", "a.csv"), APG_EIO);
    assert_string_equal(e.text, "a.csv: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void place_goes_before(void **state)
{
    (void)state;
    struct apg_error e;
    apg_fail(&e, APG_EFORMAT, "100%% wrong: %s", "%s");
    assert_int_equal(apg_fail_at(&e, "%s:%d", "m.apg", 7), APG_EFORMAT);
    assert_string_equal(e.text, "m.apg:7: 100% wrong: %s");
    /* The arguments may point into the text that is replaced. */
    apg_fail(&e, APG_EFORMAT, "again: %s", e.text);
    assert_string_equal(e.text, "again: m.apg:7: 100% wrong: %s");
}

static void long_text_is_cut(void **state)
{
    (void)state;
    struct apg_error e;
    char big[4000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    apg_fail(&e, APG_EINPUT, "%s", big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    apg_fail_at(&e, "%s", "place");
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_memory_equal(e.text, "place: xx", 9);
    errno = EIO;
    apg_fail_errno(&e, "%.*s", (int)sizeof e.text - 3, big);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    assert_memory_equal(e.text + sizeof e.text - 4, "x: ", 4);
}

static void terminal_is_safe(void **state)
{
    (void)state;
    struct apg_error e;
    apg_fail(&e, APG_EINPUT, "'%s'", "a\033[2Jb\r\n\t\177c\302\2335m \303\251");
    assert_string_equal(e.text, "'a?[2Jb????c??5m \303\251'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_and_returns),
        cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(errno_is_told_and_kept),
        cmocka_unit_test(place_goes_before),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(terminal_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
