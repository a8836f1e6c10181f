/* SPDX-License-Identifier: MIT */
#include "common/model_options.h"
#include <stdio.h>
#include <string.h>

const char *arch_args_choices(char *out, size_t size, const void *table, size_t row)
{
    size_t n = 0;
    for (const char *at = table;; at += row) {
        const char *name;
        memcpy(&name, at, sizeof name);
        if (!name)
            return out;
        n += (size_t)snprintf(out + n, size - n, "%s%s", n ? "|" : "", name);
    }
}

/* "self", "group:COL[,COL]..." or "mix:COL,COL...". */
static int read_condition(
    const struct opt_command *command, const char *text, const struct apg_schema *s, struct apg_arch *a)
{
    a->mode = strncmp(text, "group:", 6) == 0 ? APG_CONDITION_GROUP
              : strncmp(text, "mix:", 4) == 0 ? APG_CONDITION_MIX
                                              : APG_CONDITION_SELF;
    if (strcmp(text, "self") == 0 || strcmp(text, "auto") == 0)
        return OPT_GO;
    if (a->mode == APG_CONDITION_SELF)
        return opt_usage(command,
            "--condition takes auto, self, group:COLUMN[,COLUMN...] or mix:COLUMN,COLUMN[,...], not '%s'",
            text);
    const char *columns = strchr(text, ':') + 1;
    size_t least = a->mode == APG_CONDITION_MIX ? 2 : 1, n_columns = 0;
    for (const char *c = columns; *c;) {
        char name[1024];
        size_t n = strcspn(c, ",");
        if (n >= sizeof name || n_columns++ == APG_CONDITION_MAX)
            return opt_usage(command, "--condition has too many columns, or too long a name");
        memcpy(name, c, n);
        name[n] = 0;
        size_t f = s ? apg_schema_find(s, name) : 0;
        if (f == SIZE_MAX)
            return opt_usage(command, "--condition: '%s' is no column that the model reads", name);
        if (s)
            a->condition[a->n_condition++] = f;
        c += n + (c[n] == ',');
    }
    if (n_columns < least)
        return opt_usage(command, "--condition %.*s needs %s", (int)(columns - text), text,
            least == 1 ? "a column" : "two columns or more");
    return OPT_GO;
}

static int read_domain(
    const struct opt_command *command, const char *column, const struct apg_schema *s, struct apg_arch *a)
{
    size_t f = apg_schema_find(s, column);
    if (f == SIZE_MAX)
        return opt_usage(command, "--domain: '%s' is no column that the model reads", column);
    if (!apg_field_is_domain(&s->field[f]))
        return opt_usage(command, "--domain: '%s' is %s: a domain is a categorical or a bucket column",
            column, apg_kind_name[s->field[f].kind]);
    a->domain = f;
    return OPT_GO;
}

static bool copy_sizes(const struct opt_sizes *from, size_t *to, size_t *n)
{
    *n = from->n;
    for (size_t i = 0; i < from->n && i < APG_LAYERS_MAX; i++)
        to[i] = from->item[i];
    return from->n <= APG_LAYERS_MAX;
}

/* A number for each of N layers; the last is also that of the layers that have none. More than there are
 * layers must not be given. */
static bool spread(const char *option, const struct opt_sizes *from, size_t *to, size_t n)
{
    for (size_t i = 0; i < n && from->n; i++)
        to[i] = from->item[i < from->n ? i : from->n - 1];
    return from->n == 1 || from->n <= n || !opt_given(option);
}

/* Options of some backbones, or layers, alone. One that would do nothing is refused: its user means something
 * else. */
struct option_of {
    const char *option, *names;
};
static const struct option_of of_backbones[] = {{"heads", "autoint"}, {"attention-layers", "autoint"},
    {"cin", "xdeepfm"}, {"cross-layers", "dcn"}, {"cross-rank", "dcn"}, {"bilinear", "fibinet"}};
static const struct option_of of_layers[] = {{"form", "apg"}, {"condition", "apg|ppnet"},
    {"aggregate", "apg"}, {"condition-embedding", "apg|ppnet"}, {"condition-gradient", "apg|ppnet"},
    {"rank", "apg"}, {"overparam", "apg"}, {"generator-hidden", "apg|ppnet"}, {"generator-rank", "apg"},
    {"generator-l2", "apg"}, {"bias", "apg"}, {"init", "apg"}, {"domain", "star"},
    {"partition-rows", "star"}};

/* WHAT: the option that names the backbone, or layer, NAME. */
static int check_of(const struct opt_command *command, const struct option_of *of, size_t n, const char *what,
    const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (opt_given(of[i].option) && apg_name_find(of[i].names, name) < 0)
            return opt_usage(command, "--%s is of --%s %s, not of %s", of[i].option, what, of[i].names, name);
    return OPT_GO;
}

static int check_backbone(const struct opt_command *command, const struct apg_arch *a)
{
    const char *backbone = apg_backbones[a->backbone].name;
    int code =
        check_of(command, of_backbones, sizeof of_backbones / sizeof *of_backbones, "backbone", backbone);
    if (code != OPT_GO)
        return code;
    if (strcmp(backbone, "autoint") == 0 && a->E % a->heads)
        return opt_usage(command, "--embedding-dim %zu cannot be cut into --heads %zu", a->E, a->heads);
    if (!a->n_cin)
        return opt_usage(command, "--cin needs a layer");
    return OPT_GO;
}

static int check_layer(const struct opt_command *command, const struct apg_arch *a, bool automatic)
{
    const char *layer = apg_layers[a->layer].name;
    int code = check_of(command, of_layers, sizeof of_layers / sizeof *of_layers, "layer", layer);
    if (code != OPT_GO)
        return code;
    if (strcmp(layer, "ppnet") == 0 && a->mode != APG_CONDITION_GROUP)
        return opt_usage(command, "--layer ppnet needs --condition group:COLUMN[,COLUMN...]");
    if (strcmp(layer, "star") == 0 && !opt_given("domain"))
        return opt_usage(command, "--layer star needs --domain");
    if (strcmp(layer, "star") == 0 && a->partition_rows == 1)
        return opt_usage(command, "--partition-rows takes 0, or 2 and more: one row has no variance");
    if (opt_given("overparam") && a->form != APG_FORM_OVERPARAM && a->form != APG_FORM_RESIDUAL)
        return opt_usage(command, "--overparam is of --form overparam and residual");
    if (opt_given("rank") && a->form == APG_FORM_FULL)
        return opt_usage(command, "--form full has no rank");
    if (opt_given("init") && a->form == APG_FORM_RESIDUAL)
        return opt_usage(command, "--form residual starts at the static layer: it has no --init");
    if (opt_given("aggregate") && a->mode != APG_CONDITION_MIX)
        return opt_usage(command, "--aggregate is of --condition mix:");
    if (a->mode == APG_CONDITION_SELF && !automatic &&
        (opt_given("condition-embedding") || opt_given("condition-gradient")))
        return opt_usage(command, "--condition self is no embedding: neither its own, nor stopped");
    return OPT_GO;
}

/* What --condition auto goes on from is the static model: only the residual form starts there. */
static int check_auto(const struct opt_command *command, const struct apg_arch *a)
{
    if (a->form != APG_FORM_RESIDUAL)
        return opt_usage(command, "--condition auto goes on from a static model: only --form residual can");
    if (strcmp(apg_layers[a->layer].name, "apg") != 0)
        return opt_usage(command, "--condition auto is of --layer apg");
    if (a->bias != APG_BIAS_STATIC)
        return opt_usage(command, "--condition auto goes on from a static model: its --bias is static");
    for (size_t l = 0; l < a->n_hidden; l++)
        if (a->K[l])
            return OPT_GO;
    return opt_usage(command, "--condition auto needs a layer with a --rank");
}

int arch_args_read(const struct opt_command *command, struct arch_args *args)
{
    struct apg_arch *a = &args->arch;
    int code = read_condition(command, args->condition, NULL, a);
    if (code != OPT_GO)
        return code;
    args->automatic = strcmp(args->condition, "auto") == 0;
    if (!copy_sizes(&args->hidden, a->hidden, &a->n_hidden) ||
        !copy_sizes(&args->generator, a->generator, &a->n_generator) ||
        !copy_sizes(&args->cin, a->cin, &a->n_cin))
        return opt_usage(command, "at most %d layers", APG_LAYERS_MAX);
    if (strcmp(apg_layers[a->layer].name, "ppnet") == 0 && !opt_given("generator-hidden"))
        a->n_generator = 1, a->generator[0] = 64;
    a->form = (enum apg_form)args->form, a->bias = (enum apg_bias)args->bias;
    a->aggregate = (enum apg_aggregate)args->aggregate;
    a->own_embedding = args->own, a->stop_gradient = args->stopped;
    if (a->form == APG_FORM_RESIDUAL && !opt_given("rank"))
        args->rank = (struct opt_sizes){2, {32, 0}};
    if (a->form == APG_FORM_RESIDUAL && !opt_given("generator-rank"))
        a->generator_rank = 64;
    if (a->form != APG_FORM_OVERPARAM && !(a->form == APG_FORM_RESIDUAL && opt_given("overparam")))
        args->overparam = (struct opt_sizes){1, {0}};
    if (!spread("rank", &args->rank, a->K, a->n_hidden) ||
        !spread("overparam", &args->overparam, a->P, a->n_hidden))
        return opt_usage(command,
            "--rank and --overparam take at most a number for each of %zu hidden layers", a->n_hidden);
    if ((code = check_backbone(command, a)) != OPT_GO ||
        (code = check_layer(command, a, args->automatic)) != OPT_GO)
        return code;
    return args->automatic ? check_auto(command, a) : OPT_GO;
}

int arch_args_columns(const struct opt_command *command, struct arch_args *args, const struct apg_schema *s)
{
    int code = read_condition(command, args->condition, s, &args->arch);
    if (code == OPT_GO && args->domain)
        code = read_domain(command, args->domain, s, &args->arch);
    return code;
}
