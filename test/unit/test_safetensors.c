/* SPDX-License-Identifier: MIT
 *
 * safetensors: written and read back from file, pipe and memory; cut at every length, changed in every byte,
 * and with headers that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include "bytes.h"

static const float weights[3][5] = {{1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, {11, 12, 13, 14, 15}};
static const uint64_t places[3] = {0, 7, UINT64_MAX};
static const uint16_t halves[] = {0x3c00};

static void write_sample(struct bytes *b)
{
    struct apg_tensors *t;
    struct apg_error err;
    const struct apg_tensor_view views[] = {
        {"layer.w", APG_F32, 2, {3, 5}, weights, NULL, NULL, 0},
        {"none", APG_F64, 2, {4, 0}, NULL, NULL, NULL, 0},
        {"text", APG_U8, 1, {5}, "hello", NULL, NULL, 0},
        {"at", APG_U64, 1, {3}, places, NULL, NULL, 0},
        {"scalar", APG_F16, 0, {0}, halves, NULL, NULL, 0},
        {"name with \"quotes\" \xc3\xa4", APG_U8, 1, {64},
            "0123456789012345678901234567890123456789012345678901234567890123", NULL, NULL, 0},
    };
    assert_int_equal(apg_tensors_new(&t, &err), APG_OK);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        assert_int_equal(apg_tensors_add(t, &views[i], &err), APG_OK);
    assert_int_equal(apg_tensors_set(t, "note", "\"checksum\":\"xxh3:0000000000000000\"", &err), APG_OK);
    assert_int_equal(apg_tensors_set(t, "note", "xxh3:0000000000000000", &err), APG_OK);
    *b = (struct bytes){0};
    assert_int_equal(apg_tensors_write(t, bytes_sink(b), &err), APG_OK);
    apg_tensors_free(t);
}

static void check_sample(const struct apg_tensors *t)
{
    assert_int_equal(apg_tensors_count(t), 6);
    assert_string_equal(apg_tensors_get(t, "note"), "xxh3:0000000000000000");
    assert_string_equal(apg_tensors_get(t, "format"), "apg");
    assert_null(apg_tensors_get(t, "nothing"));
    assert_null(apg_tensors_find(t, "pad.0"));
    const struct apg_tensor_view *v = apg_tensors_find(t, "layer.w");
    assert_non_null(v);
    assert_int_equal(v->dtype, APG_F32);
    assert_int_equal(v->n_dims, 2);
    assert_int_equal(v->dim[1], 5);
    assert_memory_equal(v->data, weights, sizeof weights);
    assert_int_equal(apg_tensors_find(t, "none")->dim[1], 0);
    assert_memory_equal(apg_tensors_find(t, "text")->data, "hello", 5);
    assert_memory_equal(apg_tensors_find(t, "at")->data, places, sizeof places);
    assert_int_equal(apg_tensors_find(t, "scalar")->n_dims, 0);
    assert_non_null(apg_tensors_find(t, "name with \"quotes\" \xc3\xa4"));
    assert_string_equal(apg_tensors_at(t, 0)->name, "layer.w");
}

static void read_back(void **state)
{
    (void)state;
    struct bytes b;
    struct apg_tensors *t;
    struct apg_error err;
    write_sample(&b);
    assert_int_equal(b.n % 64, 0);

    int fd = bytes_file(b.p, b.n);
    assert_int_equal(apg_tensors_open(&t, fd, "file", NULL, 0, true, &err), APG_OK);
    close(fd);
    check_sample(t);
    assert_int_equal(apg_tensors_bytes(t), b.n);
    for (size_t i = 0; i < apg_tensors_count(t); i++) /* a mapping begins at a page */
        assert_int_equal((uintptr_t)apg_tensors_at(t, i)->data % 64, 0);
    apg_tensors_free(t);

    /* From a pipe, of which 8 bytes have been read. */
    struct bytes_pipe pipe;
    char start[8];
    fd = bytes_pipe_open(&pipe, b.p, b.n);
    assert_int_equal(read(fd, start, 8), 8);
    assert_int_equal(apg_tensors_open(&t, fd, "pipe", start, 8, true, &err), APG_OK);
    bytes_pipe_close(&pipe);
    check_sample(t);
    for (size_t i = 0; i < apg_tensors_count(t); i++)
        assert_int_equal((uintptr_t)apg_tensors_at(t, i)->data % 64, 0);
    apg_tensors_free(t);

    assert_int_equal(apg_tensors_open_memory(&t, b.p, b.n, "memory", true, &err), APG_OK);
    check_sample(t);
    apg_tensors_free(t);
    free(b.p);
}

/* As the format asks: the header begins with '{', tensors cover the data without holes, in some order. */
static void keeps_to_the_format(void **state)
{
    (void)state;
    struct bytes b;
    write_sample(&b);
    uint64_t n, end = 0;
    memcpy(&n, b.p, 8);
    assert_int_equal((8 + n) % 64, 0);
    assert_int_equal(b.p[8], '{');
    json_t *header = json_loadb(b.p + 8, n, JSON_REJECT_DUPLICATES, NULL), *entry;
    const char *name;
    size_t pads = 0;
    assert_non_null(header);
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        json_int_t from = json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 0));
        assert_int_equal(from, end);
        end = (uint64_t)json_integer_value(json_array_get(json_object_get(entry, "data_offsets"), 1));
        if (strncmp(name, "pad.", 4) == 0)
            pads++;
        else
            assert_int_equal(from % 64, 0);
    }
    assert_int_equal(8 + n + end, b.n);
    assert_int_equal(pads, 4);
    json_decref(header);
    free(b.p);
}

static void cut_at_every_length(void **state)
{
    (void)state;
    struct bytes b;
    struct apg_tensors *t;
    struct apg_error err;
    write_sample(&b);
    for (size_t n = 0; n < b.n; n++) {
        char *part = malloc(n + 1); /* of its own, for the address sanitizer to see a read behind it */
        assert_non_null(part);
        memcpy(part, b.p, n);
        assert_int_equal(apg_tensors_open_memory(&t, part, n, "f", false, &err), APG_EFORMAT);
        assert_string_equal(err.text, "f: truncated");
        free(part);
    }
    free(b.p);
}

static void changed_in_every_byte(void **state)
{
    (void)state;
    struct bytes b;
    struct apg_tensors *t;
    struct apg_error err;
    write_sample(&b);
    for (size_t i = 0; i < b.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            if (apg_tensors_open_memory(&t, b.p, b.n, "f", true, &err) != APG_EFORMAT)
                fail_msg("byte %zu bit %u", i, bit);
            if (apg_tensors_open_memory(&t, b.p, b.n, "f", false, &err) == APG_OK)
                apg_tensors_free(t);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    assert_int_equal(bytes_write(&b, "", 1), true);
    assert_int_equal(apg_tensors_open_memory(&t, b.p, b.n, "f", false, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: altered: there is more behind the last tensor");
    free(b.p);
}

/* A file with this JSON, from its second member on, and 64 bytes of data. */
static void refuse(const char *rest, const char *message)
{
    char file[1024] = {0};
    struct apg_tensors *t;
    struct apg_error err;
    uint64_t n = (uint64_t)snprintf(file + 8, 900,
        "{\"__metadata__\":{\"format\":\"apg\",\"version\":\"1\",\"checksum\":\"xxh3:0000000000000000\"},%s}",
        rest);
    for (; (8 + n) % 64; n++)
        file[8 + n] = ' ';
    memcpy(file, &n, 8);
    assert_int_equal(
        apg_tensors_open_memory(&t, file, 8 + n + 64, "f", false, &err), *message ? APG_EFORMAT : APG_OK);
    if (*message)
        assert_string_equal(err.text, message);
    else
        apg_tensors_free(t);
}

#define TENSOR(name, dtype, shape, from, to)                                                                 \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

static void headers_that_lie(void **state)
{
    (void)state;
    const char *wrongly = "f: altered: tensor 'a' is described wrongly";
    refuse(TENSOR("a", "F32", "[16]", "0", "64"), "");
    refuse(TENSOR("a", "U8", "[4]", "60", "64") "," TENSOR("b", "U8", "[60]", "0", "60"), "");
    refuse(TENSOR("a", "F32", "[15]", "0", "64"), wrongly);
    refuse(TENSOR("a", "BF16", "[32]", "0", "64"), wrongly);
    refuse(TENSOR("a", "F32", "[-16]", "0", "64"), wrongly);
    refuse(TENSOR("a", "F32", "[16.0]", "0", "64"), wrongly);
    refuse(TENSOR("a", "F32", "16", "0", "64"), wrongly);
    refuse(TENSOR("a", "F32", "[1,1,1,1,16]", "0", "64"), wrongly);
    refuse(TENSOR("a", "F32", "[4611686018427387904,4]", "0", "0"), wrongly); /* 2^64 elements */
    refuse(TENSOR("a", "F32", "[16]", "64", "0"), wrongly);
    refuse(TENSOR("a", "F32", "[16]", "-64", "0"), wrongly);
    refuse("\"a\":[]", wrongly);
    refuse("\"a\":{}", wrongly);
    refuse(TENSOR("a", "F32", "[32]", "0", "128"), "f: truncated");
    refuse(TENSOR("a", "F32", "[8]", "0", "32"), "f: altered: there is more behind the last tensor");
    refuse(TENSOR("a", "F32", "[8]", "32", "64"), "f: altered: tensors overlap or leave a hole");
    refuse(TENSOR("a", "F32", "[16]", "0", "64") "," TENSOR("b", "F32", "[8]", "32", "64"),
        "f: altered: tensors overlap or leave a hole");
    refuse(TENSOR("p", "U8", "[2]", "0", "2") "," TENSOR("a", "F32", "[15]", "2", "62") "," TENSOR(
               "q", "U8", "[2]", "62", "64"),
        "f: altered: tensor 'a' is not aligned");
    refuse(TENSOR("a", "F32", "[16]", "0", "64") "," TENSOR("a", "F32", "[16]", "0", "64"),
        "f: altered: its header is not JSON");
    refuse("\"a\":", "f: altered: its header is not JSON");
}

static void not_ours(void **state)
{
    (void)state;
    struct apg_tensors *t;
    struct apg_error err;
    const char *foreign[] = {"\x02\0\0\0\0\0\0\0{}", "label,user,item\n1,2,3\n",
        ("\x4e\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"apg\",\"version\":\"3\",\"checksum\":\"xxh3:00\"}"
         "}"
         "              ")};
    const size_t size[] = {10, 22, 8 + 0x4e};
    const char *message[] = {"f: a safetensors file, but not one of apg's", "f: not a model file",
        "f: written by a newer apg: format version 3, this one reads 2"};
    for (size_t i = 0; i < 3; i++) {
        _Alignas(8) char copy[128];
        memcpy(copy, foreign[i], size[i]);
        assert_int_equal(apg_tensors_open_memory(&t, copy, size[i], "f", true, &err), APG_EFORMAT);
        assert_string_equal(err.text, message[i]);
    }
}

/* 8 MB of "[],", in a tensor's entry and in the metadata: refused before a tree is made of them, which
 * would take 40 times as much. HEAD is what stands before them, and is a whole header when they are left
 * out. With a checksum that is wrong nothing of a long header is parsed. */
static void long_headers(void **state)
{
    (void)state;
    static const char head[] = "{\"__metadata__\":{\"format\":\"apg\",\"version\":\"1\",\"checksum\":"
                               "\"xxh3:0000000000000000\"},\"a\":[";
    const size_t long_bytes = 8 << 20;
    char *file = apg_alloc(long_bytes, 1);
    struct apg_tensors *t;
    struct apg_error err;
    assert_non_null(file);
    for (size_t i = 8; i + 3 <= long_bytes; i += 3)
        memcpy(file + i, "[],", 3);
    memcpy(file + 8, head, sizeof head - 1);
    const uint64_t n = long_bytes - 8;
    memcpy(file, &n, 8);
    memcpy(file + long_bytes - 5, "[]] }", 5);
    assert_int_equal(apg_tensors_open_memory(&t, file, long_bytes, "f", true, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: altered: its checksum does not match");
    const size_t before = mallinfo2().hblkhd + mallinfo2().arena;
    assert_int_equal(apg_tensors_open_memory(&t, file, long_bytes, "f", false, &err), APG_EFORMAT);
    assert_string_equal(err.text, "f: altered: its header says more than there is to say");
    assert_in_range(mallinfo2().hblkhd + mallinfo2().arena, 0, before + (1 << 20));
    free(file);
}

/* A version is a number and nothing else. */
static void versions(void **state)
{
    (void)state;
    const struct {
        const char *version, *message;
    } as[] = {{"1", NULL}, {"2", NULL}, {"1x", "f: altered: its version is not a number"},
        {"", "f: altered: its version is not a number"}, {"-1", "f: altered: its version is not a number"},
        {" 1", "f: altered: its version is not a number"}, {"0", "f: altered: its version is not a number"},
        {"99999999999999999999",
            "f: written by a newer apg: format version 99999999999999999999, this one reads 2"}};
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        _Alignas(64) char file[192] = {0};
        struct apg_tensors *t;
        struct apg_error err;
        const uint64_t n = (uint64_t)snprintf(file + 8, 180,
            "{\"__metadata__\":{\"format\":\"apg\",\"version\":\"%s\",\"checksum\":\"xxh3:0000000000000000\"}}",
            as[i].version);
        memcpy(file, &n, 8);
        assert_int_equal(
            apg_tensors_open_memory(&t, file, 8 + n, "f", false, &err), as[i].message ? APG_EFORMAT : APG_OK);
        if (as[i].message)
            assert_string_equal(err.text, as[i].message);
        else
            apg_tensors_free(t);
    }
}

static bool fails(void *arg, const void *p, size_t n)
{
    (void)arg;
    (void)p;
    (void)n;
    errno = ENOSPC;
    return false;
}

static void writing_refused(void **state)
{
    (void)state;
    struct apg_tensors *t;
    struct apg_error err;
    struct apg_tensor_view v = {"a", APG_U8, 1, {3}, "abc", NULL, NULL, 0};
    assert_int_equal(apg_tensors_new(&t, &err), APG_OK);
    assert_int_equal(apg_tensors_add(t, &v, &err), APG_OK);
    assert_int_equal(apg_tensors_add(t, &v, &err), APG_EUSAGE);
    v.name = "pad.7";
    assert_int_equal(apg_tensors_add(t, &v, &err), APG_EUSAGE);
    v.name = "\xff";
    assert_int_equal(apg_tensors_add(t, &v, &err), APG_EINPUT);
    assert_int_equal(apg_tensors_set(t, "k", "\xff", &err), APG_EINPUT);
    v.name = "huge";
    v.n_dims = 2;
    v.dim[0] = v.dim[1] = SIZE_MAX / 2;
    assert_int_equal(apg_tensors_add(t, &v, &err), APG_ERANGE);
    assert_int_equal(apg_tensors_write(t, (struct apg_sink){fails, NULL, "disk"}, &err), APG_EIO);
    assert_string_equal(err.text, "disk: No space left on device");
    apg_tensors_free(t);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_back),
        cmocka_unit_test(keeps_to_the_format),
        cmocka_unit_test(cut_at_every_length),
        cmocka_unit_test(changed_in_every_byte),
        cmocka_unit_test(headers_that_lie),
        cmocka_unit_test(long_headers),
        cmocka_unit_test(versions),
        cmocka_unit_test(not_ours),
        cmocka_unit_test(writing_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
