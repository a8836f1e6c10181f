/* SPDX-License-Identifier: MIT
 *
 * screen.h - which pairs of columns hold something that a model misses? A cross of these is worth a training.
 * And which column gives the label away by itself?
 *
 * Each pair of values gets an offset of the logit: one Newton step of the log loss, held back by a prior,
 * from one half of the rows. The other half says by how much it lowers the loss; then the halves change
 * places. So a pair that a model has learned already, or that comes too rarely to be learned, promises
 * nothing. One pass over rows for a pair of columns, and no training.
 */
#ifndef APG_SCREEN_H
#define APG_SCREEN_H
#include "data/dataset.h"
#include "base/pool.h"

struct apg_screened {
    size_t a, b; /* numbers of the fields */
    double gain; /* by which the mean log loss of rows that did not make the offsets gets lower */
    double z;    /* gain / its standard error */
};

/* Screen all pairs of fields of S that can be crossed, by ROW (n) and the LOGIT (n) that a model gives
 * them. *out (*n_out), the pairs whose gain is beyond doubt (z above APG_SCREEN_Z), those of more gain
 * first, is freed with free(). The same for any number of threads. */
enum { APG_SCREEN_Z = 3 };
enum apg_status apg_screen_pairs(struct apg_screened **out, size_t *n_out, const struct apg_schema *s,
    const uint32_t *const *row, const double *logit, size_t n, struct apg_pool *pool, struct apg_error *err);

/* auc (n_fields): the AUC of each field alone over ROW (n), on rows that its offsets were not made of. Of a
 * number it is that of its bins, or of the number itself as a score in either direction, the larger. NaN where
 * either half of the rows has fewer than APG_SCREEN_LABELS of either label. APG_ENOMEM. The same for any number
 * of threads. */
enum { APG_SCREEN_LABELS = 20 };
enum apg_status apg_screen_columns(double *auc, const struct apg_schema *s, const uint32_t *const *row,
    size_t n, struct apg_pool *pool, struct apg_error *err);

#endif
