/* SPDX-License-Identifier: MIT
 *
 * Files that appear whole or not at all. Each test is made twice: as the file system is, and as if it had no files without
 * a name (openat refuses O_TMPFILE: linked with --wrap=openat). System calls fail in turn (--wrap, too). Also of the
 * command's part: what signals leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/io.h"
#include "base/outfile.h"
#include "common/message.h"
#include "common/output.h"

/* The call that fails, with ENOSPC, after so many that do not. */
static const char *failing;
static int failing_after;

static bool fails(const char *call)
{
    if (!failing || strcmp(call, failing) != 0 || failing_after-- != 0)
        return false;
    errno = ENOSPC;
    return true;
}

int __real_openat(int folder, const char *path, int flags, ...);
int __wrap_openat(int folder, const char *path, int flags, ...);

static bool refuse_unnamed;

int __wrap_openat(int folder, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    const bool has_mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
    const mode_t mode = has_mode ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    if (fails("openat"))
        return -1;
    if (refuse_unnamed && (flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_openat(folder, path, flags, mode);
}

ssize_t __real_readlinkat(int at, const char *path, char *to, size_t n);
ssize_t __wrap_readlinkat(int at, const char *path, char *to, size_t n);
ssize_t __wrap_readlinkat(int at, const char *path, char *to, size_t n)
{
    return fails("readlinkat") ? -1 : __real_readlinkat(at, path, to, n);
}

ssize_t __real_readlink(const char *path, char *to, size_t n);
ssize_t __wrap_readlink(const char *path, char *to, size_t n);
ssize_t __wrap_readlink(const char *path, char *to, size_t n)
{
    return fails("readlink") ? -1 : __real_readlink(path, to, n);
}

int __real_fstatat(int at, const char *path, struct stat *st, int flags);
int __wrap_fstatat(int at, const char *path, struct stat *st, int flags);
int __wrap_fstatat(int at, const char *path, struct stat *st, int flags)
{
    return fails("fstatat") ? -1 : __real_fstatat(at, path, st, flags);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails("fsync") ? -1 : __real_fsync(fd);
}

int __real_linkat(int from_at, const char *from, int at, const char *path, int flags);
int __wrap_linkat(int from_at, const char *from, int at, const char *path, int flags);
int __wrap_linkat(int from_at, const char *from, int at, const char *path, int flags)
{
    return fails("linkat") ? -1 : __real_linkat(from_at, from, at, path, flags);
}

int __real_renameat(int from_at, const char *from, int at, const char *path);
int __wrap_renameat(int from_at, const char *from, int at, const char *path);
int __wrap_renameat(int from_at, const char *from, int at, const char *path)
{
    return fails("renameat") ? -1 : __real_renameat(from_at, from, at, path);
}

static char folder[] = "/tmp/apg-outfile-XXXXXX";

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
    char got[128] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(got, 1, sizeof got - 1, f) > 0 && fclose(f) == 0);
    assert_string_equal(got, text);
}

/* Names in the current folder, and those of them that begin with a dot. */
static size_t count_names(bool hidden)
{
    size_t n = 0;
    DIR *d = opendir(".");
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && (!hidden || e->d_name[0] == '.');
    assert_int_equal(closedir(d), 0);
    return n;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

/* Write "new" to PATH. */
static void replace(const char *path)
{
    struct apg_outfile o;
    struct apg_error err;
    assert_int_equal(apg_outfile_open(&o, path, &err), APG_OK);
    assert_true(fputs("new", o.f) >= 0);
    assert_int_equal(apg_outfile_commit(&o, &err), APG_OK);
    assert_int_equal(count_names(true), 0);
}

static void assert_refused(const char *path, const char *reason)
{
    struct apg_outfile o;
    struct apg_error err;
    char text[sizeof err.text];
    assert_int_equal(apg_outfile_open(&o, path, &err), APG_EIO);
    snprintf(text, sizeof text, "%s: %s", path, reason);
    assert_string_equal(err.text, text);
}

static void appears_whole_or_not_at_all(void **state)
{
    struct apg_outfile o;
    struct apg_error err;
    refuse_unnamed = *state;
    write_text("out", "old");
    assert_int_equal(apg_outfile_open(&o, "out", &err), APG_OK);
    assert_int_equal(count_names(true), refuse_unnamed);
    assert_true(fputs("half", o.f) >= 0);
    apg_outfile_abandon(&o);
    apg_outfile_abandon(&o); /* allowed */
    assert_int_equal(count_names(true), 0);
    assert_text("out", "old");
    replace("out");
    assert_text("out", "new");
    assert_int_equal(unlink("out"), 0);
}

static void modes(void **state)
{
    refuse_unnamed = *state;
    const mode_t before = umask(027);
    replace("fresh");
    assert_int_equal(mode_of("fresh"), 0640);
    assert_int_equal(chmod("fresh", 0604), 0);
    replace("fresh");
    assert_int_equal(mode_of("fresh"), 0604);
    umask(before);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    failing = "fstatat"; /* or a fifo would be replaced, and a mode lost */
    failing_after = 0;
    assert_refused("fifo", "No space left on device");
    failing = NULL;
    assert_int_equal(unlink("fifo"), 0);
    if (geteuid() == 0) {
        struct stat st;
        assert_int_equal(chown("fresh", 1234, 4321), 0);
        replace("fresh");
        assert_int_equal(stat("fresh", &st), 0);
        assert_true(st.st_uid == 1234 && st.st_gid == 4321 && (st.st_mode & 0777) == 0604);
    }
    assert_int_equal(unlink("fresh"), 0);
}

/* To files, to nothing yet, from a folder to another one, and in a circle. */
static void links(void **state)
{
    refuse_unnamed = *state;
    assert_int_equal(mkdir("a", 0777) | mkdir("b", 0777), 0);
    write_text("a/file", "old");
    assert_int_equal(
        symlink("../a/file", "b/link") | symlink("b/link", "far") | symlink("b/fresh", "none"), 0);
    assert_int_equal(symlink("circle", "circle"), 0);
    replace("far");
    assert_text("a/file", "new");
    replace("none");
    assert_text("b/fresh", "new");
    struct stat st;
    for (const char *const *p = (const char *const[]){"far", "none", "b/link", NULL}; *p; p++)
        assert_true(lstat(*p, &st) == 0 && S_ISLNK(st.st_mode));
    assert_refused("circle", "Too many levels of symbolic links");
    assert_refused("", "No such file or directory");
    assert_refused("a", "Is a directory");
    assert_refused("a/", "Is a directory");
    assert_refused("c/file", "No such file or directory");
    assert_refused("a/file/x", "Not a directory");
    assert_int_equal(unlink("far") | unlink("none") | unlink("circle") | unlink("b/link") |
                         unlink("b/fresh") | unlink("a/file") | rmdir("a") | rmdir("b"),
        0);
}

/* A name of NAME_MAX bytes, a path of nearly PATH_MAX bytes, and links that make a longer way of it. */
static void long_paths(void **state)
{
    enum { DEEP = 19, PART = 210 }; /* 19 folders of 210 bytes and a slash, and a name of 81: 4,090 bytes */
    char name[PATH_MAX] = "", part[PART + 2], path[PATH_MAX], one[NAME_MAX + 2];
    refuse_unnamed = *state;
    memset(one, 'x', NAME_MAX + 1);
    one[NAME_MAX] = '\0';
    replace(one);
    assert_text(one, "new");
    assert_int_equal(unlink(one), 0);
    memset(one, 'x', NAME_MAX + 1);
    one[NAME_MAX + 1] = '\0';
    assert_refused(one, "File name too long");

    memset(part, 'd', PART);
    memcpy(part + PART, "/", 2);
    for (int i = 0; i < DEEP; i++)
        assert_int_equal(mkdir(strcat(name, part), 0777), 0);
    snprintf(path, sizeof path, "%s%081d", name, 1);
    assert_int_equal(strlen(path), 4090);
    replace(path);
    assert_text(path, "new");
    assert_int_equal(unlink(path), 0);
    /* Its folder, by a link, and a link in it: 8,000 bytes in all. */
    assert_int_equal(symlink(name, "deep"), 0);
    snprintf(path, sizeof path, "%sup", name);
    char up[3 * DEEP + 8] = "";
    for (int i = 0; i < DEEP; i++)
        strcat(up, "../");
    assert_int_equal(symlink(strcat(up, "far"), path), 0);
    replace("deep/up");
    assert_text("far", "new");
    assert_int_equal(unlink(path) | unlink("deep") | unlink("far"), 0);
    for (int i = 0; i < DEEP; i++) {
        assert_int_equal(rmdir(name), 0);
        name[strlen(name) - PART - 1] = '\0';
    }
    struct apg_outfile o;
    char beyond[PATH_MAX + 1];
    memset(beyond, '/', PATH_MAX);
    beyond[PATH_MAX] = '\0';
    assert_int_equal(apg_outfile_open(&o, beyond, NULL), APG_EIO);
}

/* In a child that is not root, which may do all. */
static void without_permission(void **state)
{
    refuse_unnamed = *state;
    assert_int_equal(mkdir("closed", 0777), 0);
    write_text("closed/old", "old");
    write_text("locked", "old");
    assert_int_equal(chmod("closed", 0555) | chmod("locked", 0444) | chmod(".", 0777), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct apg_outfile o;
        struct apg_error err;
        if (geteuid() == 0 && setuid(1234) != 0)
            _exit(1);
        for (const char *const *p = (const char *const[]){"closed/old", "closed/new", "locked", NULL}; *p;
             p++)
            if (apg_outfile_open(&o, *p, &err) != APG_EIO || !strstr(err.text, ": Permission denied"))
                _exit(2);
        _exit(0);
    }
    int status = -1;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
    assert_text("closed/old", "old");
    assert_text("locked", "old");
    assert_int_equal(chmod("closed", 0777) | unlink("closed/old") | rmdir("closed") | unlink("locked"), 0);
    assert_int_equal(count_names(false), 0);
}

/* The reason of a write that failed is told, and the old file stays. */
static void full(void **state)
{
    struct apg_outfile o;
    struct apg_error err;
    refuse_unnamed = *state;
    write_text("out", "old");
    const struct rlimit small = {1000, RLIM_INFINITY};
    struct rlimit before;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(apg_outfile_open(&o, "out", &err), APG_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){small.rlim_cur, before.rlim_max}), 0);
    for (int i = 0; i < 1001; i++)
        putc('x', o.f);
    const enum apg_status status = apg_outfile_commit(&o, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, APG_EIO);
    assert_string_equal(err.text, "out: File too large");
    assert_text("out", "old");
    assert_int_equal(unlink("out"), 0);
    assert_int_equal(count_names(false), 0);
}

/* A call that fails is told, and the old file stays; a link is not replaced because it could not be read. */
static void calls_that_fail(void **state)
{
    static const struct {
        const char *call;
        int after;
        const char *text, *left;
    } all[] = {
        {"openat", 0, "link: No space left on device", "old"},
        {"openat", 1, "link: No space left on device", "old"},
        {"readlinkat", 0, "link: No space left on device", "old"},
        {"readlinkat", 1, "link: No space left on device", "old"},
        {"fsync", 0, "link: No space left on device", "old"},
        {"linkat", 0, "link: No space left on device", "old"},
        {"renameat", 0, "link: No space left on device", "old"},
        {"fsync", 1,
            "link: it is in its place, but its folder could not be put on the disk: No space left on device",
            "new"},
    };
    refuse_unnamed = *state;
    assert_int_equal(symlink("out", "link"), 0);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct apg_outfile o;
        struct apg_error err;
        struct stat st;
        if (refuse_unnamed && strcmp(all[i].call, "linkat") == 0)
            continue;
        write_text("out", "old");
        failing = all[i].call;
        failing_after = all[i].after;
        enum apg_status status = apg_outfile_open(&o, "link", &err);
        if (!status) {
            assert_true(fputs("new", o.f) >= 0);
            status = apg_outfile_commit(&o, &err);
        }
        failing = NULL;
        assert_int_equal(status, APG_EIO);
        assert_string_equal(err.text, all[i].text);
        assert_int_equal(count_names(false), 2);
        assert_text("out", all[i].left);
        assert_true(lstat("link", &st) == 0 && S_ISLNK(st.st_mode));
    }
    assert_int_equal(unlink("link") | unlink("out"), 0);
}

/* An open descriptor that cannot be told from a file is not replaced. */
static void descriptor_that_cannot_be_told(void **state)
{
    struct apg_outfile o;
    struct apg_error err;
    refuse_unnamed = *state;
    write_text("out", "old");
    const int fd = __real_openat(AT_FDCWD, "out", O_WRONLY | O_APPEND | O_CLOEXEC);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    failing = "readlink";
    failing_after = 0;
    assert_int_equal(apg_outfile_open(&o, path, &err), APG_EIO);
    failing = NULL;
    replace(path);
    assert_text("out", "oldnew");
    assert_int_equal(close(fd) | unlink("out"), 0);
}

/* What kill -9 left goes; what another process writes now, under a lock, stays, and so does what this one writes, which a
 * process may lock again on some network file systems. */
static void what_was_left_behind_goes(void **state)
{
    struct apg_outfile o, other;
    struct apg_error err;
    refuse_unnamed = *state;
    write_text(".apg-1-0.tmp", "left behind");
    write_text(".apg-2-0.tmp", "being written");
    write_text(".apg-note", "someone else's");
    write_text(".apg-note.tmp", "someone else's");
    write_text(".apg-1-0.tmp.tmp", "someone else's");
    int fd = __real_openat(AT_FDCWD, ".apg-2-0.tmp", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    assert_int_equal(apg_outfile_open(&o, "out", &err), APG_OK);
    assert_int_equal(access(".apg-1-0.tmp", F_OK), -1);
    assert_text(".apg-2-0.tmp", "being written");
    assert_text(".apg-note", "someone else's");
    assert_text(".apg-note.tmp", "someone else's");
    assert_text(".apg-1-0.tmp.tmp", "someone else's");
    assert_int_equal(unlink(".apg-note.tmp") | unlink(".apg-1-0.tmp.tmp"), 0);
    assert_int_equal(flock(fileno(o.f), LOCK_UN), 0);
    assert_int_equal(apg_outfile_open(&other, "other", &err), APG_OK);
    assert_int_equal(count_names(true), 2 + 2 * refuse_unnamed);
    apg_outfile_abandon(&other);
    apg_outfile_abandon(&o);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(".apg-2-0.tmp") | unlink(".apg-note"), 0);
    assert_int_equal(count_names(false), 0);
}

/* A name that is taken, by a file that is in use, is passed over. */
static void names_that_are_taken(void **state)
{
    char name[64];
    refuse_unnamed = *state;
    snprintf(name, sizeof name, ".apg-%ld-0.tmp", (long)getpid());
    write_text(name, "being written");
    int fd = __real_openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    struct apg_outfile o;
    assert_int_equal(apg_outfile_open(&o, "out", NULL), APG_OK);
    assert_true(fputs("new", o.f) >= 0);
    assert_int_equal(apg_outfile_commit(&o, NULL), APG_OK);
    assert_text("out", "new");
    assert_text(name, "being written");
    assert_int_equal(close(fd) | unlink(name) | unlink("out"), 0);
    assert_int_equal(count_names(false), 0);
}

/* A command that is ended by a signal has removed its temporary file. */
static void signals(void **state)
{
    refuse_unnamed = *state;
    const int signal_of[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM,
        SIGVTALRM, SIGPROF, SIGPIPE, SIGABRT, SIGSEGV, SIGBUS, SIGRTMIN, SIGRTMIN + 3, SIGRTMAX};
    write_text("out", "old");
    for (size_t i = 0; i < sizeof signal_of / sizeof *signal_of; i++) {
        const pid_t pid = fork();
        if (pid == 0) {
            struct output o;
            const struct rlimit no_core = {0, 0};
            (void)setrlimit(RLIMIT_CORE, &no_core);
            signal(signal_of[i], SIG_DFL); /* cmocka and sanitizers catch some of them */
            if (output_open(&o, "out", false, NULL) || fputs("half", o.f) < 0 ||
                count_names(true) != refuse_unnamed)
                _exit(1);
            raise(signal_of[i]);
            _exit(2);
        }
        int status = -1;
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signal_of[i]);
        assert_int_equal(count_names(true), 0);
        assert_text("out", "old");
    }
    assert_int_equal(unlink("out"), 0);
}

/* A page of a mapped file that cannot be had is told, and nothing is left behind. */
static void pages_that_cannot_be_had(void **state)
{
    refuse_unnamed = *state;
    write_text("model", "weights");
    write_text("empty", "");
    for (int known = 0; known < 2; known++) {
        const pid_t pid = fork();
        if (pid == 0) {
            struct output o;
            struct apg_map m;
            message_command = "test";
            const int fd = __real_openat(AT_FDCWD, "model", O_RDONLY | O_CLOEXEC),
                      none = __real_openat(AT_FDCWD, "empty", O_RDWR | O_CLOEXEC);
            signal(SIGBUS, SIG_DFL);
            output_catch_faults();
            if (!freopen("said", "w", stderr) || !apg_map_open(&m, fd, "model", 0) ||
                output_open(&o, "out", false, NULL))
                _exit(2);
            volatile const char *page = mmap(known ? (void *)m.bytes : NULL, 1, PROT_READ,
                MAP_SHARED | (known ? MAP_FIXED : 0), none, 0); /* beyond the end of EMPTY */
            _exit(page[0] + 3);
        }
        int status = -1;
        assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_text(
            "said", known ? "apg test: model: could not be read or written where it is mapped\n"
                          : "apg test: a temporary file: could not be read or written where it is mapped\n");
        assert_int_equal(unlink("said"), 0);
        assert_int_equal(count_names(false), 2);
    }
    assert_int_equal(unlink("model") | unlink("empty"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_whole_or_not_at_all),
        cmocka_unit_test(modes),
        cmocka_unit_test(links),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(without_permission),
        cmocka_unit_test(full),
        cmocka_unit_test(calls_that_fail),
        cmocka_unit_test(descriptor_that_cannot_be_told),
        cmocka_unit_test(what_was_left_behind_goes),
        cmocka_unit_test(names_that_are_taken),
        cmocka_unit_test(signals),
        cmocka_unit_test(pages_that_cannot_be_had),
    };
    enum { N = sizeof tests / sizeof *tests };
    struct CMUnitTest both[2 * N];
    for (size_t i = 0; i < 2 * N; i++) {
        both[i] = tests[i / 2];
        both[i].initial_state = i % 2 ? folder : NULL; /* not NULL: refuse_unnamed */
    }
    return cmocka_run_group_tests(both, make_folder, remove_folder);
}
