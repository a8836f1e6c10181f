/* SPDX-License-Identifier: MIT
 *
 * Outputs on a file system that has no files without a name: open refuses O_TMPFILE here (linked with --wrap=open).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/output.h"

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_open(path, flags, mode);
}

static char folder[] = "/tmp/apg-output-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return chdir("/") | rmdir(folder);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
}

static void assert_text(const char *path, const char *text)
{
    char got[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(got, 1, sizeof got - 1, f) > 0 && fclose(f) == 0);
    assert_string_equal(got, text);
}

/* Names in the folder that begin with a dot. */
static size_t count_hidden(void)
{
    size_t n = 0;
    DIR *d = opendir(".");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] == '.' && e->d_name[1] && strcmp(e->d_name, "..") != 0;
    assert_int_equal(closedir(d), 0);
    return n;
}

static void appears_whole_or_not_at_all(void **state)
{
    (void)state;
    struct output o;
    struct apg_error err;
    write_text("out", "old");
    assert_int_equal(chmod("out", 0604), 0);
    assert_int_equal(output_open(&o, "out", false, &err), APG_OK);
    assert_int_equal(count_hidden(), 1);
    assert_true(fputs("half", o.f) >= 0);
    output_abandon(&o);
    assert_int_equal(count_hidden(), 0);
    assert_text("out", "old");

    assert_int_equal(output_open(&o, "out", false, &err), APG_OK);
    assert_true(fputs("new", o.f) >= 0);
    assert_int_equal(output_commit(&o, &err), APG_OK);
    assert_int_equal(count_hidden(), 0);
    assert_text("out", "new");
    struct stat st;
    assert_int_equal(stat("out", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    assert_int_equal(unlink("out"), 0);
}

/* What kill -9 left goes; what another process writes now, under a lock, stays. */
static void what_was_left_behind_goes(void **state)
{
    (void)state;
    struct output o;
    struct apg_error err;
    write_text(".apg-1-0.tmp", "left behind");
    write_text(".apg-2-0.tmp", "being written");
    write_text(".apg-note", "someone else's");
    write_text(".apg-note.tmp", "someone else's");
    write_text(".apg-1-0.tmp.tmp", "someone else's");
    int fd = __real_open(".apg-2-0.tmp", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(output_open(&o, "out", false, &err), APG_OK);
    assert_int_equal(access(".apg-1-0.tmp", F_OK), -1);
    assert_text(".apg-2-0.tmp", "being written");
    assert_text(".apg-note", "someone else's");
    assert_text(".apg-note.tmp", "someone else's");
    assert_text(".apg-1-0.tmp.tmp", "someone else's");
    assert_int_equal(unlink(".apg-note.tmp") | unlink(".apg-1-0.tmp.tmp"), 0);
    output_abandon(&o);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(".apg-2-0.tmp") | unlink(".apg-note"), 0);
    assert_int_equal(access("out", F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_whole_or_not_at_all),
        cmocka_unit_test(what_was_left_behind_goes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
