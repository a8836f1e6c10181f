/* SPDX-License-Identifier: MIT */
#include "train_progress.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "common/message.h"

enum { MEMORY_TOLD_BYTES = 100000000 }; /* less is no one's concern */

static void show_model(const struct train_progress *t, const struct apg_event *e)
{
    const size_t numbers = e->embedding_numbers + e->other_numbers;
    fprintf(stderr, "%llu rows%s%s, %zu fields, %zu numbers in embeddings, %zu outside\n",
        (unsigned long long)e->rows, e->weight ? ", weighted by " : "",
        e->weight ? message_text(e->weight) : "", e->fields, e->embedding_numbers, e->other_numbers);
    if (e->members > 1)
        fprintf(stderr, "%zu members, whose logits are averaged\n", e->members);
    if (e->memory >= MEMORY_TOLD_BYTES)
        fprintf(stderr, "takes about %.0f MB of memory\n", 1e-6 * (double)e->memory);
    if (e->held)
        fprintf(stderr, "%llu of the rows validate: %s\n", (unsigned long long)e->held,
            e->held_last ? "the last" : "drawn at random");
    if (t->from)
        fprintf(stderr, "goes on from %s: %zu of %zu weights are its, %zu start anew\n", t->from,
            e->taken_numbers, numbers, numbers - e->taken_numbers);
}

/* ---- epochs ---- */

/* X in ten columns, or nothing in as many where it is not THERE. */
static void show_loss(bool there, double x)
{
    if (!there || isnan(x))
        fprintf(stderr, " %10s", there ? "undefined" : "");
    else
        fprintf(stderr, x < 10000 ? " %10.5f" : " %10.4g", x);
}

/* ---- --online ---- */

enum { ONLINE_ROWS = 1000 }; /* of the first line; each later one is at twice the rows, as in Vowpal Wabbit */

bool train_mark(struct train_mark *m, const struct apg_progress *p, double *since)
{
    const double rows = (double)p->rows, before = (double)m->rows;
    if (!m->next_rows)
        m->next_rows = ONLINE_ROWS;
    if (!m->online || (p->epoch_done ? p->rows <= m->rows : p->rows < m->next_rows))
        return false;
    *since = (p->loss * rows - m->loss * before) / (rows - before);
    m->rows = p->rows, m->loss = p->loss;
    while (m->next_rows <= p->rows)
        m->next_rows *= 2;
    return true;
}

static void show_online(struct train_progress *t, const struct apg_progress *p)
{
    double since;
    if (!train_mark(&t->mark, p, &since))
        return;
    train_progress_erase(t);
    fprintf(stderr, "%11llu", (unsigned long long)p->rows);
    show_loss(true, p->loss);
    show_loss(true, since);
    fprintf(stderr, " %9.0f\n", (double)p->rows / (apg_clock_now() - t->started_s));
}

static void show_online_end(struct train_progress *t, const struct apg_progress *p)
{
    show_online(t, p);
    fprintf(stderr, "each row scored before it was learned: log loss %.5f, AUC ", p->valid_loss);
    fprintf(stderr, isnan(p->valid_auc) ? "undefined\n" : "%.5f\n", p->valid_auc);
}

static void show_heading(struct train_progress *t)
{
    t->started_s = apg_clock_now();
    if (t->mark.online) {
        fprintf(stderr, "       rows loss so far since last    rows/s\n");
        return;
    }
    fprintf(stderr, "epoch        rows       loss since last  valid AUC valid loss    rows/s\n");
}

static void show_epoch(struct train_progress *t, const struct apg_progress *p)
{
    fprintf(stderr, "%5zu %11llu", p->epoch, (unsigned long long)p->rows);
    show_loss(p->epoch, p->loss);
    show_loss(false, 0);
    show_loss(p->has_valid, p->valid_auc);
    show_loss(p->has_valid, p->valid_loss);
    if (p->epoch && !p->past)
        fprintf(stderr, " %9.0f", (double)p->rows / (apg_clock_now() - t->started_s));
    else
        fprintf(stderr, " %9s", "");
    fprintf(stderr, "%s\n", p->has_valid && p->better ? "  best" : "");
    t->started_s = apg_clock_now();
}

static void show_resumed(struct train_progress *t, const char *dir, const struct apg_progress *p)
{
    double since;
    (void)train_mark(&t->mark, p, &since); /* it was told before */
    if (p->epoch_done)
        show_epoch(t, p);
    else if (p->last)
        fprintf(stderr, "%s/: training was over\n", dir);
    else if (t->mark.online)
        fprintf(stderr, "%s/: goes on behind row %llu\n", dir, (unsigned long long)p->rows);
    else
        fprintf(stderr, "%s/: goes on in epoch %zu, behind %llu of %llu rows\n", dir, p->epoch,
            (unsigned long long)p->rows, (unsigned long long)p->epoch_rows);
    t->started_s = apg_clock_now();
}

/* ---- the live line ---- */

/* The line is rewritten at most every LIVE_EVERY_S. It leaves MARGIN columns free for what the terminal puts
 * there itself, ^C. */
static const double LIVE_EVERY_S = .1;
enum { LIVE_MAX = 256, BAR_COLUMNS = 20, MARGIN_COLUMNS = 4, COLUMNS_DEFAULT = 80 };

/* Parts of the line. Where it is too long, those of the highest rank are left out. */
struct part {
    int rank;
    char text[64];
};

static size_t terminal_columns(void)
{
    struct winsize w;
    const size_t n = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : COLUMNS_DEFAULT;
    return n < LIVE_MAX ? n : LIVE_MAX;
}

void train_progress_erase(struct train_progress *t)
{
    if (t->shown)
        fprintf(stderr, "\r%*s\r", (int)t->shown, "");
    t->shown = 0;
}

/* PART (N) in place of the line that is there. */
static void rewrite(struct train_progress *t, struct part *part, size_t n)
{
    char line[LIVE_MAX + LIVE_MAX] = "\r";
    size_t length = 0;
    const size_t columns = terminal_columns(), room = columns > MARGIN_COLUMNS ? columns - MARGIN_COLUMNS : 0;
    for (int rank = 9; rank >= 0; rank--) {
        length = 0;
        for (size_t i = 0; i < n; i++)
            length += *part[i].text ? strlen(part[i].text) + 2 : 0;
        for (size_t i = 0; length > room + 2 && i < n; i++)
            if (part[i].rank == rank)
                *part[i].text = '\0';
    }
    size_t end = 1;
    for (size_t i = 0; length <= room + 2 && i < n; i++)
        if (*part[i].text)
            end += (size_t)snprintf(line + end, sizeof line - end, "%s%s", end > 1 ? "  " : "", part[i].text);
    const size_t shown = end - 1;
    fprintf(stderr, "%s%*s", line, (int)(t->shown > shown ? t->shown - shown : 0), "");
    t->shown = t->shown > shown ? t->shown : shown;
}

static void duration(char *out, size_t size, double s)
{
    if (s < 100)
        (void)snprintf(out, size, "%.0f s", s);
    else if (s < 6000)
        (void)snprintf(out, size, "%.0f min", s / 60);
    else
        (void)snprintf(out, size, "%.1f h", s / 3600);
}

/* What is left: of the epoch, and of all epochs, which is a limit where validation may end training before. */
static void time_left(struct part *of_epoch, struct part *of_all, const struct train_progress *t,
    const struct apg_progress *p, double rows_per_s)
{
    char text[32];
    const double validate = p->has_valid ? t->validate_s : 0,
                 epoch = (double)(p->epoch_rows - p->rows) / rows_per_s + validate,
                 all =
                     epoch + (double)(p->epochs - p->epoch) * ((double)p->epoch_rows / rows_per_s + validate);
    duration(text, sizeof text, p->has_valid ? epoch : all);
    const bool more = p->has_valid && p->epoch < p->epochs;
    (void)snprintf(of_epoch->text, sizeof of_epoch->text, more ? "%s left of the epoch" : "%s left", text);
    duration(text, sizeof text, all);
    if (more)
        (void)snprintf(of_all->text, sizeof of_all->text, "at most %s in all", text);
}

static void show_step(struct train_progress *t, const struct apg_progress *p)
{
    show_online(t, p);
    if (!t->live)
        return;
    const double now = apg_clock_now();
    if (p->epoch != t->epoch || p->rows <= t->rows) {
        t->first_s = now;
        t->first_rows = p->rows;
    }
    t->epoch = p->epoch, t->rows = p->rows;
    if (p->rows == p->epoch_rows)
        t->trained_s = now;
    if (now - t->told_s < LIVE_EVERY_S || p->rows == t->first_rows || now <= t->first_s)
        return;
    t->told_s = now;
    enum { CANDIDATE, EPOCH, BAR, SHARE, SPEED, LOSS, AUC, LEFT, LEFT_OF_ALL, PARTS };
    struct part part[PARTS] = {[CANDIDATE].rank = 6,
        [BAR].rank = 9,
        [SPEED].rank = 8,
        [LOSS].rank = 5,
        [AUC].rank = 4,
        [LEFT].rank = 3,
        [LEFT_OF_ALL].rank = 7,
        [SHARE].rank = 2,
        [EPOCH].rank = 1};
    const double done = (double)p->rows / (double)p->epoch_rows,
                 speed = (double)(p->rows - t->first_rows) / (now - t->first_s);
    if (t->tuning)
        (void)snprintf(part[CANDIDATE].text, sizeof part->text, "candidate %zu", t->trials + 1);
    if (t->mark.online)
        (void)snprintf(part[EPOCH].text, sizeof part->text, "%llu of %llu rows", (unsigned long long)p->rows,
            (unsigned long long)p->epoch_rows);
    else
        (void)snprintf(part[EPOCH].text, sizeof part->text, "epoch %zu of %s%zu", p->epoch,
            p->has_valid && p->epoch < p->epochs ? "at most " : "", p->epochs);
    const int bar = (int)(done * BAR_COLUMNS);
    (void)snprintf(
        part[BAR].text, sizeof part->text, "[%.*s%*s]", bar, "####################", BAR_COLUMNS - bar, "");
    (void)snprintf(part[SHARE].text, sizeof part->text, "%3.0f %%", 100 * done);
    (void)snprintf(part[SPEED].text, sizeof part->text, "%.0f rows/s", speed);
    (void)snprintf(part[LOSS].text, sizeof part->text, "loss %.5f", p->loss);
    if (!isnan(t->auc))
        (void)snprintf(part[AUC].text, sizeof part->text, "valid AUC %.5f", t->auc);
    time_left(&part[LEFT], &part[LEFT_OF_ALL], t, p, speed);
    rewrite(t, part, PARTS);
}

/* An epoch is over: how long did its validation take? */
static void end_live(struct train_progress *t, const struct apg_progress *p)
{
    t->auc = p->has_valid ? p->valid_auc : NAN;
    if (p->epoch && p->rows == t->rows)
        t->validate_s = apg_clock_now() - t->trained_s;
    t->epoch = t->rows = 0;
}

void train_progress_init(struct train_progress *t, const char *from, bool online)
{
    const char *term = getenv("TERM");
    *t = (struct train_progress){.from = from,
        .mark.online = online,
        .auc = NAN,
        .live = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0};
}

/* ---- --condition auto ---- */

static void show_round(const struct apg_candidate *c, size_t n)
{
    fprintf(stderr, "%-40s %4s %6s %10s %10s\n", "condition", "rank", "epochs", "valid AUC", "valid loss");
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "%-40s ", c[i].condition);
        if (c[i].rank)
            fprintf(stderr, "%4zu", c[i].rank);
        else
            fprintf(stderr, "%4s", "");
        fprintf(stderr, " %6.2f", c[i].share);
        show_loss(true, c[i].auc);
        show_loss(true, c[i].loss);
        putc('\n', stderr);
    }
}

static void show_choice(const struct apg_choice *c)
{
    char rank[32] = "";
    if (c->best.rank)
        (void)snprintf(rank, sizeof rank, " rank %zu", c->best.rank);
    fprintf(stderr, "%s: the best of %zu candidate%s, %s%s, ",
        c->better ? "adaptive is better" : "static is as good", c->tried, c->tried == 1 ? "" : "s",
        c->best.condition, rank);
    if (isnan(c->low))
        fprintf(stderr, "cannot be compared");
    else
        fprintf(stderr, "%+.5f of AUC (95 %% %+.5f to %+.5f)", c->difference, c->low, c->high);
    fprintf(stderr, "; %.2f times the static model's work\n", c->work);
    if (c->cut)
        fprintf(stderr, "it was still getting better when --auto-budget ended\n");
    if (c->left_out)
        fprintf(stderr, "%zu column%s not tried for want of --auto-budget\n", c->left_out,
            c->left_out == 1 ? " was" : "s were");
}

/* ---- --tune ---- */

static void show_trial(const struct apg_trial *t)
{
    fprintf(stderr, "%6.2f %5zu/%-5zu", t->work, t->best_epoch, t->epochs);
    show_loss(true, t->auc);
    show_loss(true, t->loss);
    if (t->judged)
        fprintf(stderr, " %+9.5f %8.5f %8llu", t->gain, t->error, (unsigned long long)t->judged);
    else
        fprintf(stderr, " %9s %8s %8s", "", "", "");
    fprintf(stderr, "  %s%s%s\n", *t->options ? message_text(t->options) : "as given", t->cut ? "  cut" : "",
        t->best ? "  best" : "");
}

static void show_tuned(const struct apg_tuned *t)
{
    if (t->adaptive_tried) {
        fprintf(stderr, "%s: ",
            t->usual      ? t->adaptive ? "another condition is better" : "no other condition is better"
            : t->adaptive ? "adaptive is better"
                          : "static is as good");
        if (isnan(t->low))
            fprintf(stderr, "cannot be compared\n");
        else
            fprintf(stderr, "%+.5f of AUC (95 %% %+.5f to %+.5f)\n", t->difference, t->low, t->high);
    }
    if (t->left_out)
        fprintf(stderr, "the budget ended before %zu of the settings were tried out\n", t->left_out);
    fprintf(stderr, "%zu trainings, %.2f times the work of one: ", t->tried, t->work);
    if (*t->options)
        fprintf(stderr, "the same model by %s in place of --tune\n", message_text(t->options));
    else
        fprintf(stderr, "the same model without --tune\n");
}

void train_progress(struct train_progress *t, const struct apg_event *e)
{
    switch (e->kind) {
    case APG_EVENT_INFERRED:
        message_lines(e->text);
        break;
    case APG_EVENT_WARNING:
    case APG_EVENT_ADVICE:
    case APG_EVENT_BAD_ROW:
        message_warn("%s", e->text);
        break;
    case APG_EVENT_STOPPED: /* told when the model is written */
        break;
    case APG_EVENT_CALIBRATED:
        fprintf(stderr, "%s\n", e->text);
        break;
    case APG_EVENT_MODEL:
        show_model(t, e);
        break;
    case APG_EVENT_PASS:
        show_heading(t);
        t->auc = NAN;
        break;
    case APG_EVENT_STEP:
        show_step(t, e->progress);
        break;
    case APG_EVENT_EPOCH:
        if (t->mark.online)
            show_online_end(t, e->progress);
        else
            show_epoch(t, e->progress);
        end_live(t, e->progress);
        break;
    case APG_EVENT_RESUMED:
        show_resumed(t, e->text, e->progress);
        break;
    case APG_EVENT_CANDIDATES:
        fprintf(stderr, "the static model, then %zu candidates to go on from it\n", e->n_candidates);
        break;
    case APG_EVENT_ROUND:
        show_round(e->candidates, e->n_candidates);
        break;
    case APG_EVENT_FINAL:
        fprintf(stderr, "%s, trained on\n", e->candidates[0].condition);
        break;
    case APG_EVENT_AGAIN:
        fprintf(stderr, "the static model, trained on\n");
        break;
    case APG_EVENT_TUNE:
        t->tuning = true;
        fprintf(stderr, "  work  best/epochs  valid AUC valid loss  better by    error     rows  options\n");
        break;
    case APG_EVENT_TRIAL:
        show_trial(e->trial);
        t->trials++;
        break;
    case APG_EVENT_TUNED:
        show_tuned(e->tuned);
        break;
    case APG_EVENT_CHOICE:
        show_choice(e->choice);
        break;
    }
}
