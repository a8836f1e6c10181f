/* SPDX-License-Identifier: MIT
 *
 * report.h - numbers in reports, of which some may be undefined, NAN.
 */
#ifndef APG_REPORT_H
#define APG_REPORT_H
#include <stdio.h>
#include "base/error.h"
#include "base/json.h"

/* X with PLACES decimals, right-aligned in WIDTH; what is not defined says so. */
void report_number(FILE *f, int width, int places, double x);
/* X, or null. */
json_t *report_json_number(double x);
/* Write ROOT, with all digits and a newline, and release it. NULL, or BAD: something could not be put into
 * it, for jansson's functions pass a NULL from one to the next, so running out of memory, or a name that is
 * not UTF-8, shows only here. A failed write is left to cmd_out_commit. */
enum apg_status report_json(FILE *f, json_t *root, int bad, struct apg_error *err);

#endif
