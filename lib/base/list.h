/* SPDX-License-Identifier: MIT
 *
 * list.h - a list of strings, such as names of columns. The memory is that of whoever made it.
 */
#ifndef APG_LIST_H
#define APG_LIST_H
#include <stddef.h>

struct apg_list {
    size_t n;
    char **item; /* (n) */
};

#endif
