/* SPDX-License-Identifier: MIT */
#include "model/arch_members.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/list.h"
#include "model/backbone.h"
#include "model/layer.h"

enum { WIDTH_MAX = 65536, COUNT_MAX = 4096, ROWS_MAX = 1 << 20 };

/* Defaults. --help shows those of the default form, residual; other forms and layers get theirs when the
 * settings are settled. docs/accuracy.md has the figures. */
enum { RESIDUAL_RANK = 32, RESIDUAL_GENERATOR_RANK = 64 };
enum { RANK = 16, OVERPARAM_WIDTH = 128, GATE_WIDTH = 64 };

#define AT(m) .at = offsetof(struct apg_arch_settings, arch.m)
#define SIZES(m, n) AT(m), .n_at = offsetof(struct apg_arch_settings, n), .room = APG_LAYERS_MAX
#define OF_BACKBONE(names) .of = "backbone", .of_names = names, .rare = true
#define OF_LAYER(names) .of = "layer", .of_names = names

/* Rows are in the order of the JSON object. */
const struct apg_setting apg_arch_members[] = {
    {APG_SETTING_CHOICE, 0, "backbone", AT(backbone), .arg = APG_BACKBONES, .key = "backbone",
        .help = "what the model computes from the embeddings beside its deep tower"},
    {APG_SETTING_CHOICE, 0, "layer", AT(layer), .arg = APG_LAYERS, .key = "layer",
        .help = "what hidden layers adapt to: nothing (dense), each row's condition by generated "
                "weights (apg) or by gates (ppnet), or its domain (star)"},
    {APG_SETTING_SIZE, 0, "embedding-dim", AT(E), .least = 1, .most = COUNT_MAX, .arg = "E",
        .key = "embedding_dim", .help = "length of each embedding, in numbers"},
    {APG_SETTING_REAL, 0, "embedding-std", .at = offsetof(struct apg_arch_settings, embedding_std),
        .least = 0, .most = 10, .arg = "X",
        .help = "standard deviation of the random numbers that embeddings start with", .rare = true},
    {APG_SETTING_SIZES, 0, "hidden", SIZES(hidden, arch.n_hidden), .least = 1, .most = WIDTH_MAX,
        .arg = "M,...", .key = "hidden", .help = "widths of the hidden layers"},
    {APG_SETTING_FLAG, 0, "batch-norm", AT(batch_norm), .key = "batch_norm",
        .help = "normalize each hidden layer's output over the batch, before its activation", .rare = true},
    {APG_SETTING_REAL, 0, "dropout", AT(dropout), .least = 0, .most = 0.99, .arg = "X", .key = "dropout",
        .help = "share of the hidden activations that training drops"},
    {APG_SETTING_FLAG, AT(collapsed), .key = "collapsed"},
    {APG_SETTING_SIZE, 0, "members", AT(members), .least = 1, .most = APG_MEMBERS_MAX, .arg = "N",
        .key = "members", .optional = true,
        .help =
            "train N models side by side that start from different weights, and average their logits, which "
            "may be more accurate on few rows, for N times the work and the file",
        .rare = true},

    {APG_SETTING_SIZE, 0, "heads", AT(heads), .least = 1, .most = COUNT_MAX, .arg = "N", .key = "heads",
        OF_BACKBONE("autoint|difm"),
        .help = "heads of each layer of self-attention; for --backbone autoint and difm"},
    {APG_SETTING_SIZE, 0, "attention-layers", AT(n_attention), .least = 1, .most = APG_LAYERS_MAX, .arg = "N",
        .key = "attention_layers", OF_BACKBONE("autoint"),
        .help = "number of layers of self-attention; for --backbone autoint"},
    {APG_SETTING_SIZES, 0, "cin", SIZES(cin, arch.n_cin), .least = 1, .most = COUNT_MAX, .arg = "M,...",
        .key = "cin", OF_BACKBONE("xdeepfm"),
        .help = "feature maps of each layer of the interaction network; for --backbone xdeepfm"},
    {APG_SETTING_SIZE, 0, "cross-layers", AT(n_cross), .least = 1, .most = APG_LAYERS_MAX, .arg = "N",
        .key = "cross_layers", OF_BACKBONE("dcn"), .help = "number of cross layers; for --backbone dcn"},
    {APG_SETTING_SIZE, 0, "cross-rank", AT(cross_rank), .least = 0, .most = COUNT_MAX, .arg = "R",
        .key = "cross_rank", OF_BACKBONE("dcn"),
        .help = "rank of the cross layers' matrices; 0: full; for --backbone dcn"},
    {APG_SETTING_CHOICE, 0, "bilinear", AT(bilinear), .arg = APG_BILINEARS, .key = "bilinear",
        OF_BACKBONE("fibinet"),
        .help = "which pairs of fields share a matrix of --backbone fibinet: all, those with the same "
                "first field (each), or none (interaction)"},

    {APG_SETTING_CHOICE, 0, "form", AT(form),
        .arg = APG_FORMS "|v1=full|v2=lowrank|v3=decomposed|v4=shared|v5=overparam", .key = "form",
        OF_LAYER("apg"),
        .help = "form of a generated layer: v1 to v5 of the paper, in this order, or a static layer "
                "plus v4 (residual)",
        .rare = true},
    {APG_SETTING_SIZES, 0, "rank", SIZES(K, n_rank), .least = 0, .most = COUNT_MAX, .arg = "K,...",
        .key = "rank", OF_LAYER("apg"),
        .help = "rank of the generated matrices, a number for each hidden layer; the last is also for "
                "the layers that follow; 0: that layer is static; the default of other forms than "
                "residual is 16",
        .rare = true},
    {APG_SETTING_SIZES, 0, "overparam", SIZES(P, n_overparam), .least = 0, .most = WIDTH_MAX, .arg = "P,...",
        .key = "overparam", OF_LAYER("apg"),
        .help = "inner width of U and V as products in training, for each hidden layer as in --rank; "
                "for --form overparam, where the default is 128, and for residual if given",
        .rare = true},
    {APG_SETTING_CHOICE, 0, "bias", AT(bias), .arg = APG_BIASES, .key = "bias", OF_LAYER("apg"),
        .help = "bias of a generated layer: trained (static), generated as its weights are, or none",
        .rare = true},
    {APG_SETTING_SIZES, 0, "generator-hidden", SIZES(generator, arch.n_generator), .least = 1,
        .most = WIDTH_MAX, .arg = "N,...", .key = "generator_hidden", OF_LAYER("apg|ppnet"),
        .help = "widths of the generator's hidden layers; without any it is linear; the default of "
                "--layer ppnet is 64",
        .rare = true},
    {APG_SETTING_SIZE, 0, "generator-rank", AT(generator_rank), .least = 0, .most = WIDTH_MAX, .arg = "R",
        .key = "generator_rank", OF_LAYER("apg"),
        .help = "rank of the generator's last matrix, where its input is wider than that; 0: full, the "
                "default of other forms than residual",
        .rare = true},
    {APG_SETTING_CHOICE, 0, "init", .at = offsetof(struct apg_arch_settings, init), .arg = "anchor|paper",
        OF_LAYER("apg"),
        .help = "how the generated matrix S starts: near the identity (anchor), or as random numbers "
                "near zero (paper)",
        .rare = true},
    {APG_SETTING_CHOICE, AT(mode), .arg = APG_CONDITIONS, .key = "condition"},
    {APG_SETTING_STRING, 0, "condition", .at = offsetof(struct apg_arch_settings, condition),
        .arg = "CONDITION", OF_LAYER("apg|ppnet"),
        .help = "what weights are generated from: the input of each layer (self), columns side by side "
                "(group:COL[,COL...]), columns as conditions of their own (mix:COL,COL[,...]); or "
                "auto: what validates best"},
    {APG_SETTING_CHOICE, 0, "aggregate", AT(aggregate), .arg = APG_AGGREGATES, .key = "aggregate",
        OF_LAYER("apg"),
        .help = "how the conditions of a mix become one: their embeddings before one generator "
                "(input), or what a generator makes of each (output)",
        .rare = true},
    {APG_SETTING_SIZES, AT(condition), .n_at = offsetof(struct apg_arch_settings, arch.n_condition),
        .room = APG_CONDITION_MAX, .least = 0, .most = UINT32_MAX, .key = "condition_fields"},
    {APG_SETTING_SWITCH, 0, "condition-embedding", AT(own_embedding), .arg = "shared|own",
        .key = "condition_own", OF_LAYER("apg|ppnet"),
        .help = "whether the condition is made of the model's embeddings, or of a table of its own",
        .rare = true},
    {APG_SETTING_SWITCH, 0, "condition-gradient", AT(stop_gradient), .arg = "through|stopped",
        .key = "condition_stopped", OF_LAYER("apg|ppnet"),
        .help = "whether training the generator trains the condition's embeddings too", .rare = true},

    {APG_SETTING_STRING, 0, "domain", .at = offsetof(struct apg_arch_settings, domain), .arg = "COL",
        OF_LAYER("star"), .help = "column whose tokens are the domains of --layer star, which needs it",
        .rare = true},
    {APG_SETTING_SIZE, AT(domain), .least = 0, .most = UINT32_MAX, .key = "domain_field"},
    {APG_SETTING_SIZE, 0, "partition-rows", AT(partition_rows), .least = 0, .most = ROWS_MAX, .arg = "N",
        .key = "partition_rows", OF_LAYER("star"),
        .help = "normalize the rows of a domain by themselves where a batch has at least N of them; 0: "
                "never; for --layer star",
        .rare = true},
    {.kind = APG_SETTING_END},
};

void apg_arch_default(struct apg_arch_settings *s)
{
    *s = (struct apg_arch_settings){
        .arch = {.backbone = apg_names_find(APG_BACKBONES, "deepfm"),
            .layer = apg_names_find(APG_LAYERS, "apg"),
            .members = 1,
            .E = 16,
            .n_hidden = 3,
            .hidden = {256, 128, 64},
            .heads = 2,
            .n_attention = 2,
            .n_cin = 2,
            .cin = {16, 16},
            .n_cross = 3,
            .bilinear = 1,
            .form = APG_FORM_RESIDUAL,
            .K = {RESIDUAL_RANK, 0},
            .generator_rank = RESIDUAL_GENERATOR_RANK,
            .partition_rows = 16},
        .n_rank = 2,
        .condition = "self",
        .embedding_std = 1e-2,
        .init = APG_INIT_PAPER,
    };
}

static const struct apg_layer *layer_of(const struct apg_arch *a)
{
    return &apg_layers[a->layer];
}

bool apg_arch_is_automatic(const struct apg_arch_settings *s)
{
    return strcmp(s->condition, "auto") == 0;
}

/* ---- columns ---- */

static enum apg_status no_field(
    const char *option, const char *name, const struct apg_schema *schema, struct apg_error *err)
{
    struct apg_near near = apg_near_to(name, strlen(name));
    apg_schema_near(schema, &near);
    return apg_fail(err, APG_ESETTING, "%s: '%s' is no column that the model reads%s", option, name,
        apg_near_hint(&near));
}

/* Read TEXT, "self", "group:COL[,COL]...", "mix:COL,COL..." or "auto": set the mode and, with SCHEMA, the
 * columns. */
static enum apg_status read_condition(
    struct apg_arch *a, const char *text, const struct apg_schema *schema, struct apg_error *err)
{
    a->mode = strncmp(text, "group:", 6) == 0 ? APG_CONDITION_GROUP
              : strncmp(text, "mix:", 4) == 0 ? APG_CONDITION_MIX
                                              : APG_CONDITION_SELF;
    if (strcmp(text, "self") == 0 || strcmp(text, "auto") == 0)
        return APG_OK;
    if (a->mode == APG_CONDITION_SELF) {
        struct apg_near near = apg_near_to(text, strcspn(text, ":"));
        apg_near_try_names(&near, "auto|self|group|mix");
        return apg_fail(err, APG_ESETTING,
            "--condition takes auto, self, group:COLUMN[,COLUMN...] or mix:COLUMN,COLUMN[,...], not '%s'%s",
            text, apg_near_hint(&near));
    }
    const char *columns = strchr(text, ':') + 1;
    struct apg_list seen = {0, (char *[APG_CONDITION_MAX]){0}};
    const size_t least = a->mode == APG_CONDITION_MIX ? 2 : 1;
    char *names = strdup(columns), *rest = names;
    enum apg_status status = names ? APG_OK : apg_fail_memory(err);
    while (!status && rest && *rest) {
        const char *at = columns + (rest - names);
        char *name = apg_list_cut(&rest);
        const size_t f = schema && name ? apg_schema_find(schema, name) : 0;
        if (!name)
            status = apg_fail(err, APG_ESETTING, "--condition: there is no column's name at '%s'", at);
        else if (seen.n == APG_CONDITION_MAX)
            status = apg_fail(err, APG_ESETTING, "--condition has too many columns");
        else if (apg_list_has(&seen, name))
            status = apg_fail(err, APG_ESETTING, "--condition has the column '%s' twice", name);
        else if (f == SIZE_MAX)
            status = no_field("--condition", name, schema, err);
        else {
            seen.item[seen.n++] = name;
            if (schema)
                a->condition[a->n_condition++] = f;
        }
    }
    free(names);
    if (!status && seen.n < least)
        status = apg_fail(err, APG_ESETTING, "--condition %.*s needs %s", (int)(columns - text), text,
            least == 1 ? "a column" : "two columns or more");
    return status;
}

/* Operators keep a domain's number in a float (nn/op_domain.c), which holds whole numbers up to 2^24. */
enum { DOMAINS_MAX = 1 << 24 };

static bool domains_fit(const struct apg_field *f)
{
    return f->rows <= DOMAINS_MAX;
}

static enum apg_status read_domain(
    struct apg_arch *a, const char *column, const struct apg_schema *schema, struct apg_error *err)
{
    size_t f = apg_schema_find(schema, column);
    if (f == SIZE_MAX)
        return no_field("--domain", column, schema, err);
    if (!apg_field_is_domain(&schema->field[f]))
        return apg_fail(err, APG_ESETTING,
            "--domain: '%s' is %s: a domain is a categorical or a bucket column", column,
            apg_kind_name[schema->field[f].kind]);
    if (!domains_fit(&schema->field[f]))
        return apg_fail(err, APG_ESETTING, "--domain: '%s' has %u tokens, of which at most %d can be domains",
            column, schema->field[f].rows, DOMAINS_MAX);
    a->domain = f;
    return APG_OK;
}

enum apg_status apg_arch_columns(
    struct apg_arch_settings *s, const struct apg_schema *schema, struct apg_error *err)
{
    s->arch.n_condition = 0;
    enum apg_status status = read_condition(&s->arch, s->condition, schema, err);
    return status || !s->domain ? status : read_domain(&s->arch, s->domain, schema, err);
}

/* ---- what goes together ---- */

/* Give each of N layers its number: the last of the N_GIVEN numbers is also for the layers that follow. */
static void spread(size_t *to, size_t n_given, size_t n)
{
    for (size_t i = 0; i < APG_LAYERS_MAX; i++)
        if (i >= n || !n_given)
            to[i] = 0;
        else if (i >= n_given)
            to[i] = to[n_given - 1];
}

static void fill_defaults(struct apg_arch_settings *s, const struct apg_given *given)
{
    struct apg_arch *a = &s->arch;
    const bool residual = a->form == APG_FORM_RESIDUAL;
    if (layer_of(a)->gated && !apg_given_has(given, "generator-hidden"))
        a->n_generator = 1, a->generator[0] = GATE_WIDTH;
    if (!residual && !apg_given_has(given, "rank"))
        s->n_rank = 1, a->K[0] = RANK;
    if (!residual && !apg_given_has(given, "generator-rank"))
        a->generator_rank = 0;
    if (a->form == APG_FORM_OVERPARAM && !apg_given_has(given, "overparam"))
        s->n_overparam = 1, a->P[0] = OVERPARAM_WIDTH;
    spread(a->K, s->n_rank, a->n_hidden);
    spread(a->P, s->n_overparam, a->n_hidden);
}

static bool backbone_has(const struct apg_arch *a, const char *setting)
{
    return apg_names_find(
               apg_setting_find(apg_arch_members, setting)->of_names, apg_backbones[a->backbone].name) >= 0;
}

/* Rules for every description, whether a user gives it or a file holds it. */
static enum apg_status check_arch(const struct apg_arch *a, struct apg_error *err)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): by its row in the table it is at least 1 */
    if (backbone_has(a, "heads") && a->E % a->heads)
        return apg_fail(
            err, APG_ESETTING, "--embedding-dim %zu cannot be cut into --heads %zu", a->E, a->heads);
    if (backbone_has(a, "cin") && !a->n_cin)
        return apg_fail(err, APG_ESETTING, "--cin needs a layer");
    if (layer_of(a)->gated && a->mode != APG_CONDITION_GROUP)
        return apg_fail(err, APG_ESETTING, "--layer ppnet needs --condition group:COLUMN[,COLUMN...]");
    if (a->partition_rows == 1)
        return apg_fail(
            err, APG_ESETTING, "--partition-rows takes 0, or 2 and more: one row has no variance");
    return APG_OK;
}

/* Refuse a setting that would do nothing: its user expects something of it. */
static enum apg_status check_given(
    const struct apg_arch_settings *s, const struct apg_given *given, struct apg_error *err)
{
    const struct apg_arch *a = &s->arch;
    const struct {
        const char *option;
        bool wrong;
        const char *text;
    } check[] = {
        {"layer", layer_of(a)->has_domains && !s->domain, "--layer star needs --domain"},
        {"overparam", a->form != APG_FORM_OVERPARAM && a->form != APG_FORM_RESIDUAL,
            "--overparam is of --form overparam and residual"},
        {"rank", a->form == APG_FORM_FULL, "--form full has no rank"},
        {"init", a->form == APG_FORM_RESIDUAL,
            "--form residual starts at the static layer: it has no --init"},
        {"aggregate", a->mode != APG_CONDITION_MIX, "--aggregate is of --condition mix:"},
        {"condition-embedding", a->mode == APG_CONDITION_SELF && !apg_arch_is_automatic(s),
            "--condition self is no embedding: neither its own, nor stopped"},
        {"condition-gradient", a->mode == APG_CONDITION_SELF && !apg_arch_is_automatic(s),
            "--condition self is no embedding: neither its own, nor stopped"},
    };
    if ((s->n_rank > a->n_hidden && s->n_rank > 1 && apg_given_has(given, "rank")) ||
        (s->n_overparam > a->n_hidden && s->n_overparam > 1 && apg_given_has(given, "overparam")))
        return apg_fail(err, APG_ESETTING,
            "--rank and --overparam take at most a number for each of %zu hidden layers", a->n_hidden);
    for (size_t i = 0; i < sizeof check / sizeof *check; i++)
        if (check[i].wrong && apg_given_has(given, check[i].option))
            return apg_fail(err, APG_ESETTING, "%s", check[i].text);
    return APG_OK;
}

/* --condition auto goes on from a static model, and only the residual form starts as one. */
static enum apg_status check_automatic(const struct apg_arch *a, struct apg_error *err)
{
    if (a->form != APG_FORM_RESIDUAL)
        return apg_fail(
            err, APG_ESETTING, "--condition auto goes on from a static model: only --form residual can");
    if (!layer_of(a)->generated)
        return apg_fail(err, APG_ESETTING, "--condition auto is of --layer apg");
    if (a->bias != APG_BIAS_STATIC)
        return apg_fail(
            err, APG_ESETTING, "--condition auto goes on from a static model: its --bias is static");
    for (size_t l = 0; l < a->n_hidden; l++)
        if (a->K[l])
            return APG_OK;
    return apg_fail(err, APG_ESETTING, "--condition auto needs a layer with a --rank");
}

enum apg_status apg_arch_settle(
    struct apg_arch_settings *s, const struct apg_given *given, struct apg_error *err)
{
    enum apg_status status = read_condition(&s->arch, s->condition, NULL, err);
    if (status)
        return status;
    fill_defaults(s, given);
    if ((status = check_arch(&s->arch, err)) || (status = check_given(s, given, err)))
        return status;
    return apg_arch_is_automatic(s) ? check_automatic(&s->arch, err) : APG_OK;
}

/* ---- the JSON object ---- */

static const void *member(const struct apg_setting *row, const struct apg_arch_settings *s)
{
    return (const char *)s + row->at;
}

/* The count of a SIZES member. */
static size_t *count(const struct apg_setting *row, struct apg_arch_settings *s)
{
    return (size_t *)(void *)((char *)s + row->n_at);
}

static json_t *value_json(const struct apg_setting *row, struct apg_arch_settings *s)
{
    const void *at = member(row, s);
    const size_t *sizes = at;
    int bad = 0;
    json_t *j;
    size_t length;
    const char *name;
    switch (row->kind) {
    case APG_SETTING_FLAG:
    case APG_SETTING_SWITCH:
        return json_boolean(*(const bool *)at);
    case APG_SETTING_REAL:
        return json_real(*(const double *)at);
    case APG_SETTING_SIZE:
        return json_integer((json_int_t)*sizes);
    case APG_SETTING_SIZES:
        j = json_array();
        for (size_t i = 0; i < *count(row, s); i++)
            bad |= json_array_append_new(j, json_integer((json_int_t)sizes[i]));
        return apg_json_whole(j, bad);
    case APG_SETTING_CHOICE:
        name = apg_names_at(row->arg, *(const int *)at, &length);
        return json_stringn(name, length);
    default:
        return NULL;
    }
}

char *apg_arch_text(const struct apg_arch *a)
{
    struct apg_arch_settings s = {.arch = *a, .n_rank = a->n_hidden, .n_overparam = a->n_hidden};
    json_t *j = json_object();
    int bad = 0;
    for (const struct apg_setting *row = apg_arch_members; row->kind != APG_SETTING_END; row++)
        if (row->key && !(row->optional && (double)*(const size_t *)member(row, &s) <= row->least))
            bad |= json_object_set_new(j, row->key, value_json(row, &s));
    j = apg_json_whole(j, bad);
    char *text = j ? apg_json_text(j) : NULL;
    json_decref(j);
    return text;
}

/* Does S have a backbone or layer that uses the row? */
static bool is_of(const struct apg_setting *row, const struct apg_arch_settings *s)
{
    const char *name = !row->of                           ? NULL
                       : strcmp(row->of, "backbone") == 0 ? apg_backbones[s->arch.backbone].name
                                                          : apg_layers[s->arch.layer].name;
    return !name || apg_names_find(row->of_names, name) >= 0;
}

static bool size_from(const json_t *v, size_t least, double most, size_t *out)
{
    const json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < (json_int_t)least || (double)n > most)
        return false;
    *out = (size_t)n;
    return true;
}

/* Read the member from V. False: it is out of range; but a member that the backbone or layer does not use
 * may be 0. */
static bool value_from(const struct apg_setting *row, struct apg_arch_settings *s, const json_t *v)
{
    void *at = (char *)s + row->at;
    const size_t least = is_of(row, s) ? (size_t)row->least : 0;
    size_t n = json_array_size(v);
    int index;
    switch (row->kind) {
    case APG_SETTING_FLAG:
    case APG_SETTING_SWITCH:
        *(bool *)at = json_is_true(v);
        return json_is_boolean(v);
    case APG_SETTING_REAL:
        *(double *)at = json_number_value(v);
        return json_is_number(v) && *(double *)at >= row->least && *(double *)at <= row->most;
    case APG_SETTING_SIZE:
        return size_from(v, least, row->most, at);
    case APG_SETTING_SIZES:
        if (!json_is_array(v) || n > row->room)
            return false;
        *count(row, s) = n;
        while (n-- > 0)
            if (!size_from(json_array_get(v, n), (size_t)row->least, row->most, (size_t *)at + n))
                return false;
        return true;
    case APG_SETTING_CHOICE:
        index = json_is_string(v) ? apg_names_find(row->arg, json_string_value(v)) : -1;
        *(int *)at = index;
        return index >= 0;
    default:
        return false;
    }
}

static bool fits(const struct apg_arch_settings *s, const struct apg_schema *schema)
{
    const struct apg_arch *a = &s->arch;
    for (size_t i = 0; i < a->n_condition; i++)
        if (a->condition[i] >= schema->n_fields)
            return false;
    return a->domain < schema->n_fields && s->n_rank == a->n_hidden && s->n_overparam == a->n_hidden &&
           (a->n_condition > 0 || a->mode == APG_CONDITION_SELF) &&
           (!layer_of(a)->has_domains ||
               (apg_field_is_domain(&schema->field[a->domain]) && domains_fit(&schema->field[a->domain]))) &&
           !check_arch(a, NULL);
}

bool apg_arch_parse(struct apg_arch *a, const char *text, const struct apg_schema *schema)
{
    json_t *j = apg_json_parse(text);
    struct apg_arch_settings s = {0};
    bool ok = json_is_object(j);
    for (const struct apg_setting *row = apg_arch_members; ok && row->kind != APG_SETTING_END; row++)
        ok = !row->key || (row->optional && !json_object_get(j, row->key)) ||
             value_from(row, &s, json_object_get(j, row->key));
    ok = ok && fits(&s, schema);
    json_decref(j);
    *a = ok ? s.arch : (struct apg_arch){0};
    return ok;
}
