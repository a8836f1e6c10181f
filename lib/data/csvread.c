/* SPDX-License-Identifier: MIT
 *
 * Cutting and parsing see the same records because `scan` goes through the states of libcsv,
 * though by leaps: between two quotes nothing but the last line end matters, and memchr and
 * memrchr find both.
 */
#include "data/csvread.h"

#include <csv.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "base/io.h"
#include "base/mem.h"
#include "base/packed.h"
#include "data/delimiter.h"

enum {
    CHUNK_BYTES = 256 << 10,
    RECORD_BYTES_MAX = 16 << 20,
    CELL_BLOCK_BYTES = 4096,
    STRIDE_BYTES = APG_CSV_SPARE_BYTES
};

struct apg_csv {
    int fd;           /* -1: of a file that is let go, while it is not being read */
    struct stat file; /* of a file that is let go: which one it was */
    off_t at;         /* and where reading goes on; -1: it is the caller's descriptor */
    const char *name;
    const struct apg_opener *opener; /* of the file that is let go; may be NULL */
    char delimiter;                  /* 0: not known before the first records are */
    bool quotes;                     /* quotes enclose cells; else they are text */
    bool one_line;                   /* a quoted cell ends on its line */
    size_t chunk;                    /* bytes to read before a chunk is cut */
    bool wait;                       /* read until a chunk is full, even when the input runs dry */
    bool ended;                      /* a read met the end of input */
    bool cr;       /* what was passed on last ended in CR: an LF that comes next belongs to it */
    bool started;  /* a byte order mark, if there was one, has been skipped */
    uint64_t line; /* the line of held[from] */
    char *held;    /* bytes read and not yet passed on: held[from .. n_held), from the start of a record on */
    size_t from, n_held, cap_held;
    uint64_t header_line; /* where apg_csv_unread_header goes back to */
};

/* The byte order mark of UTF-8. */
static const char mark[3] = "\xef\xbb\xbf";

/* ---- where records end ---- */

enum state {
    AT_START, /* of a record or cell: a quote opens it */
    PLAIN,    /* in an unquoted cell */
    QUOTED,
    QUOTE, /* a quote in a quoted cell: the end of it, or the first of two */
};

struct scan {
    enum state state;
    size_t done; /* bytes scanned */
    size_t cut;  /* the last record end among them */
    /* Byte DONE stands behind a closing quote, and is neither a delimiter nor a line end; or with
     * c->one_line it is a line end in a quoted cell. */
    bool bad;
};

static bool is_end(char c)
{
    return c == '\n' || c == '\r';
}

/* Behind the first line end at byte AT or later; 0: there is none before N. */
static size_t line_end(const char *bytes, size_t at, size_t n)
{
    while (at < n && !is_end(bytes[at]))
        at++;
    return at < n ? at + 1 : 0;
}

/* Scan on to byte N. Records end at LF and, where there is none, at CR. A CR LF that is cut apart
 * does no harm: apg_csv_next drops an LF behind a CR. */
static void scan(struct scan *s, const char *bytes, size_t n, const struct apg_csv *c)
{
    const char *p = bytes + s->done, *end = bytes + n;
    const char delimiter = c->delimiter;
    while (p < end) {
        if (s->state == QUOTE) {
            if (*p != '"' && *p != delimiter && !is_end(*p)) {
                s->done = (size_t)(p - bytes);
                s->bad = true;
                return;
            }
            s->state = *p == '"' ? QUOTED : AT_START;
            if (is_end(*p++))
                s->cut = (size_t)(p - bytes);
            continue;
        }
        const char *quote = c->quotes ? memchr(p, '"', (size_t)(end - p)) : NULL, *stop = quote ? quote : end;
        if (s->state == QUOTED) {
            const size_t ahead = (size_t)(stop - p), line = c->one_line ? line_end(p, 0, ahead) : 0;
            if (line) {
                s->done = (size_t)(p - bytes) + line - 1;
                s->bad = true;
                return;
            }
            if (quote)
                s->state = QUOTE;
        } else {
            if (stop > p) {
                const char *newline = memrchr(p, '\n', (size_t)(stop - p));
                if (!newline)
                    newline = memrchr(p, '\r', (size_t)(stop - p));
                if (newline)
                    s->cut = (size_t)(newline + 1 - bytes);
                s->state = stop[-1] == delimiter || is_end(stop[-1]) ? AT_START : PLAIN;
            }
            if (quote)
                s->state = s->state == AT_START ? QUOTED : PLAIN;
        }
        p = quote ? quote + 1 : end;
    }
    s->done = n;
}

/* Where the record that starts at AT ends: behind its LF, CR LF or CR. Blank lines before it are
 * passed over; *start is where its first cell begins, or N when there is no record. It goes byte
 * by byte, so it is for headers, messages and spans only. */
static size_t next_record(const char *bytes, size_t at, size_t n, const struct apg_csv *csv, size_t *start)
{
    const char delimiter = csv->delimiter;
    enum state state = AT_START;
    while (at < n && is_end(bytes[at]))
        at++;
    for (*start = at; at < n; at++) {
        char c = bytes[at];
        if (c == '"' && csv->quotes)
            state = state == AT_START ? QUOTED : state == QUOTED ? QUOTE : state == QUOTE ? QUOTED : PLAIN;
        else if (state == QUOTED)
            continue;
        else if (is_end(c))
            return at + 1 + (c == '\r' && at + 1 < n && bytes[at + 1] == '\n');
        else if (c == delimiter)
            state = AT_START;
        else
            state = state == QUOTE ? QUOTED : PLAIN;
    }
    return n;
}

/* Line ends: LF, CR LF and CR. */
static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    const char *end = n ? p + n : p; /* p may be NULL in an empty input */
    for (const char *lf = p; lf < end && (lf = memchr(lf, '\n', (size_t)(end - lf))); lf++)
        lines++;
    for (const char *cr = p; cr < end && (cr = memchr(cr, '\r', (size_t)(end - cr))); cr++)
        lines += cr + 1 == end || cr[1] != '\n';
    return lines;
}

/* ---- reading ---- */

static void set_delimiter(struct apg_csv *c, char delimiter)
{
    c->delimiter = delimiter;
    c->one_line = delimiter == '\t';
}

enum apg_status apg_csv_open(struct apg_csv **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, const struct apg_csv_format *format, struct apg_error *err)
{
    /* cppcheck-suppress ctunullpointer ; only who opens a model has no format, and a model is no CSV */
    const char delimiter = format->delimiter;
    if (delimiter == '"' || is_end(delimiter))
        return apg_fail(err, APG_EUSAGE, "the delimiter cannot be a quote or a line end");
    struct apg_csv *c = calloc(1, sizeof *c);
    if (!c || !apg_grow(&c->held, &c->cap_held, n_headstart, 1)) {
        free(c);
        return apg_fail_memory(err);
    }
    c->fd = fd;
    c->at = -1;
    c->name = name;
    c->opener = format->opener;
    c->quotes = !format->no_quotes;
    set_delimiter(c, delimiter);
    c->chunk = format->chunk ? format->chunk : CHUNK_BYTES;
    c->line = 1;
    if (n_headstart)
        memcpy(c->held, headstart, n_headstart);
    c->n_held = n_headstart;
    *out = c;
    return APG_OK;
}

/* Close the descriptor that was opened here. */
static enum apg_status close_own(struct apg_csv *c, struct apg_error *err)
{
    const int fd = c->fd;
    if (c->at < 0 || fd < 0)
        return APG_OK;
    c->fd = -1;
    if (c->opener)
        return c->opener->close(fd, c->name, c->ended, err);
    (void)close(fd);
    return APG_OK;
}

void apg_csv_free(struct apg_csv *c)
{
    if (c) {
        (void)close_own(c, NULL);
        free(c->held);
    }
    free(c);
}

bool apg_csv_let_go(struct apg_csv *c)
{
    struct stat st;
    const off_t at = fstat(c->fd, &st) == 0 && S_ISREG(st.st_mode) ? lseek(c->fd, 0, SEEK_CUR) : -1;
    if (at < 0)
        return false;
    c->file = st;
    c->at = at;
    c->fd = -1;
    return true;
}

/* Open again what was let go. */
static enum apg_status open_own(struct apg_csv *c, struct apg_error *err)
{
    struct stat st;
    c->fd = c->opener ? c->opener->open(c->name, err) : open(c->name, O_RDONLY | O_CLOEXEC);
    if (c->fd < 0 && c->opener)
        return err ? err->status : APG_EIO;
    if (c->fd < 0 || fstat(c->fd, &st) != 0)
        return apg_fail_errno(err, "%s", c->name);
    if (!S_ISREG(st.st_mode)) { /* what the opener made of it */
        c->n_held = 0;
        return APG_OK;
    }
    if (lseek(c->fd, c->at, SEEK_SET) < 0)
        return apg_fail_errno(err, "%s", c->name);
    if (st.st_dev != c->file.st_dev || st.st_ino != c->file.st_ino)
        return apg_fail(err, APG_EIO, "%s: another file has taken its place", c->name);
    return APG_OK;
}

const char *apg_csv_name(const struct apg_csv *c)
{
    return c->name;
}

void apg_csv_wait(struct apg_csv *c)
{
    c->wait = true;
}

/* Would a read return at once? At the end of input it would, and of a file that is let go. */
static bool is_waiting(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n;
    if (fd < 0)
        return true;
    do
        n = poll(&p, 1, 0);
    while (n < 0 && errno == EINTR);
    return n != 0;
}

/* One read of at most CAP - *n bytes. */
static enum apg_status read_some(struct apg_csv *c, char *bytes, size_t *n, size_t cap, struct apg_error *err)
{
    enum apg_status status = c->fd < 0 && c->at >= 0 ? open_own(c, err) : APG_OK;
    if (status)
        return status;
    ssize_t got = apg_io_read(c->fd, bytes + *n, cap - *n);
    if (got < 0)
        return apg_fail_errno(err, "%s", c->name);
    *n += (size_t)got;
    c->ended = got == 0;
    return c->ended ? close_own(c, err) : APG_OK;
}

/* At the very start: read until a byte order mark is there or cannot be, and what is no text is told. */
static enum apg_status skip_mark(struct apg_csv *c, struct apg_error *err)
{
    if (!apg_grow(&c->held, &c->cap_held, APG_PACKED_BYTES, 1))
        return apg_fail_memory(err);
    const struct apg_packed *packed;
    for (;;) {
        bool more;
        packed = apg_packed_of(c->held, c->n_held, &more);
        more = more || (c->n_held < sizeof mark && memcmp(c->held, mark, c->n_held) == 0);
        if (c->ended || packed || !more)
            break;
        enum apg_status status = read_some(c, c->held, &c->n_held, c->cap_held, err);
        if (status)
            return status;
    }
    if (packed)
        return apg_fail(err, APG_EINPUT, "%s: %s: %s", c->name, packed->what, packed->advice);
    if (c->n_held >= sizeof mark && memcmp(c->held, mark, sizeof mark) == 0)
        c->from = sizeof mark;
    c->started = true;
    return APG_OK;
}

/* Tell the delimiter by the first bytes, however they arrive. */
static enum apg_status find_delimiter(struct apg_csv *c, struct apg_error *err)
{
    if (!apg_grow(&c->held, &c->cap_held, c->from + APG_DELIMITER_BYTES, 1))
        return apg_fail_memory(err);
    while (!c->ended && c->n_held < c->from + APG_DELIMITER_BYTES) {
        enum apg_status status = read_some(c, c->held, &c->n_held, c->from + APG_DELIMITER_BYTES, err);
        if (status)
            return status;
    }
    set_delimiter(c, apg_delimiter_of(c->held + c->from, c->n_held - c->from, c->ended, c->quotes));
    return APG_OK;
}

char apg_csv_delimiter(const struct apg_csv *c)
{
    return c->delimiter;
}

enum apg_status apg_csv_next(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err)
{
    enum apg_status status = c->started ? APG_OK : skip_mark(c, err);
    if (!status && !c->delimiter)
        status = find_delimiter(c, err);
    if (status)
        return status;
    size_t n = c->n_held - c->from;
    if (!apg_grow(&out->bytes, &out->cap_bytes, n > c->chunk ? n : c->chunk, 1))
        return apg_fail_memory(err);
    if (n)
        memcpy(out->bytes, c->held + c->from, n);
    c->from = c->n_held = 0;
    out->n_bytes = out->records = 0;
    out->broken = false;
    out->line = c->line;

    struct scan s = {0};
    size_t full = c->chunk;
    for (;;) {
        if (c->cr && n) {
            if (out->bytes[0] == '\n')
                memmove(out->bytes, out->bytes + 1, --n);
            c->cr = false;
        }
        scan(&s, out->bytes, n, c);
        out->broken = s.bad && !s.cut;
        if (out->broken)
            s.cut = line_end(out->bytes, s.done, n);
        if (c->ended || (s.bad && s.cut) || (s.cut && (n >= full || (!c->wait && !is_waiting(c->fd)))))
            break;
        if (n >= RECORD_BYTES_MAX)
            return apg_fail(err, APG_EINPUT, "%s:%llu: a record of over 16 MiB: is a quote not closed?",
                c->name, (unsigned long long)c->line);
        while (n >= full)
            full *= 2;
        if (!apg_grow(&out->bytes, &out->cap_bytes, full, 1))
            return apg_fail_memory(err);
        if ((status = read_some(c, out->bytes, &n, full, err)))
            return status;
    }
    /* What is whole before a fault is passed on; the fault is met again by the next call. */
    const bool open = c->ended && s.state == QUOTED && !s.bad && !c->one_line;
    out->fault = s.done;
    if (c->ended && s.state == QUOTED && c->one_line && !s.bad && !s.cut) {
        out->broken = s.bad = true; /* the last line has no end: it is one record all the same */
        s.cut = n;
    }
    if (open && !s.cut)
        return apg_fail(err, APG_EINPUT, "%s:%llu: a quote is opened here and never closed", c->name,
            (unsigned long long)c->line);
    if (c->ended && !open && (out->broken ? !s.cut : !s.bad && s.state != QUOTED))
        s.cut = n;
    if (!apg_grow(&c->held, &c->cap_held, n - s.cut, 1))
        return apg_fail_memory(err);
    if (n > s.cut)
        memcpy(c->held, out->bytes + s.cut, n - s.cut);
    c->n_held = n - s.cut;
    out->n_bytes = s.cut;
    c->line += count_lines(out->bytes, s.cut);
    c->cr = s.cut && out->bytes[s.cut - 1] == '\r';
    return APG_OK;
}

enum apg_status apg_csv_header(struct apg_csv *c, struct apg_csv_chunk *out, struct apg_error *err)
{
    struct apg_csv_chunk first = {0};
    size_t start = 0, end = 0;
    enum apg_status status;
    do { /* until a chunk is more than blank lines */
        if ((status = apg_csv_next(c, &first, err)))
            goto done;
        end = next_record(first.bytes, 0, first.n_bytes, c, &start);
        if (first.broken)
            end = first.n_bytes;
    } while (start == end && first.n_bytes);

    /* What follows the header is held for the next chunk. The header stays before it, so that
     * apg_csv_unread_header can go back. */
    size_t n = first.n_bytes - start;
    if (!apg_grow(&c->held, &c->cap_held, n + c->n_held, 1) ||
        !apg_grow(&out->bytes, &out->cap_bytes, end - start, 1)) {
        status = apg_fail_memory(err);
        goto done;
    }
    if (n) {
        memmove(c->held + n, c->held, c->n_held);
        memcpy(c->held, first.bytes + start, n);
        memcpy(out->bytes, first.bytes + start, end - start);
    }
    c->n_held += n;
    c->from = out->n_bytes = end - start;
    out->line = c->header_line = first.line + count_lines(first.bytes, start);
    c->line = out->line + count_lines(out->bytes, out->n_bytes);
    out->broken = first.broken;
    out->fault = first.fault - start;
    status = apg_csv_parse(c, out, false, err);
done:
    apg_csv_chunk_release(&first);
    return status;
}

bool apg_csv_lookup(const struct apg_csv_chunk *header, struct apg_lookup *x)
{
    if (!apg_lookup_init(x, header->first[1]))
        return false;
    for (size_t i = 0; i < x->n; i++)
        x->name[i] = (struct apg_name){header->text + header->cell[i].at, i};
    apg_lookup_sort(x);
    return true;
}

enum apg_status apg_csv_find(const struct apg_csv *c, const struct apg_csv_chunk *header, const char *name,
    size_t *at, struct apg_error *err)
{
    *at = SIZE_MAX;
    for (size_t i = 0; i < header->first[1]; i++) {
        if (strcmp(header->text + header->cell[i].at, name) != 0)
            continue;
        if (*at != SIZE_MAX)
            return apg_fail(err, APG_EINPUT, "%s:%llu: two columns are named '%s'", c->name,
                (unsigned long long)header->line, name);
        *at = i;
    }
    return APG_OK;
}

enum apg_status apg_csv_need(const struct apg_csv *c, const struct apg_csv_chunk *header, const char *name,
    size_t *at, struct apg_error *err)
{
    const enum apg_status status = apg_csv_find(c, header, name, at, err);
    if (status || *at != SIZE_MAX)
        return status;
    struct apg_near near = apg_near_to(name, strlen(name));
    apg_csv_near(header, &near);
    return apg_fail(err, APG_EINPUT, "%s:%llu: no column '%s'%s", c->name, (unsigned long long)header->line,
        name, apg_near_hint(&near));
}

void apg_csv_near(const struct apg_csv_chunk *header, struct apg_near *near)
{
    for (size_t i = 0; i < header->first[1]; i++)
        apg_near_try(near, header->text + header->cell[i].at, header->cell[i].len);
}

const char *apg_csv_header_text(const struct apg_csv_chunk *header, size_t *n_bytes)
{
    const char *p = header->bytes, *end = p + header->n_bytes;
    while (p < end && is_end(*p))
        p++;
    while (end > p && is_end(end[-1]))
        end--;
    *n_bytes = (size_t)(end - p);
    return p;
}

enum apg_status apg_csv_same_names(struct apg_csv_names *names, const struct apg_csv *c,
    const struct apg_csv_chunk *header, const char *what, struct apg_error *err)
{
    const struct apg_cell *first = header->cell, *last = &first[header->first[1] - 1];
    const char *text = header->text + first->at;
    const size_t n = last->at + last->len - first->at; /* bytes: names, with a NUL behind each */
    if (names->text)
        return n == names->n_bytes && memcmp(text, names->text, n) == 0
                   ? APG_OK
                   : apg_fail(err, APG_EINPUT,
                         "%s:%llu: not the columns of the first input: %s would mix them", c->name,
                         (unsigned long long)header->line, what);
    if (!(names->text = malloc(n + 1)))
        return apg_fail_memory(err);
    memcpy(names->text, text, n);
    names->n_bytes = n;
    return APG_OK;
}

void apg_csv_unread_header(struct apg_csv *c)
{
    c->from = 0;
    c->line = c->header_line;
}

/* ---- parsing ---- */

struct parse {
    struct apg_csv_chunk *chunk;
    size_t at; /* in text */
    size_t cells;
    bool no_memory;
};

static void on_cell(void *cell, size_t len, void *arg)
{
    struct parse *p = arg;
    struct apg_csv_chunk *chunk = p->chunk;
    if (p->cells == chunk->cap_cell &&
        !apg_grow(&chunk->cell, &chunk->cap_cell, p->cells + 1, sizeof *chunk->cell)) {
        p->no_memory = true;
        return;
    }
    chunk->cell[p->cells++] = (struct apg_cell){(uint32_t)p->at, (uint32_t)len};
    memcpy(chunk->text + p->at, cell, len + 1); /* CSV_APPEND_NULL */
    p->at += len + 1;
}

static void on_record(int c, void *arg)
{
    struct parse *p = arg;
    struct apg_csv_chunk *chunk = p->chunk;
    (void)c;
    if (!apg_grow(&chunk->first, &chunk->cap_first, chunk->records + 2, sizeof *chunk->first)) {
        p->no_memory = true;
        return;
    }
    chunk->first[++chunk->records] = (uint32_t)p->cells;
}

static int never(unsigned char c)
{
    (void)c;
    return 0;
}

static enum apg_status find_spans(const struct apg_csv *c, struct apg_csv_chunk *chunk, struct apg_error *err)
{
    if (!apg_grow(&chunk->record, &chunk->cap_record, chunk->records + 1, sizeof *chunk->record))
        return apg_fail_memory(err);
    size_t end = 0, start;
    for (size_t r = 0; r < chunk->records; r++) {
        end = next_record(chunk->bytes, end, chunk->n_bytes, c, &start);
        chunk->record[r] = (uint32_t)start;
    }
    chunk->record[chunk->records] = (uint32_t)chunk->n_bytes;
    return APG_OK;
}

#ifdef __SSE2__
/* Bit i: byte i of the 64 at P ends a cell. */
static uint64_t cell_ends(const char *p, char delimiter)
{
    const __m128i cell = _mm_set1_epi8(delimiter), lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    uint64_t ends = 0;
    for (unsigned i = 0; i < STRIDE_BYTES; i += 16) {
        const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i)),
                      is = _mm_or_si128(_mm_cmpeq_epi8(x, cell),
                          _mm_or_si128(_mm_cmpeq_epi8(x, lf), _mm_cmpeq_epi8(x, cr)));
        ends |= (uint64_t)(unsigned)_mm_movemask_epi8(is) << i;
    }
    return ends;
}
#else
/* Sets the high bit of every byte that is zero in X, and no other bit. */
static uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    return ~(((x & low) + low) | x | low);
}

/* Bit i: byte i of the 64 at P ends a cell. */
static uint64_t cell_ends(const char *p, char delimiter)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t ends = 0;
    for (unsigned i = 0; i < STRIDE_BYTES; i += 8) {
        uint64_t x;
        memcpy(&x, p + i, sizeof x);
        x = zero_bytes(x ^ each * (unsigned char)delimiter) | zero_bytes(x ^ each * '\n') |
            zero_bytes(x ^ each * '\r');
        ends |= ((x >> 7) * UINT64_C(0x0102040810204080) >> 56) << i; /* gathers the bytes' bits */
    }
    return ends;
}
#endif

/* A chunk without a quote: five times as fast as libcsv, which goes byte by byte. The text is the
 * bytes, with a NUL for what ends a cell. False: out of memory. */
static bool parse_unquoted(struct apg_csv_chunk *chunk, char delimiter)
{
    size_t n = chunk->n_bytes, from = 0, cells = 0, first = 0; /* FIRST: the record's first cell */
    if (!apg_grow(&chunk->text, &chunk->cap_text, n + STRIDE_BYTES, 1))
        return false;
    char *text = chunk->text;
    memcpy(text, chunk->bytes, n);
    memset(text + n, '\n', STRIDE_BYTES); /* ends the last record, and then is blank lines */
    for (size_t at = 0; at <= n; at += STRIDE_BYTES) {
        if (!apg_grow(&chunk->cell, &chunk->cap_cell, cells + STRIDE_BYTES, sizeof *chunk->cell))
            return false;
        struct apg_cell *cell = chunk->cell;
        for (uint64_t ends = cell_ends(text + at, delimiter); ends; ends &= ends - 1) {
            const size_t end = at + (size_t)__builtin_ctzll(ends);
            const bool last = text[end] != delimiter;
            text[end] = '\0';
            cell[cells] = (struct apg_cell){(uint32_t)from, (uint32_t)(end - from)};
            const bool blank = last && end == from && cells == first; /* a line without a cell */
            from = end + 1;
            cells += !blank;
            if (!last || blank)
                continue;
            if (!apg_grow(&chunk->first, &chunk->cap_first, chunk->records + 2, sizeof *chunk->first))
                return false;
            chunk->first[++chunk->records] = (uint32_t)(first = cells);
        }
    }
    return true;
}

/* Any chunk, by libcsv. False: out of memory. */
static bool parse_quoted(struct apg_csv_chunk *chunk, char delimiter)
{
    struct csv_parser *parser = chunk->parser;
    if (!parser) {
        parser = chunk->parser = malloc(sizeof *parser);
        if (!parser)
            return false;
        csv_init(parser, CSV_APPEND_NULL);
        csv_set_delim(parser, (unsigned char)delimiter);
        csv_set_blk_size(parser, CELL_BLOCK_BYTES);
    }
    /* libcsv trims blanks unless told that there are none, by a function it calls for each byte (a
     * third of its time). So it is told only where there are some. */
    bool blanks = memchr(chunk->bytes, ' ', chunk->n_bytes) ||
                  (delimiter != '\t' && memchr(chunk->bytes, '\t', chunk->n_bytes));
    csv_set_space_func(parser, blanks ? never : NULL);

    /* Every cell takes at least its NUL's worth of bytes: a delimiter, a line end, or the end of
     * the chunk. */
    struct parse p = {.chunk = chunk};
    if (apg_grow(&chunk->text, &chunk->cap_text, chunk->n_bytes + 1 + APG_CSV_SPARE_BYTES, 1) &&
        csv_parse(parser, chunk->bytes, chunk->n_bytes, on_cell, on_record, &p) == chunk->n_bytes &&
        csv_fini(parser, on_cell, on_record, &p) == 0 && !p.no_memory)
        return true;
    csv_free(parser);
    free(parser);
    chunk->parser = NULL;
    return false;
}

enum apg_status apg_csv_parse(
    const struct apg_csv *c, struct apg_csv_chunk *chunk, bool spans, struct apg_error *err)
{
    chunk->nul = chunk->n_bytes && memchr(chunk->bytes, '\0', chunk->n_bytes);
    if (!apg_grow(&chunk->first, &chunk->cap_first, 1, sizeof *chunk->first))
        return apg_fail_memory(err);
    chunk->records = 0;
    chunk->first[0] = 0;
    if (chunk->broken) {
        if (!apg_grow(&chunk->first, &chunk->cap_first, 2, sizeof *chunk->first))
            return apg_fail_memory(err);
        chunk->first[chunk->records = 1] = 0;
        return spans ? find_spans(c, chunk, err) : APG_OK;
    }
    bool quoted = c->quotes && chunk->n_bytes && memchr(chunk->bytes, '"', chunk->n_bytes);
    if (chunk->n_bytes && !(quoted ? parse_quoted(chunk, c->delimiter) : parse_unquoted(chunk, c->delimiter)))
        return apg_fail_memory(err);
    return spans ? find_spans(c, chunk, err) : APG_OK;
}

void apg_csv_chunk_release(struct apg_csv_chunk *c)
{
    if (c->parser)
        csv_free(c->parser);
    free(c->parser);
    free(c->bytes);
    free(c->text);
    free(c->cell);
    free(c->first);
    free(c->record);
    *c = (struct apg_csv_chunk){0};
}

bool apg_csv_is_bad(const struct apg_csv_chunk *chunk, size_t r)
{
    for (size_t i = chunk->first[r]; chunk->nul && i < chunk->first[r + 1]; i++)
        if (chunk->cell[i].len && memchr(chunk->text + chunk->cell[i].at, '\0', chunk->cell[i].len))
            return true;
    return chunk->broken;
}

enum apg_status apg_csv_fail(
    const struct apg_csv *c, const struct apg_csv_chunk *chunk, size_t r, struct apg_error *err)
{
    struct apg_csv_place place = {0};
    apg_csv_go(c, chunk, &place, r);
    const char *start = chunk->bytes + place.start, *nul = memchr(start, '\0', place.end - place.start);
    const char *fault = chunk->broken ? chunk->bytes + chunk->fault : nul ? nul : start;
    const uint64_t line = place.line + count_lines(start, (size_t)(fault - start));
    return apg_fail(err, APG_EINPUT, "%s:%llu: %s", c->name, (unsigned long long)line,
        !chunk->broken ? "a NUL byte: this is not text"
        : chunk->fault == chunk->n_bytes || is_end(*fault)
            ? "a quote is opened here and not closed on its line, in a log with tabs (--no-quotes "
              "reads quotes as text)"
            : "text behind a closing quote (--no-quotes reads quotes as text)");
}

void apg_csv_go(
    const struct apg_csv *c, const struct apg_csv_chunk *chunk, struct apg_csv_place *place, size_t r)
{
    size_t from = place->start;
    if (!place->next)
        place->line = chunk->line;
    for (; place->next <= r; place->next++)
        place->end = next_record(chunk->bytes, place->end, chunk->n_bytes, c, &place->start);
    if (chunk->broken)
        place->end = chunk->n_bytes;
    if (place->start > from) /* rows of the library's callers have no bytes */
        place->line += count_lines(chunk->bytes + from, place->start - from);
}

uint64_t apg_csv_line(const struct apg_csv *c, const struct apg_csv_chunk *chunk, size_t r)
{
    struct apg_csv_place place = {0};
    apg_csv_go(c, chunk, &place, r);
    return place.line;
}

size_t apg_csv_write(char *out, const char *cell, size_t len, char delimiter, bool quotes)
{
    bool quote = false;
    for (size_t i = 0; quotes && i < len && !quote; i++)
        quote = cell[i] == delimiter || cell[i] == '"' || is_end(cell[i]);
    if (!quote) {
        if (len)
            memcpy(out, cell, len);
        return len;
    }
    return csv_write(out, 2 * len + 2, cell, len);
}
