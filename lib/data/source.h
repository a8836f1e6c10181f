/* SPDX-License-Identifier: MIT
 *
 * source.h - an input: CSV, a feature file, or a container of tensors (a model), told apart by its first
 * bytes.
 */
#ifndef APG_SOURCE_H
#define APG_SOURCE_H
#include "data/csvread.h"
#include "data/featfile.h"
#include "data/safetensors.h"

struct apg_source {
    int fd;
    bool own;            /* fd was opened here */
    const char *name;    /* for messages */
    struct apg_csv *csv; /* one of the three is there. A taker of it sets it to NULL */
    struct apg_feat_reader *feat;
    struct apg_tensors *tensors;
};

/* Logs, CSV (whose cells DELIMITER is between) or features. */
enum apg_status apg_source_open(
    struct apg_source *s, const struct apg_input *in, char delimiter, struct apg_error *err);
void apg_source_close(struct apg_source *s);

struct apg_sources {
    size_t n, n_csv;
    struct apg_source *source; /* (n) */
    struct apg_csv **csv;      /* (n) of each source, NULL where it is a feature file */
};
enum apg_status apg_sources_open(
    struct apg_sources *s, const struct apg_input *in, size_t n, char delimiter, struct apg_error *err);
void apg_sources_close(struct apg_sources *s); /* of a zeroed one, or after a failure: allowed */

#endif
