/* SPDX-License-Identifier: MIT
 *
 * columns: what is inferred from made-up logs of each sort, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rng.h"
#include "data/infer.h"
#include "log.h"

enum { ROWS = 2000, CELL = 32 };

/* A column of a log: cell R of ROWS at OUT. */
typedef void column_cell(char *out, unsigned r, struct apg_rng *rng);

static void number_cell(char *out, uint64_t n)
{
    (void)snprintf(out, CELL, "%llu", (unsigned long long)n);
}

#define CELL_OF(name, expression)                                                                            \
    static void name(char *out, unsigned r, struct apg_rng *rng)                                             \
    {                                                                                                        \
        (void)r;                                                                                             \
        (void)rng;                                                                                           \
        number_cell(out, (uint64_t)(expression));                                                            \
    }
CELL_OF(of_two, apg_rng_below(rng, 2))
CELL_OF(of_seven, apg_rng_below(rng, 7) * 10)
CELL_OF(of_fifty, 18 + apg_rng_below(rng, 50))
CELL_OF(of_many, apg_rng_below(rng, 3000))
CELL_OF(skewed, exp(apg_rng_normal(rng) * 1.5 + 2))
CELL_OF(rising, 1700000000 + r * 3)
CELL_OF(counter, 17000 + r * 3)
CELL_OF(all_alike, 14102100)

static void price(char *out, unsigned r, struct apg_rng *rng)
{
    (void)r;
    (void)snprintf(out, CELL, "%.2f", exp(apg_rng_normal(rng)));
}

static void price_or_nothing(char *out, unsigned r, struct apg_rng *rng)
{
    out[0] = '\0';
    if (r % 3)
        price(out, r, rng);
}

static void whole_price(char *out, unsigned r, struct apg_rng *rng)
{
    (void)r;
    (void)snprintf(out, CELL, "%u.0", (unsigned)apg_rng_below(rng, 400));
}

static void hex(char *out, unsigned r, struct apg_rng *rng)
{
    (void)r;
    (void)snprintf(out, CELL, "%08x", (unsigned)apg_rng_below(rng, 500) * 2654435761u);
}

static void hex_once(char *out, unsigned r, struct apg_rng *rng)
{
    (void)rng;
    (void)snprintf(out, CELL, "%08x", r * 2654435761u);
}

static void code(char *out, unsigned r, struct apg_rng *rng)
{
    (void)r;
    (void)snprintf(out, CELL, "%05u", (unsigned)(exp(apg_rng_normal(rng) * 2 + 5)));
}

static void list(char *out, unsigned r, struct apg_rng *rng)
{
    (void)r;
    (void)snprintf(out, CELL, apg_rng_below(rng, 2) ? "a|b" : "c");
}

static void text_in_between(char *out, unsigned r, struct apg_rng *rng)
{
    if (r == 700)
        strcpy(out, "n/a");
    else
        skewed(out, r, rng);
}

static char *make_log(const char *name, column_cell *cell, unsigned rows)
{
    char *text = malloc((size_t)rows * (CELL + 4) + 64), one[CELL];
    assert_non_null(text);
    struct apg_rng rng;
    apg_rng_init(&rng, 5, 0);
    size_t n = (size_t)sprintf(text, "label,%s,other\n", name);
    for (unsigned r = 0; r < rows; r++) {
        cell(one, r, &rng);
        n += (size_t)sprintf(text + n, "%u,%s,%c\n", r & 1, one, "xy"[r / 3 & 1]);
    }
    return text;
}

static void infers(const char *name, column_cell *cell, unsigned rows, const char *explain)
{
    char *text = make_log(name, cell, rows);
    const char *const texts[] = {text};
    struct apg_columns c;
    struct log_made m;
    apg_columns_default(&c);
    if (log_ingest(&m, texts, 1, &c, 1))
        fail_msg("%s: %s", name, m.err.text);
    if (strcmp(m.explain, explain) != 0)
        fail_msg("%s: '%s', not '%s'", name, m.explain, explain);
    free(text);
    log_release(&m);
}

static void kinds(void **state)
{
    (void)state;
    infers("price", price, ROWS, "--categorical other --numeric price");
    infers("x", price, ROWS, "--categorical other --numeric x");
    infers("x", price_or_nothing, ROWS, "--categorical other --numeric x");
    infers("x", skewed, ROWS, "--categorical other --numeric x");
    infers("age", of_fifty, ROWS, "--categorical other --numeric age");
    infers("hours_per_week", of_fifty, ROWS, "--categorical other --numeric hours_per_week");
    infers("daysSinceVisit", of_fifty, ROWS, "--categorical other --numeric daysSinceVisit");
    infers("I12", of_seven, ROWS, "--categorical other --numeric I12");

    infers("x", of_fifty, ROWS, "--categorical x,other");
    infers("x", of_many, ROWS, "--categorical x,other");
    infers("age", of_seven, ROWS, "--categorical age,other");
    infers("clicked_before", of_two, ROWS, "--categorical clicked_before,other");
    infers("user_id", skewed, ROWS, "--categorical user_id,other");
    infers("userId", skewed, ROWS, "--categorical userId,other");
    infers("age_group", of_fifty, ROWS, "--categorical age_group,other");
    infers("zip", skewed, ROWS, "--categorical zip,other");
    infers("year", of_fifty, ROWS, "--categorical year,other");
    infers("C14", skewed, ROWS, "--categorical C14,other");
    infers("x", code, ROWS, "--categorical x,other");
    infers("x", hex, ROWS, "--categorical x,other");
    infers("x", whole_price, ROWS, "--categorical x,other");
    infers("x", text_in_between, ROWS,
        "--categorical x,other\nx: numbers but for 'n/a' (--missing reads it as an empty cell)");
    infers("a b", of_many, ROWS, "--categorical 'a b',other");
    infers(
        "x", list, ROWS, "--categorical x,other\nx: its cells look like lists (--multi reads them as such)");
}

static void ignored(void **state)
{
    (void)state;
    infers(
        "id", hex_once, ROWS, "--categorical other --drop id\nignored id: each row has a value of its own");
    infers("x", rising, ROWS,
        "--categorical other --drop x\nignored x: it never falls: a time or a counter\n"
        "x: its cells are times (--time reads hour, weekday and age)");
    infers(
        "x", counter, ROWS, "--categorical other --drop x\nignored x: it never falls: a time or a counter");
    infers("hour", all_alike, ROWS, "--categorical other --drop hour\nignored hour: its cells are all alike");
    /* Few rows do not show that a value never comes back. */
    infers("user", hex_once, 19, "--categorical user,other");
    infers("x", rising, 19, "--categorical x,other");
}

/* The hour of a log sorted by time is constant in the sample, and not after it. */
static void constant_in_the_sample_only(void **state)
{
    (void)state;
    infers("hour", all_alike, APG_SAMPLE_ROWS,
        "--categorical other --drop hour\nignored hour: its cells are all alike");
    infers("hour", all_alike, APG_SAMPLE_ROWS + 1, "--categorical hour,other");
}

static const char *const small = "click,user,price\n1,a,1.5\n0,b,2.5\n";

static void refuse(const struct apg_columns *c, const char *text, enum apg_status status, const char *message)
{
    struct log_made m;
    assert_int_equal(log_ingest(&m, &text, 1, c, 1), status);
    assert_string_equal(m.err.text, message);
    log_release(&m);
}

static void refused(void **state)
{
    (void)state;
    struct apg_columns c;
    static char *user[] = {"user"}, *prize[] = {"prize"}, *click[] = {"click"}, *both[] = {"user", "price"};
    apg_columns_default(&c);
    refuse(&c, "a,b\n1,2\n", APG_EINPUT,
        "log:1: no column label, click, target or the like (--label names it); there are: a, b");
    refuse(&c, "", APG_EINPUT, "log: empty: not even a header");
    refuse(&c, "label,x\n", APG_EINPUT, "log: no data rows");
    refuse(&c, "label\n1\n", APG_EINPUT, "log:1: no columns to learn from");
    refuse(&c, "label,x,x\n1,2,3\n", APG_EINPUT, "log:1: two columns are named 'x'");
    refuse(&c, "label,x\xff\n1,2\n", APG_EINPUT, "log:1: the name of column 2 is not UTF-8");
    refuse(&c, "label,x\xed\xa0\x80\n1,2\n", APG_EINPUT, "log:1: the name of column 2 is not UTF-8");
    c.label = "buy";
    refuse(&c, small, APG_EINPUT, "log:1: no column --label buy; there are: click, user, price");
    c.label = NULL;
    c.numeric.item = prize;
    c.numeric.n = 1;
    refuse(&c, small, APG_EINPUT,
        "log:1: no column --numeric prize; there are: click, user, price; did you mean 'price'?");
    c.numeric.item = click;
    refuse(&c, small, APG_EUSAGE, "--numeric click: it is the label");
    c.numeric.item = user;
    c.drop.item = user;
    c.drop.n = 1;
    refuse(&c, small, APG_EUSAGE, "--drop user: it is in --numeric too");
    c.drop.item = NULL;
    c.drop.n = 0;
    refuse(
        &c, small, APG_EINPUT, "log:2: user: not a number: 'a' (--categorical user: not numbers but tokens)");
    c.numeric.n = 0;
    c.drop.item = both;
    c.drop.n = 2;
    refuse(&c, small, APG_EINPUT, "log:1: no columns to learn from");
}

static void names_without_a_header(void **state)
{
    (void)state;
    struct apg_columns c;
    struct log_made m;
    static char *names[] = {"y", "who", "what"};
    const char *log = "1,a,1.5\n0,b,2.5\n";
    apg_columns_default(&c);
    c.header = false;
    refuse(&c, log, APG_EINPUT,
        "log:1: no column label, click, target or the like (--label names it); there are: c1, c2, c3; "
        "c1 holds 0 and 1: --label c1");
    c.names.item = names;
    c.names.n = 2;
    refuse(&c, log, APG_EINPUT, "log:1: 3 columns, but 2 names are given for them");
    c.names.n = 3;
    assert_int_equal(log_ingest(&m, &log, 1, &c, 1), APG_OK);
    assert_int_equal(m.rows->rows, 2);
    assert_string_equal(m.explain, "--label y --categorical who --numeric what");
    assert_string_equal(m.schema->label, "y");
    log_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds),
        cmocka_unit_test(ignored),
        cmocka_unit_test(constant_in_the_sample_only),
        cmocka_unit_test(refused),
        cmocka_unit_test(names_without_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
