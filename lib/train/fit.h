/* SPDX-License-Identifier: MIT
 *
 * fit.h - train a model: epochs of shuffled batches, validation after each, early stopping, the best
 * weights kept. */
#ifndef APG_FIT_H
#define APG_FIT_H
#include "base/setting.h"
#include "data/dataset.h"
#include "model/model.h"
#include "stats/metrics.h"
#include "train/optim.h"
#include "train/state.h"

/* What the optimizer keeps of an embedding of E numbers: two moments of each number, as of all other weights,
 * or one of them all, by row-wise Adagrad. AUTO: one where the tables have more than
 * APG_ROW_WISE_NUMBERS, as moments are then most of what training needs. */
enum apg_moments { APG_MOMENTS_AUTO, APG_MOMENTS_EACH, APG_MOMENTS_ROW };
enum { APG_ROW_WISE_NUMBERS = 1 << 24 };

struct apg_fit_options {
    struct apg_optim_options optim;
    enum apg_moments moments; /* of embeddings */
    /* Of all training rows together: a step divides it by their number. NaN: apg_fit_settle chooses. */
    double generator_l2;
    double average;    /* the weights kept are the mean over about this last share of training; 0: the last */
    double lr_decay;   /* the rates are multiplied by this after each epoch */
    size_t batch_size; /* rows of a step */
    size_t epochs;     /* at most */
    size_t patience;   /* epochs without a better validation before training stops; 0: never */
    double holdout; /* share of the training rows, drawn at random, that validates when no VALID is given */
    double holdout_last; /* if above 0 it is the last rows, this share of all, and not some drawn at random */
    bool stop_on_loss;   /* "better" is a lower log loss, else a higher AUC */
    double negative_rate; /* negatives were kept in the logs with this probability */
    bool calibrate;       /* the weights kept get a calibration, fitted on the validation rows */
    uint64_t seed;
    bool validate_start; /* validate the weights it starts with too, as epoch 0; they may be the best */
    size_t epochs_done;  /* by these weights: the order of rows goes on from there, the rate starts anew */
    uint64_t epoch_rows; /* rows of an epoch, drawn anew for each, in whole batches; 0: all */
    bool (*stop)(void *arg); /* called with STOP_ARG before each step; true ends the training. NULL: never */
    void *stop_arg;
    struct apg_state *state; /* where the training goes on from, and is written to; NULL: nowhere */
    /* Training goes on from model FROM with its optimizer's moments, which are in FROM_STATE; NULL: with none. */
    const struct apg_state *from_state;
    const struct apg_model *from;
    const char *temp_dir; /* for weights that are put aside, as in keep.h; NULL: $TMPDIR or /tmp */
};

/* The settings of these options: what is held out, and all else. */
extern const struct apg_setting apg_fit_rows_settings[], apg_fit_settings[];
void apg_fit_default(struct apg_fit_options *o);
/* Fill in what was not GIVEN: the epochs where no rows validate (HAS_VALID: there are rows for that besides
 * the ROWS rows to train on), the rows of a batch, the patience, the embeddings' rate, and the generator's L2
 * of a model of ARCH. */
void apg_fit_settle(struct apg_fit_options *o, const struct apg_given *given, bool has_valid,
    const struct apg_arch *arch, uint64_t rows);

/* Whether M's embeddings have one moment each. */
bool apg_fit_row_wise(const struct apg_model *m, const struct apg_fit_options *o);
/* The optimizer of a training of M, with the moments that it begins with. *out is freed with apg_optim_free, also
 * after a failure. */
enum apg_status apg_fit_optim(
    struct apg_optim **out, struct apg_model *m, const struct apg_fit_options *o, struct apg_error *err);
/* The bytes that a training of M on ROWS rows takes, N_VALID of them or of others to validate on: M itself, what
 * a step makes, and what is kept beside. Neither rows nor vocabularies are in it. */
uint64_t apg_fit_bytes(
    const struct apg_model *m, const struct apg_fit_options *o, uint64_t rows, uint64_t n_valid);

/* Called after each step (epoch_done = false) and after each epoch with its validation: the model then has
 * the weights that were validated, and may be saved. Where training goes on from a state, at first each epoch
 * that was over is told again, and then where it goes on, as `past`. */
typedef void apg_fit_progress(void *arg, const struct apg_progress *p);

/* Validation rows are VALID, or if that is NULL the rows held out (drawn by the seed). Without any, nothing
 * stops early and the last weights are kept. On success M holds the best weights. While it is trained M is
 * calibrated only when PROGRESS is told of a better epoch. APG_ESTOPPED: the options' stop ended it; M holds
 * the best weights if PROGRESS was told of any. M was made for training with max_rows >= batch_size. */
enum apg_status apg_fit(struct apg_model *m, const struct apg_dataset *train, const struct apg_dataset *valid,
    const struct apg_fit_options *o, struct apg_pool *pool, apg_fit_progress *progress, void *arg,
    struct apg_error *err);

/* The number that validation compares: the AUC, or -LOSS where the options say so or AUC is NaN. More is
 * better. */
double apg_fit_score(const struct apg_fit_options *o, double auc, double loss);

/* How many of ROWS rows are held out when no VALID is given. */
uint64_t apg_fit_held(const struct apg_fit_options *o, uint64_t rows);

/* The rows that apg_fit trains on and validates on, when it is given the same data sets and options. */
struct apg_fit_rows {
    const struct apg_dataset *train, *valid;
    uint64_t *held; /* (n_valid) of VALID's rows, in ascending order; NULL: those from FIRST on */
    uint64_t first;
    uint64_t n_train, n_valid; /* n_valid 0: no validation */
    double mean_weight;        /* of the rows that are trained on; 1 where rows have no weights */
    double mean_label;         /* of all of TRAIN's rows, weighted */
};
/* APG_EINPUT: the rows to train on, or those to validate on, all have the weight 0. */
enum apg_status apg_fit_rows_init(struct apg_fit_rows *r, const struct apg_dataset *train,
    const struct apg_dataset *valid, const struct apg_fit_options *o, struct apg_error *err);
void apg_fit_rows_release(struct apg_fit_rows *r);
/* Is ROW of TRAIN's one to validate on, and not to train on? *held is 0 for row 0; rows are asked for in order. */
static inline bool apg_fit_is_held(const struct apg_fit_rows *r, uint64_t row, uint64_t *held)
{
    if (r->valid != r->train || !r->held)
        return r->valid == r->train && row >= r->first;
    if (*held == r->n_valid || r->held[*held] != row)
        return false;
    ++*held;
    return true;
}
static inline const uint32_t *apg_fit_valid_row(const struct apg_fit_rows *r, uint64_t i)
{
    return apg_dataset_row(r->valid, r->held ? r->held[i] : r->first + i);
}
static inline float apg_fit_valid_weight(const struct apg_fit_rows *r, uint64_t i)
{
    return apg_dataset_weight(r->valid, r->held ? r->held[i] : r->first + i);
}
/* LOGIT (n_valid): of the validation rows. APG_ERANGE: one is not finite, so training diverged. */
enum apg_status apg_fit_logits(struct apg_model *m, const struct apg_fit_rows *r, struct apg_pool *pool,
    double *logit, struct apg_error *err);

/* Fill in what LOGIT, of the validation rows, says of the model: valid_auc to useless of *p. M is for rows
 * with logits, and is emptied first: its memory serves the next call. */
enum apg_status apg_fit_judge(const struct apg_fit_rows *r, const double *logit, struct apg_metrics *m,
    struct apg_progress *p, struct apg_error *err);

#endif
