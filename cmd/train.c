/* SPDX-License-Identifier: MIT
 *
 * apg train: logs to a model (apg_train of apg.h).
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "common/bad_rows.h"
#include "common/input.h"
#include "common/message.h"
#include "common/output.h"
#include "common/page.h"
#include "common/plot.h"
#include "base/comm.h"
#include "common/ranks.h"
#include "common/stop.h"
#include "common/packing.h"
#include "train/settings.h"
#include "train_log.h"
#include "train_page.h"
#include "train_progress.h"

static const double RANK_TIMEOUT_S = 60;

struct train {
    struct train_progress progress;
    struct train_log log;
    struct train_page page;
    const char *checkpoint; /* or NULL */
    bool quiet, force;
    double require_auc;                                  /* NaN: none */
    const char *from, *valid, *out, *rejects, *log_path; /* as given, or NULL */
    const char *best;                                    /* what is written when training is stopped */
    bool stopped;                                        /* by a signal, and there is a model */
    bool unreported;                                     /* the model is written, and the page is not */
    struct apg_progress kept;                /* of a training that was stopped: the epoch that is kept */
    struct apg_comm_spent exchanged, before; /* in steps; until the last event */
    uint64_t steps;
};

/* Write MODEL to PATH. A failure is a warning: it is no reason to lose the training too. */
static void checkpoint(const char *path, const struct apg *model)
{
    struct apg_error err;
    struct output out = {0};
    if (!ranks_all(!output_open(&out, path, true, &err)) || apg_write(model, output_sink(&out), &err) ||
        output_commit(&out, &err)) {
        output_abandon(&out);
        if (!apg_comm_broken())
            message_warn("%s; training goes on", err.text);
    }
}

/* What FILE has of a training that was stopped. */
static void tell_stopped(const struct train *t, const char *file)
{
    char valid[96] = "";
    const struct apg_progress *p = &t->kept;
    if (p->has_valid && !isnan(p->valid_auc))
        (void)snprintf(
            valid, sizeof valid, ": validation AUC %.5f, log loss %.5f", p->valid_auc, p->valid_loss);
    message_warn("stopped by %s; %s has the %s, of epoch %zu%s", stop_name(), file, t->best, p->epoch, valid);
}

static bool stop(void *arg)
{
    (void)arg;
    return ranks_stop_signal() != 0;
}

/* Add up what steps exchange with other ranks. Between steps there may be a validation, or a file is written. */
static void count_exchange(struct train *t, bool step)
{
    const struct apg_comm_spent now = apg_comm_spent();
    if (step) {
        t->exchanged.bytes += now.bytes - t->before.bytes;
        t->exchanged.seconds += now.seconds - t->before.seconds;
        t->steps++;
    }
    t->before = now;
}

static void tell(void *arg, const struct apg_event *e)
{
    struct train *t = arg;
    count_exchange(t, e->kind == APG_EVENT_STEP);
    if (e->kind != APG_EVENT_STEP)
        train_progress_erase(&t->progress);
    if (e->kind == APG_EVENT_PASS ||
        e->kind == APG_EVENT_TUNE) /* rows are read: a signal may wait from here on */
        stop_catch();
    if (e->kind == APG_EVENT_TUNE || e->kind == APG_EVENT_CANDIDATES)
        t->best = e->kind == APG_EVENT_TUNE ? "best candidate so far" : "static model";
    if (e->kind == APG_EVENT_STOPPED) {
        t->stopped = true;
        t->kept = *e->progress;
    }
    if (e->kind == APG_EVENT_EPOCH && e->progress->better && t->checkpoint &&
        (t->force || !e->progress->useless) &&
        (isnan(t->require_auc) || e->progress->valid_auc >= t->require_auc))
        checkpoint(t->checkpoint, e->model);
    train_log(&t->log, e);
    train_page_add(&t->page, e);
    if (!t->quiet || e->kind == APG_EVENT_WARNING)
        train_progress(&t->progress, e);
}

/* Log PATH: standard input, or a file, which apg_train opens when its turn comes. */
static enum apg_status find_log(struct apg_input *in, const char *path, struct apg_error *err)
{
    in->fd = input_open_path(path, &in->name, err);
    if (in->fd < 0)
        return err->status;
    if (in->fd > STDIN_FILENO && path) {
        struct stat st;
        if (fstat(in->fd, &st) == 0 && S_ISREG(st.st_mode)) {
            (void)close(in->fd);
            in->fd = -1;
        }
    }
    return APG_OK;
}

static void close_log(const struct apg_input *in)
{
    if (in->fd > STDIN_FILENO)
        (void)close(in->fd);
}

/* Train on the logs PATH[0 .. N_PATHS), or standard input, and write all that was asked for. S: for the log of
 * the training. */
static enum apg_status run(struct train *t, char *const *path, size_t n_paths,
    const struct apg_train_settings *s, struct apg_error *err)
{
    const size_t n_logs = n_paths ? n_paths : 1;
    struct apg_input valid = {.fd = -1}, *log = calloc(n_logs, sizeof *log);
    struct apg_train_options options = {.settings = opt_settings(),
        .valid = t->valid ? &valid : NULL,
        .tell = tell,
        .stop = stop,
        .arg = t,
        .opener = &packing_opener};
    struct apg *model = NULL;
    struct output out = {0}, rejects = {0};
    struct apg_sink rejects_sink;
    enum apg_status status = log ? APG_OK : apg_fail_memory(err);
    size_t n = 0;
    if (!status && t->page.path)
        status = plot_check(err);
    if (!status && t->from)
        status = input_open_model(&options.from, t->from, err);
    if (status || (t->checkpoint && (status = output_check_name(t->checkpoint, err))) ||
        (status = output_open(&out, t->out, true, err)) ||
        (t->rejects && (status = output_open(&rejects, t->rejects, false, err))) ||
        (t->log_path &&
            (status = train_log_open(&t->log, t->log_path, t->from, s->fit.seed, s->online, err))))
        goto done;
    if (t->rejects) {
        rejects_sink = output_sink(&rejects);
        options.rejects = &rejects_sink;
    }
    for (; !status && n < n_logs; n += !status)
        status = find_log(&log[n], n_paths ? path[n] : NULL, err);
    for (size_t i = 0; !status && apg_comm_ranks() > 1 && i < n; i++)
        if (log[i].fd == STDIN_FILENO)
            status = ranks_share_input(&log[i].fd, s->columns.temp_dir, err);
    if (!status && t->valid)
        status = find_log(&valid, t->valid, err);
    if (!status)
        status = apg_train(&model, log, n_logs, &options, err);
    else
        apg_close(options.from);
    train_progress_erase(&t->progress);
    if (!status && !(status = apg_write(model, output_sink(&out), err)) &&
        (!t->rejects || !(status = output_commit(&rejects, err))))
        status = output_commit(&out, err);
    if (!status && !t->quiet && apg_comm_ranks() > 1 && t->steps)
        fprintf(stderr, "%zu ranks: rank 0 sent %.4g MB a step, and exchanges took %.4g ms of it\n",
            apg_comm_ranks(), 1e-6 * (double)t->exchanged.bytes / (double)t->steps,
            1e3 * t->exchanged.seconds / (double)t->steps);
    if (!status && t->stopped)
        tell_stopped(t, out.name);
    if (!status && t->page.path && train_page_write(&t->page, model, log, n_logs, err)) {
        message_warn("%s; %s is written", err->text, out.name);
        t->unreported = true;
    }
    train_log_end(
        &t->log, status ? NULL : out.name, t->stopped || status == APG_ESTOPPED, status ? err->text : NULL);
done:
    if (status) {
        output_abandon(&rejects);
        output_abandon(&out);
    }
    while (n > 0)
        close_log(&log[--n]);
    close_log(&valid);
    free(log);
    apg_close(model);
    train_page_release(&t->page);
    return status;
}

/* Rank 0 writes for all. The others go the same way, so that each has a part in what is written. */
static void write_nowhere(struct train *t)
{
    t->out = "/dev/null";
    t->checkpoint = t->checkpoint ? t->out : NULL;
    t->rejects = t->rejects ? t->out : NULL;
    t->log_path = NULL;
}

int cmd_train(int argc, char **argv)
{
    double timeout_s = RANK_TIMEOUT_S;
    struct train t = {.best = "best model so far"};
    struct apg_train_settings settings; /* the defaults, for --help; apg_train takes what was given as text */
    apg_train_settings_init(&settings);
    const struct opt table[] = {
        OPT_HEADING("Input"),
        OPT_SETTINGS(apg_columns_format, &settings.columns),
        OPT_SETTINGS(apg_rejects_settings, &settings.rejects),
        OPT_OF(STRING, 0, "rejects", &t.rejects, .arg = "FILE", .rare = true,
            .help = "write the header and the bad rows, as they came, to FILE"),
        OPT_OF(STRING, 0, "valid", &t.valid, .arg = "FILE", .once = true,
            .help = "rows to validate on, CSV or features; without it some of the rows are held out"),
        OPT_SETTINGS(apg_fit_rows_settings, &settings.fit),
        OPT_OF(STRING, 0, "from", &t.from, .arg = "MODEL", .once = true,
            .help =
                "continue from MODEL's weights and encoder; without model options, also its architecture"),
        OPT_SETTINGS(apg_grow_settings, &settings.grow),
        OPT_HEADING("Columns"),
        OPT_SETTINGS(apg_columns_kinds, &settings.columns),
        OPT_SETTINGS(apg_cross_settings, &settings.cross),
        OPT_HEADING("Model"),
        OPT_SETTINGS(apg_arch_members, &settings.arch),
        OPT_HEADING("Training"),
        OPT_SETTINGS(apg_online_settings, &settings.online),
        OPT_SETTINGS(apg_tune_settings, &settings.tune),
        OPT_SETTINGS(apg_choose_settings, &settings.choose),
        OPT_SETTINGS(apg_fit_settings, &settings.fit),
        OPT_HEADING("Output and resources"),
        OPT_STRING('o', "output", &t.out, "FILE", "write FILE instead of standard output"),
        OPT_OF(STRING, 0, "checkpoint", (const char **){&t.checkpoint}, .arg = "FILE", .rare = true,
            .help = "also write the best model so far to FILE, after each epoch that is better"),
        OPT_SETTINGS(apg_state_settings, &settings),
        OPT_SETTINGS(apg_force_settings, &settings.force),
        OPT_SETTINGS(apg_require_settings, &settings.require_auc),
        OPT_OF(STRING, 0, "log", &t.log_path, .arg = "FILE", .rare = true,
            .help = "also write the course of training to FILE, a line of JSON for each event"),
        OPT_OF(STRING, 0, "report", &t.page.path, .arg = "FILE", .rare = true,
            .help = "also write a page of HTML with the learning curve to FILE; it is drawn by gnuplot"),
        OPT_FLAG('q', "quiet", &t.quiet, "do not show progress, or what was inferred of the columns"),
        OPT_SETTINGS(apg_columns_spool, &settings.columns),
        OPT_SETTINGS(apg_threads_settings, &settings.threads),
        OPT_OF(REAL, 0, "rank-timeout", &timeout_s, .least = .1, .most = 1e6, .arg = "SECONDS", .rare = true,
            .help = "of apg-mpi: end all ranks when one is silent for so long"),
        OPT_END,
    };
    const struct opt_command command = {"train", "[OPTION]... [FILE]...",
        "Train a click-through-rate model whose hidden layers adapt to each row.", table,
        "    apg train < logs.csv > model.apg\n"
        "    apg train --condition group:user_id --valid valid.csv -o model.apg logs.csv\n"
        "    apg train --tune --valid valid.csv -o model.apg logs.csv\n"
        "    apg train --from yesterday.apg -o today.apg today.csv\n"
        "    apg train --multi genres --layer dense -o static.apg logs.csv.gz"};
    int code = opt_parse(&argc, &argv, &command);
    if (code != OPT_GO)
        return code;
    if (t.checkpoint && strcmp(settings.arch.condition, "auto") == 0)
        return opt_usage(&command, "--condition auto writes one model, at its end: not with --checkpoint");
    if (t.checkpoint && settings.tune > 0)
        return opt_usage(&command, "--tune writes one model, at its end: not with --checkpoint");

    if (t.log_path && strcmp(t.log_path, "-") == 0 && (!t.out || strcmp(t.out, "-") == 0))
        return opt_usage(&command, "--log -: standard output gets the model: give it a file with -o");
    if (t.log_path && t.out && strcmp(t.log_path, t.out) == 0)
        return opt_usage(&command, "--log and --output are the same file");
    if ((code = bad_rows_check_path(t.rejects, t.out, &command)) != OPT_GO ||
        (code = page_check_path("report", t.page.path, t.out, &command)) != OPT_GO)
        return code;
    struct apg_error err;
    ranks_limit(timeout_s);
    if (apg_comm_start(timeout_s, &err))
        return message_fail(&err);
    ranks_started();
    if (apg_comm_ranks() > 1 && (!t.out || strcmp(t.out, "-") == 0))
        return opt_usage(&command, "on %zu ranks the model needs a file: -o", apg_comm_ranks());
    if (apg_comm_ranks() > 1 && t.page.path)
        return opt_usage(&command, "--report: not on %zu ranks, but apg evaluate draws it", apg_comm_ranks());
    if (apg_comm_rank() > 0)
        write_nowhere(&t);
    t.force = settings.force;
    t.require_auc = settings.require_auc;
    train_progress_init(&t.progress, t.from, settings.online);
    if (settings.online)
        t.best = "model as it was then";
    const enum apg_status status = run(&t, argv, (size_t)argc, &settings, &err);
    if (status == APG_ESTOPPED)
        message_warn("stopped by %s before an epoch was over: %s", stop_name(),
            settings.state ? "no model is written" : "nothing is written");
    if (settings.state && (status == APG_ESTOPPED || (!status && t.stopped)))
        message_warn("--state %s --resume goes on from there", settings.state);
    if (status == APG_ESTOPPED || (!status && t.stopped))
        return EXIT_SIGNALLED + stop_signal();
    return t.unreported             ? EXIT_FAILED
           : !status                ? EXIT_OK
           : status == APG_ESETTING ? opt_usage(&command, "%s", err.text)
                                    : message_fail(&err);
}
