/* SPDX-License-Identifier: MIT
 *
 * source.h - what an input is: CSV, a feature file, or a container of tensors. Its first bytes
 * tell.
 *
 * Only as many bytes are read as are needed to tell, one at a time, so that the first row of a CSV
 * that comes through a pipe is not kept waiting.
 */
#ifndef APG_SOURCE_H
#define APG_SOURCE_H
#include "data/csvread.h"
#include "data/featfile.h"
#include "data/safetensors.h"

enum apg_source_type { APG_SOURCE_CSV, APG_SOURCE_FEATURES, APG_SOURCE_TENSORS };

struct apg_source {
    int fd;
    const char *name; /* for messages */
    enum apg_source_type type;
    /* The one of TYPE is there, the others are NULL. Who takes it over sets it to NULL. */
    struct apg_csv *csv;
    struct apg_feat_reader *feat;
    struct apg_tensors *tensors;
};

/* CSV of this FORMAT, or features. FD stays the caller's and must stay open. NAME is kept by
 * pointer. Ends with apg_source_release, also after a failure. */
enum apg_status apg_source_open(struct apg_source *s, int fd, const char *name,
    const struct apg_csv_format *format, struct apg_error *err);
/* The same of features, or of a container of tensors (a model), whose checksum is verified. */
enum apg_status apg_source_open_binary(struct apg_source *s, int fd, const char *name, struct apg_error *err);
/* APG_EIO when a file that is mapped has changed since it was opened (apg_map_check). */
enum apg_status apg_source_check(const struct apg_source *s, struct apg_error *err);
/* Frees what S holds and zeroes it. A zeroed one is allowed. */
void apg_source_release(struct apg_source *s);

#endif
