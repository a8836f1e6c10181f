/* SPDX-License-Identifier: MIT
 *
 * measure.h - measures the forms of a layer on this machine: the seconds and bytes of a training step and
 * of a prediction, where complexity.h counts multiply-adds.
 *
 * The forms take turns, round after round, so that whatever else the machine does slows all of them alike;
 * the figures are medians. A form too slow for its part of the time is measured with fewer rows. Each round
 * also times plain matrix products. The fastest of these is the peak, which the fastest round of a form is
 * compared with.
 */
#ifndef APG_MEASURE_H
#define APG_MEASURE_H
#include "model/complexity.h"
#include "model/model.h"
#include "base/pool.h"

struct apg_measure_options {
    double seconds;            /* for all forms, about; three rounds are made in any case */
    size_t memory;             /* bytes; a form that takes more is not measured */
    bool form[APG_FORM_COUNT]; /* the forms to measure */
};

struct apg_measured {
    size_t rows;                        /* of a step and of a prediction; 0: not measured */
    size_t rounds;                      /* the medians are over */
    double step, predict;               /* seconds, medians; a step is forward, backward and Adam */
    double step_least, predict_least;   /* the fastest of the rounds */
    uint64_t step_bytes, predict_bytes; /* weights, gradients and moments, values; also when rows is 0 */
};

struct apg_measure {
    double peak; /* multiply-adds per second of products of 256 x 256 matrices, one in each thread */
    struct apg_measured form[APG_FORM_COUNT]; /* zeros: the model cannot have this form */
};

/* Measure an MLP of N widths, its input first, with relu behind each layer and one static unit at the end.
 * Its input, and the condition and domain that all layers share, are random; other widths are those of
 * SHAPE. APG_ERANGE: it has more layers than a model may have. */
enum apg_status apg_measure_mlp(struct apg_measure *out, const size_t *width, size_t n,
    const struct apg_layer_shape *shape, const struct apg_measure_options *options, struct apg_pool *pool,
    struct apg_error *err);

/* Measure model M, with its embeddings, over random rows, and the same model with hidden layers of other
 * forms. M is not changed. */
enum apg_status apg_measure_model(struct apg_measure *out, const struct apg_model *m, size_t batch,
    const struct apg_measure_options *options, struct apg_pool *pool, struct apg_error *err);

#endif
