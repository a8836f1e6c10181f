/* SPDX-License-Identifier: MIT */
#include "data/vocabfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT, AT, SLOT, PARTS };
static const struct {
    const char *suffix;
    enum apg_dtype dtype;
} part[PARTS] = {{".text", APG_U8}, {".at", APG_U64}, {".slot", APG_U64}};

/* PREFIX and room for a suffix; freed with free(). NULL: out of memory. */
static char *make_name(const char *prefix)
{
    char *name = malloc(strlen(prefix) + sizeof ".text");
    return name ? strcpy(name, prefix) : NULL;
}

enum apg_status apg_vocab_save(
    const struct apg_vocab *v, const char *prefix, struct apg_tensors *t, struct apg_error *err)
{
    const void *data[PARTS] = {v->text, v->at, v->slot};
    const uint64_t n[PARTS] = {v->at[v->n], (uint64_t)v->n + 1, v->mask + 1};
    char *name = make_name(prefix);
    enum apg_status status = name ? APG_OK : apg_fail_memory(err);
    for (size_t i = 0; !status && i < PARTS; i++) {
        strcpy(name + strlen(prefix), part[i].suffix);
        status = apg_tensors_add(t,
            &(struct apg_tensor_view){
                .name = name, .dtype = part[i].dtype, .n_dims = 1, .dim = {n[i]}, .data = data[i]},
            err);
    }
    free(name);
    return status;
}

enum apg_status apg_vocab_load(
    struct apg_vocab *v, const char *prefix, const struct apg_tensors *t, struct apg_error *err)
{
    const struct apg_tensor_view *x[PARTS];
    char *name = make_name(prefix);
    if (!name)
        return apg_fail_memory(err);
    bool good = true;
    for (size_t i = 0; i < PARTS; i++) {
        strcpy(name + strlen(prefix), part[i].suffix);
        x[i] = apg_tensors_find(t, name);
        good = good && x[i] && x[i]->dtype == part[i].dtype && x[i]->n_dims == 1;
    }
    free(name);
    if (!good || x[AT]->dim[0] < 2 || x[AT]->dim[0] > UINT32_MAX || !x[SLOT]->dim[0])
        return APG_EFORMAT;
    /* Borrowed (cap_at = 0): nothing writes to them. */
    *v = (struct apg_vocab){.n = (uint32_t)(x[AT]->dim[0] - 1),
        .text = (char *)x[TEXT]->data,
        .at = (uint64_t *)x[AT]->data,
        .slot = (uint64_t *)x[SLOT]->data,
        .mask = x[SLOT]->dim[0] - 1};
    return apg_vocab_valid(v, x[TEXT]->dim[0]) ? APG_OK : APG_EFORMAT;
}
