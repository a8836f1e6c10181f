/* SPDX-License-Identifier: MIT
 *
 * members.h - the members of a JSON object, one after another. Each is parsed by itself, so that a long
 * text of a stranger does not become a tree that takes fifty times its bytes.
 */
#ifndef APG_MEMBERS_H
#define APG_MEMBERS_H
#include <jansson.h>
#include "base/error.h"

/* Call FN for each member of the object in TEXT (N bytes) until one fails, whose status is returned. A
 * member may have VALUES_MAX values. VALUE is freed behind FN, which may json_incref it. APG_EFORMAT with
 * *what, a text, and without *err: TEXT is no such object. */
enum apg_status apg_members_each(const char *text, size_t n, size_t values_max,
    enum apg_status (*fn)(void *arg, const char *name, json_t *value, struct apg_error *err), void *arg,
    const char **what, struct apg_error *err);

#endif
