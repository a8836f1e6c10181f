/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a feature file, from a file and from a pipe. Checksums are set right first, wherever the
 * lengths let one find them, so that what they guard is reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>
#include "data/decode.h"
#include "data/featfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE = 64, PIPE = 60000 };

static void put_sum(uint8_t *at, const uint8_t *p, size_t n)
{
    uint64_t sum = XXH3_64bits(p, n);
    memcpy(at, &sum, sizeof sum);
}

static uint64_t word(const uint8_t *p, size_t bytes)
{
    uint64_t x = 0;
    memcpy(&x, p, bytes);
    return x;
}

static void seal_container(uint8_t *p, size_t n)
{
    uint64_t header = n >= 8 ? word(p, 8) : 0;
    uint8_t *digits = header && header <= n - 8 ? memmem(p + 8, header, "\"checksum\":\"xxh3:", 17) : NULL;
    if (!digits || (size_t)(p + 8 + header - (digits + 17)) < 16)
        return;
    digits += 17;
    memset(digits, '0', 16);
    uint64_t sum = XXH3_64bits(p, n);
    for (int i = 0; i < 16; i++)
        digits[i] = (uint8_t) "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
}

static void seal(uint8_t *p, size_t n)
{
    if (n < LINE)
        return;
    put_sum(p + 56, p, 56);
    uint64_t container = word(p + 16, 8), payloads = 0;
    if (container > n - LINE)
        return;
    seal_container(p + LINE, container);
    for (size_t at = LINE + container; at + LINE <= n;) {
        uint8_t *head = p + at;
        size_t rows = word(head + 8, 4), words = word(head + 12, 4),
               payload = (4 * (rows + 1) + 63) / 64 * 64 + (4 * words + 63) / 64 * 64;
        bool end = memcmp(head, "apgend", 6) == 0;
        if (end)
            memcpy(head + 48, &payloads, 8);
        else if (payload <= n - at - LINE)
            put_sum(head + 48, head + LINE, payload);
        put_sum(head + 56, head, 56);
        if (end || payload > n - at - LINE)
            return;
        uint64_t sum = word(head + 48, 8);
        payloads = XXH3_64bits_withSeed(&sum, 8, payloads);
        at += LINE + payload;
    }
}

static void read_all(int fd)
{
    struct apg_feat_reader *r;
    struct apg_block b = {0};
    char *text = NULL;
    size_t cap = 0;
    if (apg_feat_open(&r, fd, "fuzz", NULL, 0, NULL))
        return;
    while (apg_feat_next(r, &b, NULL) == APG_OK && b.rows)
        for (uint32_t i = 0; i < b.rows; i++) {
            size_t n = 0;
            if (apg_decode_row(apg_feat_schema(r), apg_block_row(&b, i), &text, &n, &cap, NULL))
                abort();
        }
    apg_feat_reader_free(r);
    free(text);
}

static void read_dataset(int fd, struct apg_pool *pool)
{
    struct apg_feat_reader *r;
    struct apg_schema *s;
    struct apg_dataset *d;
    if (apg_feat_open(&r, fd, "fuzz", NULL, 0, NULL) ||
        apg_feat_dataset(r, &s, &d, SIZE_MAX, NULL, pool, NULL))
        return;
    uint64_t positives = 0;
    for (uint64_t i = 0; i < d->rows; i++)
        positives += apg_word_float(*apg_dataset_row(d, i)) > 0;
    if (positives != d->positives)
        abort();
    apg_schema_free(s);
    apg_dataset_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct apg_pool *pool;
    uint8_t *copy = malloc(size + 1);
    int fd = memfd_create("fuzz", MFD_CLOEXEC), ends[2];
    if (!copy || fd < 0 || (!pool && apg_pool_new(&pool, 1, NULL)))
        abort();
    if (size)
        memcpy(copy, data, size);
    seal(copy, size);
    if (write(fd, copy, size) != (ssize_t)size)
        abort();
    for (int i = 0; i < 2; i++) {
        (void)lseek(fd, 0, SEEK_SET);
        if (i)
            read_dataset(fd, pool);
        else
            read_all(fd);
    }
    close(fd);
    if (size < PIPE && pipe(ends) == 0) { /* as much as a pipe takes at once */
        if (write(ends[1], copy, size) != (ssize_t)size)
            abort();
        close(ends[1]);
        read_all(ends[0]);
        close(ends[0]);
    }
    free(copy);
    return 0;
}
