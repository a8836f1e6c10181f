/* SPDX-License-Identifier: MIT
 *
 * arch_members.h - the members of a model's description, a row for each. The rows drive the options of
 * `apg train` and their help, the settings of apg.h, and the JSON object "model" that model files hold
 * (docs/files.md).
 *
 * To add a member, add it to struct apg_arch (arch.h) and add a row here. A row that only some backbones or
 * layers use names them (.of, .of_names); with another one the setting is refused.
 */
#ifndef APG_ARCH_MEMBERS_H
#define APG_ARCH_MEMBERS_H
#include "base/error.h"
#include "base/setting.h"
#include "data/schema.h"
#include "model/arch.h"

/* A description as a user gives it: with columns by name, and how weights start. */
struct apg_arch_settings {
    struct apg_arch arch; /* the functions below fill in columns, and numbers for each layer */
    size_t n_rank,
        n_overparam; /* numbers given in arch.K and arch.P; the last is for all layers that follow */
    const char *condition, *domain; /* "group:user_id"; "scenario" or NULL */
    double embedding_std;           /* standard deviation of the numbers that embeddings start with */
    enum apg_init { APG_INIT_ANCHOR, APG_INIT_PAPER } init;
};
extern const struct apg_setting apg_arch_members[];
void apg_arch_default(struct apg_arch_settings *s);

/* Will training choose the condition (choose.h)? */
bool apg_arch_is_automatic(const struct apg_arch_settings *s);
/* Fill in s->arch where settings were not given; its columns stay unset. APG_ESETTING: settings do not go
 * together. */
enum apg_status apg_arch_settle(
    struct apg_arch_settings *s, const struct apg_given *given, struct apg_error *err);
/* After that, fill in the columns of the condition and of the domain. APG_ESETTING: SCHEMA has no such
 * column. */
enum apg_status apg_arch_columns(
    struct apg_arch_settings *s, const struct apg_schema *schema, struct apg_error *err);

/* The description as JSON, freed with free(). NULL: out of memory. */
char *apg_arch_text(const struct apg_arch *a);
/* False: TEXT (NULL is allowed) describes no model that this version can build over the fields of S. */
bool apg_arch_parse(struct apg_arch *a, const char *text, const struct apg_schema *s);

#endif
