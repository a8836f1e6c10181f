/* SPDX-License-Identifier: MIT
 *
 * graph.h - a model as a list of ops, run in order and, for gradients, in reverse.
 *
 * A VALUE is a matrix (B, width), one row per instance. A PARAM is a trained matrix (rows, cols). An OP reads
 * values and params and writes one value; ops.h lists them. A batch is cut into slots, whose number follows
 * from the batch size alone. Each slot has values of its own and a gradient of its own of the dense params. The
 * gradients are added up in a fixed tree over slots (tree.h), so that any number of threads gives the same bytes.
 *
 * d V is the gradient of the loss with respect to V: it stands in dx[] of a value, in grad of a param.
 */
#ifndef APG_GRAPH_H
#define APG_GRAPH_H
#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/pool.h"
#include "base/rng.h"
#include "nn/tensor.h"

enum {
    /* A slot of a small batch has so many rows or more: its gradients cost what 10 to 15 rows cost. */
    APG_SLOT_ROWS_MIN = 32,
    APG_SLOTS = 8,       /* of a batch of 256 to 4096 rows, and in prediction */
    APG_SLOT_ROWS = 512, /* that a slot of a larger batch has, or fewer */
    APG_SLOTS_MAX = 1024,
    APG_OP_IN = 20,         /* the most values that an op reads */
    APG_OP_PARAMS = 10,     /* the most params */
    APG_OP_OWN_BYTES = 192, /* the largest struct of an op's own parameters */
    APG_FIELDS_MAX = 16,    /* the most fields that an op chooses */
    APG_NAME_BYTES = 64,    /* room for the name of a param */
};

/* What a param starts as. model/model.c has the numbers. */
enum apg_start {
    APG_START_XAVIER,
    APG_START_SQUARES, /* matrices (rows, rows) side by side, each started as Xavier's */
    APG_START_ZERO,
    APG_START_ONE,
    APG_START_EMBEDDING, /* normal; the user gives the deviation */
    APG_START_GENERATOR, /* the last linear map of a generator: as Xavier's, or near zero, so that the model
                            starts at a static layer */
    APG_START_GENERATED, /* the bias of that map: zero, or the weights of that static layer */
};

/* The weights of the static layer at which a generator starts: N M numbers, or with K > 0 the factors
 * U (N, K), S (K, K) and V (K, M) one after another. */
struct apg_base {
    size_t N, M, K;
    bool identity; /* the N M numbers are the identity, not Xavier's. S is the identity always. */
    double scale;  /* multiplies S, or the N M numbers where there is no S */
};

struct apg_param {
    char name[APG_NAME_BYTES];
    size_t rows, cols;
    enum apg_start start;
    struct apg_base base; /* of APG_START_GENERATED */
    bool table;           /* An embedding table. Its gradient is kept by row, not in the flat gradient. */
    size_t here;          /* rows that this process has: all, but of a table that ranks share */
    bool by_run;          /* Its gradient is kept per domain run (ops.h: apg_run): */
    int runs, grad;       /* row k of d GRAD, from column GRAD_AT on, is that of run k of value RUNS. */
    size_t grad_at;
    bool derived;   /* Formed from other params, as U = U_l U_r is: neither trained nor saved. */
    bool state;     /* Running statistics: they have no gradient, and are saved unless derived. */
    bool generator; /* Where it is 0, what is generated is the same for all rows. */
    bool borrowed;  /* w belongs to someone else: it was set before apg_graph_finish and is only read. */
    size_t at;      /* its first number in the flat gradient; dense params only */
    apg_real *w;    /* (here, cols) */
    apg_real *read; /* what ops read of a table: w, or the batch's rows, by g->read */
    uint16_t *half; /* (rows, cols), a table in half precision, whose w is NULL; else NULL */
};

/* Bags: what a slot's rows hold of each field. Bag b F + f is that of row b and field f: bag i has the table
 * rows id[first[i] .. first[i + 1]), each scaled by its weight[]. */
struct apg_bags {
    uint32_t *first, *id;
    uint32_t *row; /* of each id its place in g->read: id itself where no ranks share tables */
    float *weight;
    size_t cap_first, cap_id, cap_row, cap_weight;
};

struct apg_slot {
    size_t rows;
    bool ready;   /* its buffers have been allocated */
    bool train;   /* a pass of training: dropout is on, and normalization is by the batch */
    uint64_t key; /* the key of its random numbers in this step */
    struct apg_bags bags;
    apg_real **x, **dx; /* by value: (rows, width) each */
    apg_real *grad;     /* (n_flat), of the dense params */
    float *label;       /* (rows) */
};

/* What all ops have. The rest is the op type's own: own[] holds a struct that only its op_*.c file knows. */
struct apg_op {
    const struct apg_op_type *type;
    int in[APG_OP_IN], n_in;
    int out;                  /* -1: writes no value */
    int param[APG_OP_PARAMS]; /* -1: absent */
    int condition;            /* which of in[] is a condition that weights are made from; -1: none */
    uint32_t stopped;         /* Bit i: no gradient goes to in[i]. */
    uint32_t first_writer;    /* Bit i: in backward this op is the first to write d in[i]. The graph zeroes
                                 d in[i] beforehand, unless the op's type assigns. Set by apg_graph_finish. */
    alignas(max_align_t) unsigned char own[APG_OP_OWN_BYTES];
};

/* For an op_*.c file whose ops have the parameters struct NAME: NAME_of(op) reads them. */
#define APG_OP_OWN(name)                                                                                     \
    static_assert(sizeof(struct name) <= APG_OP_OWN_BYTES, "APG_OP_OWN_BYTES is too small");                 \
    static inline const struct name *name##_of(const struct apg_op *op)                                      \
    {                                                                                                        \
        return (const void *)op->own;                                                                        \
    }

/* A field of the rows: its ids are the rows first .. first + rows of an embedding table. Which rows a table has is
 * said by an array of one of these for each field, a LAYOUT. */
struct apg_graph_field {
    size_t first, rows;
};

struct apg_graph {
    size_t F, T;                   /* fields; rows of a table of all fields */
    size_t max_rows;               /* the most rows of a slot */
    size_t n_slots;                /* a power of two, set before apg_graph_finish; 0: APG_SLOTS */
    bool train;                    /* Set before building: ops then make what only training needs. */
    struct apg_graph_field *field; /* (F): the layout of whole tables */
    /* Ranks that train one model have a part of each table: of the ids those with id % ranks == rank, in this
     * order (held). A pass reads the rows of its batch, which their owners have sent (read). Without other
     * ranks, both are FIELD. */
    struct apg_graph_field *held, *read;
    struct apg_exchange *exchange; /* NULL: no table is shared */
    size_t slot_from, slot_to;     /* the slots that are worked on here */
    size_t n_values, n_params, n_ops, n_flat;
    size_t *width, *most; /* by value: the numbers of a row; the most rows it holds */
    struct apg_param *param;
    struct apg_op *op;
    size_t cap_field, cap_width, cap_most, cap_shared, cap_param, cap_op;
    char prefix[APG_NAME_BYTES]; /* of the names of params that are added now */
    int logit;                   /* the value that is the model's result */
    struct apg_slot *slot;       /* (n_slots) */
    bool failed;                 /* memory ran out while it was built */
    bool *shared;                /* (n_values): all ranks get it of all slots (apg_graph_share) */
    enum apg_status status;      /* of what hooks exchange: the first that failed */
    struct apg_error error;
};

/* The widths that a table of costs shows of an op; 0: it has none. */
struct apg_widths {
    size_t N; /* the sum over in[], without the condition */
    size_t M; /* output */
    size_t D; /* condition */
    size_t K, P;
};

/* What training needs for weights that are not params, and what is kept for domains. In bytes. */
struct apg_memory {
    uint64_t generated;         /* weights made for the rows of a batch, and their gradients */
    uint64_t generated_at_once; /* as many of these bytes are held at a time, in all slots */
    size_t domains;             /* 0: nothing is kept for domains */
    uint64_t by_domain;         /* the weights of all domains */
    uint64_t by_domain_at_once; /* what a step makes of them, and its gradients, in all slots */
};

/* Where a value of embeddings has those of a field, and its table the field's rows. */
struct apg_embedding {
    size_t E;      /* numbers of a table row */
    size_t column; /* the first of E columns of the value */
    size_t row;    /* the table row of the field's first id */
};

/* The ops of a type. forward and backward run for each slot by itself, in parallel. backward adds to d params
 * and to d in[]. What needs all rows of a batch, such as a mean over them, is done in a join: it runs once,
 * after all slots' part of its op and before that of the next. A hook that is NULL has nothing to do. */
struct apg_op_type {
    const char *name;
    void (*forward)(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s);
    void (*backward)(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s);
    /* Before a pass: forms derived params. */
    void (*prepare)(struct apg_graph *g, const struct apg_op *op);
    /* After a pass of training: GRAD is the sum of the slots' flat gradients. */
    void (*finish)(const struct apg_graph *g, const struct apg_op *op, apg_real *grad);
    void (*forward_join)(struct apg_graph *g, const struct apg_op *op); /* in training only */
    void (*backward_join)(struct apg_graph *g, const struct apg_op *op);
    /* What it tells about itself. cost and memory add to what is there, widths sets M, K and P. */
    void (*cost)(const struct apg_graph *g, const struct apg_op *op, struct apg_cost *c);
    void (*widths)(const struct apg_graph *g, const struct apg_op *op, struct apg_widths *w);
    void (*memory)(const struct apg_graph *g, const struct apg_op *op, size_t batch, struct apg_memory *m);
    /* Of an op whose value is embeddings of param[0], a table of LAYOUT: where FIELD is; false: it is not there. */
    bool (*embedding)(
        const struct apg_graph_field *layout, const struct apg_op *op, size_t field, struct apg_embedding *e);
    bool joins_ranks;      /* Its forward_join is needed only where there are other ranks. */
    bool generates_bias;   /* Its value is a bias, by a linear map (D, M) of the condition. */
    bool backward_assigns; /* As the first writer of d in[i], backward assigns it and does not add. */
};

/* How many slots a training on batches of BATCH rows has: as many threads as that can work at once. Ranks without
 * a slot have their parts of tables all the same. */
size_t apg_graph_slots(size_t batch);

/* Building. When memory runs out, this is remembered, and apg_graph_finish returns it. */
void apg_graph_field(struct apg_graph *g, size_t rows);
int apg_graph_value(struct apg_graph *g, size_t width);
/* A value for one op's own use, with room for at most ROWS rows: the op cuts its slot into pieces of that
 * many. */
int apg_graph_scratch(struct apg_graph *g, size_t width, size_t rows);
/* For joins: all ranks get VALUE of all slots by apg_graph_share. */
void apg_graph_shared(struct apg_graph *g, int value);
size_t apg_graph_width(const struct apg_graph *g, int value); /* 1 when memory has run out */
int apg_graph_param(struct apg_graph *g, enum apg_start start, size_t rows, size_t cols, const char *fmt, ...)
    APG_PRINTF(5, 6);
/* An op of TYPE with the SIZE bytes of OWN as its own parameters (APG_OP_OWN). Valid until the next is
 * added. */
struct apg_op *apg_graph_op(
    struct apg_graph *g, const struct apg_op_type *type, const void *own, size_t size);
/* Allocates params, and the buffers of slots for MAX_ROWS rows each. Gradients are allocated only with TRAIN;
 * without it, a slot's buffers wait for apg_graph_slot. */
enum apg_status apg_graph_finish(struct apg_graph *g, size_t max_rows, bool train, struct apg_error *err);
/* Allocates the buffers of slot I, unless they are there. False: out of memory. Threads may call it for
 * different slots. */
bool apg_graph_slot(struct apg_graph *g, size_t i);
void apg_graph_release(struct apg_graph *g);
struct apg_param *apg_graph_find(const struct apg_graph *g, const char *name); /* NULL: none */
/* The op whose value is embeddings of table PARAM; NULL: none is. */
const struct apg_op *apg_graph_embedding(const struct apg_graph *g, size_t param);
struct apg_widths apg_graph_widths(const struct apg_graph *g, const struct apg_op *op);
/* The rows of VALUE that a slot has room for; not before apg_graph_finish. */
size_t apg_graph_rows(const struct apg_graph *g, int value);
/* The bytes of params, values and, for training, gradients, for batches of BATCH rows. */
uint64_t apg_graph_bytes(const struct apg_graph *g, size_t batch, bool train);
/* Of all ops, for batches of BATCH rows; not before apg_graph_finish. */
struct apg_memory apg_graph_memory(const struct apg_graph *g, size_t batch);

static inline apg_real *apg_w(const struct apg_graph *g, int param)
{
    return g->param[param].w;
}
static inline apg_real *apg_dw(const struct apg_graph *g, apg_real *grad, int param)
{
    return grad + g->param[param].at;
}

/* For joins: gives the first N[i] numbers of VALUE, or of d VALUE, of the slots i that are worked on here to all
 * ranks, and gets those of the others. VALUE was announced by apg_graph_shared. A failure is kept in g->status. */
void apg_graph_share(struct apg_graph *g, int value, bool gradient, const size_t *n);

/* The first slot of RANK of so many; the next rank's first is behind its last. */
static inline size_t apg_graph_slots_from(const struct apg_graph *g, size_t rank, size_t ranks)
{
    return g->n_slots * rank / ranks;
}

/* Zeroes d in[K] if OP is its first writer. */
void apg_graph_zero(const struct apg_graph *g, const struct apg_op *op, struct apg_slot *s, int k);

/* Forms derived params. To be called after weights have changed, before apg_graph_forward. */
void apg_graph_prepare(struct apg_graph *g);
/* Predicts: takes one slot through all ops; its logits are then in x[g->logit]. Threads may call it for
 * different slots. */
void apg_graph_forward(const struct apg_graph *g, struct apg_slot *s);
/* A training pass over all slots: prepare, forward, LOSS(ARG, i) for each slot i, backward. LOSS reads
 * x[g->logit] and sets dx[g->logit]. The gradient of dense params, added up over slots, is then in grad of
 * the first slot that is worked on here. Fails when the other ranks do not answer. */
enum apg_status apg_graph_train(struct apg_graph *g, struct apg_pool *pool, void (*loss)(void *arg, size_t i),
    void *arg, struct apg_error *err);

/* ---- what exchange.c does for the graph of many ranks (exchange.h) ---- */

/* For a graph that is being finished: shares tables and slots out. APG_EUSAGE: there are more ranks than slots. */
enum apg_status apg_exchange_new(struct apg_graph *g, struct apg_error *err);
void apg_exchange_free(struct apg_graph *g);
/* The rows of table PARAM that rank Q of RANKS holds. */
size_t apg_exchange_rows(const struct apg_graph *g, size_t param, size_t q, size_t ranks);
/* Adds up the dense gradient over the slots of all ranks. */
enum apg_status apg_exchange_dense(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err);
/* apg_graph_share */
enum apg_status apg_exchange_slots(
    struct apg_graph *g, int value, bool gradient, const size_t *n, struct apg_error *err);

#endif
