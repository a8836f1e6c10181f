/* SPDX-License-Identifier: MIT
 *
 * infer.h - what kind of column a sample of its cells looks like.
 *
 * The inference tries these rules in this order; the first that fits decides. D is the number of different
 * values in the sample. The manual of apg-encode says the same in prose.
 *   label                                      the first usual name that is a column
 *   one value in the whole input               ignored
 *   some cell is no number                     categorical
 *   two texts are one number (4.1, 4.10), each
 *   comes 4 times, the name is no quantity's   categorical
 *   some number has a fraction                 numeric
 *   some has an exponent, none a leading zero,
 *   and the name is not an identifier's        numeric (001E2 is a code)
 *   leading zeros, or over 15 digits           categorical (codes)
 *   the name is an identifier's or C1, C2, ... categorical
 *   D over half the rows, and never falling    ignored (a time or a counter)
 *   the name is I1, I2, ...                    numeric (Criteo's)
 *   D <= 10                                    categorical
 *   the name is a quantity's (age, price, ...) numeric
 *   D > 32, half the rows in the lowest 1/7    numeric (1/7 of the range, where counts and amounts crowd)
 *   the rest                                   categorical
 * A column that is categorical by these rules and has a value of its own in every row is ignored.
 */
#ifndef APG_INFER_H
#define APG_INFER_H
#include "base/list.h"
#include "base/pool.h"
#include "data/csvread.h"
#include "data/schema.h"

enum { APG_SAMPLE_ROWS = 10000, APG_DROP = APG_KINDS }; /* the kind of a column to be ignored */

/* What the cells of a column in the sample are like. */
struct apg_look {
    size_t rows, filled;      /* rows; how many of them have a cell that is not empty */
    size_t numbers;           /* how many of these are numbers, as long as all are but for markers */
    const char *marker;       /* a cell that usually marks what is missing; NULL: none */
    size_t distinct;          /* different values of the filled cells */
    size_t separators;        /* cells that hold the separator of multi cells */
    bool number;              /* all filled cells are numbers, but for markers */
    bool fraction, exponent;  /* some number has a fraction; some has an exponent */
    bool code, padded;        /* some number has a code's digits; some starts with 0 and a digit */
    bool falling;             /* some number is less than the one before */
    bool versions;            /* two texts with a point are one number, 4.1 and 4.10, and texts come back */
    size_t times;             /* filled cells that are times (time.h), eight digits in either way */
    size_t eights;            /* how many of them are of eight digits */
    size_t commas;            /* filled cells that are numbers but for a comma instead of the point */
    double low, middle, high; /* the lowest number, the median, the highest */
};

/* The first rows of a log. */
struct apg_sample {
    const struct apg_csv_chunk *const *chunk; /* (n) parsed */
    size_t n;
    size_t columns;                  /* of a record; rows with others are bad */
    size_t label;                    /* the cell of the label; a row with another text there is bad */
    const struct apg_list *positive; /* texts of a label that is 1 (apg_cell_label) */
    size_t weight;                   /* that of the weight, likewise; SIZE_MAX: there is none */
    const struct apg_list *missing;  /* cells of these texts are empty ones */
    char separator;                  /* of multi cells */
};
/* Look at the columns that are ASKED for (sample->columns) in the sample's good rows, up to APG_SAMPLE_ROWS:
 * each to its place of LOOK (sample->columns). look->marker is in the sample's text. APG_ENOMEM. */
enum apg_status apg_look_at(struct apg_look *look, const struct apg_sample *sample, const bool *asked,
    struct apg_pool *pool, struct apg_error *err);
/* The kind of column NAME, or APG_DROP with the reason in *why. WHOLE: the sample is the whole input. */
int apg_infer(const struct apg_look *l, const char *name, bool whole, const char **why);
/* Are the cells times? Numbers are so where their name says it, they never fall, or each has eight digits. */
bool apg_look_is_time(const struct apg_look *l, const char *name);
/* Are the texts those of versions? As numbers, 4.1 and 4.10 would be one. */
bool apg_look_is_version(const struct apg_look *l, const char *name);

#endif
