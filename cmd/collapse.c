/* SPDX-License-Identifier: MIT
 *
 * apg collapse: makes a model smaller for serving, in steps, each of which is compared with the model
 * before it on random rows (apg_collapse of apg.h).
 */
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"

static const struct {
    const char *name, *nothing; /* what is said when there was nothing to do */
} steps[APG_COLLAPSE_STEPS] = {
    [APG_COLLAPSE_FACTORS] = {"factors", "no factors to multiply"},
    [APG_COLLAPSE_NORM] = {"norm", "no batch normalization to fold"},
    [APG_COLLAPSE_HALVE] = {"embedding f16", "no embedding tables"},
};

static void tell(const struct apg_collapsed *r, int step)
{
    const size_t saved = r->bytes - r->bytes_then;
    if (saved)
        fprintf(stderr,
            "apg collapse: %s: %zu bytes of weights became %zu (%zu bytes saved); largest logit difference "
            "%.2g\n",
            steps[step].name, r->bytes, r->bytes_then, saved, r->difference);
    else
        fprintf(stderr, "apg collapse: %s: %s\n", steps[step].name,
            r->stays ? "partitioned normalization stays" : steps[step].nothing);
}

int cmd_collapse(int argc, char **argv)
{
    const char *out_path = NULL;
    int embedding = 0;
    bool quiet = false;
    const struct opt table[] = {
        OPT_CHOICE(0, "embedding", &embedding, "f32|f16",
            "precision of the embedding tables: as they are (f32), or half of it (f16)"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &quiet, "do not show what each step saved"),
        OPT_END,
    };
    const struct opt_command command = {"collapse", "[OPTION]... [MODEL]",
        "Make a model smaller for serving: multiply its factors, fold its batch normalization.", table,
        "    apg collapse < model.apg > serve.apg\n"
        "    apg collapse --embedding f16 -o serve.apg model.apg"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO)
        return code;
    if (argc > 1)
        return opt_usage(&command, "one model at a time");
    struct apg *model = NULL;
    struct apg_collapsed report[APG_COLLAPSE_STEPS];
    struct apg_error err;
    struct output out = {0};
    enum apg_status status = input_open_model(&model, argc ? argv[0] : NULL, &err);
    if (status || (status = apg_collapse(model, embedding, report, &err)) ||
        (status = output_open(&out, out_path, true, &err)))
        goto done;
    for (int i = 0; !quiet && i < (embedding ? APG_COLLAPSE_STEPS : APG_COLLAPSE_HALVE); i++)
        tell(&report[i], i);
    if (!(status = apg_write(model, output_sink(&out), &err)))
        status = output_commit(&out, &err);
done:
    if (status)
        output_abandon(&out);
    apg_close(model);
    return status ? message_fail(&err) : EXIT_OK;
}
