/* SPDX-License-Identifier: MIT */
#include "base/packed.h"

#define START(bytes) bytes, sizeof bytes - 1

static const struct apg_packed all[] = {
    {START("\x1f\x8b\x08"), "compressed by gzip", "gzip", "gzip -dc FILE |"},
    {START("\xfd"
           "7zXZ\0"),
        "compressed by xz", "xz", "xz -dc FILE |"},
    {START("\x28\xb5\x2f\xfd"), "compressed by zstd", "zstd", "zstd -dc FILE |"},
    {START("BZh\1"
           "1AY&SY"),
        "compressed by bzip2", "bzip2", "bzip2 -dc FILE |"},
    {START("PK\3\4"), "a zip archive", NULL, "unzip -p FILE |"},
    {START("PAR1"), "a Parquet file", NULL, NULL},
    {START("\xff\xfe"), "UTF-16", NULL, "iconv -f UTF-16 -t UTF-8 FILE |"},
    {START("\xfe\xff"), "UTF-16", NULL, "iconv -f UTF-16 -t UTF-8 FILE |"},
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
