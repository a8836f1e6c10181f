/* SPDX-License-Identifier: MIT */
#include "base/near.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Letters changed, left out, added, or swapped with the next. Row i has the distances of the first i letters of
 * A from those of B; the two rows before it are kept. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    unsigned rows[3][APG_NEAR_BYTES + 1];
    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n_a; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n_b; j++) {
            const char x = fold(a[i - 1]), y = fold(b[j - 1]);
            row[j] = least(above[j - 1] + (x != y), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && x == fold(b[j - 2]) && y == fold(a[i - 2]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

struct apg_near apg_near_to(const char *word, size_t n)
{
    return (struct apg_near){.word = word, .n_word = n, .before = "", .distance = UINT_MAX};
}

void apg_near_try(struct apg_near *near, const char *name, size_t n)
{
    if (n > APG_NEAR_BYTES || near->n_word > APG_NEAR_BYTES)
        return;
    const unsigned d = distance(near->word, near->n_word, name, n);
    if (3 * (size_t)d > (n > near->n_word ? n : near->n_word) || d > near->distance)
        return;
    if (d < near->distance)
        near->ties = 0;
    near->distance = d;
    if (near->ties < 2) {
        near->name[near->ties] = name;
        near->n_name[near->ties] = n;
    }
    near->ties++;
}

void apg_near_try_names(struct apg_near *near, const char *names)
{
    for (const char *s = names; s; s = strchr(s, '|') ? strchr(s, '|') + 1 : NULL)
        apg_near_try(near, s, strcspn(s, "|="));
}

const char *apg_near_hint(struct apg_near *near)
{
    near->hint[0] = '\0';
    if (near->ties == 1)
        (void)snprintf(near->hint, sizeof near->hint, "; did you mean '%s%.*s'?", near->before,
            (int)near->n_name[0], near->name[0]);
    else if (near->ties == 2)
        (void)snprintf(near->hint, sizeof near->hint, "; did you mean '%s%.*s' or '%s%.*s'?", near->before,
            (int)near->n_name[0], near->name[0], near->before, (int)near->n_name[1], near->name[1]);
    return near->hint;
}
