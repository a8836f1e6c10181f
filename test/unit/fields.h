/* SPDX-License-Identifier: MIT
 *
 * A field of each kind, for tests that build models without a log.
 */
#ifndef FIELDS_H
#define FIELDS_H
#include "data/schema.h"

enum { FIELDS = 4 };
static struct apg_field fields[FIELDS] = {
    {.kind = APG_CATEGORICAL, .rows = 3, .first = 0},
    {.kind = APG_NUMERIC, .rows = 2, .first = 3},
    {.kind = APG_MULTI, .rows = 5, .first = 5},
    {.kind = APG_BUCKET, .rows = 4, .first = 10},
};
static const struct apg_schema schema = {.n_fields = FIELDS, .field = fields, .rows = 14};

#endif
