/* SPDX-License-Identifier: MIT
 *
 * An epoch takes each row once, slots take from chunks of the log of their own, and neither threads nor ranks matter.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "base/pool.h"
#include "train/stripes.h"

enum { ROWS = 20011 }; /* of which the first are taken; some are held out */

/* A data set of ROWS rows, each of which is its own number; some in a part of its own. */
static struct apg_dataset *numbers(void)
{
    static uint32_t word[ROWS], start[APG_BLOCK_ROWS + 1];
    static const size_t first[] = {0, 5000};
    struct apg_error err;
    struct apg_dataset *d[2];
    for (uint32_t i = 0; i < ROWS; i++)
        word[i] = i;
    for (uint32_t i = 0; i <= APG_BLOCK_ROWS; i++)
        start[i] = i;
    for (int part = 0; part < 2; part++) {
        const size_t from = first[part], to = part ? ROWS : first[1];
        const size_t n = (to - from + APG_BLOCK_ROWS - 1) / APG_BLOCK_ROWS;
        struct apg_block *block = apg_alloc(n, sizeof *block);
        assert_non_null(block);
        for (size_t i = 0; i < n; i++) {
            const size_t at = from + i * APG_BLOCK_ROWS;
            block[i] = (struct apg_block){.words = word + at,
                .start = start,
                .rows = (uint32_t)(to - at < APG_BLOCK_ROWS ? to - at : APG_BLOCK_ROWS)};
        }
        assert_int_equal(apg_dataset_borrow(&d[part], block, n, 0, &err), APG_OK);
    }
    assert_int_equal(apg_dataset_join(d[0], d[1], &err), APG_OK);
    assert_int_equal(d[0]->rows, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(*apg_dataset_row(d[0], i), i);
    return d[0];
}

struct epoch {
    uint32_t row[ROWS]; /* in the order in which they are taken */
    size_t slot[ROWS];
};

/* The second epoch of RANKS ranks. */
static void take(struct epoch *e, const struct apg_dataset *d, uint64_t rows, const uint64_t *held,
    uint64_t n_held, size_t batch, size_t slots, size_t ranks, unsigned threads)
{
    struct apg_error err;
    struct apg_pool *pool = NULL;
    const uint32_t **row = apg_alloc(batch, sizeof *row);
    assert_non_null(row);
    assert_int_equal(apg_pool_new(&pool, threads, &err), APG_OK);
    memset(e, 0xff, sizeof *e);
    for (size_t q = 0; q < ranks; q++) {
        struct apg_stripes s;
        const size_t from = slots * q / ranks, to = slots * (q + 1) / ranks;
        assert_int_equal(apg_stripes_init(&s, rows, held, n_held, batch, slots, from, to, &err), APG_OK);
        apg_stripes_shuffle(&s, 1, 1, pool);
        apg_stripes_shuffle(&s, 1, 2, pool);
        for (uint64_t at = 0; at < rows; at += batch) {
            const size_t n = rows - at < batch ? (size_t)(rows - at) : batch;
            apg_stripes_take(&s, d, at, n, row);
            for (size_t i = 0, slot = 0; i < n; i++) {
                while (i >= n * (slot + 1) / slots)
                    slot++;
                assert_int_equal(row[i] != NULL, slot >= from && slot < to);
                if (row[i])
                    e->row[at + i] = *row[i], e->slot[at + i] = slot;
            }
        }
        apg_stripes_release(&s);
    }
    apg_pool_free(pool);
    free(row);
}

static void each_row_once(void **state)
{
    (void)state;
    static struct epoch one, many;
    static bool is_held[ROWS], seen[ROWS];
    static uint64_t held[ROWS];
    static size_t slot_of[ROWS];
    static const struct {
        size_t rows, batch, slots, chunk;
    } some[] = {{20000, 4096, 8, 4}, {20000, 64, 8, 4}, {19999, 10, 8, 1}, {5, 4096, 8, 1},
        {12345, 5001, 16, 1}, {20000, 1, 8, 1}};
    struct apg_dataset *d = numbers();
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        for (size_t every = 0; every <= 3; every += 3) { /* a third of the rows is held out, or none */
            uint64_t n_held = 0, rows = 0;
            for (uint64_t r = 0; r < ROWS && (n_held + rows < some[i].rows); r++)
                if ((is_held[r] = every && r % every == 1))
                    held[n_held++] = r;
                else
                    rows++;
            memset(seen, 0, sizeof seen);
            take(&one, d, rows, held, n_held, some[i].batch, some[i].slots, 1, 1);
            for (uint64_t k = 0; k < rows; k++) {
                const uint32_t r = one.row[k];
                assert_true(r < some[i].rows && !is_held[r] && !seen[r]);
                seen[r] = true;
                slot_of[r] = one.slot[k];
            }
            for (uint64_t r = 0; r < some[i].rows;
                 r += some[i].chunk) /* all of a chunk are in the same slot */
                for (uint64_t q = r; q < some[i].rows && q < r + some[i].chunk && !every; q++)
                    assert_int_equal(slot_of[q], slot_of[r]);
            for (size_t ranks = 1; ranks <= 3; ranks++) {
                take(&many, d, rows, held, n_held, some[i].batch, some[i].slots, ranks, 2);
                assert_memory_equal(&one, &many, sizeof one);
            }
        }
    apg_dataset_free(d);
}

/* Of a long epoch few rows stay where they were, and another seed or epoch has another order. */
static void shuffled(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg_pool *pool = NULL;
    struct apg_stripes s[3];
    assert_int_equal(apg_pool_new(&pool, 1, &err), APG_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(apg_stripes_init(&s[i], 80000, NULL, 0, 4096, 8, 0, 8, &err), APG_OK);
        apg_stripes_shuffle(&s[i], i == 1 ? 2 : 1, i == 2 ? 2 : 1, pool);
    }
    for (int i = 0; i < 3; i++) {
        size_t same = 0, as_first = 0, as_next = 0;
        for (size_t k = 0; k < s[i].stripe[0].rows; k++) {
            same += s[i].stripe[0].order[k] == k;
            as_first += i && s[i].stripe[0].order[k] == s[0].stripe[0].order[k];
            as_next += s[i].stripe[0].order[k] == s[i].stripe[1].order[k];
        }
        assert_true(same < 20 && as_first < 20 && as_next < 20); /* one is expected */
    }
    for (int i = 0; i < 3; i++)
        apg_stripes_release(&s[i]);
    apg_pool_free(pool);
}

/* More than 2^32 rows, for a rank that has some of the slots. */
static void many_rows(void **state)
{
    (void)state;
    struct apg_error err;
    struct apg_stripes s;
    const uint64_t rows = (uint64_t)1 << 33, held[] = {0, rows - 100};
    assert_int_equal(apg_stripes_init(&s, rows, held, 2, 524288, 1024, 1023, 1024, &err), APG_OK);
    const struct apg_stripe *last = &s.stripe[1023];
    assert_int_equal(s.chunk, APG_STRIPE_CHUNK_MAX);
    assert_int_equal(last->rows, rows / 1024);
    assert_int_equal(last->first[0], 1023 * 1024);
    assert_true(last->first[last->n_chunks - 1] > UINT32_MAX);
    assert_null(s.stripe[1022].order);
    apg_stripes_release(&s);
    assert_int_equal(apg_stripes_init(&s, (uint64_t)1 << 36, NULL, 0, 4096, 8, 0, 0, &err), APG_ERANGE);
    assert_non_null(strstr(err.text, "68719476736 rows are too many for the 8 parts of a batch"));
    apg_stripes_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_once),
        cmocka_unit_test(shuffled),
        cmocka_unit_test(many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
