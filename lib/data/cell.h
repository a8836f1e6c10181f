/* SPDX-License-Identifier: MIT
 *
 * cell.h - what the text of a cell means: a number, a label, or a weight.
 *
 * TEXT has LEN bytes and is followed by a NUL, as the cells of a parsed chunk are. The functions
 * return false when the text means no such thing; then the result is not to be used. Thread-safe.
 */
#ifndef APG_CELL_H
#define APG_CELL_H
#include <stdbool.h>
#include <stddef.h>
#include "base/list.h"

/* A decimal number: [+-] digits [. digits] [e digits], with blanks around it allowed. It is
 * finite; hexadecimal digits, inf and nan are refused. */
bool apg_cell_number(const char *text, size_t len, double *x);
/* A label, as 0 or 1. With texts in POSITIVE, these are 1 and all others but the empty one are 0. Without
 * (NULL is allowed): the numbers 0 and 1, -1 for 0, and the words true and false in any case. */
bool apg_cell_label(const char *text, size_t len, const struct apg_list *positive, float *y);
/* How much a row counts: a number from 0 up to the largest float. */
bool apg_cell_weight(const char *text, size_t len, float *w);

#endif
