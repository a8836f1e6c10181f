/* SPDX-License-Identifier: MIT */
#include "train_log.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/json.h"
#include "common/message.h"
#include "common/opt.h"
#include "common/output.h"
#include "common/report.h"
#include "serve/handle.h"

/* TEXT, in which bytes that are no UTF-8 become '?'; NULL for none. */
static json_t *text_of(const char *text)
{
    json_t *j = text ? json_string(text) : json_null();
    char *clean = j ? NULL : strdup(text);
    for (char *c = clean; c && *c; c++)
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    if (clean)
        j = json_string(clean);
    free(clean);
    return j;
}

static json_t *count_of(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* Write LINE, of which a part may be missing for want of memory (BAD), and release it. */
static void write_line(struct train_log *l, json_t *line, int bad)
{
    bad |= json_object_set_new(line, "seconds", json_real(apg_clock_now() - l->started_s));
    char *text = bad ? NULL : apg_json_text(line);
    json_decref(line);
    errno = text ? 0 : ENOMEM;
    if (text && fprintf(l->f, "%s\n", text) >= 0 && fflush(l->f) == 0) {
        free(text);
        return;
    }
    free(text);
    message_warn("%s: %s; training goes on without its log", l->path, strerror(errno));
    if (l->f != stdout)
        (void)fclose(l->f);
    l->f = NULL;
}

static json_t *event_of(const char *name)
{
    json_t *j = json_object();
    if (json_object_set_new(j, "event", json_string(name))) {
        json_decref(j);
        return NULL;
    }
    return j;
}

/* A log of a training is replaced where it is. What is something else, as logs.csv may be that was meant to be
 * trained on, would be lost. */
static enum apg_status check_old(const char *path, struct apg_error *err)
{
    static const char start[] = "{\"event\"";
    char text[sizeof start - 1];
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || !st.st_size)
        return APG_OK;
    FILE *f = fopen(path, "re");
    if (!f)
        return apg_fail_errno(err, "%s", path);
    const size_t n = fread(text, 1, sizeof text, f);
    (void)fclose(f);
    return memcmp(text, start, n) == 0
               ? APG_OK
               : apg_fail(err, APG_EUSAGE,
                     "%s: --log would replace it, and it is not the log of a training (rows to train on are "
                     "given without --log)",
                     path);
}

enum apg_status train_log_open(struct train_log *l, const char *path, const char *from, uint64_t seed,
    bool online, struct apg_error *err)
{
    const bool standard = strcmp(path, "-") == 0;
    *l = (struct train_log){
        .path = standard ? "standard output" : path, .started_s = apg_clock_now(), .mark.online = online};
    enum apg_status status = standard ? APG_OK : output_check_name(path, err);
    if (status || (!standard && (status = check_old(path, err))))
        return status;
    l->f = standard ? stdout : fopen(path, "we");
    if (!l->f)
        return apg_fail_errno(err, "%s", path);
    json_t *j = event_of("start"), *options = json_array();
    int bad = json_object_set_new(j, "version", json_string(APG_VERSION));
    for (const char *const *s = opt_settings(); *s; s++)
        bad |= json_array_append_new(options, text_of(*s));
    bad |= json_object_set_new(j, "options", options);
    bad |= json_object_set_new(j, "from", text_of(from));
    bad |= json_object_set_new(j, "seed", count_of(seed));
    write_line(l, j, bad);
    return APG_OK;
}

static void log_text(struct train_log *l, const char *name, const char *text)
{
    json_t *j = event_of(name);
    write_line(l, j, json_object_set_new(j, "text", text_of(text)));
}

static void log_model(struct train_log *l, const struct apg_event *e)
{
    const struct apg_schema *s = e->model->model->schema;
    json_t *j = event_of("model"), *columns = json_array();
    int bad = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        json_t *column = json_object();
        bad |= json_object_set_new(column, "name", text_of(s->field[i].name));
        bad |= json_object_set_new(column, "kind", json_string(apg_kind_name[s->field[i].kind]));
        bad |= json_array_append_new(columns, column);
    }
    bad |= json_object_set_new(j, "label", text_of(s->label));
    bad |= json_object_set_new(j, "weight", text_of(e->weight));
    bad |= json_object_set_new(j, "columns", columns);
    bad |= json_object_set_new(j, "rows", count_of(e->rows));
    bad |= json_object_set_new(j, "held", count_of(e->held));
    bad |= json_object_set_new(j, "embedding_numbers", count_of(e->embedding_numbers));
    bad |= json_object_set_new(j, "other_numbers", count_of(e->other_numbers));
    bad |= json_object_set_new(j, "memory", count_of(e->memory));
    bad |= json_object_set_new(j, "taken_numbers", count_of(e->taken_numbers));
    bad |= json_object_set_new(j, "members", count_of(e->members));
    write_line(l, j, bad);
}

static int set_valid(json_t *j, const struct apg_progress *p)
{
    const bool has = p->has_valid;
    return json_object_set_new(j, "valid_auc", report_json_number(has ? p->valid_auc : NAN)) |
           json_object_set_new(j, "valid_loss", report_json_number(has ? p->valid_loss : NAN));
}

static void log_mark(struct train_log *l, const struct apg_progress *p)
{
    double since;
    if (!train_mark(&l->mark, p, &since))
        return;
    json_t *j = event_of("mark");
    int bad = json_object_set_new(j, "rows", count_of(p->rows));
    bad |= json_object_set_new(j, "loss", report_json_number(p->loss));
    bad |= json_object_set_new(j, "loss_since", report_json_number(since));
    write_line(l, j, bad);
}

static void log_epoch(struct train_log *l, const struct apg_progress *p)
{
    json_t *j = event_of("epoch");
    int bad = json_object_set_new(j, "epoch", count_of(p->epoch));
    bad |= json_object_set_new(j, "epochs", count_of(p->epochs));
    bad |= json_object_set_new(j, "rows", count_of(p->rows));
    bad |= json_object_set_new(j, "loss", report_json_number(p->epoch ? p->loss : NAN));
    bad |= set_valid(j, p);
    bad |= json_object_set_new(j, "better", json_boolean(p->better));
    write_line(l, j, bad);
    l->last = *p;
    if (p->better)
        l->best = *p;
}

/* Where training goes on; the epochs before it were over. */
static void log_resumed(struct train_log *l, const struct apg_progress *p)
{
    double since;
    (void)train_mark(&l->mark, p, &since);
    json_t *j = event_of("resumed");
    const int bad = json_object_set_new(j, "epoch", count_of(p->epoch)) |
                    json_object_set_new(j, "rows", count_of(p->rows)) |
                    json_object_set_new(j, "ended", json_boolean(p->last));
    write_line(l, j, bad);
}

static json_t *candidate_of(const struct apg_candidate *c)
{
    json_t *j = json_object();
    const int bad = json_object_set_new(j, "condition", text_of(c->condition)) |
                    json_object_set_new(j, "rank", count_of(c->rank)) |
                    json_object_set_new(j, "share", json_real(c->share)) |
                    json_object_set_new(j, "valid_auc", report_json_number(c->auc)) |
                    json_object_set_new(j, "valid_loss", report_json_number(c->loss));
    return apg_json_whole(j, bad);
}

static void log_round(struct train_log *l, const struct apg_event *e)
{
    json_t *j = event_of("round"), *candidates = json_array();
    int bad = 0;
    for (size_t i = 0; i < e->n_candidates; i++)
        bad |= json_array_append_new(candidates, candidate_of(&e->candidates[i]));
    write_line(l, j, bad | json_object_set_new(j, "candidates", candidates));
}

static int set_difference(json_t *j, double difference, double low, double high)
{
    return json_object_set_new(j, "difference", report_json_number(difference)) |
           json_object_set_new(j, "low", report_json_number(low)) |
           json_object_set_new(j, "high", report_json_number(high));
}

static void log_choice(struct train_log *l, const struct apg_choice *c)
{
    json_t *j = event_of("choice");
    int bad = json_object_set_new(j, "best", candidate_of(&c->best));
    bad |= json_object_set_new(j, "adaptive", json_boolean(c->better));
    bad |= set_difference(j, c->difference, c->low, c->high);
    bad |= json_object_set_new(j, "work", json_real(c->work));
    write_line(l, j, bad);
}

static void log_trial(struct train_log *l, const struct apg_trial *t)
{
    json_t *j = event_of("trial");
    int bad = json_object_set_new(j, "options", text_of(t->options));
    bad |= json_object_set_new(j, "best_epoch", count_of(t->best_epoch));
    bad |= json_object_set_new(j, "epochs", count_of(t->epochs));
    bad |= json_object_set_new(j, "valid_auc", report_json_number(t->auc));
    bad |= json_object_set_new(j, "calibrated_loss", report_json_number(t->loss));
    bad |= json_object_set_new(j, "gain", report_json_number(t->judged ? t->gain : NAN));
    bad |= json_object_set_new(j, "error", report_json_number(t->judged ? t->error : NAN));
    bad |= json_object_set_new(j, "judged", count_of(t->judged));
    bad |= json_object_set_new(j, "work", json_real(t->work));
    bad |= json_object_set_new(j, "best", json_boolean(t->best));
    write_line(l, j, bad);
}

static void log_tuned(struct train_log *l, const struct apg_tuned *t)
{
    json_t *j = event_of("tuned");
    int bad = json_object_set_new(j, "options", text_of(t->options));
    bad |= json_object_set_new(j, "usual", json_boolean(t->usual));
    bad |= json_object_set_new(j, "adaptive", json_boolean(t->adaptive));
    bad |= set_difference(j, t->difference, t->low, t->high);
    bad |= json_object_set_new(j, "tried", count_of(t->tried));
    bad |= json_object_set_new(j, "left_out", count_of(t->left_out));
    bad |= json_object_set_new(j, "work", json_real(t->work));
    write_line(l, j, bad);
}

void train_log(struct train_log *l, const struct apg_event *e)
{
    l->searches = l->searches || e->kind == APG_EVENT_TUNE || e->kind == APG_EVENT_CANDIDATES;
    if (!l->f)
        return;
    switch (e->kind) {
    case APG_EVENT_INFERRED:
        log_text(l, "inferred", e->text);
        break;
    case APG_EVENT_WARNING:
        log_text(l, "warning", e->text);
        break;
    case APG_EVENT_ADVICE:
        log_text(l, "advice", e->text);
        break;
    case APG_EVENT_BAD_ROW:
        log_text(l, "bad_row", e->text);
        break;
    case APG_EVENT_MODEL:
        log_model(l, e);
        break;
    case APG_EVENT_STEP:
        log_mark(l, e->progress);
        break;
    case APG_EVENT_EPOCH:
        log_mark(l, e->progress);
        if (l->f)
            log_epoch(l, e->progress);
        break;
    case APG_EVENT_RESUMED:
        if (e->progress->epoch_done)
            log_epoch(l, e->progress);
        else
            log_resumed(l, e->progress);
        break;
    case APG_EVENT_ROUND:
        log_round(l, e);
        break;
    case APG_EVENT_CHOICE:
        log_choice(l, e->choice);
        break;
    case APG_EVENT_TRIAL:
        log_trial(l, e->trial);
        break;
    case APG_EVENT_TUNED:
        log_tuned(l, e->tuned);
        break;
    default: /* the end says it, or the next event does */
        break;
    }
}

void train_log_end(struct train_log *l, const char *written, bool stopped, const char *error)
{
    if (!l->f)
        return;
    const bool last = l->last.epochs && l->last.epoch == l->last.epochs;
    json_t *j = event_of("end");
    int bad = json_object_set_new(j, "why",
        json_string(stopped       ? "signal"
                    : error       ? "error"
                    : l->searches ? "chosen"
                    : last        ? "epochs"
                                  : "patience"));
    bad |= json_object_set_new(j, "error", text_of(error));
    bad |= json_object_set_new(j, "written", text_of(written));
    if (!l->searches && l->best.better) {
        bad |= json_object_set_new(j, "best_epoch", count_of(l->best.epoch)) | set_valid(j, &l->best);
        bad |= json_object_set_new(j, "slope", json_real(l->best.slope));
        bad |= json_object_set_new(j, "offset", json_real(l->best.offset));
        bad |= json_object_set_new(
            j, "calibrated_loss", report_json_number(l->best.has_valid ? l->best.calibrated_loss : NAN));
    }
    write_line(l, j, bad);
    if (l->f && l->f != stdout && fclose(l->f) != 0)
        message_warn("%s: %s", l->path, strerror(errno));
    l->f = NULL;
}
