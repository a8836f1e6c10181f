/* SPDX-License-Identifier: MIT
 *
 * measure.h - what the forms of a layer take on this machine: seconds and bytes of a training step and of a
 * prediction, beside what complexity.h counts.
 *
 * The forms take turns, round after round, so that what else the machine does meets all of them; the figures
 * are medians. A form too slow for its part of the time is measured with fewer rows. Each round also times
 * matrix products by themselves, whose best is the peak; to be held against the best of a form.
 */
#ifndef APG_MEASURE_H
#define APG_MEASURE_H
#include "model/complexity.h"
#include "model/model.h"
#include "base/pool.h"

struct apg_measure_options {
    double seconds;            /* about as much time for all; three rounds are made in any case */
    size_t memory;             /* bytes: a form that takes more is not measured */
    bool form[APG_FORM_COUNT]; /* those wanted */
};

struct apg_measured {
    size_t rows;                        /* of a step and of a prediction; 0: not measured */
    size_t rounds;                      /* that the medians are of */
    double step, predict;               /* seconds, medians. step: forward, backward and Adam */
    double step_least, predict_least;   /* the fastest of the rounds */
    uint64_t step_bytes, predict_bytes; /* weights, gradients and moments, values; also when rows is 0 */
};

struct apg_measure {
    double peak; /* multiply-adds per second of 256 x 256 matrices, as many at a time as there are threads */
    struct apg_measured form[APG_FORM_COUNT]; /* zeros: cannot be had */
};

/* The MLP of N widths, its input first, with relu behind each layer and one static unit at the end, over
 * random values and, for all layers, a random condition and domain; the rest is of SHAPE. */
enum apg_status apg_measure_mlp(struct apg_measure *out, const size_t *width, size_t n,
    const struct apg_layer_shape *shape, const struct apg_measure_options *options, struct apg_pool *pool,
    struct apg_error *err);

/* Model M, its embeddings too, over random rows, and the same with hidden layers of other forms. M is not
 * changed. */
enum apg_status apg_measure_model(struct apg_measure *out, const struct apg_model *m, size_t batch,
    const struct apg_measure_options *options, struct apg_pool *pool, struct apg_error *err);

#endif
