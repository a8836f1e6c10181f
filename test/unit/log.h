/* SPDX-License-Identifier: MIT
 *
 * log.h - for tests: a CSV given as a string, and what is made of it.
 */
#ifndef TEST_LOG_H
#define TEST_LOG_H
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/ingest.h"

/* The text is the reader's headstart, and there is nothing behind it. */
static inline struct apg_csv *log_open(const char *text)
{
    static int nothing = -1;
    struct apg_csv *csv = NULL;
    if (nothing < 0)
        nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)apg_csv_open(&csv, nothing, "log", text, strlen(text), &(struct apg_csv_format){0}, NULL);
    return csv;
}

/* A log made into schema and rows. */
struct log_made {
    struct apg_schema *schema;
    struct apg_dataset *rows;
    char *explain;
    struct apg_error err;
};

static inline enum apg_status log_ingest(
    struct log_made *m, const char *const *texts, size_t n, const struct apg_columns *c, unsigned threads)
{
    struct apg_csv *csv[8];
    struct apg_pool *pool = NULL;
    *m = (struct log_made){0};
    for (size_t i = 0; i < n; i++)
        csv[i] = log_open(texts[i]);
    enum apg_status status = apg_pool_new(&pool, threads, &m->err);
    if (!status)
        status = apg_ingest(&m->schema, &m->rows, &m->explain, csv, n, c, NULL, pool, &m->err);
    for (size_t i = 0; i < n; i++)
        apg_csv_free(csv[i]);
    apg_pool_free(pool);
    return status;
}

static inline void log_release(struct log_made *m)
{
    apg_schema_free(m->schema);
    apg_dataset_free(m->rows);
    free(m->explain);
}

#endif
