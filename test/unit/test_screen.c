/* SPDX-License-Identifier: MIT
 *
 * screen.h: the pair of columns that decides labels is found, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/rng.h"
#include "log.h"
#include "train/screen.h"

enum { ROWS = 4000, VALUES = 8 };

/* Columns a, b, c and d of 8 values each. The label is 1 more often where a and b are both even or both
 * odd, which neither says alone. */
static char *draw(void)
{
    char *log = malloc(ROWS * 16 + 32), *p = log + sprintf(log, "label,a,b,c,d\n");
    struct apg_rng rng;
    apg_rng_init(&rng, 7, 0);
    for (int i = 0; i < ROWS; i++) {
        unsigned v[4];
        for (int k = 0; k < 4; k++)
            v[k] = (unsigned)apg_rng_below(&rng, VALUES);
        const bool label = apg_rng_below(&rng, 100) < ((v[0] ^ v[1]) & 1 ? 30 : 60);
        p += sprintf(p, "%d,x%u,x%u,x%u,x%u\n", label, v[0], v[1], v[2], v[3]);
    }
    return log;
}

static double log_odds(double p)
{
    return log(p / (1 - p));
}

static void screen(
    struct apg_screened **out, size_t *n, const struct log_made *m, const double *logit, unsigned threads)
{
    const uint32_t **row = calloc(ROWS, sizeof *row);
    struct apg_pool *pool;
    assert_int_equal(apg_pool_new(&pool, threads, NULL), APG_OK);
    for (size_t i = 0; i < ROWS; i++)
        row[i] = apg_dataset_row(m->rows, i);
    assert_int_equal(apg_screen_pairs(out, n, m->schema, row, logit, ROWS, pool, NULL), APG_OK);
    apg_pool_free(pool);
    free(row);
}

static void the_pair_that_decides(void **state)
{
    (void)state;
    struct apg_columns c;
    struct log_made m;
    struct apg_screened *found, *again;
    size_t n, n_again;
    double *logit = calloc(ROWS, sizeof *logit);
    char *text = draw();
    apg_columns_default(&c);
    assert_int_equal(log_ingest(&m, (const char *const[]){text}, 1, &c, 1), APG_OK);
    for (size_t i = 0; i < ROWS; i++)
        logit[i] = log_odds(.45);
    screen(&found, &n, &m, logit, 1);
    assert_int_equal(n, 1);
    assert_true(found->a == 0 && found->b == 1 && found->gain > .02 && found->gain < .06);
    screen(&again, &n_again, &m, logit, 2);
    assert_true(n_again == 1 && again->gain == found->gain && again->z == found->z);
    free(found);
    free(again);

    /* A model that knows it leaves nothing. */
    for (size_t i = 0; i < ROWS; i++) {
        const uint32_t *row = apg_dataset_row(m.rows, i);
        size_t size;
        const unsigned a = (unsigned char)apg_vocab_token(&m.schema->field[0].vocab, row[1], &size)[1],
                       b = (unsigned char)apg_vocab_token(&m.schema->field[1].vocab, row[2], &size)[1];
        logit[i] = (a ^ b) & 1 ? log_odds(.3) : log_odds(.6);
    }
    screen(&found, &n, &m, logit, 2);
    assert_int_equal(n, 0);
    free(found);
    log_release(&m);
    free(text);
    free(logit);
}

/* Of a label, columns that give it away and such that do not: a token, an identifier that only clicks have, a
 * number that only they have, a number above a bound; a token that is right in 9 of 10, and one that is new in
 * each row. */
static void columns_that_give_the_label_away(void **state)
{
    (void)state;
    enum { AWAY = 4, OTHERS = 2 };
    struct apg_rng rng;
    struct apg_columns c;
    struct log_made m;
    char *text = malloc(ROWS * 64 + 64),
         *p = text + sprintf(text, "label,word,click_id,seconds,bound,mostly,new\n");
    apg_rng_init(&rng, 7, 0);
    for (unsigned i = 0; i < ROWS; i++) {
        const bool y = apg_rng_below(&rng, 4) == 0;
        const unsigned r = (unsigned)apg_rng_below(&rng, 1000);
        char id[16] = "", seconds[16] = "";
        if (y) {
            (void)sprintf(id, "k%u", i);
            (void)sprintf(seconds, "%u", r);
        }
        p += sprintf(p, "%d,%s,%s,%s,%u.5,%d,n%u\n", y, y ? "yes" : "no", id, seconds, y ? 1000 + r : r,
            r % 10 ? y : !y, i);
    }
    static char *numeric[] = {"seconds", "bound"};
    apg_columns_default(&c);
    c.infer = false;
    c.numeric = (struct apg_list){2, numeric};
    assert_int_equal(log_ingest(&m, (const char *const[]){text}, 1, &c, 1), APG_OK);
    const uint32_t **row = calloc(ROWS, sizeof *row);
    double auc[AWAY + OTHERS] = {0}, again[AWAY + OTHERS] = {0};
    for (size_t i = 0; i < ROWS; i++)
        row[i] = apg_dataset_row(m.rows, i);
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        struct apg_pool *pool;
        assert_int_equal(apg_pool_new(&pool, threads, NULL), APG_OK);
        assert_int_equal(
            apg_screen_columns(threads == 1 ? auc : again, m.schema, row, ROWS, pool, NULL), APG_OK);
        if (threads > 1) {
            double few[AWAY + OTHERS];
            assert_int_equal(apg_screen_columns(few, m.schema, row, 50, pool, NULL), APG_OK);
            assert_true(isnan(few[0]));
        }
        apg_pool_free(pool);
    }
    for (size_t i = 0; i < AWAY; i++)
        if (!(auc[i] > .999))
            fail_msg("column %zu: %.5f", i, auc[i]);
    assert_true(auc[AWAY] > .8 && auc[AWAY] < .95);
    assert_true(auc[AWAY + 1] > .4 && auc[AWAY + 1] < .6);
    assert_memory_equal(auc, again, sizeof auc);
    free(row);
    log_release(&m);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pair_that_decides), cmocka_unit_test(columns_that_give_the_label_away)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
