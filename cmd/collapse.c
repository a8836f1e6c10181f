/* SPDX-License-Identifier: MIT
 *
 * apg collapse: a model made smaller for serving, in steps, each of which is held against the model before it
 * on random rows.
 */
#include <math.h>
#include "model/collapse.h"
#include "data/randrows.h"
#include "cmd.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"

enum { PROOF_ROWS = 1024 };

/* The largest difference of a logit over rows of random ids and numbers. */
static enum apg_status prove(
    struct apg_model *a, struct apg_model *b, struct apg_pool *pool, double *worst, struct apg_error *err)
{
    struct apg_randrows r;
    double x[2][PROOF_ROWS];
    enum apg_status status = apg_randrows_init(&r, a->schema, PROOF_ROWS, 1, err);
    if (!status && !(status = apg_model_logits(a, r.row, r.n, pool, x[0], err)))
        status = apg_model_logits(b, r.row, r.n, pool, x[1], err);
    *worst = 0;
    for (size_t i = 0; !status && i < PROOF_ROWS; i++)
        *worst = fmax(*worst, fabs(x[0][i] - x[1][i]));
    apg_randrows_release(&r);
    return status;
}

/* Bytes of weights. */
static size_t weights(const struct apg_model *m)
{
    size_t bytes = 0;
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        bytes += p->derived ? 0 : p->rows * p->cols * (p->half ? sizeof *p->half : sizeof *p->w);
    }
    return bytes;
}

/* The steps, in order. BOUND: the largest difference of a logit that is rounding alone. */
static const struct step {
    const char *name, *nothing; /* what is said when there was nothing to do */
    double bound;
} steps[] = {
    {"factors", "no factors to multiply", 1e-5},
    {"norm", "no batch normalization to fold", 1e-3},
    {"embedding f16", "", 0.1},
};
enum { FACTORS, NORM, HALVE };

struct collapse {
    const char *name; /* of the file */
    bool quiet;
    struct apg_model *loaded, *m; /* m: the last step's; the schema of both is the loaded one's */
    struct apg_pool *pool;
};

/* Do step I to c->m. */
static enum apg_status take(struct collapse *c, size_t i, struct apg_error *err)
{
    struct apg_model *to = NULL, *before = c->m;
    double worst = 0;
    enum apg_status status =
        i == NORM ? apg_collapse_norm(&to, before, err) : apg_collapse_factors(&to, before, err);
    if (!status && i == HALVE)
        status = apg_collapse_halve(to, err);
    if (!status && to)
        status = prove(before, to, c->pool, &worst, err);
    if (!status && !(worst <= steps[i].bound))
        status =
            apg_fail(err, APG_ERANGE, "%s: after step %s logits differ by %g", c->name, steps[i].name, worst);
    if (status) {
        apg_model_free(to);
        return status;
    }
    size_t from = weights(before), saved = to ? from - weights(to) : 0;
    if (!c->quiet && saved)
        fprintf(stderr,
            "apg collapse: %s: %zu bytes of weights became %zu (%zu bytes saved); largest logit difference "
            "%.2g\n",
            steps[i].name, from, from - saved, saved, worst);
    else if (!c->quiet)
        fprintf(stderr, "apg collapse: %s: %s\n", steps[i].name,
            i == NORM && before->arch.batch_norm ? "partitioned normalization stays" : steps[i].nothing);
    if (to) {
        if (c->m != c->loaded)
            apg_model_free(c->m);
        c->m = to;
    }
    return APG_OK;
}

int cmd_collapse(int argc, char **argv)
{
    struct collapse c = {0};
    const char *out_path = NULL;
    int embedding = 0;
    const struct opt table[] = {
        OPT_CHOICE(0, "embedding", &embedding, "f32|f16",
            "numbers of the embedding tables: as they are, or in half precision"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &c.quiet, "do not say what was saved"),
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
    struct apg_error err;
    struct output out = {0};
    enum apg_status status = input_load_model(&c.loaded, argc ? argv[0] : NULL, &c.name, PROOF_ROWS, &err);
    if (status)
        goto done;
    if (c.loaded->arch.collapsed) {
        status = apg_fail(&err, APG_EUSAGE, "%s: already collapsed", c.name);
        goto done;
    }
    c.m = c.loaded;
    status = apg_pool_new(&c.pool, 1, &err);
    for (size_t i = 0; !status && i <= (embedding ? HALVE : NORM); i++)
        status = take(&c, i, &err);
    if (!status && !(status = output_open(&out, out_path, true, &err)))
        status = output_save_model(&out, c.m, &err);
done:
    if (status)
        output_abandon(&out);
    if (c.m != c.loaded)
        apg_model_free(c.m);
    apg_model_free(c.loaded);
    apg_pool_free(c.pool);
    return status ? message_fail(&err) : EXIT_OK;
}
