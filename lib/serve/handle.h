/* SPDX-License-Identifier: MIT
 *
 * handle.h - struct apg of apg.h: a model, and what predicting rows of text needs.
 */
#ifndef APG_HANDLE_H
#define APG_HANDLE_H
#include "data/sheet.h"
#include "model/model.h"

struct apg {
    struct apg_model *model;
    /* Made by the first apg_predict: */
    struct apg_pool *pool;
    struct apg_csv *csv;        /* gives messages their place: a line is a row of the call */
    struct apg_csv_chunk chunk; /* rows of the call, in the form that the encoder reads */
    struct apg_binding binding;
    struct apg_sheet sheet;
    struct apg_block block;
};

/* Make a handle of MODEL, which it takes over, also on failure. *out is freed with apg_close. */
enum apg_status apg_handle_new(struct apg **out, struct apg_model *model, struct apg_error *err);

#endif
