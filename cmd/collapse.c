/* SPDX-License-Identifier: MIT
 *
 * apg collapse: U_l U_r and V_l V_r multiplied once, for serving; and a proof on random rows that nothing
 * else changed.
 */
#include <math.h>
#include <unistd.h>
#include "../lib/model.h"
#include "../lib/randrows.h"
#include "cmd.h"
#include "input.h"

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

int cmd_collapse(int argc, char **argv)
{
    const char *out_path = NULL, *name;
    bool quiet = false;
    const struct opt table[] = {
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG('q', "quiet", &quiet, "do not say what was saved"),
        OPT_END,
    };
    const struct opt_command command = {"collapse", "[OPTION]... [MODEL]",
        "Multiply the over-parameterized factors of a model, for serving.", table,
        "    apg collapse < model.apg > serve.apg\n"
        "    apg collapse -o serve.apg model.apg"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO)
        return code;
    if (argc > 1)
        return opt_usage(&command, "one model at a time");
    struct apg_error err;
    struct apg_model *from = NULL, *to = NULL;
    struct apg_pool *pool = NULL;
    struct cmd_out out = {0};
    enum apg_status status = APG_EIO;
    double worst = 0;
    int fd = cmd_in_open(argc ? argv[0] : NULL, &name, &err);
    if (fd < 0 || (status = apg_model_load(&from, fd, name, PROOF_ROWS, true, &err)))
        goto done;
    if (from->arch.collapsed) {
        status = apg_fail(&err, APG_EUSAGE, "%s: already collapsed", name);
        goto done;
    }
    if ((status = apg_pool_new(&pool, 1, &err)) || (status = apg_model_collapse(&to, from, &err)) ||
        (status = prove(from, to, pool, &worst, &err)))
        goto done;
    if (!(worst <= 1e-5)) {
        status = apg_fail(&err, APG_ERANGE, "%s: the collapsed model's logits differ by %g", name, worst);
        goto done;
    }
    if ((status = cmd_out_open(&out, out_path, true, &err)) ||
        (status = apg_model_save(to, input_sink(&out), &err)) || (status = cmd_out_commit(&out, &err)))
        goto done;
    if (!quiet) {
        size_t tables, before, after;
        apg_model_count(from, &tables, &before);
        apg_model_count(to, &tables, &after);
        fprintf(stderr,
            "apg collapse: %zu numbers outside embeddings became %zu (%zu bytes saved); largest logit "
            "difference %.2g\n",
            before, after, (before - after) * sizeof(apg_real), worst);
    }
done:
    if (status)
        cmd_out_abandon(&out);
    if (fd > STDIN_FILENO)
        (void)close(fd);
    apg_model_free(to);
    apg_model_free(from);
    apg_pool_free(pool);
    return status ? cmd_fail(&err) : EXIT_OK;
}
