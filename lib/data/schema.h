/* SPDX-License-Identifier: MIT
 *
 * schema.h - what the columns of a log mean, and how a row of text becomes a row of numbers. A
 * model keeps its schema and calls it the encoder.
 *
 * A FIELD is a column that the model reads. Each has rows in the embedding table:
 *   categorical  one id per row; id 0 is out of vocabulary (also what was seen fewer than --min-count times)
 *   multi        any number of ids per cell ("Action|Comedy"), ids as above; the model takes the mean
 *   bucket       a number cut at training quantiles: id 0 missing, ids 1..edges+1
 *   numeric      a value v = (t - mean) / deviation, where t = sign(x) log1p|x|, held to the range of the
 *                training rows, of which mean and deviation are too. Table row 0 is the vector of a missing
 *                value, row 1 the vector that v scales. With edges, row 2 + (number of edges <= v) is added
 *                to that: a line alone cannot follow a value that stands out from those beside it
 * An empty cell is the token "" of a categorical or multi column, and "missing" for a number.
 * Types belong to columns, never to cells: a cell of a numeric or bucket column that is no finite
 * number is an error with its place.
 *
 * A column of times (time.h) makes three fields: the hour and the weekday are buckets with an edge for each, the
 * age is a number.
 * A ROW is 32-bit words: [label] [field 0] .. [field F-1] [weight] [ids of multi cells]
 *   label        0 or 1 as a float; NaN when there is none (rows to be scored). The word holds its bits
 *   categorical  the id
 *   bucket       the id
 *   numeric      v as a float; NaN when it is missing
 *   weight       a float from 0 on, of a schema that names a column of weights; else there is no such word.
 *                NaN when there is none (rows to be scored)
 *   multi        begin << 16 | count: the ids are `count` words from word `begin` of the tail on. The tail
 *                is what follows the fields and the weight; it has at most 65,535 words
 */
#ifndef APG_SCHEMA_H
#define APG_SCHEMA_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/list.h"
#include "base/near.h"
#include "data/vocab.h"

enum apg_kind { APG_CATEGORICAL, APG_MULTI, APG_NUMERIC, APG_BUCKET, APG_KINDS };
extern const char *const apg_kind_name[APG_KINDS]; /* "categorical", ...: as in --categorical */

/* What a field is of a column of times (time.h): a bucket of 24 or 7, or a number. */
enum apg_time_part { APG_TIME_NONE, APG_TIME_HOUR, APG_TIME_WEEKDAY, APG_TIME_AGE, APG_TIME_PARTS };
extern const char *const apg_time_part_name[APG_TIME_PARTS]; /* "", "hour", ... */

struct apg_field {
    char *name;
    char *column;            /* of times: the column, of which NAME is a part, "ts.hour"; else NULL */
    enum apg_time_part part; /* of times */
    bool hours;              /* of times: eight digits are YYMMDDHH */
    float newest;            /* of an age: the newest day of the training rows (apg_time.days) */
    enum apg_kind kind;
    uint32_t rows;      /* how many rows of the embedding table are the field's */
    uint32_t first;     /* the first of them in the joint table of all fields */
    unsigned hash_bits; /* not 0: there is no vocabulary, and an id is a token's hash mod 2^hash_bits */
    char separator;     /* the byte between the tokens of a multi cell, such as '|' */
    struct apg_vocab vocab;
    double mean, deviation; /* numeric */
    bool bounded;           /* numeric: t is held to [low, high]; false in files of old versions */
    float low, high;
    uint32_t n_edges; /* bucket; numeric, in units of v */
    float *edge;      /* (n_edges) ascending; id = 1 + number of edges <= x */
};

/* The pairs of ids of two fields, looked up from their words (cross.h). */
struct apg_cross {
    size_t a, b;            /* numbers of the fields */
    uint32_t first;         /* its first row in the joint table, behind those of all fields */
    struct apg_vocab vocab; /* of tokens of 8 bytes: an id of field a, an id of field b */
};

struct apg_schema {
    char *label;              /* the label column's name */
    struct apg_list positive; /* texts of labels that are 1, others are 0; none: 0 and 1. Owned */
    char *weight;             /* that of the column that says how much a row counts; NULL: all count alike */
    char delimiter;
    bool no_quotes;          /* in its logs a quote is text */
    bool no_header;          /* they have no line of names */
    struct apg_list names;   /* then those of all columns; none in files of old versions. Owned */
    struct apg_list missing; /* cells of these texts are read as empty ones; owned */
    size_t n_fields;
    struct apg_field *field; /* (n_fields) the three of each column of times stand behind the others */
    size_t n_times;          /* columns of times */
    size_t n_crosses;        /* a model's; rows have no words of them */
    struct apg_cross *cross;
    uint32_t rows; /* rows of the joint table: the sum over the fields and crosses */
    /* The settings that made it and that the rest does not say, where they are not the defaults: a JSON object,
     * {"drop": "id,time"}. NULL: none, or it is of before they were kept. For `apg inspect` only. */
    char *settings;
    uint32_t min_count; /* tokens seen fewer times are not in the vocabularies; for `apg inspect` only */
};

/* Add a copy of TEXT to LIST, one that the schema owns. False: out of memory. */
bool apg_schema_add_text(struct apg_list *list, const char *text);
/* The weights are those of column NAME; "": rows have none. False: out of memory. */
bool apg_schema_set_weight(struct apg_schema *s, const char *name);
/* NULL is allowed. */
void apg_schema_free(struct apg_schema *s);
/* S has no crosses any more. */
void apg_schema_uncross(struct apg_schema *s);
/* What S borrows from a file that is mapped becomes its own, so that it may outlive the file. */
enum apg_status apg_schema_own(struct apg_schema *s, struct apg_error *err);
/* The column that the field is read from. */
static inline const char *apg_field_column(const struct apg_field *f)
{
    return f->column ? f->column : f->name;
}
/* t of an age: log1p of the days from DAYS (apg_time.days) to the newest, which is 0 for what is newer. */
float apg_field_age(const struct apg_field *f, float days);
/* Does the field look tokens up, as a categorical or multi one does that is not hashed? */
static inline bool apg_field_has_vocab(const struct apg_field *f)
{
    return f->kind <= APG_MULTI && !f->hash_bits;
}
/* Has every row exactly one id of the field? Then its values can be domains. */
static inline bool apg_field_is_domain(const struct apg_field *f)
{
    return f->kind == APG_CATEGORICAL || f->kind == APG_BUCKET;
}
/* How many words a row has before its tail. */
static inline size_t apg_row_head(const struct apg_schema *s)
{
    return 1 + s->n_fields + (s->weight != NULL);
}
/* Which word of a row is its weight; 0: none is. */
static inline size_t apg_row_weight_at(const struct apg_schema *s)
{
    return s->weight ? 1 + s->n_fields : 0;
}
/* The number of the field named NAME, or SIZE_MAX. */
size_t apg_schema_find(const struct apg_schema *s, const char *name);
/* Try each field's name: which is near to one that there is not? */
void apg_schema_near(const struct apg_schema *s, struct apg_near *near);
/* Do both encode alike? Everything is compared that decides what a row's words mean. A hash would
 * not do: a file could be made to have the hash of another. */
bool apg_schema_same(const struct apg_schema *a, const struct apg_schema *b);
/* Do the words of a row that ROWS encoded mean the same to S? They do when both are the same, or when S has more
 * tokens behind those of ROWS (apg_ingest_grow). */
bool apg_schema_reads(const struct apg_schema *s, const struct apg_schema *rows);
/* The bytes that the vocabularies of S take in memory: not of those that lie in a file. */
uint64_t apg_schema_bytes(const struct apg_schema *s);
/* XXH3 over what apg_schema_same compares. It finds a file that was damaged, not one that was forged. */
uint64_t apg_schema_hash(const struct apg_schema *s);

/* ---- rows ---- */

/* The one NaN that rows hold: a label or a weight that is absent, a number that is missing. */
#define APG_MISSING UINT32_C(0x7fc00000)

enum { APG_BLOCK_ROWS = 8192 }; /* blocks of a data set hold this many (dataset.h) */

/* Rows, one after another. words and start may be borrowed from a mapping; then cap_* are 0. */
struct apg_block {
    uint32_t rows;
    uint32_t *start; /* (rows + 1): the word at which each row starts */
    uint32_t *words;
    size_t cap_start, cap_words;
};
/* Frees what B owns and zeroes it. A zeroed one is allowed. */
void apg_block_release(struct apg_block *b);
/* Append rows [from, to) of SRC to DST, which owns its memory. More than 2^32 - 1 words are
 * refused (APG_ERANGE). */
enum apg_status apg_block_append(
    struct apg_block *dst, const struct apg_block *src, size_t from, size_t to, struct apg_error *err);
/* How many rows have the label 1. */
uint64_t apg_block_positives(const struct apg_block *b);
/* The words of row I. */
static inline const uint32_t *apg_block_row(const struct apg_block *b, size_t i)
{
    return b->words + b->start[i];
}
/* A word's bits as a float, and back. */
static inline float apg_word_float(uint32_t w)
{
    union {
        uint32_t u;
        float f;
    } x = {w};
    return x.f;
}
static inline uint32_t apg_float_word(float f)
{
    union {
        float f;
        uint32_t u;
    } x = {f};
    return x.u;
}

/* What ROW counts for. A row of which nobody said it counts 1. */
static inline float apg_row_weight(const struct apg_schema *s, const uint32_t *row)
{
    const size_t at = apg_row_weight_at(s);
    return at && row[at] != APG_MISSING ? apg_word_float(row[at]) : 1;
}

/* Numbers of a schema are not larger: log1p of the largest double is 709.8. */
enum { APG_NUMERIC_MOST = 710 };
/* The word of numeric field F for a cell x, given RAW = t = sign(x) log1p|x|; for an empty cell RAW
 * is NaN. A number beyond what training saw is one that no weight was learned for, and a deviation
 * that is small makes it huge: it is taken for the last that was seen. */
static inline uint32_t apg_field_numeric(const struct apg_field *f, float raw)
{
    if (f->bounded)
        raw = raw < f->low ? f->low : raw > f->high ? f->high : raw;
    return raw == raw ? apg_float_word((float)(((double)raw - f->mean) / f->deviation)) : APG_MISSING;
}
/* The id that bucket field F gives to X: 1 + the number of edges <= X. */
uint32_t apg_field_bucket(const struct apg_field *f, float x);

#endif
