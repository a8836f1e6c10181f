/* SPDX-License-Identifier: MIT
 *
 * apg simulate: click logs with a known truth (data/simulate.c has the model). Rows are made in
 * parallel and written in order.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "base/pool.h"
#include "data/simulate.h"
#include "cmd.h"
#include "common/message.h"
#include "common/opt.h"
#include "common/output.h"

enum { CHUNK_BYTES = 64 << 10, ROUND_CHUNKS = 32 }; /* a chunk is about so many bytes */

struct round {
    const struct apg_simulate *truth;
    uint64_t first, rows; /* of this round */
    size_t chunk_rows, chunk_max, used[ROUND_CHUNKS];
    char *text; /* (ROUND_CHUNKS, chunk_max) */
};

static void make_chunk(void *arg, size_t chunk, unsigned worker)
{
    struct round *r = arg;
    (void)worker;
    char *text = r->text + chunk * r->chunk_max, *at = text;
    for (uint64_t i = chunk * r->chunk_rows; i < r->rows && i < (chunk + 1) * r->chunk_rows; i++)
        at += apg_simulate_row(r->truth, r->first + i, at);
    r->used[chunk] = (size_t)(at - text);
}

static enum apg_status write_text(struct output *out, const char *text, size_t n, struct apg_error *err)
{
    return fwrite(text, 1, n, out->f) == n ? APG_OK : apg_fail_errno(err, "%s", out->name);
}

static enum apg_status write_log(const struct apg_simulate *truth, uint64_t first, uint64_t rows, bool header,
    struct apg_pool *pool, struct output *out, struct apg_error *err)
{
    size_t line_max = apg_simulate_line_max(truth);
    struct round r = {.truth = truth, .chunk_rows = CHUNK_BYTES / line_max + 1};
    r.chunk_max = r.chunk_rows * line_max;
    r.text = apg_alloc(ROUND_CHUNKS, r.chunk_max);
    if (!r.text)
        return apg_fail_memory(err);
    enum apg_status status = APG_OK;
    if (header)
        status = write_text(out, r.text, apg_simulate_header(truth, r.text), err);
    for (uint64_t done = 0; !status && done < rows; done += r.rows) {
        r.first = first + done;
        r.rows = rows - done < ROUND_CHUNKS * r.chunk_rows ? rows - done : ROUND_CHUNKS * r.chunk_rows;
        size_t chunks = (size_t)(r.rows + r.chunk_rows - 1) / r.chunk_rows;
        apg_pool_run(pool, chunks, make_chunk, &r);
        for (size_t c = 0; !status && c < chunks; c++)
            status = write_text(out, r.text + c * r.chunk_max, r.used[c], err);
    }
    free(r.text);
    return status;
}

int cmd_simulate(int argc, char **argv)
{
    enum { SHAPE_LOG, SHAPE_CRITEO };
    const double most = 4294967295; /* tokens are numbered with 32 bits */
    struct apg_simulate_options o;
    apg_simulate_defaults(&o);
    size_t rows = 10000, skip = 0, threads = 1;
    bool header = true;
    int shape = SHAPE_LOG;
    const char *out_path = NULL;
    const struct opt table[] = {
        OPT_HEADING("Rows"),
        OPT_SIZE('n', "rows", &rows, 0, 1e15, "N", "rows to write"),
        OPT_SIZE(
            0, "skip", &skip, 0, 1e15, "N", "leave out the first N rows: the continuation of a shorter log"),
        OPT_U64('s', "seed", &o.seed, "draw another model and another log"),
        OPT_HEADING("Columns"),
        OPT_SIZE(0, "users", &o.users, 1, most, "N", "different users"),
        OPT_SIZE(0, "items", &o.items, 1, most, "N", "different items"),
        OPT_SIZE(0, "scenarios", &o.scenarios, 1, most, "N", "different scenarios"),
        OPT_REAL(0, "zipf", &o.zipf, 0, 4, "A", "exponent of how unequally often they occur, 0 is equally"),
        OPT_SIZE(0, "categorical", &o.categorical, 0, APG_SIMULATE_COLUMNS_MAX, "N",
            "extra categorical columns c1, c2, ..."),
        OPT_SIZE(
            0, "numeric", &o.numeric, 0, APG_SIMULATE_COLUMNS_MAX, "N", "extra numeric columns n1, n2, ..."),
        OPT_SIZE(
            0, "vocabulary", &o.vocabulary, 3, most, "N", "tokens of the extra categorical columns together"),
        OPT_CHOICE(0, "shape", &shape, "log|criteo",
            "criteo: 39 columns, as --categorical 21 --numeric 12 --vocabulary 1700000"),
        OPT_HEADING("Truth"),
        OPT_REAL(0, "adaptive", &o.adaptive, 0, 1, "X", "share of the weights that is a group's own"),
        OPT_CHOICE(0, "group-by", &o.group, "user_id|item_id|scenario", "column whose values are the groups"),
        OPT_REAL(0, "ctr", &o.ctr, 0.0001, 0.9999, "P", "share of rows with label 1"),
        OPT_REAL(0, "auc", &o.auc, 0.501, 0.99, "A", "AUC of the true probabilities, about; before --noise"),
        OPT_REAL(0, "noise", &o.noise, 0, 1, "P", "share of rows whose label does not depend on the row"),
        OPT_STRING(0, "truth", &o.truth, "NAME", "write the true probability as last column, NAME"),
        OPT_HEADING("Output"),
        OPT_STRING('o', "output", &out_path, "FILE", "write FILE instead of standard output"),
        OPT_FLAG(0, "header", &header, "write the names of the columns first"),
        OPT_CHAR('d', "delimiter", &o.delimiter, "byte between cells: comma, semicolon, space or tab"),
        OPT_SIZE(0, "threads", &threads, 1, 1024, "N",
            "threads that make rows; the log is the same for any number"),
        OPT_END,
    };
    const struct opt_command command = {"simulate", "[OPTION]...",
        "Write a click log drawn from a known model whose weights differ by group.", table,
        "    apg simulate --rows 200000 > log.csv\n"
        "    apg simulate --rows 100000 --truth p | apg evaluate --score p --group user_id\n"};
    int r = opt_parse(&argc, &argv, &command);
    if (r != OPT_GO)
        return r;
    if (argc > 0)
        return opt_usage(&command, "reads nothing, so '%s' is one word too many", argv[0]);
    if (shape == SHAPE_CRITEO) {
        o.categorical = opt_given("categorical") ? o.categorical : 21;
        o.numeric = opt_given("numeric") ? o.numeric : 12;
        o.vocabulary = opt_given("vocabulary") ? o.vocabulary : 1700000;
    }

    struct apg_error err;
    struct apg_simulate *truth = NULL;
    struct apg_pool *pool = NULL;
    struct output out = {0};
    enum apg_status status = apg_simulate_new(&truth, &o, &err);
    if (status == APG_EUSAGE)
        return opt_usage(&command, "%s", err.text);
    if (status)
        goto done;
    if ((status = apg_pool_new(&pool, (unsigned)threads, &err)) ||
        (status = output_open(&out, out_path, false, &err)) ||
        (status = write_log(truth, skip, rows, header, pool, &out, &err)))
        goto done;
    status = output_commit(&out, &err);
done:
    if (status)
        output_abandon(&out);
    apg_pool_free(pool);
    apg_simulate_free(truth);
    return status ? message_fail(&err) : EXIT_OK;
}
