/* SPDX-License-Identifier: MIT
 *
 * record.h - what a model file says of how the model was made: the settings that make it again, rows, epoch,
 * validation. It has no date, path, host or number of threads, so that the same training gives the same bytes.
 */
#ifndef APG_RECORD_H
#define APG_RECORD_H
#include "train/settings.h"

struct apg_record {
    const char *const *settings; /* "NAME=VALUE", as given, ended by NULL; or NULL */
    const char *const *found; /* the same, that --tune found, or that make again what was stopped; or NULL */
    bool fixed;               /* it is the static model, whatever the settings say of layers that adapt */
    const struct apg_model *from;       /* that training went on from; or NULL */
    const struct apg_state *from_state; /* with whose moments; or NULL */
    uint64_t seed;
    uint64_t rows;            /* of the logs */
    bool online;              /* the rows themselves validate, each before it is learned */
    bool given;               /* the validation rows are a log of their own */
    uint64_t valid_rows;      /* 0: none validate */
    bool last;                /* they are the last of the rows */
    struct apg_progress kept; /* of the epoch whose weights are kept */
};

/* Put the record into m->made, a JSON object (docs/files.md). Of the settings those are kept that matter: it
 * has the fewest of them that settle to the same training, so that one which says what is the default anyway
 * changes nothing. */
enum apg_status apg_record_make(struct apg_model *m, const struct apg_record *r, struct apg_error *err);

#endif
