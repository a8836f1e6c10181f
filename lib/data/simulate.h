/* SPDX-License-Identifier: MIT
 *
 * simulate.h - click logs drawn from a known model whose weights differ by group.
 *
 * Row I is a pure function of the options and I: rows can be made in any order, by any number of
 * threads, and a file can be continued. The same options give the same bytes on every machine with
 * IEEE doubles (simulate.c brings its own exp and log, whose last bits differ between C
 * libraries).
 *
 * Columns: label,user_id,item_id,scenario,hour,price,genres,c1..,n1..[,TRUTH]
 *   user_id, item_id   categorical, 1..users, 1..items; Zipf, 1 is the most frequent
 *   scenario           categorical, s1..; Zipf
 *   hour               categorical, 0..23
 *   price              numeric, two decimals, log-normal; 5 % empty
 *   genres             multi-valued ("comedy|drama"), one to three, a property of the item
 *   c1, c2, ..         categorical, eight hexadecimal digits; c1 has the most tokens; Zipf
 *   n1, n2, ..         numeric, counts from 0 up, log-normal; up to 23 % empty
 *   TRUTH              on request: the probability with which the label was drawn
 */
#ifndef APG_SIMULATE_H
#define APG_SIMULATE_H
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum { APG_SIMULATE_COLUMNS_MAX = 4096 }; /* of extra categorical ones, and of extra numeric ones */

enum apg_simulate_group { APG_SIMULATE_USER, APG_SIMULATE_ITEM, APG_SIMULATE_SCENARIO };

struct apg_simulate_options {
    uint64_t seed;
    size_t users, items, scenarios; /* 1 .. 2^32 - 1 each */
    size_t categorical, numeric;    /* extra columns */
    size_t vocabulary;              /* tokens of the extra categorical columns together; each has 3 or more */
    double zipf;                    /* exponent: the share of the k-th most frequent falls as k^-zipf; >= 0 */
    double adaptive;                /* share of the interactions' weights that is a group's own, 0 .. 1 */
    int group;                      /* enum apg_simulate_group: the column whose values are the groups */
    double ctr;                     /* share of positive labels, in (0, 1) */
    double auc;                     /* of the true probabilities before noise, 0.5 .. 0.99; approximate */
    double noise;      /* share of rows whose label is drawn at the rate ctr, whatever the row, 0 .. 1 */
    const char *truth; /* name of the last column, or NULL for none; kept by pointer */
    char delimiter;
};
/* What `apg simulate` does without flags. */
void apg_simulate_defaults(struct apg_simulate_options *o);

struct apg_simulate;
/* Draws the model and fits its intercept and scale to ctr and auc on a sample of rows, which takes
 * some 50 ms. *out is freed with apg_simulate_free. Fails when the delimiter occurs in cells, a
 * vocabulary is too small or auc is out of reach (APG_EUSAGE). */
enum apg_status apg_simulate_new(
    struct apg_simulate **out, const struct apg_simulate_options *o, struct apg_error *err);
void apg_simulate_free(struct apg_simulate *s); /* NULL is allowed */

/* The most bytes that the header or a row may need. */
size_t apg_simulate_line_max(const struct apg_simulate *s);
/* Write to OUT the names of the columns, or row ROW, with a newline at the end and no NUL. Both
 * return how many bytes they wrote. Thread-safe. */
size_t apg_simulate_header(const struct apg_simulate *s, char *out);
size_t apg_simulate_row(const struct apg_simulate *s, uint64_t row, char *out);

#endif
