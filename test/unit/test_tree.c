/* SPDX-License-Identifier: MIT
 *
 * Sums over slots: whoever adds up aligned subtrees beforehand gets the same bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/rng.h"
#include "nn/graph.h"
#include "nn/tree.h"

enum { SLOTS = 16, SIZE = 5 };

/* Random numbers of sizes so different that the order of additions shows. LEAVES: bit s, slot s has a part. */
static size_t parts(apg_real v[SLOTS][SIZE], struct apg_tree_part *part, unsigned leaves, uint64_t seed)
{
    struct apg_rng r;
    size_t n = 0;
    apg_rng_init(&r, seed, 1);
    for (size_t s = 0; s < SLOTS; s++) {
        for (size_t j = 0; j < SIZE; j++)
            v[s][j] = (apg_real)(apg_rng_normal(&r) * (double)(1u << apg_rng_below(&r, 20)));
        if (leaves >> s & 1)
            part[n++] = (struct apg_tree_part){s, v[s]};
    }
    return n;
}

static void test_pairs(void **state)
{
    (void)state;
    apg_real v[SLOTS][SIZE], want[SIZE];
    struct apg_tree_part part[SLOTS];
    const size_t n = parts(v, part, 0x35, 7); /* slots 0, 2, 4, 5 */
    for (size_t j = 0; j < SIZE; j++)
        want[j] = (v[0][j] + v[2][j]) + (v[4][j] + v[5][j]);
    assert_ptr_equal(apg_tree_sum(part, n, SIZE), v[0]);
    assert_memory_equal(v[0], want, sizeof want);
}

/* Slots [0, 16) are cut at FROM into blocks of two sizes, as ranks would, and each block is added up by itself. */
static void test_subtrees(void **state)
{
    (void)state;
    unsigned differ = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        apg_real v[SLOTS][SIZE], w[SLOTS][SIZE], straight[SIZE] = {0};
        struct apg_tree_part part[SLOTS], sub[SLOTS];
        const unsigned leaves = (unsigned)(apg_rng_at(seed, 3) & 0xffff) | 1u << seed % SLOTS;
        const size_t n = parts(v, part, leaves, seed);
        const apg_real *whole = apg_tree_sum(part, n, SIZE);
        size_t n_sub = 0;
        assert_int_equal(parts(w, part, leaves, seed), n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < SIZE; j++)
                straight[j] += part[i].v[j];
        for (size_t i = 0, size; i < n;) {
            size = (part[i].slot < 8) == (seed % 2) ? 4 : 2; /* aligned */
            const size_t block = part[i].slot / size;
            size_t end = i;
            while (end < n && part[end].slot / size == block && (part[end].slot < 8) == (part[i].slot < 8))
                end++;
            sub[n_sub++] = (struct apg_tree_part){block * size, apg_tree_sum(part + i, end - i, SIZE)};
            i = end;
        }
        assert_memory_equal(apg_tree_sum(sub, n_sub, SIZE), whole, sizeof straight);
        differ += memcmp(whole, straight, sizeof straight) != 0;
    }
    assert_true(differ > 50); /* else this shows nothing */
}

static void test_slots(void **state)
{
    (void)state;
    assert_int_equal(apg_graph_slots(1), 1);
    assert_int_equal(apg_graph_slots(63), 1);
    assert_int_equal(apg_graph_slots(64), 2);
    assert_int_equal(apg_graph_slots(255), 4);
    assert_int_equal(apg_graph_slots(256), 8);
    assert_int_equal(apg_graph_slots(4096), 8);
    assert_int_equal(apg_graph_slots(4097), 16);
    assert_int_equal(apg_graph_slots(65536), 128);
    assert_int_equal(apg_graph_slots(SIZE_MAX), 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs), cmocka_unit_test(test_subtrees), cmocka_unit_test(test_slots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
