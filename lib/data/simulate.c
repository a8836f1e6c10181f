/* SPDX-License-Identifier: MIT
 *
 * The true model. Every token t has a first-order weight b_t and a vector v_t, every numeric
 * column likewise (scaled by its value x, standardized); columns count by w_c, sum w_c^2 = 1. DIMS
 * = 4:
 *
 *     first = sum_c w_c b_c                                  over all columns
 *     e     = sum_c w_c v_c                    (DIMS)        over all columns but the group's
 *     S_g   = sqrt(1 - X) S_0 + sqrt(X) sum_m c_gm T_m / 2   (DIMS, DIMS); c_g (4): of the group; X: adaptive
 *     h     = S_g e                            (DIMS)
 *     logit = b + s (first + 1.5 sum_k +-(|h_k| - E|h_k|))
 *     p     = (1 - noise) sigmoid(logit) + noise ctr
 *
 * So a group has a small weight matrix of its own, generated from four numbers, between an
 * embedding and a layer of absolute values: what an APG layer conditioned on the group can
 * represent and a static one must approximate. (Absolute values have no linear part, else S_g e
 * would be a dot product of group and token vectors, which any factorization machine learns.) b
 * and s are solved for the click rate and AUC asked for. All weights are normal, from a hash of
 * (column, token): a vocabulary of any size takes no memory.
 */
#include "data/simulate.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"

#ifdef __clang__ /* gcc -std=c11 does not contract either: a fused multiply-add would change last bits */
#pragma STDC FP_CONTRACT OFF
#endif

enum { DIMS = 4, CONDITION_DIMS = 4, GENRES = 18, SAMPLE_ROWS = 1 << 14, SAMPLE_POINTS = SAMPLE_ROWS / 8 };

enum kind { NUMBER, GENRE, TOKEN, HOUR, HEX, PRICE, COUNT };

struct column {
    enum kind kind;
    uint32_t size;          /* tokens */
    uint64_t draw, weight;  /* keys of random streams, of what rows hold and of what tokens weigh */
    double share;           /* w_c */
    double power, spread;   /* Zipf: (1 + u spread)^power; power 0 for exponent 1, then e^(u spread) */
    double mean, deviation; /* numeric: those of the logarithm */
    double missing;         /* numeric: the share of empty cells */
    char name[16];
};

struct apg_simulate {
    struct apg_simulate_options o;
    size_t n_columns, group; /* columns, without label and truth; the one whose values are the groups */
    struct column *column;
    double shared[DIMS][DIMS], own[CONDITION_DIMS][DIMS][DIMS]; /* S_0, T_m */
    double intercept, scale;
    uint64_t label; /* key of the labels' stream */
};

static const char *const genre_name[GENRES] = {"action", "adventure", "animation", "children", "comedy",
    "crime", "documentary", "drama", "fantasy", "film-noir", "horror", "musical", "mystery", "romance",
    "sci-fi", "thriller", "war", "western"};

/* ---- arithmetic that is the same everywhere ---- */

/* f[0] + f[1] x + ... f[11] x^11. Even and odd powers are apart, because two chains of products
 * run side by side. */
static double polynomial(const double f[12], double x)
{
    double q = x * x, even = f[10], odd = f[11];
    for (int i = 8; i >= 0; i -= 2) {
        even = even * q + f[i];
        odd = odd * q + f[i + 1];
    }
    return even + odd * x;
}

/* e^x for |x| < 700: 2^k e^r, |r| <= ln 2 / 2, Taylor to r^11 (error 1e-14). */
static double exp_(double x)
{
    static const double factor[12] = {1, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
        1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800};
    int64_t k = (int64_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    double y = polynomial(factor, x - (double)k * 0.6931471805599453), two_k;
    uint64_t u = (uint64_t)(k + 1023) << 52;
    memcpy(&two_k, &u, sizeof two_k);
    return y * two_k;
}

/* log x for normal x > 0: x = 2^k m, m in [sqrt 1/2, sqrt 2), log m = 2 artanh t,
 * t = (m - 1) / (m + 1) < 0.172. */
static double log_(double x)
{
    static const double factor[12] = {
        2, 2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17};
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    int k = (int)(u >> 52) - 1023;
    u = (u & 0xfffffffffffff) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &u, sizeof m);
    if (m > 1.4142135623730951) {
        m /= 2;
        k++;
    }
    double t = (m - 1) / (m + 1);
    return polynomial(factor, t * t) * t + k * 0.6931471805599453;
}

static double sigmoid(double z)
{
    return z < -700 ? 0 : z > 700 ? 1 : 1 / (1 + exp_(-z));
}

static double uniform(uint64_t u)
{
    return (double)(u >> 11) * 0x1p-53;
}

/* Sums of four uniform parts are nearly normal and need no logarithm. From 64 bits U, this makes
 * two of them whose parts have 8 bits, and the next function one whose parts have 16. */
static void normal_pair(uint64_t u, double out[2])
{
    u = (u & 0x00ff00ff00ff00ff) + (u >> 8 & 0x00ff00ff00ff00ff);
    u += u >> 16;
    const double deviation = 147.80166891254204; /* sqrt(4 (256^2 - 1) / 12) */
    out[0] = ((double)(u & 0xffff) - 510) / deviation;
    out[1] = ((double)(u >> 32 & 0xffff) - 510) / deviation;
}

static double normal(uint64_t u)
{
    double sum =
        (double)(u & 0xffff) + (double)(u >> 16 & 0xffff) + (double)(u >> 32 & 0xffff) + (double)(u >> 48);
    return (sum - 2 * 65535.0) / 37837.22774; /* sqrt(4 (65536^2 - 1) / 12) */
}

/* ---- the true model ---- */

/* The weights of a token: b_t, then v_t. They are made in pairs, so the last value is not used. */
struct weights {
    double value[2 + DIMS];
};

static struct weights weights_of(const struct column *c, uint64_t token)
{
    struct weights w;
    for (unsigned i = 0; i < (2 + DIMS) / 2; i++)
        normal_pair(apg_rng_at(c->weight, token * 8 + i), &w.value[2 * i]);
    return w;
}

static void condition_of(const struct column *c, uint64_t token, double condition[CONDITION_DIMS])
{
    for (unsigned i = 0; i < CONDITION_DIMS / 2; i++)
        normal_pair(apg_rng_at(c->weight, token * 8 + 4 + i), &condition[2 * i]);
}

/* A cell as drawn: what is printed, and what the model sees. */
struct cell {
    uint32_t token;  /* categorical: which token, from 0 on; genres: a set of bits */
    uint32_t number; /* numeric: a count, or a price in hundredths */
    bool missing;    /* numeric: the cell is empty */
    double x;        /* numeric: the value, standardized */
};

/* A token from a uniform number U, without a table: the continuous Zipf law, rounded down. P(k) is
 * proportional to the integral of t^-a from k to k + 1. */
static uint32_t zipf(const struct column *c, double u)
{
    double t = c->power == 0 ? exp_(u * c->spread) : exp_(log_(1 + u * c->spread) * c->power);
    uint64_t k = (uint64_t)t;
    return (uint32_t)(k < 1 ? 0 : k > c->size ? c->size - 1 : k - 1);
}

/* One to three genres from an item's HASH: an item has the same genres in every row. */
static uint32_t genres_of(uint64_t hash)
{
    uint32_t set = 0;
    for (uint64_t n = 1 + (hash >> 60) % 3; n > 0; n--, hash >>= 16)
        set |= (uint32_t)1 << (hash & 0xffff) % GENRES;
    return set;
}

static struct cell draw_cell(const struct column *c, uint64_t row, uint32_t item)
{
    struct cell cell = {0};
    uint64_t u = apg_rng_at(c->draw, 2 * row);
    switch (c->kind) {
    case NUMBER:
    case TOKEN:
    case HEX:
        cell.token = zipf(c, uniform(u));
        break;
    case GENRE:
        cell.token = genres_of(apg_rng_at(c->draw, item));
        break;
    case HOUR: /* a day with its peak at 20 h */
        cell.token = (uint32_t)((((u & 0xffffffff) + (u >> 32)) * 12 >> 32) + 8) % 24;
        break;
    case PRICE:
    case COUNT:
        cell.missing = uniform(apg_rng_at(c->draw, 2 * row + 1)) < c->missing;
        cell.number = (uint32_t)exp_(c->mean + c->deviation * normal(u));
        cell.x = (log_(cell.number + 1.0) - c->mean) / c->deviation;
    }
    return cell;
}

static double absolute(double x)
{
    return x < 0 ? -x : x;
}

/* What the model has seen of a row's cells: first, e and c_g of the equations above. */
struct view {
    double first, e[DIMS], condition[CONDITION_DIMS];
};

static void see(struct view *v, const struct column *c, const struct cell *cell, bool is_group)
{
    struct weights w = {{0}};
    double share = c->share;
    if (c->kind == GENRE) {
        double n = 0;
        for (uint32_t g = 0; g < GENRES; g++) {
            if (!(cell->token >> g & 1))
                continue;
            struct weights one = weights_of(c, g);
            for (int i = 0; i <= DIMS; i++)
                w.value[i] += one.value[i];
            n++;
        }
        share /= n;
    } else {
        w = weights_of(c, cell->token);
        if (c->kind >= PRICE)
            share *= cell->missing ? 0 : cell->x;
    }
    v->first += share * w.value[0];
    if (is_group)
        condition_of(c, cell->token, v->condition);
    else
        for (int i = 0; i < DIMS; i++)
            v->e[i] += share * w.value[1 + i];
}

/* E|h_k| is 0.8 for a normal h_k of variance 1. */
static double raw_logit(const struct apg_simulate *s, const struct view *v)
{
    double sum = v->first;
    for (int k = 0; k < DIMS; k++) {
        double h = 0;
        for (int i = 0; i < DIMS; i++) {
            double weight = s->shared[k][i];
            for (int m = 0; m < CONDITION_DIMS; m++)
                weight += v->condition[m] * s->own[m][k][i];
            h += weight * v->e[i];
        }
        sum += (k % 2 ? -1.5 : 1.5) * (absolute(h) - 0.8);
    }
    return sum;
}

static double probability(const struct apg_simulate *s, double raw)
{
    double p = sigmoid(s->intercept + s->scale * raw);
    return p + s->o.noise * (s->o.ctr - p);
}

/* ---- text ---- */

static char *put_number(char *out, uint64_t x)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + x % 10);
    while (x /= 10);
    while (n)
        *out++ = digits[--n];
    return out;
}

/* X / 10^PLACES, with all its places. */
static char *put_decimal(char *out, uint64_t x, int places)
{
    uint64_t unit = 1;
    for (int i = 0; i < places; i++)
        unit *= 10;
    out = put_number(out, x / unit);
    *out++ = '.';
    for (x %= unit; unit > 1; x %= unit)
        *out++ = (char)('0' + x / (unit /= 10));
    return out;
}

static char *put_text(char *out, const char *text)
{
    return mempcpy(out, text, strlen(text));
}

/* X as eight hexadecimal digits that show no order. Every step can be undone, so different tokens
 * of a column look different. */
static char *put_hex(char *out, uint32_t x, uint64_t salt)
{
    x = (x ^ (uint32_t)salt) * 0x9e3779b1u;
    x = (x ^ x >> 15) * 0x85ebca77u;
    x ^= x >> 13;
    for (int shift = 28; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[x >> shift & 15];
    return out;
}

static char *put_cell(char *out, const struct column *c, const struct cell *cell)
{
    switch (c->kind) {
    case NUMBER:
        return put_number(out, (uint64_t)cell->token + 1);
    case TOKEN:
        *out++ = 's';
        return put_number(out, (uint64_t)cell->token + 1);
    case HOUR:
        return put_number(out, cell->token);
    case HEX:
        return put_hex(out, cell->token, c->weight);
    case PRICE:
        return cell->missing ? out : put_decimal(out, cell->number, 2);
    case COUNT:
        return cell->missing ? out : put_number(out, cell->number);
    case GENRE:
        break;
    }
    for (uint32_t g = 0; g < GENRES; g++)
        if (cell->token >> g & 1) {
            if (cell->token & (((uint32_t)1 << g) - 1))
                *out++ = '|';
            out = put_text(out, genre_name[g]);
        }
    return out;
}

size_t apg_simulate_line_max(const struct apg_simulate *s)
{
    enum { CELL_BYTES = 40 }; /* three genres; every other cell and name is shorter */
    return CELL_BYTES * (s->n_columns + 2) + (s->o.truth ? strlen(s->o.truth) : 0);
}

size_t apg_simulate_header(const struct apg_simulate *s, char *out)
{
    char *at = put_text(out, "label");
    for (size_t c = 0; c < s->n_columns; c++) {
        *at++ = s->o.delimiter;
        at = put_text(at, s->column[c].name);
    }
    if (s->o.truth) {
        *at++ = s->o.delimiter;
        at = put_text(at, s->o.truth);
    }
    *at++ = '\n';
    return (size_t)(at - out);
}

/* Write the cells of a row, each behind a delimiter; returns the raw logit. */
static double put_cells(const struct apg_simulate *s, uint64_t row, char **out)
{
    struct view v = {0};
    uint32_t item = 0;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct column *c = &s->column[i];
        struct cell cell = draw_cell(c, row, item);
        if (i == APG_SIMULATE_ITEM)
            item = cell.token;
        see(&v, c, &cell, i == s->group);
        *(*out)++ = s->o.delimiter;
        *out = put_cell(*out, c, &cell);
    }
    return raw_logit(s, &v);
}

size_t apg_simulate_row(const struct apg_simulate *s, uint64_t row, char *out)
{
    char *at = out + 1; /* the label comes first and is known last */
    double p = probability(s, put_cells(s, row, &at));
    *out = uniform(apg_rng_at(s->label, row)) < p ? '1' : '0';
    if (s->o.truth) { /* never 0 or 1: that would be certain */
        const uint64_t one = 1000000000;
        uint64_t x = (uint64_t)(p * (double)one + 0.5);
        *at++ = s->o.delimiter;
        at = put_decimal(at, x < 1 ? 1 : x > one - 1 ? one - 1 : x, 9);
    }
    *at++ = '\n';
    return (size_t)(at - out);
}

/* ---- drawing the model ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double mean_probability(const double *raw, double intercept, double scale)
{
    double sum = 0;
    for (size_t i = 0; i < SAMPLE_POINTS; i++)
        sum += sigmoid(intercept + scale * raw[i]);
    return sum / SAMPLE_POINTS;
}

/* The AUC to expect of the true probabilities p, for RAW in ascending order: the sum over i < j of
 * (1 - p_i) p_j, divided by (sum of p) (sum of 1 - p). */
static double expected_auc(const double *raw, double intercept, double scale)
{
    double wins = 0, yes = 0, no = 0;
    for (size_t i = 0; i < SAMPLE_POINTS; i++) {
        double p = sigmoid(intercept + scale * raw[i]);
        wins += p * (no + (1 - p) / 2);
        yes += p;
        no += 1 - p;
    }
    return wins / (yes * no);
}

/* The click rate grows with the intercept, the AUC with the scale. So the scale is found by
 * bisection, and the intercept by bisection for each scale tried. */
static enum apg_status calibrate(struct apg_simulate *s, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    double *raw = apg_alloc(SAMPLE_ROWS, sizeof *raw);
    char *line = apg_alloc(apg_simulate_line_max(s), 1);
    if (!raw || !line) {
        status = apg_fail_memory(err);
        goto done;
    }
    for (uint64_t i = 0; i < SAMPLE_ROWS; i++) {
        char *at = line;
        raw[i] = put_cells(s, UINT64_MAX / 4 - i, &at); /* rows that no log reaches */
    }
    qsort(raw, SAMPLE_ROWS, sizeof *raw, ascending);
    /* Eight neighbours become their mean: the same result to four digits, eight times as fast. */
    for (size_t i = 0; i < SAMPLE_POINTS; i++) {
        double sum = 0;
        for (size_t j = 0; j < SAMPLE_ROWS / SAMPLE_POINTS; j++)
            sum += raw[i * (SAMPLE_ROWS / SAMPLE_POINTS) + j];
        raw[i] = sum / (SAMPLE_ROWS / SAMPLE_POINTS);
    }
    double scale_low = 0, scale_high = 32;
    for (int i = 0; i < 24; i++) {
        s->scale = (scale_low + scale_high) / 2;
        double low = -500, high = 500;
        for (int j = 0; j < 32; j++) {
            s->intercept = (low + high) / 2;
            *(mean_probability(raw, s->intercept, s->scale) < s->o.ctr ? &low : &high) = s->intercept;
        }
        *(expected_auc(raw, s->intercept, s->scale) < s->o.auc ? &scale_low : &scale_high) = s->scale;
    }
    if (absolute(expected_auc(raw, s->intercept, s->scale) - s->o.auc) > 0.01)
        status = apg_fail(err, APG_EUSAGE, "an AUC of %g is out of reach with these columns", s->o.auc);
done:
    free(raw);
    free(line);
    return status;
}

/* A matrix that keeps the variance of what it multiplies, times FACTOR. */
static void draw_matrix(double a[DIMS][DIMS], uint64_t key, double factor)
{
    for (unsigned i = 0; i < DIMS * DIMS; i++)
        a[i / DIMS][i % DIMS] = normal(apg_rng_at(key, i)) * factor * 0.5; /* 1 / sqrt(DIMS) */
}

static uint64_t stream_of(const struct apg_simulate *s, uint64_t stream)
{
    struct apg_rng r;
    apg_rng_init(&r, s->o.seed, stream);
    return r.key;
}

static void add_column(struct apg_simulate *s, enum kind kind, size_t size, const char *name, size_t number)
{
    struct column *c = &s->column[s->n_columns];
    c->kind = kind;
    c->size = (uint32_t)size;
    (void)snprintf(c->name, sizeof c->name, number ? "%s%zu" : "%s", name, number);
    c->draw = stream_of(s, 100 + 2 * s->n_columns);
    c->weight = stream_of(s, 101 + 2 * s->n_columns);
    c->share =
        exp_(-0.1 * log_((double)size)); /* large vocabularies count for less: 24 tokens .73, 1 M .25 */
    double b = 1 - s->o.zipf, log_n = log_((double)size + 1);
    bool harmonic = absolute(b) < 1e-6;
    c->power = harmonic ? 0 : 1 / b;
    c->spread = harmonic ? log_n : exp_(b * log_n) - 1;
    if (kind == PRICE) {
        c->mean = 7.5, c->deviation = 0.8, c->missing = 0.05;
    } else if (kind == COUNT) {
        c->mean = 1 + (double)(number % 5) / 2;
        c->deviation = 0.8 + (double)(number % 3) / 4;
        c->missing = (double)(number % 7) * 0.038;
    }
    s->n_columns++;
}

static void add_columns(struct apg_simulate *s)
{
    enum { AS_TOKENS = 100 }; /* a number counts as much as a column of that many tokens */
    const struct apg_simulate_options *o = &s->o;
    add_column(s, NUMBER, o->users, "user_id", 0);
    add_column(s, NUMBER, o->items, "item_id", 0);
    add_column(s, TOKEN, o->scenarios, "scenario", 0);
    add_column(s, HOUR, 24, "hour", 0);
    add_column(s, PRICE, AS_TOKENS, "price", 0);
    add_column(s, GENRE, GENRES, "genres", 0);
    size_t left = o->vocabulary;
    for (size_t i = 1; i <= o->categorical; i++) { /* each takes two fifths of what is left */
        size_t kept = 3 * (o->categorical - i), size = left / 5 * 2;
        size = i == o->categorical ? left : size < 3 ? 3 : size > left - kept ? left - kept : size;
        add_column(s, HEX, size, "c", i);
        left -= size;
    }
    for (size_t i = 1; i <= o->numeric; i++)
        add_column(s, COUNT, AS_TOKENS, "n", i);
    double sum = 0;
    for (size_t i = 0; i < s->n_columns; i++)
        sum += s->column[i].share * s->column[i].share;
    for (size_t i = 0; i < s->n_columns; i++)
        s->column[i].share *= exp_(-0.5 * log_(sum));
}

void apg_simulate_defaults(struct apg_simulate_options *o)
{
    *o = (struct apg_simulate_options){.seed = 1,

        .users = 1000,
        .items = 1000,
        .scenarios = 10,
        .vocabulary = 10000,
        .zipf = 0.9,
        .adaptive = 0.5,
        .group = APG_SIMULATE_USER,
        .ctr = 0.2,
        .auc = 0.8,
        .delimiter = ','};
}

enum apg_status apg_simulate_new(
    struct apg_simulate **out, const struct apg_simulate_options *o, struct apg_error *err)
{
    *out = NULL;
    if (!strchr(",;\t ", o->delimiter) || !o->delimiter)
        return apg_fail(err, APG_EUSAGE, "the delimiter of a simulated log is one of , ; tab and space");
    if (o->truth && (!*o->truth || strpbrk(o->truth, "\"\r\n") || strchr(o->truth, o->delimiter)))
        return apg_fail(err, APG_EUSAGE, "'%s' cannot be the name of a column", o->truth);
    if (o->categorical && o->vocabulary / 3 < o->categorical)
        return apg_fail(err, APG_EUSAGE, "%zu columns need a vocabulary of %zu tokens or more, not %zu",
            o->categorical, 3 * o->categorical, o->vocabulary);
    assert(o->categorical <= APG_SIMULATE_COLUMNS_MAX && o->numeric <= APG_SIMULATE_COLUMNS_MAX);
    enum apg_status status = APG_ENOMEM;
    struct apg_simulate *s = apg_alloc(1, sizeof *s);
    if (s)
        s->column = apg_alloc(6 + o->categorical + o->numeric, sizeof *s->column);
    if (!s || !s->column) {
        (void)apg_fail_memory(err);
        goto done;
    }
    s->o = *o;
    s->group = (size_t)o->group;
    s->label = stream_of(s, 0);
    /* Square roots by exp and log; log 0 is not needed: without X, or with all of it, one of the
     * two parts is absent. */
    draw_matrix(s->shared, stream_of(s, 1), o->adaptive < 1 ? exp_(0.5 * log_(1 - o->adaptive)) : 0);
    for (unsigned m = 0; m < CONDITION_DIMS; m++)
        draw_matrix(s->own[m], stream_of(s, 2 + m), o->adaptive > 0 ? exp_(0.5 * log_(o->adaptive)) / 2 : 0);
    add_columns(s);
    status = calibrate(s, err);
done:
    if (status)
        apg_simulate_free(s);
    else
        *out = s;
    return status;
}

void apg_simulate_free(struct apg_simulate *s)
{
    if (!s)
        return;
    free(s->column);
    free(s);
}
