/* SPDX-License-Identifier: MIT
 *
 * binding.h - which cell of a record feeds which field of a schema, found once per input by the
 * header's names.
 */
#ifndef APG_BINDING_H
#define APG_BINDING_H
#include "data/csvread.h"
#include "data/schema.h"

struct apg_binding {
    size_t columns;  /* how many cells a record must have */
    size_t label;    /* the cell of the label, or SIZE_MAX when the input has none */
    size_t weight;   /* that of the weight, likewise; SIZE_MAX also when the schema has none */
    bool need_label; /* else a cell that is no label, or no weight, makes a row without one */
    size_t *cell;    /* (n_fields) the cell of each field */
    char **column;   /* (columns) their names, for messages */
};

/* HEADER is a parsed chunk of one record. A field whose column is missing is refused by name, and
 * so is a missing label with NEED_LABEL. A missing weight is none: rows count alike, unless
 * apg_binding_need_weight refuses it. Columns that nobody needs are ignored. A name that
 * stands twice in the header is refused if a field needs it (APG_EINPUT). After a failure there is
 * nothing to release. */
enum apg_status apg_binding_init(struct apg_binding *b, const struct apg_schema *s, const struct apg_csv *csv,
    const struct apg_csv_chunk *header, bool need_label, struct apg_error *err);
/* APG_EINPUT: S has a column of weights, and the input does not. */
enum apg_status apg_binding_need_weight(const struct apg_binding *b, const struct apg_schema *s,
    const struct apg_csv *csv, const struct apg_csv_chunk *header, struct apg_error *err);
/* Frees what B holds and zeroes it, but for label and weight, which become SIZE_MAX. A zeroed one is
 * allowed. */
void apg_binding_release(struct apg_binding *b);

#endif
