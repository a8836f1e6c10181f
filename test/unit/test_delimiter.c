/* SPDX-License-Identifier: MIT
 *
 * Which byte stands between the cells of a log (delimiter.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "data/delimiter.h"

static void is(char want, const char *log)
{
    const char got = apg_delimiter_of(log, strlen(log), true, true);
    if (got != want)
        fail_msg("'%c', not '%c': %s", got, want, log);
}

static void each_is_seen(void **state)
{
    (void)state;
    is(',', "label,user,price\n1,u1,1.5\n0,u2,2\n");
    is('\t', "label\tuser\tprice\r\n1\tu1\t1.5\r\n0\tu2\t2\r\n");
    is(';', "label;user;price\n1;u1;1.5\n0;u2;2");
    is('|', "label|user|price\n\n1|u1|1.5\n0|u2|2\n");
    is('\t', "\n0\t\t\t68fd1e64\n1\t5\t\t\n0\t\t\t\n");
    is('\t', "label\tuser");
}

static void one_column_and_nothing(void **state)
{
    (void)state;
    is(',', "");
    is(',', "\n\n");
    is(',', "score\n.5\n.25\n");
    is(',', "p|q\n.5\n.25\n.125\n");
}

static void a_comma_stands_before_others(void **state)
{
    (void)state;
    is(',', "label,tags\n1,a|b\n0,c|d\n");
    is(',', "1,a|b|c,x\n0,c|d|e,y\n");
    is(',', "1,2|3\n0,4|5\n");
    is(',', "1,a;b,x\n0,c;d,y\n");
    is(',', "1,a\tb,x\n0,c\td,y\n");
    is(',', "label,text\n1,a\n0,b,c\n0,b,c,d\n"); /* bad rows, and nothing that is better */
}

static void a_comma_that_is_none(void **state)
{
    (void)state;
    is(';', "price;size;label\n1,5;2,25;0\n2,5;3;1\n");
    is(';', "1,5;-2,25;0\n12,75;3,5;1\n");
    is(';', "\"1,5\";2,25;0\n\"12,75\";3,5;1\n");
    is('\t', "1,5\t2,25\t0\n12,75\t3,5\t1\n");
    is('\t', "label\tprice, eur\n1\t7\n0\t8\n");
    is('\t', "label\tcity\n1\tParis, France\n0\tRome, Italy\n");
}

static void quotes(void **state)
{
    (void)state;
    is(';', "label;\"name, first\"\n1;\"a, \"\"b\"\"\n, c\"\n0;\"d\"\n");
    is(',', "label,\"a;b\"\n1,\"c;d\"\n0,\"e;f\"\n");
    is(';', "\"label\";\"user, id\";\"price\"\n1;a;2,5\n0;b;3,75\n1;a;7,5\n");
    is(',', "\"label\" ,\"user; id\" ,\"price\"\n1,a,2;5\n");
    /* With tabs a quote is mostly text. */
    is('\t', "label\tsize\n1\t\"5\n0\t6\"\n1\t7\n0\t\"8\n");
    const char *text = "label;size\n1;\"5\n0;6\n";
    assert_int_equal(apg_delimiter_of(text, strlen(text), true, false), ';');
}

static void bad_rows_and_the_last_one_cut(void **state)
{
    char log[4096];
    size_t n = 0;
    (void)state;
    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(log + n, i % 20 == 7 ? "1;a\n" : "1;a;b\n");
    is(';', log);
    const char *cut = "a,b\n1,2\n3;4;5;6";
    assert_int_equal(apg_delimiter_of(cut, strlen(cut), false, true), ',');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_seen),
        cmocka_unit_test(one_column_and_nothing),
        cmocka_unit_test(a_comma_stands_before_others),
        cmocka_unit_test(a_comma_that_is_none),
        cmocka_unit_test(quotes),
        cmocka_unit_test(bad_rows_and_the_last_one_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
