/* SPDX-License-Identifier: MIT */
#include "common/score.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "stats/metrics.h"

/* PASS: rows that go through the model at once. FEATURE_PART: with 4 passes two threads took 5 % longer,
 * waiting for each other's reading (39 columns). SMALL: bytes of CSV that are sooner predicted than another
 * thread is woken to read on. */
enum { PASS = 256, FEATURE_PART = 16 * PASS, SMALL = 8 << 10, LOOK_UP_MS = 100 };

static void leave_input(struct score *s)
{
    apg_csv_chunk_release(&s->header);
    apg_binding_release(&s->binding);
    apg_block_release(&s->block);
    for (size_t i = 0; i < s->n_parts; i++)
        apg_csv_chunk_release(&s->part[i].chunk); /* its parser knows the delimiter */
    s->at = 0;
    s->before = 0;
    s->in = NULL;
}

/* A worker has a slot of the graph, so there are no more of them. For each there are two parts: it need not
 * wait for the one before to be taken. */
enum apg_status score_open(struct score *s, const char *model_path, size_t threads, struct apg_error *err)
{
    const char *name;
    int fd = cmd_in_open(model_path, &name, err);
    if (fd < 0)
        return err->status;
    enum apg_status status = apg_model_load(&s->model, fd, name, APG_SLOTS * PASS, true, err);
    if (fd != STDIN_FILENO)
        (void)close(fd);
    if (status || (status = apg_pool_new(&s->pool, (unsigned)threads, err)))
        return status;
    size_t n = apg_pool_threads(s->pool);
    s->n_workers = n < APG_SLOTS ? n : APG_SLOTS;
    s->sheet = apg_alloc(s->n_workers, sizeof *s->sheet);
    s->part = apg_alloc(2 * s->n_workers, sizeof *s->part);
    if (!s->sheet || !s->part)
        return apg_fail_memory(err);
    s->n_parts = 2 * s->n_workers;
    return APG_OK;
}

void score_close(struct score *s)
{
    leave_input(s);
    for (size_t i = 0; i < s->n_parts; i++) {
        apg_block_release(&s->part[i].block);
        free(s->part[i].logit);
        free(s->part[i].text);
    }
    free(s->part);
    for (size_t i = 0; s->sheet && i < s->n_workers; i++)
        apg_sheet_release(&s->sheet[i]);
    free(s->sheet);
    apg_model_free(s->model);
    apg_pool_free(s->pool);
    *s = (struct score){0};
}

enum apg_status score_begin(struct score *s, struct input *in, const struct apg_columns *columns,
    bool need_label, struct apg_error *err)
{
    leave_input(s);
    s->in = in;
    if (in->csv) {
        enum apg_status status = apg_columns_header(columns, in->csv, &s->header, err);
        return status ? status
                      : apg_schema_bind(s->model->schema, in->csv, &s->header, need_label, &s->binding, err);
    }
    if (apg_schema_hash(apg_feat_schema(in->feat)) != apg_schema_hash(s->model->schema))
        return apg_fail(
            err, APG_EUSAGE, "%s: not encoded as the model does (apg encode --encoder MODEL)", in->name);
    return APG_OK;
}

/* ---- a part ---- */

/* A block of features may go with the next one's reading, so a part takes its rows along. */
static enum apg_status read_features(struct score *s, struct score_part *p, bool *end)
{
    if (s->at == s->block.rows) {
        enum apg_status status = apg_feat_next(s->in->feat, &s->block, &p->err);
        if (status)
            return status;
        s->at = 0;
    }
    size_t left = s->block.rows - s->at, n = left < FEATURE_PART ? left : FEATURE_PART;
    *end = n == 0;
    p->before = s->before;
    p->block.rows = 0;
    enum apg_status status = n ? apg_block_append(&p->block, &s->block, s->at, s->at + n, &p->err) : APG_OK;
    s->at += n;
    s->before += n;
    return status;
}

static enum apg_status read_part(struct score *s, struct score_part *p, bool *end)
{
    if (!s->in->csv)
        return read_features(s, p, end);
    enum apg_status status = apg_csv_next(s->in->csv, &p->chunk, &p->err);
    *end = !status && !p->chunk.n_bytes;
    return status;
}

/* By worker W. */
static enum apg_status make_part(
    struct score *s, size_t w, const struct score_user *user, struct score_part *p)
{
    enum apg_status status = APG_OK;
    if (s->in->csv && ((status = apg_csv_parse(s->in->csv, &p->chunk, user->spans, &p->err)) ||
                          (status = apg_schema_encode(s->model->schema, &s->binding, s->in->csv, &p->chunk,
                               &s->sheet[w], &p->block, &p->err))))
        return status;
    p->rows = p->block.rows;
    p->n_text = 0;
    if (!apg_grow(&p->logit, &p->cap_logit, p->rows, sizeof *p->logit))
        return apg_fail_memory(&p->err);
    for (size_t at = 0; !status && at < p->rows; at += PASS) {
        size_t n = p->rows - at < PASS ? p->rows - at : PASS;
        const uint32_t *row[PASS];
        for (size_t i = 0; i < n; i++)
            row[i] = apg_block_row(&p->block, at + i);
        status = apg_model_slot_logits(s->model, w, row, n, p->logit + at, &p->err);
    }
    return status || !user->make ? status : user->make(user->arg, p, &p->err);
}

/* ---- all parts ---- */

/* Part k is in part[k % n_parts] from its reading until it is taken. One worker reads at a time, one takes
 * at a time: whichever finished the part that is next. */
struct run {
    struct score *s;
    const struct score_user *user;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t read, taken; /* parts */
    bool reading, taking; /* by some worker */
    bool ended;           /* nothing more is to be read */
    enum apg_status status;
    struct apg_error *err;
};

/* Wait until this worker is the one to read (ALREADY: it is) and has a part to read to. False: no more. */
static bool may_read(struct run *r, bool already)
{
    while (!r->ended && ((r->reading && !already) || r->read - r->taken == r->s->n_parts))
        pthread_cond_wait(&r->changed, &r->lock);
    r->reading = true;
    return !r->ended;
}

/* While others are at work, one of them may find a bad row, which should be told without waiting for more
 * input. (What the reader holds back of CSV is less than a record, so there is nothing to miss.) */
static void wait_for_input(struct run *r)
{
    struct pollfd in = {.fd = r->s->in->fd, .events = POLLIN};
    while (r->s->in->csv && !r->ended && r->taken < r->read) {
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
        struct score_part *p = &r->s->part[r->taken % r->s->n_parts];
        if (r->status || r->taken == r->read || !p->done)
            break;
        pthread_mutex_unlock(&r->lock);
        if (p->status)
            *r->err = p->err;
        enum apg_status status = p->status ? p->status : r->user->take(r->user->arg, p, r->err);
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
    struct score *s = r->s;
    bool reader = false, end = false;
    pthread_mutex_lock(&r->lock);
    while (may_read(r, reader)) {
        struct score_part *p = &s->part[r->read % s->n_parts];
        wait_for_input(r);
        if (r->ended)
            break;
        pthread_mutex_unlock(&r->lock);
        p->status = read_part(s, p, &end);
        p->done = false;
        pthread_mutex_lock(&r->lock);
        r->ended |= end || p->status;
        if (end)
            break;
        r->read++;
        reader = !r->ended && s->in->csv && p->chunk.n_bytes < SMALL;
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

enum apg_status score_run(struct score *s, const struct score_user *user, struct apg_error *err)
{
    struct run r = {.s = s, .user = user, .err = err};
    pthread_mutex_init(&r.lock, NULL);
    pthread_cond_init(&r.changed, NULL);
    apg_pool_run(s->pool, s->n_workers, work, &r);
    pthread_cond_destroy(&r.changed);
    pthread_mutex_destroy(&r.lock);
    return r.status;
}

enum apg_status score_fail_at(
    const struct score *s, const struct score_part *p, size_t i, struct apg_error *err)
{
    if (s->in->csv)
        return apg_fail_at(
            err, "%s:%llu", s->in->name, (unsigned long long)apg_csv_line(s->in->csv, &p->chunk, i));
    return apg_fail_at(err, "%s: row %llu", s->in->name, (unsigned long long)(p->before + i + 1));
}

/* As %.9g has it, of what is written without an exponent and is certain: 10^9 to 10^12 and N are exact, and
 * the product is off by less than 1e-7, so only what is nearer to a half is left to printf. 0: not written.
 */
static size_t plain_text(char out[SCORE_TEXT], double x)
{
    static const double scale[] = {1e9, 1e10, 1e11, 1e12};
    if (!(x >= 1e-4 && x < 1))
        return 0;
    const size_t zeros = (size_t)((x < 1e-1) + (x < 1e-2) + (x < 1e-3));
    const double scaled = x * scale[zeros];
    uint32_t n = (uint32_t)scaled;
    const double rest = scaled - n;
    n += rest > .5;
    if (n > 999999999 || (rest > .5 - 1e-6 && rest < .5 + 1e-6))
        return 0;
    size_t len = 2 + zeros + 9;
    memcpy(out, "0.000", 2 + zeros);
    for (size_t i = len; i-- > 2 + zeros; n /= 10)
        out[i] = (char)('0' + n % 10);
    while (out[len - 1] == '0')
        len--;
    out[len] = '\0';
    return len;
}

size_t score_text(char out[SCORE_TEXT], double logit, bool as_logit)
{
    const double score = as_logit ? logit : apg_metrics_sigmoid(logit);
    const size_t n = plain_text(out, score);
    return n ? n : (size_t)snprintf(out, SCORE_TEXT, "%.9g", score);
}
