/* SPDX-License-Identifier: MIT
 *
 * report.h - numbers in reports. One that is undefined is NAN.
 */
#ifndef APG_REPORT_H
#define APG_REPORT_H
#include <stdio.h>
#include "base/error.h"
#include "base/json.h"

/* Write X with PLACES decimals, right-aligned in WIDTH columns, or "undefined". */
void report_number(FILE *f, int width, int places, double x);
/* X, or null. */
json_t *report_json_number(double x);
/* Write ROOT as JSON, with all digits and a newline, and release it. ROOT is NULL, or BAD is not
 * 0, when something could not be put into it: jansson's functions pass a NULL from one to the
 * next, so a name that is not UTF-8, or running out of memory, shows only here. A failed write is
 * left to output_commit. */
enum apg_status report_json(FILE *f, json_t *root, int bad, struct apg_error *err);

#endif
