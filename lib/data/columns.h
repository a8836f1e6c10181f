/* SPDX-License-Identifier: MIT
 *
 * columns.h - which columns a log has and what kind each is: as told, or inferred from a sample (infer.h).
 */
#ifndef APG_COLUMNS_H
#define APG_COLUMNS_H
#include "base/list.h"
#include "base/pool.h"
#include "base/setting.h"
#include "data/csvread.h"
#include "data/schema.h"

enum { APG_HASH_BITS_MAX = 30 };

/* How columns are to be read. Names are matched exactly; a name that is no column is refused.
 * Commands let their options fill it. Strings and lists are borrowed. */
struct apg_columns {
    char delimiter;           /* 0: found by the first records (delimiter.h) */
    bool quotes;              /* quotes enclose cells; else they are text */
    char separator;           /* of multi cells, '|' */
    bool header;              /* the first record holds the names; else NAMES does */
    const char *label;        /* NULL: found by the usual names (label.h) */
    struct apg_list positive; /* texts of labels that are 1, others are 0; none: labels are 0 and 1 */
    const char *weight;       /* NULL or "": rows have no weights */
    struct apg_list names;    /* with header = false; none: c1, c2, ... */
    const char *may_lack;     /* one of NAMES, that of the label, which rows to be scored may lack; or NULL */
    bool skip_names;          /* a first record that is NAMES is no row */
    struct apg_list categorical, numeric, bucket, multi, time, drop; /* columns whose kind is not inferred */
    struct apg_list missing; /* cells of these texts are read as empty ones */
    size_t min_count;        /* times that a token is seen before it gets an id of its own; 1 to UINT32_MAX */
    size_t hash_bits;        /* 0: vocabulary; at most APG_HASH_BITS_MAX */
    size_t numeric_bins;     /* bins that a number has beside its line (bins.h); 0: none */
    size_t buckets;          /* quantiles of a bucket column; 2 to UINT32_MAX */
    bool infer;              /* infer kinds of columns not named (else they are categorical) */
    size_t memory;           /* bytes of spool kept in memory */
    const char *temp_dir;    /* NULL: $TMPDIR or /tmp */
};
/* A header, everything inferred, and 1 GiB of memory. */
void apg_columns_default(struct apg_columns *c);
/* The settings of a struct apg_columns: how cells are found, for all who read CSV; what they mean,
 * for those who make an encoder; and where encoded rows are kept until all are read. */
extern const struct apg_setting apg_columns_format[], apg_columns_kinds[], apg_columns_spool[];
/* How a log of these columns is cut into cells. */
struct apg_csv_format apg_columns_cut(const struct apg_columns *c);
/* What C does not say of it is as the schema says, of which C then borrows the names. */
void apg_columns_cut_as(struct apg_columns *c, const struct apg_given *given, const struct apg_schema *s);
/* APG_ESETTING: these settings do not go together. */
enum apg_status apg_columns_check(const struct apg_columns *c, struct apg_error *err);

/* The rows of S are weighted by column NAME; "": they are not. APG_EUSAGE: it is the label. */
enum apg_status apg_columns_weigh(struct apg_schema *s, const char *name, struct apg_error *err);

/* The settings that make S again from the log it was made of, where they are not the defaults: an object of
 * name and value, as apg_setting_put makes them. What a schema of before 0.1.0 ignored, it does not know. NULL:
 * out of memory. */
json_t *apg_columns_settings(const struct apg_schema *s);

/* The names of the columns as a parsed chunk of one record: the header of CSV, or for a log
 * without one the names that C has. To be called before apg_csv_next. An empty input gives records
 * = 0. SKIP: where the names are those of C, the first record may be a bad one, as any other may. */
enum apg_status apg_columns_header(const struct apg_columns *c, struct apg_csv *csv, bool skip,
    struct apg_csv_chunk *out, struct apg_error *err);

/* Make a schema that is not finished: vocabularies are empty, buckets have no edges, means are 0
 * and deviations 1. SAMPLE holds parsed chunks, of which the first APG_SAMPLE_ROWS rows are looked
 * at; WHOLE says that they are the whole input. *out is freed with apg_schema_free. *explain
 * (unless EXPLAIN is NULL) gets lines of text, which are freed with free(): first the flags that
 * would force what was inferred ("--categorical user_id,item_id --numeric price --drop id"), then
 * why a column is ignored, and hints. A name that is no column, or twice one, is refused
 * (APG_EINPUT), and so is a column that is named for two purposes (APG_EUSAGE). */
enum apg_status apg_columns_schema(struct apg_schema **out, char **explain, const struct apg_columns *c,
    const struct apg_csv *csv, const struct apg_csv_chunk *header, const struct apg_csv_chunk *const *sample,
    size_t n_sample, bool whole, struct apg_pool *pool, struct apg_error *err);

#endif
