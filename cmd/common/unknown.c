/* SPDX-License-Identifier: MIT */
#include "common/unknown.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Fewer rows say little, and a share that is smaller is usual: ids come and go. */
enum { TOLD_ROWS = 100, TOLD_COLUMNS = 4, TOLD_PERCENT = 5 };

/* "0.2", "20%", "COLUMN=0.2" or "COLUMN=20%". The name is what stands before the last '='. */
static bool parse_limit(const char *text, struct unknown_limit *limit)
{
    const char *equal = strrchr(text, '='), *number = equal ? equal + 1 : text;
    char *end;
    *limit = (struct unknown_limit){.column = equal ? text : NULL,
        .n_column = equal ? (size_t)(equal - text) : 0,
        .share = strtod(number, &end)};
    if (end == number || *number <= ' ')
        return false;
    if (*end == '%') {
        limit->share /= 100;
        end++;
    }
    return !*end && limit->share >= 0 && limit->share <= 1;
}

int unknown_check_limits(const struct unknown *u, const struct opt_command *command)
{
    struct unknown_limit limit;
    for (size_t i = 0; i < u->limits.n; i++)
        if (!parse_limit(u->limits.item[i], &limit))
            return opt_usage(command,
                "--max-unknown takes shares such as 0.2 or 20%%, or COLUMN=SHARE, with commas between them, not "
                "'%s'",
                u->limits.item[i]);
    return OPT_GO;
}

/* A column of which no token was learned has nothing to drift from. */
static bool is_counted(const struct apg_field *f)
{
    return apg_field_has_vocab(f) && f->vocab.n > 1;
}

static enum apg_status no_column(
    const struct unknown *u, const struct unknown_limit *limit, struct apg_error *err)
{
    struct apg_near near = apg_near_to(limit->column, limit->n_column);
    for (size_t f = 0; f < u->schema->n_fields; f++)
        if (is_counted(&u->schema->field[f]))
            apg_near_try(&near, u->schema->field[f].name, strlen(u->schema->field[f].name));
    return apg_fail(err, APG_EUSAGE, "--max-unknown: '%.*s' is no column of tokens that the model knows%s",
        (int)limit->n_column, limit->column, apg_near_hint(&near));
}

/* The limits of all columns first, so that those of one column stay. */
static enum apg_status set_limits(struct unknown *u, bool one, struct apg_error *err)
{
    for (size_t i = 0; i < u->limits.n; i++) {
        struct unknown_limit limit;
        bool found = false;
        (void)parse_limit(u->limits.item[i], &limit);
        if ((limit.column != NULL) != one)
            continue;
        for (size_t f = 0; f < u->schema->n_fields; f++) {
            const char *name = u->schema->field[f].name;
            if (is_counted(&u->schema->field[f]) &&
                (!one ||
                    (strlen(name) == limit.n_column && memcmp(name, limit.column, limit.n_column) == 0))) {
                u->limit[f] = limit.share;
                found = true;
            }
        }
        if (one && !found)
            return no_column(u, &limit, err);
    }
    return APG_OK;
}

enum apg_status unknown_init(struct unknown *u, const struct apg_schema *schema, struct apg_error *err)
{
    u->schema = schema;
    u->count = apg_alloc(2 * schema->n_fields, sizeof *u->count);
    u->limit = apg_alloc(schema->n_fields, sizeof *u->limit);
    u->single = apg_alloc(schema->n_fields, sizeof *u->single);
    u->multi = apg_alloc(schema->n_fields, sizeof *u->multi);
    if (!u->count || !u->limit || !u->single || !u->multi)
        return apg_fail_memory(err);
    for (size_t f = 0; f < schema->n_fields; f++) {
        u->limit[f] = NAN;
        if (is_counted(&schema->field[f]) && schema->field[f].kind == APG_MULTI)
            u->multi[u->n_multi++] = f;
        else if (is_counted(&schema->field[f]))
            u->single[u->n_single++] = f;
    }
    const enum apg_status status = set_limits(u, false, err);
    return status ? status : set_limits(u, true, err);
}

void unknown_release(struct unknown *u)
{
    free(u->count);
    free(u->limit);
    free(u->single);
    free(u->multi);
}

void unknown_count(const struct unknown *u, const struct apg_block *block, size_t rows, uint64_t *count)
{
    const struct apg_schema *s = u->schema;
    const size_t head = apg_row_head(s);
    memset(count, 0, 2 * s->n_fields * sizeof *count);
    for (size_t r = 0; r < rows; r++) {
        const uint32_t *row = apg_block_row(block, r);
        for (size_t i = 0; i < u->n_single; i++)
            count[2 * u->single[i] + 1] += row[1 + u->single[i]] == 0;
        for (size_t i = 0; i < u->n_multi; i++) {
            const uint32_t word = row[1 + u->multi[i]], *id = row + head + (word >> 16);
            count[2 * u->multi[i]] += word & 0xffff;
            for (size_t k = 0; k < (word & 0xffff); k++)
                count[2 * u->multi[i] + 1] += id[k] == 0;
        }
    }
    for (size_t i = 0; i < u->n_single; i++)
        count[2 * u->single[i]] = rows;
}

void unknown_add(struct unknown *u, size_t rows, const uint64_t *count)
{
    u->rows += rows;
    for (size_t i = 0; i < 2 * u->schema->n_fields; i++)
        u->count[i] += count[i];
}

static double share(const struct unknown *u, size_t f)
{
    return u->count[2 * f] ? (double)u->count[2 * f + 1] / (double)u->count[2 * f] : 0;
}

/* The field of the largest share below MOST, or equal and behind AFTER; SIZE_MAX: there is none. */
static size_t next_worst(const struct unknown *u, double most, size_t after)
{
    size_t worst = SIZE_MAX;
    for (size_t f = 0; f < u->schema->n_fields; f++)
        if ((share(u, f) < most || (share(u, f) == most && f > after)) &&
            (worst == SIZE_MAX || share(u, f) > share(u, worst)))
            worst = f;
    return worst;
}

void unknown_tell(const struct unknown *u)
{
    char text[1024];
    size_t n = 0, told = 0, more = 0;
    if (u->rows < TOLD_ROWS)
        return;
    for (size_t f = next_worst(u, 2, 0); f != SIZE_MAX && share(u, f) * 100 >= TOLD_PERCENT;
         f = next_worst(u, share(u, f), f))
        if (told < TOLD_COLUMNS && n + 1 < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.64s %.3g%%", told++ ? ", " : "",
                u->schema->field[f].name, 100 * share(u, f));
        else
            more++;
    char few[80] = "", others[64] = "";
    if (u->schema->min_count > 1)
        (void)snprintf(few, sizeof few, ", or saw fewer than %u times in training", u->schema->min_count);
    if (more)
        (void)snprintf(others, sizeof others, ", and of %zu more columns over %d%%", more, TOLD_PERCENT);
    if (told)
        message_warn("tokens that the model does not know%s: %s%s", few, text, others);
}

enum apg_status unknown_check(const struct unknown *u, struct apg_error *err)
{
    size_t worst = SIZE_MAX;
    double above = 0;
    for (size_t f = 0; f < u->schema->n_fields; f++)
        if (share(u, f) - u->limit[f] > above) {
            worst = f;
            above = share(u, f) - u->limit[f];
        }
    return worst == SIZE_MAX
               ? APG_OK
               : apg_fail(err, APG_EINPUT,
                     "%s: the model does not know %.3g%% of the tokens, and --max-unknown is %.3g%%",
                     u->schema->field[worst].name, 100 * share(u, worst), 100 * u->limit[worst]);
}
