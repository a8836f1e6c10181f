/* SPDX-License-Identifier: MIT
 *
 * apg.h - predict with a trained model from a program of your own. Link with: pkg-config --libs apg
 *
 *     struct apg *a;
 *     char error[256];
 *     if (apg_open(&a, "serve.apg", error, sizeof error) != 0) ...
 *     const char *cells[] = {"4115", "2763", "Action|Thriller"};   // in the order of apg_column_name(a, 0..)
 *     double p;
 *     apg_predict(a, cells, 1, &p, error, sizeof error);
 *     apg_close(a);
 *
 * A handle is used by one thread at a time; different handles may be used at once. All functions that return
 * int return 0, or a positive number and a line of text in ERROR (cut to ERROR_SIZE bytes, never
 * unterminated).
 */
#ifndef APG_H
#define APG_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct apg;

/* Open the model file PATH; *out is closed with apg_close. */
int apg_open(struct apg **out, const char *path, char *error, size_t error_size);
void apg_close(struct apg *a); /* NULL is allowed */

/* The columns that a row has, and their names (valid as long as the handle). */
size_t apg_columns_count(const struct apg *a);
const char *apg_column_name(const struct apg *a, size_t i);

/* CELL (rows, columns): text, as in the logs the model was trained on; "" is missing. PROBABILITY (rows): in
 * (0, 1). The same numbers as `apg predict` prints. A wrong cell: ERROR has its row in the call, from 1, and
 * its column ("row:3: price: not a number: 'abc'"); PROBABILITY is then not to be used. */
int apg_predict(
    struct apg *a, const char *const *cell, size_t rows, double *probability, char *error, size_t error_size);

#ifdef __cplusplus
}
#endif
#endif
