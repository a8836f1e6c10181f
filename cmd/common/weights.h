/* SPDX-License-Identifier: MIT
 *
 * weights.h - do the rows that a model scores have weights?
 */
#ifndef APG_WEIGHTS_H
#define APG_WEIGHTS_H
#include "serve/stream.h"

/* After apg_stream_begin: *weighted, whether the rows of S's source count by their weights. Those of column ASKED,
 * which apg_columns_weigh was given, must be there; "" is none. Where nobody asked (NULL), they are those that the
 * model was trained with, and a warning says where the source has none. */
enum apg_status weights_find(struct apg_stream *s, const char *asked, bool *weighted, struct apg_error *err);

#endif
