/* SPDX-License-Identifier: MIT
 *
 * packed.h - files that are no text as they are, told by their first bytes.
 */
#ifndef APG_PACKED_H
#define APG_PACKED_H
#include <stdbool.h>
#include <stddef.h>

enum { APG_PACKED_BYTES = 16 }; /* that are needed to tell */

struct apg_packed {
    const char *start; /* the bytes that it begins with; '\1' stands for any */
    size_t n;
    const char *what; /* "compressed by gzip" */
    const char
        *program; /* what makes text of it, from standard input to standard output by -dc; NULL: none does */
    const char *advice; /* what a user can do */
    const char *ending; /* of the names that such files have, ".gz"; NULL: not told by it */
};

/* What begins with BYTES (n), or NULL. *more (unless NULL): it is not known before there are more of them. */
const struct apg_packed *apg_packed_of(const void *bytes, size_t n, bool *more);
/* What a file called NAME is expected to be, by its ending: compressed by a program. NULL: anything. */
const struct apg_packed *apg_packed_named(const char *name);

#endif
