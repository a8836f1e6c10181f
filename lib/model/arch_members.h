/* SPDX-License-Identifier: MIT
 *
 * arch_members.h - what can be said of a model, a row each. The rows drive the options of `apg train` and
 * their help, the settings of apg.h, and the JSON object "model" of a model file, written and read
 * (docs/files.md).
 *
 * A new member is a member of struct apg_arch (arch.h) and a row here. A row of some backbones or layers
 * alone says so
 * (.of, .of_names): given with another one it is refused.
 */
#ifndef APG_ARCH_MEMBERS_H
#define APG_ARCH_MEMBERS_H
#include "base/error.h"
#include "base/setting.h"
#include "data/schema.h"
#include "model/arch.h"

/* A description as a user gives it: with columns by name, and how weights start. */
struct apg_arch_settings {
    struct apg_arch arch; /* what of it is a column, or by layer, is settled by the functions below */
    size_t n_rank,
        n_overparam; /* of arch.K and arch.P: how many were given, the last for the layers that follow */
    const char *condition, *domain; /* "group:user_id"; "scenario" or NULL */
    double embedding_std;           /* deviation that embeddings start with */
    enum apg_init { APG_INIT_ANCHOR, APG_INIT_PAPER } init;
};
extern const struct apg_setting apg_arch_members[];
void apg_arch_default(struct apg_arch_settings *s);

/* Is the condition to be chosen by training (choose.h)? */
bool apg_arch_is_automatic(const struct apg_arch_settings *s);
/* Fill in what was not given, in s->arch all but what is a column. APG_ESETTING: settings that do not go
 * together. */
enum apg_status apg_arch_settle(
    struct apg_arch_settings *s, const struct apg_given *given, struct apg_error *err);
/* After that: the columns of the condition and of the domain. APG_ESETTING: SCHEMA has no such column. */
enum apg_status apg_arch_columns(
    struct apg_arch_settings *s, const struct apg_schema *schema, struct apg_error *err);

/* The description as JSON, freed with free(). NULL: out of memory. */
char *apg_arch_text(const struct apg_arch *a);
/* False: TEXT (NULL is allowed) describes no model that this version can build over the fields of S. */
bool apg_arch_parse(struct apg_arch *a, const char *text, const struct apg_schema *s);

#endif
