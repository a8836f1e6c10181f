/* SPDX-License-Identifier: MIT */
#include "base/list.h"

/* The same of a name in quotes, as a cell of CSV has them. */
static char *cut_quoted(char **rest)
{
    char *word = *rest, *from = word + 1, *to = word;
    while (*from && (*from != '"' || from[1] == '"')) {
        from += *from == '"';
        *to++ = *from++;
    }
    if (*from != '"' || (from[1] && from[1] != ','))
        return NULL;
    *rest = from[1] ? from + 2 : NULL;
    *to = '\0';
    return word;
}

char *apg_list_cut(char **rest)
{
    if (**rest == '"')
        return cut_quoted(rest);
    char *word = strsep(rest, ",");
    return *word ? word : NULL;
}

char *apg_list_put(char *out, const char *name)
{
    const bool quoted = !*name || *name == '"' || strchr(name, ',');
    if (quoted)
        *out++ = '"';
    for (; *name; *out++ = *name++)
        if (quoted && *name == '"')
            *out++ = '"';
    if (quoted)
        *out++ = '"';
    *out = '\0';
    return out;
}
