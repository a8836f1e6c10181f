/* SPDX-License-Identifier: MIT
 *
 * graph.h - a model as a list of ops, run in order and, for gradients, in reverse.
 *
 * A VALUE is a matrix (B, width), one row per instance. A PARAM is a trained matrix (rows, cols). An OP reads
 * values and params and writes one value; ops.h lists them. A batch is cut into APG_SLOTS slots, whatever the
 * number of threads; each slot has its own values and its own gradient of the dense params, which are added
 * up in slot order: the same bytes for any number of threads.
 */
#ifndef APG_GRAPH_H
#define APG_GRAPH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"
#include "base/rng.h"
#include "nn/tensor.h"

enum { APG_SLOTS = 8, APG_OP_IN = 20, APG_OP_PARAMS = 10, APG_FIELDS_MAX = 16 };

/* What a param starts as; the numbers are in apg_model_init_weights. */
enum apg_start {
    APG_START_XAVIER,
    APG_START_SQUARES, /* of matrices (rows, rows) side by side, each as Xavier's */
    APG_START_ZERO,
    APG_START_ONE,
    APG_START_EMBEDDING, /* normal, of the deviation that the user gives */
    APG_START_GENERATOR, /* the last linear map of a generator: Xavier, or near zero to start at a static
                            layer */
    APG_START_GENERATED, /* its bias: zero, or what the generator puts out at that start */
};

/* What generated weights are where the generator is near zero: N x M numbers, or with K > 0 the factors U
 * (N, K), S (K, K), V (K, M) one after another. */
struct apg_base {
    size_t N, M, K;
    bool identity; /* of N x M: the identity, not Xavier. S always is */
    double scale;  /* of S, or of N x M where there is no S */
};

struct apg_param {
    char name[64];
    size_t rows, cols;
    enum apg_start start;
    struct apg_base base; /* of APG_START_GENERATED */
    bool table;           /* an embedding table: gradients by row, not in the flat gradient */
    bool by_run;          /* gradients by row, of the domains that a slot's rows are of (ops.h: apg_run): */
    int runs, grad;       /* of run k of RUNS, in row k of d GRAD, from number */
    size_t grad_at;
    bool derived;   /* formed from other params (U of U_l U_r): not trained, not saved */
    bool state;     /* saved, if not derived, but without a gradient: running statistics */
    bool generator; /* where it is 0, what is generated does not depend on the row (residual: is 0) */
    bool borrowed;  /* w was set before apg_graph_finish, is another's and only read */
    size_t at;      /* where its gradient stands in the flat gradient; dense params only */
    apg_real *w;    /* (rows, cols) */
    uint16_t *half; /* (rows, cols) of a table in half precision, of which there is no w; NULL: there is */
};

/* Bags: what a slot's rows hold of each field. Bag i = b F + f has table rows id[first[i] .. first[i + 1]),
 * each scaled by weight[]. */
struct apg_bags {
    uint32_t *first, *id;
    float *weight;
    size_t cap_first, cap_id, cap_weight;
};

struct apg_slot {
    size_t rows;
    bool ready;   /* its buffers are there */
    bool train;   /* dropout is on */
    uint64_t key; /* of its random numbers in this step */
    struct apg_bags bags;
    apg_real **x, **dx; /* by value: (rows, width) */
    apg_real *grad;     /* (n_flat) */
    float *label;       /* (rows) */
};

struct apg_op {
    const struct apg_op_type *type;
    int in[APG_OP_IN], n_in;
    int out;                  /* -1: writes no value */
    int aux[3];               /* values of its own, kept from forward to backward */
    int param[APG_OP_PARAMS]; /* -1: absent */
    /* D > 0: the last of in[] is a condition, of this width. */
    size_t N, M, D, K, P, F, E;
    size_t field[APG_FIELDS_MAX]; /* of an op on F chosen fields */
    bool chosen;                  /* field[] counts: else it is on all */
    bool add;                     /* to what the value holds */
    bool stop;                    /* no gradient for in[0] */
    double rate;
    uint32_t zeroes; /* bit i: the last to read in[i], so the first to write d in[i], which it finds at 0 (of
                        a type that .sets: sets) */
};

/* A field of the rows: its ids are the rows first .. first + rows of an embedding table. */
struct apg_graph_field {
    size_t first, rows;
};

struct apg_graph {
    size_t F, T;     /* fields; rows of a table of all fields */
    size_t max_rows; /* of a slot */
    bool train;      /* set before building: ops make what training alone needs, or predicting */
    struct apg_graph_field *field;
    size_t n_values, n_params, n_ops, n_flat;
    size_t *width, *most; /* by value: numbers of a row; most rows it holds */
    struct apg_param *param;
    struct apg_op *op;
    size_t cap_field, cap_width, cap_most, cap_param, cap_op;
    int logit;
    struct apg_slot slot[APG_SLOTS];
    bool failed; /* out of memory while being made */
};

/* forward and backward run for each slot on its own, in parallel. What needs all rows of a batch (a mean over
 * them) goes into a join: it runs once, between the slots' part of its op and that of the next. backward adds
 * to d params and to d x. */
struct apg_op_type {
    const char *name;
    void (*forward)(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s);
    void (*backward)(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s);
    void (*cost)(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c); /* adds to *c */
    /* Each may be absent: */
    void (*prepare)(struct apg_graph *g, const struct apg_op *op); /* before a pass: forms derived params */
    void (*finish)(
        const struct apg_graph *g, const struct apg_op *op, apg_real *grad); /* the slots were added up */
    void (*forward_join)(
        struct apg_graph *g, const struct apg_op *op); /* in training, after all slots' forward */
    void (*backward_join)(struct apg_graph *g, const struct apg_op *op); /* after all slots' backward */
    bool sets; /* backward finds in d in[] of which it is the first writer (zeroes) anything, and sets it */
};

/* Building: a failure for want of memory is remembered and returned by apg_graph_finish. */
void apg_graph_field(struct apg_graph *g, size_t rows);
int apg_graph_value(struct apg_graph *g, size_t width);
/* An op's own, for at most ROWS rows at a time: it cuts its slot into pieces of that many. */
int apg_graph_scratch(struct apg_graph *g, size_t width, size_t rows);
size_t apg_graph_width(const struct apg_graph *g, int value); /* 1 when building has failed */
int apg_graph_param(struct apg_graph *g, enum apg_start start, size_t rows, size_t cols, const char *fmt, ...)
    APG_PRINTF(5, 6);
struct apg_op *apg_graph_op(struct apg_graph *g, const struct apg_op_type *type);
/* Buffers for MAX_ROWS rows a slot; gradients only where TRAIN, and where not, slots are made when they are
 * used. */
enum apg_status apg_graph_finish(struct apg_graph *g, size_t max_rows, bool train, struct apg_error *err);
/* The buffers of slot I, if they are not there yet; false: out of memory. Thread-safe for different slots. */
bool apg_graph_slot(struct apg_graph *g, size_t i);
void apg_graph_release(struct apg_graph *g);
struct apg_param *apg_graph_find(const struct apg_graph *g, const char *name); /* NULL: none */

static inline apg_real *apg_w(const struct apg_graph *g, int param)
{
    return g->param[param].w;
}
static inline apg_real *apg_dw(const struct apg_graph *g, apg_real *grad, int param)
{
    return grad + g->param[param].at;
}

/* d in[K] of OP is 0, if OP is the first to write it. */
void apg_graph_zero(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s, int k);

/* Form derived params: after weights have changed, before apg_graph_forward. */
void apg_graph_prepare(struct apg_graph *g);
/* Predict: one slot through all ops; its logits are in x[g->logit]. Thread-safe for different slots. */
void apg_graph_forward(const struct apg_graph *g, struct apg_slot *s);
/* A training pass over all slots: prepare, forward, LOSS(ARG, i) for each slot i (it reads x[g->logit] and
 * sets dx[g->logit]), backward. The gradient of dense params is in slot 0's grad, added up in slot order. */
void apg_graph_train(
    struct apg_graph *g, struct apg_pool *pool, void (*loss)(void *arg, size_t i), void *arg);

#endif
