/* SPDX-License-Identifier: MIT
 *
 * state.h - what a training needs to go on after it was killed, in a folder of its own. docs/files.md has the
 * layout. A state is written as a part of each rank, G.r-of-R for generation G, and then the file `current`, which
 * names them, takes the place of the old one; then what `current` does not name is removed. Each file appears whole
 * or not at all (base/outfile.h), so a whole state is there at any moment. A rank's part has the rows of tables that
 * it holds; part 0 also has all else. Any number of ranks may go on from it: rows are found by their ids.
 *
 * A training lists its numbers and arrays as items; the same list is written and read. What can be computed again
 * is no item: the order of rows, the counts of tokens. Used by the thread that trains; all ranks call the
 * functions that open, read, load and save, and apg_state_due.
 */
#ifndef APG_STATE_H
#define APG_STATE_H
#include "data/safetensors.h"
#include "model/model.h"
#include "train/average.h"
#include "train/keep.h"
#include "train/optim.h"

/* A matrix of a training, where it lies. */
struct apg_state_item {
    char name[80];
    enum apg_dtype dtype;
    size_t rows, cols;
    void *data; /* (rows, cols); borrowed */
    bool table; /* the rows are those that this rank holds of the table PARAM */
    size_t param;
};
struct apg_state_items {
    size_t n, cap;
    struct apg_state_item *item;
    bool no_memory;            /* an item is missing */
    const struct apg_graph *g; /* whose tables they are */
};
/* Add the item PREFIX NAME. */
void apg_state_add(struct apg_state_items *l, const char *prefix, const char *name, enum apg_dtype dtype,
    void *data, size_t rows, size_t cols);
void apg_state_add_count(struct apg_state_items *l, const char *name, uint64_t *count);
void apg_state_add_real(struct apg_state_items *l, const char *name, double *real);
/* M's weights, as "w/NAME", the moments of each and the mean that A has; A may be NULL. */
void apg_state_add_weights(struct apg_state_items *l, const struct apg_model *m, const struct apg_optim *o,
    const struct apg_average *a);
/* The weights that are the best so far, "best/NAME": BEST, as keep.h has them; or, where that is NULL, they are to
 * be read into M's own. */
void apg_state_add_best(struct apg_state_items *l, const struct apg_model *m, const apg_real *best);
void apg_state_release(struct apg_state_items *l);

struct apg_state;
/* Open the folder DIR, which is made if it is not there, and hold it: APG_EIO where another process does. RESUME:
 * read the state that is in it, if one is; everything of that is verified (APG_EFORMAT). EVERY_S: seconds
 * between two states; NaN: a minute, or more where they take long to write. WARN(ARG, text) is told when a
 * state could not be written. *out is freed with apg_state_free. */
enum apg_status apg_state_open(struct apg_state **out, const char *dir, bool resume, double every_s,
    void (*warn)(void *arg, const char *text), void *arg, struct apg_error *err);
void apg_state_free(struct apg_state *s); /* NULL is allowed */
const char *apg_state_dir(const struct apg_state *s);
/* Was there a state to go on from, and was it not yet left? */
bool apg_state_found(const struct apg_state *s);
/* What it says of KEY, or NULL. */
const char *apg_state_get(const struct apg_state *s, const char *key);
/* What the states that will be written say of KEY. */
enum apg_status apg_state_set(struct apg_state *s, const char *key, const char *text, struct apg_error *err);

/* Read L's items from the state that was found. */
enum apg_status apg_state_load(const struct apg_state *s, struct apg_state_items *l, struct apg_error *err);
/* All has been read: the file is let go. */
void apg_state_leave(struct apg_state *s);
/* APG_EFORMAT: its numbers cannot be. */
enum apg_status apg_state_altered(const struct apg_state *s, struct apg_error *err);

/* Open the folder DIR for what another training left there. APG_EIO where there is none, or one goes on. */
enum apg_status apg_state_read(struct apg_state **out, const char *dir, struct apg_error *err);
/* Give O, which trains M, the moments of FROM's weights that S has; those of what only M has stay zero. APG_EUSAGE:
 * S is not of the training that made FROM, or of another optimizer than that of OPTIONS. */
enum apg_status apg_state_take_moments(const struct apg_state *s, struct apg_optim *o,
    const struct apg_optim_options *options, const struct apg_model *m, const struct apg_model *from,
    struct apg_error *err);
/* The checksum of what was found. */
const char *apg_state_checksum(const struct apg_state *s);

/* Is it time to write one? */
bool apg_state_due(const struct apg_state *s);
/* Write one of L. A failure is a warning, and the old state stays: it is no reason to lose the training too. */
void apg_state_save(struct apg_state *s, const struct apg_state_items *l);

#endif
