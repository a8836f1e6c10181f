/* SPDX-License-Identifier: MIT
 *
 * Chunks move in groups through two steps, and each step is one parallel loop:
 *
 *   read     every chunk is parsed and becomes rows. Beside them, as tasks of their own, the next group
 *            is read, and the rows of the one before go to the receiver
 *   intern   while the schema is being made: every column adds the tokens that are new, in their order
 *
 * In `read` tokens are looked up in vocabularies that nobody changes meanwhile, by all threads. What
 * is left for `intern`, where a column is one task, are the tokens that no group before had. There
 * are two groups: one is worked on while the other is read.
 */
#include "data/ingest.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "data/csvread.h"
#include "data/settle.h"
#include "data/sheet.h"
#include "base/mem.h"

enum { GROUP_CHUNKS = 16 };

struct work {
    struct apg_csv_chunk chunk;
    bool parsed;                /* already, because it is part of the sample */
    struct apg_bad_list bad;    /* records that make no rows */
    struct apg_new_tokens *new; /* (n_fields) while the schema is being made */
    struct apg_block block;
    enum apg_status status;
    struct apg_error err;
};

/* Chunks of one input that are worked on together. */
struct group {
    struct work work[GROUP_CHUNKS];
    size_t n, input;
    enum apg_status status; /* how reading on after these chunks ended */
    struct apg_error err;
};

struct ingest {
    struct apg_csv *const *inputs;
    size_t n_inputs, input;      /* how many; the number of the one being read */
    struct apg_binding *binding; /* (n_inputs), made when the input is begun */
    const struct apg_columns *c;
    struct apg_rejects *rejects;
    const struct apg_schema *schema;
    struct apg_schema *growing; /* the same schema while tokens are added to it, else NULL */
    bool raw;                   /* numbers, too, are not known yet */
    bool need_label;
    struct apg_pool *pool;
    struct apg_sheet *sheet; /* one for each thread */
    struct group *now, *next;
    atomic_bool no_memory;
    uint64_t rows;
    apg_ingest_block *fn; /* the receiver */
    void *arg;
    size_t from, to;        /* the chunks of in->now at hand */
    size_t n_done;          /* blocks of in->next that it has not had yet */
    enum apg_status passed; /* how passing them on went */
    struct apg_error err;
};

static void ingest_release(struct ingest *in)
{
    struct group *groups[] = {in->now, in->next};
    for (size_t g = 0; g < 2; g++) {
        for (size_t i = 0; groups[g] && i < GROUP_CHUNKS; i++) {
            struct work *w = &groups[g]->work[i];
            apg_csv_chunk_release(&w->chunk);
            apg_block_release(&w->block);
            free(w->bad.item);
            for (size_t f = 0; w->new && in->schema &&f < in->schema->n_fields; f++)
                free(w->new[f].item);
            free(w->new);
        }
        free(groups[g]);
    }
    for (size_t i = 0; in->sheet && i < apg_pool_threads(in->pool); i++)
        apg_sheet_release(&in->sheet[i]);
    free(in->sheet);
    for (size_t i = 0; in->binding && i < in->n_inputs; i++)
        apg_binding_release(&in->binding[i]);
    free(in->binding);
}

static enum apg_status ingest_init(struct ingest *in, struct apg_csv *const *inputs, size_t n_inputs,
    const struct apg_columns *c, struct apg_rejects *rejects, struct apg_pool *pool, struct apg_error *err)
{
    *in = (struct ingest){.inputs = inputs, .n_inputs = n_inputs, .c = c, .rejects = rejects, .pool = pool};
    in->now = calloc(1, sizeof *in->now);
    in->next = calloc(1, sizeof *in->next);
    in->binding = calloc(n_inputs ? n_inputs : 1, sizeof *in->binding);
    in->sheet = calloc(apg_pool_threads(pool), sizeof *in->sheet);
    for (size_t i = 0; i < n_inputs; i++)
        apg_csv_wait(inputs[i]);
    if (!in->now || !in->next || !in->binding || !in->sheet)
        return apg_fail_memory(err);
    for (size_t i = 0; i < apg_pool_threads(pool); i++)
        in->sheet[i].skip = apg_rejects_skip(rejects);
    return APG_OK;
}

/* ---- reading ---- */

/* Input I has this header: find the schema's columns in it. */
static enum apg_status begin_csv(
    struct ingest *in, size_t i, const struct apg_csv_chunk *header, bool need_label, struct apg_error *err)
{
    const struct apg_csv *csv = in->inputs[i];
    enum apg_status status = apg_binding_init(&in->binding[i], in->schema, csv, header, need_label, err);
    if (!status && need_label)
        status = apg_binding_need_weight(&in->binding[i], in->schema, csv, header, err);
    return status || !in->rejects ? status
                                  : apg_rejects_begin(in->rejects, csv, in->c->header ? header : NULL, err);
}

/* Read the header of input in->input and make its binding. */
static enum apg_status begin_input(struct ingest *in, struct apg_error *err)
{
    struct apg_csv *csv = in->inputs[in->input];
    struct apg_csv_chunk header = {0};
    enum apg_status status = apg_columns_header(in->c, csv, apg_rejects_skip(in->rejects), &header, err);
    if (!status)
        status = begin_csv(in, in->input, &header, in->need_label, err);
    apg_csv_chunk_release(&header);
    return status;
}

/* Read as many chunks as make a group, or as are left of the input. When all inputs are at their
 * ends, g->n is 0. */
static void read_group(struct ingest *in, struct group *g)
{
    g->n = 0;
    g->status = APG_OK;
    while (!g->status && g->n < GROUP_CHUNKS && in->input < in->n_inputs) {
        struct work *w = &g->work[g->n];
        w->parsed = false;
        if (in->schema && !in->binding[in->input].columns && (g->status = begin_input(in, &g->err)))
            return;
        g->status = apg_csv_next(in->inputs[in->input], &w->chunk, &g->err);
        if (g->status)
            return;
        g->input = in->input;
        if (w->chunk.n_bytes)
            g->n++;
        else if (in->input++, g->n || !in->schema)
            return; /* a group has one input; the next can be begun when there is a schema */
    }
}

static enum apg_status parse_chunk(struct ingest *in, struct group *g, struct work *w)
{
    if (w->parsed)
        return APG_OK;
    w->parsed = true;
    return apg_csv_parse(in->inputs[g->input], &w->chunk, false, &w->err);
}

static void parse_task(void *arg, size_t i, unsigned worker)
{
    struct ingest *in = arg;
    (void)worker;
    in->now->work[i].status = parse_chunk(in, in->now, &in->now->work[i]);
}

/* Make the rows of a chunk. */
static void encode_chunk(struct ingest *in, struct group *g, struct work *w, struct apg_sheet *sheet)
{
    const size_t n = in->schema->n_fields;
    w->bad.n = 0;
    if ((w->status = parse_chunk(in, g, w)))
        return;
    if (in->growing && !w->new && !(w->new = apg_alloc(n, sizeof *w->new))) {
        w->status = apg_fail_memory(&w->err);
        return;
    }
    w->status = apg_sheet_grow(sheet, in->schema, &in->binding[g->input], in->inputs[g->input], &w->chunk,
        in->raw, in->growing ? w->new : NULL, &w->block, &w->err);
    const struct apg_bad_list bad = w->bad; /* the sheet gets another list to write to */
    w->bad = sheet->bad;
    sheet->bad = bad;
}

/* The rows of the group before, which lie in in->next, go to the receiver. */
static void pass_on(struct ingest *in)
{
    for (size_t i = 0; !in->passed && i < in->n_done; i++)
        in->passed = in->fn(in->arg, &in->next->work[i].block, &in->err);
    in->n_done = 0;
}

/* Task 0 reads the next group, so that a slow input (a decompressor) and the parsing go on at the
 * same time. Reading leaves the blocks of the group alone. */
static void read_task(void *arg, size_t i, unsigned worker)
{
    struct ingest *in = arg;
    struct group *g = in->now;
    if (i == 0) {
        if (!in->from && !g->status)
            read_group(in, in->next);
    } else if (i == 1) {
        pass_on(in);
    } else {
        encode_chunk(in, g, &g->work[in->from + i - 2], &in->sheet[worker]);
    }
}

static void intern_task(void *arg, size_t column, unsigned worker)
{
    struct ingest *in = arg;
    (void)worker;
    for (size_t i = in->from; i < in->to; i++) {
        struct work *w = &in->now->work[i];
        if (!apg_sheet_add(in->growing, column, &w->new[column], &w->chunk, &w->block))
            in->no_memory = true;
        free(w->new[column].item); /* in the first group all tokens are new, and later few */
        w->new[column] = (struct apg_new_tokens){0};
    }
}

/* The failure of the first that failed of the group's first N chunks. */
static enum apg_status first_failure(const struct group *g, size_t n, struct apg_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (g->work[i].status) {
            if (err)
                *err = g->work[i].err;
            return g->work[i].status;
        }
    return APG_OK;
}

static enum apg_status reject(
    struct ingest *in, const struct group *g, const struct work *w, struct apg_error *err)
{
    size_t taken;
    return !apg_rejects_skip(in->rejects)
               ? APG_OK
               : apg_rejects_chunk(in->rejects, &w->bad, in->schema, &in->binding[g->input],
                     in->inputs[g->input], &w->chunk, in->raw, &taken, err);
}

/* Make the rows of the group at hand. The first chunk of all is by itself: what it has is known to the others,
 * which a short log has no more than a few of. False: out of
 * memory. */
static bool work_on(struct ingest *in)
{
    struct group *g = in->now;
    for (in->from = 0; in->from < g->n; in->from = in->to) {
        in->to = in->growing && !in->rows && !in->from ? 1 : g->n;
        apg_pool_run(in->pool, 2 + in->to - in->from, read_task, in);
        if (in->growing && !first_failure(g, in->to, NULL))
            apg_pool_run(in->pool, in->growing->n_fields, intern_task, in);
    }
    return !in->no_memory;
}

/* The group at hand is done: count its rows, reject its bad records. Rows before a bad chunk are passed
 * on: a stream gives what it can. */
static enum apg_status finish_group(struct ingest *in, struct apg_error *err)
{
    struct group *g = in->now;
    enum apg_status status = APG_OK;
    size_t i = 0;
    for (; i < g->n && !g->work[i].status && !(status = reject(in, g, &g->work[i], err)); i++)
        in->rows += g->work[i].block.rows;
    in->now = in->next;
    in->next = g;
    in->n_done = i;
    return status ? status : first_failure(g, g->n, err);
}

/* Work on all groups to the end of the inputs. in->now may have been read already. */
static enum apg_status run(struct ingest *in, apg_ingest_block *fn, void *arg, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    in->fn = fn;
    in->arg = arg;
    if (!in->now->n && !in->now->status)
        read_group(in, in->now);
    const struct group *last = NULL; /* reading has ended behind it */
    while (!status && !last && in->now->n) {
        const struct group *g = in->now;
        if (!work_on(in))
            return apg_fail_memory(err);
        if (in->passed)
            break;
        status = finish_group(in, err);
        last = g->status ? g : NULL;
    }
    pass_on(in);
    last = last ? last : in->now;
    if (in->passed || (!status && last->status)) {
        if (err)
            *err = in->passed ? in->err : last->err;
        return in->passed ? in->passed : last->status;
    }
    return status;
}

enum apg_status apg_ingest_stream(const struct apg_schema *schema, struct apg_csv *const *inputs,
    size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects, bool need_label,
    struct apg_pool *pool, apg_ingest_block *fn, void *arg, struct apg_error *err)
{
    struct ingest in;
    enum apg_status status = ingest_init(&in, inputs, n_inputs, c, rejects, pool, err);
    if (!status) {
        in.schema = schema;
        in.need_label = need_label;
        status = run(&in, fn, arg, err);
    }
    ingest_release(&in);
    return status;
}

static enum apg_status to_dataset(void *arg, const struct apg_block *b, struct apg_error *err)
{
    return apg_dataset_append(arg, b, err);
}

static enum apg_status no_rows(const struct ingest *in, struct apg_error *err)
{
    return apg_fail(
        err, APG_EINPUT, "%s: no data rows", in->n_inputs ? apg_csv_name(in->inputs[0]) : "no input");
}

enum apg_status apg_ingest_with(const struct apg_schema *schema, struct apg_dataset **rows,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err)
{
    struct ingest in;
    struct apg_dataset *d = NULL;
    enum apg_status status = ingest_init(&in, inputs, n_inputs, c, rejects, pool, err);
    if (status || (status = apg_dataset_new(&d, c->memory, c->temp_dir, err)))
        goto done;
    in.schema = schema;
    d->weight_at = apg_row_weight_at(schema);
    in.need_label = true;
    if ((status = run(&in, to_dataset, d, err)))
        goto done;
    status = in.rows ? apg_dataset_finish(d, err) : no_rows(&in, err);
done:
    ingest_release(&in);
    if (status) {
        apg_dataset_free(d);
        d = NULL;
    }
    *rows = d;
    return status;
}

/* ---- making the schema ---- */

/* With --positive every text is a label: that none of them is 1 shows that a wrong one was named. */
static enum apg_status check_positive(
    const struct apg_schema *s, const struct apg_dataset *d, const struct ingest *in, struct apg_error *err)
{
    uint64_t positives = s->positive.n ? 0 : 1;
    for (size_t k = 0; !positives && k < d->n_blocks; k++)
        positives = apg_block_positives(&d->block[k]);
    return positives ? APG_OK
                     : apg_fail(err, APG_EINPUT, "%s: %s: no label is one that --positive names",
                           apg_csv_name(in->inputs[0]), s->label);
}

/* Read all rows into D, which S learns by. */
static enum apg_status read_all(
    struct ingest *in, struct apg_schema *s, struct apg_dataset *d, struct apg_error *err)
{
    in->schema = in->growing = s;
    in->need_label = true;
    d->weight_at = apg_row_weight_at(s);
    enum apg_status status = run(in, to_dataset, d, err);
    if (!status && !in->rows)
        status = no_rows(in, err);
    return status ? status : apg_dataset_finish(d, err);
}

/* Read the first group and make the schema from it. */
static enum apg_status begin(struct ingest *in, struct apg_schema **s, char **explain, struct apg_error *err)
{
    struct apg_csv_chunk header = {0};
    const struct apg_csv_chunk *sample[GROUP_CHUNKS];
    if (!in->n_inputs)
        return no_rows(in, err);
    enum apg_status status =
        apg_columns_header(in->c, in->inputs[0], apg_rejects_skip(in->rejects), &header, err);
    if (status)
        goto done;
    read_group(in, in->now);
    apg_pool_run(in->pool, in->now->n, parse_task, in);
    if ((status = first_failure(in->now, in->now->n, err)))
        goto done;
    size_t rows = 0;
    for (size_t i = 0; i < in->now->n; rows += sample[i++]->records)
        sample[i] = &in->now->work[i].chunk;
    bool whole = in->now->n < GROUP_CHUNKS && in->n_inputs == 1 && !in->now->status;
    if (whole && !rows && header.records)
        status = no_rows(in, err);
    else
        status = apg_columns_schema(
            s, explain, in->c, in->inputs[0], &header, sample, in->now->n, whole, in->pool, err);
    in->schema = *s;
    if (!status)
        status = begin_csv(in, 0, &header, true, err);
done:
    apg_csv_chunk_release(&header);
    return status;
}

enum apg_status apg_ingest(struct apg_schema **schema, struct apg_dataset **rows, char **explain,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err)
{
    struct ingest in;
    struct apg_schema *s = NULL;
    struct apg_dataset *d = NULL;
    if (explain)
        *explain = NULL;
    enum apg_status status = ingest_init(&in, inputs, n_inputs, c, rejects, pool, err);
    if (status || (status = begin(&in, &s, explain, err)) ||
        (status = apg_dataset_new(&d, c->memory, c->temp_dir, err)))
        goto done;
    in.raw = true;
    if (!(status = read_all(&in, s, d, err)) && !(status = check_positive(s, d, &in, err)))
        status = apg_settle(s, d, c, pool, err);
done:
    ingest_release(&in);
    if (status) {
        apg_schema_free(s);
        apg_dataset_free(d);
        s = NULL;
        d = NULL;
    }
    *schema = s;
    *rows = d;
    return status;
}

enum apg_status apg_ingest_grow(struct apg_schema *s, struct apg_dataset **rows,
    struct apg_csv *const *inputs, size_t n_inputs, const struct apg_columns *c, struct apg_rejects *rejects,
    struct apg_pool *pool, struct apg_error *err)
{
    struct ingest in;
    struct apg_dataset *d = NULL;
    uint32_t *had = apg_alloc(s->n_fields, sizeof *had);
    enum apg_status status = ingest_init(&in, inputs, n_inputs, c, rejects, pool, err);
    if (!status && !had)
        status = apg_fail_memory(err);
    if (status || (status = apg_schema_own(s, err)) ||
        (status = apg_dataset_new(&d, c->memory, c->temp_dir, err)))
        goto done;
    for (size_t f = 0; f < s->n_fields; f++)
        had[f] = s->field[f].vocab.n;
    if (!(status = read_all(&in, s, d, err)))
        status = apg_settle_growth(s, d, had, (uint32_t)c->min_count, pool, err);
done:
    ingest_release(&in);
    free(had);
    if (status) {
        apg_dataset_free(d);
        d = NULL;
    }
    *rows = d;
    return status;
}
