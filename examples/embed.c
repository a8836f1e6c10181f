/* SPDX-License-Identifier: MIT
 *
 * Prediction inside a program: embed MODEL < rows, each row the model's columns in its order, separated by tabs.
 *   cc examples/embed.c -o embed $(pkg-config --cflags --libs apg)
 */
#include <apg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char error[256], line[65536];
    const char *cell[1024];
    struct apg *a;
    if (argc != 2 || apg_open(&a, argv[1], error, sizeof error) != 0) {
        fprintf(stderr, "embed: %s\n", argc == 2 ? error : "usage: embed MODEL < rows");
        return 1;
    }
    int failed = 0;
    while (!failed && fgets(line, sizeof line, stdin)) {
        double p;
        size_t n = 0;
        line[strcspn(line, "\n")] = 0;
        for (char *c = line; c && n < 1024; n++) {
            cell[n] = c;
            if ((c = strchr(c, '\t')))
                *c++ = 0;
        }
        if (n != apg_columns_count(a)) {
            fprintf(stderr, "embed: %zu cells where the model has %zu columns\n", n, apg_columns_count(a));
            failed = 1;
        } else if ((failed = apg_predict(a, cell, 1, &p, error, sizeof error)) != 0) {
            fprintf(stderr, "embed: %s\n", error);
        } else {
            printf("%.9g\n", p);
        }
    }
    apg_close(a);
    return failed ? 1 : 0;
}
