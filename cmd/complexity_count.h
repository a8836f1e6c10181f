/* SPDX-License-Identifier: MIT
 *
 * complexity_count.h - what apg complexity reports: the multiply-adds and numbers of each form of layer,
 * counted (model/complexity.h), and its seconds and bytes, measured (train/measure.h).
 */
#ifndef APG_COMPLEXITY_COUNT_H
#define APG_COMPLEXITY_COUNT_H
#include <stdio.h>
#include "model/complexity.h"
#include "train/measure.h"
#include "model/model.h"
#include "common/opt.h"

struct complexity {
    struct opt_sizes mlp;
    struct apg_layer_shape shape;
    bool paper;                           /* the MLP is the paper's */
    const struct apg_model *model;        /* the model that is counted; NULL: the MLP is */
    enum apg_form form;                   /* of the model's hidden layers */
    struct apg_cost cost[APG_FORM_COUNT]; /* forward is 0 where the model cannot have the form */
    struct opt_sizes domains;             /* the first is the shape's */
    size_t experts;
    bool compare; /* STAR, MMoE and APG for each number of domains */
    bool measured;
    struct apg_measure_options options;
    size_t threads;
    struct apg_measure measure;
};

/* Count c->model, or the MLP: fills in cost and, of a model, form. */
enum apg_status complexity_count(struct complexity *c, struct apg_error *err);
/* After that, measure the forms that were counted: fills in threads and measure. */
enum apg_status complexity_measure(struct complexity *c, struct apg_error *err);

struct complexity_figures {         /* of a form that was measured */
    double macs;                    /* of a prediction */
    double step, predict;           /* seconds; step 0: not trained */
    double step_peak, predict_peak; /* shares of the peak */
};
struct complexity_figures complexity_figures(const struct complexity *c, int form);

/* How many numbers MMoE and STAR keep for DOMAINS domains. */
uint64_t complexity_mmoe(const struct complexity *c, size_t domains);
uint64_t complexity_star(const struct complexity *c, size_t domains);

/* The paper's table for its MLP, */
enum { COMPLEXITY_PAPER_ROWS = 4 };
extern const struct complexity_paper {
    enum apg_form form;
    double mb, seconds; /* of the MLP part; per training epoch */
} complexity_paper[COMPLEXITY_PAPER_ROWS];

/* and its comparison on MovieLens, of parameters per user or per item. */
enum { COMPLEXITY_MOVIELENS_ROWS = 3 };
extern const struct complexity_movielens {
    const char *method;
    double mb;
} complexity_movielens[COMPLEXITY_MOVIELENS_ROWS];

/* *svg, freed with free(): the forms' cost against rank, in the MLP, and against width, of a layer. */
enum apg_status complexity_plot(char **svg, const struct complexity *c, struct apg_error *err);
void complexity_text(FILE *f, const struct complexity *c);
void complexity_csv(FILE *f, const struct complexity *c);
enum apg_status complexity_json(FILE *f, const struct complexity *c, struct apg_error *err);

#endif
