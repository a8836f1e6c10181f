/* SPDX-License-Identifier: MIT */
#include "train/work.h"
#include <math.h>

double apg_work_row(
    const struct apg_schema *s, const struct apg_arch *arch, const struct apg_cost *cost, size_t batch_size)
{
    const size_t tables = arch->members ? arch->members : 1;
    return apg_cost_per_instance(cost, batch_size) +
           (double)(tables * (s->n_fields + s->n_crosses) * arch->E);
}

double apg_work_fit(const struct apg_fit_rows *r, double rows, double passes)
{
    return 3 * rows + passes * (double)r->n_valid;
}

void apg_watch_init(struct apg_watch *w, apg_fit_progress *next, void *arg)
{
    *w = (struct apg_watch){.next = next, .arg = arg};
    w->best.valid_auc = w->best.valid_loss = w->best.calibrated_loss = NAN;
}

void apg_watch_progress(void *watch, const struct apg_progress *p)
{
    struct apg_watch *w = watch;
    if (p->epoch_done) {
        w->epochs++;
        w->rows += (double)p->rows;
        if (p->better)
            w->best = *p;
    }
    if (w->next)
        w->next(w->arg, p);
}
