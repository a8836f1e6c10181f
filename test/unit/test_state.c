/* SPDX-License-Identifier: MIT
 *
 * A training that is stopped again and again, and goes on from its state with another number of threads each time,
 * ends in the bytes of one that never was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "apg.h"
#include "data/safetensors.h"
#include "train/state.h"

enum { ROWS = 640, SETTINGS = 24 };

static char folder[] = "/tmp/apg-test-XXXXXX", log_path[64], valid_path[64], state_path[64], part_path[96];

static void write_log(const char *path, unsigned seed)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("click,user,item,age,tags,w\n", f);
    for (unsigned i = 0, x = seed; i < ROWS; i++) {
        x = x * 1103515245 + 12345;
        const unsigned user = x >> 16 & 15, item = x >> 20 & 31, age = 18 + (x >> 24) % 50;
        fprintf(f, "%d,u%u,i%u,%u,t%u|t%u,%u.5\n", (user * 7 + item * 3 + (x >> 9)) % 5 < 2, user, item, age,
            item % 5, user % 3, x >> 28);
    }
    assert_int_equal(fclose(f), 0);
}

static int make_logs(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(log_path, sizeof log_path, "%s/log.csv", folder);
    (void)snprintf(valid_path, sizeof valid_path, "%s/valid.csv", folder);
    (void)snprintf(state_path, sizeof state_path, "%s/state", folder);
    write_log(log_path, 1);
    write_log(valid_path, 2);
    return 0;
}

/* The part that `current` names. */
static const char *part(void)
{
    unsigned long long generation = 0;
    (void)snprintf(part_path, sizeof part_path, "%s/current", state_path);
    FILE *f = fopen(part_path, "r");
    if (f) {
        assert_int_equal(fscanf(f, "apg-state 1 generation %llu parts 1", &generation), 1);
        (void)fclose(f);
    }
    (void)snprintf(part_path, sizeof part_path, "%s/%llu.0-of-1", state_path, generation);
    return part_path;
}

static void remove_state(void)
{
    (void)unlink(part());
    (void)snprintf(part_path, sizeof part_path, "%s/current", state_path);
    (void)unlink(part_path);
    (void)rmdir(state_path);
}

static int remove_logs(void **state)
{
    (void)state;
    remove_state();
    (void)unlink(log_path);
    (void)unlink(valid_path);
    return rmdir(folder);
}

struct bytes {
    unsigned char *p;
    size_t n;
};

static bool add_bytes(void *arg, const void *p, size_t n)
{
    struct bytes *b = arg;
    b->p = realloc(b->p, b->n + n);
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return true;
}

/* What a leg of a training is told, and what it tells. */
struct leg {
    long steps; /* that it may take */
    bool stopped;
    size_t past, epochs; /* epochs that were over before it, and that it made */
    uint64_t rows;       /* where it went on */
};

static bool stop(void *arg)
{
    struct leg *l = arg;
    return l->steps-- <= 0;
}

static void tell(void *arg, const struct apg_event *e)
{
    struct leg *l = arg;
    l->stopped = l->stopped || e->kind == APG_EVENT_STOPPED;
    l->epochs += e->kind == APG_EVENT_EPOCH;
    if (e->kind == APG_EVENT_RESUMED && e->progress->epoch_done)
        l->past++;
    else if (e->kind == APG_EVENT_RESUMED)
        l->rows = e->progress->rows;
    else if (e->kind == APG_EVENT_WARNING && strstr(e->text, "the state is not written"))
        fail_msg("%s", e->text);
}

/* Train with TEXT, words of settings, and MORE of them; --valid stands for a log of its own. FROM: or NULL. */
static enum apg_status train(struct leg *l, struct apg **out, const char *text, const char *const *more,
    struct apg *from, struct apg_error *err)
{
    char copy[256];
    const char *setting[SETTINGS] = {"multi=tags", "hidden=8,4", "embedding-dim=4", "batch-size=64"};
    size_t n = 4;
    const struct apg_input log = {-1, log_path}, valid = {-1, valid_path};
    struct apg_train_options o = {
        .settings = setting, .from = from, .tell = tell, .arg = l, .stop = l->steps ? stop : NULL};
    (void)snprintf(copy, sizeof copy, "%s", text);
    if (from) /* rows are read as it reads them */
        memmove(setting, setting + 3, sizeof *setting), n = 1;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        if (strcmp(word, "valid") == 0)
            o.valid = &valid;
        else
            setting[n++] = word;
    for (; *more; more++)
        setting[n++] = *more;
    setting[n] = NULL;
    *out = NULL;
    return apg_train(out, &log, 1, &o, err);
}

static struct bytes bytes_of(const struct apg *a)
{
    struct bytes b = {0};
    assert_int_equal(apg_write(a, (struct apg_sink){add_bytes, &b, "memory"}, NULL), APG_OK);
    return b;
}

static struct apg *base_model(void)
{
    const char *const none[] = {NULL};
    struct leg l = {0};
    struct apg *a;
    assert_int_equal(train(&l, &a, "layer=dense epochs=1", none, NULL, NULL), APG_OK);
    char path[96];
    (void)snprintf(path, sizeof path, "%s/from.apg", folder);
    assert_int_equal(apg_save(a, path, NULL), APG_OK);
    apg_close(a);
    assert_int_equal(apg_open(&a, path, NULL), APG_OK);
    (void)unlink(path); /* it is mapped */
    return a;
}

static const char *const forms[] = {
    "layer=dense epochs=3",
    "condition=group:user rank=2 form=overparam overparam=4 valid epochs=3",
    "condition=self rank=2 batch-norm=yes dropout=.1 epochs=3",
    "layer=star domain=user epochs=3",
    "backbone=dcn average=0 holdout=0 lr-decay=.5 epochs=3",
    "layer=dense embedding-moments=row cross=user,item cross-min-count=1 weight=w epochs=3",
    "layer=dense optimizer=adagrad holdout-last=.2 patience=1 lr=.1 epochs=30",
    "layer=dense calibrate=no stop-on=logloss average=.3 epochs=3",
    "from valid epochs=3 lr=.01",
    "online=yes",
    "from online=yes",
};

static void stopped_again_and_again(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const bool from = strncmp(forms[i], "from ", 5) == 0, online = strstr(forms[i], "online");
        const char *text = forms[i] + (from ? 5 : 0);
        struct apg_error err = {0};
        struct leg whole = {0};
        struct apg *a;
        if (train(&whole, &a, text, none, from ? base_model() : NULL, &err))
            fail_msg("%s: %s", forms[i], err.text);
        const struct bytes expected = bytes_of(a);
        apg_close(a);
        remove_state();
        size_t legs = 0, within = 0, epochs = 0;
        for (bool done = false; !done; legs++) {
            char dir[96];
            (void)snprintf(dir, sizeof dir, "state=%s", state_path);
            const char *const more[] = {dir, "resume=yes", legs % 2 ? "threads=2" : "threads=1", NULL};
            struct leg l = {.steps = 4};
            const enum apg_status status = train(&l, &a, text, more, from ? base_model() : NULL, &err);
            if (status != APG_OK && status != APG_ESTOPPED)
                fail_msg("%s: %s", forms[i], err.text);
            assert_int_equal(l.past, online ? 0 : epochs);
            epochs += l.epochs;
            within += l.rows > 0 && l.rows < ROWS * 4 / 5;
            done = status == APG_OK && !l.stopped;
            if (!done)
                apg_close(a);
        }
        assert_true(legs > 2 && within > 0);
        if (!online)
            assert_int_equal(epochs, whole.epochs);
        const struct bytes got = bytes_of(a);
        apg_close(a);
        if (got.n != expected.n || memcmp(got.p, expected.p, got.n) != 0)
            fail_msg("%s: other bytes after %zu legs", forms[i], legs);
        free(got.p);
        free(expected.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_again_and_again),
    };
    return cmocka_run_group_tests(tests, make_logs, remove_logs);
}
