/* SPDX-License-Identifier: MIT
 *
 * train_text.h - what apg train says while it works, on standard error; nothing when quiet.
 */
#ifndef APG_TRAIN_TEXT_H
#define APG_TRAIN_TEXT_H
#include "train/choose.h"

struct train_text {
    bool quiet, terminal;
    double started, told; /* seconds: this epoch, and the last line within it */
    double recent;        /* sum of losses since that line */
    uint64_t n_recent, steps;
    uint64_t next;       /* a line when steps reaches next, which doubles: as Vowpal Wabbit's users know it */
    double kept_entropy; /* of the epoch whose weights are kept; 0: no validation rows */
};

/* The model's size, and what about it should be known before it is trained for hours. */
void train_text_model(const struct train_text *t, const struct apg_model *m, uint64_t rows, size_t batch);
/* TAKEN of its weights are those of the model FROM. */
void train_text_from(const struct train_text *t, const struct apg_model *m, const char *from, size_t taken);

void train_text_heading(struct train_text *t); /* of the epochs' lines; an epoch starts */
void train_text_progress(struct train_text *t, const struct apg_fit_state *s);
void train_text_kept(const struct train_text *t); /* training has ended */

/* --condition auto: as of apg_choose_told, and in the end. */
void train_text_choosing(struct train_text *t, const struct apg_schema *schema, enum apg_choose_stage stage,
    const struct apg_choose_try *tries, size_t n);
void train_text_choice(
    const struct train_text *t, const struct apg_schema *schema, const struct apg_choose_report *r);

#endif
