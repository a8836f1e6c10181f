/* SPDX-License-Identifier: MIT
 *
 * source: what an input is, from its first bytes, of which no more are read than tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "data/source.h"

/* A pipe with TEXT in it, which is open for writing as long as *end is. */
static int pipe_of(const char *text, int *end)
{
    int fd[2];
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_int_equal(write(fd[1], text, strlen(text)), (ssize_t)strlen(text));
    *end = fd[1];
    return fd[0];
}

/* What begins otherwise than features is CSV at once, and nothing of it is lost. */
static void csv_is_not_kept_waiting(void **state)
{
    (void)state;
    const struct {
        const char *header, *text;
        int read; /* bytes that tell */
    } as[] = {
        {"x,y\n", "x,y\n1,2\n", 1}, {"apg,y\n", "apg,y\n1,2\n", 4}, {"apgfeat,y\n", "apgfeat,y\n1,2\n", 8}};
    for (size_t i = 0; i < sizeof as / sizeof as[0]; i++) {
        struct apg_source s;
        struct apg_csv_chunk c = {0};
        int end, left, fd = pipe_of(as[i].text, &end);
        assert_int_equal(
            apg_source_open(&s, fd, "pipe", &(struct apg_csv_format){.delimiter = ','}, NULL), APG_OK);
        assert_true(s.type == APG_SOURCE_CSV && s.csv && !s.feat && !s.tensors && s.fd == fd);
        assert_int_equal(ioctl(fd, FIONREAD, &left), 0);
        assert_int_equal(left, (int)strlen(as[i].text) - as[i].read);
        assert_int_equal(apg_csv_header(s.csv, &c, NULL), APG_OK);
        assert_int_equal(c.n_bytes, strlen(as[i].header));
        assert_memory_equal(c.bytes, as[i].header, c.n_bytes);
        apg_csv_chunk_release(&c);
        apg_source_release(&s);
        assert_true(!s.csv && close(fd) == 0 && close(end) == 0);
    }
}

static void magic_is_features(void **state)
{
    (void)state;
    for (int binary = 0; binary < 2; binary++) {
        struct apg_source s;
        struct apg_error err;
        int end, fd = pipe_of(APG_FEAT_MAGIC, &end);
        assert_int_equal(close(end), 0);
        assert_int_equal(
            binary ? apg_source_open_binary(&s, fd, "pipe", &err)
                   : apg_source_open(&s, fd, "pipe", &(struct apg_csv_format){.delimiter = ','}, &err),
            APG_EFORMAT);
        assert_int_equal(s.type, APG_SOURCE_FEATURES);
        assert_non_null(strstr(err.text, "pipe: "));
        apg_source_release(&s);
        assert_int_equal(close(fd), 0);
    }
}

static void binary_is_never_csv(void **state)
{
    (void)state;
    struct apg_source s;
    int end, fd = pipe_of("x,y\n", &end);
    assert_int_equal(close(end), 0);
    assert_int_equal(apg_source_open_binary(&s, fd, "pipe", NULL), APG_EFORMAT);
    assert_true(s.type == APG_SOURCE_TENSORS && !s.csv);
    apg_source_release(&s);
    assert_int_equal(close(fd), 0);
}

static void empty_is_csv(void **state)
{
    (void)state;
    struct apg_source s;
    int end, fd = pipe_of("", &end);
    assert_int_equal(close(end), 0);
    assert_int_equal(
        apg_source_open(&s, fd, "pipe", &(struct apg_csv_format){.delimiter = ','}, NULL), APG_OK);
    assert_int_equal(s.type, APG_SOURCE_CSV);
    apg_source_release(&s);
    assert_int_equal(close(fd), 0);
    assert_int_equal(
        apg_source_open(&s, -1, "none", &(struct apg_csv_format){.delimiter = ','}, NULL), APG_EIO);
    apg_source_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(csv_is_not_kept_waiting),
        cmocka_unit_test(magic_is_features), cmocka_unit_test(binary_is_never_csv),
        cmocka_unit_test(empty_is_csv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
