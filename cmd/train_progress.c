/* SPDX-License-Identifier: MIT */
#include "train_progress.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "common/message.h"

enum { LINE_EVERY_S = 2 };

static void show_model(const struct train_progress *t, const struct apg_event *e)
{
    const size_t numbers = e->embedding_numbers + e->other_numbers;
    fprintf(stderr, "%llu rows%s%s, %zu fields, %zu numbers in embeddings, %zu outside\n",
        (unsigned long long)e->rows, e->weight ? ", weighted by " : "",
        e->weight ? message_text(e->weight) : "", e->fields, e->embedding_numbers, e->other_numbers);
    if (e->held)
        fprintf(stderr, "%llu of the rows validate: %s\n", (unsigned long long)e->held,
            e->held_last ? "the last" : "drawn at random");
    if (t->from)
        fprintf(stderr, "goes on from %s: %zu of %zu weights are its, %zu start anew\n", t->from,
            e->taken_numbers, numbers, numbers - e->taken_numbers);
}

/* ---- epochs ---- */

static void start_epoch(struct train_progress *t)
{
    t->started_s = apg_clock_now();
    t->next_step = 1, t->steps = 0;
    t->recent = 0, t->n_recent = 0;
}

static void show_heading(struct train_progress *t)
{
    start_epoch(t);
    t->terminal = isatty(STDERR_FILENO);
    fprintf(stderr, "epoch        rows       loss since last  valid AUC valid loss    rows/s\n");
}

/* X in ten columns, or nothing in as many where it is not THERE. */
static void show_loss(bool there, double x)
{
    if (!there || isnan(x))
        fprintf(stderr, " %10s", there ? "undefined" : "");
    else
        fprintf(stderr, x < 10000 ? " %10.5f" : " %10.4g", x);
}

static void show_epoch(struct train_progress *t, const struct apg_progress *p)
{
    fprintf(stderr, "%5zu %11llu", p->epoch, (unsigned long long)p->rows);
    show_loss(p->epoch, p->loss);
    show_loss(false, 0);
    show_loss(p->has_valid, p->valid_auc);
    show_loss(p->has_valid, p->valid_loss);
    if (p->epoch)
        fprintf(stderr, " %9.0f", (double)p->rows / (apg_clock_now() - t->started_s));
    else
        fprintf(stderr, " %9s", "");
    fprintf(stderr, "%s\n", p->has_valid && p->better ? "  best" : "");
    start_epoch(t);
}

static void show_step(struct train_progress *t, const struct apg_progress *p)
{
    if (!t->terminal)
        return;
    const double now = apg_clock_now(), speed = (double)p->rows / (now - t->started_s);
    t->recent += p->recent, t->n_recent++;
    if (++t->steps < t->next_step && now - t->told_s < LINE_EVERY_S)
        return;
    if (t->steps >= t->next_step)
        t->next_step *= 2;
    t->told_s = now;
    fprintf(stderr, "%5zu %11llu %10.5f %10.5f %10s %10s %9.0f  %.0f s left at most\n", p->epoch,
        (unsigned long long)p->rows, p->loss, t->recent / (double)t->n_recent, "", "", speed,
        ((double)(p->epochs - p->epoch + 1) * (double)p->epoch_rows - (double)p->rows) / speed);
    t->recent = 0, t->n_recent = 0;
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
        fprintf(stderr, "%s: ", t->adaptive ? "adaptive is better" : "static is as good");
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
        break;
    case APG_EVENT_STEP:
        show_step(t, e->progress);
        break;
    case APG_EVENT_EPOCH:
        show_epoch(t, e->progress);
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
        fprintf(stderr, "  work  best/epochs  valid AUC valid loss  better by    error     rows  options\n");
        break;
    case APG_EVENT_TRIAL:
        show_trial(e->trial);
        break;
    case APG_EVENT_TUNED:
        show_tuned(e->tuned);
        break;
    case APG_EVENT_CHOICE:
        show_choice(e->choice);
        break;
    }
}
