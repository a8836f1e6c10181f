/* SPDX-License-Identifier: MIT
 *
 * latency FILE COMMAND...: how long COMMAND takes to answer a line.
 *
 * Needs: a FILE of lines, the first of which is a header, and a COMMAND that answers each line on its
 * standard input with a line on its standard output, as `apg predict` does.
 * Does: sends the header, then each line once the line before it has been answered.
 * Prints: "first p50 p99 max" in microseconds. The first is from the start of COMMAND to its first
 * answer; the others are from the write of a line to its answer, over all other lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void put(int fd, const char *p, size_t n)
{
    if (write(fd, p, n) != (ssize_t)n)
        fail("latency: write");
}

int main(int argc, char **argv)
{
    FILE *f = argc > 2 ? fopen(argv[1], "r") : NULL;
    int to[2], from[2];
    char *line = NULL, answer[4096];
    size_t cap = 0, n = 0, cap_us = 0;
    double *us = NULL;
    ssize_t len;
    if (!f || (len = getline(&line, &cap, f)) <= 0)
        return fputs("usage: latency FILE COMMAND...\n", stderr), 2;
    if (pipe(to) != 0 || pipe(from) != 0)
        fail("latency: pipe");
    double start = now_us();
    pid_t child = fork();
    if (child < 0)
        fail("latency: fork");
    if (child == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        (void)close(to[1]);
        (void)close(from[0]);
        execvp(argv[2], argv + 2);
        fail(argv[2]);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    put(to[1], line, (size_t)len);
    while ((len = getline(&line, &cap, f)) > 0) {
        if (n == cap_us && !(us = realloc(us, (cap_us = cap_us ? 2 * cap_us : 1024) * sizeof *us)))
            fail("latency");
        start = n ? now_us() : start;
        put(to[1], line, (size_t)len);
        do {
            if ((len = read(from[0], answer, sizeof answer)) <= 0)
                fail("latency: no answer");
        } while (answer[len - 1] != '\n');
        us[n++] = now_us() - start;
    }
    (void)close(to[1]);
    (void)waitpid(child, NULL, 0);
    if (n > 1) {
        double *rest = us + 1;
        n--;
        qsort(rest, n, sizeof *rest, by_value);
        printf("%.0f %.1f %.1f %.1f\n", us[0], rest[n / 2], rest[n * 99 / 100], rest[n - 1]);
    }
    free(us);
    free(line);
    (void)fclose(f);
    return 0;
}
