/* SPDX-License-Identifier: MIT
 *
 * apg inspect: what is in a model or a feature file. One JSON tree is made; the text is printed
 * from it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "data/columns.h"
#include "model/model.h"
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/report.h"

static json_t *json_columns(const struct apg_schema *s)
{
    json_t *columns = json_array();
    int bad = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct apg_field *f = &s->field[i];
        json_t *c = json_pack("{s:s, s:s}", "name", f->name, "kind", apg_kind_name[f->kind]);
        if (f->kind == APG_NUMERIC) {
            bad |= json_object_set_new(c, "mean", json_real(f->mean));
            bad |= json_object_set_new(c, "deviation", json_real(f->deviation));
            if (f->bounded) {
                bad |= json_object_set_new(c, "low", json_real((double)f->low));
                bad |= json_object_set_new(c, "high", json_real((double)f->high));
            }
            bad |= json_object_set_new(c, "bins", json_integer(f->n_edges ? f->n_edges + 1 : 0));
        } else {
            bad |= json_object_set_new(c, "ids", json_integer(f->rows));
        }
        bad |= json_array_append_new(columns, c);
    }
    return apg_json_whole(columns, bad);
}

static json_t *json_tensors(const struct apg_tensors *t)
{
    json_t *tensors = json_array();
    int bad = 0;
    for (size_t i = 0; i < apg_tensors_count(t); i++) {
        const struct apg_tensor_view *v = apg_tensors_at(t, i);
        json_t *shape = json_array();
        for (size_t d = 0; d < v->n_dims; d++)
            bad |= json_array_append_new(shape, json_integer((json_int_t)v->dim[d]));
        bad |= json_array_append_new(tensors,
            json_pack("{s:s, s:s, s:o}", "name", v->name, "dtype", apg_dtype_name[v->dtype], "shape", shape));
    }
    return apg_json_whole(tensors, bad);
}

static json_t *json_crosses(const struct apg_schema *s)
{
    json_t *crosses = json_array();
    int bad = 0;
    for (size_t i = 0; i < s->n_crosses; i++) {
        const struct apg_cross *c = &s->cross[i];
        bad |= json_array_append_new(crosses, json_pack("{s:s, s:s, s:I}", "a", s->field[c->a].name, "b",
                                                  s->field[c->b].name, "ids", (json_int_t)c->vocab.n));
    }
    return apg_json_whole(crosses, bad);
}

/* The settings in OBJECT as options of a command line, freed with free(). NULL: out of memory. */
static char *options_of(const json_t *object)
{
    const char *name;
    json_t *value;
    size_t size = 1;
    json_object_foreach((json_t *)object, name, value) size +=
        strlen(name) + 4 * json_string_length(value) + sizeof "no- " + APG_OPTION_BYTES;
    char *options = calloc(size, 1), *end = options, with_no[128];
    json_object_foreach((json_t *)object, name, value)
    {
        (void)snprintf(with_no, sizeof with_no, "no-%s", name);
        if (!options || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
            continue; /* of a stranger's file */
        if (end > options)
            *end++ = ' ';
        end = apg_setting_option(end, json_is_false(value) ? with_no : name, json_string_value(value));
    }
    return options;
}

/* What made schema S and, unless NULL, model M: the settings of both in "settings" (but of one that went on from
 * another, whose columns are its, the model's alone), the same as "options", and what else the model's file says
 * of it. Of a file of before that was kept it is empty. */
static json_t *describe_making(const struct apg_schema *s, const struct apg_model *m)
{
    json_t *made = json_object(), *settings = json_object(), *of_model = m ? apg_json_parse(m->made) : NULL,
           *of_schema = json_object_get(of_model, "from") ? NULL : apg_columns_settings(s);
    int bad = (of_schema ? json_object_update(settings, of_schema) : !json_object_get(of_model, "from")) ||
              (json_object_get(of_model, "settings") &&
                  json_object_update(settings, json_object_get(of_model, "settings")));
    char *options = bad ? NULL : options_of(settings);
    bad |= !options;
    if (!m || json_object_get(of_model, "settings")) {
        bad |= json_object_set_new(made, "options", json_string(options));
        bad |= json_object_set(made, "settings", settings);
    }
    if (of_model)
        (void)json_object_del(of_model, "settings"), bad |= json_object_update(made, of_model);
    free(options);
    json_decref(of_model);
    json_decref(of_schema);
    json_decref(settings);
    return apg_json_whole(made, bad);
}

/* All that is told about schema S and, unless NULL, model M. SIZE: bytes of the file, below 0 when
 * they are not known, of a pipe. NULL: out of memory. */
static json_t *describe(const struct apg_schema *s, const struct apg_model *m, json_int_t size)
{
    json_t *root = json_pack("{s:s, s:o, s:s, s:s*, s:o}", "kind", m ? "model" : "features", "bytes",
        size < 0 ? json_null() : json_integer(size), "label", s->label, "weight", s->weight, "columns",
        json_columns(s));
    int bad = 0;
    if (root && s->missing.n) {
        json_t *missing = json_array();
        for (size_t i = 0; i < s->missing.n; i++)
            bad |= json_array_append_new(missing, json_string(s->missing.item[i]));
        bad |= json_object_set_new(root, "missing", missing);
    }
    if (root && s->n_crosses)
        bad |= json_object_set_new(root, "crosses", json_crosses(s));
    if (root && m) {
        size_t tables, other;
        apg_model_count(m, &tables, &other);
        bad |= json_object_set_new(root, "embedding_numbers", json_integer((json_int_t)tables));
        bad |= json_object_set_new(root, "other_numbers", json_integer((json_int_t)other));
        bad |= json_object_set_new(root, "collapsed", json_boolean(m->arch.collapsed));
        if (apg_tensors_get(m->file, "calibration"))
            bad |= json_object_set_new(root, "calibration",
                json_pack("{s:f, s:f, s:f}", "slope", m->calibration.slope, "offset", m->calibration.offset,
                    "negative_rate", m->calibration.rate));
        bad |= json_object_set_new(root, "checksum", json_string(apg_tensors_get(m->file, "checksum")));
    }
    if (root) {
        json_t *made = describe_making(s, m);
        bad |= !made || (json_object_size(made) && json_object_set(root, "made", made));
        json_decref(made);
    }
    if (root && m) {
        bad |=
            json_object_set_new(root, "architecture", json_loads(apg_tensors_get(m->file, "model"), 0, NULL));
        bad |= json_object_set_new(root, "tensors", json_tensors(m->file));
    }
    return root ? apg_json_whole(root, bad) : NULL;
}

/* Is S some printable ASCII and nothing else, so that it may be written as it is? */
static bool is_plain(const char *s)
{
    const char *end = s;
    while (s && *end >= ' ' && *end <= '~')
        end++;
    return s && end > s && !*end;
}

/* Write ROOT as lines "NAME: VALUE". Each member of an array or object has an indented line of its
 * own. Strings are written as in JSON, so that the name of a column cannot drive a terminal; but for options, which can be pasted into a shell.
 * Returns 0, or another number when a write failed. */
static int report(FILE *f, const json_t *root)
{
    const char *key, *name;
    json_t *value, *part, *x;
    size_t i;
    int bad = 0;
    json_object_foreach((json_t *)root, key, value)
    {
        fprintf(f, "%s:", key);
        if (!json_is_array(value) && !json_is_object(value)) {
            putc(' ', f);
            bad |= json_dumpf(value, f, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        }
        putc('\n', f);
        json_array_foreach(value, i, part)
        {
            fputs("  ", f);
            const char *between = "";
            if (!json_is_object(part))
                bad |= json_dumpf(part, f, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
            json_object_foreach(part, name, x)
            {
                fprintf(f, "%s%s ", between, name);
                bad |= json_dumpf(x, f, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
                between = ", ";
            }
            putc('\n', f);
        }
        json_object_foreach(value, name, part)
        {
            if (strcmp(name, "settings") == 0) /* its options are told */
                continue;
            fprintf(f, "  %s ", name);
            if (strcmp(name, "options") == 0 && is_plain(json_string_value(part)))
                fputs(json_string_value(part), f);
            else
                bad |= json_dumpf(part, f, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
            putc('\n', f);
        }
    }
    return bad;
}

/* Read all blocks of a feature file, whose checksums and rows are checked by that, and enter what
 * was counted. */
static enum apg_status verify_rows(struct apg_feat_reader *r, json_t *root, struct apg_error *err)
{
    struct apg_block b = {0};
    uint64_t rows = 0, positives = 0;
    enum apg_status status;
    while (!(status = apg_feat_next(r, &b, err)) && b.rows) {
        rows += b.rows;
        positives += apg_block_positives(&b);
    }
    apg_block_release(&b);
    if (!status && (json_object_set_new(root, "rows", json_integer((json_int_t)rows)) ||
                       json_object_set_new(root, "positives", json_integer((json_int_t)positives))))
        status = apg_fail_memory(err);
    return status;
}

int cmd_inspect(int argc, char **argv)
{
    bool as_json = false, verify = false;
    const char *path = NULL;
    const struct opt table[] = {OPT_MODEL(&path, "the model, as other commands have it; or FILE alone"),
        OPT_FLAG(0, "json", &as_json, "write JSON"),
        OPT_FLAG(0, "verify", &verify, "read the rows of a feature file too, check them and count them"),
        OPT_END};
    const struct opt_command command = {"inspect", "[OPTION]... [FILE]",
        "Show what is in a model or a feature file.", table,
        "    apg inspect model.apg\n    apg inspect --json logs.apgf | jq .columns"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO)
        return code;
    if (argc + (path != NULL) > 1)
        return opt_usage(&command, "one file at a time");
    if (argc)
        path = argv[0];
    struct apg_error err;
    struct apg_source in;
    struct apg_model *m = NULL;
    json_t *root = NULL;
    enum apg_status status = input_open_binary(&in, path, &err);
    if (status)
        goto done;
    if (in.tensors) {
        struct apg_tensors *t = in.tensors;
        in.tensors = NULL;
        if (!(status = apg_model_from(&m, t, 1, &err)))
            root = describe(m->schema, m, (json_int_t)apg_tensors_bytes(m->file));
    } else {
        struct stat st;
        if (fstat(in.fd, &st) != 0) {
            status = apg_fail_errno(&err, "%s", in.name);
            goto done;
        }
        const bool regular = S_ISREG(st.st_mode);
        root = describe(apg_feat_schema(in.feat), NULL, regular ? (json_int_t)st.st_size : -1);
        if (root && verify)
            status = verify_rows(in.feat, root, &err);
    }
    if (!status)
        status = apg_source_check(&in, &err);
    if (!status && !root)
        status = apg_fail_memory(&err);
    if (!status &&
        (as_json ? json_dumpf(root, stdout, JSON_INDENT(2)) || putchar('\n') == EOF : report(stdout, root)))
        status = apg_fail_errno(&err, "standard output");
done:
    json_decref(root);
    apg_model_free(m);
    input_close(&in);
    return status ? message_fail(&err) : EXIT_OK;
}
