/* SPDX-License-Identifier: MIT */
#include "model/model.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include "base/json.h"
#include "data/cross.h"
#include "model/arch_members.h"
#include "nn/exchange.h"
#include "nn/gemm.h"
#include "base/mem.h"

/* Make a model without the memory for its numbers, which finish allocates. NULL: out of memory. */
static struct apg_model *build(
    const struct apg_schema *schema, const struct apg_arch *arch, size_t max_rows, bool train)
{
    apg_gemm_init();
    struct apg_model *m = apg_alloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->schema = schema;
    m->arch = *arch;
    m->max_rows = max_rows;
    m->calibration = (struct apg_calibration){1, 0, 1};
    m->graph.train = train;
    m->graph.n_slots = train ? apg_graph_slots(max_rows) : APG_SLOTS;
    for (size_t f = 0; f < schema->n_fields; f++)
        apg_graph_field(&m->graph, schema->field[f].rows);
    for (size_t i = 0; i < schema->n_crosses; i++)
        apg_graph_field(&m->graph, schema->cross[i].vocab.n);
    apg_backbone_build(&m->graph, &m->arch);
    return m;
}

static enum apg_status finish(struct apg_model *m, struct apg_error *err)
{
    for (size_t v = 0; !m->graph.failed && v < m->graph.n_values; v++)
        if (!m->graph.width[v]) /* of one field there are no pairs */
            return apg_fail(err, APG_EUSAGE, "backbone %s needs more fields than %zu",
                apg_backbones[m->arch.backbone].name, m->schema->n_fields);
    return apg_graph_finish(
        &m->graph, (m->max_rows + m->graph.n_slots - 1) / m->graph.n_slots, m->graph.train, err);
}

enum apg_status apg_model_new(struct apg_model **out, const struct apg_schema *schema,
    const struct apg_arch *arch, size_t max_rows, bool train, struct apg_error *err)
{
    struct apg_model *m = build(schema, arch, max_rows, train);
    enum apg_status status = m ? finish(m, err) : apg_fail_memory(err);
    if (status)
        apg_model_free(m);
    else
        *out = m;
    return status;
}

void apg_model_free(struct apg_model *m)
{
    if (!m)
        return;
    apg_graph_release(&m->graph);
    apg_schema_free(m->own_schema);
    apg_tensors_free(m->file);
    free(m->made);
    free(m);
}

const char *apg_model_name(const struct apg_model *m)
{
    return m->file ? apg_tensors_name(m->file) : "the model";
}

void apg_model_inherit(struct apg_model *to, struct apg_model *from)
{
    to->own_schema = from->own_schema;
    to->file = from->file;
    from->own_schema = NULL;
    from->file = NULL;
}

void apg_model_count(const struct apg_model *m, size_t *tables, size_t *other)
{
    *tables = *other = 0;
    for (size_t i = 0; i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        if (!p->derived && !p->state)
            *(p->table ? tables : other) += p->rows * p->cols;
    }
}

/* Fill W with an N x M matrix, Xavier-normal or the identity, times SCALE. Returns where it ends. */
static apg_real *start_matrix(apg_real *w, size_t N, size_t M, bool identity, double scale, struct apg_rng *r)
{
    double std = scale * sqrt(2.0 / (double)(N + M));
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < M; k++)
            *w++ = (apg_real)(identity ? n == k ? scale : 0 : std * apg_rng_normal(r));
    return w;
}

static void start_base(apg_real *w, const struct apg_base *b, struct apg_rng *r)
{
    if (!b->K) {
        start_matrix(w, b->N, b->M, b->identity, b->scale, r);
        return;
    }
    w = start_matrix(w, b->N, b->K, false, 1, r);
    w = start_matrix(w, b->K, b->K, true, b->scale, r);
    start_matrix(w, b->K, b->M, false, 1, r);
}

/* A number takes two values of the stream R, so the number j of a param begins at the counter 2 j. */
static void start_numbers(apg_real *w, size_t n, double std, bool one, struct apg_rng *r)
{
    for (size_t j = 0; j < n; j++)
        w[j] = std > 0 ? (apg_real)(std * apg_rng_normal(r)) : one;
}

/* The rows of a table that are held here start as they do in the whole. */
static void start_held(const struct apg_graph *g, size_t param, double std, struct apg_rng r)
{
    const struct apg_param *p = &g->param[param];
    const struct apg_op *op = apg_graph_embedding(g, param);
    struct apg_embedding whole, held;
    for (size_t f = 0; op && f < g->F; f++)
        if (op->type->embedding(g->field, op, f, &whole) && op->type->embedding(g->held, op, f, &held))
            for (size_t k = 0; k < g->held[f].rows; k++) {
                const size_t row = apg_exchange_id(g, g->held[f].first + k) - g->field[f].first + whole.row;
                r.counter = 2 * row * p->cols;
                start_numbers(p->w + (held.row + k) * p->cols, p->cols, std, false, &r);
            }
}

void apg_model_init_weights(struct apg_model *m, uint64_t seed, double embedding_std, bool anchor)
{
    for (size_t i = 0; i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
        struct apg_rng r;
        apg_rng_init(&r, seed, XXH3_64bits(p->name, strlen(p->name)));
        double std = 0;
        if (p->start == APG_START_EMBEDDING)
            std = embedding_std;
        else if (p->start == APG_START_GENERATOR && anchor)
            std = 1e-2 / sqrt((double)p->rows);
        else if (p->start == APG_START_XAVIER || p->start == APG_START_GENERATOR)
            std = sqrt(2.0 / (double)(p->rows + p->cols));
        else if (p->start == APG_START_SQUARES)
            std = sqrt(1.0 / (double)p->rows);
        if (m->graph.exchange && p->table)
            start_held(&m->graph, i, std, r);
        else
            start_numbers(p->w, p->rows * p->cols, std, p->start == APG_START_ONE, &r);
        if (p->start == APG_START_GENERATED && anchor)
            start_base(p->w, &p->base, &r);
    }
}

void apg_model_init_bias(struct apg_model *m, double positives, uint64_t rows)
{
    /* Half a row of each label more: one of them may not be there. */
    const apg_real start = (apg_real)log((positives + .5) / ((double)rows - positives + .5));
    for (size_t i = 0; i < apg_model_members(m); i++) {
        char name[APG_NAME_BYTES];
        const struct apg_param *p = apg_graph_find(&m->graph, apg_member_name(name, i, "out.bias"));
        p = p ? p
              : apg_graph_find(&m->graph, apg_member_name(name, i, "bias")); /* of difm; it may have none */
        if (p)
            p->w[0] = start;
    }
}

/* A table's rows are those of fields; of layers that know domains, some params have a row for each id of one
 * field. */
bool apg_model_copy_rows(const struct apg_model *m, const struct apg_param *p, apg_real *to,
    const struct apg_model *from, const struct apg_param *q, const apg_real *of, size_t cols)
{
    const struct apg_graph *g = &m->graph, *h = &from->graph;
    if (p->table && q->table) {
        const struct apg_op *x = apg_graph_embedding(g, (size_t)(p - g->param)),
                            *y = apg_graph_embedding(h, (size_t)(q - h->param));
        for (size_t f = 0; f < g->F && f < h->F; f++) {
            struct apg_embedding a, b;
            const bool has = x && x->type->embedding(g->held, x, f, &a),
                       had = y && y->type->embedding(h->held, y, f, &b);
            if (has != had || (has && g->field[f].rows < h->field[f].rows))
                return false;
            /* Where ranks share both, both are of one schema. */
            if (has && !g->exchange == !h->exchange)
                memcpy(to + a.row * cols, of + b.row * cols, h->held[f].rows * cols * sizeof *to);
            for (size_t k = 0; has && g->exchange && !h->exchange && k < g->held[f].rows; k++) {
                const size_t id = apg_exchange_id(g, g->held[f].first + k) - g->field[f].first;
                if (id < h->field[f].rows)
                    memcpy(to + (a.row + k) * cols, of + (b.row + id) * cols, cols * sizeof *to);
            }
        }
        return g->F == h->F;
    }
    const size_t d = m->arch.domain;
    if (p->rows != q->rows &&
        !(apg_layers[m->arch.layer].has_domains && d < g->F && d < h->F && p->rows == g->field[d].rows &&
            q->rows == h->field[d].rows && p->rows > q->rows))
        return false;
    memcpy(to, of, q->rows * cols * sizeof *to);
    return true;
}

enum apg_status apg_model_copy_weights(
    struct apg_model *m, const struct apg_model *from, const char *name, size_t *taken, struct apg_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < from->graph.n_params; i++) {
        const struct apg_param *q = &from->graph.param[i];
        const struct apg_param *p = apg_graph_find(&m->graph, q->name);
        if (q->derived)
            continue;
        if (!p || p->derived)
            return apg_fail(err, APG_EUSAGE, "%s: its %s has no place in this model", name, q->name);
        if (p->cols != q->cols || !apg_model_copy_rows(m, p, p->w, from, q, q->w, p->cols))
            return apg_fail(err, APG_EUSAGE, "%s: its %s is %zu x %zu, that of this model %zu x %zu", name,
                q->name, q->rows, q->cols, p->rows, p->cols);
        n += q->state ? 0 : q->rows * q->cols;
    }
    if (taken)
        *taken = n;
    return APG_OK;
}

/* ---- rows to bags ---- */

struct fill {
    struct apg_model *m;
    const uint32_t *const *row;
    size_t n;
    atomic_bool failed;
};

enum { PREFETCH_ROWS = 16 }; /* rows that are fetched into the cache while others are read */

static bool grow_ids(struct apg_bags *b, size_t ids)
{
    return apg_grow(&b->id, &b->cap_id, ids, sizeof *b->id) &&
           apg_grow(&b->weight, &b->cap_weight, ids, sizeof *b->weight);
}

/* The bags of a row's crosses, from id K on. *ids: that there is room for. */
static bool fill_crosses(
    struct apg_bags *b, const struct apg_schema *s, const uint32_t *row, size_t bag, uint32_t *k, size_t *ids)
{
    for (size_t i = 0; i < s->n_crosses; i++, bag++) {
        const struct apg_cross *c = &s->cross[i];
        const uint32_t *x, *y;
        uint32_t one_x, one_y;
        const uint32_t n_x = apg_row_ids(s, row, c->a, &x, &one_x),
                       n_y = apg_row_ids(s, row, c->b, &y, &one_y), n = n_x * n_y;
        b->first[bag] = *k;
        *ids += n;
        if (!grow_ids(b, *ids))
            return false;
        for (uint32_t j = 0; j < n; j++) {
            b->id[*k] = c->first + apg_cross_find(c, x[j / n_y], y[j % n_y]);
            b->weight[(*k)++] = 1 / (float)n;
        }
    }
    return true;
}

static bool fill_bags(struct apg_bags *b, const struct apg_schema *s, const uint32_t *const *row, size_t n)
{
    const size_t F = s->n_fields + s->n_crosses;
    uint32_t k = 0;
    size_t ids = 0; /* ids that there is room for: at first one for each bag, or two */
    for (size_t f = 0; f < s->n_fields; f++)
        ids += s->field[f].kind == APG_NUMERIC && s->field[f].n_edges ? 2 * n : n;
    if (!apg_grow(&b->first, &b->cap_first, n * F + 1, sizeof *b->first) || !grow_ids(b, ids))
        return false;
    for (size_t i = 0, bag = 0; i < n; i++) {
        const uint32_t *tail = row[i] + apg_row_head(s);
        if (i + PREFETCH_ROWS < n) /* shuffled rows come from memory: 7 % of a group-wise training */
            for (size_t word = 0; word < apg_row_head(s); word += 16)
                __builtin_prefetch(row[i + PREFETCH_ROWS] + word);
        for (size_t f = 0; f < s->n_fields; f++, bag++) {
            const struct apg_field *field = &s->field[f];
            const uint32_t word = row[i][1 + f];
            b->first[bag] = k;
            if (field->kind == APG_MULTI) {
                const uint32_t count = word & 0xffff;
                ids += count;
                if (!grow_ids(b, ids))
                    return false;
                for (uint32_t j = 0; j < count; j++, k++) {
                    b->id[k] = field->first + tail[(word >> 16) + j];
                    b->weight[k] = 1 / (float)count;
                }
                continue;
            }
            if (field->kind != APG_NUMERIC || word == APG_MISSING) {
                b->id[k] = field->first + (field->kind == APG_NUMERIC ? 0 : word);
                b->weight[k++] = 1;
                continue;
            }
            const float v = apg_word_float(word);
            b->id[k] = field->first + 1;
            b->weight[k++] = v;
            if (field->n_edges) {
                b->id[k] = field->first + 1 + apg_field_bucket(field, v);
                b->weight[k++] = 1;
            }
        }
        if (!fill_crosses(b, s, row[i], bag, &k, &ids))
            return false;
        bag += s->n_crosses;
    }
    b->first[n * F] = k;
    if (!b->cap_row)
        b->row = b->id; /* as long as no exchange gives them places of their own */
    return true;
}

static bool fill_one(struct apg_model *m, size_t slot, const uint32_t *const *row, size_t n)
{
    struct apg_slot *s = &m->graph.slot[slot];
    s->rows = n;
    return apg_graph_slot(&m->graph, slot) && fill_bags(&s->bags, m->schema, row, n);
}

static void fill_slot(void *arg, size_t i, unsigned worker)
{
    (void)worker;
    struct fill *f = arg;
    struct apg_slot *s = &f->m->graph.slot[i];
    const bool here = i >= f->m->graph.slot_from && i < f->m->graph.slot_to;
    const size_t slots = f->m->graph.n_slots, from = f->n * i / slots, to = f->n * (i + 1) / slots;
    if (!here) {
        s->rows = to - from;
        return;
    }
    if (!fill_one(f->m, i, f->row + from, to - from)) {
        atomic_store(&f->failed, true);
        return;
    }
    for (size_t r = from; r < to; r++)
        s->label[r - from] = apg_word_float(f->row[r][0]);
}

enum apg_status apg_model_set_batch(
    struct apg_model *m, const uint32_t *const *row, size_t n, struct apg_pool *pool, struct apg_error *err)
{
    struct fill f = {m, row, n, false};
    apg_pool_run(pool, m->graph.n_slots, fill_slot, &f);
    return atomic_load(&f.failed) ? apg_fail_memory(err) : APG_OK;
}

/* LOGIT: of the rows of slot S, which has its bags. */
static void slot_logits(const struct apg_model *m, struct apg_slot *s, double *logit)
{
    const struct apg_calibration *c = &m->calibration;
    const double offset = c->offset + log(c->rate);
    const size_t members = apg_model_members(m);
    apg_graph_forward(&m->graph, s);
    const apg_real *x = s->x[m->graph.logit];
    for (size_t r = 0; r < s->rows; r++) {
        double sum = 0;
        for (size_t i = 0; i < members; i++)
            sum += (double)*x++;
        logit[r] = c->slope * (sum / (double)members) + offset;
    }
}

enum apg_status apg_model_slot_logits(struct apg_model *m, size_t slot, const uint32_t *const *row, size_t n,
    double *logit, struct apg_error *err)
{
    if (!fill_one(m, slot, row, n))
        return apg_fail_memory(err);
    slot_logits(m, &m->graph.slot[slot], logit);
    return APG_OK;
}

struct logits {
    struct fill fill;
    double *logit;
};

static void logits_slot(void *arg, size_t i, unsigned worker)
{
    struct logits *l = arg;
    const struct apg_graph *g = &l->fill.m->graph;
    const size_t from = l->fill.n * i / g->n_slots;
    if (!g->exchange) /* else that has been done, and the rows of tables have been exchanged */
        fill_slot(&l->fill, i, worker);
    if (i >= g->slot_from && i < g->slot_to && !atomic_load(&l->fill.failed))
        slot_logits(l->fill.m, &g->slot[i], l->logit + from);
}

enum apg_status apg_model_logits(struct apg_model *m, const uint32_t *const *row, size_t n,
    struct apg_pool *pool, double *logit, struct apg_error *err)
{
    struct logits l = {{m, row, n, false}, logit};
    struct apg_graph *g = &m->graph;
    enum apg_status status;
    if (g->exchange &&
        ((status = apg_model_set_batch(m, row, n, pool, err)) || (status = apg_exchange_read(g, pool, err))))
        return status;
    apg_pool_run(pool, g->n_slots, logits_slot, &l);
    if (atomic_load(&l.fill.failed))
        return apg_fail_memory(err);
    return g->exchange ? apg_exchange_logits(g, logit, n, err) : APG_OK;
}

/* ---- files ---- */

static const enum apg_dtype WEIGHTS = sizeof(apg_real) == 4 ? APG_F32 : APG_F64;

/* A slope undoes the size of logits, and no float is larger than 1e38. */
static const double CALIBRATION_MOST = 1e38;

/* Metadata `calibration`: [slope, offset] or [slope, offset, rate]; none where they change nothing. */
static enum apg_status save_calibration(
    const struct apg_calibration *c, struct apg_tensors *t, struct apg_error *err)
{
    if (apg_calibration_is_none(c))
        return APG_OK;
    json_t *pair = c->rate == 1 ? json_pack("[f, f]", c->slope, c->offset)
                                : json_pack("[f, f, f]", c->slope, c->offset, c->rate);
    char *text = pair ? apg_json_text(pair) : NULL;
    const enum apg_status status = text ? apg_tensors_set(t, "calibration", text, err) : apg_fail_memory(err);
    free(text);
    json_decref(pair);
    return status;
}

static bool load_calibration(struct apg_calibration *c, const struct apg_tensors *t)
{
    const char *text = apg_tensors_get(t, "calibration");
    if (!text)
        return true;
    json_t *numbers = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const size_t n = json_array_size(numbers);
    bool good = n == 2 || n == 3;
    double x[3] = {1, 0, 1};
    for (size_t i = 0; good && i < n; i++) {
        const json_t *number = json_array_get(numbers, i);
        good = json_is_number(number) && fabs(json_number_value(number)) <= CALIBRATION_MOST;
        x[i] = json_number_value(number);
    }
    json_decref(numbers);
    *c = (struct apg_calibration){x[0], x[1], x[2]};
    return good && c->slope > 0 && c->rate > 0 && c->rate <= 1;
}

static enum apg_status load_made(char **made, const struct apg_tensors *t, struct apg_error *err)
{
    const char *text = apg_tensors_get(t, "made");
    json_t *object = apg_json_parse(text);
    const bool good = !text || json_is_object(object);
    json_decref(object);
    if (!good)
        return apg_fail(
            err, APG_EFORMAT, "%s: altered: what made it is not said in JSON", apg_tensors_name(t));
    return !text || (*made = strdup(text)) ? APG_OK : apg_fail_memory(err);
}

/* A table that ranks share is gathered for the file in parts. */
struct gathered {
    struct apg_graph *g;
    size_t param;
    apg_real *rows;
    enum apg_status status;
    struct apg_error err;
};
enum { GATHERED_BYTES = 4 << 20 };

static const void *gather(void *arg, size_t at, size_t n)
{
    struct gathered *t = arg;
    const size_t bytes = t->g->param[t->param].cols * sizeof *t->rows;
    t->status = apg_exchange_table(t->g, t->param, at / bytes, n / bytes, t->rows, &t->err);
    return t->status ? NULL : t->rows;
}

/* Let V, of the param that *t says, be gathered. */
static bool gather_view(struct gathered *t, struct apg_tensor_view *v)
{
    const size_t bytes = v->dim[1] * sizeof *t->rows,
                 rows = bytes < GATHERED_BYTES ? GATHERED_BYTES / bytes : 1;
    v->data = NULL, v->part = gather, v->arg = t, v->part_bytes = rows * bytes;
    return (t->rows = apg_alloc(rows, bytes)) != NULL;
}

/* A sink whose failure does not keep this rank from giving the others their parts. */
struct patient {
    struct apg_sink sink;
    int failed; /* errno of the first failure; 0: none */
};

static bool write_on(void *arg, const void *bytes, size_t n)
{
    struct patient *p = arg;
    if (!p->failed && !p->sink.write(p->sink.arg, bytes, n))
        p->failed = errno ? errno : EIO;
    return true;
}

enum apg_status apg_model_save(const struct apg_model *m, struct apg_sink sink, struct apg_error *err)
{
    struct apg_tensors *t = NULL;
    char *text = apg_arch_text(&m->arch);
    struct gathered *gathered = apg_alloc(m->graph.n_params, sizeof *gathered);
    enum apg_status status = text && gathered ? apg_tensors_new(&t, err) : apg_fail_memory(err);
    if (!status && !(status = apg_tensors_set(t, "model", text, err)))
        status = apg_schema_save(m->schema, t, err);
    if (!status)
        status = apg_cross_save(m->schema, t, err);
    if (!status)
        status = save_calibration(&m->calibration, t, err);
    if (!status && m->made)
        status = apg_tensors_set(t, "made", m->made, err);
    if (!status && apg_model_members(m) > 1) /* an older apg would score by the first */
        status = apg_tensors_set(t, "version", "2", err);
    for (size_t i = 0; !status && i < m->graph.n_params; i++) {
        const struct apg_param *p = &m->graph.param[i];
        struct apg_tensor_view v = {p->name, p->half ? APG_F16 : WEIGHTS, 2, {p->rows, p->cols},
            p->half ? (const void *)p->half : p->w, NULL, NULL, 0};
        gathered[i].g = (struct apg_graph *)&m->graph, gathered[i].param = i;
        if (m->graph.exchange && p->table && !gather_view(&gathered[i], &v))
            status = apg_fail_memory(err);
        else if (!p->derived)
            status = apg_tensors_add(t, &v, err);
    }
    struct patient patient = {.sink = sink};
    if (!status)
        status = apg_tensors_write(t,
            m->graph.exchange ? (struct apg_sink){.name = sink.name, .write = write_on, .arg = &patient}
                              : sink,
            err);
    if (!status && patient.failed) {
        errno = patient.failed;
        status = apg_fail_errno(err, "%s", sink.name);
    }
    for (size_t i = 0; gathered && i < m->graph.n_params; i++) {
        if (gathered[i].status) {
            status = gathered[i].status;
            if (err)
                *err = gathered[i].err;
        }
        free(gathered[i].rows);
    }
    free(gathered);
    if (!status && m->file)
        status = apg_tensors_check(m->file, err);
    apg_tensors_free(t);
    free(text);
    return status;
}

enum apg_status apg_model_from(
    struct apg_model **out, struct apg_tensors *t, size_t max_rows, struct apg_error *err)
{
    const char *name = apg_tensors_name(t);
    struct apg_schema *schema = NULL;
    struct apg_model *m = NULL;
    struct apg_arch arch = {0};
    enum apg_status status = apg_schema_load(&schema, t, err);
    if (!status)
        status = apg_cross_load(schema, t, err);
    if (!status && !apg_arch_parse(&arch, apg_tensors_get(t, "model"), schema))
        status = apg_fail(err, APG_EFORMAT, "%s: not a model of apg: no valid description", name);
    if (!status && (!(m = build(schema, &arch, max_rows, false)) || m->graph.failed))
        status = apg_fail_memory(err);
    if (!status && !load_calibration(&m->calibration, t))
        status = apg_fail(err, APG_EFORMAT, "%s: altered: the calibration is none", name);
    if (!status)
        status = load_made(&m->made, t, err);
    /* Weights are used where the file is mapped. */
    for (size_t i = 0; !status && i < m->graph.n_params; i++) {
        struct apg_param *p = &m->graph.param[i];
        const struct apg_tensor_view *v = apg_tensors_find(t, p->name);
        if (p->derived)
            continue;
        if (!v || (v->dtype != WEIGHTS && !(p->table && v->dtype == APG_F16)) || v->n_dims != 2 ||
            v->dim[0] != p->rows || v->dim[1] != p->cols)
            status =
                apg_fail(err, APG_EFORMAT, "%s: tensor %s is missing or has another shape", name, p->name);
        else if (!apg_tensors_is_finite(t, v))
            status =
                apg_fail(err, APG_EFORMAT, "%s: tensor %s holds a number that is not finite", name, p->name);
        else if (v->dtype == APG_F16)
            p->half = (uint16_t *)v->data, p->borrowed = true;
        else
            p->w = (apg_real *)v->data, p->borrowed = true;
    }
    if (!status && !(status = finish(m, err)))
        status = apg_tensors_check(t, err); /* what is told of the model was in the file */
    if (status) {
        apg_model_free(m);
        apg_schema_free(schema);
        apg_tensors_free(t);
        return status;
    }
    m->own_schema = schema;
    m->file = t;
    apg_graph_prepare(&m->graph);
    *out = m;
    return APG_OK;
}

enum apg_status apg_model_load(
    struct apg_model **out, int fd, const char *name, size_t max_rows, bool verify, struct apg_error *err)
{
    struct apg_tensors *t = NULL;
    enum apg_status status = apg_tensors_open(&t, fd, name, NULL, 0, verify, err);
    return status ? status : apg_model_from(out, t, max_rows, err);
}
