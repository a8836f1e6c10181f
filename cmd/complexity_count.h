/* SPDX-License-Identifier: MIT
 *
 * costs.h - what apg complexity reports: the multiply-adds and numbers of each form of layer, counted
 * (lib/complexity.h), and its seconds and bytes, measured (lib/measure.h).
 */
#ifndef APG_COSTS_H
#define APG_COSTS_H
#include <stdio.h>
#include "model/complexity.h"
#include "train/measure.h"
#include "model/model.h"
#include "common/opt.h"

struct costs {
    struct opt_sizes mlp;
    struct apg_complexity_shape shape;
    bool paper;                                 /* the MLP is the paper's */
    struct apg_model *model;                    /* or NULL */
    enum apg_complexity_form form;              /* of its hidden layers */
    struct apg_cost cost[APG_COMPLEXITY_FORMS]; /* no forward: the model cannot be had in this form */
    struct opt_sizes domains;                   /* the first is the shape's */
    size_t experts;
    bool compare; /* what the numbers of the domains take */
    bool measured;
    struct apg_measure_options options;
    size_t threads;
    struct apg_measure measure;
};

/* Of c->model, or of the MLP: fills cost and form. */
enum apg_status costs_count(struct costs *c, struct apg_error *err);
/* After that: fills threads and measure. */
enum apg_status costs_measure(struct costs *c, struct apg_error *err);

struct figures {                    /* of a form that was measured */
    double macs;                    /* of a prediction */
    double step, predict;           /* seconds; step 0: not trained */
    double step_peak, predict_peak; /* shares of the peak */
};
struct figures costs_figures(const struct costs *c, int form);

/* Numbers kept for as many domains. */
uint64_t costs_mmoe(const struct costs *c, size_t domains);
uint64_t costs_star(const struct costs *c, size_t domains);

/* A line of a model's table: an op, or all of them. */
enum { N_WIDTHS = 5 };
extern const char *const costs_width[N_WIDTHS]; /* their names */
struct row {
    char layer[sizeof((struct apg_param *)0)->name]; /* "hidden.0.S" of the param hidden.0.S.weight; "": no
                                                        param */
    const char *op;
    size_t width[N_WIDTHS]; /* 0: the op has none. N is the sum over its inputs, without the condition */
    struct apg_cost cost;
};
struct row costs_op(const struct apg_graph *g, size_t o);
struct row costs_total(const struct costs *c, enum apg_complexity_form form);

/* The paper's table for its MLP; */
enum { N_PAPER = 4 };
extern const struct paper {
    enum apg_complexity_form form;
    double mb, seconds; /* of the MLP part; per training epoch */
} costs_paper[N_PAPER];

/* And its comparison on MovieLens, of parameters per user or per item. */
enum { N_MOVIELENS = 3 };
extern const struct paper_movielens {
    const char *method;
    double mb;
} costs_movielens[N_MOVIELENS];

void costs_text(FILE *f, const struct costs *c);
void costs_csv(FILE *f, const struct costs *c);
enum apg_status costs_json(FILE *f, const struct costs *c, struct apg_error *err);

#endif
