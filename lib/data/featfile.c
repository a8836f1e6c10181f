/* SPDX-License-Identifier: MIT */
#include "data/featfile.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/io.h"
#include "base/mem.h"
#include "data/schemafile.h"

enum { RECORD_BYTES = 64, READ_BYTES = 1 << 20, VERSION = 1, VERSION_WEIGHTS = 2 };

/* Three records of 64 bytes, little-endian, as docs/files.md has them. `check` is the XXH3 of the
 * bytes before it. */
struct head {
    char magic[8];
    uint32_t version, block_rows;
    uint64_t container; /* bytes, a multiple of APG_ALIGN_BYTES */
    uint64_t schema;    /* apg_schema_hash */
    uint64_t zero[3];
    uint64_t check;
};
struct block_head {
    char magic[8];
    uint32_t rows, words;
    uint64_t number; /* from 0 */
    uint64_t zero[3];
    uint64_t payload; /* XXH3 of what follows, padding included */
    uint64_t check;
};
struct end {
    char magic[8];
    uint64_t rows, blocks, positives;
    uint64_t zero[2];
    uint64_t payloads; /* XXH3 of the blocks' payload hashes in turn, each seeded with the one so far */
    uint64_t check;
};
_Static_assert(sizeof(struct head) == RECORD_BYTES && sizeof(struct block_head) == RECORD_BYTES &&
                   sizeof(struct end) == RECORD_BYTES,
    "");

static const char block_magic[8] = {'a', 'p', 'g', 'r', 'o', 'w', 's', '\n'};
static const char end_magic[8] = {'a', 'p', 'g', 'e', 'n', 'd', '.', '\n'};
static const char zeros[APG_ALIGN_BYTES];

static uint64_t record_check(const void *record)
{
    return XXH3_64bits(record, RECORD_BYTES - sizeof(uint64_t));
}

static uint64_t chain(uint64_t so_far, uint64_t payload)
{
    return XXH3_64bits_withSeed(&payload, sizeof payload, so_far);
}

static size_t payload_bytes(uint32_t rows, uint32_t words)
{
    return apg_aligned(((size_t)rows + 1) * sizeof(uint32_t)) + apg_aligned((size_t)words * sizeof(uint32_t));
}

/* ---- writing ---- */

struct apg_feat_writer {
    struct apg_sink sink;
    struct apg_block rest; /* rows that do not make a block yet */
    uint64_t rows, blocks, positives, payloads;
    XXH3_state_t *hash;
};

static enum apg_status write_bytes(struct apg_feat_writer *w, const void *p, size_t n, struct apg_error *err)
{
    return !n || w->sink.write(w->sink.arg, p, n) ? APG_OK : apg_fail_errno(err, "%s", w->sink.name);
}

static bool count_bytes(void *arg, const void *p, size_t n)
{
    (void)p;
    *(uint64_t *)arg += n;
    return true;
}

static enum apg_status write_head(
    struct apg_feat_writer *w, const struct apg_schema *s, struct apg_error *err)
{
    struct head head = {.magic = APG_FEAT_MAGIC,
        .version = s->weight ? VERSION_WEIGHTS : VERSION,
        .block_rows = APG_BLOCK_ROWS,
        .schema = apg_schema_hash(s)};
    struct apg_tensors *t;
    enum apg_status status = apg_tensors_new(&t, err);
    if (status)
        return status;
    const struct apg_sink counter = {count_bytes, &head.container, ""};
    if ((status = apg_schema_save(s, t, err)) || (status = apg_tensors_write(t, counter, err)))
        goto done;
    head.check = record_check(&head);
    if (!(status = write_bytes(w, &head, sizeof head, err)))
        status = apg_tensors_write(t, w->sink, err);
done:
    apg_tensors_free(t);
    return status;
}

enum apg_status apg_feat_create(
    struct apg_feat_writer **out, const struct apg_schema *s, struct apg_sink sink, struct apg_error *err)
{
    struct apg_feat_writer *w = calloc(1, sizeof *w);
    enum apg_status status = APG_OK;
    if (!w || !(w->hash = XXH3_createState()))
        status = apg_fail_memory(err);
    else {
        w->sink = sink;
        status = write_head(w, s, err);
    }
    if (status) {
        apg_feat_writer_free(w);
        w = NULL;
    }
    *out = w;
    return status;
}

static enum apg_status write_block(
    struct apg_feat_writer *w, const struct apg_block *b, struct apg_error *err)
{
    size_t n_start = ((size_t)b->rows + 1) * sizeof *b->start,
           n_words = (size_t)b->start[b->rows] * sizeof *b->words;
    const struct {
        const void *p;
        size_t n;
    } part[] = {{b->start, n_start}, {zeros, apg_aligned(n_start) - n_start}, {b->words, n_words},
        {zeros, apg_aligned(n_words) - n_words}};
    struct block_head head = {.rows = b->rows, .words = b->start[b->rows], .number = w->blocks};
    memcpy(head.magic, block_magic, sizeof head.magic);
    XXH3_64bits_reset(w->hash);
    for (size_t i = 0; i < 4; i++)
        XXH3_64bits_update(w->hash, part[i].p, part[i].n);
    head.payload = XXH3_64bits_digest(w->hash);
    head.check = record_check(&head);
    enum apg_status status = write_bytes(w, &head, sizeof head, err);
    for (size_t i = 0; !status && i < 4; i++)
        status = write_bytes(w, part[i].p, part[i].n, err);
    w->rows += b->rows;
    w->blocks++;
    w->positives += apg_block_positives(b);
    w->payloads = chain(w->payloads, head.payload);
    return status;
}

enum apg_status apg_feat_write(struct apg_feat_writer *w, const struct apg_block *b, struct apg_error *err)
{
    if (!w->rest.rows && b->rows == APG_BLOCK_ROWS && b->start[0] == 0)
        return write_block(w, b, err);
    for (size_t from = 0; from < b->rows;) {
        size_t room = APG_BLOCK_ROWS - w->rest.rows, n = b->rows - from < room ? b->rows - from : room;
        enum apg_status status = apg_block_append(&w->rest, b, from, from + n, err);
        if (!status && w->rest.rows == APG_BLOCK_ROWS) {
            status = write_block(w, &w->rest, err);
            w->rest.rows = 0;
        }
        if (status)
            return status;
        from += n;
    }
    return APG_OK;
}

enum apg_status apg_feat_finish(struct apg_feat_writer *w, struct apg_error *err)
{
    enum apg_status status = w->rest.rows ? write_block(w, &w->rest, err) : APG_OK;
    if (status)
        return status;
    struct end end = {
        .rows = w->rows, .blocks = w->blocks, .positives = w->positives, .payloads = w->payloads};
    memcpy(end.magic, end_magic, sizeof end.magic);
    end.check = record_check(&end);
    return write_bytes(w, &end, sizeof end, err);
}

void apg_feat_writer_free(struct apg_feat_writer *w)
{
    if (!w)
        return;
    apg_block_release(&w->rest);
    XXH3_freeState(w->hash);
    free(w);
}

/* ---- reading ---- */

struct apg_feat_reader {
    int fd;
    const char *name;
    struct apg_map map; /* the file, unless it is read */
    size_t at;          /* place in the map, bytes */
    char headstart[RECORD_BYTES];
    size_t n_headstart;
    void *container; /* the bytes of the schema's container when the file is read, else NULL */
    struct apg_tensors *tensors;
    struct apg_schema *schema;
    char *buffer; /* the block at hand when the file is read */
    size_t cap_buffer;
    uint64_t rows, blocks, positives, payloads; /* so far */
    bool ended;
};

static enum apg_status altered(const struct apg_feat_reader *r, const char *what, struct apg_error *err)
{
    return apg_fail(err, APG_EFORMAT, "%s: altered: %s", r->name, what);
}

static enum apg_status altered_block(
    const struct apg_feat_reader *r, uint64_t number, const char *what, struct apg_error *err)
{
    return apg_fail(err, APG_EFORMAT, "%s: block %llu: %s", r->name, (unsigned long long)number, what);
}

static enum apg_status truncated(const struct apg_feat_reader *r, struct apg_error *err)
{
    return apg_fail(err, APG_EFORMAT, "%s: truncated: no end record after %llu rows", r->name,
        (unsigned long long)r->rows);
}

/* *out is the next N bytes: in the map, or read into *buffer. The buffer grows as bytes come, so
 * that a false length does not cost its memory. */
static enum apg_status take(
    struct apg_feat_reader *r, size_t n, char **buffer, size_t *cap, const void **out, struct apg_error *err)
{
    if (r->map.bytes) {
        if (n > r->map.size - r->at)
            return truncated(r, err);
        *out = (const char *)r->map.bytes + r->at;
        r->at += n;
        return APG_OK;
    }
    for (size_t done = 0; done < n;) {
        size_t step = n - done < READ_BYTES ? n - done : READ_BYTES,
               head = r->n_headstart < step ? r->n_headstart : step;
        if (!apg_grow(buffer, cap, done + step, 1))
            return apg_fail_memory(err);
        memcpy(*buffer + done, r->headstart, head);
        memmove(r->headstart, r->headstart + head, r->n_headstart -= head);
        ssize_t got = apg_io_read_full(r->fd, *buffer + done + head, step - head);
        if (got < 0)
            return apg_fail_errno(err, "%s", r->name);
        if ((size_t)got < step - head)
            return truncated(r, err);
        done += step;
    }
    *out = *buffer;
    return APG_OK;
}

static enum apg_status read_head(struct apg_feat_reader *r, struct apg_error *err)
{
    const void *p;
    struct head head;
    char *bytes = NULL;
    size_t cap = 0;
    enum apg_status status = take(r, sizeof head, &bytes, &cap, &p, err);
    if (!status)
        memcpy(&head, p, sizeof head);
    free(bytes);
    if (status)
        return status;
    if (memcmp(head.magic, APG_FEAT_MAGIC, sizeof head.magic) != 0)
        return apg_fail(err, APG_EFORMAT, "%s: not a feature file", r->name);
    if (head.check != record_check(&head))
        return altered(r, "the checksum of its head does not match", err);
    if (head.version > VERSION_WEIGHTS)
        return apg_fail(err, APG_EFORMAT, "%s: written by a newer apg: format version %lu, this one reads %d",
            r->name, (unsigned long)head.version, VERSION_WEIGHTS);
    if (head.block_rows != APG_BLOCK_ROWS || head.container > SIZE_MAX / 2 ||
        head.container % APG_ALIGN_BYTES)
        return altered(r, "its head makes no sense", err);
    cap = 0;
    bytes = NULL;
    status = take(r, (size_t)head.container, &bytes, &cap, &p, err);
    r->container = bytes;
    if (status ||
        (status = apg_tensors_open_memory(&r->tensors, p, (size_t)head.container, r->name, true, err)) ||
        (status = apg_schema_load(&r->schema, r->tensors, err)))
        return status;
    return head.schema == apg_schema_hash(r->schema)
               ? APG_OK
               : altered(r, "the hash of its schema does not match", err);
}

enum apg_status apg_feat_open(struct apg_feat_reader **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, struct apg_error *err)
{
    struct apg_feat_reader *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return apg_fail_memory(err);
    r->fd = fd;
    r->name = name;
    if (!apg_map_open(&r->map, fd, name, n_headstart)) {
        r->n_headstart = n_headstart < RECORD_BYTES ? n_headstart : RECORD_BYTES;
        memcpy(r->headstart, headstart ? headstart : zeros, r->n_headstart);
    }
    enum apg_status status = read_head(r, err);
    if (status)
        apg_feat_reader_free(r);
    else
        *out = r;
    return status;
}

void apg_feat_reader_free(struct apg_feat_reader *r)
{
    if (!r)
        return;
    apg_schema_free(r->schema);
    apg_tensors_free(r->tensors);
    apg_map_close(&r->map);
    free(r->container);
    free(r->buffer);
    free(r);
}

const struct apg_schema *apg_feat_schema(const struct apg_feat_reader *r)
{
    return r->schema;
}

/* ---- checks of a block ---- */

static bool good_ids(const struct apg_field *f, const uint32_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (id[i] >= f->rows)
            return false;
    return true;
}

static bool good_row(const struct apg_schema *s, const uint32_t *row, size_t length)
{
    size_t head = apg_row_head(s), tail;
    if (length < head ||
        (row[0] != APG_MISSING && row[0] != apg_float_word(0) && row[0] != apg_float_word(1)))
        return false;
    tail = length - head;
    const float weight = apg_row_weight(s, row);
    if (!(isfinite(weight) && !signbit(weight)))
        return false;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        uint32_t word = row[1 + i], count = word & 0xffff;
        if (f->kind == APG_NUMERIC ? word != APG_MISSING && !isfinite(apg_word_float(word))
            : f->kind == APG_MULTI
                ? (word >> 16) + count > tail || !good_ids(f, row + head + (word >> 16), count)
                : word >= f->rows)
            return false;
    }
    return true;
}

static const char *bad_block(
    const struct apg_schema *s, const struct block_head *h, const struct apg_block *b)
{
    if (XXH3_64bits(b->start, payload_bytes(h->rows, h->words)) != h->payload)
        return "checksum does not match";
    if (b->start[0] != 0 || b->start[b->rows] != h->words)
        return "its rows do not fill it";
    for (uint32_t r = 0; r < b->rows; r++)
        if (b->start[r + 1] > h->words || b->start[r] > b->start[r + 1] ||
            !good_row(s, apg_block_row(b, r), b->start[r + 1] - b->start[r]))
            return "a row of it cannot be";
    return NULL;
}

static void point_block(struct apg_block *b, const struct block_head *h, const void *payload)
{
    apg_block_release(b);
    b->rows = h->rows;
    b->start = (uint32_t *)payload; /* borrowed: cap_start = 0 */
    b->words = (uint32_t *)((char *)payload + apg_aligned(((size_t)h->rows + 1) * sizeof *b->start));
}

static enum apg_status read_end(struct apg_feat_reader *r, const struct end *e, struct apg_error *err)
{
    if (e->rows != r->rows || e->blocks != r->blocks || e->payloads != r->payloads)
        return altered(r, "its end record does not fit its blocks", err);
    char more;
    ssize_t n = r->map.bytes ? r->map.size > r->at : apg_io_read(r->fd, &more, 1);
    if (n < 0)
        return apg_fail_errno(err, "%s", r->name);
    if (n > 0)
        return altered(r, "there is more behind its end record", err);
    r->ended = true;
    r->positives = e->positives;
    return APG_OK;
}

/* Read the next record: its head, which is checked, and the block's payload, which is not checked
 * yet. At the end record h->rows is 0. */
static enum apg_status read_block(
    struct apg_feat_reader *r, struct block_head *h, const void **payload, struct apg_error *err)
{
    const void *p;
    *payload = NULL;
    enum apg_status status = take(r, sizeof *h, &r->buffer, &r->cap_buffer, &p, err);
    if (status)
        return status;
    memcpy(h, p, sizeof *h);
    if (h->check != record_check(h))
        return altered_block(r, r->blocks, "the checksum of its head does not match", err);
    if (memcmp(h->magic, end_magic, sizeof h->magic) == 0) {
        struct end e;
        memcpy(&e, p, sizeof e);
        h->rows = 0;
        return read_end(r, &e, err);
    }
    if (memcmp(h->magic, block_magic, sizeof h->magic) != 0 || h->number != r->blocks || h->rows < 1 ||
        h->rows > APG_BLOCK_ROWS || r->rows % APG_BLOCK_ROWS || h->words < h->rows)
        return altered_block(r, r->blocks, "its head makes no sense", err);
    if ((status = take(r, payload_bytes(h->rows, h->words), &r->buffer, &r->cap_buffer, payload, err)))
        return status;
    r->rows += h->rows;
    r->blocks++;
    r->payloads = chain(r->payloads, h->payload);
    return APG_OK;
}

enum apg_status apg_feat_next(struct apg_feat_reader *r, struct apg_block *b, struct apg_error *err)
{
    struct block_head h;
    const void *payload;
    apg_block_release(b);
    if (r->ended)
        return APG_OK;
    enum apg_status status = read_block(r, &h, &payload, err);
    if (status || !h.rows)
        return status;
    point_block(b, &h, payload);
    const char *bad = bad_block(r->schema, &h, b);
    if (!bad)
        return APG_OK;
    *b = (struct apg_block){0};
    return altered_block(r, h.number, bad, err);
}

/* ---- all blocks ---- */

struct check {
    const struct apg_feat_reader *r;
    const struct block_head *head;
    const struct apg_block *block;
    atomic_size_t first_bad;
    _Atomic uint64_t positives;
};

static void check_task(void *arg, size_t i, unsigned worker)
{
    struct check *c = arg;
    (void)worker;
    if (!bad_block(c->r->schema, &c->head[i], &c->block[i])) {
        atomic_fetch_add(&c->positives, apg_block_positives(&c->block[i]));
        return;
    }
    size_t first = atomic_load(&c->first_bad);
    while (i < first && !atomic_compare_exchange_weak(&c->first_bad, &first, i))
        ;
}

static enum apg_status map_blocks(
    struct apg_feat_reader *r, struct apg_dataset **rows, struct apg_pool *pool, struct apg_error *err)
{
    struct apg_block *block = NULL;
    struct block_head *head = NULL;
    size_t n = 0, cap_block = 0, cap_head = 0;
    enum apg_status status;
    for (;; n++) {
        const void *payload;
        if (!apg_grow(&block, &cap_block, n + 1, sizeof *block) ||
            !apg_grow(&head, &cap_head, n + 1, sizeof *head)) {
            status = apg_fail_memory(err);
            goto done;
        }
        block[n] = (struct apg_block){0};
        if ((status = read_block(r, &head[n], &payload, err)))
            goto done;
        if (!head[n].rows)
            break;
        point_block(&block[n], &head[n], payload);
    }
    struct check c = {.r = r, .head = head, .block = block, .first_bad = n};
    apg_pool_run(pool, n, check_task, &c);
    size_t bad = atomic_load(&c.first_bad);
    if (bad < n)
        status = altered_block(r, bad, bad_block(r->schema, &head[bad], &block[bad]), err);
    else if (atomic_load(&c.positives) != r->positives)
        status = altered(r, "its end record does not fit its blocks", err);
    else if (!(status = apg_dataset_borrow(rows, block, n, r->positives, err))) {
        block = NULL;
        (*rows)->weight_at = apg_row_weight_at(r->schema);
    }
done:
    free(block);
    free(head);
    return status;
}

static enum apg_status copy_blocks(struct apg_feat_reader *r, struct apg_dataset **rows, size_t memory,
    const char *temp_dir, struct apg_error *err)
{
    struct apg_block b = {0};
    enum apg_status status = apg_dataset_new(rows, memory, temp_dir, err);
    if (!status)
        (*rows)->weight_at = apg_row_weight_at(r->schema);
    while (!status && !(status = apg_feat_next(r, &b, err)) && b.rows)
        status = apg_dataset_append(*rows, &b, err);
    return status ? status : apg_dataset_finish(*rows, err);
}

enum apg_status apg_feat_check(const struct apg_feat_reader *r, struct apg_error *err)
{
    return apg_map_check(&r->map, err);
}

static void release_reader(void *reader)
{
    apg_feat_reader_free(reader);
}

static enum apg_status check_reader(const void *reader, struct apg_error *err)
{
    return apg_feat_check(reader, err);
}

enum apg_status apg_feat_dataset(struct apg_feat_reader *r, struct apg_schema **schema,
    struct apg_dataset **rows, size_t memory, const char *temp_dir, struct apg_pool *pool,
    struct apg_error *err)
{
    *schema = NULL;
    *rows = NULL;
    enum apg_status status =
        r->map.bytes ? map_blocks(r, rows, pool, err) : copy_blocks(r, rows, memory, temp_dir, err);
    if (!status && !(*rows)->rows)
        status = apg_fail(err, APG_EINPUT, "%s: no data rows", r->name);
    if (status) {
        apg_dataset_free(*rows);
        *rows = NULL;
        apg_feat_reader_free(r);
        return status;
    }
    apg_dataset_keep(*rows, release_reader, check_reader, r);
    *schema = r->schema;
    r->schema = NULL;
    return APG_OK;
}
