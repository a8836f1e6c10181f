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
#include "data/decode.h"
#include "data/featfile.h"
#include "forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PIPE_BYTES = 60000 }; /* as much as a pipe takes at once */

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
    forge_features(copy, size);
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
    if (size < PIPE_BYTES && pipe(ends) == 0) {
        if (write(ends[1], copy, size) != (ssize_t)size)
            abort();
        close(ends[1]);
        read_all(ends[0]);
        close(ends[0]);
    }
    free(copy);
    return 0;
}
