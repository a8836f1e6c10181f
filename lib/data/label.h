/* SPDX-License-Identifier: MIT
 *
 * label.h - which column is the label, where nobody told.
 */
#ifndef APG_LABEL_H
#define APG_LABEL_H
#include "data/csvread.h"

/* Names a label column usually has, in small letters; ends in NULL. */
extern const char *const apg_label_names[];

/* The column of a parsed HEADER that has the first of these names that is there, in capitals too; SIZE_MAX:
 * there is none. */
size_t apg_label_find(const struct apg_csv_chunk *header);
/* The same of usual name NAME alone. */
size_t apg_label_find_name(const struct apg_csv_chunk *header, const char *name);

/* OUT: what to type where no label was found, such as "bought holds 0 and 1: --label bought"; "" where
 * nothing is known. By the header, the first data rows in SAMPLE (n parsed chunks), and whether the first
 * record was read as the NAMES of the columns. Returns whether it looks like data instead. */
bool apg_label_advise(char *out, size_t size, const struct apg_csv_chunk *header,
    const struct apg_csv_chunk *const *sample, size_t n, bool names);

/* OUT: what to type where column LABEL of a parsed chunk of COLUMNS holds other values than 0 and 1, and not
 * just here and there: " (its values are 'no' and 'yes': --positive yes, if that is 1)"; else "". */
void apg_label_advise_values(
    char *out, size_t size, const struct apg_csv_chunk *chunk, size_t columns, size_t label);

#endif
