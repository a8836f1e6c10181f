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

/* Has TEXT the length that what it says must have? The shortest object that is of use to us has 36
 * bytes, {"name":"c","kind":"multi","rows":9}, and the shortest member 8. */
static bool is_sparse(const char *text)
{
    enum { SHORT_BYTES = 64 << 10, OBJECT_BYTES = 24, ARRAY_BYTES = 8, VALUE_BYTES = 4 };
    size_t least = 0, n = 0;
    for (bool string = false; text[n]; n++)
        switch (text[n]) {
        case '"':
            string = !string;
            break;
        case '\\':
            n += text[n + 1] != '\0';
            break;
        case '{':
            least += string ? 0 : OBJECT_BYTES;
            break;
        case '[':
            least += string ? 0 : ARRAY_BYTES;
            break;
        case ',':
            least += string ? 0 : VALUE_BYTES;
            break;
        default:
            break;
        }
    return n <= SHORT_BYTES || least <= n;
}

json_t *apg_json_parse(const char *text)
{
    return text && is_sparse(text) ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
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
