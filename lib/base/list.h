/* SPDX-License-Identifier: MIT
 *
 * list.h - a list of strings, such as names of columns. The memory is that of whoever made it.
 */
#ifndef APG_LIST_H
#define APG_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct apg_list {
    size_t n;
    char **item; /* (n) */
};

/* Is TEXT in it? */
static inline bool apg_list_has(const struct apg_list *list, const char *text)
{
    size_t i = 0;
    while (i < list->n && strcmp(list->item[i], text) != 0)
        i++;
    return i < list->n;
}

#endif
