/* SPDX-License-Identifier: MIT
 *
 * archfile.h - what a model is, as text: the JSON object "model" of its file (docs/files.md).
 */
#ifndef APG_ARCHFILE_H
#define APG_ARCHFILE_H
#include "model/arch.h"
#include "data/schema.h"

/* Freed with free(). NULL: out of memory. */
char *apg_arch_text(const struct apg_arch *a);
/* false: TEXT (NULL is allowed) describes no model that this version can build over the fields of S. */
bool apg_arch_parse(struct apg_arch *a, const char *text, const struct apg_schema *s);

#endif
