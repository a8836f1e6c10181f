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
#include "base/comm.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "nn/exchange.h"

/* FORMAT: of a part; a reader refuses others. By default a state is written every EVERY_S seconds, and no more than
 * a share of 1 / SHARE of the time goes into that. */
static const char FORMAT[] = "1";
enum { EVERY_S = 60, SHARE = 20, NAME_BYTES = 96, PARTS_MAX = 65536 };

struct apg_state {
    char *dir, *path; /* path: room for that of a file in it */
    size_t path_bytes;
    int lock; /* descriptor of the folder, locked; rank 0 has it, for all */
    double every_s, written_s, took_s;
    uint64_t generation; /* of the last one that is whole; 0: there is none */
    size_t parts;        /* of that generation */
    struct apg_tensors *
        *found;   /* (parts): those that are read, or NULL; NULL: there is no state to go on from */
    json_t *said; /* what those to be written say */
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

/* The item that was added last is of param I of G. */
static void of_param(struct apg_state_items *l, const struct apg_graph *g, size_t i)
{
    l->g = g;
    if (!l->no_memory)
        l->item[l->n - 1].table = g->param[i].table, l->item[l->n - 1].param = i;
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
        of_param(l, &m->graph, i);
        for (int second = 0; !p->state && second < 2; second++) {
            size_t cols;
            apg_real *moment = apg_optim_moment(o, i, second, &cols);
            if (!cols)
                continue;
            apg_state_add(l, second ? "second/" : "first/", p->name, WEIGHTS, moment, p->here, cols);
            of_param(l, &m->graph, i);
        }
        if (!a)
            continue;
        apg_state_add(l, "mean/", p->name, WEIGHTS, apg_average_mean(a, i), p->here, p->cols);
        of_param(l, &m->graph, i);
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
        of_param(l, &m->graph, i);
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

static void name_part(char name[NAME_BYTES], uint64_t generation, size_t part, size_t parts)
{
    (void)snprintf(name, NAME_BYTES, "%" PRIu64 ".%zu-of-%zu", generation, part, parts);
}

/* The text of `current`. */
static void name_current(char text[NAME_BYTES], uint64_t generation, size_t parts)
{
    (void)snprintf(
        text, NAME_BYTES, "apg-state %s generation %" PRIu64 " parts %zu\n", FORMAT, generation, parts);
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
    if (sscanf(text, "apg-state %*s generation %" SCNu64 " parts %zu", &s->generation, &s->parts) == 2 &&
        s->parts && s->parts <= PARTS_MAX) {
        name_current(expected, s->generation, s->parts);
        if (strcmp(text, expected) == 0)
            return APG_OK;
    }
    return apg_fail(err, APG_EFORMAT, "%s: altered, or not of this version of apg: '%.40s'", s->path, text);
}

static enum apg_status open_part(struct apg_state *s, size_t part, struct apg_error *err)
{
    char name[NAME_BYTES];
    name_part(name, s->generation, part, s->parts);
    const int fd = open(path_of(s, name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return apg_fail_errno(err, "%s", s->path);
    enum apg_status status = apg_tensors_open(&s->found[part], fd, s->path, NULL, 0, true, err);
    (void)close(fd);
    const char *format = status ? NULL : apg_tensors_get(s->found[part], "state");
    if (!status && (!format || strcmp(format, FORMAT) != 0))
        status = apg_fail(err, APG_EFORMAT, "%s: not a state of this version of apg", s->path);
    return status;
}

/* Open part 0, and those that this rank needs: where ALL, each. Of as many ranks as there are now it is its own. */
static enum apg_status open_parts(struct apg_state *s, bool all, struct apg_error *err)
{
    enum apg_status status = APG_OK;
    if (!(s->found = apg_alloc(s->parts, sizeof *s->found)))
        return apg_fail_memory(err);
    for (size_t q = 0; !status && q < s->parts; q++)
        if (all || q == 0 || q == apg_comm_rank() || s->parts != apg_comm_ranks())
            status = open_part(s, q, err);
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

/* Remove the parts that `current` does not name: one that is left behind does no harm, so nobody hears of it. */
static void remove_others(const struct apg_state *s)
{
    const int fd = openat(s->lock, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d && fd >= 0)
        (void)close(fd);
    for (const struct dirent *e; d && (e = readdir(d));) {
        uint64_t generation;
        size_t part, parts;
        int n = 0;
        if (sscanf(e->d_name, "%" SCNu64 ".%zu-of-%zu%n", &generation, &part, &parts, &n) == 3 &&
            !e->d_name[n] && (generation != s->generation || parts != s->parts))
            (void)unlinkat(s->lock, e->d_name, 0);
    }
    if (d)
        (void)closedir(d);
}

/* STATUS and *ERR of this rank: those of the first rank that has failed, on all. All ranks call this. */
static enum apg_status agree(enum apg_status status, struct apg_error *err)
{
    struct told {
        enum apg_status status;
        struct apg_error err;
    } mine = {.status = status}, *all;
    if (apg_comm_ranks() == 1)
        return status;
    if (status)
        mine.err = *err;
    if (!(all = apg_alloc(apg_comm_ranks(), sizeof *all)))
        return apg_fail_memory(err);
    status = apg_comm_share(&mine, sizeof mine, all, err);
    for (size_t q = 0; !status && q < apg_comm_ranks(); q++)
        if ((status = all[q].status))
            *err = all[q].err;
    free(all);
    return status;
}

/* Open DIR; what is there stays as it is. Rank 0 holds the folder for all. */
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
    if (!status && apg_comm_rank() == 0 && !(status = lock(s, read, err)))
        status = read_current(s, err);
    if (!(status = agree(status, err)) &&
        !(status = apg_comm_tell(&s->generation, sizeof s->generation, err)))
        status = apg_comm_tell(&s->parts, sizeof s->parts, err);
    if (!status && access(s->dir, F_OK) != 0)
        status = apg_fail_errno(err, "%s", s->dir); /* of another machine */
    if (!(status = agree(status, err)))
        *out = s;
    else
        apg_state_free(s);
    return status;
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
    if (apg_comm_rank() == 0)
        remove_others(s);
    if (resume && s->generation && (status = agree(open_parts(s, false, err), err)))
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
    if (!s->generation)
        status = apg_fail(err, APG_EIO, "%s: no state is here", s->dir);
    else
        status = agree(open_parts(s, true, err), err);
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
    return apg_tensors_get(s->found[0], key);
}

enum apg_status apg_state_set(struct apg_state *s, const char *key, const char *text, struct apg_error *err)
{
    return json_object_set_new(s->said, key, json_string(text)) == 0 ? APG_OK : apg_fail_memory(err);
}

/* ---- reading and writing ---- */

/* Take from part Q what of L's items is there. */
static enum apg_status load_part(
    const struct apg_state *s, const struct apg_state_items *l, size_t q, struct apg_error *err)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct apg_state_item *x = &l->item[i];
        if (q && !x->table)
            continue;
        const struct apg_tensor_view *v = apg_tensors_find(s->found[q], x->name);
        const size_t rows = x->table ? apg_exchange_rows(l->g, x->param, q, s->parts) : x->rows,
                     bytes = x->cols * apg_dtype_size[x->dtype];
        if (!v || v->dtype != x->dtype || v->n_dims != 2 || v->dim[0] != rows || v->dim[1] != x->cols)
            return apg_fail(err, APG_EFORMAT, "%s: %s is missing or has another shape",
                apg_tensors_name(s->found[q]), x->name);
        if (x->table && !apg_exchange_regroup(l->g, x->param, q, s->parts, v->data, x->data, bytes))
            return apg_fail_memory(err);
        if (!x->table && rows && x->cols)
            memcpy(x->data, v->data, rows * bytes);
    }
    return APG_OK;
}

enum apg_status apg_state_load(const struct apg_state *s, struct apg_state_items *l, struct apg_error *err)
{
    if (l->no_memory)
        return apg_fail_memory(err);
    enum apg_status status = APG_OK;
    for (size_t q = 0; !status && q < s->parts; q++)
        if (s->found[q] && !(status = load_part(s, l, q, err)))
            status = apg_tensors_check(s->found[q], err);
    return status;
}

void apg_state_leave(struct apg_state *s)
{
    for (size_t q = 0; s->found && q < s->parts; q++)
        apg_tensors_free(s->found[q]);
    free(s->found);
    s->found = NULL;
}

enum apg_status apg_state_altered(const struct apg_state *s, struct apg_error *err)
{
    return apg_fail(
        err, APG_EFORMAT, "%s: altered: it is no state of such a training", apg_tensors_name(s->found[0]));
}

const char *apg_state_checksum(const struct apg_state *s)
{
    return apg_tensors_get(s->found[0], "checksum");
}

/* Where a table of several parts is put together. */
struct whole {
    apg_real *at;
    size_t cap;
    bool no_memory;
};

/* What was found of PREFIX and Q, a param of FROM, which no ranks share: (rows, COLS), in ROOM where it has parts, until
 * the next call. NULL: it is not there, or of another shape, or there is no memory. */
static const apg_real *find(const struct apg_state *s, const char *prefix, const struct apg_model *from,
    const struct apg_param *q, size_t cols, struct whole *room)
{
    char name[sizeof((struct apg_state_item *)0)->name];
    const struct apg_graph *g = &from->graph;
    const size_t param = (size_t)(q - g->param), parts = q->table ? s->parts : 1;
    (void)snprintf(name, sizeof name, "%s%s", prefix, q->name);
    for (size_t part = 0; part < parts; part++) {
        const size_t rows = parts == 1 ? q->rows : apg_exchange_rows(g, param, part, parts);
        const struct apg_tensor_view *v = apg_tensors_find(s->found[part], name);
        if (!v || v->dtype != WEIGHTS || v->n_dims != 2 || v->dim[0] != rows || v->dim[1] != cols)
            return NULL;
        if (parts == 1)
            return v->data;
        if ((room->no_memory =
                    !apg_grow(&room->at, &room->cap, q->rows * cols, sizeof *room->at) ||
                    !apg_exchange_regroup(g, param, part, parts, v->data, room->at, cols * sizeof *room->at)))
            return NULL;
    }
    return room->at;
}

/* Are the weights that S ended with those of FROM? */
static bool ended_with(const struct apg_state *s, const struct apg_model *from, struct whole *room)
{
    for (size_t i = 0; i < from->graph.n_params; i++) {
        const struct apg_param *q = &from->graph.param[i];
        const apg_real *best = q->derived ? q->w : find(s, "best/", from, q, q->cols, room);
        best = best ? best : find(s, "w/", from, q, q->cols, room);
        if (!best || memcmp(best, q->w, q->rows * q->cols * sizeof *best) != 0)
            return false;
    }
    return true;
}

static enum apg_status take_moments(const struct apg_state *s, struct apg_optim *o, const struct apg_model *m,
    const struct apg_model *from, struct whole *room, struct apg_error *err)
{
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i], *q = apg_graph_find(&from->graph, p->name);
        for (int second = 0; q && !p->derived && !p->state && second < 2; second++) {
            size_t cols;
            apg_real *to = apg_optim_moment(o, i, second, &cols);
            const apg_real *of = cols ? find(s, second ? "second/" : "first/", from, q, cols, room) : NULL;
            if (cols && !of)
                return apg_fail(err, APG_EUSAGE, "%s: of other --embedding-moments", s->dir);
            if (of && !apg_model_copy_rows(m, p, to, from, q, of, cols))
                return apg_fail(err, APG_EUSAGE, "%s: its %s has no place in this model", s->dir, p->name);
        }
    }
    return APG_OK;
}

enum apg_status apg_state_take_moments(const struct apg_state *s, struct apg_optim *o,
    const struct apg_optim_options *options, const struct apg_model *m, const struct apg_model *from,
    struct apg_error *err)
{
    const struct apg_tensor_view *steps = apg_tensors_find(s->found[0], "optimizer_steps");
    json_t *settings = apg_json_parse(apg_state_get(s, "settings"));
    const char *optimizer = json_string_value(json_object_get(settings, "optimizer"));
    const bool other = !optimizer || strcmp(optimizer, options->adagrad ? "adagrad" : "adam") != 0;
    struct whole room = {0};
    enum apg_status status = APG_OK;
    json_decref(settings);
    if (!ended_with(s, from, &room) || !steps || steps->dtype != APG_U64 || steps->n_dims != 2 ||
        steps->dim[0] * steps->dim[1] != 1)
        status = apg_fail(
            err, APG_EUSAGE, "%s: not the state that %s was left with", s->dir, apg_model_name(from));
    else if (other)
        status = apg_fail(err, APG_EUSAGE, "%s: of another --optimizer", s->dir);
    else
        status = take_moments(s, o, m, from, &room, err);
    free(room.at);
    if (room.no_memory)
        return apg_fail_memory(err);
    if (!status)
        *apg_optim_steps(o) = *(const uint64_t *)steps->data;
    for (size_t q = 0; !status && q < s->parts; q++)
        status = apg_tensors_check(s->found[q], err);
    return status;
}

bool apg_state_due(const struct apg_state *s)
{
    const double least = SHARE * s->took_s > EVERY_S ? SHARE * s->took_s : EVERY_S;
    bool due = apg_clock_now() - s->written_s >= (isnan(s->every_s) ? least : s->every_s);
    return !apg_comm_tell(&due, sizeof due, NULL) && due; /* by the clock of rank 0 */
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
        if (x->table || apg_comm_rank() == 0)
            status = apg_tensors_add(t, &v, err);
    }
    name_part(name, s->generation + 1, apg_comm_rank(), apg_comm_ranks());
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
    name_current(text, s->generation + 1, apg_comm_ranks());
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
    if (!(status = agree(status, &err)) && apg_comm_rank() == 0)
        status = write_current(s, &err);
    if (!(status = agree(status, &err))) {
        s->generation++;
        s->parts = apg_comm_ranks();
        if (apg_comm_rank() == 0)
            remove_others(s);
    }
    s->written_s = apg_clock_now();
    s->took_s = s->written_s - began_s;
    if (!status)
        return;
    (void)snprintf(text, sizeof text, "%s; the state is not written, and training goes on", err.text);
    if (!apg_comm_broken()) /* else training ends at once */
        s->warn(s->arg, text);
}
