/* SPDX-License-Identifier: MIT */
#include "train_progress.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "model/complexity.h"
#include "common/cmd.h"

/* ---- the model ---- */

/* Yan et al. call the bias part of what is generated; where that defeats the method, say so. */
static void warn_disguise(const struct apg_model *m)
{
    const struct apg_arch *a = &m->arch;
    if (!apg_layers[a->layer].generated || a->bias != APG_BIAS_GENERATED || a->mode != APG_CONDITION_SELF ||
        a->n_generator)
        return;
    size_t weights = 0;
    for (size_t o = 0; o < m->graph.n_ops; o++)
        if (m->graph.op[o].type->generates_bias) {
            const struct apg_widths w = apg_graph_widths(&m->graph, &m->graph.op[o]);
            if (!a->generator_rank || w.D < a->generator_rank) /* else it is of low rank */
                weights += w.D * w.M;
        }
    if (weights)
        cmd_warn(
            "the generated bias of a self-wise layer with a linear generator is a dense layer in disguise: "
            "%zu weights, "
            "as many as --layer dense has; --bias static has none of them",
            weights);
}

/* v1 and v2 make N M numbers for every instance; each has a gradient. */
static void tell_memory(const struct apg_model *m, const struct apg_memory *memory, size_t batch)
{
    int n;
    const char *form = apg_name_at(APG_FORMS, (int)m->arch.form, &n);
    if (memory->generated && m->arch.form <= APG_FORM_LOWRANK)
        cmd_warn("--form %.*s makes %.3g MB of weights for a batch of %zu; %.3g MB at a time, in pieces", n,
            form, 1e-6 * (double)memory->generated, batch, 1e-6 * (double)memory->generated_at_once);
}

/* STAR keeps the weights of each domain. */
static void tell_domains(const struct apg_memory *memory)
{
    if (memory->domains)
        cmd_warn("%zu domains of --layer star take %.3g MB, four times in training, and their products "
                 "and gradients in a step up to %.3g MB",
            memory->domains, 1e-6 * (double)memory->by_domain, 1e-6 * (double)memory->by_domain_at_once);
}

void train_text_model(const struct train_text *t, const struct apg_model *m, uint64_t rows, size_t batch)
{
    if (t->quiet)
        return;
    const struct apg_memory memory = apg_graph_memory(&m->graph, batch);
    warn_disguise(m);
    tell_memory(m, &memory, batch);
    tell_domains(&memory);
    size_t tables, other;
    apg_model_count(m, &tables, &other);
    fprintf(stderr, "%llu rows, %zu fields, %zu numbers in embeddings, %zu outside\n",
        (unsigned long long)rows, m->schema->n_fields, tables, other);
}

void train_text_from(const struct train_text *t, const struct apg_model *m, const char *from, size_t taken)
{
    if (t->quiet)
        return;
    size_t tables, other;
    apg_model_count(m, &tables, &other);
    fprintf(stderr, "goes on from %s: %zu of %zu weights are its, %zu start anew\n", from, taken,
        tables + other, tables + other - taken);
}

/* ---- epochs ---- */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void train_text_heading(struct train_text *t)
{
    t->started = now(), t->next = 1, t->terminal = isatty(STDERR_FILENO);
    if (!t->quiet)
        fprintf(stderr, "epoch        rows       loss since last  valid AUC valid loss    rows/s\n");
}

void train_text_progress(struct train_text *t, const struct apg_fit_state *s)
{
    if (s->epoch_done && s->has_valid && s->better)
        t->kept_entropy = s->valid_entropy;
    if (t->quiet)
        return;
    if (s->epoch_done) {
        fprintf(stderr, "%5zu %11llu ", s->epoch, (unsigned long long)s->rows);
        if (s->epoch)
            fprintf(stderr, "%10.5f %10s", s->loss, "");
        else
            fprintf(stderr, "%10s %10s", "", "");
        if (s->has_valid)
            fprintf(stderr, " %10.5f %10.5f", s->valid_auc, s->valid_loss);
        else
            fprintf(stderr, " %10s %10s", "", "");
        if (s->epoch)
            fprintf(stderr, " %9.0f", (double)s->rows / (now() - t->started));
        else
            fprintf(stderr, " %9s", "");
        fprintf(stderr, "%s\n", s->has_valid && s->better ? "  best" : "");
        t->started = now(), t->next = 1, t->steps = 0;
        t->recent = 0, t->n_recent = 0;
        return;
    }
    if (!t->terminal)
        return;
    t->recent += s->recent, t->n_recent++;
    double seconds = now() - t->started;
    if (++t->steps < t->next && now() - t->told < 2)
        return;
    if (t->steps >= t->next)
        t->next *= 2;
    t->told = now();
    double speed = (double)s->rows / seconds;
    fprintf(stderr, "%5zu %11llu %10.5f %10.5f %10s %10s %9.0f  %.0f s left at most\n", s->epoch,
        (unsigned long long)s->rows, s->loss, t->recent / (double)t->n_recent, "", "", speed,
        ((double)(s->epochs - s->epoch + 1) * (double)s->epoch_rows - (double)s->rows) / speed);
    t->recent = 0, t->n_recent = 0;
}

/* An AUC may look well when scores are no probabilities. */
void train_text_kept(const struct train_text *t)
{
    if (t->kept_entropy > 1 && !t->quiet)
        cmd_warn(
            "the kept weights' log loss is %.3g times that of predicting the mean label of the validation "
            "rows; try another --lr, more --epochs or --stop-on logloss",
            t->kept_entropy);
}

/* ---- --condition auto ---- */

static const char *condition_name(
    const struct apg_schema *s, const struct apg_choose_try *c, char *out, size_t size)
{
    if (!c->n)
        return "self";
    (void)snprintf(out, size, "group:%s%s%s", s->field[c->field[0]].name, c->n > 1 ? "," : "",
        c->n > 1 ? s->field[c->field[1]].name : "");
    return out;
}

void train_text_choosing(struct train_text *t, const struct apg_schema *schema, enum apg_choose_stage stage,
    const struct apg_choose_try *c, size_t n)
{
    char name[256];
    t->started = now();
    if (t->quiet)
        return;
    switch (stage) {
    case APG_CHOOSE_STATIC:
        fprintf(stderr, "the static model, then %zu candidates to go on from it\n", n);
        train_text_heading(t);
        break;
    case APG_CHOOSE_ROUND:
        fprintf(
            stderr, "%-40s %4s %6s %10s %10s\n", "condition", "rank", "epochs", "valid AUC", "valid loss");
        for (size_t i = 0; i < n; i++) {
            fprintf(stderr, "%-40s ", condition_name(schema, &c[i], name, sizeof name));
            if (c[i].rank)
                fprintf(stderr, "%4zu", c[i].rank);
            else
                fprintf(stderr, "%4s", "");
            fprintf(stderr, " %6.2f %10.5f %10.5f\n", c[i].share, c[i].auc, c[i].loss);
        }
        break;
    case APG_CHOOSE_FINAL:
        fprintf(stderr, "%s, trained on\n", condition_name(schema, c, name, sizeof name));
        train_text_heading(t);
        break;
    case APG_CHOOSE_AGAIN:
        fprintf(stderr, "the static model, trained on\n");
        break;
    }
}

void train_text_choice(
    const struct train_text *t, const struct apg_schema *schema, const struct apg_choose_report *r)
{
    if (t->quiet)
        return;
    char name[256], rank[32] = "";
    if (r->best.rank)
        (void)snprintf(rank, sizeof rank, " rank %zu", r->best.rank);
    fprintf(stderr, "%s: the best of %zu candidate%s, %s%s, ",
        r->better ? "adaptive is better" : "static is as good", r->tried, r->tried == 1 ? "" : "s",
        condition_name(schema, &r->best, name, sizeof name), rank);
    if (isnan(r->low))
        fprintf(stderr, "cannot be compared");
    else
        fprintf(stderr, "%+.5f of AUC (95 %% %+.5f to %+.5f)", r->difference, r->low, r->high);
    fprintf(stderr, "; %.2f times the static model's work\n", r->work);
    if (r->cut)
        fprintf(stderr, "it was still getting better when --auto-budget ended\n");
    if (r->left_out)
        fprintf(stderr, "%zu column%s not tried for want of --auto-budget\n", r->left_out,
            r->left_out == 1 ? " was" : "s were");
}
