/* SPDX-License-Identifier: MIT */
#include "train/stripes.h"
#include <stdlib.h>
#include "base/mem.h"
#include "base/rng.h"

enum {
    DRAWS_LOG2 = 40, /* random numbers that there are for a stripe and epoch */
    CHUNKS = 512     /* of a stripe at least, where it has as many rows */
};

/* Rows that are held out, in ascending order, and how many of them the rows so far have passed. */
struct held {
    const uint64_t *row;
    uint64_t n, passed;
};

static bool is_held(struct held *h, uint64_t row)
{
    const bool yes = h->passed < h->n && h->row[h->passed] == row;
    h->passed += yes;
    return yes;
}

/* Give X the chunk from *row on: CHUNK rows, or fewer where X has then all of its rows. *got: those it has, which go up;
 * *row: moved behind the chunk. HERE: X is worked on here. False: out of memory. */
static bool deal(struct apg_stripe *x, size_t chunk, bool here, uint64_t *got, uint64_t *row, struct held *h)
{
    const uint64_t first = *row, before = *got;
    if (!here && (h->passed == h->n || h->row[h->passed] >= first + chunk)) { /* no need to look at each */
        const uint64_t n = chunk < x->rows - before ? chunk : x->rows - before;
        *got += n, *row += n;
        return true;
    }
    if (here && !apg_grow(&x->first, &x->cap_chunks, x->n_chunks + 1, sizeof *x->first))
        return false;
    for (; *row < first + chunk && *got < x->rows; ++*row) {
        if (is_held(h, *row))
            continue;
        if (here)
            x->order[*got] = (uint32_t)(x->n_chunks * chunk + (*row - first));
        ++*got;
    }
    if (here && *got > before)
        x->first[x->n_chunks++] = first;
    return true;
}

enum apg_status apg_stripes_init(struct apg_stripes *s, uint64_t rows, const uint64_t *held, uint64_t n_held,
    size_t batch, size_t n, size_t from, size_t to, struct apg_error *err)
{
    struct held h = {held, n_held, 0};
    uint64_t row = 0, left = rows, *got = NULL;
    *s = (struct apg_stripes){.batch = batch, .n = n, .chunk = 1, .stripe = apg_alloc(n, sizeof *s->stripe)};
    while (s->chunk < APG_STRIPE_CHUNK_MAX && rows / n / s->chunk >= 2 * CHUNKS)
        s->chunk *= 2;
    if (!s->stripe || !(got = apg_alloc(n, sizeof *got)))
        return apg_fail_memory(err);
    enum apg_status status = APG_OK;
    for (size_t i = 0; !status && i < n; i++) {
        struct apg_stripe *x = &s->stripe[i];
        x->rows =
            rows / batch * apg_stripes_share(batch, i, n) + apg_stripes_share((size_t)(rows % batch), i, n);
        if (x->rows + n_held > UINT32_MAX - APG_STRIPE_CHUNK_MAX)
            status = apg_fail(err, APG_ERANGE,
                "%llu rows are too many for the %zu parts of a batch; a larger --batch-size has more parts",
                (unsigned long long)rows, n);
        else if (i >= from && i < to && !(x->order = apg_alloc((size_t)x->rows, sizeof *x->order)))
            status = apg_fail_memory(err);
    }
    for (size_t i = 0; !status && left; i = (i + 1) % n) {
        const uint64_t before = got[i];
        if (got[i] < s->stripe[i].rows &&
            !deal(&s->stripe[i], s->chunk, i >= from && i < to, &got[i], &row, &h))
            status = apg_fail_memory(err);
        left -= got[i] - before;
    }
    free(got);
    return status;
}

void apg_stripes_release(struct apg_stripes *s)
{
    for (size_t i = 0; s->stripe && i < s->n; i++) {
        free(s->stripe[i].order);
        free(s->stripe[i].first);
    }
    free(s->stripe);
    *s = (struct apg_stripes){0};
}

struct shuffle {
    const struct apg_stripes *s;
    uint64_t seed, epoch;
};

static void shuffle_task(void *arg, size_t i, unsigned worker)
{
    const struct shuffle *t = arg;
    const struct apg_stripe *x = &t->s->stripe[i];
    struct apg_rng rng;
    (void)worker;
    apg_rng_init(&rng, t->seed, UINT64_MAX - t->epoch);
    rng.counter = (uint64_t)i << DRAWS_LOG2;
    if (x->order)
        apg_rng_shuffle(&rng, x->order, (size_t)x->rows);
}

void apg_stripes_shuffle(struct apg_stripes *s, uint64_t seed, uint64_t epoch, struct apg_pool *pool)
{
    struct shuffle t = {s, seed, epoch};
    apg_pool_run(pool, s->n, shuffle_task, &t);
}

void apg_stripes_take(
    const struct apg_stripes *s, const struct apg_dataset *d, uint64_t at, size_t n, const uint32_t **row)
{
    const uint64_t batches = at / s->batch;
    for (size_t i = 0; i < s->n; i++) {
        const struct apg_stripe *x = &s->stripe[i];
        const uint64_t k = batches * apg_stripes_share(s->batch, i, s->n);
        for (size_t j = 0, to = apg_stripes_share(n, i, s->n); j < to; j++) {
            const size_t r = x->order ? x->order[k + j] : 0;
            *row++ = x->order ? apg_dataset_row(d, x->first[r / s->chunk] + r % s->chunk) : NULL;
        }
    }
}
