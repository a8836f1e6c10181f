/* SPDX-License-Identifier: MIT
 *
 * near.h - what a user may have meant by a name that there is not:
 *
 *     struct apg_near near = apg_near_to(word, strlen(word));
 *     for each name that there is: apg_near_try(&near, name, strlen(name));
 *     "no command 'trian'%s", apg_near_hint(&near)      ->  "; did you mean 'train'?"
 *
 * Names are near when few letters must be changed, left out, added or swapped with their neighbour: at most a
 * third of the longer name's. Case, and - for _, cost nothing. Bytes are letters. Any thread may call these.
 */
#ifndef APG_NEAR_H
#define APG_NEAR_H
#include <stddef.h>

enum { APG_NEAR_BYTES = 64 }; /* a longer name is near to none */

struct apg_near {
    const char *word;   /* borrowed, as the names are; until the hint was made */
    size_t n_word;      /* bytes */
    const char *before; /* the hint puts it before each name, such as "--"; at first "" */
    const char *name[2];
    size_t n_name[2];
    size_t ties; /* how many names are as near; of two the hint names both, and more are no hint */
    unsigned distance;
    char hint[2 * APG_NEAR_BYTES + 40];
};

struct apg_near apg_near_to(const char *word, size_t n);
void apg_near_try(struct apg_near *near, const char *name, size_t n);
/* Each of NAMES, "a|b|v5=b". */
void apg_near_try_names(struct apg_near *near, const char *names);
/* "; did you mean 'train'?", or "". It is in *NEAR. */
const char *apg_near_hint(struct apg_near *near);

#endif
