/* SPDX-License-Identifier: MIT
 *
 * Vocabularies that lie in a file for a while: the same before, meanwhile and after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/error.h"
#include "data/away.h"
#include "data/vocab.h"
#include "log.h"

enum { TOKENS = 1000 };

static int writes_left = -1; /* until the disk is full; below 0: it never is */
ssize_t __real_pwrite(int fd, const void *bytes, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t at);

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    if (writes_left) {
        writes_left -= writes_left > 0;
        return __real_pwrite(fd, bytes, n, at);
    }
    errno = ENOSPC;
    return -1;
}

/* Does V have what fill put into it, and nothing else? */
static void check(const struct apg_vocab *v, const char *letter)
{
    char token[32];
    size_t n;
    assert_int_equal(v->n, TOKENS + 1);
    for (uint32_t i = 1; i <= TOKENS; i++) {
        const int length = snprintf(token, sizeof token, "%s%u", letter, i);
        const char *text = apg_vocab_token(v, i, &n);
        assert_int_equal(n, length);
        assert_memory_equal(text, token, n);
        assert_int_equal(apg_vocab_find(v, token, n, apg_vocab_hash(token, n)), i);
    }
    assert_int_equal(apg_vocab_find(v, "x", 1, apg_vocab_hash("x", 1)), 0);
}

static void there_and_back(void **state)
{
    (void)state;
    static const char *const text = "label,user,price,item\n0,u1,1.5,i1\n1,u2,2.5,i2\n1,u1,3.5,i1\n";
    struct log_made made;
    struct apg_columns c;
    struct apg_away a = {0};
    struct apg_error err;
    apg_columns_default(&c);
    assert_int_equal(log_ingest(&made, &text, 1, &c, 1), APG_OK);
    struct apg_schema *s = made.schema;
    struct apg_vocab *vocab[2] = {&s->field[0].vocab, &s->field[2].vocab};
    static const char *const letter[2] = {"u", "i"};
    char token[32];
    for (size_t k = 0; k < 2; k++)
        for (uint32_t i = 1; i <= TOKENS; i++) {
            const int n = snprintf(token, sizeof token, "%s%u", letter[k], i);
            assert_int_equal(apg_vocab_add(vocab[k], token, (size_t)n, apg_vocab_hash(token, (size_t)n)), i);
        }
    const uint64_t bytes = apg_schema_bytes(s), hash = apg_schema_hash(s);

    apg_away_put(&a, s, (size_t)bytes, NULL); /* they are not more than that */
    assert_null(a.map);
    apg_away_put(&a, s, 1, "/nowhere"); /* and here there is no place */
    assert_null(a.map);
    assert_int_equal(apg_schema_bytes(s), bytes);
    for (writes_left = 0; writes_left < 6; writes_left++) { /* three arrays of each */
        const int before = writes_left;
        apg_away_put(&a, s, 1, NULL);
        assert_null(a.map);
        assert_int_equal(writes_left, 0);
        writes_left = before;
        check(vocab[0], "u");
    }
    writes_left = -1;

    for (int again = 0; again < 2; again++) {
        apg_away_put(&a, s, (size_t)bytes - 1, NULL);
        assert_non_null(a.map);
        assert_int_equal(apg_schema_bytes(s), 0);
        assert_true(apg_schema_hash(s) == hash);
        check(vocab[0], "u");
        assert_int_equal(apg_away_back(&a, s, &err), APG_OK);
        assert_null(a.map);
        assert_int_equal(apg_schema_bytes(s), bytes);
        assert_true(apg_schema_hash(s) == hash);
        check(vocab[0], "u");
        check(vocab[1], "i");
    }
    assert_int_equal(apg_vocab_add(vocab[1], "new", 3, apg_vocab_hash("new", 3)), TOKENS + 1);
    assert_int_equal(apg_away_back(&a, s, &err), APG_OK); /* nothing is away */

    apg_away_put(&a, s, 1, NULL);
    log_release(&made); /* while they are */
    apg_away_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
