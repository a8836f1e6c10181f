/* SPDX-License-Identifier: MIT */
#include "data/infer.h"

#include <ctype.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "data/cell.h"
#include "data/time.h"
#include "data/vocab.h"

/* What the inference goes by (infer.h). Values are the different ones of a column's sample. */
enum {
    FEW_VALUES = 10,           /* no more values than this are taken for codes */
    MANY_VALUES = 32,          /* more values than this may be amounts, if they are skewed */
    SKEWED_RATIO = 6,          /* (highest - median) / (median - lowest) of amounts is above this */
    UNIQUE_ROWS_SAMPLE = 1000, /* a sample of fewer rows does not show that a value never comes back */
    UNIQUE_ROWS_WHOLE = 20,    /* the same, when the sample is the whole input */
    VERSION_TIMES = 4, /* versions such as 4.10 come back so often on average, measured numbers do not */
};

/* The last word of a name that says: these are identifiers, whatever they look like. */
static const char *const id_words[] = {"id", "ids", "uid", "gid", "uuid", "guid", "idx", "index", "key",
    "hash", "code", "zip", "zipcode", "postcode", "phone", "ip", "user", "item", "movie", "product", "sku",
    "ad", "advert", "advertiser", "campaign", "creative", "publisher", "site", "app", "page", "query",
    "keyword", "tag", "topic", "brand", "shop", "store", "seller", "category", "cat", "type", "class", "kind",
    "domain", "group", "segment", "cluster", "scenario", "channel", "slot", "pos", "position", "country",
    "region", "state", "city", "district", "device", "os", "browser", "platform", "occupation", "gender",
    "sex", "hour", "day", "weekday", "month", "year", NULL};
/* Any word of a name that says: this is a quantity. */
static const char *const quantity_words[] = {"age", "count", "counts", "cnt", "num", "price", "prices",
    "cost", "amount", "income", "salary", "revenue", "spend", "bid", "budget", "gain", "loss", "score",
    "rate", "ratio", "weight", "duration", "seconds", "minutes", "hours", "days", "length", "size", "width",
    "height", "distance", "views", "clicks", "impressions", "visits", "total", "sum", "avg", "mean",
    "percent", "pct", "balance", "temperature", NULL};

/* ---- names ---- */

static bool in_list(const char *const *list, const char *word, size_t len)
{
    for (; *list; list++)
        if (strlen(*list) == len && strncasecmp(*list, word, len) == 0)
            return true;
    return false;
}

/* The next word of NAME from *at on, which is a run of letters and ends before a capital too
 * ("userId"). Returns its length, 0 when there is none; *at is where it starts and *end where it
 * ends. */
static size_t next_word(const char *name, size_t *at, size_t *end)
{
    size_t i = *at;
    while (name[i] && !isalpha((unsigned char)name[i]))
        i++;
    *at = i;
    while (isalpha((unsigned char)name[i]) &&
           (i == *at || !isupper((unsigned char)name[i]) || isupper((unsigned char)name[i - 1])))
        i++;
    *end = i;
    return i - *at;
}

/* Is NAME the letter and a number, as C14 is for 'C'? */
static bool is_numbered(const char *name, char letter)
{
    return name[0] == letter && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

static bool is_id_name(const char *name)
{
    size_t at = 0, end, last = 0, len = 0;
    for (size_t n; (n = next_word(name, &at, &end)); at = end) {
        last = at;
        len = n;
    }
    return is_numbered(name, 'C') || in_list(id_words, name + last, len);
}

static bool is_quantity_name(const char *name)
{
    size_t at = 0, end;
    for (size_t n; (n = next_word(name, &at, &end)); at = end)
        if (in_list(quantity_words, name + at, n))
            return true;
    return false;
}

/* ---- a look at the sample ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lowest of the N numbers X, their median and the highest. Sorts X. */
static void spread(struct apg_look *l, double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    l->low = x[0];
    l->middle = x[n / 2];
    l->high = x[n - 1];
}

static bool look_at_cell(struct apg_look *l, const char *text, size_t len, double before, double *x)
{
    size_t sign = len && (*text == '-' || *text == '+');
    if (!apg_cell_number(text, len, x))
        return false;
    l->fraction |= strchr(text, '.') && *x != floor(*x);
    l->exponent |= strpbrk(text, "eE") != NULL;
    l->padded |= text[sign] == '0' && isdigit((unsigned char)text[sign + 1]);
    l->code |= len > sign + 15 || (len > sign + 1 && text[sign] == '0' && text[sign + 1] != '.');
    l->falling |= *x < before;
    return true;
}

/* Is it a number with a comma where the point would be? */
static bool has_comma(const char *text, size_t len)
{
    char number[32];
    double x;
    const char *comma = memchr(text, ',', len);
    if (!comma || len >= sizeof number)
        return false;
    memcpy(number, text, len + 1);
    number[comma - text] = '.';
    return apg_cell_number(number, len, &x);
}

static void look_at_time(struct apg_look *l, const char *text, size_t len)
{
    struct apg_time t;
    const bool time = apg_time_read(&t, text, len, false) || (t.eight && apg_time_read(&t, text, len, true));
    l->times += time;
    l->eights += time && t.eight;
}

/* What other programs write for a number that is missing. */
static bool is_marker(const char *text)
{
    static char *const usual[] = {
        "NA", "N/A", "na", "n/a", "NULL", "null", "NaN", "nan", "None", "\\N", "-", "?"};
    return apg_list_has(&(struct apg_list){sizeof usual / sizeof *usual, (char **)usual}, text);
}

/* Are two of the N numbers X equal? Sorts X. */
static bool has_twins(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    for (size_t i = 1; i < n; i++)
        if (!(x[i] > x[i - 1]))
            return true;
    return false;
}

/* Bad rows are refused, or left out, when they are encoded: what they hold says nothing of a column. */
static bool is_bad(const struct apg_sample *s, const struct apg_csv_chunk *chunk, size_t r)
{
    float y, w;
    if (chunk->first[r + 1] - chunk->first[r] != s->columns || apg_csv_is_bad(chunk, r))
        return true;
    const struct apg_cell *label = &chunk->cell[chunk->first[r] + s->label];
    if (s->weight != SIZE_MAX) {
        const struct apg_cell *weight = &chunk->cell[chunk->first[r] + s->weight];
        if (!apg_cell_weight(chunk->text + weight->at, weight->len, &w))
            return true;
    }
    return !apg_cell_label(chunk->text + label->at, label->len, s->positive, &y);
}

/* What looking at the columns of a sample goes by. */
struct looking {
    struct apg_look *look;
    const struct apg_sample *sample;
    const bool *asked;
    const struct apg_cell **row; /* the first cells of the good rows */
    size_t rows;
    const char **text; /* of each of them the text of its chunk */
    atomic_bool no_memory;
};

/* Look at column I. False: out of memory. */
static bool look_at(const struct looking *x, size_t column)
{
    const struct apg_sample *sample = x->sample;
    struct apg_look *l = &x->look[column];
    struct apg_vocab seen = {0};
    double *number = malloc(APG_SAMPLE_ROWS * sizeof *number);
    double *pointed =
        malloc(APG_SAMPLE_ROWS * sizeof *pointed); /* numbers of the different texts with a point */
    size_t n_pointed = 0;
    bool good = number && pointed && !apg_vocab_init(&seen, NULL);
    *l = (struct apg_look){.number = true, .rows = x->rows};
    for (size_t r = 0; good && r < x->rows; r++) {
        const struct apg_cell *cell = &x->row[r][column];
        const char *text = x->text[r] + cell->at;
        const uint32_t texts = seen.n;
        if (!cell->len || apg_list_has(sample->missing, text))
            continue;
        if (!(good = apg_vocab_add(&seen, text, cell->len, apg_vocab_hash(text, cell->len))))
            break;
        look_at_time(l, text, cell->len);
        l->commas += has_comma(text, cell->len);
        l->separators += strchr(text, sample->separator) != NULL;
        l->filled++;
        if (is_marker(text)) {
            l->marker = text;
            continue;
        }
        l->number = l->number && look_at_cell(l, text, cell->len,
                                     l->numbers ? number[l->numbers - 1] : -1e300, &number[l->numbers]);
        if (l->number && seen.n > texts && strchr(text, '.'))
            pointed[n_pointed++] = number[l->numbers];
        l->numbers++;
    }
    if (good) {
        l->distinct = seen.n - 1;
        if (l->number && l->numbers)
            spread(l, number, l->numbers);
        l->versions = l->number && VERSION_TIMES * l->distinct <= l->filled && has_twins(pointed, n_pointed);
    }
    apg_vocab_release(&seen);
    free(number);
    free(pointed);
    return good;
}

static void look_task(void *arg, size_t column, unsigned worker)
{
    struct looking *x = arg;
    (void)worker;
    if (x->asked[column] && !look_at(x, column))
        x->no_memory = true;
}

enum apg_status apg_look_at(struct apg_look *look, const struct apg_sample *sample, const bool *asked,
    struct apg_pool *pool, struct apg_error *err)
{
    struct looking x = {.look = look,
        .sample = sample,
        .asked = asked,
        .row = apg_alloc(APG_SAMPLE_ROWS, sizeof *x.row),
        .text = apg_alloc(APG_SAMPLE_ROWS, sizeof *x.text)};
    x.no_memory = !x.row || !x.text;
    for (size_t k = 0; !x.no_memory && k < sample->n; k++) {
        const struct apg_csv_chunk *chunk = sample->chunk[k];
        for (size_t r = 0; r < chunk->records && x.rows < APG_SAMPLE_ROWS; r++) {
            if (is_bad(sample, chunk, r))
                continue;
            x.row[x.rows] = &chunk->cell[chunk->first[r]];
            x.text[x.rows++] = chunk->text;
        }
    }
    if (!x.no_memory)
        apg_pool_run(pool, sample->columns, look_task, &x);
    free(x.row);
    free(x.text);
    return x.no_memory ? apg_fail_memory(err) : APG_OK;
}

bool apg_look_is_version(const struct apg_look *l, const char *name)
{
    return l->versions && !is_quantity_name(name);
}

bool apg_look_is_time(const struct apg_look *l, const char *name)
{
    static const char *const words[] = {"time", "timestamp", "date", "datetime", "ts", "hour", "day", NULL};
    size_t at = 0, end;
    bool said = false;
    if (!l->filled || l->times < l->filled || l->distinct < 2)
        return false;
    for (size_t n; (n = next_word(name, &at, &end)); at = end)
        said = said || in_list(words, name + at, n);
    return said || !l->number || l->eights == l->filled ||
           (!l->falling && 2 * l->distinct > l->rows && l->rows >= UNIQUE_ROWS_WHOLE);
}

int apg_infer(const struct apg_look *l, const char *name, bool whole, const char **why)
{
    bool number = l->number && !l->marker, varies = l->distinct + (l->filled < l->rows) > 1;
    if (whole && l->rows > 1 && !varies) {
        *why = "its cells are all alike";
        return APG_DROP;
    }
    if (apg_look_is_version(l, name))
        number = false;
    if (number && l->filled) {
        bool id_name = is_id_name(name);
        /* 001E2 is hexadecimal or the like: an exponent alone makes no number of an id. */
        if (l->fraction || (l->exponent && !l->padded && !id_name))
            return APG_NUMERIC;
        bool id = l->code || id_name;
        if (!id && !l->falling && 2 * l->distinct > l->rows && l->rows >= UNIQUE_ROWS_WHOLE) {
            *why = "it never falls: a time or a counter";
            return APG_DROP;
        }
        if (!id && is_numbered(name, 'I'))
            return APG_NUMERIC;
        if (!id && l->distinct > FEW_VALUES && is_quantity_name(name))
            return APG_NUMERIC;
        if (!id && l->distinct > MANY_VALUES && l->high - l->middle > SKEWED_RATIO * (l->middle - l->low))
            return APG_NUMERIC;
    }
    if (l->filled && l->distinct == l->rows && l->rows >= (whole ? UNIQUE_ROWS_WHOLE : UNIQUE_ROWS_SAMPLE)) {
        *why = "each row has a value of its own";
        return APG_DROP;
    }
    return APG_CATEGORICAL;
}
