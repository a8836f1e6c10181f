/* SPDX-License-Identifier: MIT */
#include "model/arch.h"
#include <string.h>

const char *apg_name_at(const char *names, int index, int *n)
{
    while (index-- > 0)
        names = strchr(names, '|') + 1;
    *n = (int)strcspn(names, "|");
    return names;
}

int apg_name_find(const char *names, const char *name)
{
    for (int i = 0;; i++) {
        size_t n = strcspn(names, "|");
        if (strlen(name) == n && memcmp(names, name, n) == 0)
            return i;
        if (!names[n])
            return -1;
        names += n + 1;
    }
}
