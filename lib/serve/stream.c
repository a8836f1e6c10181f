/* SPDX-License-Identifier: MIT */
#include "serve/stream.h"

#include <assert.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* PASS_ROWS go through the model at once. PART_ROWS of features make a part: with 4 passes two
 * threads took 5 % longer, waiting for each other's reading (39 columns). SMALL_BYTES of CSV are
 * predicted sooner than another thread is woken to read on. */
enum {
    PASS_ROWS = APG_STREAM_ROWS / APG_SLOTS,
    PART_ROWS = 16 * PASS_ROWS,
    SMALL_BYTES = 8 << 10,
    LOOK_UP_MS = 100
};

void apg_stream_end(struct apg_stream *s)
{
    apg_csv_chunk_release(&s->header);
    apg_binding_release(&s->binding);
    apg_block_release(&s->block);
    for (size_t i = 0; i < s->n_parts; i++)
        apg_csv_chunk_release(&s->part[i].chunk); /* its parser knows the delimiter */
    s->at = 0;
    s->before = 0;
    s->source = NULL;
}

/* A worker has a slot of the graph, so there are no more of them. There are two parts for each: a
 * worker need not wait until its last part is taken. */
enum apg_status apg_stream_open(
    struct apg_stream *s, struct apg_model *model, struct apg_pool *pool, struct apg_error *err)
{
    assert(model->max_rows >= APG_STREAM_ROWS);
    size_t n = apg_pool_threads(pool);
    *s = (struct apg_stream){.model = model, .pool = pool, .n_workers = n < APG_SLOTS ? n : APG_SLOTS};
    s->sheet = apg_alloc(s->n_workers, sizeof *s->sheet);
    s->part = apg_alloc(2 * s->n_workers, sizeof *s->part);
    if (!s->sheet || !s->part)
        return apg_fail_memory(err);
    s->n_parts = 2 * s->n_workers;
    return APG_OK;
}

void apg_stream_close(struct apg_stream *s)
{
    apg_stream_end(s);
    for (size_t i = 0; i < s->n_parts; i++) {
        apg_block_release(&s->part[i].block);
        free(s->part[i].logit);
        free(s->part[i].text);
        free(s->part[i].count);
        free(s->part[i].bad.item);
    }
    free(s->part);
    for (size_t i = 0; s->sheet && i < s->n_workers; i++)
        apg_sheet_release(&s->sheet[i]);
    free(s->sheet);
    *s = (struct apg_stream){0};
}

enum apg_status apg_stream_begin(struct apg_stream *s, struct apg_source *source,
    const struct apg_columns *columns, bool need_label, struct apg_error *err)
{
    struct apg_rejects *x = s->rejects;
    apg_stream_end(s);
    s->source = source;
    s->need_label = need_label;
    if (source->csv) {
        enum apg_status status =
            apg_columns_header(columns, source->csv, apg_rejects_skip(x), &s->header, err);
        if (!status && (columns->header || s->header.records)) /* without a header, no record is no row */
            status =
                apg_binding_init(&s->binding, s->model->schema, source->csv, &s->header, need_label, err);
        return status || !x ? status
                            : apg_rejects_begin(x, source->csv, columns->header ? &s->header : NULL, err);
    }
    if (x && x->rows)
        return apg_fail(err, APG_EUSAGE, "%s: --rejects needs CSV", source->name);
    if (!apg_schema_reads(s->model->schema, apg_feat_schema(source->feat)))
        return apg_fail(
            err, APG_EUSAGE, "%s: not encoded as the model does (apg encode --encoder MODEL)", source->name);
    return APG_OK;
}

/* ---- a part ---- */

/* Are the files that a part was made from as they were? A part that was made from others is not
 * given away. */
static enum apg_status check_files(const struct apg_stream *s, struct apg_error *err)
{
    const struct apg_tensors *model = s->model->file;
    const enum apg_status status = model ? apg_tensors_check(model, err) : APG_OK;
    return status || !s->source->feat ? status : apg_feat_check(s->source->feat, err);
}

/* The rows of a block may be gone when the next block is read, so a part has a copy of its own. */
static enum apg_status read_features(struct apg_stream *s, struct apg_stream_part *p, bool *end)
{
    if (s->at == s->block.rows) {
        enum apg_status status = apg_feat_next(s->source->feat, &s->block, &p->err);
        if (status)
            return status;
        s->at = 0;
    }
    size_t left = s->block.rows - s->at, n = left < PART_ROWS ? left : PART_ROWS;
    *end = n == 0;
    p->before = s->before;
    p->block.rows = 0;
    enum apg_status status = n ? apg_block_append(&p->block, &s->block, s->at, s->at + n, &p->err) : APG_OK;
    s->at += n;
    s->before += n;
    return status ? status
                  : apg_feat_check(s->source->feat, &p->err); /* ids are in range as long as it holds */
}

static enum apg_status read_part(struct apg_stream *s, struct apg_stream_part *p, bool *end)
{
    if (!s->source->csv)
        return read_features(s, p, end);
    enum apg_status status = apg_csv_next(s->source->csv, &p->chunk, &p->err);
    *end = !status && !p->chunk.n_bytes;
    return status;
}

static enum apg_status score(
    struct apg_stream *s, size_t w, struct apg_stream_part *p, size_t rows, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!apg_grow(&p->logit, &p->cap_logit, rows, sizeof *p->logit))
        return apg_fail_memory(err);
    for (size_t at = 0; !status && at < rows; at += PASS_ROWS) {
        size_t n = rows - at < PASS_ROWS ? rows - at : PASS_ROWS;
        const uint32_t *row[PASS_ROWS];
        for (size_t i = 0; i < n; i++)
            row[i] = apg_block_row(&p->block, at + i);
        status = apg_model_slot_logits(s->model, w, row, n, p->logit + at, err);
    }
    return status;
}

/* What is wrong with row I, which has words and a logit? False: nothing. */
static bool is_bad(const struct apg_stream *s, const struct apg_stream_part *p, size_t i, struct apg_bad *bad)
{
    bad->logit = p->logit[i];
    bad->kind = isfinite(bad->logit) ? APG_BAD_LABEL : APG_BAD_LOGIT;
    return bad->kind == APG_BAD_LOGIT || (s->need_label && *apg_block_row(&p->block, i) == APG_MISSING);
}

static enum apg_status fail_row(const struct apg_bad *bad, struct apg_error *err)
{
    return bad->kind == APG_BAD_LABEL
               ? apg_fail(err, APG_EINPUT, "no label")
               : apg_fail(err, APG_EINPUT, "the model's logit is not finite: %g", bad->logit);
}

/* Take bad rows out of a part, and put their records into its list. */
static enum apg_status leave_out(const struct apg_stream *s, struct apg_stream_part *p)
{
    struct apg_bad_list all = {0};
    size_t rows = 0, row = 0, next = 0;
    for (size_t record = 0; record < p->rows + p->bad.n; record++) {
        struct apg_bad bad;
        if (next < p->bad.n && p->bad.item[next].record == record) {
            bad = p->bad.item[next++];
        } else if (!is_bad(s, p, row++, &bad)) {
            p->logit[rows] = p->logit[row - 1];
            p->block.start[rows++] = p->block.start[row - 1];
            continue;
        }
        if (!apg_grow(&all.item, &all.cap, all.n + 1, sizeof *all.item)) {
            free(all.item);
            return apg_fail_memory(&p->err);
        }
        bad.record = (uint32_t)record;
        all.item[all.n++] = bad;
    }
    free(p->bad.item);
    p->bad = all;
    p->rows = rows;
    return APG_OK;
}

/* The part ends before its first bad row, or is left without them. */
static enum apg_status check_rows(struct apg_stream *s, struct apg_stream_part *p)
{
    struct apg_bad bad;
    size_t i = 0;
    while (i < p->rows && !is_bad(s, p, i, &bad))
        i++;
    if (i == p->rows)
        return APG_OK;
    if (apg_rejects_skip(s->rejects))
        return leave_out(s, p);
    p->rows = i;
    (void)fail_row(&bad, &p->err);
    return apg_stream_fail_at(s, p, i, &p->err);
}

/* Encode the rows of CSV. */
static enum apg_status encode(
    struct apg_stream *s, size_t w, const struct apg_stream_user *user, struct apg_stream_part *p)
{
    const struct apg_csv *csv = s->source->csv;
    struct apg_sheet *sheet = &s->sheet[w];
    enum apg_status status = apg_csv_parse(csv, &p->chunk, user->spans, &p->err);
    if (status)
        return status;
    sheet->skip = apg_rejects_skip(s->rejects);
    status = apg_sheet_encode(sheet, s->model->schema, &s->binding, csv, &p->chunk, &p->block, &p->err);
    if (!sheet->skip || !sheet->bad.n)
        return status;
    if (!apg_grow(&p->bad.item, &p->bad.cap, sheet->bad.n, sizeof *p->bad.item))
        return apg_fail_memory(&p->err);
    memcpy(p->bad.item, sheet->bad.item, sheet->bad.n * sizeof *p->bad.item);
    p->bad.n = sheet->bad.n;
    return status;
}

/* By worker W. A bad row ends the part, or is left out: the rows before it are there all the same. */
static enum apg_status make_part(
    struct apg_stream *s, size_t w, const struct apg_stream_user *user, struct apg_stream_part *p)
{
    struct apg_error changed;
    enum apg_status status, bad = APG_OK;
    p->bad.n = p->n_text = 0;
    p->slot = w;
    if (s->source->csv && (bad = encode(s, w, user, p)) && bad != APG_EINPUT)
        return bad;
    const size_t rows = p->block.rows;
    if ((status = score(s, w, p, rows, &p->err)))
        return status;
    p->rows = rows;
    if ((status = check_rows(s, p)))
        bad = status;
    if ((status = check_files(s, &changed)))
        p->err = changed;
    if (status || (user->make && (status = user->make(user->arg, p, &p->err))))
        p->rows = p->bad.n = 0;
    return status ? status : bad;
}

/* Reject the bad records of a part. *taken: see apg_rejects_chunk. */
static enum apg_status reject(
    struct apg_stream *s, const struct apg_stream_part *p, size_t *taken, struct apg_error *err)
{
    struct apg_rejects *x = s->rejects;
    enum apg_status status = APG_OK;
    if (s->source->csv)
        return apg_rejects_chunk(
            x, &p->bad, s->model->schema, &s->binding, s->source->csv, &p->chunk, false, taken, err);
    *taken = p->rows + p->bad.n;
    const uint64_t before = x->seen;
    for (size_t i = 0; !status && i < p->bad.n; i++) {
        const struct apg_bad *bad = &p->bad.item[i];
        (void)fail_row(bad, err);
        (void)apg_fail_at(
            err, "%s: row %llu", s->source->name, (unsigned long long)p->before + bad->record + 1);
        x->seen = before + bad->record + 1;
        if ((status = apg_rejects_row(x, err, NULL, 0)))
            *taken = bad->record;
    }
    x->seen = before + *taken;
    return status;
}

/* The next part in order: its bad records are rejected, its rows taken. */
static enum apg_status take_part(struct apg_stream *s, const struct apg_stream_user *user,
    struct apg_stream_part *p, struct apg_error *err)
{
    enum apg_status status = APG_OK, bad = APG_OK;
    struct apg_error why = {0};
    size_t taken = 0;
    if (apg_rejects_skip(s->rejects) && !p->status)
        bad = reject(s, p, &taken, &why);
    if (bad) { /* one too many: the rows before it are those of the part */
        while (p->bad.n && p->bad.item[p->bad.n - 1].record >= taken)
            p->bad.n--;
        p->rows = taken - p->bad.n;
        p->n_text = 0;
        if (user->make && (status = user->make(user->arg, p, err)))
            return status;
    }
    if (p->rows || p->bad.n)
        status = user->take(user->arg, p, err);
    if (!status && bad) {
        *err = why;
        status = bad;
    }
    if (!status && p->status) {
        *err = p->err;
        status = p->status;
    }
    return status;
}

/* ---- all parts ---- */

/* Part k is in part[k % n_parts] from when it is read until it is taken. One worker at a time
 * reads, and one at a time takes: the one that finished the part which is next. */
struct run {
    struct apg_stream *s;
    const struct apg_stream_user *user;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t read, taken; /* parts */
    bool reading, taking; /* by some worker */
    bool ended;           /* nothing more is to be read */
    enum apg_status status;
    struct apg_error *err;
};

/* Wait until this worker is the one that reads (ALREADY: it is) and there is a free part to read
 * into. False: there is no more to read. */
static bool may_read(struct run *r, bool already)
{
    while (!r->ended && ((r->reading && !already) || r->read - r->taken == r->s->n_parts))
        pthread_cond_wait(&r->changed, &r->lock);
    r->reading = true;
    return !r->ended;
}

/* Wait for input, but only while other parts are at work: one of them may have a bad row, which
 * must be reported without waiting for more input. No row is missed, because the CSV reader holds
 * back less than a record. */
static void wait_for_input(struct run *r)
{
    struct pollfd in = {.fd = r->s->source->fd, .events = POLLIN};
    while (r->s->source->csv && in.fd >= 0 && !r->ended && r->taken < r->read) {
        pthread_mutex_unlock(&r->lock);
        int n = poll(&in, 1, LOOK_UP_MS);
        pthread_mutex_lock(&r->lock);
        if (n != 0)
            return;
    }
}

static void take_parts(struct run *r)
{
    if (r->taking)
        return;
    r->taking = true;
    for (;;) {
        struct apg_stream_part *p = &r->s->part[r->taken % r->s->n_parts];
        if (r->status || r->taken == r->read || !p->done)
            break;
        pthread_mutex_unlock(&r->lock);
        enum apg_status status = take_part(r->s, r->user, p, r->err);
        pthread_mutex_lock(&r->lock);
        if (status) {
            r->status = status;
            r->ended = true;
        }
        if (status || r->read - r->taken == r->s->n_parts)
            pthread_cond_broadcast(&r->changed);
        r->taken++;
    }
    r->taking = false;
}

static void work(void *arg, size_t w, unsigned worker)
{
    (void)worker;
    struct run *r = arg;
    struct apg_stream *s = r->s;
    bool reader = false, end = false;
    pthread_mutex_lock(&r->lock);
    while (may_read(r, reader)) {
        struct apg_stream_part *p = &s->part[r->read % s->n_parts];
        wait_for_input(r);
        if (r->ended)
            break;
        pthread_mutex_unlock(&r->lock);
        p->rows = p->bad.n = p->n_text = 0; /* it has been another part before */
        p->status = read_part(s, p, &end);
        p->done = false;
        pthread_mutex_lock(&r->lock);
        r->ended |= end || p->status;
        if (end)
            break;
        r->read++;
        reader = !r->ended && s->source->csv && p->chunk.n_bytes < SMALL_BYTES;
        if (!reader) {
            r->reading = false;
            pthread_cond_signal(&r->changed);
        }
        pthread_mutex_unlock(&r->lock);
        if (!p->status)
            p->status = make_part(s, w, r->user, p);
        pthread_mutex_lock(&r->lock);
        p->done = true;
        take_parts(r);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

enum apg_status apg_stream_run(
    struct apg_stream *s, const struct apg_stream_user *user, struct apg_error *err)
{
    struct run r = {.s = s, .user = user, .err = err};
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.changed, NULL);
    apg_pool_run(s->pool, s->n_workers, work, &r);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    return r.status;
}

enum apg_status apg_stream_fail_at(
    const struct apg_stream *s, const struct apg_stream_part *p, size_t i, struct apg_error *err)
{
    for (size_t k = 0; k < p->bad.n && p->bad.item[k].record <= i; k++)
        i++; /* from a row to its record */
    if (s->source->csv)
        return apg_fail_at(
            err, "%s:%llu", s->source->name, (unsigned long long)apg_csv_line(s->source->csv, &p->chunk, i));
    return apg_fail_at(err, "%s: row %llu", s->source->name, (unsigned long long)(p->before + i + 1));
}
