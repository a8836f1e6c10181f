/* SPDX-License-Identifier: MIT */
#include "common/report.h"

#include <math.h>

void report_number(FILE *f, int width, int places, double x)
{
    if (isnan(x))
        fprintf(f, "%*s", width, "undefined");
    else
        fprintf(f, "%*.*f", width, places, x);
}

json_t *report_json_number(double x)
{
    return isnan(x) ? json_null() : json_real(x);
}

enum apg_status report_json(FILE *f, json_t *root, int bad, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!root || bad)
        status = apg_fail(err, APG_EINPUT, "cannot be said in JSON: the name of a column is not UTF-8");
    else if (!json_dumpf(root, f, JSON_INDENT(2) | JSON_REAL_PRECISION(17)))
        putc('\n', f);
    json_decref(root);
    return status;
}
