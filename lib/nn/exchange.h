/* SPDX-License-Identifier: MIT
 *
 * exchange.h - what ranks send each other in a step (base/comm.h), so that a training on many gives the bytes of a
 * training on one.
 *
 * A rank works on some slots of the batch. It has the dense params whole and of each table the rows with
 * id % ranks == rank, with all that the optimizer keeps of them. In a step
 *
 *   1. it asks the owners for the rows of its slots, and gets them (apg_exchange_read);
 *   2. forward and backward run on them; joins of ops get what they need of all slots (apg_exchange_slots);
 *   3. each rank adds up a slice of the dense gradient over all slots, and gives it to all (apg_exchange_dense);
 *   4. gradients of rows go to their owners (apg_exchange_return), who add them up and update the row.
 *
 * Sums are those of tree.h: a rank adds up the largest aligned subtrees that its slots hold, and who gets them goes
 * on from there. Numbers never depend on how many ranks there are.
 */
#ifndef APG_EXCHANGE_H
#define APG_EXCHANGE_H
#include "nn/distinct.h"
#include "nn/graph.h"

/* All of these are collective. */

/* After bags are filled: ask for the rows of the slots that are worked on here. What is asked of this rank is then in
 * apg_exchange_asked. */
enum apg_status apg_exchange_ask(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err);
/* Ask, and get the rows, which bags and params then point at. */
enum apg_status apg_exchange_read(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err);
/* After backward, and after apg_exchange_read: the gradients of rows go to their owners. */
enum apg_status apg_exchange_return(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err);
/* Add up d VALUE, which has a row for each of RUNS, by domain over the slots of all ranks. It overwrites d VALUE. */
enum apg_status apg_exchange_runs(struct apg_graph *g, int runs, int value, struct apg_error *err);

/* N rows of table PARAM from ROW on, as of the whole: OUT (n, cols) on rank 0. */
enum apg_status apg_exchange_table(
    struct apg_graph *g, size_t param, size_t row, size_t n, apg_real *out, struct apg_error *err);
/* LOSS (slots): of the slots that are worked on here, to all. */
enum apg_status apg_exchange_losses(struct apg_graph *g, double *loss, struct apg_error *err);
/* LOGIT (n): of the batch's rows that are worked on here, to all. */
enum apg_status apg_exchange_logits(struct apg_graph *g, double *logit, size_t n, struct apg_error *err);

/* These are not. */

/* (width of VALUE): the sum of the domain I of those that apg_domain_next finds, after apg_exchange_runs. */
const apg_real *apg_exchange_run(const struct apg_graph *g, int value, size_t i);
/* The rows of FIELD, of those held here, that the batch has on any rank, after apg_exchange_ask. */
struct apg_distinct *apg_exchange_asked(const struct apg_graph *g, size_t field);
/* Put the gradients that came with apg_exchange_return, of field FIELD and the op J, into its sum. */
bool apg_exchange_sum(const struct apg_graph *g, size_t field, size_t j);

/* The id at the PLACE in held tables. */
size_t apg_exchange_id(const struct apg_graph *g, size_t place);
/* From FROM, the rows of table PARAM that rank Q of RANKS holds (apg_exchange_rows), WIDTH bytes each, those that are
 * held here go to their places in TO. False: out of memory. */
bool apg_exchange_regroup(const struct apg_graph *g, size_t param, size_t q, size_t ranks, const void *from,
    void *to, size_t width);
/* The place in held tables of the row ID, which is held here. */
static inline uint32_t apg_exchange_place(uint32_t id, size_t ranks)
{
    return (uint32_t)(id / ranks);
}

#endif
