/* SPDX-License-Identifier: MIT
 *
 * choose.h - what should the hidden layers adapt to: the input of each, a column, two columns; or nothing?
 *
 * A static model is trained first. A layer of the residual form starts as the static layer that it adds to,
 * so every candidate goes on from what the static model was after a quarter of its epochs, over the same
 * rows in the same order, and what then tells them apart is what they adapt to. (Two static models of
 * different seeds differ by more than what is looked for here. Where the static model is done, it has
 * learned by itself part of what a condition could have told it: docs/accuracy.md.) Candidates are trained
 * a little, the same work for each, and the worse half is dropped, until one is left (successive halving;
 * Jamieson & Talwalkar, AISTATS 2016). It and the static model are trained on from that point, each until
 * its validation stops getting better; and DeLong's test says whether it is better on the validation rows
 * than the better one of the two static models. The test is at 5 % / the number of candidates (Bonferroni),
 * as the best of many has been lucky on these rows.
 *
 * Work is counted, not timed: multiply-adds and embedding numbers of a forward pass, three times in
 * training. */
#ifndef APG_CHOOSE_H
#define APG_CHOOSE_H
#include "train/fit.h"

struct apg_choose_options {
    double budget;        /* work after the static model, in multiples of the static model's */
    double embedding_std; /* as of apg_model_init_weights */
    bool rank_given;      /* only the ranks of the architecture are tried */
};

/* A candidate: a condition and a rank. */
struct apg_choose_try {
    size_t n, field[2]; /* n = 0: self; else group by these */
    size_t rank;        /* of the layers that adapt; 0: as the architecture has it */
    double work;        /* of one row's forward pass */
    uint64_t rows;      /* it was trained on in this round */
    double share;       /* rows / the number of training rows */
    double auc, loss;   /* of validation; NaN: it diverged */
    double score;       /* apg_fit_score of these */
};

enum apg_choose_stage {
    APG_CHOOSE_STATIC, /* the static model is trained: N candidates, TRY is NULL */
    APG_CHOOSE_ROUND,  /* a round is over: TRY[0 .. N), best first */
    APG_CHOOSE_FINAL,  /* TRY[0] is left */
    APG_CHOOSE_AGAIN,  /* it has been trained on; now the static model */
};

struct apg_choose_report {
    size_t tried;    /* candidates that were trained */
    size_t left_out; /* columns that were not, because the budget was too small */
    struct apg_choose_try best;
    bool cut;                     /* the best was getting better when the budget ended */
    bool better;                  /* the test shows that the best beats the static model */
    double difference, low, high; /* of its AUC to the static model's; NaN: undefined */
    double work;                  /* after the static model, in multiples of the static model's */
    struct apg_progress
        kept; /* of the model that is chosen: as of apg_fit_judge, or the epoch that ended best */
};

struct apg_choose_told {
    /* Each may be NULL. */
    apg_fit_progress *fit; /* of the first static model and of the two that are trained to the end */
    void (*stage)(void *arg, enum apg_choose_stage stage, const struct apg_choose_try *tries, size_t n);
    void *arg;
};

/* Is a column worth trying, whose id i is in COUNT[i] rows, i < N? Yes if at least two ids are common (20
 * rows or more), common ids have at least half of all rows, and no id has more than 98 % of them. *groups:
 * how many equally frequent ids would have the same entropy. */
bool apg_choose_column(const uint64_t *count, size_t n, double *groups);

/* Write what TRY adapts to as --condition takes it, "self" or "group:A,B", into OUT. False: SIZE is too small,
 * and OUT has as many of the names as fit. */
bool apg_choose_condition(
    char *out, size_t size, const struct apg_choose_try *try, const struct apg_schema *schema);

/* Choose the condition of ARCH, which has apg layers of the residual form. APG_EUSAGE: there are no
 * validation rows, or no hidden layer has a rank. *out is the adaptive model if it is better, else a static
 * one; it is freed with apg_model_free. APG_ESTOPPED: FIT's stop ended it, and *out is the first static model
 * or, before that had an epoch, NULL. At most three models are in memory at a time. The result is the same
 * for any number of threads. */
enum apg_status apg_choose(struct apg_model **out, struct apg_choose_report *report,
    const struct apg_schema *schema, const struct apg_arch *arch, const struct apg_dataset *train,
    const struct apg_dataset *valid, const struct apg_fit_options *fit,
    const struct apg_choose_options *options, struct apg_pool *pool, const struct apg_choose_told *told,
    struct apg_error *err);

/* Picking alone, for one who has trained the static model, to its best epoch BEST_EPOCH, and trains the pick,
 * report->best, from its start. Here options->budget and report->work are work (train/work.h). Stages of
 * rounds alone are told. */
enum apg_status apg_choose_pick(size_t best_epoch, struct apg_choose_report *report,
    const struct apg_schema *schema, const struct apg_arch *arch, const struct apg_dataset *train,
    const struct apg_dataset *valid, const struct apg_fit_options *fit,
    const struct apg_choose_options *options, struct apg_pool *pool, const struct apg_choose_told *told,
    struct apg_error *err);

/* DeLong's test of the logits of the validation rows by a static model, A (n_valid), and by the best of
 * report->tried adaptive ones, B: fills in better, difference, low and high. */
enum apg_status apg_choose_test(struct apg_choose_report *report, const struct apg_fit_rows *rows,
    const double *a, const double *b, struct apg_pool *pool, struct apg_error *err);

#endif
