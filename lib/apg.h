/* SPDX-License-Identifier: MIT
 *
 * apg.h - adaptive click-through-rate models in a program of your own: train one on click logs, collapse it
 * for serving, predict rows, and count what it costs. `apg train`, `collapse`, `predict` and `complexity`
 * stand on these functions. Link with `pkg-config --libs apg`; examples/embed.c is a whole program.
 *
 *     struct apg *a;
 *     struct apg_error err;
 *     if (apg_open(&a, "serve.apg", &err) != APG_OK) { fprintf(stderr, "%s\n", err.text); exit(1); }
 *     const char *cells[] = {"4115", "2763", "Action|Thriller"}; // of apg_column_name(a, 0), 1 and 2
 *     double probability;
 *     if (apg_predict(a, cells, 1, &probability, &err) != APG_OK) ...
 *     apg_close(a);
 *
 * Failure. A function that can fail returns a status, APG_OK (0) or one of the numbers below, and fills *ERR,
 * which may be NULL, with one line of text. Nothing is printed and nothing exits.
 *
 * Ownership. What a function makes is the caller's, to be freed by the function that is named with it. Text and
 * arrays that are passed in are read during the call and not kept, unless the function says otherwise.
 *
 * Threads. A handle may be used by one thread at a time. Different handles may be used at the same time.
 *
 * Files. A model file that was cut or altered is refused. A new file appears whole or not at all.
 */
#ifndef APG_H
#define APG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- failure ---- */

/* The numbers stay: new ones are appended. */
enum apg_status {
    APG_OK = 0,
    APG_ENOMEM = 1,   /* out of memory */
    APG_EIO = 2,      /* the system refused: open, read, write, map (the text ends in its reason) */
    APG_EINPUT = 3,   /* a row or cell of the user's data is wrong */
    APG_EFORMAT = 4,  /* a model or feature file is truncated, altered, or not one */
    APG_EUSAGE = 5,   /* the parts of a request do not fit together */
    APG_ERANGE = 6,   /* a size or number is out of range */
    APG_ESETTING = 7, /* a setting is unknown, has a wrong value, or does not go with another one */
    APG_ESTOPPED = 8, /* the caller asked for an end before there was a result */
};

struct apg_error {
    enum apg_status status;
    char text[1024]; /* the place first: "logs.csv:1204: price: not a number: 'abc'" */
};

/* ---- models and their files ---- */

struct apg; /* a model with its encoder: what its columns are and which tokens it knows */

/* Read the model file at PATH. *out is closed with apg_close. Weights stay in the file, which is
 * mapped: put a new one into its place by renaming, and do not write into it. */
enum apg_status apg_open(struct apg **out, const char *path, struct apg_error *err);
/* The same from descriptor FD, which may be a pipe; it stays the caller's and may be closed afterwards.
 * Messages call it NAME. */
enum apg_status apg_open_fd(struct apg **out, int fd, const char *name, struct apg_error *err);

/* Write A to a new file, which takes the place of PATH, or of what PATH links to, when it is whole and on the
 * disk. It gets the mode and owner of an old file. After a failure an old file is as it was. */
enum apg_status apg_save(const struct apg *a, const char *path, struct apg_error *err);
/* Write A to SINK. */
struct apg_sink {
    bool (*write)(void *arg, const void *p, size_t n_bytes); /* appends; false, and errno set: it could not */
    void *arg;
    const char *name; /* for messages */
};
enum apg_status apg_write(const struct apg *a, struct apg_sink sink, struct apg_error *err);

void apg_close(struct apg *a); /* NULL is allowed */

/* ---- predicting ---- */

/* How many columns a row has. */
size_t apg_columns_count(const struct apg *a);
/* The name of column I, 0 <= I < apg_columns_count; valid as long as the handle. */
const char *apg_column_name(const struct apg *a, size_t i);

/* Predict ROWS rows in the calling thread. CELL (rows x columns) is text as in the logs that the model was
 * trained on; "" is a missing value. PROBABILITY (rows) gets numbers in (0, 1), the same that `apg predict`
 * prints. APG_EINPUT: a cell is wrong; the text names its row in the call, from 1, and its column ("row:3:
 * price: not a number: 'abc'"). APG_EIO: the model's file was written into while it was in use. After a
 * failure PROBABILITY must not be used. */
enum apg_status apg_predict(
    struct apg *a, const char *const *cell, size_t rows, double *probability, struct apg_error *err);

/* ---- training ---- */

/* A log: CSV, or a feature file of `apg encode`. */
struct apg_input {
    int fd;           /* an open descriptor, which stays the caller's; or -1: the file NAME is opened */
    const char *name; /* the path, or what messages call it */
};

/* How files of CSV that are named are opened and closed, where not as they are: by a program that
 * decompresses them, say. Threads of the library call it, one at a time for each file. */
struct apg_opener {
    int (*open)(const char *name, struct apg_error *err); /* a descriptor, or -1 and *err is filled */
    /* WHOLE: it was read to its end. A failure says that what was read is not what the file holds. */
    enum apg_status (*close)(int fd, const char *name, bool whole, struct apg_error *err);
};

/* What a training tells its caller, about in the order in which it happens. */
enum apg_event_kind {
    APG_EVENT_INFERRED, /* text: what was inferred of the columns, or tokens that are new to a model that
                         * training goes on from, in lines that end with '\n' */
    APG_EVENT_WARNING,  /* text: a line that the user should read */
    APG_EVENT_ADVICE, /* text: a line about what the model takes, before it is trained, or about its options */
    APG_EVENT_BAD_ROW,    /* text: a row that is left out, with on-error=skip */
    APG_EVENT_MODEL,      /* the model is made: rows, fields, numbers */
    APG_EVENT_CALIBRATED, /* text: how the scores were calibrated, after the last epoch */
    APG_EVENT_STOPPED, /* training ended because the caller asked for it: progress is of the epoch that is kept */
    APG_EVENT_PASS,  /* the passes over the rows begin */
    APG_EVENT_STEP,  /* a batch was trained on: progress */
    APG_EVENT_EPOCH, /* a pass and its validation are over: progress, and model, which may be written now; of
                      * online=yes there is one, whose validation is the scores of rows before they were learned */
    /* With condition=auto: */
    APG_EVENT_CANDIDATES, /* the static model is trained first; n_candidates will go on from it */
    APG_EVENT_ROUND,      /* a round is over: candidates, the best first */
    APG_EVENT_FINAL,      /* candidates[0] is left and is trained to the end */
    APG_EVENT_AGAIN,      /* now the static model is trained to the end */
    APG_EVENT_CHOICE,     /* one of the two is chosen: choice */
    /* With tune=BUDGET, and rounds as above: */
    APG_EVENT_TUNE,  /* the candidates follow */
    APG_EVENT_TRIAL, /* one was trained: trial */
    APG_EVENT_TUNED, /* the best of them is kept: tuned */
    /* With resume=yes and a state, whose folder is text, after APG_EVENT_PASS: */
    APG_EVENT_RESUMED, /* for each epoch that was over: progress, with epoch_done; then without it for where the
                        * training goes on, or, with last, has ended */
};

struct apg_progress {
    size_t epoch, epochs, best_epoch; /* from 1, at most EPOCHS; 0 is the model that training goes on from */
    uint64_t rows, epoch_rows;        /* rows seen in this epoch; rows of a whole epoch */
    double loss;                      /* mean log loss of this epoch so far */
    double recent;                    /* mean log loss of the last batch */
    bool epoch_done, has_valid, better, last; /* better: the best epoch so far; last: training ends */
    double valid_auc, valid_loss;             /* NaN where they are not defined */
    /* valid_loss / the loss of predicting the training rows' mean label, above 1 is worse than that; and the
     * lower end of the 95 % interval of their difference over the validation rows, above 0 is surely worse. */
    double valid_ratio, valid_worse;
    bool useless; /* as a model that diverged is: worse by so much that it is not to be written */
    /* Of a better epoch: what its logits are calibrated by, 1 and 0 where they are not, and the loss then. */
    double slope, offset, calibrated_loss;
    bool past; /* of APG_EVENT_RESUMED */
};

struct apg_candidate {
    char condition[256]; /* "self", "group:user_id" */
    size_t rank;         /* of the layers that adapt; 0: as the settings say */
    double share;        /* rows trained on in this round / training rows */
    double auc, loss;    /* of validation; NaN: it diverged */
};

struct apg_choice {
    struct apg_candidate best;
    size_t tried, left_out;       /* candidates; columns that the budget was too small for */
    bool better;                  /* it is surely better than the static model, and is the one that is kept */
    bool cut;                     /* it was still getting better when the budget ended */
    double difference, low, high; /* of AUC to the static model, 95 % interval; NaN: undefined */
    double work;                  /* after the static model, in multiples of the static model's */
};

/* A candidate of tune. Work is in trainings of the model that was asked for. */
struct apg_trial {
    const char *options; /* that it has beside those given: "--dropout 0.2"; "": none */
    size_t best_epoch, epochs;
    double auc, loss; /* of validation, calibrated, at the best epoch; NaN: it diverged */
    /* By how much its log loss is lower than that of the best before it, and the standard error, over so many
     * rows: those of validation, and others that were held out in their turn; 0: there was none before it.
     * NaN: it diverged. */
    double gain, error;
    uint64_t judged;
    double work; /* so far, of all candidates */
    bool best;   /* so far */
    bool cut;    /* the budget ended it */
};

struct apg_tuned {
    const char *options; /* that were found: given in the place of --tune they give the same model */
    size_t tried;        /* trainings */
    size_t left_out;     /* settings whose turn did not come, because the budget was too small */
    double work;
    /* Of adaptive layers: */
    bool usual; /* the layers of a training without options had a lower loss than static ones */
    bool adaptive_tried, adaptive; /* another condition was trained; it is kept, as it is surely better */
    double difference, low, high;  /* of its AUC to the static model's, 95 % interval; NaN: undefined */
};

struct apg_event {
    enum apg_event_kind kind;
    const char *text;
    /* of APG_EVENT_MODEL: */
    uint64_t rows;                           /* of the logs: to train on, and to hold out */
    uint64_t held;                           /* how many of them are held out to validate */
    bool held_last;                          /* they are the last; else they are drawn at random */
    const char *weight;                      /* column of the rows' weights; NULL: all count alike */
    size_t fields;                           /* columns that the model reads */
    size_t embedding_numbers, other_numbers; /* trained numbers in embedding tables, and outside of them */
    uint64_t memory;                         /* MODEL: about how many bytes the training will take in all */
    size_t taken_numbers; /* how many of them come from the model that training goes on from */
    size_t members;       /* models side by side, whose logits are averaged */
    /* of the others: */
    const struct apg_progress *progress;
    const struct apg *model; /* as it is now; for apg_write */
    const struct apg_candidate *candidates;
    size_t n_candidates;
    const struct apg_choice *choice;
    const struct apg_trial *trial;
    const struct apg_tuned *tuned;
};

struct apg_train_options {
    /* Settings "NAME=VALUE", ended by NULL; or NULL. They are the options of apg train that say how to
     * read, model and train, without the dashes, and have the same values and defaults (`apg train
     * --help-all`): "hidden=64,32", "rank=8", "label=click". A flag is yes or no: "header=no". */
    const char *const *settings;
    const struct apg_sink *rejects; /* with on-error=skip: gets the header and the bad rows; or NULL */
    const struct apg_input *valid;  /* rows to validate on; NULL: some are held out */
    /* Go on from the weights and the encoder of this model, which is closed, also on failure. NULL: start
     * anew. */
    struct apg *from;
    void (*tell)(void *arg, const struct apg_event *event); /* called by the calling thread; may be NULL */
    void *arg;
    /* Called by the calling thread before each batch; true ends training there. *out is then what was best so
     * far, as at a normal end: of one training its best epoch; with condition=auto the static model; with tune
     * the best of the candidates that ended, or of the first candidate its best epoch. APG_ESTOPPED: there was
     * none yet. A signal handler or another thread can ask for the end through a lock-free atomic that this
     * function reads. It is not called while logs are read. NULL: nothing ends training early. */
    bool (*stop)(void *arg);
    const struct apg_opener *opener; /* of logs that are regular files, given by name alone; NULL: open(2) */
};

/* Train a model on N LOGS of the same columns. *out holds the weights that validated best; it is closed
 * with apg_close. The same logs, settings and seed give the same model, byte for byte, for any number of
 * threads (the setting "threads"; by default all processors are used). OPTIONS may be NULL. */
enum apg_status apg_train(struct apg **out, const struct apg_input *logs, size_t n_logs,
    const struct apg_train_options *options, struct apg_error *err);

/* ---- collapsing ---- */

enum apg_collapse_step { APG_COLLAPSE_FACTORS, APG_COLLAPSE_NORM, APG_COLLAPSE_HALVE, APG_COLLAPSE_STEPS };

struct apg_collapsed {
    bool done;                /* the step found something to do */
    bool stays;               /* of the norm step: normalization is partitioned and cannot be folded */
    size_t bytes, bytes_then; /* of weights, before and after the step */
    double difference;        /* the largest difference of a logit over 1024 random rows */
};

/* Make A smaller for serving, in place: products of factors (U_l U_r, V_l V_r, W o W_d) are multiplied out,
 * batch normalization is folded into the weights before it and, if HALVE, embedding tables are stored in
 * half precision. Each step is compared with the model before it on random rows. APG_ERANGE: a logit
 * differs by more than rounding explains. REPORT (APG_COLLAPSE_STEPS) says what the steps did; NULL is
 * allowed. A collapsed model predicts, but cannot be trained further. After a failure A can only be closed. */
enum apg_status apg_collapse(
    struct apg *a, bool halve, struct apg_collapsed report[APG_COLLAPSE_STEPS], struct apg_error *err);

/* ---- complexity ---- */

/* What an operator, a layer or a model costs. A multiply-add is a multiplication of the forward pass and
 * the addition that it feeds. Additions alone and work by element (biases, normalization, activations) are
 * not counted. */
struct apg_cost {
    uint64_t generate;  /* multiply-adds per instance that make its own weights */
    uint64_t forward;   /* multiply-adds per instance that apply weights */
    uint64_t batch;     /* multiply-adds per batch that make weights which its instances share */
    uint64_t numbers;   /* trained numbers, those of a generator included, without the next two */
    uint64_t biases;    /* trained numbers that act on one element each: biases, scales and shifts */
    uint64_t tables;    /* trained numbers in embedding tables */
    uint64_t generated; /* numbers per instance that are generated as its own weights */
};

/* An operator of a model, in the order in which they run. */
struct apg_op_cost {
    char layer[64];       /* "hidden.0.S"; "": it has no weights */
    const char *op;       /* "dense", "generated"; valid as long as the program */
    size_t N, M, D, K, P; /* widths: input, output, condition, rank, over-parameterization; 0: it has none */
    struct apg_cost cost;
};
/* Returns how many operators A has. The costs of the first of them, at most ROOM, are put into ROW. */
size_t apg_complexity(const struct apg *a, struct apg_op_cost *row, size_t room);

/* The forms of a hidden layer. Yan et al., "APG: Adaptive Parameter Generation Network for Click-Through
 * Rate Prediction", NeurIPS 2022, arXiv 2203.16218, has v1 to v5. */
enum apg_form {
    APG_FORM_FULL,       /* v1: W_i generated */
    APG_FORM_LOWRANK,    /* v2: U_i, S_i, V_i generated, their product formed */
    APG_FORM_DECOMPOSED, /* v3: the same, never formed */
    APG_FORM_SHARED,     /* v4: S_i generated, U and V shared */
    APG_FORM_OVERPARAM,  /* v5 in training: U = U_l U_r, V = V_l V_r */
    APG_FORM_RESIDUAL,   /* v4, or v5 with P > 0, added to a full static layer */
    APG_FORM_DENSE,      /* static */
    APG_FORM_COLLAPSED,  /* v5 after apg_collapse */
    APG_FORM_STAR,       /* Sheng et al., CIKM 2021 */
    APG_FORM_PPNET,      /* Chang et al., KDD 2023 */
    APG_FORM_COUNT
};
const char *apg_form_name(enum apg_form form);    /* "shared" */
const char *apg_form_version(enum apg_form form); /* "v4"; "": the paper has no number for it */

struct apg_layer_shape {
    size_t n, m;    /* widths of input and output */
    size_t d, k, p; /* widths of condition, rank, over-parameterization */
    size_t x, h;    /* of ppnet: widths of the embeddings and of a gate's hidden layer */
    size_t domains; /* of star */
    size_t batch;   /* instances in a batch */
};
/* Add the cost of a layer of FORM, by closed formula, to *COST. APG_ERANGE: a number of the shape is 0 or
 * too large. */
enum apg_status apg_layer_cost(
    struct apg_cost *cost, enum apg_form form, const struct apg_layer_shape *shape, struct apg_error *err);
/* Multiply-adds per instance in a batch of BATCH > 0: generate + forward + batch / BATCH. */
double apg_cost_per_instance(const struct apg_cost *cost, size_t batch);

#ifdef __cplusplus
}
#endif
#endif
