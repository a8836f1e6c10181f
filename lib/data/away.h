/* SPDX-License-Identifier: MIT
 *
 * away.h - vocabularies that are not looked at for a while: rows are encoded, and passes over them need ids alone.
 * They lie in a temporary file that is mapped, and take memory again as they are read.
 */
#ifndef APG_AWAY_H
#define APG_AWAY_H
#include "data/schema.h"

struct apg_away {
    char *map; /* NULL: nothing is away */
    size_t bytes;
};

/* Put away the vocabularies of S's fields that are its own, if they have more than LEAST_BYTES together. The file is in
 * TEMP_DIR (temp.h); where there can be none they stay. No other thread may use S meanwhile. */
void apg_away_put(struct apg_away *a, struct apg_schema *s, size_t least_bytes, const char *temp_dir);
/* S has its vocabularies again. APG_ENOMEM: A and S are as before, or some vocabularies are back. */
enum apg_status apg_away_back(struct apg_away *a, struct apg_schema *s, struct apg_error *err);
/* Forget what is away, when S is gone. Allowed for a zeroed one, and after apg_away_back. */
void apg_away_release(struct apg_away *a);

#endif
