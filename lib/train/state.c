/* SPDX-License-Identifier: MIT */
#include "train/state.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"

/* FORMAT: of a part; a reader refuses others. By default a state is written every EVERY_S seconds, and no more than
 * a share of 1 / SHARE of the time goes into that. */
static const char FORMAT[] = "1";
enum { EVERY_S = 60, SHARE = 20, NAME_BYTES = 64 };

struct apg_state {
    char *dir, *path; /* path: room for that of a file in it */
    size_t path_bytes;
    int lock; /* descriptor of the folder, locked */
    double every_s, written_s, took_s;
    uint64_t generation;       /* of the last one that is whole; 0: there is none */
    struct apg_tensors *found; /* or NULL */
    json_t *said;              /* what those to be written say */
    void (*warn)(void *arg, const char *text);
    void *arg;
};

/* ---- items ---- */

void apg_state_add(struct apg_state_items *l, const char *prefix, const char *name, enum apg_dtype dtype,
    void *data, size_t rows, size_t cols)
{
    if (l->no_memory || (l->no_memory = !apg_grow(&l->item, &l->cap, l->n + 1, sizeof *l->item)))
        return;
    struct apg_state_item *i = &l->item[l->n++];
    *i = (struct apg_state_item){.dtype = dtype, .rows = rows, .cols = cols, .data = data};
    (void)snprintf(i->name, sizeof i->name, "%s%s", prefix, name);
}

void apg_state_add_count(struct apg_state_items *l, const char *name, uint64_t *count)
{
    apg_state_add(l, "", name, APG_U64, count, 1, 1);
}

void apg_state_add_real(struct apg_state_items *l, const char *name, double *real)
{
    apg_state_add(l, "", name, APG_F64, real, 1, 1);
}

static const enum apg_dtype WEIGHTS = sizeof(apg_real) == 4 ? APG_F32 : APG_F64;

void apg_state_add_weights(struct apg_state_items *l, const struct apg_model *m, const struct apg_optim *o,
    const struct apg_average *a)
{
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        if (p->derived)
            continue;
        apg_state_add(l, "w/", p->name, WEIGHTS, p->w, p->here, p->cols);
        for (int second = 0; !p->state && second < 2; second++) {
            size_t cols;
            apg_real *moment = apg_optim_moment(o, i, second, &cols);
            if (cols)
                apg_state_add(l, second ? "second/" : "first/", p->name, WEIGHTS, moment, p->here, cols);
        }
        if (a)
            apg_state_add(l, "mean/", p->name, WEIGHTS, apg_average_mean(a, i), p->here, p->cols);
    }
}

void apg_state_add_best(struct apg_state_items *l, const struct apg_model *m, const apg_real *best)
{
    size_t at = 0;
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        if (p->derived)
            continue;
        /* What is written is only read. */
        apg_state_add(
            l, "best/", p->name, WEIGHTS, best ? (void *)(uintptr_t)(best + at) : p->w, p->here, p->cols);
        at += p->here * p->cols;
    }
}

void apg_state_release(struct apg_state_items *l)
{
    free(l->item);
    *l = (struct apg_state_items){0};
}

/* ---- the folder ---- */

static const char *path_of(const struct apg_state *s, const char *name)
{
    (void)snprintf(s->path, s->path_bytes, "%s/%s", s->dir, name);
    return s->path;
}

static void name_part(char name[NAME_BYTES], uint64_t generation)
{
    (void)snprintf(name, NAME_BYTES, "%" PRIu64 ".0-of-1", generation);
}

/* The text of `current`. */
static void name_current(char text[NAME_BYTES], uint64_t generation)
{
    (void)snprintf(text, NAME_BYTES, "apg-state %s generation %" PRIu64 " parts 1\n", FORMAT, generation);
}

/* Read `current`, if it is there. */
static enum apg_status read_current(struct apg_state *s, struct apg_error *err)
{
    char text[NAME_BYTES + 1] = "", expected[NAME_BYTES];
    const int fd = open(path_of(s, "current"), O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return APG_OK;
    const ssize_t n = fd < 0 ? -1 : read(fd, text, NAME_BYTES);
    if (n < 0)
        (void)apg_fail_errno(err, "%s", s->path);
    if (fd >= 0)
        (void)close(fd);
    if (n < 0)
        return APG_EIO;
    if (sscanf(text, "apg-state %*s generation %" SCNu64, &s->generation) == 1) {
        name_current(expected, s->generation);
        if (strcmp(text, expected) == 0)
            return APG_OK;
    }
    return apg_fail(err, APG_EFORMAT, "%s: altered, or not of this version of apg: '%.40s'", s->path, text);
}

static enum apg_status open_part(struct apg_state *s, struct apg_error *err)
{
    char name[NAME_BYTES];
    name_part(name, s->generation);
    const int fd = open(path_of(s, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return apg_fail_errno(err, "%s", s->path);
    enum apg_status status = apg_tensors_open(&s->found, fd, s->path, NULL, 0, true, err);
    (void)close(fd);
    const char *format = status ? NULL : apg_tensors_get(s->found, "state");
    if (!status && (!format || strcmp(format, FORMAT) != 0))
        status = apg_fail(err, APG_EFORMAT, "%s: not a state of this version of apg", s->path);
    return status;
}

/* Others may not write here too; of those that READ there may be more. Where the file system has no locks, nobody
 * is asked. */
static enum apg_status lock(struct apg_state *s, bool read, struct apg_error *err)
{
    if (!read && mkdir(s->dir, 0777) != 0 && errno != EEXIST)
        return apg_fail_errno(err, "%s", s->dir);
    s->lock = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock < 0)
        return apg_fail_errno(err, "%s", s->dir);
    if (flock(s->lock, (read ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return apg_fail(err, APG_EIO, "%s: another training has its state here", s->dir);
    return APG_OK;
}

/* Open DIR; what is there stays as it is. */
static enum apg_status open_folder(struct apg_state **out, const char *dir, bool read, struct apg_error *err)
{
    struct apg_state *s = apg_alloc(1, sizeof *s);
    if (!s)
        return apg_fail_memory(err);
    *s = (struct apg_state){
        .lock = -1, .written_s = apg_clock_now(), .path_bytes = strlen(dir) + 1 + NAME_BYTES};
    s->dir = strdup(dir);
    s->path = apg_alloc(s->path_bytes, 1);
    s->said = json_object();
    enum apg_status status = s->dir && s->path && s->said ? APG_OK : apg_fail_memory(err);
    for (size_t n = status ? 0 : strlen(dir); n > 1 && s->dir[n - 1] == '/'; n--)
        s->dir[n - 1] = '\0';
    if (!status && !(status = lock(s, read, err)))
        status = read_current(s, err);
    if (status)
        apg_state_free(s);
    else
        *out = s;
    return status;
}

/* Remove the parts that `current` does not name: one that is left behind does no harm, so nobody hears of it. */
static void remove_others(const struct apg_state *s)
{
    char name[NAME_BYTES];
    name_part(name, s->generation);
    const int fd = openat(s->lock, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        (void)close(fd);
    for (const struct dirent *e; d && (e = readdir(d));) {
        int n = 0;
        (void)sscanf(e->d_name, "%*[0-9].%*[0-9]-of-%*[0-9]%n", &n);
        if (n && !e->d_name[n] && strcmp(e->d_name, name) != 0)
            (void)unlinkat(s->lock, e->d_name, 0);
    }
    if (d)
        (void)closedir(d);
}

enum apg_status apg_state_open(struct apg_state **out, const char *dir, bool resume, double every_s,
    void (*warn)(void *arg, const char *text), void *arg, struct apg_error *err)
{
    struct apg_state *s = NULL;
    enum apg_status status = open_folder(&s, dir, false, err);
    if (status)
        return status;
    s->every_s = every_s;
    s->warn = warn;
    s->arg = arg;
    remove_others(s);
    if (resume && s->generation && (status = open_part(s, err)))
        apg_state_free(s);
    else
        *out = s;
    return status;
}

enum apg_status apg_state_read(struct apg_state **out, const char *dir, struct apg_error *err)
{
    struct apg_state *s = NULL;
    enum apg_status status = open_folder(&s, dir, true, err);
    if (status)
        return status;
    status = s->generation ? open_part(s, err) : apg_fail(err, APG_EIO, "%s: no state is here", s->dir);
    if (status)
        apg_state_free(s);
    else
        *out = s;
    return status;
}

void apg_state_free(struct apg_state *s)
{
    if (!s)
        return;
    apg_state_leave(s);
    if (s->lock >= 0)
        (void)close(s->lock);
    json_decref(s->said);
    free(s->path);
    free(s->dir);
    free(s);
}

const char *apg_state_dir(const struct apg_state *s)
{
    return s->dir;
}

bool apg_state_found(const struct apg_state *s)
{
    return s->found;
}

const char *apg_state_get(const struct apg_state *s, const char *key)
{
    return apg_tensors_get(s->found, key);
}

enum apg_status apg_state_set(struct apg_state *s, const char *key, const char *text, struct apg_error *err)
{
    return json_object_set_new(s->said, key, json_string(text)) == 0 ? APG_OK : apg_fail_memory(err);
}

/* ---- reading and writing ---- */

enum apg_status apg_state_load(const struct apg_state *s, struct apg_state_items *l, struct apg_error *err)
{
    if (l->no_memory)
        return apg_fail_memory(err);
    for (size_t i = 0; i < l->n; i++) {
        const struct apg_state_item *x = &l->item[i];
        const struct apg_tensor_view *v = apg_tensors_find(s->found, x->name);
        if (!v || v->dtype != x->dtype || v->n_dims != 2 || v->dim[0] != x->rows || v->dim[1] != x->cols)
            return apg_fail(err, APG_EFORMAT, "%s: %s is missing or has another shape",
                apg_tensors_name(s->found), x->name);
        if (x->rows && x->cols)
            memcpy(x->data, v->data, x->rows * x->cols * apg_dtype_size[x->dtype]);
    }
    return apg_tensors_check(s->found, err);
}

void apg_state_leave(struct apg_state *s)
{
    apg_tensors_free(s->found);
    s->found = NULL;
}

enum apg_status apg_state_altered(const struct apg_state *s, struct apg_error *err)
{
    return apg_fail(
        err, APG_EFORMAT, "%s: altered: it is no state of such a training", apg_tensors_name(s->found));
}

const char *apg_state_checksum(const struct apg_state *s)
{
    return apg_tensors_get(s->found, "checksum");
}

/* The tensor PREFIX NAME of what was found, if it is (rows, cols). */
static const apg_real *find(
    const struct apg_state *s, const char *prefix, const char *name, size_t rows, size_t cols)
{
    char path[sizeof((struct apg_state_item *)0)->name];
    (void)snprintf(path, sizeof path, "%s%s", prefix, name);
    const struct apg_tensor_view *v = apg_tensors_find(s->found, path);
    return v && v->dtype == WEIGHTS && v->n_dims == 2 && v->dim[0] == rows && v->dim[1] == cols ? v->data
                                                                                                : NULL;
}

/* Are the weights that S ended with those of FROM? */
static bool ended_with(const struct apg_state *s, const struct apg_model *from)
{
    for (size_t i = 0; i < from->graph.n_params; i++) {
        const struct apg_param *q = &from->graph.param[i];
        const apg_real *best = q->derived ? q->w : find(s, "best/", q->name, q->rows, q->cols);
        best = best ? best : find(s, "w/", q->name, q->rows, q->cols);
        if (!best || memcmp(best, q->w, q->rows * q->cols * sizeof *best) != 0)
            return false;
    }
    return true;
}

enum apg_status apg_state_take_moments(const struct apg_state *s, struct apg_optim *o,
    const struct apg_optim_options *options, const struct apg_model *m, const struct apg_model *from,
    struct apg_error *err)
{
    const struct apg_tensor_view *steps = apg_tensors_find(s->found, "optimizer_steps");
    json_t *settings = apg_json_parse(apg_state_get(s, "settings"));
    const char *optimizer = json_string_value(json_object_get(settings, "optimizer"));
    const bool other = !optimizer || strcmp(optimizer, options->adagrad ? "adagrad" : "adam") != 0;
    json_decref(settings);
    if (!ended_with(s, from) || !steps || steps->dtype != APG_U64 || steps->n_dims != 2 ||
        steps->dim[0] * steps->dim[1] != 1)
        return apg_fail(
            err, APG_EUSAGE, "%s: not the state that %s was left with", s->dir, apg_model_name(from));
    if (other)
        return apg_fail(err, APG_EUSAGE, "%s: of another --optimizer", s->dir);
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i], *q = apg_graph_find(&from->graph, p->name);
        for (int second = 0; q && !p->derived && !p->state && second < 2; second++) {
            size_t cols;
            apg_real *to = apg_optim_moment(o, i, second, &cols);
            const apg_real *of = cols ? find(s, second ? "second/" : "first/", p->name, q->rows, cols) : NULL;
            if (cols && !of)
                return apg_fail(err, APG_EUSAGE, "%s: of other --embedding-moments", s->dir);
            if (of && !apg_model_copy_rows(m, p, to, from, q, of, cols))
                return apg_fail(err, APG_EUSAGE, "%s: its %s has no place in this model", s->dir, p->name);
        }
    }
    *apg_optim_steps(o) = *(const uint64_t *)steps->data;
    return apg_tensors_check(s->found, err);
}

bool apg_state_due(const struct apg_state *s)
{
    const double least = SHARE * s->took_s > EVERY_S ? SHARE * s->took_s : EVERY_S;
    return apg_clock_now() - s->written_s >= (isnan(s->every_s) ? least : s->every_s);
}

static enum apg_status write_part(
    const struct apg_state *s, const struct apg_state_items *l, struct apg_error *err)
{
    char name[NAME_BYTES];
    struct apg_tensors *t = NULL;
    struct apg_outfile out = {0};
    const char *key;
    json_t *text;
    enum apg_status status = apg_tensors_new(&t, err);
    if (!status)
        status = apg_tensors_set(t, "state", FORMAT, err);
    json_object_foreach(s->said, key, text) if (!status) status =
        apg_tensors_set(t, key, json_string_value(text), err);
    for (size_t i = 0; !status && i < l->n; i++) {
        const struct apg_state_item *x = &l->item[i];
        const struct apg_tensor_view v = {x->name, x->dtype, 2, {x->rows, x->cols}, x->data, NULL, NULL, 0};
        status = apg_tensors_add(t, &v, err);
    }
    name_part(name, s->generation + 1);
    if (!status && !(status = apg_outfile_open(&out, path_of(s, name), err)) &&
        !(status = apg_tensors_write(t, apg_outfile_sink(out.f, s->path), err)))
        status = apg_outfile_commit(&out, err);
    apg_outfile_abandon(&out);
    apg_tensors_free(t);
    return status;
}

static enum apg_status write_current(const struct apg_state *s, struct apg_error *err)
{
    char text[NAME_BYTES];
    struct apg_outfile out;
    name_current(text, s->generation + 1);
    const enum apg_status status = apg_outfile_open(&out, path_of(s, "current"), err);
    if (status)
        return status;
    (void)fputs(text, out.f); /* apg_outfile_commit sees whether it could be written */
    return apg_outfile_commit(&out, err);
}

void apg_state_save(struct apg_state *s, const struct apg_state_items *l)
{
    char text[sizeof(struct apg_error) + 128];
    struct apg_error err;
    const double began_s = apg_clock_now();
    enum apg_status status = l->no_memory ? apg_fail_memory(&err) : write_part(s, l, &err);
    if (!status && !(status = write_current(s, &err))) {
        s->generation++;
        remove_others(s);
    }
    s->written_s = apg_clock_now();
    s->took_s = s->written_s - began_s;
    if (!status)
        return;
    (void)snprintf(text, sizeof text, "%s; the state is not written, and training goes on", err.text);
    s->warn(s->arg, text);
}
