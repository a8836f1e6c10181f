/* SPDX-License-Identifier: MIT
 *
 * What slots make and all ranks get: the dense gradient, what joins of ops need, losses and logits, and gradients by
 * domain.
 */
#include <string.h>
#include "base/mem.h"
#include "nn/exchange.h"
#include "nn/exchange_own.h"
#include "nn/ops.h"
#include "nn/tree.h"

enum { DENSE_NUMBERS = 4096 }; /* of the flat gradient, that a task adds up */

/* ---- dense gradients ---- */

static void add_slots_task(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    const struct apg_graph *g = arg;
    const struct apg_exchange *x = g->exchange;
    struct apg_tree_part part[APG_SLOTS_MAX];
    const size_t from = i * DENSE_NUMBERS,
                 n = g->n_flat - from < DENSE_NUMBERS ? g->n_flat - from : DENSE_NUMBERS;
    for (size_t t = 0; t < x->n_nodes[x->rank]; t++) {
        const struct node *node = &x->node[x->rank][t];
        for (size_t s = 0; s < node->size; s++)
            part[s] = (struct apg_tree_part){node->slot + s, g->slot[node->slot + s].grad + from};
        apg_tree_sum(part, node->size, n);
    }
}

/* The first number of rank Q's slice of the flat gradient. */
static size_t slice(const struct apg_graph *g, size_t q)
{
    return g->n_flat / APG_VECTOR * q / g->exchange->ranks * APG_VECTOR;
}

enum apg_status apg_exchange_dense(struct apg_graph *g, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    const size_t R = x->ranks, own = slice(g, x->rank + 1) - slice(g, x->rank);
    const struct node *node = x->node[x->rank];
    enum apg_status status;
    struct apg_tree_part part[APG_SLOTS_MAX];
    size_t n_parts = 0, n_in = 0;
    for (size_t q = 0; q < R; q++)
        n_in += x->n_nodes[q] * own;
    apg_pool_run(pool, (g->n_flat + DENSE_NUMBERS - 1) / DENSE_NUMBERS, add_slots_task, g);
    if (!apg_grow(&x->dense_in, &x->cap_dense_in, n_in + 1, sizeof *x->dense_in) ||
        !apg_grow(
            &x->dense_out, &x->cap_dense_out, x->n_nodes[x->rank] * g->n_flat + 1, sizeof *x->dense_out))
        return apg_fail_memory(err);
    apg_real *out = x->dense_out, *in = x->dense_in;
    for (size_t q = 0; q < R; q++) {
        const size_t from = slice(g, q), n = slice(g, q + 1) - from;
        x->piece[q] = (struct apg_comm_piece){
            out, in, x->n_nodes[x->rank] * n * sizeof *out, x->n_nodes[q] * own * sizeof *in};
        for (size_t t = 0; t < x->n_nodes[x->rank]; t++, out += n)
            memcpy(out, g->slot[node[t].slot].grad + from, n * sizeof *out);
        for (size_t t = 0; t < x->n_nodes[q]; t++, in += own)
            part[n_parts++] = (struct apg_tree_part){x->node[q][t].slot, in};
    }
    if ((status = apg_comm_exchange(x->piece, err)))
        return status;
    const apg_real *sum = apg_tree_sum(part, n_parts, own);
    for (size_t q = 0; q < R; q++)
        x->piece[q] = (struct apg_comm_piece){sum, g->slot[g->slot_from].grad + slice(g, q),
            own * sizeof *sum, (slice(g, q + 1) - slice(g, q)) * sizeof *sum};
    return apg_comm_exchange(x->piece, err);
}

/* ---- what joins need ---- */

enum apg_status apg_exchange_slots(
    struct apg_graph *g, int value, bool gradient, const size_t *n, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    size_t n_out = 0, n_in = 0;
    for (size_t i = 0; i < g->n_slots; i++)
        *(i >= g->slot_from && i < g->slot_to ? &n_out : &n_in) += n[i];
    if (!apg_grow(&x->dense_out, &x->cap_dense_out, n_out + 1, sizeof *x->dense_out) ||
        !apg_grow(&x->dense_in, &x->cap_dense_in, n_out + n_in + 1, sizeof *x->dense_in))
        return apg_fail_memory(err);
    apg_real *out = x->dense_out, *in = x->dense_in;
    for (size_t i = g->slot_from; i < g->slot_to; out += n[i++])
        memcpy(out, (gradient ? g->slot[i].dx : g->slot[i].x)[value], n[i] * sizeof *out);
    for (size_t q = 0; q < x->ranks; q++) {
        size_t numbers = 0;
        for (size_t i = apg_graph_slots_from(g, q, x->ranks); i < apg_graph_slots_from(g, q + 1, x->ranks);
             i++)
            numbers += n[i];
        x->piece[q] = (struct apg_comm_piece){x->dense_out, in, n_out * sizeof *in, numbers * sizeof *in};
        in += numbers;
    }
    const enum apg_status status = apg_comm_exchange(x->piece, err);
    in = x->dense_in;
    for (size_t i = 0; !status && i < g->n_slots; in += n[i++])
        if (i < g->slot_from || i >= g->slot_to)
            memcpy((gradient ? g->slot[i].dx : g->slot[i].x)[value], in, n[i] * sizeof *in);
    return status;
}

/* Give SIZE[q] bytes of rank q, which are at DATA + AT[q], to all. */
static enum apg_status spread(struct apg_exchange *x, char *data, const size_t *at, struct apg_error *err)
{
    for (size_t q = 0; q < x->ranks; q++)
        x->piece[q] = (struct apg_comm_piece){data + at[x->rank], data + at[q],
            q == x->rank ? 0 : at[x->rank + 1] - at[x->rank], q == x->rank ? 0 : at[q + 1] - at[q]};
    return apg_comm_exchange(x->piece, err);
}

enum apg_status apg_exchange_losses(struct apg_graph *g, double *loss, struct apg_error *err)
{
    size_t at[APG_SLOTS_MAX + 1];
    for (size_t q = 0; q <= g->exchange->ranks; q++)
        at[q] = apg_graph_slots_from(g, q, g->exchange->ranks) * sizeof *loss;
    return spread(g->exchange, (char *)loss, at, err);
}

enum apg_status apg_exchange_logits(struct apg_graph *g, double *logit, size_t n, struct apg_error *err)
{
    size_t at[APG_SLOTS_MAX + 1];
    for (size_t q = 0; q <= g->exchange->ranks; q++)
        at[q] = n * apg_graph_slots_from(g, q, g->exchange->ranks) / g->n_slots * sizeof *logit;
    return spread(g->exchange, (char *)logit, at, err);
}

/* ---- gradients by domain ---- */

/* The runs of domain D in the slots of NODE. */
static bool node_has(const struct apg_domain_rows *d, const struct node *node)
{
    for (size_t i = node->slot; i < node->slot + node->size; i++)
        if (d->run[i].to > d->run[i].from)
            return true;
    return false;
}

enum apg_status apg_exchange_runs(struct apg_graph *g, int runs, int value, struct apg_error *err)
{
    struct apg_exchange *x = g->exchange;
    const size_t width = g->width[value], R = x->ranks;
    struct apg_tree_part part[APG_SLOTS_MAX];
    struct apg_domain_rows d;
    size_t domains = 0, n_out = 0, n_in = 0;
    memset(x->count_in, 0, R * sizeof *x->count_in);
    for (apg_domain_start(g, &d); apg_domain_next(g, runs, &d); domains++)
        for (size_t q = 0; q < R; q++)
            for (size_t t = 0; t < x->n_nodes[q]; t++)
                x->count_in[q] += node_has(&d, &x->node[q][t]);
    for (size_t q = 0; q < R; q++)
        n_in += (size_t)x->count_in[q];
    n_out = (size_t)x->count_in[x->rank];
    if (!apg_grow(&x->dense_out, &x->cap_dense_out, n_out * width + 1, sizeof *x->dense_out) ||
        !apg_grow(&x->dense_in, &x->cap_dense_in, n_in * width + 1, sizeof *x->dense_in) ||
        !apg_grow(&x->runs[value], &x->cap_runs[value], domains * width + 1, sizeof **x->runs))
        return apg_fail_memory(err);
    apg_real *out = x->dense_out, *in = x->dense_in;
    for (apg_domain_start(g, &d); apg_domain_next(g, runs, &d);)
        for (size_t t = 0; t < x->n_nodes[x->rank]; t++) {
            const struct node *node = &x->node[x->rank][t];
            size_t n = 0;
            for (size_t i = node->slot; i < node->slot + node->size; i++)
                if (d.run[i].to > d.run[i].from)
                    part[n++] = (struct apg_tree_part){i, g->slot[i].dx[value] + d.k[i] * width};
            if (!n)
                continue;
            memcpy(out, apg_tree_sum(part, n, width), width * sizeof *out);
            out += width;
        }
    for (size_t q = 0; q < R; in += (size_t)x->count_in[q++] * width)
        x->piece[q] = (struct apg_comm_piece){
            x->dense_out, in, n_out * width * sizeof *in, (size_t)x->count_in[q] * width * sizeof *in};
    const enum apg_status status = apg_comm_exchange(x->piece, err);
    if (status)
        return status;
    apg_real *sum = x->runs[value];
    memset(x->count_out, 0, R * sizeof *x->count_out); /* rows that have been taken of each rank's */
    for (apg_domain_start(g, &d); apg_domain_next(g, runs, &d); sum += width) {
        size_t n = 0;
        in = x->dense_in;
        for (size_t q = 0; q < R; in += (size_t)x->count_in[q++] * width)
            for (size_t t = 0; t < x->n_nodes[q]; t++)
                if (node_has(&d, &x->node[q][t]))
                    part[n++] =
                        (struct apg_tree_part){x->node[q][t].slot, in + (size_t)x->count_out[q]++ * width};
        memcpy(sum, apg_tree_sum(part, n, width), width * sizeof *sum);
    }
    return APG_OK;
}

const apg_real *apg_exchange_run(const struct apg_graph *g, int value, size_t i)
{
    return g->exchange->runs[value] + i * g->width[value];
}
