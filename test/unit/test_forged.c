/* SPDX-License-Identifier: MIT
 *
 * Models and feature files that were cut or changed, with the checksum as it was and with it made anew:
 * each is refused, or it is handled as what it says. The address sanitizer watches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include "base/rng.h"
#include "data/cross.h"
#include "data/featfile.h"
#include "model/arch_members.h"
#include "model/model.h"
#include "data/source.h"
#include "serve/handle.h"
#include "serve/stream.h"
#include "bytes.h"
#include "log.h"
#include "../fuzz/forge.h"

enum { CHANGES = 5000 };

static struct log_made made;
static struct apg_model *model; /* of made.schema */
static struct bytes model_file, features_file;

static int make(void **state)
{
    static char *multi[] = {"tags"}, *numeric[] = {"price"}, *bucket[] = {"age"};
    static char *crossed[] = {"user", "tags", "price", "age"};
    const struct apg_cross_options crosses = {.columns = {4, crossed}, .min_count = 1};
    /* Numbers have bins where they come five times. */
#define ROWS "0,u1,a|b,1,10\n1,u2,,2.5,20\n1,u1,b,,30\n0,\"u,3\",a|a,-4,\n"
    static const char *const text = "label,user,tags,price,age\n" ROWS ROWS ROWS ROWS ROWS;
    struct apg_pool *pool = NULL;
    static struct apg_arch_settings s;
    const struct apg_given given = {0};
    struct apg_columns c;
    struct apg_feat_writer *w;
    (void)state;
    apg_columns_default(&c);
    c.multi = (struct apg_list){1, multi};
    c.numeric = (struct apg_list){1, numeric};
    c.bucket = (struct apg_list){1, bucket};
    c.buckets = 4;
    c.infer = false;
    apg_arch_default(&s);
    s.arch.E = 2;
    s.arch.n_hidden = 1;
    s.arch.hidden[0] = 4;
    s.arch.K[0] = 2, s.n_rank = 1;
    struct apg_error *err = &made.err;
    if (log_ingest(&made, &text, 1, &c, 1) || apg_pool_new(&pool, 1, err) ||
        apg_cross_make(made.schema, made.rows, &crosses, pool, err) || apg_arch_settle(&s, &given, err) ||
        apg_arch_columns(&s, made.schema, err) ||
        apg_model_new(&model, made.schema, &s.arch, APG_STREAM_ROWS, false, err))
        return print_error("%s\n", err->text), -1;
    apg_model_init_weights(model, 1, 0.1, true);
    apg_graph_prepare(&model->graph);
    model->calibration = (struct apg_calibration){.5, .25, 1};
    if (apg_model_save(model, bytes_sink(&model_file), err) ||
        apg_feat_create(&w, made.schema, bytes_sink(&features_file), err))
        return print_error("%s\n", err->text), -1;
    apg_pool_free(pool);
    const bool bad = apg_feat_write(w, &made.rows->block[0], err) || apg_feat_finish(w, err);
    apg_feat_writer_free(w);
    return bad ? -1 : 0;
}

static int release(void **state)
{
    (void)state;
    apg_model_free(model);
    log_release(&made);
    free(model_file.p);
    free(features_file.p);
    return 0;
}

/* ---- the hash of a schema ---- */

/* A schema of one token of 8 bytes, which are chosen such that it has the hash of another. It is not taken
 * for it. */
static void hash_of_another(void **state)
{
    (void)state;
    static char name[] = "z", label[] = "label";
    char text[8] = "12345678";
    uint64_t at[] = {0, 0, 8}, slot[] = {1, 0};
    struct apg_field field = {.name = name,
        .kind = APG_CATEGORICAL,
        .rows = 2,
        .deviation = 1,
        .vocab = {.n = 2, .text = text, .at = at, .slot = slot, .mask = 1}};
    const struct apg_schema forged = {
        .label = label, .delimiter = ',', .n_fields = 1, .field = &field, .rows = 2};
    forge_text((uint8_t *)text, apg_schema_hash(&forged), apg_schema_hash(made.schema));
    assert_true(apg_schema_hash(&forged) == apg_schema_hash(made.schema));
    assert_false(apg_schema_same(&forged, made.schema));
    assert_true(apg_schema_same(made.schema, made.schema));
}

/* ---- files that were changed ---- */

/* Predict rows by the model in P (n), with a block of memory that is no longer than it, for the sanitizer. */
static enum apg_status use_model(const void *p, size_t n, struct apg_error *err)
{
    char *copy = apg_alloc(n, 1);
    struct apg_tensors *t;
    struct apg_model *m;
    struct apg *a = NULL;
    double probability[2];
    assert_non_null(copy);
    memcpy(copy, p, n);
    enum apg_status status = apg_tensors_open_memory(&t, copy, n, "f", true, err);
    if (!status && !(status = apg_model_from(&m, t, APG_STREAM_ROWS, err)))
        status = apg_handle_new(&a, m, err);
    if (!status) {
        const size_t columns = apg_columns_count(a);
        const char **cell = apg_alloc(2 * columns, sizeof *cell);
        assert_non_null(cell);
        for (size_t i = 0; i < 2 * columns; i++)
            cell[i] = i < columns ? "" : "1";
        status = apg_predict(a, cell, 2, probability, err);
        free(cell);
    }
    apg_close(a);
    free(copy);
    return status;
}

/* Score the rows of the feature file in P (n) by the model, as far as they can be read. */
static enum apg_status use_features(const void *p, size_t n, struct apg_error *err)
{
    struct apg_feat_reader *r;
    struct apg_block b = {0};
    const int fd = bytes_file(p, n);
    enum apg_status status = apg_feat_open(&r, fd, "f", NULL, 0, err);
    if (!status) {
        const bool same = apg_schema_same(apg_feat_schema(r), made.schema);
        while (!(status = apg_feat_next(r, &b, err)) && b.rows)
            for (uint32_t i = 0; same && i < b.rows; i++) {
                const uint32_t *row = apg_block_row(&b, i);
                double logit;
                assert_int_equal(apg_model_slot_logits(model, 0, &row, 1, &logit, err), APG_OK);
            }
        apg_feat_reader_free(r);
    }
    close(fd);
    return status;
}

static const struct format {
    const char *name;
    const struct bytes *file;
    void (*forge)(uint8_t *p, size_t n);
    enum apg_status (*use)(const void *p, size_t n, struct apg_error *err);
} formats[] = {
    {"model", &model_file, forge_container, use_model},
    {"feature file", &features_file, forge_features, use_features},
};
enum { FORMATS = sizeof formats / sizeof *formats };

/* What became of the files: a status that means that memory is out, or that the program is wrong, is a
 * failure. */
struct tally {
    size_t files, refused;
};

static void use(const struct format *f, const void *p, size_t n, struct tally *t)
{
    struct apg_error err;
    const enum apg_status status = f->use(p, n, &err);
    t->files++;
    t->refused += status != APG_OK;
    if (status && status != APG_EFORMAT && status != APG_EINPUT && status != APG_ERANGE)
        fail_msg("%s of %zu bytes: %s", f->name, n, err.text);
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        const struct format *f = &formats[i];
        struct tally as_it_was = {0}, anew = {0};
        for (size_t n = 0; n < f->file->n; n++) {
            uint8_t *part = malloc(n + 1);
            assert_non_null(part);
            memcpy(part, f->file->p, n);
            use(f, part, n, &as_it_was);
            f->forge(part, n);
            use(f, part, n, &anew);
            free(part);
        }
        assert_int_equal(as_it_was.refused, as_it_was.files);
        assert_int_equal(anew.refused, anew.files);
        print_message("%s: %zu prefixes, and as many with checksums made anew: all refused\n", f->name,
            as_it_was.files);
    }
}

static void changed_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMATS; i++) {
        const struct format *f = &formats[i];
        struct tally as_it_was = {0}, anew = {0};
        struct apg_rng rng;
        uint8_t *copy = malloc(f->file->n);
        assert_non_null(copy);
        apg_rng_init(&rng, 1, 1);
        for (size_t k = 0; k < CHANGES; k++) {
            const uint64_t drawn = apg_rng_u64(&rng);
            const size_t at = (size_t)(drawn >> 16) % f->file->n;
            const uint8_t byte = (uint8_t)(drawn % 255 + 1); /* not 0: it is a change */
            memcpy(copy, f->file->p, f->file->n);
            copy[at] ^= byte;
            use(f, copy, f->file->n, &as_it_was);
            f->forge(copy, f->file->n);
            use(f, copy, f->file->n, &anew);
        }
        free(copy);
        assert_int_equal(as_it_was.refused, CHANGES);
        assert_in_range(
            anew.refused, 1, CHANGES - 1); /* else the forged ones do not get behind the checksum */
        print_message("%s: %d changes: all refused; with checksums made anew %zu refused, %zu handled\n",
            f->name, CHANGES, anew.refused, CHANGES - anew.refused);
    }
}

/* ---- numbers that cannot be ---- */

/* The model in FILE with the text FROM of its description, where TO is put, which must be as long. */
static enum apg_status with(const struct bytes *file, const char *from, const char *to, struct apg_error *err)
{
    assert_int_equal(strlen(from), strlen(to));
    uint8_t *copy = malloc(file->n);
    assert_non_null(copy);
    memcpy(copy, file->p, file->n);
    uint8_t *at = memmem(copy, file->n, from, strlen(from));
    if (!at)
        fail_msg("no %s", from);
    memcpy(at, to, strlen(to));
    forge_container(copy, file->n);
    const enum apg_status status = use_model(copy, file->n, err);
    free(copy);
    return status;
}

static void numbers_out_of_range(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"\\\"dropout\\\":0.0", "\\\"dropout\\\":-1 "},
        {"\\\"dropout\\\":0.0", "\\\"dropout\\\":1e9"},
        {"\\\"dropout\\\":0.0", "\\\"dropout\\\":1.5"},
        {"\\\"hidden\\\":[4]", "\\\"hidden\\\":[0]"},
        {"\\\"hidden\\\":[4]", "\\\"hidden\\\":[5]"},
        {"\\\"kind\\\":\\\"numeric\\\",\\\"rows\\\":5", "\\\"kind\\\":\\\"numeric\\\",\\\"rows\\\":6"},
        {"\\\"kind\\\":\\\"numeric\\\",\\\"rows\\\":5", "\\\"kind\\\":\\\"numeric\\\",\\\"rows\\\":2"},
        {"\"crosses\":\"[[0,1],[2,3]]\"", "\"crosses\":\"[[0,1],[2,2]]\""},
        {"\"crosses\":\"[[0,1],[2,3]]\"", "\"crosses\":\"[[0,1],[2,4]]\""},
        {"\"crosses\":\"[[0,1],[2,3]]\"", "\"crosses\":\"[[0,1],[-2,3]\""},
        {"\"crosses\":\"[[0,1],[2,3]]\"", "\"crosses\":\"[[0,1]      ]\""},
        {"\"crosses\":\"[[0,1],[2,3]]\"", "\"crosses\":\"[           ]\""},
        {"\\\"deviation\\\":", "\\\"deviatiom\\\":"},
        {"\\\"deviation\\\":1.", "\\\"deviation\\\":-0"},
        {"\\\"deviation\\\":1.", "\\\"deviation\\\":1E"},
        {"\\\"low\\\":-1.", "\\\"low\\\":901"},
        {"\\\"high\\\":1.", "\\\"high\\\":9e"},
        {"\\\"high\\\":1.", "\\\"high\\\":-2"},
        {"\\\"high\\\":", "\\\"hight\\\""},
        {"\\\"min_count\\\":1", "\\\"weight\\\":1   "},
        {"\\\"min_count\\\":1", "\\\"weight\\\":\\\"\\\""},
        {"\"version\":\"1\"", "\"version\":\"x\""},
        {"\"calibration\":\"[0.5,0.25]\"", "\"calibration\":\"[-.5,0.25]\""},
        {"\"calibration\":\"[0.5,0.25]\"", "\"calibration\":\"[-15,0.25]\""},
        {"\"calibration\":\"[0.5,0.25]\"", "\"calibration\":\"[0.5,1e99]\""},
        {"\"calibration\":\"[0.5,0.25]\"", "\"calibration\":\"[0.5,true]\""},
        {"\"calibration\":\"[0.5,0.25]\"", "\"calibration\":\"[0.5,1,25]\""},
    };
    struct apg_error err;
    assert_int_equal(with(&model_file, "\\\"dropout\\\":0.0", "\\\"dropout\\\":0.5", &err), APG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (with(&model_file, bad[i][0], bad[i][1], &err) != APG_EFORMAT)
            fail_msg("%s", bad[i][1]);
}

/* A description has 1 to APG_MEMBERS_MAX members, and does not say so of one. */
static void members_out_of_range(void **state)
{
    (void)state;
    struct apg_arch_settings s;
    struct apg_arch arch;
    apg_arch_default(&s);
    char *text = apg_arch_text(&s.arch);
    assert_non_null(text);
    assert_null(strstr(text, "members"));
    assert_true(apg_arch_parse(&arch, text, made.schema));
    free(text);
    s.arch.members = 3;
    text = apg_arch_text(&s.arch);
    char *number = text ? strstr(text, "\"members\":3,") : NULL;
    assert_non_null(number);
    number += strlen("\"members\":");
    for (char digit = '0'; digit <= '9'; digit++) {
        *number = digit;
        assert_int_equal(apg_arch_parse(&arch, text, made.schema), digit > '0');
        assert_int_equal(arch.members, digit - '0');
    }
    char *more = malloc(strlen(text) + 2);
    assert_non_null(more);
    for (int n = 15; n <= 18; n++) {
        (void)sprintf(more, "%.*s%d%s", (int)(number - text), text, n, number + 1);
        assert_int_equal(apg_arch_parse(&arch, more, made.schema), n <= APG_MEMBERS_MAX);
    }
    free(more);
    free(text);
}

/* The members of a log with a column of times, labels that are words, and no header. */
static void times_and_labels(void **state)
{
    (void)state;
    static char *names[] = {"y", "at", "u"}, *time[] = {"at"}, *positive[] = {"yes"};
    static const char *const text = "yes,20250101,a\nno,20250203,b\nyes,20250304,a\nno,20250405,b\n";
    static const char *const key[][2] = {
        /* refused: */
        {"\\\"time\\\":\\\"hour\\\"", "\\\"time\\\":\\\"hous\\\""},
        {"\\\"time\\\":\\\"hour\\\"", "\\\"time\\\":\\\"age\\\" "},
        {"\\\"time\\\":\\\"hour\\\"", "\\\"time\\\":7       "},
        {"\\\"time\\\":\\\"age\\\"", "\\\"timy\\\":\\\"age\\\""},
        {"\\\"column\\\":\\\"at\\\"", "\\\"column\\\":\\\"u\\\" "},
        {"\\\"column\\\":\\\"at\\\"", "\\\"column\\\":true  "},
        {"\\\"newest\\\":19", "\\\"newest\\\":9e"},
        {"\\\"positive\\\":[\\\"yes\\\"]", "\\\"positive\\\":[1      ]"},
        {"\\\"columns\\\":[\\\"y\\\",", "\\\"columns\\\":[1    ,"},
        /* read: */
        {"\\\"newest\\\":19", "\\\"newest\\\":-1"},
        {"\\\"positive\\\":[\\\"yes\\\"]", "\\\"positive\\\":[       ]"},
        {"\\\"header\\\":false", "\\\"header\\\":5    "},
    };
    enum { KEYS = sizeof key / sizeof *key, REFUSED = KEYS - 3 };
    struct log_made log = {0};
    struct apg_columns c;
    struct apg_model *m;
    struct bytes file = {0};
    struct apg_error err;
    apg_columns_default(&c);
    c.header = false;
    c.label = names[0];
    c.names = (struct apg_list){3, names};
    c.time = (struct apg_list){1, time};
    c.positive = (struct apg_list){1, positive};
    assert_int_equal(log_ingest(&log, &text, 1, &c, 1), APG_OK);
    assert_int_equal(apg_model_new(&m, log.schema, &model->arch, APG_STREAM_ROWS, false, NULL), APG_OK);
    apg_model_init_weights(m, 1, 0.1, true);
    apg_graph_prepare(&m->graph);
    assert_int_equal(apg_model_save(m, bytes_sink(&file), NULL), APG_OK);
    /* A model that is read says that "1" is no time. */
    assert_int_equal(use_model(file.p, file.n, &err), APG_EINPUT);
    for (size_t i = 0; i < KEYS; i++)
        if (with(&file, key[i][0], key[i][1], &err) != (i < REFUSED ? APG_EFORMAT : APG_EINPUT))
            fail_msg("%s: %s", key[i][1], err.text);
    apg_model_free(m);
    log_release(&log);
    free(file.p);
}

/* ---- numbers that are not finite ---- */

/* A model of the same schema whose weights are drawn with this deviation. */
static struct apg_model *model_of(double embedding_std)
{
    struct apg_model *m;
    assert_int_equal(apg_model_new(&m, made.schema, &model->arch, APG_STREAM_ROWS, false, NULL), APG_OK);
    apg_model_init_weights(m, 1, embedding_std, true);
    apg_graph_prepare(&m->graph);
    return m;
}

/* The table of embeddings, (rows, cols). */
static struct apg_param *table_of(struct apg_model *m)
{
    for (size_t i = 0; i < m->graph.n_params; i++)
        if (m->graph.param[i].table && m->graph.param[i].cols > 1)
            return &m->graph.param[i];
    fail_msg("no table");
    return NULL;
}

static void weights(void **state)
{
    (void)state;
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    struct apg_error err;
    for (size_t i = 0; i < 3; i++)
        for (size_t last = 0; last < 2; last++) {
            struct apg_model *m = model_of(0.1);
            const struct apg_param *p = table_of(m);
            struct bytes file = {0};
            p->w[last ? p->rows * p->cols - 1 : 0] = odd[i];
            assert_int_equal(apg_model_save(m, bytes_sink(&file), NULL), APG_OK);
            assert_int_equal(use_model(file.p, file.n, &err), APG_EFORMAT);
            assert_non_null(strstr(err.text, "holds a number that is not finite"));
            free(file.p);
            apg_model_free(m);
        }
}

struct taken {
    struct apg_stream *stream;
    size_t rows, bad, parts;
    uint32_t record[16];
};

static enum apg_status take(void *arg, struct apg_stream_part *p, struct apg_error *err)
{
    struct taken *t = arg;
    (void)err;
    for (size_t i = 0; i < p->rows; i++)
        assert_true(isfinite(p->logit[i]));
    for (size_t i = 0; i < p->bad.n; i++)
        t->record[t->bad++] = p->bad.item[i].record;
    t->rows += p->rows;
    t->parts++;
    return APG_OK;
}

/* Score LOG, of CSV or features, by M. X: what becomes of bad rows. */
static enum apg_status stream(
    struct apg_model *m, int fd, struct apg_rejects *x, struct taken *t, struct apg_error *err)
{
    struct apg_stream s = {0};
    struct apg_pool *pool;
    struct apg_source in;
    struct apg_columns columns;
    const struct apg_stream_user user = {.take = take, .arg = t};
    *t = (struct taken){.stream = &s};
    apg_columns_default(&columns);
    const struct apg_csv_format format = apg_columns_cut(&columns);
    assert_int_equal(apg_pool_new(&pool, 2, NULL), APG_OK);
    assert_int_equal(apg_source_open(&in, fd, "log", &format, NULL), APG_OK);
    assert_int_equal(apg_stream_open(&s, m, pool, NULL), APG_OK);
    s.rejects = x;
    enum apg_status status = apg_stream_begin(&s, &in, &columns, false, err);
    if (!status)
        status = apg_stream_run(&s, &user, err);
    apg_stream_close(&s);
    apg_source_release(&in);
    apg_pool_free(pool);
    return status;
}

/* Finite weights of which some make logits that are not. */
static void logits(void **state)
{
    (void)state;
    static const char csv[] = "user,tags,price,age\nu2,,1,10\nu1,a,1,20\nu1,b\n,b,2,5\nu2,a,3,4\nu1,,1,1\n";
    struct apg_model *m = model_of(0.1);
    const struct apg_param *p = table_of(m);
    struct apg_rejects x = {.on_error = APG_ON_ERROR_SKIP};
    struct taken t;
    struct apg_error err;
    for (size_t i = 0; i < p->cols; i++) /* the first user, in combination with any row of the others */
        p->w[p->cols + i] = 3e38F;
    for (size_t i = 2 * p->cols; i < p->rows * p->cols; i++)
        p->w[i] = i < 4 * p->cols ? 0 : 2;
    assert_int_equal(apg_rejects_check(&x, NULL), APG_OK);

    int fd = bytes_file(csv, sizeof csv - 1);
    assert_int_equal(stream(m, fd, NULL, &t, &err), APG_EINPUT);
    assert_non_null(strstr(err.text, "log:3: the model's logit is not finite: "));
    assert_int_equal(t.rows, 1);
    close(fd);

    fd = bytes_file(csv, sizeof csv - 1);
    assert_int_equal(stream(m, fd, &x, &t, &err), APG_OK);
    assert_int_equal(t.rows, 3);
    assert_int_equal(t.bad, 3); /* the second is a record of two cells */
    assert_true(t.record[0] == 1 && t.record[1] == 2 && t.record[2] == 5);
    assert_int_equal(x.seen, 6);
    assert_int_equal(x.bad, 3);
    close(fd);

    fd = bytes_file(features_file.p, features_file.n); /* u1, u2, u1 and another, five times */
    assert_int_equal(stream(m, fd, NULL, &t, &err), APG_EINPUT);
    assert_non_null(strstr(err.text, "log: row 1: the model's logit is not finite: "));
    close(fd);
    x.seen = x.bad = 0;
    fd = bytes_file(features_file.p, features_file.n);
    assert_int_equal(stream(m, fd, &x, &t, &err), APG_OK);
    assert_true(t.rows == 10 && t.bad == 10 && t.record[0] == 0 && t.record[1] == 2);
    assert_true(x.seen == 20 && x.bad == 10);
    close(fd);

    x.max_errors = "1";
    assert_int_equal(apg_rejects_check(&x, NULL), APG_OK);
    x.seen = x.bad = 0;
    fd = bytes_file(features_file.p, features_file.n);
    assert_int_equal(stream(m, fd, &x, &t, &err), APG_EINPUT);
    assert_non_null(strstr(err.text, ": bad row 2 of 3, and --max-errors is 1"));
    assert_true(t.rows == 1 && t.bad == 1);
    close(fd);
    apg_rejects_release(&x);
    apg_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_of_another),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(changed_anywhere),
        cmocka_unit_test(numbers_out_of_range),
        cmocka_unit_test(members_out_of_range),
        cmocka_unit_test(times_and_labels),
        cmocka_unit_test(weights),
        cmocka_unit_test(logits),
    };
    return cmocka_run_group_tests(tests, make, release);
}
