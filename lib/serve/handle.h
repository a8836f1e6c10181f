/* SPDX-License-Identifier: MIT
 *
 * handle.h - what a struct apg of apg.h is: a model, and what predicting rows of text needs.
 */
#ifndef APG_HANDLE_H
#define APG_HANDLE_H
#include "data/sheet.h"
#include "model/model.h"

struct apg {
    struct apg_model *model;
    /* Made by the first apg_predict: */
    struct apg_pool *pool;
    struct apg_csv *csv;        /* for the place in messages: lines are rows of the call */
    struct apg_csv_chunk chunk; /* rows of a call, in the form that the encoder reads */
    struct apg_binding binding;
    struct apg_sheet sheet;
    struct apg_block block;
};

/* A handle of MODEL, which is taken over, also on failure. */
enum apg_status apg_handle_new(struct apg **out, struct apg_model *model, struct apg_error *err);

#endif
