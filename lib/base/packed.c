/* SPDX-License-Identifier: MIT */
#include "base/packed.h"

#include <string.h>

#define START(bytes) bytes, sizeof bytes - 1

static const struct apg_packed all[] = {
    {START("\x1f\x8b\x08"), "compressed by gzip", "gzip", "read it by 'gzip -dc FILE |'", ".gz"},
    {START("\xfd"
           "7zXZ\0"),
        "compressed by xz", "xz", "read it by 'xz -dc FILE |'", ".xz"},
    {START("\x28\xb5\x2f\xfd"), "compressed by zstd", "zstd", "read it by 'zstd -dc FILE |'", ".zst"},
    {START("BZh\1"
           "1AY&SY"),
        "compressed by bzip2", "bzip2", "read it by 'bzip2 -dc FILE |'", ".bz2"},
    {START("PK\3\4"), "a zip archive", NULL, "read it by 'unzip -p FILE |'", NULL},
    {START("PAR1"), "a Parquet file", NULL, "write it as CSV", NULL},
    {START("\xff\xfe"), "UTF-16", NULL, "read it by 'iconv -f UTF-16 -t UTF-8 FILE |'", NULL},
    {START("\xfe\xff"), "UTF-16", NULL, "read it by 'iconv -f UTF-16 -t UTF-8 FILE |'", NULL},
    /* safetensors: eight bytes that count those of a header, which is JSON */
    {START("\1\1\1\0\0\0\0\0{\""), "a model, not a log", NULL, "give it by -m, or by --from to apg train",
        NULL},
};

const struct apg_packed *apg_packed_of(const void *bytes, size_t n, bool *more)
{
    const char *text = bytes;
    if (more)
        *more = false;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t k = 0;
        while (k < n && k < all[i].n && (all[i].start[k] == text[k] || all[i].start[k] == '\1'))
            k++;
        if (k == all[i].n)
            return &all[i];
        if (more && k == n)
            *more = true;
    }
    return NULL;
}

const struct apg_packed *apg_packed_named(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof all / sizeof *all; i++)
        if (all[i].ending && strcmp(all[i].ending, ending) == 0)
            return &all[i];
    return NULL;
}
