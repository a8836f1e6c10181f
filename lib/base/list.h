/* SPDX-License-Identifier: MIT
 *
 * list.h - a list of strings, such as names of columns. The memory is that of whoever made it. As text it has
 * commas between the names, and a name with a comma, of no letters, or that starts with a quote is in quotes,
 * as a cell of CSV.
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

/* The name at *REST, which is cut out of the text, and in *rest what stands behind the comma after it, NULL at
 * the end. NULL: there is no name, or a quote is not closed. */
char *apg_list_cut(char **rest);

/* Write NAME as the text has it. OUT has room for twice its bytes, and three. Returns the end, a NUL. */
char *apg_list_put(char *out, const char *name);

#endif
