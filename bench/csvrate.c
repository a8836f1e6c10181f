/* SPDX-License-Identifier: MIT
 *
 * csvrate FILE: how many rows a second libcsv alone parses.
 *
 * Needs: a FILE in CSV that fits in memory, and the headers of libcsv.
 * Does: reads FILE into memory, then parses it 5 times on one thread, with callbacks that only count.
 * Prints: the best rate, in rows a second. bench/serve compares prediction from CSV with twice it.
 */
#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void on_cell(void *cell, size_t n, void *arg)
{
    (void)cell, (void)n, (void)arg;
}

static void on_row(int c, void *arg)
{
    (void)c;
    ++*(size_t *)arg;
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    char *bytes = NULL;
    size_t n = 0, cap = 0, got = 1;
    double best = 0;
    if (!f)
        return fputs("usage: csvrate FILE\n", stderr), 2;
    for (; got; n += got) {
        if (n == cap && !(bytes = realloc(bytes, cap = cap ? 2 * cap : 1 << 20)))
            return fputs("csvrate: out of memory\n", stderr), 1;
        got = fread(bytes + n, 1, cap - n, f);
    }
    for (int i = 0; i < 5; i++) {
        struct csv_parser parser;
        struct timespec from, to;
        size_t rows = 0;
        csv_init(&parser, CSV_APPEND_NULL);
        clock_gettime(CLOCK_MONOTONIC, &from);
        csv_parse(&parser, bytes, n, on_cell, on_row, &rows);
        csv_fini(&parser, on_cell, on_row, &rows);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double s = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
        best = (double)rows / s > best ? (double)rows / s : best;
        csv_free(&parser);
    }
    printf("%.0f\n", best);
    free(bytes);
    (void)fclose(f);
    return 0;
}
