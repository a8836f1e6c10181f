/* SPDX-License-Identifier: MIT
 *
 * vocab: a million tokens, tokens that share a hash, and arrays from a file that must not be trusted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/vocab.h"

static uint32_t add(struct apg_vocab *v, const char *s)
{
    return apg_vocab_add(v, s, strlen(s), apg_vocab_hash(s, strlen(s)));
}

static uint32_t find(const struct apg_vocab *v, const char *s)
{
    return apg_vocab_find(v, s, strlen(s), apg_vocab_hash(s, strlen(s)));
}

static void ids_by_first_appearance(void **state)
{
    (void)state;
    struct apg_vocab v;
    assert_int_equal(apg_vocab_init(&v, NULL), APG_OK);
    assert_int_equal(find(&v, "a"), 0);
    assert_int_equal(add(&v, "a"), 1);
    assert_int_equal(add(&v, ""), 2);
    assert_int_equal(add(&v, "ab"), 3);
    assert_int_equal(add(&v, "a"), 1);
    assert_int_equal(find(&v, ""), 2);
    assert_int_equal(find(&v, "b"), 0);
    size_t len;
    assert_memory_equal(apg_vocab_token(&v, 3, &len), "ab", 2);
    assert_int_equal(len, 2);
    (void)apg_vocab_token(&v, 0, &len);
    assert_int_equal(len, 0);
    assert_int_equal(v.n, 4);
    apg_vocab_release(&v);
}

static void million(void **state)
{
    (void)state;
    enum { N = 1000000 };
    struct apg_vocab v;
    char s[16];
    assert_int_equal(apg_vocab_init(&v, NULL), APG_OK);
    for (int i = 0; i < N; i++) {
        (void)snprintf(s, sizeof s, "%x", (unsigned)i * 2654435761u);
        if (add(&v, s) != (uint32_t)i + 1)
            fail_msg("token %d", i);
    }
    for (int i = 0; i < N; i++) {
        (void)snprintf(s, sizeof s, "%x", (unsigned)i * 2654435761u);
        if (find(&v, s) != (uint32_t)i + 1)
            fail_msg("token %d", i);
    }
    assert_int_equal(find(&v, "no such token"), 0);
    assert_true(apg_vocab_valid(&v, v.at[v.n]));

    /* Borrowed, as from a file: the same arrays, nothing owned. */
    struct apg_vocab b = v;
    b.cap_at = b.cap_text = 0;
    assert_int_equal(find(&b, "9e3779b1"), 2);
    apg_vocab_release(&b);
    apg_vocab_release(&v);
}

/* Equal hashes are told apart by their text, also after the slots have grown. */
static void one_hash_for_all(void **state)
{
    (void)state;
    struct apg_vocab v;
    char s[8];
    assert_int_equal(apg_vocab_init(&v, NULL), APG_OK);
    for (unsigned i = 1; i < 300; i++) {
        size_t n = (size_t)snprintf(s, sizeof s, "%u", i);
        assert_int_equal(apg_vocab_add(&v, s, n, 7), i);
    }
    for (unsigned i = 1; i < 300; i++) {
        size_t n = (size_t)snprintf(s, sizeof s, "%u", i);
        assert_int_equal(apg_vocab_find(&v, s, n, 7), i);
    }
    assert_int_equal(apg_vocab_find(&v, "x", 1, 7), 0);
    apg_vocab_release(&v);
}

static void bad_arrays(void **state)
{
    (void)state;
    struct apg_vocab v;
    assert_int_equal(apg_vocab_init(&v, NULL), APG_OK);
    add(&v, "aa");
    add(&v, "b");
    assert_true(apg_vocab_valid(&v, 3));
    assert_false(apg_vocab_valid(&v, 4));

    struct apg_vocab bad = v;
    bad.mask = 64; /* not a power of two less one */
    assert_false(apg_vocab_valid(&bad, 3));
    bad.mask = 1; /* more than half full, if not full */
    assert_false(apg_vocab_valid(&bad, 3));

    uint64_t at = v.at[2];
    v.at[2] = 4; /* descending */
    assert_false(apg_vocab_valid(&v, 3));
    v.at[2] = UINT64_MAX - 1; /* beyond what can be subtracted */
    assert_false(apg_vocab_valid(&v, 3));
    v.at[2] = at;
    size_t i = 0;
    while (!v.slot[i])
        i++;
    uint64_t slot = v.slot[i];
    v.slot[i] = (slot >> 32) << 32 | 3; /* an id that is none */
    assert_false(apg_vocab_valid(&v, 3));
    v.slot[i] = (slot >> 32 | 1) << 32; /* taken, by no token */
    assert_false(apg_vocab_valid(&v, 3));
    v.slot[i] = 0; /* a token that is not found */
    assert_false(apg_vocab_valid(&v, 3));
    v.slot[i] = slot;
    assert_true(apg_vocab_valid(&v, 3));
    apg_vocab_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_by_first_appearance),
        cmocka_unit_test(million),
        cmocka_unit_test(one_hash_for_all),
        cmocka_unit_test(bad_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
