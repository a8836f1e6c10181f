/* SPDX-License-Identifier: MIT */
#include "data/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/io.h"
#include "base/json.h"
#include "base/members.h"
#include "base/mem.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the files are little-endian and used where they lie"
#endif

/* HEADER_BYTES_MAX is that of the safetensors library. What the header says of one tensor, or as
 * metadata, has at most MEMBER_VALUES_MAX values: the parser takes up to fifty times the bytes that
 * it reads. A header of more than SMALL_HEADER_BYTES is parsed only when the checksum is right. */
enum {
    VERSION = 2, /* of models of several members; of all else 1 */
    HEADER_BYTES_MAX = 100 << 20,
    SMALL_HEADER_BYTES = 1 << 20,
    MEMBER_VALUES_MAX = 1024,
    CHECKSUM_DIGITS = 16,
    PIECE_BYTES = 128 << 10 /* half of a small second-level cache */
};

const char *const apg_dtype_name[APG_DTYPES] = {"F32", "F64", "F16", "U8", "U32", "U64"};
const size_t apg_dtype_size[APG_DTYPES] = {4, 8, 2, 1, 4, 8};

static const char checksum_zero[] = "xxh3:0000000000000000";

struct apg_tensors {
    char *file; /* name, for messages */
    size_t n, cap;
    struct apg_tensor_view *view;
    json_t *header;     /* while a container is made: what will be in the file, without offsets */
    json_t *metadata;   /* what the header has as __metadata__ */
    size_t *by_name;    /* (n) of an opened container: places in `view`, ordered by name */
    uint64_t bytes;     /* of an opened container: bytes of the file */
    const char *base;   /* of the same: where they lie */
    bool *odd;          /* (pieces of PIECE_BYTES) has it a word that is no finite float? NULL: not known */
    struct apg_map map; /* the file, when it could be mapped */
    void *memory;       /* else what was read of it, or NULL */
};

static enum apg_status new_container(struct apg_tensors **out, const char *file, struct apg_error *err)
{
    struct apg_tensors *t = calloc(1, sizeof *t);
    if (!t || !(t->file = strdup(file))) {
        free(t);
        return apg_fail_memory(err);
    }
    *out = t;
    return APG_OK;
}

enum apg_status apg_tensors_new(struct apg_tensors **out, struct apg_error *err)
{
    enum apg_status status = new_container(out, "", err);
    if (status)
        return status;
    (*out)->header = json_object();
    (*out)->metadata = json_object();
    if ((*out)->header && (*out)->metadata &&
        json_object_set((*out)->header, "__metadata__", (*out)->metadata) == 0)
        return APG_OK;
    apg_tensors_free(*out);
    *out = NULL;
    return apg_fail_memory(err);
}

void apg_tensors_free(struct apg_tensors *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free((char *)t->view[i].name);
    free(t->view);
    free(t->by_name);
    json_decref(t->metadata);
    json_decref(t->header);
    apg_map_close(&t->map);
    free(t->odd);
    free(t->memory);
    free(t->file);
    free(t);
}

/* The bytes of the data of V. False when they overflow or there are too many dimensions. */
static bool view_bytes(const struct apg_tensor_view *v, size_t *bytes)
{
    *bytes = apg_dtype_size[v->dtype];
    bool fits = v->n_dims <= sizeof v->dim / sizeof v->dim[0];
    for (size_t i = 0; fits && i < v->n_dims; i++)
        fits = apg_mul(*bytes, v->dim[i], bytes);
    return fits;
}

/* ---- writing ---- */

/* The failure when jansson would not take TEXT. */
static enum apg_status refused(const char *text, struct apg_error *err)
{
    return apg_is_utf8(text) ? apg_fail_memory(err)
                             : apg_fail(err, APG_EINPUT, "'%s' is not UTF-8: it cannot be saved", text);
}

enum apg_status apg_tensors_set(
    struct apg_tensors *t, const char *key, const char *text, struct apg_error *err)
{
    json_t *value = json_string(text);
    if (!value || json_object_set_new(t->metadata, key, value) != 0)
        return refused(text, err);
    return APG_OK;
}

static json_t *describe(const struct apg_tensor_view *v)
{
    json_t *shape = json_array();
    for (size_t i = 0; i < v->n_dims; i++)
        if (json_array_append_new(shape, json_integer((json_int_t)v->dim[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o}", "dtype", apg_dtype_name[v->dtype], "shape", shape);
}

enum apg_status apg_tensors_add(struct apg_tensors *t, const struct apg_tensor_view *v, struct apg_error *err)
{
    size_t bytes;
    if (!view_bytes(v, &bytes))
        return apg_fail(err, APG_ERANGE, "tensor '%s' is too large", v->name);
    if (json_object_get(t->header, v->name) || strncmp(v->name, "pad.", 4) == 0)
        return apg_fail(err, APG_EUSAGE, "the name '%s' is taken", v->name);
    if (!apg_grow(&t->view, &t->cap, t->n + 1, sizeof *t->view))
        return apg_fail_memory(err);
    struct apg_tensor_view *copy = &t->view[t->n];
    *copy = *v;
    copy->name = strdup(v->name);
    if (!copy->name)
        return apg_fail_memory(err);
    if (json_object_set_new(t->header, v->name, describe(v)) != 0) {
        free((char *)copy->name);
        return refused(v->name, err);
    }
    t->n++;
    return APG_OK;
}

/* Set the offsets of ENTRY, whose data of BYTES bytes lies at *at, and move *at behind it. Returns
 * 0, or -1 on failure, as jansson does. */
static int place(json_t *entry, uint64_t *at, size_t bytes)
{
    json_t *offsets = json_pack("[I, I]", (json_int_t)*at, (json_int_t)(*at + bytes));
    *at += bytes;
    return json_object_set_new(entry, "data_offsets", offsets);
}

/* Bytes from AT to the next multiple of APG_ALIGN_BYTES. */
static size_t gap(uint64_t at)
{
    return (size_t)(-at % APG_ALIGN_BYTES);
}

/* The header as text, *length bytes and a NUL. Spaces at its end make the data begin at a multiple
 * of APG_ALIGN_BYTES. Freed with free(); NULL when out of memory. */
static char *header_text(const struct apg_tensors *t, size_t *length)
{
    json_t *header = json_object();
    const char *version = apg_tensors_get(t, "version");
    json_t *first = json_pack(
        "{s:s, s:s, s:s}", "format", "apg", "version", version ? version : "1", "checksum", checksum_zero);
    char *text = NULL;
    uint64_t at = 0;
    int bad = 0, pads = 0;
    const char *key;
    json_t *value;
    json_object_foreach(t->metadata, key, value) /* json_object_update_missing forgets that it failed */
        if (!json_object_get(first, key)) bad |= json_object_set(first, key, value);
    bad |= json_object_set_new(header, "__metadata__", first);
    for (size_t i = 0; !bad && i < t->n; i++) {
        const char *tensor = t->view[i].name;
        size_t bytes = 0;
        (void)view_bytes(&t->view[i], &bytes);
        bad |= json_object_set_new(header, tensor, json_deep_copy(json_object_get(t->header, tensor)));
        bad |= place(json_object_get(header, tensor), &at, bytes);
        if (gap(at)) {
            char name[32];
            size_t n = gap(at);
            const struct apg_tensor_view pad = {.dtype = APG_U8, .n_dims = 1, .dim = {n}};
            (void)snprintf(name, sizeof name, "pad.%d", pads++);
            json_t *entry = describe(&pad);
            bad |= place(entry, &at, n);
            bad |= json_object_set_new(header, name, entry); /* which takes it, whatever has failed */
        }
    }
    char *json = bad ? NULL : apg_json_text(header);
    json_decref(header);
    if (!json)
        return NULL;
    size_t n = strlen(json);
    *length = n + gap(8 + n);
    text = malloc(*length + 1);
    if (text) {
        memset(text, ' ', *length);
        memcpy(text, json, n);
        text[*length] = '\0';
    }
    free(json);
    return text;
}

static const char zeros[APG_ALIGN_BYTES];

static bool data_parts(
    const struct apg_tensor_view *v, size_t bytes, bool (*fn)(void *arg, const void *p, size_t n), void *arg)
{
    if (v->data || !v->part)
        return !bytes || fn(arg, v->data, bytes);
    bool good = true;
    for (size_t at = 0, n; good && at < bytes; at += n) {
        n = bytes - at < v->part_bytes ? bytes - at : v->part_bytes;
        const void *part = v->part(v->arg, at, n);
        good = part && fn(arg, part, n);
    }
    return good;
}

/* Pass all bytes of the file to FN, in order. False as soon as FN returns false. */
static bool each_part(const struct apg_tensors *t, const char *header, size_t n_header,
    bool (*fn)(void *arg, const void *p, size_t n), void *arg)
{
    uint64_t length = n_header, at = 0;
    bool good = fn(arg, &length, sizeof length) && fn(arg, header, n_header);
    for (size_t i = 0; good && i < t->n; i++) {
        size_t bytes = 0;
        (void)view_bytes(&t->view[i], &bytes);
        good =
            data_parts(&t->view[i], bytes, fn, arg) && (!gap(at + bytes) || fn(arg, zeros, gap(at + bytes)));
        at += bytes + gap(at + bytes);
    }
    return good;
}

static bool to_hash(void *arg, const void *p, size_t n)
{
    return apg_hash_update(arg, p, n) == XXH_OK;
}

/* Write SUM to OUT as CHECKSUM_DIGITS hexadecimal digits, without a NUL. */
static void put_checksum(char *out, uint64_t sum)
{
    char digits[CHECKSUM_DIGITS + 1];
    (void)snprintf(digits, sizeof digits, "%016" PRIx64, sum);
    memcpy(out, digits, CHECKSUM_DIGITS);
}

enum apg_status apg_tensors_write(const struct apg_tensors *t, struct apg_sink sink, struct apg_error *err)
{
    size_t n = 0;
    char *header = header_text(t, &n);
    XXH3_state_t *hash = XXH3_createState();
    enum apg_status status = APG_OK;
    if (!header || !hash || n > HEADER_BYTES_MAX) {
        status = n > HEADER_BYTES_MAX ? apg_fail(err, APG_ERANGE, "%s: a header of over 100 MB", sink.name)
                                      : apg_fail_memory(err);
        goto done;
    }
    XXH3_64bits_reset(hash);
    (void)each_part(t, header, n, to_hash, hash);
    /* The first text that looks like the checksum is it, for it stands before all texts of the
     * caller's. */
    put_checksum(strstr(header, checksum_zero) + sizeof "xxh3:" - 1, XXH3_64bits_digest(hash));
    if (!each_part(t, header, n, sink.write, sink.arg))
        status = apg_fail_errno(err, "%s", sink.name);
done:
    XXH3_freeState(hash);
    free(header);
    return status;
}

/* ---- opening ---- */

static const char not_json[] = "its header is not JSON";

static enum apg_status altered(const struct apg_tensors *t, struct apg_error *err, const char *what)
{
    return apg_fail(err, APG_EFORMAT, "%s: altered: %s", t->file, what);
}

static enum apg_status truncated(const struct apg_tensors *t, struct apg_error *err)
{
    return apg_fail(err, APG_EFORMAT, "%s: truncated", t->file);
}

/* One entry of the header as a view, whose bytes are [*from, *to) of the data. False when it is
 * wrong. */
static bool read_entry(const json_t *entry, struct apg_tensor_view *v, uint64_t *from, uint64_t *to)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape"), *offsets = json_object_get(entry, "data_offsets");
    int d = 0;
    while (dtype && d < APG_DTYPES && strcmp(dtype, apg_dtype_name[d]) != 0)
        d++;
    v->dtype = (enum apg_dtype)d;
    v->n_dims = json_array_size(shape);
    if (!dtype || d == APG_DTYPES || !json_is_array(shape) || v->n_dims > sizeof v->dim / sizeof v->dim[0] ||
        json_array_size(offsets) != 2)
        return false;
    for (size_t i = 0; i < v->n_dims; i++) {
        const json_t *n = json_array_get(shape, i);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return false;
        v->dim[i] = (size_t)json_integer_value(n);
    }
    const json_t *a = json_array_get(offsets, 0), *b = json_array_get(offsets, 1);
    if (!json_is_integer(a) || !json_is_integer(b) || json_integer_value(a) < 0 ||
        json_integer_value(b) < json_integer_value(a))
        return false;
    *from = (uint64_t)json_integer_value(a);
    *to = (uint64_t)json_integer_value(b);
    size_t bytes;
    return view_bytes(v, &bytes) && bytes == *to - *from;
}

/* The bytes of a tensor: [from, to) of the data. */
struct extent {
    uint64_t from, to;
};

static int by_extent(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

static int by_name(const void *a, const void *b, void *view)
{
    const struct apg_tensor_view *v = view;
    return strcmp(v[*(const size_t *)a].name, v[*(const size_t *)b].name);
}

/* Do the tensors' bytes, N extents, fill the SIZE bytes of data without a hole? Sorts them. */
static enum apg_status check_extents(
    const struct apg_tensors *t, struct extent *extent, size_t n, uint64_t size, struct apg_error *err)
{
    if (n)
        qsort(extent, n, sizeof *extent, by_extent);
    uint64_t end = 0;
    for (size_t i = 0; i < n; end = extent[i++].to)
        if (extent[i].from != end)
            return altered(t, err, "tensors overlap or leave a hole");
    return end == size ? APG_OK : altered(t, err, "there is more behind the last tensor");
}

/* Make by_name. A name that stands twice is refused. */
static enum apg_status order_names(struct apg_tensors *t, struct apg_error *err)
{
    t->by_name = apg_alloc(t->n, sizeof *t->by_name);
    if (!t->by_name)
        return apg_fail_memory(err);
    for (size_t i = 0; i < t->n; i++)
        t->by_name[i] = i;
    qsort_r(t->by_name, t->n, sizeof *t->by_name, by_name, t->view);
    for (size_t i = 1; i < t->n; i++)
        if (by_name(&t->by_name[i - 1], &t->by_name[i], t->view) == 0)
            return altered(t, err, not_json);
    return APG_OK;
}

static enum apg_status take_metadata(void *tensors, const char *name, json_t *value, struct apg_error *err)
{
    struct apg_tensors *t = tensors;
    if (strcmp(name, "__metadata__") != 0)
        return APG_OK;
    if (t->metadata)
        return altered(t, err, not_json);
    t->metadata = json_incref(value);
    return APG_OK;
}

/* The data, SIZE bytes that begin OFFSET bytes into the file, and what tensors have of it. */
struct entries {
    struct apg_tensors *t;
    const char *data;
    uint64_t offset, size;
    struct extent *extent;
    size_t n, cap;
};

static enum apg_status take_entry(void *entries, const char *name, json_t *value, struct apg_error *err)
{
    struct entries *x = entries;
    struct apg_tensors *t = x->t;
    struct apg_tensor_view v = {0};
    struct extent e;
    if (strcmp(name, "__metadata__") == 0)
        return APG_OK;
    if (!read_entry(value, &v, &e.from, &e.to))
        return apg_fail(err, APG_EFORMAT, "%s: altered: tensor '%s' is described wrongly", t->file, name);
    if (e.to > x->size)
        return truncated(t, err);
    if (!apg_grow(&x->extent, &x->cap, x->n + 1, sizeof *x->extent))
        return apg_fail_memory(err);
    x->extent[x->n++] = e;
    if (strncmp(name, "pad.", 4) == 0)
        return APG_OK;
    if ((x->offset + e.from) % apg_dtype_size[v.dtype])
        return apg_fail(err, APG_EFORMAT, "%s: altered: tensor '%s' is not aligned", t->file, name);
    v.data = x->data + e.from;
    if (!apg_grow(&t->view, &t->cap, t->n + 1, sizeof *t->view) || !(v.name = strdup(name)))
        return apg_fail_memory(err);
    t->view[t->n++] = v;
    return APG_OK;
}

/* Go over the members of the header, N bytes at TEXT. */
static enum apg_status each_member(const struct apg_tensors *t, const char *text, size_t n,
    enum apg_status (*fn)(void *arg, const char *name, json_t *value, struct apg_error *err), void *arg,
    struct apg_error *err)
{
    const char *what;
    const enum apg_status status = apg_members_each(text, n, MEMBER_VALUES_MAX, fn, arg, &what, err);
    return what ? altered(t, err, what) : status;
}

/* Tensors of the header, whose data of SIZE bytes begins OFFSET bytes into the file. */
static enum apg_status read_entries(struct apg_tensors *t, const char *header, const char *data,
    uint64_t offset, uint64_t size, struct apg_error *err)
{
    struct entries x = {.t = t, .data = data, .offset = offset, .size = size};
    enum apg_status status = each_member(t, header, (size_t)(data - header), take_entry, &x, err);
    if (!status && !(status = order_names(t, err)))
        status = check_extents(t, x.extent, x.n, size, err);
    free(x.extent);
    return status;
}

/* The text of the checksum in the header, "xxh3:" and digits, or NULL. The first text that looks
 * like one is it, for it stands before all texts that a user may have chosen. */
static const char *find_checksum(const char *header, size_t n)
{
    const size_t length = sizeof checksum_zero - 1;
    const char *end = header + n;
    while ((header = memmem(header, (size_t)(end - header), "\"xxh3:", 6))) {
        const char *at = ++header;
        size_t i = sizeof "xxh3:" - 1;
        if ((size_t)(end - at) <= length)
            return NULL;
        while (i < length && ((at[i] >= '0' && at[i] <= '9') || (at[i] >= 'a' && at[i] <= 'f')))
            i++;
        if (i == length && at[i] == '"')
            return at;
    }
    return NULL;
}

/* Has one of N words, or halves of words, the exponent of an infinity or a NaN? Loops without a branch. */
static bool has_odd_words(const uint32_t *word, size_t n)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < n; i++)
        odd |= (uint32_t)((word[i] & UINT32_C(0x7f800000)) == UINT32_C(0x7f800000));
    return odd;
}

static bool has_odd_halves(const uint16_t *half, size_t n)
{
    uint32_t odd = 0;
    for (size_t i = 0; i < n; i++)
        odd |= (uint32_t)((half[i] & 0x7c00) == 0x7c00);
    return odd;
}

/* Is the checksum, which stands at AT, that of the N bytes? While a piece of them is in the cache, it is
 * also found out whether it is odd: a pass of its own made the first answer of a model of 173 MB take 1.29 times the time, this .99. */
static bool checksum_matches(const char *bytes, size_t n, const char *at, XXH3_state_t *hash, bool odd[])
{
    const char *digits = at + sizeof "xxh3:" - 1, *rest = digits + CHECKSUM_DIGITS;
    char want[CHECKSUM_DIGITS];
    XXH3_64bits_reset(hash);
    apg_hash_update(hash, bytes, (size_t)(digits - bytes));
    apg_hash_update(hash, checksum_zero + sizeof "xxh3:" - 1, CHECKSUM_DIGITS);
    for (size_t from = 0; from < n; from += PIECE_BYTES) {
        const size_t size = n - from < PIECE_BYTES ? n - from : PIECE_BYTES;
        const char *piece = bytes + from, *end = piece + size, *start = piece < rest ? rest : piece;
        if (start < end)
            apg_hash_update(hash, start, (size_t)(end - start));
        odd[from / PIECE_BYTES] = has_odd_words((const uint32_t *)piece, size / sizeof(uint32_t));
    }
    put_checksum(want, XXH3_64bits_digest(hash));
    return memcmp(want, digits, CHECKSUM_DIGITS) == 0;
}

bool apg_tensors_is_finite(const struct apg_tensors *t, const struct apg_tensor_view *v)
{
    size_t bytes, at = (size_t)((const char *)v->data - t->base);
    if (!view_bytes(v, &bytes))
        return false;
    if (v->dtype == APG_F16)
        return !has_odd_halves(v->data, bytes / sizeof(uint16_t));
    for (size_t end = at + bytes, next; v->dtype == APG_F32 && at < end; at = next) {
        next = (at / PIECE_BYTES + 1) * PIECE_BYTES;
        next = next < end ? next : end;
        if ((!t->odd || t->odd[at / PIECE_BYTES]) &&
            has_odd_words((const uint32_t *)(t->base + at), (next - at) / sizeof(uint32_t)))
            return false;
    }
    for (size_t i = 0; v->dtype == APG_F64 && i < bytes / sizeof(double); i++)
        if (!isfinite(((const double *)v->data)[i]))
            return false;
    return true;
}

/* What the header's metadata must say. CHECKSUM is what find_checksum found. */
static enum apg_status check_metadata(struct apg_tensors *t, const char *found, struct apg_error *err)
{
    const char *format = apg_tensors_get(t, "format"), *version = apg_tensors_get(t, "version"),
               *checksum = apg_tensors_get(t, "checksum");
    char *end;
    if (!format || !version || strcmp(format, "apg") != 0)
        return apg_fail(err, APG_EFORMAT, "%s: a safetensors file, but not one of apg's", t->file);
    const unsigned long number = *version >= '1' && *version <= '9' ? strtoul(version, &end, 10) : 0;
    if (number < 1 || *end)
        return altered(t, err, "its version is not a number");
    if (number > VERSION)
        return apg_fail(err, APG_EFORMAT,
            "%s: written by a newer apg: format version %.20s, this one reads %d", t->file, version, VERSION);
    if (!checksum || strncmp(checksum, "xxh3:", 5) != 0 || strlen(checksum) != sizeof checksum_zero - 1)
        return altered(t, err, "it has no checksum");
    return found && strncmp(found, checksum, sizeof checksum_zero - 1) == 0
               ? APG_OK
               : altered(t, err, "the checksum is not where it should be");
}

static enum apg_status read_container(
    struct apg_tensors *t, const void *p, size_t n, bool verify, struct apg_error *err)
{
    const char *bytes = p;
    uint64_t n_header;
    if (n > 8 && bytes[8] != '{')
        return apg_fail(err, APG_EFORMAT, "%s: not a model file", t->file);
    if (n < 10)
        return truncated(t, err);
    memcpy(&n_header, bytes, 8);
    if (n_header > HEADER_BYTES_MAX)
        return apg_fail(err, APG_EFORMAT, "%s: not a model file", t->file);
    if (n_header > n - 8)
        return truncated(t, err);
    const uint64_t offset = 8 + n_header;
    const char *header = bytes + 8, *sum = find_checksum(header, (size_t)n_header);
    bool right = true;
    if (verify && sum) {
        XXH3_state_t *hash = XXH3_createState();
        t->odd = apg_alloc(n / PIECE_BYTES + 1, sizeof *t->odd);
        if (hash && t->odd)
            right = checksum_matches(bytes, n, sum, hash, t->odd);
        XXH3_freeState(hash);
        if (!hash || !t->odd)
            return apg_fail_memory(err);
    }
    const char *wrong = "its checksum does not match";
    if (n_header > SMALL_HEADER_BYTES && (!sum || !right))
        return altered(t, err, sum ? wrong : "it has no checksum");
    enum apg_status status;
    t->bytes = n;
    t->base = bytes;
    if ((status = each_member(t, header, (size_t)n_header, take_metadata, t, err)) ||
        (status = check_metadata(t, sum, err)) ||
        (status = read_entries(t, header, bytes + offset, offset, n - offset, err)))
        return status;
    return right ? APG_OK : altered(t, err, wrong);
}

enum apg_status apg_tensors_open_memory(struct apg_tensors **out, const void *bytes, size_t n,
    const char *name, bool verify, struct apg_error *err)
{
    enum apg_status status = new_container(out, name, err);
    if (!status && (status = read_container(*out, bytes, n, verify, err))) {
        apg_tensors_free(*out);
        *out = NULL;
    }
    return status;
}

/* Read all that FD has, and put it behind the headstart. */
static enum apg_status read_whole(struct apg_tensors *t, int fd, const void *headstart, size_t n_headstart,
    size_t *size, struct apg_error *err)
{
    char *bytes = NULL;
    size_t n = n_headstart, cap = 0;
    ssize_t got = 0;
    if (!apg_grow(&bytes, &cap, n + (1 << 16), 1))
        return apg_fail_memory(err);
    if (n)
        memcpy(bytes, headstart, n);
    while ((got = apg_io_read(fd, bytes + n, cap - n)) > 0) {
        n += (size_t)got;
        if (n == cap && !apg_grow(&bytes, &cap, n + 1, 1)) {
            free(bytes);
            return apg_fail_memory(err);
        }
    }
    if (got < 0) {
        free(bytes);
        return apg_fail_errno(err, "%s", t->file);
    }
    t->memory = apg_alloc(n, 1); /* aligned, as a mapping is */
    if (t->memory)
        memcpy(t->memory, bytes, n);
    free(bytes);
    *size = n;
    return t->memory ? APG_OK : apg_fail_memory(err);
}

enum apg_status apg_tensors_open(struct apg_tensors **out, int fd, const char *name, const void *headstart,
    size_t n_headstart, bool verify, struct apg_error *err)
{
    enum apg_status status = new_container(out, name, err);
    if (status)
        return status;
    struct apg_tensors *t = *out;
    size_t size = 0;
    if (apg_map_open(&t->map, fd, t->file, n_headstart))
        size = t->map.size;
    else
        status = read_whole(t, fd, headstart, n_headstart, &size, err);
    if (!status)
        status = read_container(t, t->memory ? t->memory : t->map.bytes, size, verify, err);
    if (status) {
        apg_tensors_free(t);
        *out = NULL;
    }
    return status;
}

/* ---- access ---- */

const char *apg_tensors_get(const struct apg_tensors *t, const char *key)
{
    return json_string_value(json_object_get(t->metadata, key));
}

const struct apg_tensor_view *apg_tensors_find(const struct apg_tensors *t, const char *name)
{
    size_t low = 0, high = t->by_name ? t->n : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, t->view[t->by_name[middle]].name);
        if (order == 0)
            return &t->view[t->by_name[middle]];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

size_t apg_tensors_count(const struct apg_tensors *t)
{
    return t->n;
}

const struct apg_tensor_view *apg_tensors_at(const struct apg_tensors *t, size_t i)
{
    return &t->view[i];
}

uint64_t apg_tensors_bytes(const struct apg_tensors *t)
{
    return t->bytes;
}

enum apg_status apg_tensors_check(const struct apg_tensors *t, struct apg_error *err)
{
    return apg_map_check(&t->map, err);
}

const char *apg_tensors_name(const struct apg_tensors *t)
{
    return t->file;
}
