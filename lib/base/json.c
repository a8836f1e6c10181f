/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct text {
    char *bytes;
    size_t n, cap;
    bool failed;
};

static int append(const char *bytes, size_t n, void *to)
{
    struct text *t = to;
    t->failed = t->failed || !apg_grow(&t->bytes, &t->cap, t->n + n, 1);
    if (t->failed)
        return -1;
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    return 0;
}

char *apg_json_text(const json_t *j)
{
    struct text t = {0};
    if (json_dump_callback(j, append, &t, JSON_COMPACT | JSON_REAL_PRECISION(17)) || append("", 1, &t) ||
        t.failed) {
        free(t.bytes);
        return NULL;
    }
    return t.bytes;
}

json_t *apg_json_whole(json_t *j, int bad)
{
    if (!bad)
        return j;
    json_decref(j);
    return NULL;
}

bool apg_is_utf8(const char *s)
{
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        unsigned n = *p < 0x80                 ? 0
                     : *p >= 0xc2 && *p < 0xe0 ? 1
                     : (*p & 0xf0) == 0xe0     ? 2
                     : *p >= 0xf0 && *p < 0xf5 ? 3
                                               : 9;
        unsigned c = *p++ & (n == 0 ? 0x7fu : 0x3fu >> n);
        for (unsigned i = 0; i < n; i++, p++) {
            if (n == 9 || (*p & 0xc0) != 0x80)
                return false;
            c = c << 6 | (*p & 0x3fu);
        }
        if ((n == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
            (n == 3 && (c < 0x10000 || c > 0x10ffff)))
            return false;
    }
    return true;
}
